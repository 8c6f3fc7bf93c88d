#include "app/start_facts.hpp"

#include "net/backend_tls.hpp"
#include "net/front_tls.hpp"
#include "net/system_certificates.hpp"

namespace shunt::app {

start_facts read_start_facts(const config::settings& settings) {
  start_facts read{.rules = policy{settings}, .status_tls = nullptr, .metrics_tls = nullptr};
  const auto system_cas = net::read_system_certificates();
  if (settings.enable_ssl)
    read.rules.front_tls = net::front_tls::for_clients(settings, system_cas);
  read.rules.backend_tls = net::backend_tls::make(settings, system_cas);
  if (!settings.status.tls.certificate.empty())
    read.status_tls = net::front_tls::for_status(settings);
  if (settings.prometheus_served() && !settings.prometheus.cert_path.empty())
    read.metrics_tls = net::front_tls::for_prometheus(settings);
  return read;
}

} // namespace shunt::app
