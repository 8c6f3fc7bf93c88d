#include "net/error_page.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace shunt::net {

namespace {

constexpr std::string_view html = "text/html; charset=utf-8";

/// Go knows no text for the status codes that are not registered.
std::string status_text(int status) {
  auto reason = reason_of(status);
  return reason.starts_with("status code") ? std::string{} : reason;
}

void drop(std::string_view& text, std::string_view prefix) {
  if (text.starts_with(prefix))
    text.remove_prefix(prefix.size());
}

/// What an error says after `502 Bad Gateway: `.
std::string_view without_status(std::string_view text, int status) {
  drop(text, std::to_string(status));
  drop(text, " ");
  drop(text, reason_of(status));
  drop(text, ":");
  drop(text, " ");
  return text;
}

} // namespace

error_template read_error_template(const std::string& path) {
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  std::string text(error_template_bytes_max + 1, '\0');
  if (file)
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file && !file.eof())
    throw std::runtime_error{path + ": cannot be read: " + std::strerror(errno)};
  text.resize(static_cast<std::size_t>(file.gcount()));
  template_error error;
  auto read = error_template::parse(text, error);
  if (!read)
    throw std::runtime_error{path + ": " + describe(error)};
  return std::move(*read);
}

bool dress(error_response& error, const error_template& page, std::string_view request_id) {
  if (error.form == error_body::custom || error.status < 400)
    return true;
  const auto text = status_text(error.status);
  const std::string message{without_status(error.message, error.status)};
  const std::array<field, 5> header{
    field{.name = "Cache-Control", .value = error.cache_control},
    field{.name = "Content-Type", .value = html},
    field{.name = "X-Content-Type-Options", .value = "nosniff"},
    field{.name = "X-Cf-RouterError", .value = error.router_error},
    field{.name = "X-Vcap-Request-Id", .value = request_id},
  };
  auto rendered = page.render(
    {.status = error.status, .status_text = text, .message = message, .header = header});
  if (!rendered)
    return false;
  error.form = error_body::custom;
  error.message = std::move(*rendered);
  error.content_type = html;
  return true;
}

error_response describe_refusal(parse_error error) {
  const auto refused = rejection_of(error);
  error_response made;
  made.status = refused.status;
  made.form = error_body::plain;
  made.message = without_status(refused.body, refused.status);
  return made;
}

} // namespace shunt::net
