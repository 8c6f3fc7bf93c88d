// The bus's public face; everything happens in its core.
#include "net/nats_bus.hpp"

#include "net/nats_core.hpp"

#include <utility>

namespace shunt::net {

void check_nats_options(const nats_options& options) {
  make_client_options(options);
}

nats_bus::nats_bus(nats_options options, registry_handler& handler, component_log& log,
                   std::shared_ptr<standstill> pauses)
  : core_(std::make_shared<nats_core>(std::move(options), handler, log, std::move(pauses))) {
}

nats_bus::~nats_bus() {
  core_->stop();
}

void nats_bus::connect() {
  core_->connect();
}

void nats_bus::start() {
  core_->start();
}

void nats_bus::stop() noexcept {
  core_->stop();
}

void nats_bus::use(nats_options options) {
  core_->use(std::move(options));
}

bool nats_bus::announce() noexcept {
  return core_->announce();
}

bool nats_bus::connected() const noexcept {
  return core_->connected();
}

bool nats_bus::publish(std::string_view subject, std::string_view payload) noexcept {
  return core_->publish(subject, payload);
}

bool nats_bus::publish_soon(std::string_view subject, std::string_view payload) noexcept {
  return core_->publish_soon(subject, payload);
}

bool nats_bus::flush(std::chrono::milliseconds patience) noexcept {
  return core_->flush(patience);
}

std::string nats_bus::address() const {
  return core_->address();
}

std::uint64_t nats_bus::buffered_messages() const noexcept {
  return core_->buffered_messages();
}

std::uint64_t nats_bus::total_dropped_messages() const noexcept {
  return core_->dropped_messages();
}

std::uint64_t nats_bus::received_messages() const noexcept {
  return core_->received_messages();
}

} // namespace shunt::net
