// Everything a test needs around one router: NATS, a registrar and short words for the usual steps.
// A suite shares one stage (`SharedStage`), since starting processes is what takes time.
#pragma once

#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/nats_server.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/registrar.hpp"
#include "tests/process/harness/router.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace shunt::test {

class stage {
public:
  explicit stage(const nlohmann::json& overrides = nlohmann::json::object())
    : bus{nats.url()}, under_test{nats.port(), overrides} {}

  nats_server nats;
  registrar bus;
  router under_test;

  /// Registers and waits until the router's table has it. A host that was never asked for before
  /// is routed from then on; for others see `eventually_answers`.
  void map(const std::string& uri, std::uint16_t port, const nlohmann::json& more = {});
  void map(const std::string& uri, const backend& to, const nlohmann::json& more = {}) {
    map(uri, to.port(), more);
  }
  /// Unregisters and waits until the table shows it.
  void unmap(const std::string& uri, std::uint16_t port, const nlohmann::json& more = {});
  void unmap(const std::string& uri, const backend& to) { unmap(uri, to.port()); }
  /// A host of its own for `to`.
  std::string mapped(const backend& to, const nlohmann::json& more = {});

  /// The response to exactly these bytes, on a connection of their own.
  http_response ask(std::string_view request_bytes, std::string_view method = "GET") const;
  http_response get(std::string_view host, std::string_view path = "/",
                    std::string_view fields = {}) const {
    return ask(get_request(host, path, fields));
  }
  bool eventually_answers(const std::string& host, const std::string& path, int status) const;
};

/// A host that no other test uses.
std::string fresh_host();

/// Fixture: one stage for the suite. `Derived` may hide `configuration()`.
template <class Derived>
class SharedStage : public testing::Test {
protected:
  static nlohmann::json configuration() { return nlohmann::json::object(); }

  static void SetUpTestSuite() { shared_ = std::make_unique<stage>(Derived::configuration()); }
  static void TearDownTestSuite() { shared_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(shared_) << "the suite's router did not start";
    // Without this every later test would wait in vain for what the first crash took away.
    ASSERT_TRUE(shared_->under_test.process().running()) << "the suite's router is dead:\n"
                                                         << shared_->under_test.log_tail();
  }

  static stage& here() { return *shared_; }
  static std::uint16_t port() { return shared_->under_test.port(); }

private:
  inline static std::unique_ptr<stage> shared_;
};

} // namespace shunt::test
