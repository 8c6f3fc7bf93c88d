#include "net/nats_overlap.hpp"

#include "net/payload_hash.hpp"

namespace shunt::net {

void nats_overlap::begin() {
  heard_.clear();
  now_ = phase::hears_both;
}

void nats_overlap::switched(std::size_t waiting) {
  waiting_ = waiting;
  now_ = phase::repeating;
}

void nats_overlap::call_off() {
  if (now_ == phase::hears_both)
    end();
}

void nats_overlap::end() {
  heard_ = {};
  now_ = phase::none;
}

bool nats_overlap::repeats(const nats_message& message) {
  if (now_ == phase::none) [[likely]]
    return false;
  if (now_ == phase::hears_both) {
    if (heard_.size() < noted_max)
      ++heard_[hash_of(message)];
    return false;
  }
  if (waiting_ == 0) {
    end();
    return false;
  }
  --waiting_;
  const auto found = heard_.find(hash_of(message));
  if (found == heard_.end())
    return false;
  if (--found->second == 0)
    heard_.erase(found);
  return true;
}

/// Of all that makes two messages differ. Payloads are read whole, so nothing can be added to one unseen.
routing::message_hash nats_overlap::hash_of(const nats_message& message) const {
  const auto subject = hash_payload(message.subject(), seed_);
  const auto reply = hash_payload(message.reply(), subject.low);
  return hash_payload(message.payload(), reply.low);
}

} // namespace shunt::net
