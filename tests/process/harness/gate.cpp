#include "tests/process/harness/gate.hpp"

#include "tests/process/harness/answers.hpp"

namespace shunt::test {

void gate::wait(backend_session& session) const {
  eventually([&] { return *open_ || session.stopping(); }, 60s);
}

backend::script gate::holding(std::string target) const {
  return [held = *this, target = std::move(target)](backend_session& session) {
    if (session.request.target == target)
      held.wait(session);
    answers::ok("hello")(session);
  };
}

} // namespace shunt::test
