#include "app/component_discovery.hpp"

#include <utility>

namespace shunt::app {

component_discovery::component_discovery(document_source ask, publish_soon publish, net::component_log& log)
  : ask_{std::move(ask)}, publish_{std::move(publish)}, log_{log} {
}

void component_discovery::announce() {
  ask_([publish = publish_, &log = log_](const std::string& document) {
    if (publish(announce_subject, document))
      log.info({}, "Component Router registered successfully");
  });
}

void component_discovery::asked(std::string_view reply, std::chrono::steady_clock::time_point now) {
  const auto left_out = answers_.admit(now);
  if (!left_out)
    return;
  if (reply.empty())
    log_.info({}, std::string{"Received message with empty reply on subject "}.append(discover_subject),
              {{"suppressed", *left_out}});
  else
    tell(reply);
}

void component_discovery::tell(std::string_view subject) {
  ask_([publish = publish_, to = std::string{subject}](const std::string& document) { publish(to, document); });
}

} // namespace shunt::app
