// Writes the line into memory that is large enough for it unless something has to be escaped; only
// then it grows.
#include "routing/access_line.hpp"

#include "routing/access_line.writer.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace shunt::routing {

namespace {

using detail::line_writer;

/// Unquoted, so nothing in it may end the line or look like the next field. A host that was let in
/// has no such bytes; one that was refused may.
void put_host(line_writer& line, std::string_view host) {
  const auto is_unsafe = [](unsigned char byte) { return byte <= 0x20 || byte == 0x7f; };
  while (!host.empty()) {
    const auto unsafe = std::ranges::find_if(host, is_unsafe);
    const auto safe = static_cast<std::size_t>(unsafe - host.begin());
    line.put(host.substr(0, safe));
    host.remove_prefix(safe);
    if (host.empty())
      return;
    line.put(R"(\x)");
    line.put_hex<2>(static_cast<unsigned char>(host[0]));
    host.remove_prefix(1);
  }
}

/// A second in text, "2006-01-02T15:04:05". Thousands of records in a row have the same.
class second_text {
public:
  std::string_view of(std::chrono::sys_seconds second) {
    if (second != second_) {
      compose(second);
      second_ = second;
    }
    return text_;
  }

private:
  void compose(std::chrono::sys_seconds second) {
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{second - day};
    text_.clear();
    line_writer text{text_, 19};
    text.put_padded<4>(static_cast<std::uint64_t>(static_cast<int>(date.year())));
    text.put('-');
    text.put_padded<2>(static_cast<unsigned>(date.month()));
    text.put('-');
    text.put_padded<2>(static_cast<unsigned>(date.day()));
    text.put('T');
    text.put_padded<2>(static_cast<std::uint64_t>(time.hours().count()));
    text.put(':');
    text.put_padded<2>(static_cast<std::uint64_t>(time.minutes().count()));
    text.put(':');
    text.put_padded<2>(static_cast<std::uint64_t>(time.seconds().count()));
  }

  std::chrono::sys_seconds second_ = std::chrono::sys_seconds::min();
  std::string text_;
};

void put_time(line_writer& line, std::int64_t ns) {
  thread_local second_text seconds;
  constexpr std::int64_t ns_per_second = 1'000'000'000;
  auto second = ns / ns_per_second; // By hand: chrono's floor overflows near the type's limits.
  auto rest = ns % ns_per_second;
  if (rest < 0) {
    rest += ns_per_second;
    --second;
  }
  line.put(seconds.of(std::chrono::sys_seconds{std::chrono::seconds{second}}));
  line.put('.');
  line.put_padded<9>(static_cast<std::uint64_t>(rest));
  line.put('Z');
}

/// Exactly between two microseconds Go's answer depends on the nearest double, so ask for that.
void put_halfway_seconds(line_writer& line, std::int64_t ns) {
  const auto seconds =
    static_cast<double>(ns / 1'000'000'000) + static_cast<double>(ns % 1'000'000'000) / 1e9;
  std::array<char, 32> text; // At most ten digits, a point and six more.
  const auto end = std::to_chars(text.begin(), text.end(), seconds, std::chars_format::fixed, 6);
  line.put({text.data(), static_cast<std::size_t>(end.ptr - text.data())});
}

/// Seconds with six decimals.
void put_seconds(line_writer& line, std::int64_t ns) {
  if (ns < 0)
    return line.put(R"("-")");
  if (ns % 1000 == 500)
    return put_halfway_seconds(line, ns);
  const auto us = static_cast<std::uint64_t>(ns / 1000 + (ns % 1000 > 500 ? 1 : 0));
  line.put_number(us / 1'000'000);
  line.put('.');
  line.put_padded<6>(us % 1'000'000);
}

/// `?hash=` and the SHA-1 of `query`. Should OpenSSL refuse SHA-1 the query is left out: what was
/// asked to be hidden never shows.
void put_query_hash(line_writer& line, std::string_view query) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned digest_bytes = 0;
  if (EVP_Digest(query.data(), query.size(), digest.data(), &digest_bytes, EVP_sha1(), nullptr)
      != 1)
    return;
  line.put("?hash=");
  for (unsigned i = 0; i < digest_bytes; ++i)
    line.put_hex<2>(digest[i]);
}

/// Where the query is that must not show; npos: nowhere.
std::size_t redacted_from(const access_record& record, query_redaction redaction) {
  const auto mark = record.target.find('?');
  const bool has_query = mark != record.target.npos && mark + 1 < record.target.size();
  return redaction == query_redaction::none || record.method != "GET" || !has_query ? record.target.npos : mark;
}

void put_target(line_writer& line, const access_record& record, query_redaction redaction) {
  const auto mark = redacted_from(record, redaction);
  line.put_escaped(record.target.substr(0, mark));
  if (mark != record.target.npos && redaction == query_redaction::hash)
    put_query_hash(line, record.target.substr(mark + 1));
}

