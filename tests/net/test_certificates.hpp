// A certificate authority of its own, a server certificate for "localhost" alone and one for a
// client, made with the openssl command in a directory that goes away with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::net {

class test_certificates {
public:
  test_certificates() : directory_(make_directory()) {
    const std::string ec = " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes ";
    openssl("req -x509 -days 2 -subj /CN=test-ca" + ec + "-keyout ca.key -out ca.pem");
    std::ofstream{directory_ / "san"} << "subjectAltName=DNS:localhost\n";
    for (const std::string name : {"server", "client"}) {
      openssl("req -subj /CN=" + name + ec + "-keyout " + name + ".key -out " + name + ".csr");
      openssl("x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -in " + name
              + ".csr -out " + name + ".pem");
    }
  }
  ~test_certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  test_certificates(const test_certificates&) = delete;
  test_certificates& operator=(const test_certificates&) = delete;

  std::string ca() const { return content("ca.pem"); }
  std::string client() const { return content("client.pem"); }
  std::string client_key() const { return content("client.key"); }
  /// For a nats-server that asks for client certificates.
  std::vector<std::string> server_arguments() const {
    return {"--tlsverify",      "--tlscert",   path("server.pem"), "--tlskey",
            path("server.key"), "--tlscacert", path("ca.pem")};
  }

private:
  static std::filesystem::path make_directory() {
    auto name = (std::filesystem::temp_directory_path() / "shunt-certificates-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error{"mkdtemp"};
    return name;
  }
  std::string path(const std::string& name) const { return directory_ / name; }
  std::string content(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream{path(name)}.rdbuf();
    return text.str();
  }
  void openssl(const std::string& arguments) const {
    const auto command =
      "cd '" + directory_.string() + "' && openssl " + arguments + " 2>/dev/null";
    if (std::system(command.c_str()) != 0)
      throw std::runtime_error{command};
  }

  std::filesystem::path directory_;
};

} // namespace shunt::net
