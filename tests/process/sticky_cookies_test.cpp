// Sticky sessions as curl's cookie engine sees them: every attribute of `__VCAP_ID__`, when there is one, and that
// whoever brings it back is served by its instance.
#include "tests/process/harness/curl.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

json instance(const std::string& id) {
  return {{"private_instance_id", id}};
}

/// What the router appended to what the backend set.
std::vector<std::string> sticky_of(const http_response& answer) {
  std::vector<std::string> found;
  for (const auto& each : answer.all("Set-Cookie"))
    if (each.starts_with("__VCAP_ID__="))
      found.push_back(each);
  return found;
}

class StickyCookies : public SharedStage<StickyCookies> {
protected:
  /// The `__VCAP_ID__` of an answer in which the backend sets that.
  std::vector<std::string> set_beside(const std::string& cookie) const {
    const backend app{answers::ok("x", "Set-Cookie: " + cookie + "\r\n")};
    const auto answer = ask.get(here().mapped(app, instance("ins-1")));
    EXPECT_EQ(answer.all("Set-Cookie").front(), cookie) << "the backend's own stays as it is";
    return sticky_of(answer);
  }

  const curl ask{here().under_test};
};

struct attribute_row {
  const char* name;
  const char* of_session; ///< What the backend says of its JSESSIONID.
  const char* expected;   ///< What the router says of its own.
};

const attribute_row attribute_rows[] = {
  {"None", "", "; Path=/; HttpOnly"},
  {"Secure", "; Secure", "; Path=/; HttpOnly; Secure"},
  {"SecureInOtherLetters", "; sEcUrE", "; Path=/; HttpOnly; Secure"},
  {"SameSiteLax", "; SameSite=Lax", "; Path=/; HttpOnly; SameSite=Lax"},
  {"SameSiteStrict", "; samesite=strict", "; Path=/; HttpOnly; SameSite=Strict"},
  {"SameSiteNone", "; SameSite=None; Secure", "; Path=/; HttpOnly; Secure; SameSite=None"},
  {"SameSiteUnknown", "; SameSite=Sometimes", "; Path=/; HttpOnly"},
  {"SameSiteWithoutValue", "; SameSite", "; Path=/; HttpOnly"},
  {"Expires", "; Expires=Wed, 01 Jan 2025 00:00:00 GMT", "; Path=/; Expires=Wed, 01 Jan 2025 00:00:00 GMT; HttpOnly"},
  {"ExpiresInvalid", "; Expires=tomorrow", "; Path=/; HttpOnly"},
  {"MaxAgePositive", "; Max-Age=100", "; Path=/; HttpOnly"},
  {"MaxAgeZero", "; Max-Age=0", "; Path=/; Max-Age=0; HttpOnly"},
  {"MaxAgeNegative", "; Max-Age=-1", "; Path=/; Max-Age=0; HttpOnly"},
  {"Partitioned", "; Secure; Partitioned", "; Path=/; HttpOnly; Secure; Partitioned"},
  {"HttpOnly", "; HttpOnly", "; Path=/; HttpOnly"},
  {"PathAndDomain", "; Path=/elsewhere; Domain=example.com", "; Path=/; HttpOnly"},
  {"All",
   "; Partitioned; SameSite=Lax; Secure; HttpOnly; Max-Age=0; Expires=Wed, 01 Jan 2025 00:00:00 GMT; Path=/x",
   "; Path=/; Expires=Wed, 01 Jan 2025 00:00:00 GMT; Max-Age=0; HttpOnly; Secure; SameSite=Lax; Partitioned"},
};

TEST_F(StickyCookies, HaveTheAttributesOfTheSession) {
  for (const auto& row : attribute_rows)
    EXPECT_THAT(set_beside(std::string{"JSESSIONID=s"} + row.of_session),
                ElementsAre(std::string{"__VCAP_ID__=ins-1"} + row.expected))
      << row.name;
}

TEST_F(StickyCookies, AreThereForSessionsAlone) {
  EXPECT_THAT(set_beside("SOMETHING=s; Secure"), IsEmpty());
  EXPECT_THAT(set_beside("jsessionid=s"), IsEmpty()) << "names of cookies have their case";
  EXPECT_THAT(set_beside("__VCAP_ID__=the-apps-own"), ElementsAre("__VCAP_ID__=the-apps-own"));
  const backend app{answers::ok("x", "Set-Cookie: JSESSIONID=s\r\n")};
  EXPECT_THAT(sticky_of(ask.get(here().mapped(app))), IsEmpty()) << "an instance without a name";
}

TEST_F(StickyCookies, BelongToThePathOfTheRouteAsItWasSpelt) {
  const backend app{answers::ok("x", "Set-Cookie: JSESSIONID=s\r\n")};
  const auto host = fresh_host();
  here().map(host + "/Shop/Cart", app, instance("ins-1"));
  EXPECT_THAT(sticky_of(ask.get(host, {}, "/shop/cart/item")), ElementsAre("__VCAP_ID__=ins-1; Path=/Shop/Cart; HttpOnly"));
}

