// The tables of `net/header_table`, cell by cell, as a peer sees them: what becomes of a header
// when it is sent, when it is also named in Connection, and when it is missing. What is expected is
// written down here once more, from gorouter's rules, so that a changed cell fails by its name.
#include "net/client_cert_header.hpp"
#include "net/forwarding.hpp"
#include "net/tracing.hpp"
#include "tests/net/header_cells.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::string_literals;

// -- Requests.

const std::vector<row>& request_rows() {
  static const std::vector<row> rows{
    // Header, theirs, ours, {unbound, to route service, from route service}.
    {"Connection", "close", "", {never, never, never}},
    {"Keep-Alive", "timeout=5", "", {never, never, never}},
    {"Proxy-Connection", "close", "", {never, never, never}},
    {"Proxy-Authenticate", "Basic", "", {never, never, never}},
    {"Proxy-Authorization", "Basic eA==", "", {never, never, never}},
    {"TE", "gzip", "", {never, never, never}},
    {"TE", "trailers", "", {renewed, renewed, renewed}, "", "trailers"},
    {"Trailer", "X-T", "", {never, never, never}},
    {"Trailer",
     "X-T",
     "",
     {renewed, renewed, renewed},
     "Transfer-Encoding: chunked\r\n",
     "chunked"},
    {"Transfer-Encoding", "chunked", "", {renewed, renewed, renewed}},
    {"Upgrade", "websocket", "", {on_demand, on_demand, on_demand}},
    {"X-Forwarded-For", "203.0.113.5", "192.0.2.7", {appended, appended, appended}},
    // Ours where they send nothing: the rest is in the tests of the scheme.
    {"X-Forwarded-Proto", "gopher", "http", {completed, completed, completed}},
    {"X-Forwarded-Host", "a.example", "", {passed, passed, passed}},
    {"Forwarded", "for=x", "", {passed, passed, passed}},
    {"X-Request-Start", "7", "1700000000123", {completed, completed, completed}},
    {"X-Forwarded-Client-Cert", "c", "", {passed, passed, passed}}, // always_forward
    {"X-Vcap-Request-Id", "forged", "id-1", {replaced, replaced, replaced}},
    {"X-Vcap-Trace", "k", "", {passed, passed, passed}},
    {"b3", "b", "", {passed, passed, passed}},
    {"X-B3-TraceId", "b", "", {passed, passed, passed}},
    {"X-B3-SpanId", "b", "", {passed, passed, passed}},
    {"X-B3-ParentSpanId", "b", "", {passed, passed, passed}},
    {"X-B3-Sampled", "1", "", {passed, passed, passed}},
    {"X-B3-Flags", "1", "", {passed, passed, passed}},
    {"traceparent", "t", "", {passed, passed, passed}},
    {"tracestate", "t", "", {passed, passed, passed}},
    {"X-CF-ApplicationID", "forged", "app-guid", {vouched, never, vouched}},
    {"X-CF-InstanceID", "forged", "instance-guid", {vouched, never, vouched}},
    {"X-CF-InstanceIndex", "forged", "3", {vouched, never, vouched}},
    {"X-CF-App-Instance", "a:1", "", {never, never, never}},
    {"X-CF-Process-Instance", "p:1", "", {passed, passed, passed}},
    {"X-CF-Forwarded-Url", "forged", "https://app.example/p?q", {passed, vouched, never}},
    {"X-CF-Proxy-Signature", "forged", "sig==", {passed, vouched, never}},
    {"X-CF-Proxy-Metadata", "forged", "meta==", {passed, vouched, never}},
    {"Authorization", "Basic eA==", "", {passed, passed, passed}},
    {"Cookie", "a=b", "", {passed, passed, passed}},
    {"Expect", "100-continue", "", {passed, passed, passed}},
    {"X-Unknown", "x", "", {passed, passed, passed}},
  };
  return rows;
}

constexpr const char* situations[] = {"unbound", "to route service", "from route service"};

