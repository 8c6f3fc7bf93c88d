// Request heads from fuzzed bytes: the verdict must be the same however the bytes were split, views
// must lie within the bytes, and an accepted head must be one that nobody could frame differently:
// Beast, which shares no code with ours, must read the same fields. The first byte says how the rest
// is split.
#include "net/http_head.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace shunt::net;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty()
         || (part.data() >= whole.data()
             && part.data() + part.size() <= whole.data() + whole.size());
}

bool same(const request_head& a, const request_head& b) {
  bool equal = a.method == b.method && a.target == b.target && a.host == b.host
               && a.path_and_query == b.path_and_query && a.framing == b.framing
               && a.content_length == b.content_length && a.keep_alive == b.keep_alive
               && a.upgrade_protocol == b.upgrade_protocol && a.head_bytes == b.head_bytes
               && a.expect_continue == b.expect_continue && a.fields.size() == b.fields.size();
  for (std::size_t i = 0; equal && i < a.fields.size(); ++i)
    equal = a.fields[i].name == b.fields[i].name && a.fields[i].value == b.fields[i].value;
  return equal;
}

/// Reads a head as Beast does.
class beast_reader : public boost::beast::http::basic_parser<true> {
  using error_code = boost::beast::error_code;
  using text = boost::beast::string_view;

public:
  beast_reader() { header_limit(1 << 20); }

  bool read(std::string_view head) {
    error_code failed;
    put(boost::asio::const_buffer{head.data(), head.size()}, failed);
    return !failed && is_header_done();
  }

  std::vector<field> fields;

private:
  void on_request_impl(boost::beast::http::verb, text, text, int, error_code&) override {}
  void on_response_impl(int, text, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field, text name, text value, error_code&) override {
    fields.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(text, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, text, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, text, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}
};

void check_against_beast(const request_head& head, std::string_view own) {
  if (own.starts_with("\r\n")) // Which Beast does not skip.
    own.remove_prefix(2);
  beast_reader other;
  require(other.read(own) && other.fields.size() == head.fields.size());
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    require(other.fields[i].name == head.fields[i].name);
    require(other.fields[i].value == head.fields[i].value);
  }
}

void check(const request_head& head, std::string_view bytes) {
  require(head.head_bytes <= bytes.size());
  const auto own = bytes.substr(0, head.head_bytes);
  require(own.ends_with("\r\n\r\n") && !head.method.empty() && !head.target.empty());
  for (const auto part : {head.method, head.target, head.path_and_query, head.host})
    require(within(part, own));
  std::size_t hosts = 0, lengths = 0, encodings = 0;
  for (const auto& f : head.fields) {
    require(within(f.name, own) && within(f.value, own) && is_token(f.name));
    require(f.value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos);
    hosts += iequals(f.name, "host");
    lengths += iequals(f.name, "content-length");
    encodings += iequals(f.name, "transfer-encoding");
  }
  require(hosts <= 1 && lengths + encodings <= 1 && (hosts == 1 || head.version_minor == 0));
  require((head.framing == body_framing::chunked) == (encodings == 1));
  require(head.host.empty() || parse_authority(head.host));
  check_against_beast(head, own);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::size_t step = 1 + data[0] % 16;
  const head_limits limits{4096, 100};
  request_head at_once, in_parts;
  head_scratch scratch;
  const auto expected = parse_request(bytes, at_once, limits, scratch);
  scratch.reset(); // Whatever it remembers of an unfinished head.
  parse_status actual;
  std::vector<char> part;
  for (std::size_t end = 0; actual.need_more() && end < bytes.size();) {
    end = std::min(end + step, bytes.size());
    part.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
    actual = parse_request({part.data(), part.size()}, in_parts, limits, scratch);
  }
  require(actual.outcome == expected.outcome && actual.error == expected.error);
  if (expected.complete()) {
    require(same(at_once, in_parts));
    check(at_once, bytes);
  }
  if (expected.failed())
    require(!rejection_of(expected.error).head.empty());
  return 0;
}
