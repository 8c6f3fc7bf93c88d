// Credentials of the status ports.
#include "app/basic_auth.hpp"

#include <gtest/gtest.h>

namespace shunt::app {
namespace {

TEST(BasicAuth, ReadsWhatWasEncoded) {
  EXPECT_EQ(basic_credentials("Basic dGVzdGVyOnNlY3JldA=="), "tester:secret");
  EXPECT_EQ(basic_credentials("Basic dTpwOnE="), "u:p:q");
  EXPECT_EQ(basic_credentials("Basic dTpw"), "u:p");
  EXPECT_EQ(basic_credentials("Basic Og=="), ":");
}

TEST(BasicAuth, IsOfOneFormOnly) {
  for (const std::string value :
       {"", "Basic", "Basic ", "basic dTpw", "Bearer dTpw", "dTpw", " Basic dTpw", "Basic  dTpw",
        "Basic dTpw ", "Basic dTpwOnE", "Basic dTpwOnE==", "Basic ====", "Basic =dTp", "Basic dT=w",
        "Basic d===", "Basic dTp\n", "Basic     dTpw", "Basic dTpw    ", "Basic dT-_"})
    EXPECT_EQ(basic_credentials(value), std::nullopt) << value;
  EXPECT_TRUE(basic_credentials("Basic " + std::string(8192, 'A')));
  EXPECT_FALSE(basic_credentials("Basic " + std::string(8196, 'A')));
}

TEST(BasicAuth, NamesOneUser) {
  EXPECT_TRUE(is_authorized("Basic dTpwOnE=", "u", "p:q"));
  EXPECT_TRUE(is_authorized("Basic dTpwOnE=", "u:p", "q"));
  EXPECT_TRUE(is_authorized("Basic Og==", "", ""));
  for (const auto& [user, password] : {std::pair{"u", "p"}, {"u", "q"}, {"U", "p:q"}, {"", ""}, {"", "u:p:q"}})
    EXPECT_FALSE(is_authorized("Basic dTpwOnE=", user, password)) << user << ' ' << password;
  EXPECT_FALSE(is_authorized("", "", ""));
}

} // namespace
} // namespace shunt::app
