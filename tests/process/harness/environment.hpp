// A variable that the children of a test find in their environment, for as long as this lives.
#pragma once

#include <cstdlib>
#include <string>

namespace shunt::test {

class environment_variable {
public:
  environment_variable(std::string name, const std::string& value) : name_{std::move(name)} {
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~environment_variable() { unsetenv(name_.c_str()); }

  environment_variable(const environment_variable&) = delete;
  environment_variable& operator=(const environment_variable&) = delete;

private:
  std::string name_;
};

} // namespace shunt::test
