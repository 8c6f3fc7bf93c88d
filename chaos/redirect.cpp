// Preloaded into routers: what they connect to on a peer's port of loopback goes to a relay
// instead. Peers tell each other their addresses, so no configuration could keep them from going
// around relays. SHUNT_CHAOS_REDIRECT is a list of `PORT=RELAY,`.
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

using connect_function = int (*)(int, const sockaddr*, socklen_t);

/// The relay for that port; 0: there is none.
unsigned long relay_for(unsigned long port) {
  const char* at = std::getenv("SHUNT_CHAOS_REDIRECT");
  while (at && *at) {
    char* end = nullptr;
    const auto from = std::strtoul(at, &end, 10);
    if (*end != '=')
      return 0;
    const auto to = std::strtoul(end + 1, &end, 10);
    if (from == port)
      return to;
    at = *end ? end + 1 : end;
  }
  return 0;
}

} // namespace

extern "C" int connect(int socket, const sockaddr* address, socklen_t length) {
  static const auto next = reinterpret_cast<connect_function>(dlsym(RTLD_NEXT, "connect"));
  if (address && address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in to;
    std::memcpy(&to, address, sizeof to);
    const bool is_loopback = ntohl(to.sin_addr.s_addr) >> 24 == 127;
    if (const auto relay = is_loopback ? relay_for(ntohs(to.sin_port)) : 0) {
      to.sin_port = htons(static_cast<unsigned short>(relay));
      return next(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
  }
  return next(socket, address, length);
}
