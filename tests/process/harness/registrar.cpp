#include "tests/process/harness/registrar.hpp"

namespace shunt::test {

registrar::registrar(const std::string& url) : connection_{connect_to_nats(url, 5ms)} {
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
  check_nats(natsConnection_Publish(connection_.get(), subject.c_str(), payload.data(),
                                    static_cast<int>(payload.size())),
             "publish");
  // While the server is away, messages wait in the client; so does this.
  eventually(
    [this] { return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED; });
  check_nats(natsConnection_FlushTimeout(connection_.get(), slowed(step_time).count()), "flush");
}

std::optional<std::string> registrar::request(const std::string& subject,
                                              const std::string& payload, milliseconds time) {
  return ask_nats(*connection_, subject.c_str(), payload, slowed(time));
}

void registrar::listen(const std::string& subject) {
  natsSubscription* subscription = nullptr;
  check_nats(natsConnection_SubscribeSync(&subscription, connection_.get(), subject.c_str()),
             "subscribe");
  subscription_.reset(subscription);
  check_nats(natsConnection_FlushTimeout(connection_.get(), slowed(step_time).count()), "flush");
}

std::optional<std::string> registrar::next(milliseconds time) {
  natsMsg* message = nullptr;
  if (natsSubscription_NextMsg(&message, subscription_.get(), slowed(time).count()) != NATS_OK)
    return std::nullopt;
  const std::unique_ptr<natsMsg, nats_closer> owned{message};
  return text_of(message);
}

} // namespace shunt::test