/// What goes out for these field lines.
std::string forward(const std::string& fields, request_facts facts, int column) {
  const auto wire =
    std::string{"POST /p?q HTTP/1.1\r\nHost: app.example:8080\r\n"}.append(fields).append("\r\n");
  request_head head;
  head_scratch scratch;
  const auto status = parse_request(wire, head, {}, scratch);
  EXPECT_TRUE(status.complete()) << wire << describe(status.error);
  const route_service_facts service{.target = "/log/in?x=1",
                                    .host = "service.example",
                                    .forwarded_url = "https://app.example/p?q",
                                    .signature = "sig==",
                                    .metadata = "meta=="};
  facts.where = static_cast<situation>(column);
  facts.route_service = facts.where == situation::to_route_service ? &service : nullptr;
  std::string out;
  append_request_head(out, head, facts,
                      {.app = "app-guid", .instance_index = "3", .instance_id = "instance-guid"});
  return out;
}

request_facts plain_facts() {
  return {.client_ip = "192.0.2.7",
          .request_id = "id-1",
          .received_unix_ms = 1'700'000'000'123,
          .protected_names = {}};
}

class RequestCell : public testing::TestWithParam<cell> {};

TEST_P(RequestCell, Holds) {
  const auto& [of, column] = GetParam();
  const auto& wanted = of->columns[column];
  const three_ways sent{*of};
  const auto seen = [&](const std::string& fields) {
    return values(forward(fields, plain_facts(), column), of->header);
  };
  EXPECT_EQ(seen(sent.given), expected(*of, wanted.given)) << "given";
  EXPECT_EQ(seen(sent.named), expected(*of, wanted.named)) << "named in Connection";
  EXPECT_EQ(seen(sent.absent), expected(*of, wanted.absent)) << "absent";
}

std::string name_of_request_cell(const testing::TestParamInfo<cell>& info) {
  const auto& [of, column] = info.param;
  return test_name(std::string{of->header}.append(" ").append(of->what), situations[column]);
}

INSTANTIATE_TEST_SUITE_P(HeaderTable, RequestCell, testing::ValuesIn(cells_of(request_rows())),
                         name_of_request_cell);

TEST(HeaderTable, HasATestForEveryCell) {
  for (const auto& each : request_headers)
    if (each.id != field_id::host && each.id != field_id::content_length) { // Tested below.
      EXPECT_TRUE(has_row(request_rows(), each.name)) << each.name;
    }
}

TEST(HeaderTable, HasOneRowForAHeader) {
  const auto check = [](const auto& table) {
    for (std::size_t i = 0; i < table.size(); ++i) {
      EXPECT_EQ(identify(table[i].name), table[i].id) << table[i].name;
      for (std::size_t j = 0; j < i; ++j)
        EXPECT_NE(table[i].id, table[j].id) << table[i].name;
    }
  };
  check(request_headers);
  check(response_headers);
}

TEST(HeaderTable, PassesOnWhatItDoesNotList) {
  for (std::size_t i = 0; i < field_count; ++i) {
    const auto id = static_cast<field_id>(i);
    for (int column = 0; column < 3; ++column) {
      const bool listed = std::any_of(request_headers.begin(), request_headers.end(),
                                      [&](const auto& each) { return each.id == id; });
      if (!listed) {
        EXPECT_EQ(column_of(static_cast<situation>(column))[id], handling::pass) << name_of(id);
      }
    }
  }
}

// -- Requests: what is neither passed nor replaced.

std::string name_of_situation(const testing::TestParamInfo<int>& info) {
  return test_name("", situations[info.param]);
}

class EachSituation : public testing::TestWithParam<int> {
protected:
  bool to_service() const {
    return static_cast<situation>(GetParam()) == situation::to_route_service;
  }
  std::string to(const std::string& fields, const request_facts& facts = plain_facts()) const {
    return forward(fields, facts, GetParam());
  }
};
INSTANTIATE_TEST_SUITE_P(HeaderTable, EachSituation, testing::Values(0, 1, 2), name_of_situation);

TEST_P(EachSituation, HasItsTargetAndHost) {
  for (const auto* named : {"", "Connection: host\r\n"}) {
    const auto out = to(named);
    EXPECT_TRUE(out.starts_with(to_service() ? "POST /log/in?x=1 HTTP/1.1\r\nHost: service.example"
                                             : "POST /p?q HTTP/1.1\r\nHost: app.example:8080\r\n"))
      << out;
    EXPECT_EQ(values(out, "Host"), to_service() ? "service.example" : "app.example:8080");
  }
}

TEST_P(EachSituation, KeepsTheLength) {
  EXPECT_EQ(values(to("Content-Length: 05\r\n"), "Content-Length"), "5");
  EXPECT_EQ(values(to("Connection: content-length\r\nContent-Length: 5\r\n"), "Content-Length"),
            "5");
  EXPECT_EQ(values(to(""), "Content-Length"), "0"); // Of a POST.
}

