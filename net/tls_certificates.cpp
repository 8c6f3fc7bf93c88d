// Reading PEM block by block.
#include "net/tls_certificates.hpp"

#include "config/cat.hpp"

#include <climits>
#include <stdexcept>
#include <tuple>

#include <openssl/err.h>
#include <openssl/pem.h>

namespace shunt::net {

namespace {

bio_ptr reader_of(std::string_view text) {
  if (text.size() > INT_MAX)
    return nullptr;
  return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

/// One block of PEM text.
struct pem_block {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long bytes = 0;

  pem_block() = default;
  pem_block(const pem_block&) = delete;
  pem_block& operator=(const pem_block&) = delete;
  ~pem_block() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(bytes)); // It may have been a key.
  }

  bool read(BIO* from) { return PEM_read_bio(from, &name, &header, &data, &bytes) == 1; }
  bool is_certificate() const { return std::string_view{name} == PEM_STRING_X509; }
};

/// Without this, OpenSSL would ask at the terminal for the passphrase of an encrypted key.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

void add_certificate(const pem_block& block, OSSL_LIB_CTX* library, pem_certificates& out) {
  const unsigned char* at = block.data;
  X509* made = X509_new_ex(library, nullptr);
  const bool read = made != nullptr && d2i_X509(&made, &at, block.bytes) != nullptr;
  certificate_ptr certificate{made}; // What cannot be read has been freed, and is null.
  if (read)
    out.list.push_back(std::move(certificate));
  else
    ++out.unreadable;
}

certificate_stack_ptr above_leaf(certificate_list chain) {
  certificate_stack_ptr above{chain.size() > 1 ? sk_X509_new_null() : nullptr};
  for (std::size_t i = 1; above && i < chain.size(); ++i)
    if (sk_X509_push(above.get(), chain[i].get()) > 0)
      std::ignore = chain[i].release(); // The stack's now.
  return above;
}

bool at_end() {
  return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

} // namespace

pem_certificates read_certificates(std::string_view pem, OSSL_LIB_CTX* library) {
  pem_certificates result;
  const auto bio = reader_of(pem);
  ERR_clear_error();
  // A block that cannot be decoded is consumed as well. The reader's position is looked at only so
  // that no text whatever can keep this going for ever.
  for (auto left = pem.size() + 1; bio && BIO_pending(bio.get()) > 0;) {
    if (const auto now = static_cast<std::size_t>(BIO_pending(bio.get())); now < left)
      left = now;
    else
      break;
    pem_block block;
    if (!block.read(bio.get())) {
      if (at_end())
        break;
      ++result.unreadable;
    } else if (block.is_certificate()) {
      add_certificate(block, library, result);
    }
  }
  ERR_clear_error();
  return result;
}

certified_key read_certified_key(const config::key_pair& pair, std::string_view path,
                                 OSSL_LIB_CTX* library) {
  auto certificates = read_certificates(pair.cert_chain, library);
  if (certificates.list.empty() || certificates.unreadable > 0)
    throw std::runtime_error{config::cat(path, ".cert_chain: holds ",
                                         certificates.list.empty()
                                           ? "no certificate that can be read"
                                           : "a certificate that cannot be read")};
  const auto bio = reader_of(pair.private_key);
  private_key_ptr key{bio ? PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, no_passphrase, nullptr,
                                                       library, nullptr)
                          : nullptr};
  if (!key)
    throw std::runtime_error{config::cat(path, ".private_key: holds no unencrypted private key (",
                                         take_openssl_error(), ")")};
  auto& leaf = certificates.list.front();
  if (X509_check_private_key(leaf.get(), key.get()) != 1)
    throw std::runtime_error{config::cat(path, ".private_key: is not the key of the certificate (",
                                         take_openssl_error(), ")")};
  auto own = std::move(leaf);
  return {std::move(own), std::move(key), above_leaf(std::move(certificates.list))};
}

std::string take_openssl_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown reason";
}

} // namespace shunt::net
