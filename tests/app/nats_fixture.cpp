// Starts the server, learns its port from its own log line, and listens before any test begins.
#include "tests/app/nats_fixture.hpp"

#include <csignal>
#include <stdexcept>

namespace shunt::test {
namespace {

void check(natsStatus status) {
  if (status != NATS_OK)
    throw std::runtime_error(natsStatus_GetText(status));
}

constexpr std::string_view port_announcement = "client connections on 127.0.0.1:";

} // namespace

NatsFixture::NatsFixture() {
  start_server();
  natsOptions* options = nullptr;
  check(natsOptions_Create(&options));
  check(natsOptions_SetURL(options, url().c_str()));
  check(natsOptions_SetMaxReconnect(options, -1));
  check(natsOptions_SetReconnectWait(options, 10));
  check(natsConnection_Connect(&connection_, options));
  natsOptions_Destroy(options);
  check(natsConnection_SubscribeSync(&registered_, connection_, "router.register"));
  check(natsConnection_SubscribeSync(&unregistered_, connection_, "router.unregister"));
  check(natsConnection_SubscribeSync(&greeted_, connection_, "router.greet"));
  check(natsConnection_Flush(connection_));
}

NatsFixture::~NatsFixture() {
  for (auto* subscription : {registered_, unregistered_, greeted_})
    natsSubscription_Destroy(subscription);
  natsConnection_Destroy(connection_);
}

void NatsFixture::start_server() {
  server_ = std::make_unique<child>(
    std::vector<std::string>{"nats-server", "-a", "127.0.0.1", "-p", port_});
  if (!server_->wait_for_output("Server is ready", patience))
    throw std::runtime_error("nats-server: " + server_->output());
  const auto& log = server_->output();
  const auto at = log.find(port_announcement) + port_announcement.size();
  port_ = log.substr(at, log.find_first_not_of("0123456789", at) - at);
}

void NatsFixture::stop_server() {
  server_->signal(SIGTERM);
  ASSERT_TRUE(server_->wait_for_exit(patience));
}

void NatsFixture::publish(const std::string& subject, const std::string& text) {
  check(natsConnection_PublishString(connection_, subject.c_str(), text.c_str()));
  check(natsConnection_FlushTimeout(connection_, 5000));
}

heard NatsFixture::next(natsSubscription* from) {
  natsMsg* message = nullptr;
  const auto wait = std::chrono::milliseconds{patience}.count();
  if (natsSubscription_NextMsg(&message, from, wait) != NATS_OK)
    return {};
  const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> owned{message, natsMsg_Destroy};
  const auto* text = natsMsg_GetData(message);
  const auto* reply = natsMsg_GetReply(message);
  const auto size = static_cast<std::size_t>(natsMsg_GetDataLength(message));
  return {nlohmann::json::parse(text, text + size, nullptr, false), reply ? reply : ""};
}

} // namespace shunt::test
