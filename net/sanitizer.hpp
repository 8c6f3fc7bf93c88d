// Whether the address sanitizer watches this build: it and its leak checker see only what is on the heap, so memory that
// is managed by hand makes concessions to them.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SHUNT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHUNT_ADDRESS_SANITIZER 1
#endif
#endif

namespace shunt::net {

#ifdef SHUNT_ADDRESS_SANITIZER
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif

} // namespace shunt::net
