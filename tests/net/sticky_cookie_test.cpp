// The stickiness cookie of a response: for every rule a row that says what its head holds and which
// line is added. Heads are parsed from bytes, as in the router.
#include "net/stickiness.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::net {
namespace {

const std::vector<std::string> jsessionid{"JSESSIONID"};
const std::vector<std::string> several{"JSESSIONID", "session"};

/// The line for a response with those field lines; empty if there is none.
struct exchange {
  stickiness asked{};
  std::string instance_id = "one";
  std::string context_path = "/";
  stickiness_rules rules{.session_cookies = jsessionid};

  std::string answer(const std::string& fields) const {
    const auto wire = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + "\r\n";
    response_head head;
    head_scratch scratch;
    EXPECT_TRUE(parse_response(wire, false, head, {}, scratch).complete()) << wire;
    std::string out;
    if (const auto cookie = sticky_cookie_for(head, asked, instance_id, rules))
      append_set_cookie(out, *cookie, instance_id, context_path);
    return out;
  }

  /// The attributes after HttpOnly and those before, for a response whose session cookie has
  /// `attributes`.
  std::string copied(const std::string& attributes) const {
    auto line = answer("Set-Cookie: JSESSIONID=x" + attributes + "\r\n");
    for (const std::string_view part :
         {"Set-Cookie: __VCAP_ID__=one; Path=/", "; HttpOnly", "\r\n"}) {
      const auto at = line.find(part);
      if (at == line.npos)
        return "not a cookie: " + line;
      line.erase(at, part.size());
    }
    return line;
  }
};

const stickiness wants_one{stickiness_kind::preferred, "one"};
const stickiness wants_two{stickiness_kind::preferred, "two"};
constexpr auto plain_cookie = "Set-Cookie: __VCAP_ID__=one; Path=/; HttpOnly\r\n";
constexpr auto negotiation_cookie =
  "Set-Cookie: __VCAP_ID__=one; Path=/; Max-Age=60; HttpOnly; SameSite=Strict\r\n";

TEST(StickyCookie, IsSetWhenASessionBegins) {
  const std::pair<const char*, const char*> rows[] = {
    {"", ""},
    {"Set-Cookie: other=x\r\n", ""},
    {"Set-Cookie: JSESSIONID=x\r\n", plain_cookie},
    {"set-cookie: JSESSIONID=\r\n", plain_cookie},
    {"Set-Cookie:  JSESSIONID =\"x\" ; Path=/elsewhere; Domain=example\r\n", plain_cookie},
    {"Set-Cookie: other=x\r\nSet-Cookie: JSESSIONID=x\r\n", plain_cookie},
    {"Set-Cookie: jsessionid=x\r\n", ""},
    {"Set-Cookie: other=x; JSESSIONID=x\r\n", ""},
    {"Set-Cookie: JSESSIONID\r\n", ""},
    {"Set-Cookie: JSESSIONID; a=b\r\n", ""},
    {"Set-Cookie: JSESSIONID=\"x\r\n", ""},
    {"Set-Cookie: JSESSIONID= \"x\"\r\n", ""},
    {"Set-Cookie: JSESSIONID=\"x;y\"\r\n", ""},
    {"Set-Cookie: JSESSIONID=\xc3\xa9\r\n", ""},
    {"Cookie: JSESSIONID=x\r\n", ""},
  };
  for (const auto& [fields, line] : rows) {
    EXPECT_EQ(exchange{}.answer(fields), line) << fields;
    // Whoever was where it wanted to be gets no more and no less.
    EXPECT_EQ(exchange{.asked = wants_one}.answer(fields), line) << fields;
  }
}

TEST(StickyCookie, IsSetWhenAnotherInstanceServed) {
  EXPECT_EQ(exchange{.asked = wants_two}.answer(""), plain_cookie);
  EXPECT_EQ(exchange{.asked = wants_two}.answer("Set-Cookie: other=x; Secure\r\n"), plain_cookie);
  EXPECT_EQ((exchange{.asked = {stickiness_kind::required, "two"}}.answer("")), plain_cookie);
  EXPECT_EQ(exchange{.asked = wants_one}.answer(""), "");
  EXPECT_EQ(exchange{}.answer(""), "");
}

TEST(StickyCookie, TellsAClientThatKnewAnAddressTheInstance) {
  EXPECT_EQ((exchange{.asked = {stickiness_kind::preferred, "10.0.0.1:80"}}.answer("")),
            plain_cookie);
}

TEST(StickyCookie, IsNotSetForAnEndpointWithoutAnInstance) {
  const exchange nameless{.asked = wants_two, .instance_id = ""};
  EXPECT_EQ(nameless.answer("Set-Cookie: JSESSIONID=x\r\n"), "");
}

TEST(StickyCookie, IsLeftToABackendThatSetsItItself) {
  const auto session = std::string{"Set-Cookie: JSESSIONID=x\r\n"};
  const std::pair<const char*, bool> rows[] = {
    {"Set-Cookie: __VCAP_ID__=mine\r\n", true},  {"Set-Cookie: __VCAP_ID__=; Max-Age=0\r\n", true},
    {"Set-Cookie: __vcap_id__=mine\r\n", false}, {"Set-Cookie: __VCAP_ID__\r\n", false},
    {"Set-Cookie: __VCAP_ID__=\\\r\n", false},
  };
  for (const auto& [line, sets] : rows) {
    const auto expected = sets ? "" : plain_cookie;
    EXPECT_EQ(exchange{.asked = wants_two}.answer(line), expected) << line;
    EXPECT_EQ(exchange{}.answer(session + line), expected) << line;
    EXPECT_EQ(exchange{}.answer(line + session), expected) << line;
    const exchange negotiating{.rules = {.session_cookies = jsessionid, .auth_negotiate = true}};
    EXPECT_EQ(negotiating.answer(line + std::string{"WWW-Authenticate: Negotiate\r\n"}),
              sets ? "" : negotiation_cookie)
      << line;
  }
}

TEST(StickyCookie, IsSetForAMinuteWhileAuthenticationIsNegotiated) {
  struct row {
    bool enabled;
    const char* fields;
    stickiness asked;
    const char* line;
  };
  const row rows[] = {
    {true, "WWW-Authenticate: Negotiate\r\n", {}, negotiation_cookie},
    {true, "WWW-Authenticate: nEGOTIATE YII=\r\n", wants_two, negotiation_cookie},
    {true, "WWW-Authenticate: Negotiate\r\n", wants_one, ""},
    {false, "WWW-Authenticate: Negotiate\r\n", {}, ""},
    {true, "WWW-Authenticate: Basic\r\nWWW-Authenticate: Negotiate\r\n", {}, ""},
    {true, "WWW-Authenticate: Basic, Negotiate\r\n", {}, ""},
    // The session is not even looked at.
    {true,
     "WWW-Authenticate: Negotiate\r\nSet-Cookie: JSESSIONID=x; Secure; SameSite=Lax\r\n",
     {},
     negotiation_cookie},
    {true, "WWW-Authenticate: Negotiate\r\nSet-Cookie: JSESSIONID=x\r\n", wants_one, ""},
    {false, "WWW-Authenticate: Negotiate\r\nSet-Cookie: JSESSIONID=x\r\n", {}, plain_cookie},
    {true, "WWW-Authenticate: Basic\r\nSet-Cookie: JSESSIONID=x\r\n", {}, plain_cookie},
  };
  for (const auto& each : rows) {
    const exchange one{.asked = each.asked,
                       .rules = {.session_cookies = jsessionid, .auth_negotiate = each.enabled}};
    EXPECT_EQ(one.answer(each.fields), each.line) << each.fields;
  }
}

TEST(StickyCookie, CopiesTheAttributesOfTheFirstSessionCookie) {
  const exchange one{.rules = {.session_cookies = several}};
  EXPECT_EQ(one.answer("Set-Cookie: other=x; SameSite=None\r\nSet-Cookie: session=x; Secure\r\n"
                       "Set-Cookie: JSESSIONID=x; SameSite=Lax; Max-Age=0\r\n"),
            "Set-Cookie: __VCAP_ID__=one; Path=/; HttpOnly; Secure\r\n");
}

TEST(StickyCookie, CopiesThemAlsoForAClientFromAnotherInstance) {
  EXPECT_EQ(exchange{.asked = wants_two}.copied("; Secure"), "; Secure");
}

TEST(StickyCookie, WritesAttributesInGosOrder) {
  const exchange one{.context_path = "/x"};
  EXPECT_EQ(one.answer("Set-Cookie: JSESSIONID=x; Partitioned; SameSite=lax; Secure; HttpOnly; "
                       "Max-Age=-1; Expires=Wed, 01 Jan 2025 00:00:00 GMT; Path=/y\r\n"),
            "Set-Cookie: __VCAP_ID__=one; Path=/x; Expires=Wed, 01 Jan 2025 00:00:00 GMT; "
            "Max-Age=0; HttpOnly; Secure; SameSite=Lax; Partitioned\r\n");
}

TEST(StickyCookie, CopiesFlagsWhateverTheirCase) {
  const std::pair<const char*, const char*> rows[] = {
    {"; Secure", "; Secure"},
    {";SECURE=yes", "; Secure"},
    {"; secure ;", "; Secure"},
    {"; Secure =yes", ""},
    {"; Secure=\"yes\"", ""},
    {"; Secured", ""},
    {"; Partitioned", "; Partitioned"},
    {"; partitioned; secure", "; Secure; Partitioned"},
    {"; Domain=example; Path=/y; Priority=High", ""},
  };
  for (const auto& [attributes, copied] : rows)
    EXPECT_EQ(exchange{}.copied(attributes), copied) << attributes;
}

TEST(StickyCookie, CopiesOnlyKnownValuesOfSameSite) {
  const std::pair<const char*, const char*> rows[] = {
    {"; SameSite=Lax", "; SameSite=Lax"},
    {"; samesite=STRICT", "; SameSite=Strict"},
    {"; SAMESITE=none", "; SameSite=None"},
    {"; SameSite", ""},
    {"; SameSite=", ""},
    {"; SameSite=maybe", ""},
    {"; SameSite= Lax", ""},
    {"; SameSite=\"Lax\"", ""},
    {"; SameSite=Lax; SameSite=Strict", "; SameSite=Strict"},
    {"; SameSite=Lax; SameSite=maybe", ""},
    {"; SameSite=Lax; SameSite=\"Strict\"", "; SameSite=Lax"},
  };
  for (const auto& [attributes, copied] : rows)
    EXPECT_EQ(exchange{}.copied(attributes), copied) << attributes;
}

TEST(StickyCookie, CopiesAMaxAgeThatMeansDeletion) {
  const char* const rows[] = {"=0",
                              "=-1",
                              "=00",
                              "=-0",
                              "=+0",
                              "=-05",
                              "=-9223372036854775808",
                              "=5; Max-Age=0",
                              "=0; Max-Age=05",
                              "=0; Max-Age=never",
                              "=0; Max-Age"};
  for (const auto* value : rows)
    EXPECT_EQ(exchange{}.copied(std::string{"; max-AGE"} + value), "; Max-Age=0") << value;
}

TEST(StickyCookie, LeavesOutAnyOtherMaxAge) {
  const char* const rows[] = {"=1",
                              "=3600",
                              "=",
                              "",
                              "=-",
                              "=+",
                              "=+-1",
                              "= 0",
                              "=0x0",
                              "=0.5",
                              "=\"0\"",
                              "=never",
                              "=0; Max-Age=5",
                              "=9223372036854775808",
                              "=-9223372036854775809"};
  for (const auto* value : rows)
    EXPECT_EQ(exchange{}.copied(std::string{"; Max-Age"} + value), "") << value;
}

TEST(StickyCookie, RewritesAValidExpires) {
  const std::pair<const char*, const char*> rows[] = {
    {"Wed, 01 Jan 2025 00:00:00 GMT", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Sun, 06-Nov-1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"thu, 29 FEB 2024 23:59:59 UTC", "Thu, 29 Feb 2024 23:59:59 GMT"},
    {"Thu, 01-jan-1970 00:00:10 GMT", "Thu, 01 Jan 1970 00:00:10 GMT"},
    // The day of the week is computed, not copied.
    {"Mon, 01 Jan 2025 00:00:00 GMT", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed,  01  Jan  2025  7:00:00  GMT", "Wed, 01 Jan 2025 07:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00.999 GMT", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00,123456789012 GMT", "Wed, 01 Jan 2025 00:00:00 GMT"},
    // Zones are not applied.
    {"Wed, 01 Jan 2025 00:00:00 PST", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00 CEST", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00 AESDT", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00 WITA", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00 ChST", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00 GMT+5", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00 GMT-23", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Wed, 01 Jan 2025 00:00:00 +05", "Wed, 01 Jan 2025 00:00:00 GMT"},
    {"Mon, 01 Jan 1601 00:00:00 GMT", "Mon, 01 Jan 1601 00:00:00 GMT"},
    {"Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"},
  };
  for (const auto& [date, copied] : rows)
    EXPECT_EQ(exchange{}.copied(std::string{"; Expires="} + date),
              std::string{"; Expires="} + copied)
      << date;
}

TEST(StickyCookie, LeavesOutAnExpiresThatIsNone) {
  const char* const rows[] = {"",
                              "0",
                              "-1",
                              "never",
                              " Wed, 01 Jan 2025 00:00:00 GMT",
                              "\"Wed, 01 Jan 2025 00:00:00 GMT\"",
                              "Wednesday, 01-Jan-25 00:00:00 GMT",
                              "Wed, 01-Jan-25 00:00:00 GMT",
                              "Wed Jan  1 00:00:00 2025",
                              "01 Jan 2025 00:00:00 GMT",
                              "Wed 01 Jan 2025 00:00:00 GMT",
                              "Wed,01 Jan 2025 00:00:00 GMT",
                              "Wed, 1 Jan 2025 00:00:00 GMT",
                              "Wed, 01 January 2025 00:00:00 GMT",
                              "Wed, 01-Jan 2025 00:00:00 GMT",
                              "Wed, 01 Jan-2025 00:00:00 GMT",
                              "Wed, 00 Jan 2025 00:00:00 GMT",
                              "Wed, 32 Jan 2025 00:00:00 GMT",
                              "Sat, 29 Feb 2025 00:00:00 GMT",
                              "Wed, 01 Jan 02025 00:00:00 GMT",
                              "Wed, 01 Jan 1600 00:00:00 GMT",
                              "Wed, 01 Jan 2025 24:00:00 GMT",
                              "Wed, 01 Jan 2025 00:60:00 GMT",
                              "Wed, 01 Jan 2025 00:00:60 GMT",
                              "Wed, 01 Jan 2025 00:0:00 GMT",
                              "Wed, 01 Jan 2025 00:00 GMT",
                              "Wed, 01 Jan 2025 00:00:00",
                              "Wed, 01 Jan 2025 00:00:00GMT",
                              "Wed, 01 Jan 2025 00:00:00. GMT",
                              "Wed, 01 Jan 2025 00:00:00 gmt",
                              "Wed, 01 Jan 2025 00:00:00 GM",
                              "Wed, 01 Jan 2025 00:00:00 Z",
                              "Wed, 01 Jan 2025 00:00:00 GMTT",
                              "Wed, 01 Jan 2025 00:00:00 UTCT",
                              "Wed, 01 Jan 2025 00:00:00 ABCD",
                              "Wed, 01 Jan 2025 00:00:00 ABCDE",
                              "Wed, 01 Jan 2025 00:00:00 ABCDET",
                              "Wed, 01 Jan 2025 00:00:00 GMT x",
                              "Wed, 01 Jan 2025 00:00:00 GMT+24",
                              "Wed, 01 Jan 2025 00:00:00 GMT+",
                              "Wed, 01 Jan 2025 00:00:00 GMT+99999999999999999999",
                              "Wed, 01 Jan 2025 00:00:00 GMT+-1",
                              "Wed, 01 Jan 2025 00:00:00 GMT+5:30",
                              "Wed, 01 Jan 2025 00:00:00 +0000x",
                              "Wed, 01 Jan 2025 00:00:00 +0530",
                              "Wed, 01 Jan 2025 00:00:00 +5"};
  for (const auto* date : rows) {
    const auto attribute = std::string{"; Expires="} + date;
    EXPECT_EQ(exchange{}.copied(attribute), "") << date;
    EXPECT_EQ(exchange{}.copied(attribute + "; Secure"), "; Secure") << date;
  }
}

TEST(StickyCookie, LetsTheLastExpiresCount) {
  const std::string first = "; Expires=Wed, 01 Jan 2025 00:00:00 GMT";
  EXPECT_EQ(exchange{}.copied(first + "; Expires=Thu, 02 Jan 2025 00:00:00 GMT"),
            "; Expires=Thu, 02 Jan 2025 00:00:00 GMT");
  EXPECT_EQ(exchange{}.copied(first + "; Expires=never"), "");
  EXPECT_EQ(exchange{}.copied(first + "; Expires=\"never\""), first);
}

TEST(StickyCookie, IsSecureWhereThatIsConfigured) {
  const stickiness_rules rules{
    .session_cookies = jsessionid, .auth_negotiate = true, .secure_cookies = true};
  const exchange moved{.asked = wants_two, .rules = rules};
  EXPECT_EQ(moved.answer(""), "Set-Cookie: __VCAP_ID__=one; Path=/; HttpOnly; Secure\r\n");
  EXPECT_EQ(
    moved.answer("WWW-Authenticate: Negotiate\r\n"),
    "Set-Cookie: __VCAP_ID__=one; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict\r\n");
  EXPECT_EQ(moved.copied("; SameSite=None"), "; Secure; SameSite=None");
}

TEST(StickyCookie, KeepsHostileTextFromBecomingAttributesOrLines) {
  struct row {
    const char* id;
    const char* path;
    const char* line;
  };
  const row rows[] = {
    {"a;b", "/x;y", "Set-Cookie: __VCAP_ID__=ab; Path=/xy; HttpOnly\r\n"},
    {"a\r\nb", "/x\r\ny", "Set-Cookie: __VCAP_ID__=ab; Path=/xy; HttpOnly\r\n"},
    {"a\"\\b\xc3\xa9\x7f", "/x\"\\\xc3\xa9",
     "Set-Cookie: __VCAP_ID__=ab; Path=/x\"\\; HttpOnly\r\n"},
    {"a b", "/x y", "Set-Cookie: __VCAP_ID__=\"a b\"; Path=/x y; HttpOnly\r\n"},
    {"a,b", "/X/Y", "Set-Cookie: __VCAP_ID__=\"a,b\"; Path=/X/Y; HttpOnly\r\n"},
  };
  for (const auto& each : rows) {
    const exchange one{.asked = wants_two, .instance_id = each.id, .context_path = each.path};
    EXPECT_EQ(one.answer(""), each.line);
  }
}

TEST(StickyCookie, ComesBackAsTheInstanceItWasMadeFor) {
  for (const std::string id : {"ins-1", "two words", "a,b"}) {
    const auto line = exchange{.asked = wants_two, .instance_id = id}.answer("");
    const auto from = line.find("__VCAP_ID__");
    const auto wire = "GET / HTTP/1.1\r\nHost: app.example\r\nCookie: JSESSIONID=x; "
                      + line.substr(from, line.find(';') - from) + "\r\n\r\n";
    request_head head;
    head_scratch scratch;
    ASSERT_TRUE(parse_request(wire, head, {}, scratch).complete()) << wire;
    EXPECT_EQ(stickiness_of(head, {.session_cookies = jsessionid}).instance, id);
  }
}

TEST(StickyCookie, IsAppendedToWhatIsThere) {
  std::string out = "Date: x\r\n";
  append_set_cookie(out, {}, "one", "/");
  EXPECT_EQ(out, std::string{"Date: x\r\n"} + plain_cookie);
}

} // namespace
} // namespace shunt::net
