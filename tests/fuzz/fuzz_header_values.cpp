// What the router reads inside of single fields, from fuzzed heads: cookies, trace ids, instances. What
// it writes because of them must be fields that cannot be framed differently. Bytes up to a NUL are a
// request's fields, those behind it a response's.
#include "net/http_head.hpp"
#include "net/stickiness.hpp"
#include "net/tracing.hpp"
#include "routing/instance_address.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

using namespace shunt;
using namespace shunt::net;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

/// May stand in a field: no control byte but a tab inside of it (RFC 9110, section 5.5).
bool harmless(std::string_view value) {
  for (const char c : value)
    if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f')
      return false;
  return true;
}

stickiness check_request(const request_head& head, const stickiness_rules& rules) {
  config::tracing_settings settings;
  settings.enable_zipkin = settings.enable_w3c = true;
  const tracing_rules tracing{settings};
  request_ids ids;
  trace_record record;
  record.begin(tracing, head.fields, ids.next(), 7);
  record.for_each_line([](std::string_view name, std::string_view value) {
    require(is_token(name) && harmless(value));
  });
  require(harmless(record.trace_id()) && harmless(record.span_id()));
  const routing::instance_headers wanted{
    .app = value_of(head.fields, field_id::x_cf_app_instance),
    .process = value_of(head.fields, field_id::x_cf_process_instance)};
  const auto address = routing::parse_instance_address(wanted);
  if (address.demand == routing::instance_demand::certain)
    require(!routing::unknown_instance_message(wanted, head.host).empty());
  return stickiness_of(head, rules);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const auto middle = std::min(bytes.find('\0'), size);
  const std::string names[] = {"JSESSIONID", "other"};
  const stickiness_rules rules{names, true, (size & 1) != 0};
  const std::string request = std::string{"GET / HTTP/1.1\r\nHost: a.com\r\n"}
                                .append(bytes.substr(0, middle))
                                .append("\r\n\r\n");
  request_head head;
  head_scratch scratch;
  if (!parse_request(request, head, {}, scratch).complete())
    return 0;
  const auto asked = check_request(head, rules);
  const std::string response = std::string{"HTTP/1.1 200 OK\r\n"}
                                 .append(bytes.substr(std::min(middle + 1, size)))
                                 .append("\r\n\r\n");
  response_head answer;
  head_scratch other;
  if (!parse_response(response, false, answer, {}, other).complete())
    return 0;
  if (const auto cookie = sticky_cookie_for(answer, asked, "instance-1", rules)) {
    std::string line;
    append_set_cookie(line, *cookie, "instance-1", "/path");
    require(line.starts_with("Set-Cookie: ") && line.ends_with("\r\n"));
    require(harmless(std::string_view{line}.substr(0, line.size() - 2)));
  }
  return 0;
}
