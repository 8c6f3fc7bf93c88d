// Field names and values. Names are found with one multiplication and one comparison: a hash over
// length and three letters, its multiplier searched for at compile time so that no two names meet.
#include "net/http_fields.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace shunt::net {

namespace {

using namespace std::string_view_literals;

/// By field_id.
// clang-format off
constexpr std::array names{
  ""sv, "host"sv, "connection"sv, "proxy-connection"sv, "keep-alive"sv, "te"sv, "trailer"sv,
  "transfer-encoding"sv, "content-length"sv, "upgrade"sv, "http2-settings"sv, "expect"sv,
  "proxy-authenticate"sv, "proxy-authorization"sv, "forwarded"sv, "x-forwarded-for"sv,
  "x-forwarded-proto"sv, "x-forwarded-host"sv, "x-forwarded-client-cert"sv, "x-request-start"sv,
  "x-vcap-request-id"sv, "x-vcap-trace"sv, "x-vcap-router"sv, "x-vcap-backend"sv,
  "x-cf-applicationid"sv, "x-cf-instanceid"sv, "x-cf-instanceindex"sv, "x-cf-app-instance"sv,
  "x-cf-process-instance"sv, "x-cf-proxy-signature"sv, "x-cf-proxy-metadata"sv,
  "x-cf-forwarded-url"sv, "x-cf-routererror"sv, "x-cf-routeendpoint"sv, "traceparent"sv,
  "tracestate"sv, "b3"sv, "x-b3-traceid"sv, "x-b3-spanid"sv, "x-b3-parentspanid"sv,
  "x-b3-sampled"sv, "x-b3-flags"sv, "user-agent"sv, "referer"sv, "cookie"sv, "set-cookie"sv,
  "authorization"sv, "www-authenticate"sv, "date"sv, "location"sv, "retry-after"sv,
  "content-type"sv, "content-encoding"sv, "content-range"sv, "idempotency-key"sv,
  "x-idempotency-key"sv, "age"sv, "cache-control"sv, "expires"sv, "if-match"sv, "if-none-match"sv,
  "if-modified-since"sv, "if-unmodified-since"sv, "if-range"sv, "max-forwards"sv, "pragma"sv,
  "range"sv, "vary"sv, "warning"sv,
};
// clang-format on
static_assert(names.size() == field_count);

constexpr unsigned slot_bits = 10;

/// Not for empty names. Setting bit 5 makes both cases of a letter one; what else it makes one, the
/// comparison tells apart.
constexpr std::uint32_t slot_of(std::string_view name, std::uint32_t multiplier) {
  const auto letter = [&](std::size_t at) { return static_cast<unsigned char>(name[at]) | 0x20u; };
  const std::uint32_t key = letter(name.size() / 2) | letter(name.size() * 3 / 4) << 8
                            | letter(name.size() - 1) << 16
                            | static_cast<std::uint32_t>(name.size()) << 24;
  return (key * multiplier) >> (32 - slot_bits);
}

struct name_index {
  std::uint32_t multiplier = 0x9e3779b1u;
  std::array<std::uint8_t, 1u << slot_bits> slots{};

  constexpr bool fill() {
    slots = {};
    for (std::size_t i = 1; i < names.size(); ++i) {
      auto& slot = slots[slot_of(names[i], multiplier)];
      if (slot != 0)
        return false;
      slot = static_cast<std::uint8_t>(i);
    }
    return true;
  }
};

consteval name_index make_index() {
  name_index result;
  while (!result.fill())
    result.multiplier += 0x3c6ef372u; // Even, so that the multiplier stays odd.
  return result;
}

constexpr name_index index_of_names = make_index();

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

std::uint64_t load8(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/// Eight letters at once: the upper-case ASCII ones get bit 5, other bytes stay.
std::uint64_t lower8(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  const auto low_bits = word & (0x7f * ones);
  const auto from_a = low_bits + (0x80 - 'A') * ones;
  const auto after_z = low_bits + (0x80 - 'Z' - 1) * ones;
  const auto upper = (from_a ^ after_z) & ~word & (0x80 * ones);
  return word | upper >> 2;
}

constexpr std::array<bool, 256> make_token_bytes() {
  std::array<bool, 256> result{};
  for (const unsigned char c : "!#$%&'*+-.^_`|~0123456789"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"sv)
    result[c] = true;
  return result;
}

constexpr auto token_bytes = make_token_bytes();

/// Cuts the text before the next `separator` off `rest`, trimmed. Separators inside quotes count as
/// well: where that matters, the caller refuses quotes.
std::string_view next_element(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto element = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return trim(element);
}

bool is_parameter(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos)
    return is_token(text);
  return is_token(trim(text.substr(0, equals))) && is_token(trim(text.substr(equals + 1)));
}

bool contains_chunked(std::string_view text) {
  constexpr auto word = "chunked"sv;
  for (std::size_t at = 0; at + word.size() <= text.size(); ++at)
    if (iequals(text.substr(at, word.size()), word))
      return true;
  return false;
}

/// A coding that is well-formed and cannot be mistaken for chunked.
bool is_other_coding(std::string_view coding) {
  if (coding.empty() || coding.back() == ';' || contains_chunked(coding))
    return false;
  if (!is_token(next_element(coding, ';')))
    return false;
  while (!coding.empty())
    if (!is_parameter(next_element(coding, ';')))
      return false;
  return true;
}

} // namespace

field_id identify(std::string_view name) noexcept {
  if (name.empty() || name.size() > 255)
    return field_id::other;
  const auto found = index_of_names.slots[slot_of(name, index_of_names.multiplier)];
  return iequals(names[found], name) ? static_cast<field_id>(found) : field_id::other;
}

std::string_view name_of(field_id id) noexcept {
  return names[static_cast<std::size_t>(id)];
}

bool iequals(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size())
    return false;
  if (a.size() < 8) {
    for (std::size_t i = 0; i < a.size(); ++i)
      if (lower(a[i]) != lower(b[i]))
        return false;
    return true;
  }
  for (std::size_t i = 0; i + 8 < a.size(); i += 8)
    if (lower8(load8(a.data() + i)) != lower8(load8(b.data() + i)))
      return false;
  const auto last = a.size() - 8; // Overlaps what was compared; cheaper than a loop for the rest.
  return lower8(load8(a.data() + last)) == lower8(load8(b.data() + last));
}