void put_request(line_writer& line, const access_record& record, const access_format& format) {
  if (record.method.empty() && record.target.empty() && record.protocol.empty())
    return line.put(R"("-")"); // What came was no request.
  line.put('"');
  line.put_escaped(record.method);
  line.put(' ');
  put_target(line, record, format.redaction);
  line.put(' ');
  line.put_escaped(record.protocol);
  line.put('"');
}

void put_status(line_writer& line, std::uint16_t status) {
  if (status == 0)
    line.put(R"("-")");
  else
    line.put_number(status);
}

[[gnu::always_inline]] inline void put_text(line_writer& line, std::string_view label, std::string_view value) {
  line.put(label);
  line.put_quoted(value);
}

[[gnu::always_inline]] inline void put_duration(line_writer& line, std::string_view label, std::int64_t ns) {
  line.put(label);
  put_seconds(line, ns);
}

void put_extra_field(line_writer& line, const access_record& record, access_field field) {
  switch (field) {
    case access_field::app_time: return put_duration(line, " app_time:", record.app_time_ns);
    case access_field::backend_time:
      return put_duration(line, " backend_time:", record.backend_time_ns);
    case access_field::caller_cf_app:
      return put_text(line, " caller_cf_app:", record.caller_cf_app);
    case access_field::caller_cf_org:
      return put_text(line, " caller_cf_org:", record.caller_cf_org);
    case access_field::caller_cf_space:
      return put_text(line, " caller_cf_space:", record.caller_cf_space);
    case access_field::dial_time: return put_duration(line, " dial_time:", record.dial_time_ns);
    case access_field::dns_time: return put_duration(line, " dns_time:", record.dns_time_ns);
    case access_field::failed_attempts:
      line.put(" failed_attempts:");
      return line.put_number(record.failed_attempts);
    case access_field::failed_attempts_time:
      return put_duration(line, " failed_attempts_time:", record.failed_attempts_time_ns);
    case access_field::local_address:
      return put_text(line, " local_address:", record.local_address);
    case access_field::route_policy:
      return put_text(line, " route_policy:", record.route_policy);
    case access_field::route_service_time:
      return put_duration(line, " route_service_time:", record.route_service_time_ns);
    case access_field::tls_sni: return put_text(line, " tls_sni:", record.tls_sni);
    case access_field::tls_time: return put_duration(line, " tls_time:", record.tls_time_ns);
  }
}

/// What one extra header adds to the line if nothing in it is escaped, as gorouter reckons.
std::size_t extra_header_bytes(std::string_view label, std::string_view value) {
  return label.size() + value.size() + (value.empty() ? 7 : 4);
}

/// As many as there is room for.
void put_extra_headers(line_writer& line, const access_record& record, const access_format& format,
                       std::size_t bytes_max) {
  const auto before = line.size();
  for (std::size_t i = 0; i < format.extra_headers.size(); ++i) {
    const auto& label = format.extra_headers[i];
    const auto value = i < record.extra_headers.size() ? record.extra_headers[i] : std::string_view{};
    const auto so_far = line.size() - before;
    line.put(' ');
    if (so_far + extra_header_bytes(label, value) >= bytes_max)
      return line.put("...EXTRA-REQUEST-HEADERS-TOO-LONG-TO-LOG--TRUNCATED");
    line.put(label);
    line.put(':');
    line.put_quoted(value);
  }
}

/// The length of a line in which nothing is escaped, or somewhat more.
std::size_t expected_bytes(const access_record& record, const access_format& format) {
  std::size_t bytes = 768; // Labels, numbers, times, and ids as a rule.
  for (const auto text : {record.host, record.target, record.referer, record.user_agent,
                          record.x_forwarded_for, record.x_cf_routererror})
    bytes += text.size();
  for (const auto value : record.extra_headers)
    bytes += value.size();
  for (const auto& label : format.extra_headers)
    bytes += label.size() + 6;
  return bytes;
}

/// From the host to the addresses: what is recognised by its place.
void put_unlabelled(line_writer& line, const access_record& record, const access_format& format) {
  put_host(line, record.host);
  line.put(" - [");
  put_time(line, record.started_at_ns);
  line.put("] ");
  put_request(line, record, format);
  line.put(' ');
  put_status(line, record.status);
  line.put(' ');
  line.put_number(record.rx_bytes);
  line.put(' ');
  line.put_number(record.tx_bytes);
  put_text(line, " ", record.referer);
  put_text(line, " ", record.user_agent);
  put_text(line, " ", format.disable_log_source_ip ? std::string_view{} : record.remote_address);
  put_text(line, " ", record.backend_address);
}

