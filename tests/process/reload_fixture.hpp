// A router whose file is changed while it runs, and words for what its log says of that.
#pragma once

#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shunt::test {

inline const tls_kit::minted& certificate(const std::string& name) {
  static std::map<std::string, tls_kit::minted> all;
  const auto found = all.find(name);
  return found != all.end()
           ? found->second
           : all.emplace(name, tls_kit::mint({.common_name = name, .dns = {"app.test"}}))
               .first->second;
}

class Reload : public testing::Test {
protected:
  void start(const nlohmann::json& overrides = nlohmann::json::object()) {
    stage_ = std::make_unique<stage>(overrides);
  }
  stage& here() { return *stage_; }
  router& under_test() { return here().under_test; }

  /// Reads the file again, as it is, and returns what the log says of that: the line itself, with
  /// `after` lines of the same kind before it.
  nlohmann::json reread(const std::string& outcome) {
    const auto before = lines(outcome).size();
    under_test().process().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return lines(outcome).size() > before; }))
      << "no " << outcome << ":\n"
      << under_test().log_tail();
    const auto all = lines(outcome);
    return all.empty() ? nlohmann::json::object() : all.back().at("data");
  }
  nlohmann::json reload(const nlohmann::json& overrides) {
    under_test().configure(overrides);
    return reread("configuration-reloaded");
  }
  nlohmann::json refused(const nlohmann::json& overrides) {
    under_test().configure(overrides);
    return reread("configuration-refused");
  }
  std::vector<nlohmann::json> lines(const std::string& message) {
    std::vector<nlohmann::json> found;
    for (auto& entry : under_test().log())
      if (entry.value("message", "") == message)
        found.push_back(std::move(entry));
    return found;
  }
  /// What `open_connections` need, and `more`.
  static nlohmann::json usual(const nlohmann::json& more = nlohmann::json::object()) {
    auto all = tls_front({&certificate("old")}, {{"enable_http2", true}});
    all.merge_patch(more);
    return all;
  }
  std::string shown_certificate() {
    return tls_client{under_test().tls_port()}.handshake().peer_name;
  }

  backend there; // Outlives the router, so that what the router still carries is not cut here.

private:
  std::unique_ptr<stage> stage_;
};

} // namespace shunt::test
