// store_writer FILE NAME COUNT: writes that many documents, each in a transaction of its own, and
// says the key of each when the store has it. Without FILE's rights: `store_writer FILE as-nobody`
// tries to open it as a user who owns nothing, and says why that failed.
#include "cluster/embedded_store.hpp"
#include "net/component_log.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
  using namespace shunt;
  const std::string file = argv[1];
  const std::string name = argv[2];
  net::component_log log;
  if (name == "as-nobody" && ::geteuid() == 0 && ::setuid(65534) != 0)
    return 2;
  try {
    cluster::embedded_store store{file, "test", log};
    const int count = argc > 3 ? std::atoi(argv[3]) : 0;
    for (int i = 0; i < count; ++i) {
      const auto key = name + "/" + std::to_string(i);
      store.apply({.put = {{.key = key, .text = std::string(2000, 'x'), .expires_at_ms = 1'000}}});
      std::printf("%s\n", key.c_str());
      std::fflush(stdout);
    }
  } catch (const cluster::store_error& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
  return 0;
}
