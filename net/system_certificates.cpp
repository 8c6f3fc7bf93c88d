// Where distributions keep their certificate authorities.
#include "net/system_certificates.hpp"

#include "net/tls_certificates.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

namespace {

namespace fs = std::filesystem;

/// Far above any bundle, below what would hurt.
constexpr std::uintmax_t file_bytes_max = 16u << 20;

constexpr std::array<const char*, 6> bundles{
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine
  "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora
  "/etc/ssl/ca-bundle.pem",             // openSUSE
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS 7
  "/etc/ssl/cert.pem",
};

bool by_content(const certificate_ptr& a, const certificate_ptr& b) {
  return X509_cmp(a.get(), b.get()) < 0;
}

bool same_content(const certificate_ptr& a, const certificate_ptr& b) {
  return X509_cmp(a.get(), b.get()) == 0;
}

/// Whether there was such a file.
bool add_file(const fs::path& path, certificate_list& out) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > file_bytes_max)
    return false;
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return false;
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  auto found = read_certificates(text).list;
  std::move(found.begin(), found.end(), std::back_inserter(out));
  return true;
}

/// OpenSSL's links by hash stand beside the files they name, which are read anyway.
bool is_link_to_neighbour(const fs::directory_entry& entry) {
  std::error_code error;
  return entry.is_symlink(error) && !fs::read_symlink(entry.path(), error).has_parent_path();
}

void add_directory(const fs::path& path, certificate_list& out) {
  std::error_code error;
  for (fs::directory_iterator at{path, error}, end; !error && at != end; at.increment(error))
    if (!is_link_to_neighbour(*at))
      add_file(at->path(), out);
}

void add_directories(std::string_view paths, certificate_list& out) {
  while (!paths.empty()) {
    const auto end = std::min(paths.find(':'), paths.size());
    add_directory(fs::path{paths.substr(0, end)}, out);
    paths.remove_prefix(std::min(end + 1, paths.size()));
  }
}

void add_bundle(certificate_list& out) {
  for (const auto* path : bundles)
    if (add_file(path, out))
      return;
}

} // namespace

certificate_list read_system_certificates() {
  certificate_list result;
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != '\0')
    add_file(file, result);
  else
    add_bundle(result);
  const char* directories = std::getenv("SSL_CERT_DIR");
  if (directories != nullptr && *directories != '\0')
    add_directories(directories, result);
  else
    add_directory("/etc/ssl/certs", result);
  std::sort(result.begin(), result.end(), by_content);
  result.erase(std::unique(result.begin(), result.end(), same_content), result.end());
  return result;
}

} // namespace shunt::net
