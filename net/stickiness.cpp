// See stickiness.hpp. Dates and cookies are taken as Go takes them, since a cookie that gorouter
// would pass over must not pin anyone here, and the other way round.
#include "net/stickiness.hpp"

#include "net/http_date.hpp"
#include "routing/ascii.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <system_error>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view vcap_id = "__VCAP_ID__";
constexpr std::chrono::seconds negotiation_max{60};

/// Cuts the text before the next `separator` off `rest`.
std::string_view cut(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto piece = rest.substr(0, end);
  rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
  return piece;
}

// -- Cookies

constexpr bool is_path_byte(char c) {
  return c >= 0x20 && c < 0x7f && c != ';';
}

/// Spaces and commas are fine, whatever RFC 6265 says: they are common.
constexpr bool is_value_byte(char c) {
  return is_path_byte(c) && c != '"' && c != '\\';
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_value_byte);
}

bool is_session_cookie(std::string_view name, const stickiness_rules& rules) {
  const auto& names = rules.session_cookies;
  // Whoever configured a name that is no token has configured a cookie that cannot be.
  return std::find(names.begin(), names.end(), name) != names.end() && is_token(name);
}

/// The value of a cookie without the quotes around it, or nothing if it may not be one.
std::optional<std::string_view> unquote(std::string_view text) {
  if (text.size() > 1 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  if (!is_value(text))
    return {};
  return text;
}

/// What the Cookie lines of a request say about affinity.
struct request_cookies {
  std::optional<std::string_view> instance{};
  bool session = false;

  void read(std::string_view line, const stickiness_rules& rules) {
    while (!line.empty()) {
      auto value = trim(cut(line, ';'));
      const auto name = trim(cut(value, '='));
      const bool names_instance = !instance && name == vcap_id;
      const bool names_session = !session && is_session_cookie(name, rules);
      if (!names_instance && !names_session)
        continue;
      const auto content = unquote(value);
      if (content && names_instance)
        instance = content;
      if (content && names_session)
        session = true;
    }
  }
};

/// Whether the first field `id` begins with the scheme Negotiate.
bool negotiates(const message_head& head, field_id id) {
  constexpr std::string_view scheme = "negotiate";
  const auto* found = find_field(head.fields, id);
  return found != nullptr && iequals(found->value.substr(0, scheme.size()), scheme);
}

/// A Set-Cookie, as far as it matters here.
struct response_cookie {
  std::string_view name;       ///< Perhaps no token; see is_session_cookie.
  std::string_view attributes; ///< Separated by semicolons.
};

std::optional<response_cookie> parse_set_cookie(std::string_view line) {
  const auto pair = trim(cut(line, ';'));
  const auto equals = pair.find('=');
  if (equals == pair.npos || !unquote(pair.substr(equals + 1)))
    return {};
  return response_cookie{trim(pair.substr(0, equals)), line};
}

// -- Dates

constexpr std::array<std::string_view, 7> day_names{"Mon", "Tue", "Wed", "Thu",
                                                    "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

template <class Predicate>
std::size_t count_while(std::string_view text, Predicate&& holds) {
  const auto end = std::find_if_not(text.begin(), text.end(), holds);
  return static_cast<std::size_t>(end - text.begin());
}

/// Reads a date from left to right. Each step says whether the text went on as it should.
struct date_reader {
  std::string_view rest;

  /// One `expected`; of spaces any number.
  bool skip(char expected) {
    if (!rest.starts_with(expected))
      return false;
    rest.remove_prefix(expected == ' ' ? count_while(rest, [](char c) { return c == ' '; }) : 1);
    return true;
  }

  /// One of `names`, whatever its case; counts them from 1.
  bool name(std::span<const std::string_view> names, unsigned& number) {
    const auto at = std::find_if(names.begin(), names.end(), [this](std::string_view name) {
      return iequals(rest.substr(0, name.size()), name);
    });
    if (at == names.end())
      return false;
    number = static_cast<unsigned>(at - names.begin()) + 1;
    rest.remove_prefix(at->size());
    return true;
  }

  /// At least `fewest` digits; takes `most` if there are as many.
  bool number(std::size_t fewest, std::size_t most, unsigned& out) {
    const auto digits = std::min(count_while(rest, is_digit), most);
    if (digits < fewest)
      return false;
    std::from_chars(rest.data(), rest.data() + digits, out);
    rest.remove_prefix(digits);
    return true;
  }

  bool fraction() {
    if (rest.size() > 1 && (rest[0] == '.' || rest[0] == ',') && is_digit(rest[1]))
      rest.remove_prefix(1 + count_while(rest.substr(1), is_digit));
    return true;
  }

  /// The rest is a sign and at most 23 hours.
  bool is_offset() const {
    if (rest.size() < 2 || (rest[0] != '+' && rest[0] != '-'))
      return false;
    unsigned hours = 0;
    const auto* const end = rest.data() + rest.size();
    const auto [read, error] = std::from_chars(rest.data() + 1, end, hours);
    return error == std::errc{} && read == end && hours <= 23;
  }

  /// The rest looks like a time zone: an abbreviation or an offset. Go wants one, but reads the
  /// time as UTC whatever it says.
  bool is_zone() {
    if (rest == "ChST" || rest == "MeST" || rest == "WITA")
      return true;
    if (rest.starts_with("UTC"))
      return rest.size() == 3;
    if (rest.starts_with("GMT") && rest.size() > 3) {
      rest.remove_prefix(3);
      return is_offset();
    }
    if (rest.size() < 3 || !is_upper(rest[0]))
      return is_offset() && rest.size() > 2;
    return count_while(rest, is_upper) == rest.size()
           && (rest.size() == 3 || (rest.size() <= 5 && rest.back() == 'T'));
  }
};

/// `Mon, 02 Jan 2006 15:04:05 MST`, where `separator` stands around the month. Which day of the
/// week it says does not matter.
std::optional<std::chrono::sys_seconds> parse_date(std::string_view text, char separator) {
  date_reader in{text};
  unsigned weekday = 0, day = 0, month = 0, year = 0, hour = 0, minute = 0, second = 0;
  const bool is_date = in.name(day_names, weekday) && in.skip(',') && in.skip(' ')
                       && in.number(2, 2, day) && in.skip(separator) && in.name(month_names, month)
                       && in.skip(separator) && in.number(4, 4, year) && in.skip(' ');
  if (!is_date || !in.number(1, 2, hour) || !in.skip(':') || !in.number(2, 2, minute)
      || !in.skip(':') || !in.number(2, 2, second) || !in.fraction() || !in.skip(' ')
      || !in.is_zone())
    return {};
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                         std::chrono::month{month}, std::chrono::day{day}};
  constexpr unsigned first_year = 1601; // RFC 6265, section 5.1.1.
  if (!date.ok() || year < first_year || hour > 23 || minute > 59 || second > 59)
    return {};
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute}
         + std::chrono::seconds{second};
}

