// An HTTP/1.1 server whose every answer is scripted: right, slow, broken or hostile. It remembers
// what it was sent, to the byte, and fails the running test if that was not strict HTTP/1.1.
#pragma once

#include "tests/process/harness/backend_session.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace shunt::test {

class backend {
public:
  /// Runs once for each request, on the thread of its connection, after its head was read.
  using script = std::function<void(backend_session&)>;

  /// Answers 200 with the body `hello`.
  backend();
  explicit backend(script answer);
  /// Listens on that port, which was another's before.
  backend(script answer, std::uint16_t port);
  ~backend();

  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// For requests that arrive from now on.
  void answer_with(script answer);

  /// The requests so far; bodies as far as the script read them.
  std::vector<http_request> requests() const;
  /// The latest request. Throws if there was none within the usual time.
  http_request last_request() const;
  std::size_t request_count() const;
  bool wait_for_requests(std::size_t count, milliseconds time = step_time) const;
  std::size_t connection_count() const; ///< Accepted so far.
  std::size_t ended_count() const;      ///< Of those, the ones that are over.
  std::uint64_t bytes_received() const;
  /// Protocol errors that a test expects are taken out by it, or they fail it.
  std::vector<std::string> take_faults();

private:
  friend class backend_session;

  void accept_all();
  void serve(backend_session& session);
  bool serve_one(backend_session& session);
  void record(const backend_session& session);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  script script_;
  std::vector<http_request> requests_;
  std::vector<std::string> faults_;
  std::list<backend_session> sessions_;
  std::vector<std::thread> threads_;
  std::uint64_t bytes_received_ = 0;
  std::size_t ended_count_ = 0;
  bool stopping_ = false;
  stream_socket listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
};

} // namespace shunt::test
