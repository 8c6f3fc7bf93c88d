// What the backend is sent of a request's head: kept to the byte where it is the client's business,
// changed where it is ours.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <regex>

namespace shunt::test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const std::string uuid_pattern =
  "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

bool is_uuid(const std::string& text) {
  return std::regex_match(text, std::regex{uuid_pattern});
}

class RequestHeaders : public SharedStage<RequestHeaders> {
protected:
  backend there;
  std::string host;

  void SetUp() override {
    SharedStage::SetUp();
    if (!HasFatalFailure())
      host = here().mapped(there, {{"app", "app-guid"},
                                   {"private_instance_id", "instance-guid"},
                                   {"private_instance_index", "7"}});
  }
  /// What the backend sees of a GET with these field lines.
  http_request seen(std::string_view fields = {}, std::string_view path = "/") {
    EXPECT_EQ(here().get(host, path, fields).status, 200) << fields;
    return there.last_request();
  }
};

TEST_F(RequestHeaders, KeepTheSendersSpellingOrderAndRepetition) {
  const std::string sent = "hOsT: " + host
                           + "\r\nX-Zed: 1\r\nx-alpha: two  words\r\nX-Zed: 3\r\n"
                             "COOKIE: a=b; c=d\r\nAccept-Encoding: gzip\r\nuser-agent: me/1\r\n"
                             "Accept: */*\r\nForwarded: for=x\r\nX-Forwarded-Host: y\r\nVia: z\r\n";
  EXPECT_EQ(here().ask("GET /p HTTP/1.1\r\n" + sent + "\r\n").status, 200);
  const auto head = there.last_request().raw_head;
  EXPECT_THAT(head, StartsWith("GET /p HTTP/1.1\r\n" + sent));
}

TEST_F(RequestHeaders, AreOnlyThoseThatTheTableNames) {
  std::vector<std::string> names;
  for (const auto& field : seen().fields)
    names.push_back(field.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("Host", "X-Forwarded-For", "X-Forwarded-Proto",
                                                   "X-Request-Start", "X-Vcap-Request-Id",
                                                   "X-CF-ApplicationID", "X-CF-InstanceID",
                                                   "X-CF-InstanceIndex"));
}

TEST_F(RequestHeaders, PassTheTargetVerbatim) {
  for (const auto* target : {"/", "/a/../b/./c", "/a%2Fb%2fC", "/a//b/", "/?", "/x?",
                             "/p?b=2&a=1&b=1", "/p;v=1?x;y", "/a'()*!$&+,=:@~", "/q?[]{}|\\^`\"<>"})
    EXPECT_EQ(seen({}, target).target, target);
}

