// What a loop keeps of route services: where each one is, so that its connections are shared by all
// requests, and the ciphers that sign and open. Loop's thread only.
#pragma once

#include "actors/policy.hpp"
#include "routing/leased_endpoint.hpp"
#include "routing/route_service_url.hpp"

#include <boost/smart_ptr/local_shared_ptr.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace shunt {

struct route_service_target {
  routing::route_service_url url;
  routing::leased_endpoint_ptr endpoint; ///< As if it were the only instance of an app.
};
using route_service_ptr = boost::local_shared_ptr<const route_service_target>;

class route_services {
public:
  /// Null if `url` is none that can be asked.
  route_service_ptr find(std::string_view url);
  /// The internal listener on that port, where services are asked that are routes of this router.
  routing::leased_endpoint& internal(std::uint16_t port);
  /// By the secrets of `rules`.
  routing::signature_codec& codec(const std::shared_ptr<const route_service_rules>& rules);

private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  /// Urls come from registrations. Beyond so many, all are taken apart anew.
  static constexpr std::size_t targets_max = 4096;
  std::unordered_map<std::string, route_service_ptr, hash, std::equal_to<>> targets_;
  routing::leased_endpoint_ptr internal_;
  std::shared_ptr<const route_service_rules> codec_of_;
  std::optional<routing::signature_codec> codec_;
};

} // namespace shunt
