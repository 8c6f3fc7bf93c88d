// Routes and tokens come from other programs. Whatever the bytes and however they are cut: the same
// objects of the list, each a route within its bounds or a reason, and no token that could end a
// header field.
#include "net/json_elements.hpp"
#include "net/routing_api_route.hpp"
#include "net/routing_api_token.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

using namespace shunt;

constexpr std::size_t element_bytes_max = 2000;

void require(bool holds) {
  if (!holds)
    std::abort();
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(
    text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void look_at(std::string_view json, net::routing_api_reader& kept) {
  net::routing_api_reader fresh;
  const auto first = kept.read(json);
  const auto second = fresh.read(json);
  require(first.reason() == second.reason());
  if (!first)
    return;
  require(first->route == second->route && first->port == second->port);
  require(!first->route.empty() && !has_control(first->route) && !has_control(first->ip));
  require(!has_control(first->log_guid) && !has_control(first->modification_guid));
  if (const auto made = net::make_registration(*first, true))
    require(made->unregister && made->target && !made->host().empty());
}

std::vector<std::string> cut(std::string_view bytes, std::size_t piece, bool& complete) {
  net::json_elements array{element_bytes_max};
  std::vector<std::string> found;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    auto some = bytes.substr(at, piece);
    while (const auto element = array.next(some))
      found.emplace_back(*element);
  }
  complete = array.complete();
  require(!complete || array.error().empty());
  return found;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static net::routing_api_reader kept; // Dirty from all inputs before this one.
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  look_at(bytes, kept);
  bool whole_complete = false;
  bool pieces_complete = false;
  const auto whole = cut(bytes, std::max<std::size_t>(size, 1), whole_complete);
  const auto pieces = cut(bytes, 1 + size % 16, pieces_complete);
  require(whole == pieces && whole_complete == pieces_complete);
  for (const auto& element : whole) {
    require(element.size() <= element_bytes_max && element.front() == '{');
    look_at(element, kept);
  }
  if (const auto read = net::read_token(bytes); read.token)
    require(!read.token->text.empty() && !has_control(read.token->text)
            && read.token->expires_in.count() >= 0);
  return 0;
}
