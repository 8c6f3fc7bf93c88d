// The client library's accessors, with the types of this program.
#include "net/nats_message.hpp"

#include <nats/nats.h>

#include <limits>
#include <new>
#include <string>

namespace shunt::net {

namespace {

std::string_view text_of(const char* text) {
  return text == nullptr ? std::string_view{} : std::string_view{text};
}

} // namespace

nats_message::nats_message(std::string_view subject, std::string_view reply,
                           std::string_view payload) {
  natsMsg* raw = nullptr;
  const std::string to{subject};
  const std::string back{reply};
  if (payload.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())
      || natsMsg_Create(&raw, to.c_str(), back.empty() ? nullptr : back.c_str(), payload.data(),
                        static_cast<int>(payload.size()))
           != NATS_OK)
    throw std::bad_alloc{};
  raw_.reset(raw);
}

std::string_view nats_message::subject() const noexcept {
  return raw_ ? text_of(natsMsg_GetSubject(raw_.get())) : std::string_view{};
}

std::string_view nats_message::reply() const noexcept {
  return raw_ ? text_of(natsMsg_GetReply(raw_.get())) : std::string_view{};
}

std::string_view nats_message::payload() const noexcept {
  if (!raw_)
    return {};
  return {natsMsg_GetData(raw_.get()), static_cast<std::size_t>(natsMsg_GetDataLength(raw_.get()))};
}

void nats_message::destroy::operator()(__natsMsg* raw) const noexcept {
  natsMsg_Destroy(raw);
}

} // namespace shunt::net
