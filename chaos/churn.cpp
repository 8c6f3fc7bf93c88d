#include "chaos/churn.hpp"

namespace shunt::chaos {

churn::churn(const scenario& plan, emitter& bus, journal& notes, std::uint64_t seed)
  : plan_{plan}, bus_{bus}, notes_{notes}, chance_{seed} {
}

void churn::go_on() {
  if (plan_.churn == 0)
    return;
  for (; next_ <= notes_.now(); next_ += nanoseconds{std::chrono::seconds{1}} / plan_.churn)
    change_one();
}

void churn::change_one() {
  std::uniform_int_distribution<int> routes{plan_.routes, plan_.all_routes() - 1};
  std::uniform_int_distribution<int> instances{0, plan_.instances - 1};
  const int route = routes(chance_);
  if (const auto found = mapped_.find(route); found != mapped_.end()) {
    notes_.unmap({route}, found->second);
    bus_.unmap({route}, found->second);
    mapped_.erase(found);
  } else {
    const int instance = instances(chance_);
    notes_.map({route}, instance);
    bus_.map({route}, instance);
    mapped_.emplace(route, instance);
  }
}

} // namespace shunt::chaos
