#include "app/active_apps.hpp"

#include "net/label_table.hpp"

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <new>
#include <string_view>

namespace shunt::app {

namespace {

std::string compressed(std::string_view text) {
  auto size = compressBound(text.size());
  std::string made(size, '\0');
  const auto done = compress(reinterpret_cast<Bytef*>(made.data()), &size,
                             reinterpret_cast<const Bytef*>(text.data()), text.size());
  if (done != Z_OK) // There is room enough, so nothing else can be wrong.
    throw std::bad_alloc{};
  made.resize(size);
  return made;
}

} // namespace

std::vector<std::string> active_apps::used(const counts& now) const {
  std::vector<std::string> apps;
  for (const auto& [app, requests] : now) {
    const auto before = told_.find(app);
    if (app != net::label_table::other_text && requests > (before == told_.end() ? 0 : before->second))
      apps.push_back(app);
  }
  return apps;
}

std::string active_apps_message(const std::vector<std::string>& apps) {
  const nlohmann::json ids(apps);
  return compressed(ids.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

} // namespace shunt::app
