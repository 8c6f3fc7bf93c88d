#include "net/tracing.hpp"

#include "config/tracestate_tenant.hpp"
#include "routing/ascii.hpp"

namespace shunt::net {

namespace {

using enum field_id;

constexpr std::size_t tracestate_bytes_max = 2048;
/// W3C Trace Context, section 3.3.1.1: whoever reads a longer list may discard all of it.
constexpr std::size_t tracestate_members_max = 32;

constexpr std::size_t no_limit = std::string_view::npos;

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), is_hex_digit);
}

/// An id of zeros is none: whoever comes next would ignore it and begin a trace of its own.
bool is_id(std::string_view text, std::size_t digits_min, std::size_t digits_max) noexcept {
  return text.size() >= digits_min && text.size() <= digits_max && is_hex(text)
         && text.find_first_not_of('0') != text.npos;
}

/// Cuts the text before the next `separator` off `rest`.
std::string_view next_part(std::string_view& rest, char separator) noexcept {
  const auto end = rest.find(separator);
  const auto part = rest.substr(0, end);
  rest = end == no_limit ? std::string_view{} : rest.substr(end + 1);
  return part;
}

// -- B3.

struct b3_context {
  bool valid = false;
  std::string_view trace_id; ///< Empty, as the span's, when only the sampling is told.
  std::string_view span_id;
};

bool is_sampling(std::string_view text) noexcept {
  return text == "0" || text == "1" || text == "d";
}

/// `trace-span[-sampling][-parent]`, or the sampling alone.
b3_context parse_b3(std::string_view text) noexcept {
  if (is_sampling(text))
    return {.valid = true, .trace_id = {}, .span_id = {}};
  if (text.ends_with('-'))
    return {};
  const auto trace = next_part(text, '-');
  const auto span = next_part(text, '-');
  if ((trace.size() != 16 && trace.size() != 32) || !is_id(trace, 16, 32) || !is_id(span, 16, 16))
    return {};
  auto last = next_part(text, '-');
  if (is_sampling(last))
    last = next_part(text, '-');
  // The parent of a root may be told as zeros.
  const bool parent_or_nothing = last.empty() || (last.size() == 16 && is_hex(last));
  if (!parent_or_nothing || !text.empty())
    return {};
  return {.valid = true, .trace_id = trace, .span_id = span};
}

/// The X-B3-* fields. Ids may be shorter than they should be: some senders drop leading zeros.
struct b3_fields {
  std::string_view trace_id;
  std::string_view span_id;
  std::string_view parent_id;
  std::string_view sampling; ///< As the single header says it; empty = undecided.
  bool valid = false;
};

/// False when the value is none that X-B3-Sampled may have.
bool read_sampled(std::string_view value, std::string_view& sampling) noexcept {
  if (value == "1" || iequals(value, "true"))
    sampling = "1";
  else if (value == "0" || iequals(value, "false"))
    sampling = "0";
  else
    return value.empty();
  return true;
}

b3_fields parse_b3_fields(std::span<const field> fields) noexcept {
  b3_fields found{.trace_id = value_of(fields, x_b3_traceid),
                  .span_id = value_of(fields, x_b3_spanid),
                  .parent_id = value_of(fields, x_b3_parentspanid),
                  .sampling = {}};
  found.valid = is_id(found.trace_id, 1, 32) && is_id(found.span_id, 1, 16)
                && found.parent_id.size() <= 16 && is_hex(found.parent_id)
                && read_sampled(value_of(fields, x_b3_sampled), found.sampling);
  if (value_of(fields, x_b3_flags) == "1") // Debug: whatever X-B3-Sampled says.
    found.sampling = "d";
  return found;
}

std::size_t width_of_trace_id(std::string_view id) noexcept {
  return id.size() <= 16 ? 16 : 32;
}

// -- W3C.

struct w3c_parent {
  std::string_view trace_id; ///< Empty: no valid traceparent.
  std::string_view flags;
};

/// `version-trace-parent-flags`, W3C Trace Context, section 3.2. Upper case is let pass. A later
/// version is read like the known one, as long as it has the same form.
w3c_parent parse_traceparent(std::string_view text) noexcept {
  if (text.size() != 55 || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return {};
  const auto version = text.substr(0, 2);
  const auto trace = text.substr(3, 32);
  const auto parent = text.substr(36, 16);
  const auto flags = text.substr(53);
  if (!is_hex(version) || iequals(version, "ff") || !is_id(trace, 32, 32) || !is_id(parent, 16, 16)
      || !is_hex(flags))
    return {};
  return {.trace_id = trace, .flags = flags};
}

std::array<char, 16> to_hex(std::uint64_t number) noexcept {
  std::array<char, 16> digits;
  for (std::size_t i = 0; i < digits.size(); ++i)
    digits[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 0xf];
  return digits;
}

/// Of all lines together, as if they were one list.
std::size_t tracestate_bytes(std::span<const field> fields) noexcept {
  std::size_t bytes = 0;
  for (const auto& each : fields)
    if (each.id == tracestate)
      bytes += each.value.size() + (bytes > 0 ? 1 : 0);
  return bytes;
}

/// Whether a list member is one, and not of that key.
bool is_member_of_others(std::string_view member, std::string_view own_key) noexcept {
  const auto equals = member.find('=');
  return equals != no_limit && equals > 0 && member.substr(0, equals) != own_key;
}

} // namespace