TEST_F(RequestHeaders, KeepAnAbsoluteTarget) {
  const auto target = "http://" + host + "/p?q";
  EXPECT_EQ(here().ask("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status, 200);
  EXPECT_EQ(there.last_request().target, target);
  EXPECT_EQ(there.last_request().one("Host"), host);
}

TEST_F(RequestHeaders, KeepHostWithPortAndCase) {
  EXPECT_EQ(here().ask(get_request("H" + host.substr(1) + ":8080")).status, 200);
  EXPECT_EQ(there.last_request().one("Host"), "H" + host.substr(1) + ":8080");
}

TEST_F(RequestHeaders, AppendTheClientToXForwardedFor) {
  EXPECT_EQ(seen().one("X-Forwarded-For"), "127.0.0.1");
  EXPECT_EQ(seen("X-Forwarded-For: 1.2.3.4\r\n").one("X-Forwarded-For"), "1.2.3.4, 127.0.0.1");
  EXPECT_EQ(seen("x-forwarded-for: a, b\r\nA: b\r\nX-Forwarded-For: c\r\n").one("X-Forwarded-For"),
            "a, b, c, 127.0.0.1");
}

TEST_F(RequestHeaders, SayXForwardedProtoUnlessTheClientDid) {
  EXPECT_EQ(seen().one("X-Forwarded-Proto"), "http");
  EXPECT_EQ(seen("X-Forwarded-Proto: https\r\n").one("X-Forwarded-Proto"), "https");
  EXPECT_EQ(seen("X-Forwarded-Proto:\r\n").one("X-Forwarded-Proto"), "http");
}

TEST_F(RequestHeaders, SayWhenTheRequestArrivedUnlessTheClientDid) {
  const auto now_ms = [] {
    return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
  };
  const auto before = now_ms();
  const auto said = std::stoll(seen().one("X-Request-Start"));
  EXPECT_GE(said, before);
  EXPECT_LE(said, now_ms());
  EXPECT_EQ(seen("X-Request-Start: t=1\r\n").one("X-Request-Start"), "t=1");
}

TEST_F(RequestHeaders, CarryAnIdThatTheClientCannotChoose) {
  const auto first = seen().one("X-Vcap-Request-Id");
  const auto second = seen("X-Vcap-Request-Id: mine\r\nx-vcap-request-id: also mine\r\n");
  EXPECT_TRUE(is_uuid(first)) << first;
  EXPECT_TRUE(is_uuid(second.one("X-Vcap-Request-Id")));
  EXPECT_NE(first, second.one("X-Vcap-Request-Id"));
}

TEST_F(RequestHeaders, TellTheInstanceAndOverwriteWhatTheClientSaid) {
  const auto request =
    seen("X-CF-ApplicationID: x\r\nX-Cf-Instanceid: x\r\nx-cf-instanceindex: x\r\n");
  EXPECT_EQ(request.one("X-CF-ApplicationID"), "app-guid");
  EXPECT_EQ(request.one("X-CF-InstanceID"), "instance-guid");
  EXPECT_EQ(request.one("X-CF-InstanceIndex"), "7");
}

TEST_F(RequestHeaders, TellTheInstanceEvenWhenItHasNoName) {
  const backend nameless;
  EXPECT_EQ(here().get(here().mapped(nameless)).status, 200);
  const auto request = nameless.last_request();
  EXPECT_THAT(request.all("X-CF-ApplicationID"), ElementsAre(""));
  EXPECT_THAT(request.all("X-CF-InstanceIndex"), ElementsAre(""));
  EXPECT_EQ(request.one("X-CF-InstanceID"), nameless.address());
}

TEST_F(RequestHeaders, PassRouteServiceFieldsOfRoutesWithoutOne) {
  const auto request =
    seen("X-CF-Proxy-Signature: s\r\nX-CF-Proxy-Metadata: m\r\nX-CF-Forwarded-Url: u\r\n"
         "X-CF-Process-Instance-Other: p\r\n");
  EXPECT_EQ(request.one("X-CF-Proxy-Signature"), "s");
  EXPECT_EQ(request.one("X-CF-Proxy-Metadata"), "m");
  EXPECT_EQ(request.one("X-CF-Forwarded-Url"), "u");
}

TEST_F(RequestHeaders, LoseHopByHopFields) {
  const auto request =
    seen("Connection: keep-alive\r\nProxy-Connection: x\r\nKeep-Alive: timeout=5\r\n"
         "Proxy-Authenticate: x\r\nProxy-Authorization: x\r\nTE: gzip\r\nTrailer: T\r\n"
         "Upgrade: h2c\r\nKept: 1\r\n");
  for (const auto* name : {"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate",
                           "Proxy-Authorization", "TE", "Trailer", "Upgrade"})
    EXPECT_FALSE(request.has(name)) << name;
  EXPECT_EQ(request.one("Kept"), "1");
}

TEST_F(RequestHeaders, LoseWhatTheClientListsInConnection) {
  const auto request = seen("Connection: X-One, x-two,keep-alive\r\nX-One: 1\r\nX-TWO: 2\r\n"
                            "Connection:  X-Three \r\nX-Three: 3\r\nX-Four: 4\r\n");
  EXPECT_FALSE(request.has("Connection"));
  EXPECT_FALSE(request.has("X-One"));
  EXPECT_FALSE(request.has("X-Two"));
  EXPECT_FALSE(request.has("X-Three"));
  EXPECT_EQ(request.one("X-Four"), "4");
}

TEST_F(RequestHeaders, CannotLoseWhatTheRouterSetsByNamingItInConnection) {
  const auto request = seen("Connection: close, Host, X-CF-ApplicationID, X-CF-InstanceID, "
                            "X-CF-InstanceIndex, X-Forwarded-For\r\n");
  EXPECT_EQ(request.one("Host"), host);
  EXPECT_EQ(request.one("X-CF-ApplicationID"), "app-guid");
  EXPECT_EQ(request.one("X-CF-InstanceID"), "instance-guid");
  EXPECT_EQ(request.one("X-CF-InstanceIndex"), "7");
  EXPECT_EQ(request.one("X-Forwarded-For"), "127.0.0.1");
}

TEST_F(RequestHeaders, KeepTeTrailersAndNoOtherTe) {
  EXPECT_EQ(seen("TE: trailers\r\n").one("TE"), "trailers");
  EXPECT_EQ(seen("TE: gzip;q=0.5, trailers\r\nConnection: TE\r\n").one("TE"), "trailers");
  EXPECT_FALSE(seen("TE: deflate\r\n").has("TE"));
}

TEST_F(RequestHeaders, FrameTheBodyAsItCame) {
  const auto with = [&](const std::string& head, const std::string& body = {}) {
    EXPECT_EQ(here().ask(head + "Host: " + host + "\r\n\r\n" + body).status, 200);
    EXPECT_TRUE(eventually([&] { return there.last_request().body == "abc" || body.empty(); }));
    return there.last_request();
  };
  EXPECT_EQ(with("POST / HTTP/1.1\r\nContent-Length: 3\r\n", "abc").one("Content-Length"), "3");
  EXPECT_EQ(with("POST / HTTP/1.1\r\nContent-Length: 0\r\n").one("Content-Length"), "0");
  const auto chunked =
    with("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.one("Transfer-Encoding"), "chunked");
  EXPECT_FALSE(chunked.has("Content-Length"));
  EXPECT_EQ(with("GET / HTTP/1.1\r\n").framing, http_framing::none);
  EXPECT_EQ(with("DELETE / HTTP/1.1\r\n").framing, http_framing::none);
  EXPECT_FALSE(with("GET / HTTP/1.1\r\nContent-Length: 0\r\n").has("Content-Length"));
}

TEST_F(RequestHeaders, ForwardTrailers) {
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + host
           + "\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
             "3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n");
  EXPECT_EQ(one.response("POST").status, 200);
  ASSERT_TRUE(eventually([&] { return !there.last_request().trailers.empty(); }));
  const auto request = there.last_request();
  EXPECT_EQ(request.body, "abc");
  EXPECT_THAT(request.trailers, ElementsAre(http_field{"X-Sum", "42"}));
  EXPECT_EQ(request.one("Trailer"), "X-Sum");
}

TEST_F(RequestHeaders, AreHttp11EvenForAnOldClient) {
  EXPECT_EQ(here().ask("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n").status, 200);
  EXPECT_EQ(there.last_request().version, "HTTP/1.1");
}

TEST_F(RequestHeaders, DoNotAskThePooledBackendToClose) {
  EXPECT_FALSE(seen("Connection: close\r\n").has("Connection"));
  seen();
  EXPECT_EQ(there.connection_count(), 1u);
}

/// Without connections kept alive, every request is the only one on its connection.
class CloseAfterwards : public SharedStage<CloseAfterwards> {
public:
  static nlohmann::json configuration() { return {{"disable_keep_alives", true}}; }
};

TEST_F(CloseAfterwards, IsAskedOfTheBackendButNotOfTheClient) {
  const backend there;
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(one.send(get_request(host)).response().has("Connection"));
    EXPECT_EQ(there.last_request().one("Connection"), "close");
  }
  EXPECT_EQ(there.connection_count(), 3u);
}

TEST_F(CloseAfterwards, IsNotAskedOnUpgrades) {
  const backend there{answers::upgrade_echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(get_request(host, "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_EQ(one.response_head().status, 101);
  EXPECT_EQ(there.last_request().one("Connection"), "Upgrade");
  EXPECT_EQ(there.last_request().one("Upgrade"), "websocket");
}

} // namespace
} // namespace shunt::test
