// Certificates made on the spot, so that no test depends on one that expires.
#pragma once

#include <string>
#include <string_view>

namespace shunt::config::test {

struct pem_pair {
  std::string certificate;
  std::string key;
};

/// A self-signed certificate with its key; another one for each call. Its alternative name is `dns_name`,
/// if that is not empty.
pem_pair make_pair(const std::string& dns_name = {});

/// `pem` as a block scalar whose lines are indented by `spaces`.
std::string block(std::string_view pem, std::size_t spaces);

} // namespace shunt::config::test
