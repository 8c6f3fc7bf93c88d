// What the status ports are shown as credentials. Whatever is read from it must be what was encoded, and
// name nobody else.
#include "app/basic_auth.hpp"

#include <openssl/evp.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace shunt::app;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

std::string encoded(std::string_view text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int bytes = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(bytes));
  return out;
}

void check_read(std::string_view value, std::string_view credentials) {
  const auto text = value.substr(value.find(' ') + 1);
  const auto again = encoded(credentials);
  // Bits that stand for nothing are ignored; all before them say the same.
  require(again.size() == text.size());
  const auto last = text.find_last_not_of('=');
  require(std::string_view{again}.substr(0, last) == text.substr(0, last));
  for (auto colon = credentials.find(':'); colon != credentials.npos;
       colon = credentials.find(':', colon + 1)) {
    const auto user = credentials.substr(0, colon), password = credentials.substr(colon + 1);
    require(is_authorized(value, user, password));
    require(!is_authorized(value, std::string{user} + "x", password));
    require(!is_authorized(value, user, std::string{password} + "x"));
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (const auto read = basic_credentials(bytes))
    check_read(bytes, *read);
  else
    require(!is_authorized(bytes, "", "") && !is_authorized(bytes, "user", "password"));
  if (size > 0 && size <= 6'000) { // Any user and password can be said.
    const auto spelt = std::string{"Basic "}.append(encoded(bytes));
    require(basic_credentials(spelt) == bytes);
  }
  return 0;
}
