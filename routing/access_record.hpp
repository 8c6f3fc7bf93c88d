// What the access log says about one request, and the batch in which a loop hands such records
// over. A loop only copies bytes here; turning them into text is access_line's business, on the
// thread of whoever writes the log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace shunt::routing {

/// What a record is of.
enum class record_kind : std::uint8_t {
  request, ///< All of it; that is a line of the access log.
  attempt, ///< To have a backend answer it, until the head of the response: only Loggregator is told.
};

/// One request, as its loop knows it when it ends. Borrows all its text. Empty text is logged as
/// `"-"`. Durations are nanoseconds; -1 (any negative number) means "not applicable".
struct access_record {
  static constexpr std::int64_t not_applicable = -1;

  std::string_view host;     ///< The Host header as received.
  std::string_view method;   ///< Method, target and protocol all empty: no request could be read.
  std::string_view target;   ///< Path and query as received.
  std::string_view protocol; ///< "HTTP/1.1", "HTTP/2.0"
  std::string_view referer;
  std::string_view user_agent;
  std::string_view remote_address;    ///< The peer, ip:port.
  std::string_view backend_address;   ///< The last endpoint tried, host:port.
  std::string_view x_forwarded_for;   ///< As sent to the backend if it got that far, else as it
  std::string_view x_forwarded_proto; ///< stood when the request ended. So the next two.
  std::string_view vcap_request_id;
  std::string_view local_address; ///< Our ip:port towards the backend.
  std::string_view app_id;
  std::string_view app_index;
  std::string_view instance_id;
  std::string_view tls_sni;         ///< The name that the client asked for in its handshake.
  std::string_view caller_cf_app;   ///< These three: whose certificate the client showed.
  std::string_view caller_cf_space;
  std::string_view caller_cf_org;
  std::string_view route_policy;    ///< By which rule the route's policy decided.
  std::string_view x_cf_routererror; ///< The response header.
  /// One value per access_format::extra_headers, in its order. Missing ones count as empty.
  std::span<const std::string_view> extra_headers;
  /// Those of the endpoint, keys and values in turn. Only if Loggregator is to have them.
  std::span<const std::string_view> tags;

  std::int64_t started_at_ns = 0;    ///< Receipt, since the Unix epoch, by the wall clock.
  std::int64_t response_time_ns = 0; ///< Receipt to end.
  std::int64_t gorouter_time_ns = 0; ///< What of it was ours; 0 when nothing was proxied.
  std::int64_t backend_time_ns = not_applicable; ///< These four: of the successful attempt.
  std::int64_t dial_time_ns = not_applicable;
  std::int64_t dns_time_ns = not_applicable;
  std::int64_t tls_time_ns = not_applicable;
  /// Start of proxying to the end of the last failed attempt.
  std::int64_t failed_attempts_time_ns = not_applicable;
  std::int64_t route_service_time_ns = not_applicable; ///< Of the whole, the route service's part,
  std::int64_t app_time_ns = not_applicable; ///< and the app's, behind a route service.
  std::uint64_t rx_bytes = 0; ///< Of the request's body, read.
  /// Of the response's body, sent; 0 for upgrades. Of an attempt's: as announced.
  std::uint64_t tx_bytes = 0;
  std::uint32_t failed_attempts = 0;
  std::uint16_t status = 0; ///< 0: none was sent.
  record_kind kind = record_kind::request;
  bool tls = false; ///< The client came over TLS.
  bool route_service_bypassed = false; ///< It went to the app though its route has a route service.
};

/// Records one after the other in one piece of memory, text included. Append and read back; it
/// never formats. Not synchronised: one thread has it at a time.
class access_batch {
public:
  /// Copies `record` and all it borrows. About 100 ns for 400 bytes; allocates only to grow.
  void append(const access_record& record);

  /// Calls `fn(const access_record&)` for each record in order. Each is valid during its call.
  template <class Fn>
  void for_each(Fn&& fn) const {
    record_lists lists;
    access_record record;
    for (std::size_t offset = 0; offset < bytes_;) {
      offset = read(offset, record, lists);
      fn(std::as_const(record));
    }
  }

  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t records() const noexcept { return records_; }
  bool empty() const noexcept { return records_ == 0; }

  /// Forgets the records. Keeps the memory for the next ones, unless a huge record bloated it.
  void clear() noexcept;

private:
  static constexpr std::size_t kept_bytes_max = 256 * 1024;

  /// What the spans of a record that was read point at.
  using record_lists = std::array<std::vector<std::string_view>, 2>;

  void reserve(std::size_t bytes);
  std::size_t read(std::size_t offset, access_record& record, record_lists& lists) const;

  std::unique_ptr<char[]> memory_; // Not a vector, which would clear what is overwritten at once.
  std::size_t capacity_ = 0;
  std::size_t bytes_ = 0;
  std::size_t records_ = 0;
};

static_assert(std::is_trivially_copyable_v<access_record>, "access_batch copies it bytewise");

} // namespace shunt::routing
