#include "app/start_facts.hpp"

#include "net/backend_tls.hpp"
#include "net/front_tls.hpp"
#include "net/system_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>

namespace shunt::app {

namespace {

// -- What files say

static_assert(std::tuple_size_v<file_digest> == SHA256_DIGEST_LENGTH);

constexpr std::size_t file_bytes_max = 16u << 20; ///< Far more than anybody takes from one.

file_digest digest_of(std::string_view text) {
  file_digest made;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), made.data());
  return made;
}

void append(std::string& to, const file_digest& one) {
  to.append(one.begin(), one.end());
}

/// Empty if it cannot be read, which whoever needs it complains of.
std::string beginning_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text;
  std::array<char, 16 * 1024> some;
  do {
    file.read(some.data(), some.size());
    text.append(some.data(), static_cast<std::size_t>(file.gcount()));
  } while (file && text.size() < file_bytes_max);
  return text;
}

file_digest digest_files(const config::settings& s, const net::certificate_list& system_cas) {
  std::string all;
  for (const auto* path : {&s.html_error_template_file, &s.prometheus.cert_path, &s.prometheus.key_path,
                           &s.prometheus.ca_path, &s.oauth.ca_certs})
    append(all, digest_of(path->empty() ? std::string{} : beginning_of(*path)));
  for (const auto& ca : system_cas) {
    file_digest one{};
    X509_digest(ca.get(), EVP_sha256(), one.data(), nullptr);
    append(all, one);
  }
  return digest_of(all);
}

// -- What is made of them

/// Null without a secret.
std::shared_ptr<const route_service_rules>
read_route_service_rules(const config::settings& settings, const net::certificate_list& system_cas) {
  if (settings.route_services_secret.empty())
    return nullptr;
  route_service_rules rules{
    .key = routing::signature_key{settings.route_services_secret},
    .previous_key = std::nullopt,
    .tls = net::backend_tls::for_route_services(settings, system_cas),
    .attempts_max = static_cast<std::size_t>(std::max<std::int64_t>(settings.route_services.max_attempts, 1))};
  if (!settings.route_services_secret_decrypt_only.empty())
    rules.previous_key.emplace(settings.route_services_secret_decrypt_only);
  return std::make_shared<const route_service_rules>(std::move(rules));
}

/// The store itself is opened by whoever keeps something in it, and waited for if that fails at first. But
/// a path that is wrong is wrong for ever.
void check_store(const std::string& path) {
  if (path.empty())
    return;
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::absolute(path).parent_path(), ignored))
    throw std::runtime_error{std::string{"store.path: "}.append(path).append(
      ": its directory is not there, or cannot be read")};
}

} // namespace

start_facts read_start_facts(const config::settings& settings) {
  start_facts read;
  const auto system_cas = net::read_system_certificates();
  read.files = digest_files(settings, system_cas); // First: of a file that changes now, the next reload takes notice.
  const auto rules = std::make_shared<policy>(settings);
  read.rules = rules;
  check_store(settings.store.path);
  if (settings.enable_ssl)
    rules->front_tls = net::front_tls::for_clients(
      settings, system_cas, settings.loop_count(std::thread::hardware_concurrency()));
  rules->backend_tls = net::backend_tls::make(settings, system_cas);
  rules->route_services = read_route_service_rules(settings, system_cas);
  if (!settings.status.tls.certificate.empty())
    read.status_tls = net::front_tls::for_status(settings);
  if (settings.prometheus_served() && !settings.prometheus.cert_path.empty())
    read.metrics_tls = net::front_tls::for_prometheus(settings);
  if (const auto& tls = settings.cluster.tls; settings.cluster.enabled() && tls.active())
    read.cluster_tls = cluster::peer_tls::make(
      {.ca_certs = tls.ca_certs, .cert_chain = tls.cert_chain, .private_key = tls.private_key});
  return read;
}

} // namespace shunt::app
