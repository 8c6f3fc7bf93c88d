// What a router says about itself to those who register routes.
#include "net/nats_options.hpp"

#include "net/log_field.hpp"

namespace shunt::net {

std::string to_json(const router_start& start) {
  std::string json = "{\"id\":";
  append_json_string(json, start.id);
  json += ",\"hosts\":[";
  append_json_string(json, start.host);
  json +=
    "],\"minimumRegisterIntervalInSeconds\":" + std::to_string(start.register_interval.count());
  json += ",\"pruneThresholdInSeconds\":" + std::to_string(start.prune_threshold.count());
  return json + '}';
}

} // namespace shunt::net
