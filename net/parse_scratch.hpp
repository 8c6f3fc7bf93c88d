// The memory that reading registrations needs, kept from one message to the next. One per thread
// that reads them.
#pragma once

#include <memory>

namespace shunt::net {

class parse_scratch {
public:
  parse_scratch();
  ~parse_scratch();
  parse_scratch(parse_scratch&&) noexcept;
  parse_scratch& operator=(parse_scratch&&) noexcept;

  struct memory; ///< Known to registry_message.cpp alone, so that nobody else sees the JSON
                 ///< library.
  memory& get() noexcept { return *memory_; }

private:
  std::unique_ptr<memory> memory_;
};

} // namespace shunt::net
