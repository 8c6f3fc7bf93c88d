// How old collectors find a router: it says on NATS what `/varz` shows, once at its start (`vcap.component.announce`) and to
// whoever asks (`vcap.component.discover`). Anybody there may ask, so only a few are answered in a second.
#pragma once

#include "net/component_log.hpp"
#include "net/log_limiter.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace shunt::app {

class component_discovery {
public:
  static constexpr std::string_view discover_subject = "vcap.component.discover";
  static constexpr std::string_view announce_subject = "vcap.component.announce";
  static constexpr unsigned answers_per_second = 4;

  /// Has a document made, and told on any thread, perhaps later than everything here has gone.
  using document_source = std::function<void(std::function<void(const std::string&)> tell)>;
  /// Does not wait, as it is called where the document is told. Whether there was room for it.
  using publish_soon = std::function<bool(std::string_view subject, std::string_view payload)>;

  /// `log` outlives this.
  component_discovery(document_source ask, publish_soon publish, net::component_log& log);

  void announce();
  /// Somebody asked, and waits for the answer at `reply`; empty: nobody does.
  void asked(std::string_view reply, std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());

private:
  void tell(std::string_view subject);

  document_source ask_;
  publish_soon publish_;
  net::component_log& log_;
  net::log_limiter answers_{answers_per_second};
};

} // namespace shunt::app
