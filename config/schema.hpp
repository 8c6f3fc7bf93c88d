// Every key of the configuration file. Tables, and nothing but tables, in the order of the
// reference and of docs/configuration.md.
#pragma once

#include "config/field.hpp"
#include "config/settings.hpp"

namespace shunt::config {

/// All keys. Conditional ones stand after the key that they depend on.
const schema_of<settings>& settings_schema();

// -- Its parts, each in a file of its own

schema_of<settings> listener_fields();
schema_of<settings> tls_fields();
schema_of<settings> backend_fields();
schema_of<settings> route_fields();
schema_of<settings> cluster_fields();
schema_of<settings> operation_fields();

} // namespace shunt::config

/// A row whose key is spelt as the member is. `owner` is the struct.
#define SHUNT_CONFIG_KEY(owner, member, ...)                                                       \
  ::shunt::config::make_field<owner>(                                                              \
    #member, [](auto& s) -> auto& { return s.member; }, __VA_ARGS__)