tracing_rules::tracing_rules(const config::tracing_settings& settings)
  : b3_{settings.enable_zipkin}, w3c_{settings.enable_w3c} {
  if (config::is_tracestate_tenant(settings.w3c_tenant_id))
    tracestate_key_.insert(0, settings.w3c_tenant_id + '@');
}

void trace_record::begin(const tracing_rules& rules, std::span<const field> fields,
                         const request_ids::text& fresh_id, std::uint64_t new_parent_id) {
  request_id_ = fresh_id;
  trace_id_.clear();
  span_id_.clear();
  b3_.clear();
  traceparent_.clear();
  tracestate_.clear();
  b3_pair_made_ = any_made_ = false;
  if (rules.b3())
    begin_b3(fields, fresh_id);
  if (rules.w3c())
    begin_w3c(rules, fields, fresh_id, new_parent_id);
  provide(fresh_id);
  any_made_ = !b3_.empty() || !traceparent_.empty();
}

void trace_record::begin_b3(std::span<const field> fields, const request_ids::text& fresh_id) {
  const auto single = parse_b3(value_of(fields, field_id::b3));
  if (single.valid && !single.trace_id.empty())
    return adopt(single.trace_id, single.span_id);
  if (!value_of(fields, x_b3_traceid).empty() && !value_of(fields, x_b3_spanid).empty()) {
    const auto pair = parse_b3_fields(fields);
    if (!pair.valid) // Somebody else may understand it; a trace of our own would hide it.
      return;
    adopt(pair.trace_id, pair.span_id);
    if (single.valid)
      return;
    b3_.append(trace_id()).append("-").append(span_id());
    if (!pair.sampling.empty())
      b3_.append("-").append(pair.sampling);
    if (!pair.parent_id.empty())
      b3_.append("-").append_hex(pair.parent_id, 16);
  } else if (!single.valid) {
    provide(fresh_id);
    b3_.append(trace_id()).append("-").append(span_id());
    b3_pair_made_ = true;
  }
}

void trace_record::begin_w3c(const tracing_rules& rules, std::span<const field> fields,
                             const request_ids::text& fresh_id, std::uint64_t new_parent_id) {
  const auto parent = parse_traceparent(value_of(fields, field_id::traceparent));
  traceparent_.append("00-");
  if (parent.trace_id.empty()) {
    provide(fresh_id);
    // A trace id of 64 bits is one of 128 that begins with zeros (section 5.1).
    traceparent_.append_hex(trace_id(), 32).append("-").append(span_id()).append("-01");
    write_tracestate(rules.tracestate_key(), span_id(), fields, false);
    return;
  }
  const auto id = to_hex(new_parent_id == 0 ? 1 : new_parent_id);
  const std::string_view id_text{id.data(), id.size()};
  traceparent_.append_hex(parent.trace_id, 32).append("-").append(id_text).append("-");
  traceparent_.append_hex(parent.flags, 2);
  write_tracestate(rules.tracestate_key(), id_text, fields, true);
  if (trace_id_.empty())
    adopt(parent.trace_id, id_text);
}

void trace_record::write_tracestate(std::string_view key, std::string_view id,
                                    std::span<const field> fields, bool continued) {
  tracestate_.append(key).append("=").append(id);
  if (!continued || tracestate_bytes(fields) > tracestate_bytes_max)
    return;
  std::size_t members = 1;
  for (const auto& each : fields) {
    if (each.id != field_id::tracestate)
      continue;
    for (auto rest = each.value; !rest.empty() && members < tracestate_members_max;) {
      const auto member = trim(next_part(rest, ','));
      if (!is_member_of_others(member, key))
        continue;
      tracestate_.append(",").append(member);
      ++members;
    }
  }
}

/// Takes over ids that came from outside. A trace id that looks like a UUID is the request id too.
void trace_record::adopt(std::string_view trace_id, std::string_view span_id) noexcept {
  trace_id_.append_hex(trace_id, width_of_trace_id(trace_id));
  span_id_.append_hex(span_id, 16);
  const auto id = this->trace_id();
  if (id.size() != 32 || id[12] < '1' || id[12] > '5') // The version, which says how it was made.
    return;
  std::size_t from = 0;
  std::size_t to = 0;
  for (const std::size_t part : {8, 4, 4, 4, 12}) {
    if (to > 0)
      request_id_[to++] = '-';
    id.copy(request_id_.data() + to, part, from);
    from += part;
    to += part;
  }
}

/// Ids of the router's own, unless the record has some: the new request id without its dashes.
void trace_record::provide(const request_ids::text& fresh_id) noexcept {
  if (!trace_id_.empty())
    return;
  const auto id = view(fresh_id);
  trace_id_.append(id.substr(0, 8)).append(id.substr(9, 4)).append(id.substr(14, 4));
  trace_id_.append(id.substr(19, 4)).append(id.substr(24));
  span_id_.append(trace_id().substr(16));
}

std::string_view trace_record::outgoing(field_id id) const noexcept {
  switch (id) {
    case field_id::b3: return b3_.view();
    case field_id::x_b3_traceid: return b3_pair_made_ ? trace_id() : std::string_view{};
    case field_id::x_b3_spanid: return b3_pair_made_ ? span_id() : std::string_view{};
    case field_id::traceparent: return traceparent_.view();
    case field_id::tracestate: return tracestate_;
    default: return {};
  }
}

std::string_view trace_record::logged(std::string_view name,
                                      std::span<const field> fields) const noexcept {
  if (any_made_)
    if (const auto made = outgoing(identify(name)); !made.empty())
      return made;
  return value_of(fields, name);
}

} // namespace shunt::net