void put_labelled(line_writer& line, const access_record& record, const access_format& format,
                  std::size_t extra_headers_bytes_max) {
  put_text(line, " x_forwarded_for:",
           format.disable_log_forwarded_for ? std::string_view{} : record.x_forwarded_for);
  put_text(line, " x_forwarded_proto:", record.x_forwarded_proto);
  put_text(line, " vcap_request_id:", record.vcap_request_id);
  put_duration(line, " response_time:", record.response_time_ns);
  put_duration(line, " gorouter_time:", record.gorouter_time_ns);
  put_text(line, " app_id:", record.app_id);
  put_text(line, " app_index:", record.app_index);
  put_text(line, " instance_id:", record.instance_id);
  for (const auto field : format.extra_fields)
    put_extra_field(line, record, field);
  put_text(line, " x_cf_routererror:", record.x_cf_routererror);
  put_extra_headers(line, record, format, extra_headers_bytes_max);
  if (record.route_service_bypassed) [[unlikely]]
    line.put(R"( x_cf_route_service_bypassed:"true")");
}

void put_line(std::string& out, const access_record& record, const access_format& format,
              std::size_t extra_headers_bytes_max) {
  line_writer line{out, expected_bytes(record, format)};
  put_unlabelled(line, record, format);
  put_labelled(line, record, format, extra_headers_bytes_max);
  line.put('\n');
}

constexpr std::size_t long_text_bytes_max = 20'000; ///< In a short line: of the target, and of all extra headers.
constexpr std::size_t header_bytes_max = 1'000;     ///< And of a header that browsers write.

/// Halved until it is short enough, each time with a word on what is missing.
std::string shortened(std::string_view text, std::string_view name, std::size_t bytes_max) {
  std::string result{text};
  while (result.size() > bytes_max) {
    result.resize(result.size() / 2);
    result.append("...").append(name).append("-TOO-LONG-TO-LOG--TRUNCATED");
  }
  return result;
}

/// The target as the line shows it, without escapes.
std::string shown_target(const access_record& record, query_redaction redaction) {
  const auto mark = redacted_from(record, redaction);
  std::string shown{record.target.substr(0, mark)};
  if (mark != record.target.npos && redaction == query_redaction::hash) {
    line_writer to{shown, 0};
    put_query_hash(to, record.target.substr(mark + 1));
  }
  return shown;
}

} // namespace

std::optional<access_field> access_field_named(std::string_view name) {
  constexpr std::pair<std::string_view, access_field> fields[] = {
    {"app_time", access_field::app_time},
    {"backend_time", access_field::backend_time},
    {"caller_cf_app", access_field::caller_cf_app},
    {"caller_cf_org", access_field::caller_cf_org},
    {"caller_cf_space", access_field::caller_cf_space},
    {"dial_time", access_field::dial_time},
    {"dns_time", access_field::dns_time},
    {"failed_attempts", access_field::failed_attempts},
    {"failed_attempts_time", access_field::failed_attempts_time},
    {"local_address", access_field::local_address},
    {"route_policy", access_field::route_policy},
    {"route_service_time", access_field::route_service_time},
    {"tls_sni", access_field::tls_sni},
    {"tls_time", access_field::tls_time},
  };
  for (const auto& [known, field] : fields)
    if (known == name)
      return field;
  return std::nullopt;
}

std::string access_header_label(std::string_view header_name) {
  std::string label{header_name};
  for (auto& c : label)
    c = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return label;
}

void append_line(std::string& out, const access_record& record, const access_format& format) {
  put_line(out, record, format, std::string::npos);
}

void append_short_line(std::string& out, const access_record& record, const access_format& format) {
  const auto before = out.size();
  append_line(out, record, format);
  if (out.size() - before - 1 <= short_line_bytes) // Without its end.
    return;
  out.resize(before);
  const auto target = shortened(shown_target(record, format.redaction), "REQUEST-URI", long_text_bytes_max);
  const auto referer = shortened(record.referer, "REFERER", header_bytes_max);
  const auto user_agent = shortened(record.user_agent, "USER-AGENT", header_bytes_max);
  const auto forwarded_for = shortened(record.x_forwarded_for, "X-FORWARDED-FOR", header_bytes_max);
  const auto forwarded_proto = shortened(record.x_forwarded_proto, "X-FORWARDED-PROTO", header_bytes_max);
  auto cut = record;
  cut.target = target;
  cut.referer = referer;
  cut.user_agent = user_agent;
  cut.x_forwarded_for = forwarded_for;
  cut.x_forwarded_proto = forwarded_proto;
  auto as_it_is = format;
  as_it_is.redaction = query_redaction::none; // That is done.
  put_line(out, cut, as_it_is, long_text_bytes_max);
}

} // namespace shunt::routing
