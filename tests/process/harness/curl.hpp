// curl, with which most people try a router out: what it was told, as a response, and what it says itself.
#pragma once

#include "tests/process/harness/http_message.hpp"
#include "tests/process/harness/router.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <string>
#include <vector>

namespace shunt::test {

struct curl_answer : http_response { ///< Status 0: there was none.
  int exit_code = -1;
  std::string said; ///< On stdout and stderr.
};

/// Asks one router, by whatever name. Certificates are not checked unless `options` say `--cacert`.
class curl {
public:
  explicit curl(const router& of, std::vector<std::string> options = {});

  /// `GET http://HOST/PATH`, HTTP/1.1. `more`: options of curl's for this request.
  curl_answer get(const std::string& host, const std::vector<std::string>& more = {},
                  const std::string& path = "/") const;
  /// The same over TLS.
  curl_answer get_tls(const std::string& host, const std::vector<std::string>& more = {},
                      const std::string& path = "/") const;

  /// A file of its own, for cookies or certificates.
  std::string path_of(const std::string& name) const { return files_.path_of(name); }

private:
  curl_answer ask(const std::string& url, std::uint16_t port, const std::vector<std::string>& more) const;

  const router& of_;
  std::vector<std::string> options_;
  temporary_directory files_;
};

} // namespace shunt::test
