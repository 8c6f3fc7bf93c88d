// Where nghttp2's sessions have their memory. Each keeps a buffer for frames as large as the largest,
// 16 KB, and most connections never fill more of it than a head takes.
#pragma once

#include <nghttp2/nghttp2.h>

namespace shunt::net {

/// For every session. Any thread; lives for ever.
nghttp2_mem* http2_memory() noexcept;

} // namespace shunt::net
