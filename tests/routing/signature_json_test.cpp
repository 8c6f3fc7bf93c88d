// JSON as Go's decoder reads it and as its encoder writes it.
#include "routing/signature_json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::routing {
namespace {

using namespace std::string_literals;

class told final : public json_members {
public:
  std::string all;
  void member(std::string_view name, json_type type, std::string_view text) override {
    all.append(name).append("=").append(name_of(type)).append(":").append(text).append(";");
  }
};

std::string read(std::string_view document) {
  told members;
  json_scratch scratch;
  json_type type{};
  std::string error;
  return read_json(document, type, members, scratch, error) ? members.all : error;
}

TEST(SignatureJson, TellsTheMembersOfTheOutermostObject) {
  EXPECT_EQ(
    read(R"( { "a" : "x" , "B":{"c":["d",{"e":1}]},"n":null,"t":true,"f":false,)"
         R"("i":-0.5e+10,"l":[ ],"o":{ },"a":"y" } )"),
    "a=string:x;B=object:;n=null:;t=bool:;f=bool:;i=number:;l=array:;o=object:;a=string:y;");
  for (const auto* other : {"{}", "[]", "null", "1", R"("x")", "true", "[1,[2]]", "0", "-0.0E-1"})
    EXPECT_EQ(read(other), "") << other;
}

TEST(SignatureJson, UnescapesNamesAndTexts) {
  EXPECT_EQ(read(R"({"\u006eonce":"\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00"})"),
            "nonce=string:\"\\/\b\f\n\r\t\u00e9\u20ac\U0001f600;");
}

TEST(SignatureJson, ReplacesWhatIsNoCharacter) {
  for (const auto& part : {R"(\ud83d)"s, R"(\ude00)"s, "\x80"s, "\xff"s, "\xc0"s, "\xed"s})
    EXPECT_EQ(read("{\"a\":\""s.append(part).append("x\"}")), "a=string:\ufffdx;") << part;
  EXPECT_EQ(read(R"({"a":"\ud83d\u0041"})"), "a=string:\ufffdA;");
}

TEST(SignatureJson, SaysLikeGoWhatIsWrong) {
  const std::pair<std::string, const char*> rows[] = {
    {"", "unexpected end of JSON input"},
    {" ", "unexpected end of JSON input"},
    {"{", "unexpected end of JSON input"},
    {R"({"a)", "unexpected end of JSON input"},
    {R"({"a")", "unexpected end of JSON input"},
    {R"({"a":)", "unexpected end of JSON input"},
    {R"({"a":1)", "unexpected end of JSON input"},
    {R"({"a":1,)", "unexpected end of JSON input"},
    {R"({"a":"\)", "unexpected end of JSON input"},
    {R"({"a":"\u00)", "unexpected end of JSON input"},
    {"[1", "unexpected end of JSON input"},
    {"tru", "unexpected end of JSON input"},
    {"-", "unexpected end of JSON input"},
    {"1.", "unexpected end of JSON input"},
    {"x", "invalid character 'x' looking for beginning of value"},
    {"'a'", R"(invalid character '\'' looking for beginning of value)"},
    {"\x01", R"(invalid character '\x01' looking for beginning of value)"},
    {"\xe9", "invalid character '\u00e9' looking for beginning of value"},
    {"\x80", R"(invalid character '\u0080' looking for beginning of value)"},
    {"{a", "invalid character 'a' looking for beginning of object key string"},
    {R"({"a":1,})", "invalid character '}' looking for beginning of object key string"},
    {R"({"a" 1})", "invalid character '1' after object key"},
    {R"({"a":1 "b"})", "invalid character '\"' after object key:value pair"},
    {"[1 2]", "invalid character '2' after array element"},
    {"[1,]", "invalid character ']' looking for beginning of value"},
    {"{} {}", "invalid character '{' after top-level value"},
    {"01", "invalid character '1' after top-level value"},
    {"\"a\nb\"", R"(invalid character '\n' in string literal)"},
    {R"("\x")", "invalid character 'x' in string escape code"},
    {R"("\u00g0")", "invalid character 'g' in \\u hexadecimal character escape"},
    {"nul!", "invalid character '!' in literal null (expecting 'l')"},
    {"-a", "invalid character 'a' in numeric literal"},
    {"1.a", "invalid character 'a' after decimal point in numeric literal"},
    {"1ea", "invalid character 'a' in exponent of numeric literal"},
    {std::string(100'000, '['), "exceeded max depth"}};
  for (const auto& [document, error] : rows)
    EXPECT_EQ(read(document), error) << document.substr(0, 40);
}

TEST(SignatureJson, WritesStringsAsGoDoes) {
  const std::pair<std::string, const char*> rows[] = {
    {"https://a.example/p?a=1&b=<c>", R"("https://a.example/p?a=1\u0026b=\u003cc\u003e")"},
    {"\"\\\b\f\n\r\t\x01\x7f", "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f\""},
    {"\u00e9\u20ac\U0001f600\ufffd", "\"\u00e9\u20ac\U0001f600\ufffd\""},
    {"\u2028\u2029", R"("\u2028\u2029")"},
    {"a\xff\xc3", R"("a\ufffd\ufffd")"},
    {"\0"s, R"("\u0000")"}};
  for (const auto& [text, expected] : rows) {
    std::string out;
    append_json_string(out, text);
    EXPECT_EQ(out, expected);
  }
}

} // namespace
} // namespace shunt::routing
