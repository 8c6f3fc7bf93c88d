// Asks HTTP servers beside the request path, several at a time, on one thread that may wait:
// libcurl does the talking. Every wait and every answer has a bound. Nothing but what the request
// names is trusted, no proxy is looked up in the environment, and redirections are not followed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

/// Whom to trust and who we are. TLS 1.2 and 1.3 only.
struct http_tls {
  std::string ca_certs;     ///< PEM. Empty: `ca_file`.
  std::string ca_file;      ///< A file of PEM. Empty, too: whom the system trusts.
  std::string cert_chain;   ///< PEM; empty: no client certificate is shown.
  std::string private_key;  ///< PEM
  std::string tls12_suites; ///< In OpenSSL's words; empty: those that libcurl thinks good.
  bool verify = true;       ///< Whether the server's certificate has to be good.
  bool operator==(const http_tls&) const = default;
};

struct http_request {
  std::string url;
  std::vector<std::string> headers = {}; ///< `Name: value`
  std::optional<std::string> form = {};  ///< Makes it a POST of that body.
  std::string user = {};                 ///< Not empty: basic authentication.
  std::string password = {};
  std::chrono::milliseconds connect_patience{5000};
  std::chrono::milliseconds head_patience{60'000}; ///< Until the answer's head is there; 0 = any.
  std::chrono::milliseconds whole_patience{0};     ///< Until all of it is there; 0 = any.
  std::chrono::milliseconds silence_patience{0};   ///< Without a byte of the answer; 0 = any.
  std::uint64_t body_bytes_max = 1024 * 1024;      ///< 0 = any.
};

/// How an exchange ended.
struct http_outcome {
  int status = 0;      ///< 0: there was no answer.
  std::string said;    ///< The beginning of the body, unless the status is 200.
  std::string error;   ///< Why the answer did not come to its end; empty if it did.
  bool silent = false; ///< Nothing came for `silence_patience`.

  bool ok() const { return status == 200 && error.empty(); }
  /// What went wrong, for a person.
  std::string problem() const;
};

/// Told of an answer as it arrives, on the thread that calls `http_transfers::run`. Must not begin
/// or end transfers.
class http_reader {
public:
  virtual ~http_reader() = default;
  virtual void on_head(int /*status*/) {}
  /// Some of the body, if the status is 200. False ends the transfer.
  virtual bool on_bytes(std::string_view bytes) = 0;
};

/// One exchange. Destroying it cancels it.
class http_transfer {
public:
  struct state;
  explicit http_transfer(std::unique_ptr<state> made);
  ~http_transfer();
  http_transfer(const http_transfer&) = delete;
  http_transfer& operator=(const http_transfer&) = delete;

  /// Empty as long as it goes on.
  const std::optional<http_outcome>& outcome() const noexcept;

private:
  std::unique_ptr<state> state_;
};

class http_transfers {
public:
  using clock = std::chrono::steady_clock;

  /// Throws std::runtime_error or std::bad_alloc, as begin() does.
  http_transfers();
  /// After all its transfers.
  ~http_transfers();
  http_transfers(const http_transfers&) = delete;
  http_transfers& operator=(const http_transfers&) = delete;

  /// Throws if libcurl cannot use the request, for example for a certificate that is none. `reader`
  /// outlives the transfer.
  std::unique_ptr<http_transfer> begin(const http_request& request, const http_tls& tls,
                                       http_reader& reader);
  /// Waits for something to happen, until `until` at the latest, and has it done.
  void run(clock::time_point until);
  /// Makes a run() return. Any thread.
  void wake() noexcept;

  struct state;

private:
  std::unique_ptr<state> state_;
};

} // namespace shunt::net
