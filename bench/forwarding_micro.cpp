// What rewriting a head costs a request: nanoseconds for the head that goes to the backend and for
// the one that goes to the client, as browsers and load balancers in front of the router write
// them. One thread, buffers reused as a connection reuses them.
#include "net/forwarding.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace {

using namespace shunt::net;

constexpr std::string_view browser =
  "GET /catalogue/items?page=2&sort=price HTTP/1.1\r\n"
  "Host: shop.apps.example.com\r\n"
  "Connection: keep-alive\r\n"
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/124.0.0.0\r\n"
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
  "Accept-Encoding: gzip, deflate, br\r\n"
  "Accept-Language: en-GB,en;q=0.9\r\n"
  "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
  "Referer: https://shop.apps.example.com/catalogue\r\n"
  "X-Forwarded-For: 198.51.100.7\r\n"
  "X-Forwarded-Proto: https\r\n"
  "X-Request-Start: 1700000000123\r\n\r\n";

/// Names in Connection are compared with each field.
constexpr std::string_view nominating = "GET / HTTP/1.1\r\n"
                                        "Host: shop.apps.example.com\r\n"
                                        "Connection: keep-alive, x-internal, x-debug\r\n"
                                        "X-Internal: 1\r\n"
                                        "Accept: */*\r\n"
                                        "Content-Type: application/json\r\n\r\n";

constexpr std::string_view answer = "HTTP/1.1 200 OK\r\n"
                                    "Content-Type: application/json\r\n"
                                    "Content-Length: 512\r\n"
                                    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                    "Cache-Control: no-store\r\n"
                                    "Vary: Accept-Encoding\r\n"
                                    "X-Frame-Options: DENY\r\n\r\n";

void to_backend(benchmark::State& state, std::string_view wire) {
  request_head head;
  head_scratch scratch;
  if (!parse_request(wire, head, {}, scratch).complete())
    return state.SkipWithError("no request");
  const request_facts facts{.client_ip = "192.0.2.7",
                            .request_id = "11111111-2222-4333-8444-555555555555",
                            .received_unix_ms = 1'700'000'000'123,
                            .tls = true,
                            .close_after = false,
                            .protected_names = {}};
  const instance_facts instance{.app = "0b1a5fd2-24c7-4f6f-8b0e-6f6d3c1f7b11",
                                .instance_index = "3",
                                .instance_id = "8f0b1a52-0c5e-4b58-6a0e-0d0e"};
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_request_head(out, head, facts, instance);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK_CAPTURE(to_backend, browser, browser);
BENCHMARK_CAPTURE(to_backend, nominating, nominating);

void to_client(benchmark::State& state) {
  response_head head;
  head_scratch scratch;
  if (!parse_response(answer, false, head, {}, scratch).complete())
    return state.SkipWithError("no response");
  const response_facts facts{.request_id = "11111111-2222-4333-8444-555555555555",
                             .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                             .trace_router = {},
                             .trace_backend = {},
                             .framing = body_framing::length,
                             .cookie_line = {},
                             .rewrite = nullptr};
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_response_head(out, head, facts);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(to_client);

} // namespace

BENCHMARK_MAIN();
