#include "tests/process/harness/registrar.hpp"

#include <nats/nats.h>

#include <stdexcept>

namespace shunt::test {
namespace {

void check(natsStatus status, const char* what) {
  if (status != NATS_OK)
    throw std::runtime_error(std::string{what} + ": " + natsStatus_GetText(status));
}

} // namespace

void registrar::closer::operator()(__natsConnection* connection) const {
  natsConnection_Destroy(connection);
}

void registrar::closer::operator()(__natsSubscription* subscription) const {
  natsSubscription_Destroy(subscription);
}

registrar::registrar(const std::string& url) {
  natsOptions* options = nullptr;
  check(natsOptions_Create(&options), "natsOptions_Create");
  const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> owned{options,
                                                                           natsOptions_Destroy};
  check(natsOptions_SetURL(options, url.c_str()), "natsOptions_SetURL");
  check(natsOptions_SetMaxReconnect(options, -1), "natsOptions_SetMaxReconnect");
  check(natsOptions_SetReconnectWait(options, 5), "natsOptions_SetReconnectWait");
  check(natsOptions_SetReconnectJitter(options, 0, 0), "natsOptions_SetReconnectJitter");
  natsConnection* connection = nullptr;
  check(natsConnection_Connect(&connection, options), "natsConnection_Connect");
  connection_.reset(connection);
}

nlohmann::json registration(std::uint16_t port, const std::string& uri,
                            const nlohmann::json& more) {
  nlohmann::json message{{"host", "127.0.0.1"}, {"port", port}, {"uris", {uri}}};
  if (!more.is_null())
    message.merge_patch(more);
  return message;
}

void registrar::announce(std::uint16_t port, const std::string& uri, const nlohmann::json& more) {
  publish("router.register", registration(port, uri, more).dump());
}

void registrar::withdraw(std::uint16_t port, const std::string& uri, const nlohmann::json& more) {
  publish("router.unregister", registration(port, uri, more).dump());
}

void registrar::publish(const std::string& subject, const std::string& payload) {
  check(natsConnection_Publish(connection_.get(), subject.c_str(), payload.data(),
                               static_cast<int>(payload.size())),
        "publish");
  // While the server is away, messages wait in the client; so does this.
  eventually(
    [this] { return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED; });
  check(natsConnection_FlushTimeout(connection_.get(), slowed(step_time).count()), "flush");
}

std::optional<std::string> registrar::request(const std::string& subject,
                                              const std::string& payload, milliseconds time) {
  natsMsg* answer = nullptr;
  const auto status = natsConnection_RequestString(&answer, connection_.get(), subject.c_str(),
                                                   payload.c_str(), slowed(time).count());
  if (status != NATS_OK)
    return std::nullopt;
  std::string text{natsMsg_GetData(answer),
                   static_cast<std::size_t>(natsMsg_GetDataLength(answer))};
  natsMsg_Destroy(answer);
  return text;
}

void registrar::listen(const std::string& subject) {
  natsSubscription* subscription = nullptr;
  check(natsConnection_SubscribeSync(&subscription, connection_.get(), subject.c_str()),
        "subscribe");
  subscription_.reset(subscription);
  check(natsConnection_FlushTimeout(connection_.get(), slowed(step_time).count()), "flush");
}

std::optional<std::string> registrar::next(milliseconds time) {
  natsMsg* message = nullptr;
  if (natsSubscription_NextMsg(&message, subscription_.get(), slowed(time).count()) != NATS_OK)
    return std::nullopt;
  std::string text{natsMsg_GetData(message),
                   static_cast<std::size_t>(natsMsg_GetDataLength(message))};
  natsMsg_Destroy(message);
  return text;
}

} // namespace shunt::test