TEST_F(StickyCookies, BringABrowserBackToItsInstance) {
  const backend one{answers::ok("one", "Set-Cookie: JSESSIONID=1; Path=/\r\n")};
  const backend two{answers::ok("two", "Set-Cookie: JSESSIONID=2; Path=/\r\n")};
  const auto host = here().mapped(one, instance("ins-1"));
  here().map(host, two, instance("ins-2"));
  const auto jar = ask.path_of("jar");
  const std::vector<std::string> browser{"-b", jar, "-c", jar};
  const auto first = ask.get(host, browser);
  EXPECT_THAT(read_file(jar), HasSubstr("#HttpOnly_" + host)) << "no script of a page may see it";
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(ask.get(host, browser).body, first.body);
  EXPECT_NE(ask.get(host).body + ask.get(host).body, first.body + first.body) << "others are balanced";

  here().unmap(host, first.body == "one" ? one : two);
  ASSERT_TRUE(eventually([&] { return ask.get(host).body != first.body; }));
  const auto moved = ask.get(host, browser);
  EXPECT_THAT(sticky_of(moved), ElementsAre("__VCAP_ID__=" + std::string{first.body == "one" ? "ins-2" : "ins-1"}
                                            + "; Path=/; HttpOnly"));
}

TEST_F(StickyCookies, AreReplacedWhenAnotherInstanceServed) {
  const backend app{answers::ok("x")};
  const auto host = here().mapped(app, instance("ins-1"));
  EXPECT_THAT(sticky_of(ask.get(host, {"-b", "JSESSIONID=s; __VCAP_ID__=long-gone"})),
              ElementsAre("__VCAP_ID__=ins-1; Path=/; HttpOnly"));
  EXPECT_THAT(sticky_of(ask.get(host, {"-b", "__VCAP_ID__=long-gone"})), IsEmpty()) << "no session, no stickiness";
  EXPECT_THAT(sticky_of(ask.get(host, {"-b", "JSESSIONID=s; __VCAP_ID__=ins-1"})), IsEmpty()) << "it has it already";
}

TEST_F(StickyCookies, OfNegotiationAreOffByDefault) {
  const backend app{answers::bytes("HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n")};
  const auto host = here().mapped(app, instance("ins-1"));
  EXPECT_THAT(sticky_of(ask.get(host)), IsEmpty());
  EXPECT_EQ(ask.get(host, {"-H", "Authorization: Negotiate x", "-b", "__VCAP_ID__=long-gone"}).status, 401);
}

TEST(SecureStickyCookies, AreSecureWhateverTheAppSays) {
  stage here{{{"secure_cookies", true}, {"sticky_session_cookie_names", {"SESSION", "OTHER"}}}};
  const curl ask{here.under_test};
  const backend app{answers::ok("x", "Set-Cookie: OTHER=s; SameSite=Lax\r\nSet-Cookie: SESSION=s; SameSite=Strict\r\n")};
  EXPECT_THAT(sticky_of(ask.get(here.mapped(app, instance("ins-1")))),
              ElementsAre("__VCAP_ID__=ins-1; Path=/; HttpOnly; Secure; SameSite=Lax"))
    << "the first that is named counts";
  const backend old{answers::ok("x", "Set-Cookie: JSESSIONID=s\r\n")};
  EXPECT_THAT(sticky_of(ask.get(here.mapped(old, instance("ins-1")))), IsEmpty()) << "the default is replaced";
}

class NegotiatedSessions : public SharedStage<NegotiatedSessions> {
public:
  static json configuration() { return {{"sticky_sessions_for_auth_negotiate", true}}; }

protected:
  static backend::script asking(const char* with = "Negotiate") {
    return answers::bytes(std::string{"HTTP/1.1 401 No\r\nWWW-Authenticate: "} + with
                          + "\r\nSet-Cookie: JSESSIONID=s; Secure\r\nContent-Length: 0\r\n\r\n");
  }
  const curl ask{here().under_test};
};

TEST_F(NegotiatedSessions, HaveAShortCookieOfTheirOwn) {
  const backend app{asking()}, token{asking("NEGOTIATE oYG2MIGz")}, basic{asking("Basic realm=\"x\"")};
  for (const auto* each : {&app, &token})
    EXPECT_THAT(sticky_of(ask.get(here().mapped(*each, instance("ins-1")))),
                ElementsAre("__VCAP_ID__=ins-1; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"))
      << "nothing is copied from the session";
  EXPECT_THAT(sticky_of(ask.get(here().mapped(basic, instance("ins-1")))),
              ElementsAre("__VCAP_ID__=ins-1; Path=/; HttpOnly; Secure"));
}

TEST_F(NegotiatedSessions, MustGoBackToTheirInstance) {
  const backend one{answers::ok("one")}, two{answers::ok("two")};
  const auto host = here().mapped(one, instance("ins-1"));
  here().map(host, two, instance("ins-2"));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(ask.get(host, {"-H", "Authorization: Negotiate x", "-b", "__VCAP_ID__=ins-2"}).body, "two")
      << "without any session";
  EXPECT_EQ(ask.get(host, {"-H", "Authorization: nEGOTIATE x", "-b", "__VCAP_ID__=ins-1"}).body, "one");
  const auto lost = ask.get(host, {"-H", "Authorization: Negotiate x", "-b", "__VCAP_ID__=long-gone"});
  EXPECT_EQ(lost.status, 502);
  EXPECT_EQ(lost.one("X-Cf-RouterError"), "endpoint_failure (No endpoints available)");
  EXPECT_THAT(here().under_test.wait_for_access("endpoint_failure (No endpoints available)"),
              testing::HasSubstr(R"(x_forwarded_for:"127.0.0.1" x_forwarded_proto:"http")"));
  EXPECT_EQ(lost.body, "502 Bad Gateway: Registered endpoint failed to handle the request.\n");
  EXPECT_EQ(ask.get(host, {"-H", "Authorization: Basic x", "-b", "__VCAP_ID__=long-gone"}).status, 200);
  EXPECT_EQ(ask.get(host, {"-H", "Authorization: Negotiate x"}).status, 200) << "nobody in particular";
}

} // namespace
} // namespace shunt::test