std::optional<std::chrono::sys_seconds> parse_expires(std::string_view text) {
  const auto found = parse_date(text, ' ');
  return found ? found : parse_date(text, '-');
}

// -- Attributes

/// A decimal number of 64 bits with a sign or none.
std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const bool plus = text.starts_with('+');
  const auto digits = text.substr(plus ? 1 : 0);
  const auto* const end = digits.data() + digits.size();
  const auto [read, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || read != end || (plus && digits.front() == '-'))
    return {};
  return number;
}

/// Of a Max-Age only that the cookie is to go: when it goes by itself, the session may still live
/// on with a cookie that was renewed.
void copy_deletion(sticky_cookie& out, std::string_view max_age) {
  const auto seconds = parse_number(max_age);
  if (!seconds || (*seconds != 0 && max_age.front() == '0'))
    return;
  out.max_age = *seconds <= 0 ? std::optional{0s} : std::nullopt;
}

std::string_view known_same_site(std::string_view text) {
  for (const std::string_view known : {"Lax", "Strict", "None"})
    if (iequals(text, known))
      return known;
  return {};
}

/// Of attributes that are repeated the last counts; one that cannot be read takes back an Expires
/// and a SameSite, but not a Max-Age.
void copy_attribute(sticky_cookie& out, std::string_view name, std::string_view value) {
  if (iequals(name, "secure"))
    out.secure = true;
  else if (iequals(name, "partitioned"))
    out.partitioned = true;
  else if (iequals(name, "samesite"))
    out.same_site = known_same_site(value);
  else if (iequals(name, "expires"))
    out.expires = parse_expires(value);
  else if (iequals(name, "max-age"))
    copy_deletion(out, value);
}

