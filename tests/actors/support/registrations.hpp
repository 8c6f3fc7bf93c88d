// Registrations as the registrar hands them to shards, without the JSON.
#pragma once

#include "actors/protocol.hpp"

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

namespace shunt::test {

using shape_endpoint = std::function<void(routing::endpoint_spec&)>;

/// Of an endpoint at 127.0.0.1, unless `shape` says otherwise.
inline routing::registration registered(std::string uri, std::uint16_t port,
                                        const shape_endpoint& shape = {}) {
  routing::endpoint_spec spec;
  spec.host = "127.0.0.1";
  spec.port = port;
  if (shape)
    shape(spec);
  return routing::registration::make(false, routing::endpoint::make(spec), std::move(uri));
}

inline routing::registration unregistered(std::string uri, std::uint16_t port) {
  auto heard = registered(std::move(uri), port);
  heard.unregister = true;
  return heard;
}

inline registration_batch batch_of(std::initializer_list<routing::registration> heard) {
  return {std::make_shared<std::vector<routing::registration>>(heard), nullptr};
}

} // namespace shunt::test