TEST_P(EachSituation, AsksForAnUpgradeOrForTheEndOfTheConnection) {
  auto facts = plain_facts();
  facts.close_after = true;
  EXPECT_EQ(values(to("", facts), "Connection"), "close");
  EXPECT_EQ(values(to("Connection: upgrade\r\nUpgrade: websocket\r\n", facts), "Connection"),
            "Upgrade");
}

TEST_P(EachSituation, KeepsProtectedNames) {
  auto facts = plain_facts();
  const std::vector<std::string> names{"X-Vcap-Request-Id", "x-forwarded-for", "X-Own"};
  facts.protected_names = names;
  const auto out = to("Connection: X-Vcap-Request-Id, X-Forwarded-For, X-Own\r\nX-Own: 1\r\n"
                      "X-Forwarded-For: 203.0.113.5\r\n",
                      facts);
  EXPECT_EQ(values(out, "X-Vcap-Request-Id"), "id-1");
  EXPECT_EQ(values(out, "X-Forwarded-For"), "203.0.113.5, 192.0.2.7");
  EXPECT_EQ(values(out, "X-Own"), "1");
}

TEST_P(EachSituation, ReplacesTheTracesThatTheRouterMade) {
  config::tracing_settings settings;
  settings.enable_w3c = settings.enable_zipkin = true;
  const tracing_rules rules{settings};
  trace_record trace;
  request_ids ids;
  trace.begin(rules, {}, ids.next(), 7);
  auto facts = plain_facts();
  facts.trace = &trace;
  for (const auto* name : {"b3", "X-B3-TraceId", "X-B3-SpanId", "traceparent", "tracestate"}) {
    const auto ours = std::string{trace.outgoing(identify(name))};
    const auto sent = std::string{name}.append(": theirs\r\n");
    EXPECT_EQ(values(to(sent, facts), name), ours) << name;
    EXPECT_EQ(values(to("", facts), name), ours) << name;
    EXPECT_EQ(values(to("Connection: "s.append(name).append("\r\n").append(sent), facts), name),
              "-")
      << name;
  }
  for (const auto* name : {"X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"})
    EXPECT_EQ(values(to(std::string{name}.append(": 1\r\n"), facts), name), "1") << name;
}

TEST(RequestToARouteService, IsThis) {
  EXPECT_EQ(forward("User-Agent: curl/8\r\n", plain_facts(), 1),
            "POST /log/in?x=1 HTTP/1.1\r\nHost: service.example\r\nUser-Agent: curl/8\r\n"
            "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
            "X-Request-Start: 1700000000123\r\nX-Vcap-Request-Id: id-1\r\n"
            "X-CF-Forwarded-Url: https://app.example/p?q\r\nX-CF-Proxy-Signature: sig==\r\n"
            "X-CF-Proxy-Metadata: meta==\r\nContent-Length: 0\r\n\r\n");
}

// -- X-Forwarded-Proto.

struct scheme_row {
  const char* source;
  proto_source by;
  std::string absent, empty, given; ///< Over TLS; the client says "gopher".
};

class SchemeCell : public testing::TestWithParam<std::tuple<scheme_row, int>> {};

TEST_P(SchemeCell, Holds) {
  const auto& [of, column] = GetParam();
  auto facts = plain_facts();
  facts.tls = true;
  facts.proto = of.by;
  const auto seen = [&](const std::string& fields) {
    return values(forward(fields, facts, column), "X-Forwarded-Proto");
  };
  EXPECT_EQ(seen(""), of.absent);
  EXPECT_EQ(seen("X-Forwarded-Proto:\r\n"), of.empty);
  EXPECT_EQ(seen("X-Forwarded-Proto: gopher\r\n"), of.given);
  EXPECT_EQ(seen("Connection: X-Forwarded-Proto\r\nX-Forwarded-Proto: gopher\r\n"), "-");
  facts.tls = false;
  if (of.absent == "https") {
    EXPECT_EQ(seen(""), of.by == proto_source::https ? "https" : "http");
  }
}

std::string name_of_scheme_cell(const testing::TestParamInfo<SchemeCell::ParamType>& info) {
  return test_name(std::get<0>(info.param).source, situations[std::get<1>(info.param)]);
}

