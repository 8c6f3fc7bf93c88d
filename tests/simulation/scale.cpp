#include "scale_world.hpp"

namespace shunt::simulation {

namespace {

/// Of the whole cluster, until it is brought down to a node and a second.
scale_phase between(const scale_totals& before, const scale_totals& after, double parts) {
  scale_phase p;
  for (std::size_t i = 0; i < p.flows.size(); ++i) {
    p.flows[i].bytes = (after.flows[i].bytes - before.flows[i].bytes) / parts;
    p.flows[i].messages = (after.flows[i].messages - before.flows[i].messages) / parts;
  }
  return p;
}

} // namespace

scale_result measure_scale(const scale_options& what, const std::function<void(const std::string&)>& note) {
  scale_world world{what};
  scale_result result{what, world.sampled_shards(), world.sampled_borrowers(), world.shards_held_max(), {}};
  const auto nodes = static_cast<double>(what.nodes);
  const auto measure = [&](const std::string& name, nanoseconds lasts) {
    note(name);
    const auto before = world.totals();
    world.run_for(lasts);
    const auto seconds = std::chrono::duration<double>(lasts).count();
    auto p = between(before, world.totals(), nodes * seconds);
    p.name = name;
    p.seconds = seconds;
    p.repairs = (world.totals().repairs - before.repairs) / nodes / seconds;
    p.doubts = world.totals().doubts - before.doubts;
    p.nats.messages = (world.totals().published - before.published) / seconds;
    p.nats.bytes = (world.totals().published_bytes - before.published_bytes) / seconds;
    p.nats_for_it = p.nats.messages * static_cast<double>(world.holders()) / nodes;
    world.count_hosts(p);
    result.phases.push_back(std::move(p));
  };
  note("starts");
  world.start();
  world.run_for(10s);
  measure("still", 10s);
  world.change(true);
  world.run_for(2s);
  measure("changes", 10s);
  world.change(false);
  world.run_for(2s);
  if (what.nodes > 2) {
    note("one link cut");
    world.cut_link();
    world.run_for(3s); // Until it is noticed, and what follows has been told.
    const auto before = world.of_parted();
    world.run_for(5s);
    auto p = between(before, world.of_parted(), 5);
    p.name = "one link cut";
    p.seconds = 5;
    result.phases.push_back(std::move(p));
    world.mend_link();
    world.run_for(3s);
  }
  note("joins");
  const auto began = world.now();
  world.join();
  for (int i = 0; i < 200 && !world.has_joined(); ++i)
    world.run_for(100ms);
  world.run_for(2s);
  auto p = between({}, world.of_newcomer(), 1);
  p.name = world.has_joined() ? "joins" : "does not join";
  p.seconds = std::chrono::duration<double>(world.now() - began - 2s).count();
  result.phases.push_back(std::move(p));
  return result;
}

} // namespace shunt::simulation
