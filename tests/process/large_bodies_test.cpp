// Bodies far larger than any buffer: they pass unchanged, and whoever is slow slows the other side
// down instead of filling the router's memory.
#include "tests/process/harness/pattern.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <sstream>

namespace shunt::test {
namespace {

constexpr std::uint64_t large = 200u << 20;
constexpr std::uint64_t unread_max = 24u << 20; ///< All of it in socket buffers of the kernel.
constexpr long growth_max_kib = 32 * 1024;

class LargeBodies : public SharedStage<LargeBodies> {
public:
  static nlohmann::json configuration() { return {{"endpoint_timeout", slowed_text(60s)}}; }

protected:
  void SetUp() override {
    SharedStage::SetUp();
    if (HasFatalFailure())
      return;
    const backend there; // Whatever the first request allocates is not growth.
    here().get(here().mapped(there));
    before_kib_ = resident();
  }
  static long resident() { return here().under_test.process().resident_kib(); }

  void look() { peak_kib_ = std::max(peak_kib_, resident()); }
  void expect_little_growth() {
    look();
    ASSERT_GT(before_kib_, 0);
    if (slowness() == 1) { // Sanitizers keep what was freed.
      EXPECT_LT(peak_kib_ - before_kib_, growth_max_kib);
    }
  }

private:
  long before_kib_ = 0;
  long peak_kib_ = 0;
};

/// Sends the whole pattern, in chunks or plain.
void send_pattern(stream_socket& to, bool chunked, const std::function<void()>& now_and_then) {
  pattern source;
  for (std::uint64_t sent = 0; sent < large;) {
    const auto block = source.next(std::min<std::uint64_t>(large - sent, 1u << 20));
    if (chunked)
      to.send((std::ostringstream{} << std::hex << block.size() << "\r\n").str());
    to.send(block, 30s);
    if (chunked)
      to.send("\r\n");
    if ((sent + block.size()) / (20u << 20) != sent / (20u << 20))
      now_and_then();
    sent += block.size();
  }
  if (chunked)
    to.send("0\r\n\r\n");
}

TEST_F(LargeBodies, AreDownloadedUnchangedInLittleMemory) {
  for (const bool chunked : {false, true}) {
    const backend there{[chunked](backend_session& session) {
      session.send(chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           : "HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n");
      send_pattern(session.socket(), chunked, [] {});
    }};
    client one{port()};
    one.send(get_request(here().mapped(there)));
    auto answer = one.response_head();
    pattern expected;
    std::uint64_t received = 0;
    bool same = true;
    one.reader().body(answer, [&](std::string_view bytes) {
      same = same && expected.matches(bytes);
      if ((received + bytes.size()) / (20u << 20) != received / (20u << 20))
        look();
      received += bytes.size();
    });
    EXPECT_TRUE(same);
    EXPECT_EQ(received, large);
  }
  expect_little_growth();
}

TEST_F(LargeBodies, AreUploadedUnchangedInLittleMemory) {
  for (const bool chunked : {false, true}) {
    std::atomic<std::uint64_t> received{0};
    std::atomic<bool> same{true};
    const backend there{[&](backend_session& session) {
      pattern expected;
      session.reader().body(session.request, [&](std::string_view bytes) {
        same = same && expected.matches(bytes);
        received += bytes.size();
      });
      session.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }};
    client one{port()};
    one.send("POST / HTTP/1.1\r\nHost: " + here().mapped(there)
             + (chunked ? "\r\nTransfer-Encoding: chunked\r\n\r\n"
                        : "\r\nContent-Length: 209715200\r\n\r\n"));
    send_pattern(one.socket(), chunked, [this] { look(); });
    EXPECT_EQ(one.response("POST").status, 200);
    EXPECT_TRUE(same);
    EXPECT_EQ(received, large);
  }
  expect_little_growth();
}

TEST_F(LargeBodies, WaitForAClientThatDoesNotRead) {
  std::atomic<std::uint64_t> pushed{0};
  std::atomic<bool> stalled{false};
  const backend there{[&](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n");
    pattern source;
    for (bool taken = true; taken && pushed < large;) {
      const auto block = source.next(1u << 20);
      const auto sent = session.send_within(block, 400ms);
      pushed += sent;
      taken = sent == block.size();
    }
    stalled = true;
    session.wait_for_close();
  }};
  const auto host = here().mapped(there);
  {
    client one{port()};
    one.socket().limit_receive_buffer(65536);
    one.send(get_request(host));
    EXPECT_TRUE(eventually([&] { return stalled.load(); }, 20s));
    EXPECT_LT(pushed, unread_max);
    expect_little_growth();
  }
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; })) << "the backend hears of it";
}

TEST_F(LargeBodies, WaitForABackendThatDoesNotRead) {
  const backend there{[](backend_session& session) {
    eventually([&] { return session.stopping(); }, 60s);
    session.close();
  }};
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + here().mapped(there)
           + "\r\nContent-Length: 209715200\r\n\r\n");
  std::uint64_t pushed = 0;
  pattern source;
  for (bool taken = true; taken && pushed < large;) {
    const auto block = source.next(1u << 20);
    const auto sent = one.socket().send_within(block, 400ms);
    pushed += sent;
    taken = sent == block.size();
  }
  EXPECT_LT(pushed, unread_max);
  expect_little_growth();
}

} // namespace
} // namespace shunt::test