void copy_attributes(sticky_cookie& out, std::string_view attributes) {
  while (!attributes.empty()) {
    auto value = trim(cut(attributes, ';'));
    const auto name = cut(value, '=');
    if (is_value(value))
      copy_attribute(out, name, value);
  }
}

// -- Writing

template <class Predicate>
void append_allowed(std::string& out, std::string_view text, Predicate&& allowed) {
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), allowed);
}

void append_value(std::string& out, std::string_view text) {
  const std::string_view quote = text.find_first_of(" ,") == text.npos ? "" : "\"";
  out.append(quote);
  append_allowed(out, text, is_value_byte);
  out.append(quote);
}

} // namespace

stickiness stickiness_of(const request_head& head, const stickiness_rules& rules) noexcept {
  request_cookies found;
  for (const auto& line : head.fields)
    if (line.id == field_id::cookie)
      found.read(line.value, rules);
  if (!found.instance || found.instance->empty())
    return {};
  if (rules.auth_negotiate && negotiates(head, field_id::authorization))
    return {stickiness_kind::required, *found.instance};
  if (found.session)
    return {stickiness_kind::preferred, *found.instance};
  return {};
}

std::optional<sticky_cookie> sticky_cookie_for(const response_head& head, const stickiness& asked,
                                               std::string_view instance_id,
                                               const stickiness_rules& rules) noexcept {
  if (instance_id.empty())
    return {};
  std::optional<response_cookie> session;
  for (const auto& line : head.fields) {
    if (line.id != field_id::set_cookie)
      continue;
    const auto cookie = parse_set_cookie(line.value);
    if (cookie && cookie->name == vcap_id)
      return {};
    if (cookie && !session && is_session_cookie(cookie->name, rules))
      session = cookie;
  }
  const bool elsewhere = asked.instance != instance_id;
  sticky_cookie made{.secure = rules.secure_cookies};
  // While a client authenticates it is to stay where it is, session or not, but not much longer.
  if (rules.auth_negotiate && negotiates(head, field_id::www_authenticate)) {
    made.max_age = negotiation_max;
    made.same_site = "Strict";
    return elsewhere ? std::optional{made} : std::nullopt;
  }
  if (session) {
    copy_attributes(made, session->attributes);
    return made;
  }
  if (asked.kind != stickiness_kind::none && elsewhere)
    return made;
  return {};
}

void append_set_cookie(std::string& out, const sticky_cookie& cookie, std::string_view instance_id,
                       std::string_view context_path) {
  out.append("Set-Cookie: ").append(vcap_id).append("=");
  append_value(out, instance_id);
  out.append("; Path=");
  append_allowed(out, context_path, is_path_byte);
  if (cookie.expires) {
    http_date date;
    out.append("; Expires=").append(date.at(cookie.expires->time_since_epoch().count()));
  }
  if (cookie.max_age)
    out.append("; Max-Age=").append(std::to_string(cookie.max_age->count()));
  out.append("; HttpOnly");
  if (cookie.secure)
    out.append("; Secure");
  if (!cookie.same_site.empty())
    out.append("; SameSite=").append(cookie.same_site);
  if (cookie.partitioned)
    out.append("; Partitioned");
  out.append("\r\n");
}

} // namespace shunt::net
