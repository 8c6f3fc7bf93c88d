#include "tests/process/harness/backend.hpp"

#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/ports.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

namespace shunt::test {

backend_session::backend_session(backend& owner, stream_socket socket, std::size_t number)
  : connection_number{number}, owner_{owner}, socket_{std::move(socket)} {
  reader_.patience = 60s; // A connection may be kept in a pool for a while.
  reader_.on_bytes = [this](std::string_view bytes) {
    const std::lock_guard lock{owner_.mutex_};
    owner_.bytes_received_ += bytes.size();
  };
}

const std::string& backend_session::read_body() {
  if (!body_read_) {
    body_read_ = true;
    reader_.body(request);
    owner_.record(*this);
  }
  return request.body;
}

// The backend may want to wake this session up at the same moment, hence its lock.
void backend_session::close() {
  const std::lock_guard lock{owner_.mutex_};
  over_ = true;
  socket_.close();
}

void backend_session::reset() {
  const std::lock_guard lock{owner_.mutex_};
  over_ = true;
  socket_.reset();
}

void backend_session::wait_for_close() {
  reader_.rest();
  close();
}

bool backend_session::stopping() const {
  const std::lock_guard lock{owner_.mutex_};
  return owner_.stopping_;
}

backend::backend() : backend{answers::ok("hello")} {
}

backend::backend(script answer) : backend{std::move(answer), 0} {
}

backend::backend(script answer, std::uint16_t port)
  : script_{std::move(answer)}, listener_{bound_socket(port)}, port_{listener_.local_port()} {
  if (listen(listener_.descriptor(), 512) != 0)
    throw std::runtime_error("listen");
  acceptor_ = std::thread{[this] { accept_all(); }};
}

backend::~backend() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    for (auto& session : sessions_)
      session.socket_.shut_down();
  }
  listener_.shut_down();
  acceptor_.join();
  for (auto& each : threads_)
    each.join();
  for (const auto& fault : faults_)
    ADD_FAILURE() << "what the backend was sent is not HTTP/1.1: " << fault;
}

void backend::answer_with(script answer) {
  const std::lock_guard lock{mutex_};
  script_ = std::move(answer);
}

void backend::accept_all() {
  for (;;) {
    stream_socket accepted{accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC)};
    const std::lock_guard lock{mutex_};
    if (!accepted.open() || stopping_)
      return;
    auto& session = sessions_.emplace_back(*this, std::move(accepted), sessions_.size() + 1);
    threads_.emplace_back([this, &session] { serve(session); });
    changed_.notify_all();
  }
}

void backend::serve(backend_session& session) {
  try {
    while (serve_one(session)) {
    }
  } catch (const socket_error&) {
    // The peer went away; what that means is for the test to say.
  } catch (const std::exception& error) {
    const std::lock_guard lock{mutex_};
    faults_.emplace_back(error.what());
  }
  session.close();
  const std::lock_guard lock{mutex_};
  ++ended_count_;
}

bool backend::serve_one(backend_session& session) {
  auto head = session.reader_.request_head();
  if (!head)
    return false;
  session.request = *std::move(head);
  session.body_read_ = false;
  ++session.request_number;
  script answer;
  {
    const std::lock_guard lock{mutex_};
    session.slot_ = requests_.size();
    requests_.push_back(session.request);
    answer = script_;
    changed_.notify_all();
  }
  answer(session);
  return !session.over_ && !session.request.lists("Connection", "close");
}

void backend::record(const backend_session& session) {
  const std::lock_guard lock{mutex_};
  requests_[session.slot_] = session.request;
  changed_.notify_all();
}

std::vector<http_request> backend::requests() const {
  const std::lock_guard lock{mutex_};
  return requests_;
}

http_request backend::last_request() const {
  if (!wait_for_requests(1))
    throw std::runtime_error("the backend was sent no request");
  const std::lock_guard lock{mutex_};
  return requests_.back();
}

std::size_t backend::request_count() const {
  const std::lock_guard lock{mutex_};
  return requests_.size();
}

bool backend::wait_for_requests(std::size_t count, milliseconds time) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_until(lock, step_deadline(time), [&] { return requests_.size() >= count; });
}

std::size_t backend::connection_count() const {
  const std::lock_guard lock{mutex_};
  return sessions_.size();
}

std::size_t backend::ended_count() const {
  const std::lock_guard lock{mutex_};
  return ended_count_;
}

std::uint64_t backend::bytes_received() const {
  const std::lock_guard lock{mutex_};
  return bytes_received_;
}

std::vector<std::string> backend::take_faults() {
  const std::lock_guard lock{mutex_};
  return std::exchange(faults_, {});
}

} // namespace shunt::test
