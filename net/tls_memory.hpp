// Where OpenSSL has the memory of its sessions: in blocks of whole pages, which can rest (`packed_block`)
// while their connections are idle. Everything else it allocates is on the heap as ever.
#pragma once

#include "net/tls_handles.hpp"

#include <cstddef>
#include <span>

namespace shunt::net {

/// Has OpenSSL allocate by us from here on. Must come before anything else of OpenSSL's in the process; false, and
/// nothing changed, if it is too late. Without it sessions simply never rest.
bool adopt_tls_memory() noexcept;

/// The block that a session is alone in; empty if it is on the heap. Any thread.
std::span<std::byte> block_of(const SSL* session) noexcept;

} // namespace shunt::net
