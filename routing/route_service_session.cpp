#include "routing/route_service_session.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace shunt::routing {

namespace {

template <class Number>
void append_hex(std::string& out, Number number) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  out.append(digits.data(), end);
}

/// The number before the first dash, or all of `text`; taken off it, dash included.
template <class Number>
bool take_hex(std::string_view& text, Number& number) {
  const auto dash = text.find('-');
  const auto digits = text.substr(0, dash);
  const auto* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number, 16);
  text.remove_prefix(dash == text.npos ? text.size() : dash + 1);
  return read.ec == std::errc{} && read.ptr == end;
}

} // namespace

void session_id::append_to(std::string& out) const {
  append_hex(out, incarnation);
  out += '-';
  append_hex(out, loop);
  out += '-';
  append_hex(out, serial);
}

std::optional<session_id> session_id::parse(std::string_view text) {
  session_id id;
  auto rest = text;
  if (!take_hex(rest, id.incarnation) || !take_hex(rest, id.loop) || !take_hex(rest, id.serial))
    return std::nullopt;
  std::string same; // Capitals, zeros in front, a dash too many: one session has one name.
  id.append_to(same);
  return same == text ? std::optional{id} : std::nullopt;
}

time_point route_service_session::deadline() const noexcept {
  return limits_.timeout.count() > 0 && !settled_ && !given_up_ ? began_ + limits_.timeout
                                                               : time_point::max();
}

bool route_service_session::expire(time_point now) noexcept {
  if (now < deadline())
    return false;
  given_up_ = true;
  return true;
}

use_verdict route_service_session::use(bool comes_back, time_point now) noexcept {
  ++under_way_;
  if (comes_back && at_app_++ == 0)
    app_began_ = now;
  if (under_way_ > signature_uses_at_once_max)
    return use_verdict::looping;
  if (!comes_back)
    return use_verdict::admitted;
  if (given_up_)
    return use_verdict::too_late;
  if (limits_.uses_max > 0 && uses_ >= limits_.uses_max)
    return use_verdict::used_up;
  ++uses_;
  settled_ = true;
  return use_verdict::admitted;
}

void route_service_session::use_ended(bool came_back, time_point now) noexcept {
  under_way_ -= under_way_ > 0 ? 1 : 0;
  if (came_back && at_app_ > 0 && --at_app_ == 0)
    app_ += std::max<nanoseconds>(now - app_began_, nanoseconds{0});
}

session_times route_service_session::times(time_point now) const noexcept {
  auto app = app_;
  if (at_app_ > 0)
    app += std::max<nanoseconds>(now - app_began_, nanoseconds{0});
  return {.service = std::max<nanoseconds>(now - began_ - app, nanoseconds{0}),
          .app = has_come_back() ? app : nanoseconds{-1}};
}

} // namespace shunt::routing
