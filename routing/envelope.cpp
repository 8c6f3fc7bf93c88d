// The fields' numbers are those of events/*.proto.
#include "routing/envelope.hpp"

#include <protozero/pbf_builder.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace shunt::routing {

namespace {

enum class envelope : protozero::pbf_tag_type {
  origin = 1,
  event_type = 2,
  timestamp = 6,
  http_start_stop = 7,
  log_message = 8,
  value_metric = 9,
  counter_event = 10,
  tags = 17,
};

enum class event : std::int32_t {
  http_start_stop = 4,
  log_message = 5,
  value_metric = 6,
  counter_event = 7
};

enum class map_entry : protozero::pbf_tag_type { key = 1, value = 2 };

enum class counter_event : protozero::pbf_tag_type { name = 1, delta = 2 };

enum class value_metric : protozero::pbf_tag_type { name = 1, value = 2, unit = 3 };

enum class log_message : protozero::pbf_tag_type {
  message = 1,
  message_type = 2,
  timestamp = 3,
  app_id = 4,
  source_type = 5,
  source_instance = 6,
};
constexpr std::int32_t message_type_out = 1;

enum class http_start_stop : protozero::pbf_tag_type {
  start_timestamp = 1,
  stop_timestamp = 2,
  request_id = 3,
  peer_type = 4,
  method = 5,
  uri = 6,
  remote_address = 7,
  user_agent = 8,
  status_code = 9,
  content_length = 10,
  application_id = 12,
  instance_index = 13,
  instance_id = 14,
  forwarded = 15,
};
constexpr std::int32_t peer_client = 1, peer_server = 2;

enum class uuid_halves : protozero::pbf_tag_type { low = 1, high = 2 };

/// From 1 on.
constexpr std::string_view methods[] = {
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "HEAD",
  "ACL",
  "BASELINE_CONTROL",
  "BIND",
  "CHECKIN",
  "CHECKOUT",
  "CONNECT",
  "COPY",
  "DEBUG",
  "LABEL",
  "LINK",
  "LOCK",
  "MERGE",
  "MKACTIVITY",
  "MKCALENDAR",
  "MKCOL",
  "MKREDIRECTREF",
  "MKWORKSPACE",
  "MOVE",
  "OPTIONS",
  "ORDERPATCH",
  "PATCH",
  "PRI",
  "PROPFIND",
  "PROPPATCH",
  "REBIND",
  "REPORT",
  "SEARCH",
  "SHOWMETHOD",
  "SPACEJUMP",
  "TEXTSEARCH",
  "TRACE",
  "TRACK",
  "UNBIND",
  "UNCHECKOUT",
  "UNLINK",
  "UNLOCK",
  "UPDATE",
  "UPDATEREDIRECTREF",
  "VERSION_CONTROL",
};

/// 0: none of those.
std::int32_t number_of(std::string_view method) {
  const auto found = std::ranges::find(methods, method);
  return found == std::end(methods) ? 0
                                    : static_cast<std::int32_t>(found - std::begin(methods)) + 1;
}

using envelope_writer = protozero::pbf_builder<envelope>;

envelope_writer begin(std::string& out, event type, std::int64_t now_ns) {
  constexpr std::string_view origin = "gorouter";
  out.clear();
  envelope_writer to{out};
  to.add_string(envelope::origin, origin.data(), origin.size());
  to.add_enum(envelope::event_type, static_cast<std::int32_t>(type));
  to.add_int64(envelope::timestamp, now_ns);
  return to;
}

template <class Field>
void add(protozero::pbf_builder<Field>& to, Field field, std::string_view text) {
  to.add_string(field, text.data(), text.size());
}

void add_tags(envelope_writer& to, std::span<const std::string_view> tags) {
  for (std::size_t i = 0; i + 1 < tags.size(); i += 2) {
    protozero::pbf_builder<map_entry> entry{to, envelope::tags};
    add(entry, map_entry::key, tags[i]);
    add(entry, map_entry::value, tags[i + 1]);
  }
}

using uuid_bytes = std::array<std::uint8_t, 16>;

/// As RFC 4122 writes it, in digits of either case.
std::optional<uuid_bytes> parse_uuid(std::string_view text) {
  constexpr std::string_view form = "00000000-0000-0000-0000-000000000000";
  if (text.size() != form.size())
    return std::nullopt;
  uuid_bytes bytes{};
  auto* to = bytes.data();
  for (std::size_t at = 0; at < form.size();) {
    if (form[at] == '-') {
      if (text[at++] != '-')
        return std::nullopt;
      continue;
    }
    const auto* digits = text.data() + at;
    const auto [end, code] = std::from_chars(digits, digits + 2, *to++, 16);
    if (code != std::errc{} || end != digits + 2)
      return std::nullopt;
    at += 2;
  }
  return bytes;
}

std::uint64_t little_endian(std::span<const std::uint8_t, 8> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | bytes[i];
  return value;
}

using start_stop_writer = protozero::pbf_builder<http_start_stop>;

void add(start_stop_writer& to, http_start_stop field, const uuid_bytes& id) {
  const std::span<const std::uint8_t, 16> bytes{id};
  protozero::pbf_builder<uuid_halves> halves{to, field};
  halves.add_uint64(uuid_halves::low, little_endian(bytes.first<8>()));
  halves.add_uint64(uuid_halves::high, little_endian(bytes.last<8>()));
}

void add_uri(start_stop_writer& to, const access_record& about) {
  const auto path = about.target.substr(0, about.target.find('?'));
  std::string uri{about.tls ? "https://" : "http://"};
  add(to, http_start_stop::uri, uri.append(about.host).append(path));
}

/// The app's instance, as far as it can be expressed.
void add_instance(start_stop_writer& to, const access_record& about) {
  if (const auto app = parse_uuid(about.app_id))
    add(to, http_start_stop::application_id, *app);
  const auto& text = about.app_index;
  std::int32_t index = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (!text.empty() && code == std::errc{} && end == text.data() + text.size())
    to.add_int32(http_start_stop::instance_index, index);
  if (!about.instance_id.empty())
    add(to, http_start_stop::instance_id, about.instance_id);
}

void add_forwarded(start_stop_writer& to, std::string_view list) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    auto each = list.substr(0, comma);
    each.remove_prefix(std::min(each.find_first_not_of(" \t"), each.size()));
    add(to, http_start_stop::forwarded, each.substr(0, each.find_last_not_of(" \t") + 1));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

} // namespace

