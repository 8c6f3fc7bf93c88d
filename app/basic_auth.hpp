// Basic authentication of the status ports (RFC 7617): whether a field `Authorization` names one user.
// Pure, and for any bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shunt::app {

/// `user:password` of a field's value `Basic <Base64>`; nothing if it is not that. As gorouter, exact in
/// case and spaces. Texts of more than 8 KiB are none.
std::optional<std::string> basic_credentials(std::string_view authorization);

/// Whether the value names that user with that password.
bool is_authorized(std::string_view authorization, std::string_view user, std::string_view password);

} // namespace shunt::app