INSTANTIATE_TEST_SUITE_P(
  HeaderTable, SchemeCell,
  testing::Combine(
    testing::Values(scheme_row{"client", proto_source::client, "https", "https", "gopher"},
                    scheme_row{"connection", proto_source::connection, "https", "https", "https"},
                    scheme_row{"https", proto_source::https, "https", "https", "https"},
                    scheme_row{"signer", proto_source::signer, "-", "-", "gopher"}),
    testing::Range(0, 3)),
  name_of_scheme_cell);

TEST(ForwardedProto, OfASignedRequestIsLoggedAsItCame) {
  const auto wire = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: gopher\r\n\r\n"s;
  request_head head;
  head_scratch scratch;
  ASSERT_TRUE(parse_request(wire, head, {}, scratch).complete());
  EXPECT_EQ(forwarded_proto(head, true, proto_source::signer, {}), "gopher");
  head.fields.clear();
  EXPECT_EQ(forwarded_proto(head, true, proto_source::signer, {}), "");
}

// -- X-Forwarded-Client-Cert.

using mode = config::forwarded_client_cert;

struct cert_row {
  const char* proof;
  bool tls, certificate, signed_;
  situation where;
  std::string always_forward, forward, sanitize_set; ///< What is seen of a client's "forged".
};

class ClientCertCell : public testing::TestWithParam<std::tuple<cert_row, mode>> {};

TEST_P(ClientCertCell, Holds) {
  const auto& [of, how] = GetParam();
  auto facts = plain_facts();
  facts.client_cert =
    decide_client_cert(how, {of.tls, of.certificate, of.signed_, of.where != situation::unbound});
  facts.client_cert_value = of.certificate ? "own" : "";
  const auto& wanted = how == mode::always_forward ? of.always_forward
                       : how == mode::forward      ? of.forward
                                                   : of.sanitize_set;
  const auto seen = [&](const std::string& fields) {
    return values(forward(fields, facts, static_cast<int>(of.where)), "X-Forwarded-Client-Cert");
  };
  EXPECT_EQ(seen("X-Forwarded-Client-Cert: forged\r\n"), wanted);
  EXPECT_EQ(seen(""), wanted == "own" ? "own" : "-");
  // Nobody can have their own certificate hidden.
  EXPECT_EQ(seen("Connection: X-Forwarded-Client-Cert\r\nX-Forwarded-Client-Cert: forged\r\n"),
            wanted == "own" ? "own" : "-");
}

std::string name_of_cert_cell(const testing::TestParamInfo<ClientCertCell::ParamType>& info) {
  constexpr const char* modes[] = {"always forward", "forward", "sanitize set"};
  const auto& [of, how] = info.param;
  return test_name(std::string{of.proof}.append(" ").append(situations[static_cast<int>(of.where)]),
                   modes[static_cast<int>(how)]);
}

INSTANTIATE_TEST_SUITE_P(
  HeaderTable, ClientCertCell,
  testing::Combine(
    testing::Values(
      cert_row{"plain", false, false, false, situation::unbound, "forged", "-", "-"},
      cert_row{"no certificate", true, false, false, situation::unbound, "forged", "-", "-"},
      cert_row{"mutual TLS", true, true, false, situation::unbound, "forged", "forged", "own"},
      cert_row{"plain", false, false, false, situation::to_route_service, "forged", "-", "-"},
      cert_row{"no certificate", true, false, false, situation::to_route_service, "forged", "-",
               "-"},
      cert_row{"mutual TLS", true, true, false, situation::to_route_service, "forged", "forged",
               "own"},
      // A valid signature on a route without route service: the app may be one.
      cert_row{"plain and signed", false, false, true, situation::unbound, "forged", "-", "-"},
      cert_row{"TLS and signed", true, false, true, situation::unbound, "forged", "forged",
               "forged"},
      cert_row{"mutual TLS and signed", true, true, true, situation::unbound, "forged", "forged",
               "forged"},
      cert_row{"plain", false, false, true, situation::from_route_service, "forged", "-", "-"},
      cert_row{"no certificate", true, false, true, situation::from_route_service, "forged", "-",
               "forged"},
      cert_row{"mutual TLS", true, true, true, situation::from_route_service, "forged", "-",
               "forged"}),
    testing::Values(mode::always_forward, mode::forward, mode::sanitize_set)),
  name_of_cert_cell);

} // namespace
} // namespace shunt::net
