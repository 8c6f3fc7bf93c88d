// Whether every node serves every route, by what each answered when it was asked for them.
#pragma once

#include <map>
#include <string>

namespace shunt::chaos {

/// Statuses by node and route; 0: no answer.
using answers_by_node = std::map<int, std::map<int, int>>;

/// Empty if nodes were asked and every answer is 2xx. Otherwise what is not so, of the first node of which it is not.
std::string unserved(const answers_by_node& answers);

/// Whether one of them says that a route does not exist: to ask again would only hide it.
bool denies(const answers_by_node& answers);

} // namespace shunt::chaos
