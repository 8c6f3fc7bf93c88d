// Templates from fuzzed bytes: either a template or a reason with a place in the text; and whatever
// the template, nothing of a value reaches the page unescaped.
#include "net/error_template.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace shunt::net;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

void check(const template_error& error, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  require(error.line >= 1 && error.line <= lines);
  require(error.column >= 1 && error.column <= text.size() + 1);
  require(!error.message.empty() && error.message.size() < 300);
}

void check(const error_template& made, std::string_view text) {
  constexpr std::string_view hostile = "0<zq>zq\"zq'zq&zq0";
  const field header[] = {{"X", hostile}, {"X-Cf-RouterError", hostile}};
  const auto page = made.render({502, hostile, hostile, header});
  require(page == made.render({502, hostile, hostile, header}));
  if (!page || text.find("zq") != text.npos)
    return;
  require(page->size() <= error_page_bytes_max);
  for (const auto* raw : {"<zq", "zq>", "zq\"", "zq'", "zq&zq"})
    require(page->find(raw) == page->npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  template_error error;
  if (const auto made = error_template::parse(text, error))
    check(*made, text);
  else
    check(error, text);
  return 0;
}
