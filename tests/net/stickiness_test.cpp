// Which instance a request wants: for every rule a row that says what its head holds and what it
// asks for. Heads are parsed from bytes, as in the router.
#include "net/stickiness.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {
namespace {

const std::vector<std::string> jsessionid{"JSESSIONID"};
const std::vector<std::string> several{"JSESSIONID", "session", "two words", ""};

std::string_view name_of(stickiness_kind kind) {
  switch (kind) {
    case stickiness_kind::none: return "none";
    case stickiness_kind::preferred: return "preferred";
    case stickiness_kind::required: return "required";
  }
  return "?";
}

/// What a request with those field lines asks for, as `kind:instance`.
std::string asked_by(const std::string& fields, const stickiness_rules& rules) {
  const auto wire = "GET / HTTP/1.1\r\nHost: app.example\r\n" + fields + "\r\n";
  request_head head;
  head_scratch scratch;
  EXPECT_TRUE(parse_request(wire, head, {}, scratch).complete()) << wire;
  const auto found = stickiness_of(head, rules);
  std::string text{name_of(found.kind)};
  return text.append(":").append(found.instance);
}

std::string asked_by_cookie(const std::string& cookie) {
  return asked_by("Cookie: " + cookie + "\r\n", {.session_cookies = jsessionid});
}

struct cookie_row {
  const char* cookie;
  const char* asked;
};

TEST(Stickiness, NeedsASessionCookieAndAnInstance) {
  EXPECT_EQ(asked_by("", {.session_cookies = jsessionid}), "none:");
  const cookie_row rows[] = {
    {"JSESSIONID=x; __VCAP_ID__=one", "preferred:one"},
    {"__VCAP_ID__=one; JSESSIONID=x", "preferred:one"},
    {"a=b; __VCAP_ID__=one; c=d; JSESSIONID=x; e=f", "preferred:one"},
    {"__VCAP_ID__=10.0.0.1:8080; JSESSIONID=x", "preferred:10.0.0.1:8080"},
    {"__VCAP_ID__=one", "none:"},
    {"JSESSIONID=x", "none:"},
    {"__VCAP_ID__=; JSESSIONID=x", "none:"},
    {"__VCAP_ID__=one; jsessionid=x", "none:"},
    {"__vcap_id__=one; JSESSIONID=x", "none:"},
    {"__VCAP_ID__=one; JSESSIONIDS=x; JSESSIONI=x; a=JSESSIONID", "none:"},
  };
  for (const auto& each : rows)
    EXPECT_EQ(asked_by_cookie(each.cookie), each.asked) << each.cookie;
}

TEST(Stickiness, ReadsCookiesAsLenientlyAsGo) {
  const cookie_row rows[] = {
    {"JSESSIONID; __VCAP_ID__=one", "preferred:one"},
    {"JSESSIONID=; __VCAP_ID__=one", "preferred:one"},
    {"JSESSIONID=x;__VCAP_ID__=one;", "preferred:one"},
    {";;  ; JSESSIONID=x ;\t __VCAP_ID__=one \t;", "preferred:one"},
    {"JSESSIONID =x; __VCAP_ID__ =one", "preferred:one"},
    {"JSESSIONID=x; __VCAP_ID__= one", "preferred: one"},
    {"JSESSIONID=x; __VCAP_ID__=\"one\"", "preferred:one"},
    {"JSESSIONID=\"x\"; __VCAP_ID__=\"on e,\"", "preferred:on e,"},
    {"JSESSIONID=x; __VCAP_ID__=on e,a=b", "preferred:on e,a=b"},
    {"JSESSIONID=x; __VCAP_ID__=\"\"", "none:"},
    {"JSESSIONID=x; __VCAP_ID__=\"", "none:"},
    // Not a cookie, so the next one counts.
    {"JSESSIONID=x; __VCAP_ID__=\"one; __VCAP_ID__=two", "preferred:two"},
    {"JSESSIONID=x; __VCAP_ID__=o\"ne; __VCAP_ID__=two", "preferred:two"},
    {"JSESSIONID=x; __VCAP_ID__=o\\ne; __VCAP_ID__=two", "preferred:two"},
    {"JSESSIONID=x; __VCAP_ID__=\xc3\xa9; __VCAP_ID__=two", "preferred:two"},
    {"JSESSIONID=x; __VCAP_ID__=a\tb; __VCAP_ID__=two", "preferred:two"},
    {"JSESSIONID=\\; __VCAP_ID__=one", "none:"},
    // A cookie, though an empty one.
    {"JSESSIONID=x; __VCAP_ID__; __VCAP_ID__=two", "none:"},
    {"JSESSIONID=x; __VCAP_ID__=one; __VCAP_ID__=two", "preferred:one"},
  };
  for (const auto& each : rows)
    EXPECT_EQ(asked_by_cookie(each.cookie), each.asked) << each.cookie;
}

TEST(Stickiness, ReadsAllCookieLines) {
  EXPECT_EQ(
    asked_by("Cookie: a=b\r\ncookie: JSESSIONID=x\r\nAccept: */*\r\nCOOKIE: __VCAP_ID__=one\r\n",
             {.session_cookies = jsessionid}),
    "preferred:one");
  EXPECT_EQ(asked_by("Cookie: __VCAP_ID__=one\r\nCookie: JSESSIONID=x; __VCAP_ID__=two\r\n",
                     {.session_cookies = jsessionid}),
            "preferred:one");
  EXPECT_EQ(asked_by("Cookies: JSESSIONID=x; __VCAP_ID__=one\r\n", {.session_cookies = jsessionid}),
            "none:");
}

TEST(Stickiness, TakesAnyOfTheConfiguredNames) {
  const stickiness_rules rules{.session_cookies = several};
  EXPECT_EQ(asked_by("Cookie: __VCAP_ID__=one; session=x\r\n", rules), "preferred:one");
  EXPECT_EQ(asked_by("Cookie: __VCAP_ID__=one; JSESSIONID=x\r\n", rules), "preferred:one");
  EXPECT_EQ(asked_by("Cookie: __VCAP_ID__=one; other=x\r\n", rules), "none:");
  EXPECT_EQ(asked_by("Cookie: JSESSIONID=x; __VCAP_ID__=one\r\n", {}), "none:");
}

TEST(Stickiness, IgnoresConfiguredNamesThatNoCookieCanHave) {
  const stickiness_rules rules{.session_cookies = several};
  EXPECT_EQ(asked_by("Cookie: __VCAP_ID__=one; two words=x\r\n", rules), "none:");
  EXPECT_EQ(asked_by("Cookie: __VCAP_ID__=one; =x; ;\r\n", rules), "none:");
}

TEST(Stickiness, TakesTheInstanceItselfForASessionWhereThatIsConfigured) {
  const std::vector<std::string> itself{"__VCAP_ID__"};
  EXPECT_EQ(asked_by("Cookie: __VCAP_ID__=one\r\n", {.session_cookies = itself}), "preferred:one");
}

TEST(Stickiness, RequiresTheInstanceWhileAuthenticationIsNegotiated) {
  struct row {
    bool enabled;
    const char* fields;
    const char* asked;
  };
  const row rows[] = {
    {true, "Authorization: Negotiate YII=\r\nCookie: __VCAP_ID__=one\r\n", "required:one"},
    {true, "Authorization: nEGOTIATE\r\nCookie: __VCAP_ID__=one; JSESSIONID=x\r\n", "required:one"},
    {true, "Authorization: negotiates\r\nCookie: __VCAP_ID__=one\r\n", "required:one"},
    {false, "Authorization: Negotiate YII=\r\nCookie: __VCAP_ID__=one\r\n", "none:"},
    {false, "Authorization: Negotiate\r\nCookie: __VCAP_ID__=one; JSESSIONID=x\r\n",
     "preferred:one"},
    {true, "Authorization: Basic negotiate\r\nCookie: __VCAP_ID__=one\r\n", "none:"},
    {true, "Authorization: Negotiat\r\nCookie: __VCAP_ID__=one; JSESSIONID=x\r\n", "preferred:one"},
    {true, "Authorization: Negotiate YII=\r\nCookie: JSESSIONID=x\r\n", "none:"},
    {true, "Authorization: Negotiate YII=\r\nCookie: __VCAP_ID__=\r\n", "none:"},
    {true, "Authorization: Negotiate YII=\r\n", "none:"},
    {true, "Authorization: Basic x\r\nAuthorization: Negotiate\r\nCookie: __VCAP_ID__=one\r\n",
     "none:"},
  };
  for (const auto& each : rows)
    EXPECT_EQ(
      asked_by(each.fields, {.session_cookies = jsessionid, .auth_negotiate = each.enabled}),
      each.asked)
      << each.fields;
}

TEST(Stickiness, ReadsAVeryLongCookieLine) {
  std::string cookie;
  for (int i = 0; i < 100'000; ++i)
    cookie += "a=b;";
  EXPECT_EQ(asked_by_cookie(cookie + "__VCAP_ID__=one;JSESSIONID"), "preferred:one");
}

} // namespace
} // namespace shunt::net
