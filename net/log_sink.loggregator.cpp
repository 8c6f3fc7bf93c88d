// The access log's way to Loggregator: each line of a request to an app is a message of the app's log. Events about
// requests go the same way, since they say the same.
#include "net/log_sink.hpp"
#include "net/metron.hpp"

#include "config/settings.hpp"
#include "routing/access_line.hpp"
#include "routing/envelope.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace shunt::net {

namespace {

std::int64_t unix_ns() {
  return std::chrono::nanoseconds{std::chrono::system_clock::now().time_since_epoch()}.count();
}

class loggregator_sink final : public log_sink {
public:
  loggregator_sink(const config::settings& settings, std::shared_ptr<metron> agent)
    : log_sink{"loggregator", nullptr}, rules_{settings}, instance_{std::to_string(settings.index)},
      agent_{std::move(agent)} {}

  bool takes_lines() const override { return rules_.lines; }

  void take(const routing::access_record& record, const routing::access_format& format,
            std::string_view line) override {
    const bool attempt = record.kind == routing::record_kind::attempt;
    if (rules_.lines && !attempt && !record.app_id.empty())
      send_line(record, format, line);
    if ((attempt ? rules_.attempts : rules_.requests) && agent_->hears(metron::clock::now())) {
      routing::write_start_stop(envelope_, record, unix_ns());
      agent_->send(envelope_);
    }
  }

  void write(std::string_view) override {} // It has taken them.
  void reopen() override {}
  bool tend() override { return false; }
  bool flush(std::chrono::milliseconds) override { return true; }

private:
  void send_line(const routing::access_record& record, const routing::access_format& format, std::string_view line) {
    if (line.size() > routing::short_line_bytes) {
      short_line_.clear();
      routing::append_short_line(short_line_, record, format);
      line = short_line_;
      line.remove_suffix(1); // Its end.
    }
    routing::write_log_line(envelope_, line, record, instance_, unix_ns());
    agent_->send(envelope_);
  }

  const loggregator_rules rules_;
  const std::string instance_;
  const std::shared_ptr<metron> agent_;
  std::string envelope_;
  std::string short_line_;
};

} // namespace

std::shared_ptr<log_sink> open_loggregator_sink(const config::settings& settings, std::shared_ptr<metron> agent) {
  return std::make_shared<loggregator_sink>(settings, std::move(agent));
}

} // namespace shunt::net
