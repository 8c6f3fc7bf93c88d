// Reservations come from whoever may publish on NATS, and again from the disk. Whatever the bytes:
// a message within its bounds, or a reason; the same after another one; and what is written is read
// again.
#include "net/reservation_message.hpp"
#include "routing/uri.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace shunt;

void require(bool holds) {
  if (!holds)
    std::abort();
}

bool same(const routing::reservation& a, routing::reservation b) {
  const bool options =
    (a.options == nullptr) == (b.options == nullptr) && (!a.options || *a.options == *b.options);
  b.options = a.options;
  return options && a == b;
}

void look_at(const routing::reservation& made, net::reservation_reader& reader) {
  require(routing::is_acceptable(made.host, made.path));
  require(made.hash_balance >= 0);
  if (made.options) {
    const auto& o = *made.options;
    require(o.empty_status == 0 || (o.empty_status >= 400 && o.empty_status <= 599));
    require(o.empty_body.size() <= routing::empty_body_bytes_max);
    require(o.hold.count() >= 0 && o.hold <= routing::hold_max);
    require(!o.retry_after || o.retry_after->count() >= 0);
  }
  const auto text = net::to_json(made);
  auto again = reader.read_reserve(text);
  require(again && again->made.size() == 1 && same(made, again->made[0]));
  require(net::to_json(again->made[0]) == text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static net::reservation_reader kept; // Dirty from all inputs before this one.
  net::reservation_reader fresh;
  const std::string_view payload{reinterpret_cast<const char*>(data), size};
  auto first = kept.read_reserve(payload);
  auto second = fresh.read_reserve(payload);
  require(first.reason() == second.reason());
  if (first) {
    require(!first->made.empty() && first->made.size() == second->made.size());
    require(first->ttl.count() >= 0 && first->ttl <= net::reserve_ttl_max);
    for (const auto& made : first->made)
      look_at(made, kept);
  }
  auto removed = kept.read_unreserve(payload);
  require(!first || (removed && removed->routes.size() == first->made.size()));
  return 0;
}
