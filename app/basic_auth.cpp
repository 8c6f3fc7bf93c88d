// See basic_auth.hpp.
#include "app/basic_auth.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>

namespace shunt::app {

namespace {

constexpr std::size_t encoded_bytes_max = 8192;

/// OpenSSL would skip spaces around the text, and take `=` for a digit anywhere.
bool is_base64(std::string_view text) {
  constexpr std::string_view others = "+/";
  const auto is_digit = [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || others.find(c) != others.npos;
  };
  if (text.empty() || text.size() % 4 != 0 || text.size() > encoded_bytes_max)
    return false;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding)
    text.remove_suffix(1);
  return std::all_of(text.begin(), text.end(), is_digit);
}

/// The decoded text, or nothing if `text` is no Base64 (RFC 4648, section 4).
std::optional<std::string> decode_base64(std::string_view text) {
  if (!is_base64(text))
    return std::nullopt;
  std::string decoded(text.size() / 4 * 3, '\0');
  const int bytes = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()));
  if (bytes < 0)
    return std::nullopt;
  const auto padding = static_cast<std::size_t>(std::count(text.end() - 2, text.end(), '='));
  decoded.resize(static_cast<std::size_t>(bytes) - padding);
  return decoded;
}

} // namespace

std::optional<std::string> basic_credentials(std::string_view authorization) {
  constexpr std::string_view scheme = "Basic ";
  return authorization.starts_with(scheme) ? decode_base64(authorization.substr(scheme.size()))
                                           : std::nullopt;
}

bool is_authorized(std::string_view authorization, std::string_view user,
                   std::string_view password) {
  const auto given = basic_credentials(authorization);
  return given && given->size() == user.size() + 1 + password.size() && given->starts_with(user)
         && (*given)[user.size()] == ':' && given->ends_with(password);
}

} // namespace shunt::app
