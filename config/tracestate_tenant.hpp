// What `tracing.w3c_tenant_id` may be: it stands in a key of tracestate, `<tenant>@gorouter`.
#pragma once

#include <algorithm>
#include <string_view>

namespace shunt::config {

/// W3C Trace Context (section 3.3.1.3.1) has fewer characters there. As in gorouter others are let pass, but none that
/// would end the key, or the header.
inline bool is_tracestate_tenant(std::string_view text) noexcept {
  constexpr std::size_t bytes_max = 241;
  return !text.empty() && text.size() <= bytes_max && std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != ',' && c != '=';
         });
}

} // namespace shunt::config
