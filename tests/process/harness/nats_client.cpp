#include "tests/process/harness/nats_client.hpp"

#include <stdexcept>

namespace shunt::test {

void check_nats(natsStatus status, const char* what) {
  if (status != NATS_OK)
    throw std::runtime_error(std::string{what} + ": " + natsStatus_GetText(status));
}

nats_connection connect_to_nats(const std::string& url, milliseconds reconnect_wait) {
  natsOptions* options = nullptr;
  check_nats(natsOptions_Create(&options), "natsOptions_Create");
  const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> owned{options,
                                                                           natsOptions_Destroy};
  check_nats(natsOptions_SetURL(options, url.c_str()), "natsOptions_SetURL");
  check_nats(natsOptions_SetMaxReconnect(options, -1), "natsOptions_SetMaxReconnect");
  check_nats(natsOptions_SetReconnectWait(options, reconnect_wait.count()),
             "natsOptions_SetReconnectWait");
  check_nats(natsOptions_SetReconnectJitter(options, 0, 0), "natsOptions_SetReconnectJitter");
  natsConnection* connection = nullptr;
  check_nats(natsConnection_Connect(&connection, options), "natsConnection_Connect");
  return nats_connection{connection};
}

std::string text_of(natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

std::optional<std::string> ask_nats(natsConnection& connection, const char* subject,
                                    const std::string& payload, milliseconds time) {
  natsMsg* answer = nullptr;
  if (natsConnection_RequestString(&answer, &connection, subject, payload.c_str(), time.count())
      != NATS_OK)
    return std::nullopt;
  const std::unique_ptr<natsMsg, nats_closer> owned{answer};
  return text_of(answer);
}

} // namespace shunt::test