void make_lower(std::span<char> text) noexcept {
  if (text.size() < 8) {
    for (char& c : text)
      c = lower(c);
    return;
  }
  const auto lower_at = [text](std::size_t at) {
    const auto word = lower8(load8(text.data() + at));
    std::memcpy(text.data() + at, &word, sizeof word);
  };
  for (std::size_t i = 0; i + 8 < text.size(); i += 8)
    lower_at(i);
  lower_at(text.size() - 8);
}

bool has_token(std::string_view value, std::string_view token) noexcept {
  while (!value.empty())
    if (iequals(next_element(value, ','), token))
      return true;
  return false;
}

bool has_token(std::span<const field> fields, field_id id, std::string_view token) noexcept {
  for (const auto& f : fields)
    if (f.id == id && has_token(f.value, token))
      return true;
  return false;
}

const field* find_field(std::span<const field> fields, field_id id) noexcept {
  for (const auto& f : fields)
    if (f.id == id)
      return &f;
  return nullptr;
}

const field* find_field(std::span<const field> fields, std::string_view name) noexcept {
  for (const auto& f : fields)
    if (iequals(f.name, name))
      return &f;
  return nullptr;
}

std::string_view detail::trim_spaces(std::string_view text) noexcept {
  constexpr std::string_view spaces = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
  return text.substr(0, text.find_last_not_of(spaces) + 1); // None: npos + 1 is 0.
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && token_bytes_of(text) == text.size();
}

std::size_t token_bytes_of(std::string_view text) noexcept {
  std::size_t count = 0;
  while (count < text.size() && token_bytes[static_cast<unsigned char>(text[count])])
    ++count;
  return count;
}

bool is_token_list(std::string_view text) noexcept {
  while (!text.empty())
    if (const auto element = next_element(text, ','); !element.empty() && !is_token(element))
      return false;
  return true;
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept {
  constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
  std::uint64_t result = 0;
  for (const char c : value) {
    if (c < '0' || c > '9')
      return {};
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (result > (largest - digit) / 10)
      return {};
    result = result * 10 + digit;
  }
  if (value.empty())
    return {};
  return result;
}

transfer_coding classify_transfer_encoding(std::string_view value) noexcept {
  if (iequals(value, "chunked"))
    return transfer_coding::chunked;
  // A list may end in one `chunked`, whose codings before it are then what is not supported. With
  // `identity` in it, implementations differ on whether that undoes the chunking.
  const bool listed = value.find(',') != std::string_view::npos;
  if (value.empty() || (listed && has_token(value, "identity")))
    return transfer_coding::ambiguous;
  for (auto rest = value;;) {
    const auto comma = rest.find(',');
    const auto coding = trim(rest.substr(0, comma));
    const bool last = comma == std::string_view::npos;
    if (!is_other_coding(coding) && !(last && iequals(coding, "chunked")))
      return transfer_coding::ambiguous;
    if (last)
      return transfer_coding::unsupported;
    rest.remove_prefix(comma + 1);
  }
}

bool forbidden_in_trailers(field_id id) noexcept {
  switch (id) {
    case field_id::other:
    // Names that change nothing after the fact, and that applications do send at the end.
    case field_id::user_agent:
    case field_id::referer:
    case field_id::idempotency_key:
    case field_id::x_idempotency_key: return false;
    // Everything else the router acts on, vouches for, or must not let through.
    default: return true;
  }
}

} // namespace shunt::net