void write_counter(std::string& out, std::string_view name, std::uint64_t delta,
                   std::int64_t now_ns) {
  auto to = begin(out, event::counter_event, now_ns);
  protozero::pbf_builder<counter_event> counter{to, envelope::counter_event};
  add(counter, counter_event::name, name);
  counter.add_uint64(counter_event::delta, delta);
}

void write_value(std::string& out, std::string_view name, double value, std::string_view unit,
                 std::int64_t now_ns) {
  auto to = begin(out, event::value_metric, now_ns);
  protozero::pbf_builder<value_metric> metric{to, envelope::value_metric};
  add(metric, value_metric::name, name);
  metric.add_double(value_metric::value, value);
  add(metric, value_metric::unit, unit);
}

void write_log_line(std::string& out, std::string_view line, const access_record& about,
                    std::string_view instance, std::int64_t now_ns) {
  auto to = begin(out, event::log_message, now_ns);
  {
    protozero::pbf_builder<log_message> message{to, envelope::log_message};
    message.add_bytes(log_message::message, line.data(), line.size());
    message.add_enum(log_message::message_type, message_type_out);
    message.add_int64(log_message::timestamp, now_ns);
    add(message, log_message::app_id, about.app_id);
    add(message, log_message::source_type, std::string_view{"RTR"});
    add(message, log_message::source_instance, instance);
  }
  add_tags(to, about.tags);
}

void write_start_stop(std::string& out, const access_record& about, std::int64_t now_ns) {
  const bool attempt = about.kind == record_kind::attempt;
  auto to = begin(out, event::http_start_stop, now_ns);
  {
    start_stop_writer told{to, envelope::http_start_stop};
    told.add_int64(http_start_stop::start_timestamp, about.started_at_ns);
    told.add_int64(http_start_stop::stop_timestamp, about.started_at_ns + about.response_time_ns);
    add(told, http_start_stop::request_id,
        parse_uuid(about.vcap_request_id).value_or(uuid_bytes{}));
    told.add_enum(http_start_stop::peer_type, attempt ? peer_client : peer_server);
    told.add_enum(http_start_stop::method, number_of(about.method));
    add_uri(told, about);
    add(told, http_start_stop::remote_address, about.remote_address);
    add(told, http_start_stop::user_agent, about.user_agent);
    told.add_int32(http_start_stop::status_code, about.status);
    told.add_int64(http_start_stop::content_length, static_cast<std::int64_t>(about.tx_bytes));
    add_instance(told, about);
    add_forwarded(told, about.x_forwarded_for);
  }
  add_tags(to, about.tags);
}

} // namespace shunt::routing
