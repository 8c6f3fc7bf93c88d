// Documents that live as long as the process, for those who configured no store. It outlives the
// actors that use it one after the other, so that a successor finds what its predecessor kept.
#pragma once

#include "cluster/durable_store.hpp"

#include <unordered_map>

namespace shunt::cluster {

class memory_store final : public durable_store {
public:
  void load(const std::function<void(document)>& each) override {
    for (const auto& [key, kept] : documents_)
      each(kept);
  }
  void apply(const document_changes& changes) override {
    if (changes.replace_all)
      documents_.clear();
    for (const auto& key : changes.removed)
      documents_.erase(key);
    for (const auto& each : changes.put)
      documents_.insert_or_assign(each.key, each);
  }
  std::size_t remove_expired(std::int64_t now_ms) override {
    return std::erase_if(
      documents_, [now_ms](const auto& each) { return each.second.expires_at_ms <= now_ms; });
  }

private:
  std::unordered_map<std::string, document> documents_;
};

} // namespace shunt::cluster
