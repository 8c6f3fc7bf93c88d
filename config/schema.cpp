// Joins the parts of the schema.
#include "config/schema.hpp"

#include <utility>

namespace shunt::config {

const schema_of<settings>& settings_schema() {
  static const auto all = [] {
    schema_of<settings> joined;
    for (auto* part : {listener_fields, tls_fields, backend_fields, route_fields, cluster_fields,
                       operation_fields})
      for (auto& row : part())
        joined.push_back(std::move(row));
    return joined;
  }();
  return all;
}

} // namespace shunt::config
