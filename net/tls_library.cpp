#include "net/tls_library.hpp"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <mutex>
#include <new>
#include <vector>

namespace shunt::net {

namespace {

OSSL_LIB_CTX* make_library() {
  auto* made = OSSL_LIB_CTX_new();
  if (made == nullptr)
    throw std::bad_alloc{};
  if (auto* file = CONF_get1_default_config_file(); file != nullptr) {
    OSSL_LIB_CTX_load_config(made, file); // There may be none, which is as good.
    OPENSSL_free(file);
  }
  ERR_clear_error();
  return made;
}

} // namespace

OSSL_LIB_CTX* tls_library(std::size_t lane) {
  static std::mutex guard;
  static auto& made = *new std::vector<OSSL_LIB_CTX*>; // Nor is this, so that they are not lost.
  const std::lock_guard lock{guard};
  while (made.size() <= lane)
    made.push_back(make_library());
  return made[lane];
}

} // namespace shunt::net
