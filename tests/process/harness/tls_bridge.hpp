// TLS for sockets that know nothing of it: bytes go from one to the other, encrypted on one side
// and plain on the other, and so do ends, half of a connection at a time. With it the plain client
// and the plain scripted backend of the other tests speak TLS, with OpenSSL as their library.
#pragma once

#include "tests/process/harness/stream_socket.hpp"

#include "net/tls_handles.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace shunt::test {

/// What a handshake came to, as this side sees it.
struct tls_handshake {
  bool established = false;
  std::string failure;   ///< OpenSSL's reason, or how the connection ended.
  std::string version;   ///< "TLSv1.3"
  std::string suite;     ///< OpenSSL's name.
  std::string alpn;      ///< Empty if none was agreed on.
  std::string asked_for; ///< SNI.
  std::string peer_name; ///< Common name of the peer's certificate; empty without one.
  bool resumed = false;
};

/// How the peer ended the encrypted stream.
enum class tls_end : std::uint8_t {
  none,    ///< Not yet.
  goodbye, ///< With a close_notify.
  cut,     ///< Without one: anybody on the way could have done that.
  failed,  ///< With an alert, or with bytes that are no TLS.
};

class tls_bridge {
public:
  /// Carries on a thread of its own. `plain` is called when the handshake has succeeded.
  tls_bridge(net::ssl_ptr session, stream_socket encrypted, std::function<stream_socket()> plain);
  /// Ends both sides.
  ~tls_bridge();

  tls_bridge(const tls_bridge&) = delete;
  tls_bridge& operator=(const tls_bridge&) = delete;

  /// Waits for the end of the handshake.
  tls_handshake handshake() const;
  /// Whether the handshake is over, by now.
  bool shaken() const;
  /// Waits until the peer ended the stream, or `time` is over.
  tls_end wait_for_end(milliseconds time = step_time) const;
  /// The reason, after `tls_end::failed`.
  std::string failure() const;
  /// The latest session that may be resumed, as the peer told it. Ask when there was an answer.
  net::ssl_session_ptr session() const;

private:
  void run(const std::function<stream_socket()>& plain);
  void shake();
  void carry();
  bool from_peer();
  bool to_plain();
  bool from_plain();
  bool to_peer();
  void wait() const;
  void keep_session();
  void peer_ended(tls_end how, std::string why = {});
  void stop();

  net::ssl_ptr session_;
  stream_socket encrypted_;
  stream_socket plain_;
  std::string incoming_; ///< Decrypted, not yet passed on.
  std::string outgoing_; ///< Plain, not yet encrypted.
  bool plain_ended_ = false;
  bool told_plain_ = false;
  bool told_peer_ = false;
  bool broken_ = false;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool shaken_ = false;
  bool stopping_ = false;
  tls_handshake handshake_;
  tls_end end_ = tls_end::none;
  std::string failure_;
  net::ssl_session_ptr kept_;
  std::thread thread_;
};

/// Two ends of one plain TCP connection.
std::pair<stream_socket, stream_socket> connected_sockets();

} // namespace shunt::test
