// The operator's error page: what a template says of an error, how values are escaped, and which
// templates are refused, with which words and where. The expected pages are what Go's html/template
// makes of the same templates and facts, but where a test says otherwise.
#include "net/error_template.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

const field header[] = {
  {"X-Cf-RouterError", "a<b>"}, {"Empty", ""}, {"X-CF-ROUTERERROR", "second"}};
const error_page_facts facts{
  .status = 404, .status_text = "Not Found", .message = "Route <r> & 'q' \"+\"", .header = header};

/// The page that `text` makes of `facts`, or what is wrong with it.
std::string page(std::string_view text, const error_page_facts& about = facts) {
  template_error error;
  const auto made = error_template::parse(text, error);
  return made ? made->render(about).value_or("too long") : describe(error);
}

using rows = std::vector<std::pair<std::string, std::string>>;

void expect(const rows& expected) {
  for (const auto& [text, result] : expected)
    EXPECT_EQ(page(text), result) << text;
}

// -- What a page says.

TEST(ErrorTemplate, TellsOfTheError) {
  expect({
    {"", ""},
    {"plain\n", "plain\n"},
    {"{{ .Status }} {{.StatusText}}", "404 Not Found"},
    {"{{ .Message }}", "Route &lt;r&gt; &amp; &#39;q&#39; &#34;&#43;&#34;"},
    {"{{ .Header.Get \"X-Cf-RouterError\" }}", "a&lt;b&gt;"},
    {"{{ .Header.Get `x-cf-routererror` }}", "a&lt;b&gt;"},
    {"{{ .Header.Get \"Absent\" }}|{{ .Header.Get \"Empty\" }}|", "||"},
    {"{{ \"a\\\"b\\\\\\n\\t\\r\" }}{{ `c\\d` }}", "a&#34;b\\\n\t\rc\\d"},
    {"{{ 5 }} {{ -5 }} {{ +5 }} {{-5}} {{ 0 }}", "5 -5 5 -5 0"},
    {"{{ true }} {{ false }} {{ eq 1 1 }}", "true false true"},
    {"}} { {} {{ 1 }}}", "}} { {} 1}"},
    {"caf\xc3\xa9 {{ \"\xc3\xa9\" }}", "caf\xc3\xa9 \xc3\xa9"},
  });
}

TEST(ErrorTemplate, ReplacesNulBytesAndKeepsBytesThatAreNoUtf8) {
  const error_page_facts odd{
    .status = 502, .status_text = {}, .message = "a\0b\xff"sv, .header = {}};
  EXPECT_EQ(page("{{ .Message }}", odd), "a\xef\xbf\xbd"
                                         "b\xff");
}

TEST(ErrorTemplate, TrimsWhereAMarkerSaysSo) {
  expect({
    {"a \n {{- .Status -}} \t\r\n b", "a404b"},
    {"a {{ .Status -}} b", "a 404b"},
    {"a {{- .Status }} b", "a404 b"},
    {"a {{- 3 -}} b", "a3b"},
    {"a {{- -3 -}} b", "a-3b"},
    {" {{- `` -}} ", ""},
    {"a {{ if .Status -}} b {{- end }} c", "a b c"},
  });
}

TEST(ErrorTemplate, LeavesCommentsOut) {
  expect({
    {"a {{/* b */}} c", "a  c"},
    {"a {{- /* b\n}} */ -}} c", "ac"},
    {"a {{- /* b */}} c", "a c"},
    {"a {{/* b */ -}} c", "a c"},
    {"{{/**/}}", ""},
    {"a <!-- b {{ .Message }} {{ if .Status }}c{{ end }} --> d", "a  d"},
    {"<!-- {{ if .Status }} --> a {{ else }} --> b {{ end }}", " a "},
  });
}

TEST(ErrorTemplate, ChoosesTheFirstBranchThatApplies) {
  expect({
    {"{{ if .Status }}a{{ end }}", "a"},
    {"{{ if 0 }}a{{ end }}", ""},
    {"{{ if `` }}a{{ else }}b{{ end }}", "b"},
    {"{{ if .Header.Get \"X-Cf-RouterError\" }}a{{ end }}", "a"},
    {"{{ if .Header.Get \"Absent\" }}a{{ else }}b{{ end }}", "b"},
    {"{{if eq .Status 500}}a{{else if eq .Status 404}}b{{else if true}}c{{else}}d{{end}}", "b"},
    {"{{if eq .Status 500}}a{{else if eq .Status 503}}b{{else}}c{{end}}", "c"},
    {"{{if eq .Status 500}}a{{else if eq .Status 503}}b{{end}}", ""},
    {"{{ if 1 }}{{ if 0 }}a{{ else }}b{{ end }}{{ else }}c{{ end }}", "b"},
    {"{{if(eq .Status 404)}}a{{end}}{{if.Status}}b{{end}}", "ab"},
    {"{{ if 1 }}{{ else }}a{{ end }}", ""},
  });
}

TEST(ErrorTemplate, Compares) {
  const rows expected = {
    {"eq .Status 404", "true"},
    {"eq .Status 405", "false"},
    {"eq .Status 500 503 404", "true"},
    {"eq .Status 500 503", "false"},
    {"eq .StatusText \"Not Found\"", "true"},
    {"eq (.Header.Get \"X-Cf-RouterError\") \"a<b>\"", "true"},
    {"eq true false", "false"},
    {"ne .Status 404", "false"},
    {"ne .Status 405", "true"},
    {"lt .Status 404", "false"},
    {"lt .Status 405", "true"},
    {"lt -1 1", "true"},
    {"le .Status 404", "true"},
    {"le .Status 403", "false"},
    {"gt .Status 404", "false"},
    {"gt .Status 403", "true"},
    {"ge .Status 404", "true"},
    {"ge .Status 405", "false"},
    {"lt `a` `b`", "true"},
    {"ge `a` `b`", "false"},
    {"not .Status", "false"},
    {"not (.Header.Get `Absent`)", "true"},
    {"and 1 `` 2", ""},
    {"and 1 2", "2"},
    {"or 0 `` 3", "3"},
    {"or 0 ``", ""},
    {"and (ge .Status 400) (lt .Status 500)", "true"},
    {"or (eq .Status 500) (not (eq .Status 404))", "false"},
    {"eq (and 1 2) 2", "true"},
    {"((((.Status))))", "404"},
    {"eq 9223372036854775807 -9223372036854775808", "false"},
  };
  for (const auto& [expression, result] : expected)
    EXPECT_EQ(page("{{ " + expression + " }}"), result) << expression;
}

// -- Values in a document.

TEST(ErrorTemplate, EscapesInTextAndQuotedAttributesAlike) {
  const auto escaped = "Route &lt;r&gt; &amp; &#39;q&#39; &#34;&#43;&#34;"s;
  for (const auto& [before, after] : rows{{"<p>", "</p>"},
                                          {"<title>", "</title>"},
                                          {"<textarea>", "</textarea>"},
                                          {"<p title=\"", "\">"},
                                          {"<p title = '", "' id=\"x\">"},
                                          {"<P\nCLASS=\"a ", " b\">"},
                                          {"<img alt=\"", "\"/>"},
                                          {"<a data-title=\"", "\">"},
                                          {"<meta name=\"description\" content=\"", "\">"},
                                          {"<br/><a href=\"/\" title=\"", "\">"},
                                          {"<script>var a = '<p>' < 1;</script>", ""},
                                          {"<style>p { color: red }</style >", ""},
                                          {"<p title=x id=y>", ""},
                                          {"<!DOCTYPE html><html>", "</html>"}})
    EXPECT_EQ(page(before + "{{ .Message }}" + after), before + escaped + after);
}

TEST(ErrorTemplate, EscapesALessThanThatBeginsNoTag) {
  expect({
    {"a < b <3 </ > <? <!x <", "a &lt; b &lt;3 &lt;/ > &lt;? &lt;!x &lt;"},
    {"<title><b> </titles></title>", "<title>&lt;b> &lt;/titles></title>"},
    {"<{{ `script` }}>", "&lt;script>"},
    {"<{{/* */}}script>", "&lt;script>"},
    {"<script><b></script>", "<script><b></script>"},
    {"<!doctype html>", "<!doctype html>"},
  });
}

TEST(ErrorTemplate, ChoosesLiteralTextAnywhere) {
  expect({
    {"<body class=\"{{ if .Status }}a{{ else }}b{{ end }}\">", "<body class=\"a\">"},
    {"<body {{ if .Status }}class=\"a\"{{ end }}>", "<body class=\"a\">"},
    {"<input {{ if .Status }}checked{{ end }}>", "<input checked>"},
    {"<input{{ if .Status }} checked{{ end }}>", "<input checked>"},
    {"<a href=\"{{ if .Status }}/a{{ else }}/b{{ end }}\">", "<a href=\"/a\">"},
    {"<p title={{ if .Status }}a{{ else }}b{{ end }}>", "<p title=a>"},
    {"<p title={{ if .Status }}\"a\"{{ else }}'b'{{ end }}>", "<p title=\"a\">"},
    {"<script>{{ if .Status }}a(){{ else }}b(){{ end }}</script>", "<script>a()</script>"},
    {"{{ if .Status }}<b>{{ end }}", "<b>"},
    {"{{ if .Status }}<a href=\"/\">{{ else }}<a disabled>{{ end }}", "<a href=\"/\">"},
    {"{{ if .Status }}<a href>{{ else }}<meta http-equiv=\"a\">{{ end }}", "<a href>"},
  });
}

TEST(ErrorTemplate, RefusesAValueWhereEscapingWouldNotDo) {
  const auto at = [](int column, const std::string& what) {
    return "line 1, column " + std::to_string(column) + ": a value in" + what + " is not supported";
  };
  const auto url = " an attribute that holds a URL"s;
  const auto tag = " a tag outside of quotes"s;
  const auto unquoted = " an attribute without quotes"s;
  const auto interrupted = " an attribute with an action in its name"s;
  expect({
    {"<script>{{ .Status }}", at(12, "side of <script>")},
    {"<SCRIPT type=\"text/plain\">{{ .Status }}", at(30, "side of <script>")},
    {"<script/>{{ .Status }}", at(13, "side of <script>")},
    {"<script></scripts>{{ .Status }}", at(22, "side of <script>")},
    {"<script>{{ if 1 }}{{ .Status }}{{ end }}", at(22, "side of <script>")},
    {"<style>{{ .Status }}", at(11, "side of <style>")},
    {"<a href=\"{{ .Status }}\">", at(13, url)},
    {"<a HREF='/{{ .Status }}'>", at(14, url)},
    {"<a/href=\"{{ .Status }}\">", at(13, url)},
    {"<img src=\"{{ .Status }}\">", at(14, url)},
    {"<img srcset=\"{{ .Status }}\">", at(17, url)},
    {"<form action=\"{{ .Status }}\">", at(18, url)},
    {"<a data-url=\"{{ .Status }}\">", at(17, url)},
    {"<a xlink:href=\"{{ .Status }}\">", at(19, url)},
    {"<a xmlns:x=\"{{ .Status }}\">", at(16, url)},
    {"<p onclick=\"{{ .Status }}\">", at(16, " an attribute that holds a script")},
    {"<p data-onclick=\"{{ .Status }}\">", at(21, " an attribute that holds a script")},
    {"<p style=\"{{ .Status }}\">", at(14, " a style attribute")},
    {"<iframe srcdoc=\"{{ .Status }}\">", at(20, " a srcdoc attribute")},
    {"<meta http-equiv=\"{{ .Status }}\">", at(22, " an http-equiv attribute")},
    {"<meta http-equiv=\"a\" content=\"{{ .Status }}\">",
     at(34, " the content of a tag with http-equiv")},
    {"<p title={{ .Status }}>", at(13, unquoted)},
    {"<p title=a{{ .Status }}>", at(14, unquoted)},
    {"<p title=a{{ if 1 }}b{{ end }}{{ .Status }}>", at(34, unquoted)},
    {"<p {{ .Status }}=\"a\">", at(7, tag)},
    {"<p a{{ .Status }}=\"a\">", at(8, tag)},
    {"<p{{ .Status }}>", at(6, tag)},
    {"<p a {{ .Status }}>", at(9, tag)},
    {"<p a=\"b\"{{ .Status }}>", at(12, tag)},
    {"<a {{ if 1 }}href{{ end }}=\"{{ .Status }}\">", at(32, interrupted)},
    {"<a {{ if 1 }}on{{ end }}click=\"{{ .Status }}\">", at(35, interrupted)},
    {"<a hr{{ if 1 }}ef{{ end }}=\"{{ .Status }}\">", at(32, interrupted)},
    {"<a {{ if 1 }}id {{ else }}src {{ end }}=\"{{ .Status }}\">", at(45, interrupted)},
  });
}

TEST(ErrorTemplate, RefusesDocumentsThatCannotBeFollowed) {
  const auto branches = "the branches of this if end at different places of the document"s;
  expect({
    {"<p title=\"a", "line 1, column 12: the template ends inside of a tag"},
    {"<title>a", "line 1, column 9: the template ends inside of <title>"},
    {"<textarea>a", "line 1, column 12: the template ends inside of <textarea>"},
    {"<script>a", "line 1, column 10: the template ends inside of <script>"},
    {"<style>a", "line 1, column 9: the template ends inside of <style>"},
    {"<!-- a", "line 1, column 7: the template ends in an HTML comment"},
    {"{{ if 1 }}<script>{{ end }}", "line 1, column 4: " + branches},
    {"{{ if 1 }}<p title=\"{{ else }}<p title='{{ end }}", "line 1, column 4: " + branches},
    {"\n{{ if 1 }}a{{ else if 1 }}<!--{{ end }}", "line 2, column 4: " + branches},
    {"<a {{ if 1 }}title={{ else }}href={{ end }}\"\">", "line 1, column 7: " + branches},
    {"<meta {{ if 1 }}http-equiv=\"a\"{{ else }}content=\"{{ .Status }}\"{{ end }}>",
     "line 1, column 10: " + branches},
    {"<meta content=\"{{ .Status }}\" http-equiv=\"refresh\">",
     "line 1, column 31: http-equiv in a tag whose content has an action in it"},
    {"<scr{{ if 1 }}ipt{{ end }}>", "line 1, column 15: an action in the name of a tag"},
    {"<scr{{/* */}}ipt>", "line 1, column 14: an action in the name of a tag"},
    {"<p a\"b=\"c\">", "line 1, column 5: not the name of an attribute"},
    {"<p =\"c\">", "line 1, column 4: not the name of an attribute"},
    {"<p=\"c\">", "line 1, column 1: not the name of a tag"},
    {"a <p<b>", "line 1, column 3: not the name of a tag"},
    {"<p title=a\" id=b>", "line 1, column 11: an attribute without quotes may not hold this"},
    {"<a href=/?a=b>", "line 1, column 12: an attribute without quotes may not hold this"},
    {"<p a{{ if 1 }}b{{ end }}\"c\">", "line 1, column 25: not the name of an attribute"},
  });
}

// -- What is not of the subset, or not of the language.

TEST(ErrorTemplate, NamesWhatIsNotSupported) {
  const auto fields =
    " is not known: there are .Status, .StatusText, .Message and .Header.Get \"NAME\""s;
  const auto words =
    " is not supported: there are if, else, end, eq, ne, lt, le, gt, ge, not, and, or, "
    "true and false"s;
  const auto number = "a number that is no plain decimal integer is not supported"s;
  const rows expected = {
    {".Foo", "'.Foo'" + fields},
    {".status", "'.status'" + fields},
    {".", "'.'" + fields},
    {".Header", "'.Header'" + fields},
    {".Status.Foo", "'.Status.Foo'" + fields},
    {"range .Header", "'range'" + words},
    {"with .Message", "'with'" + words},
    {"template \"a\"", "'template'" + words},
    {"define \"a\"", "'define'" + words},
    {"block \"a\" .", "'block'" + words},
    {"break", "'break'" + words},
    {"nil", "'nil'" + words},
    {"printf \"%d\" .Status", "'printf'" + words},
    {"html .Message", "'html'" + words},
    {"elseif .Status", "'elseif'" + words},
    {std::string(50, 'x'), "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'" + words},
    {"$.Status", "variables ($) are not supported"},
    {"'a'", "character constants are not supported; strings take double quotes"},
    {"0404", number},
    {"0x10", number},
    {"1.5", number},
    {"1_000", number},
    {"-", number},
    {"9223372036854775808", "'9223372036854775808' is too large"},
    {"\"\\x41\"", "an escape other than \\\\ \\\" \\n \\r \\t is not supported"},
    {"/* a */", "a comment begins right behind {{ or {{- and a space"},
    {"#", "unexpected '#'"},
    {"\x01", "unexpected 0x01"},
    {"{", "unexpected '{'"},
  };
  for (const auto& [action, why] : expected) {
    const auto place = action == "\"\\x41\"" ? "line 1, column 5: "s : "line 1, column 4: "s;
    EXPECT_EQ(page("{{ " + action + " }}"), place + why) << action;
  }
  EXPECT_EQ(page("{{ .Status | html }}"), "line 1, column 12: pipelines (|) are not supported");
  EXPECT_EQ(page("{{ if x := 1 }}"), "line 1, column 7: 'x'" + words);
}

TEST(ErrorTemplate, RefusesActionsThatMeanNothing) {
  expect({
    {"{{ }}", "line 1, column 4: a value is missing"},
    {"{{ .Status-}}",
     "line 1, column 11: a number that is no plain decimal integer is not supported"},
    {"{{}}", "line 1, column 3: a value is missing"},
    {"{{ if }}", "line 1, column 7: a value is missing"},
    {"{{ () }}", "line 1, column 5: a value is missing"},
    {"{{ 1 2 }}", "line 1, column 6: unexpected '2', where the action should end"},
    {"{{ 1) }}", "line 1, column 5: unexpected ')', where the action should end"},
    {"{{ (1 }}", "line 1, column 4: this parenthesis has no end"},
    {"{{ (1 2) }}", "line 1, column 7: unexpected '2'"},
    {"{{ (.Status).Foo }}", "line 1, column 13: unexpected '.Foo' without a space before it"},
    {"{{ eq .Status(404) }}", "line 1, column 14: unexpected '(' without a space before it"},
    {"{{ eq .Status eq }}", "line 1, column 15: 'eq' with its operands stands in parentheses here"},
    {"{{ eq .Header.Get \"a\" }}",
     "line 1, column 7: '.Header.Get' with its name stands in parentheses here"},
    {"{{ .Header.Get }}",
     "line 1, column 16: '.Header.Get' takes the name of a header as a string, "
     "not end of the action"},
    {"{{ .Header.Get .Message }}",
     "line 1, column 16: '.Header.Get' takes the name of a header as a string, not '.Message'"},
    {"{{ .Header.Get\"a\" }}",
     "line 1, column 15: '.Header.Get' takes the name of a header as a string, not '\"a\"'"},
    {"{{ eq .Status }}", "line 1, column 4: 'eq' has too few operands"},
    {"{{ ne 1 2 3 }}", "line 1, column 4: 'ne' has too many operands"},
    {"{{ not }}", "line 1, column 4: 'not' has too few operands"},
    {"{{ and }}", "line 1, column 4: 'and' has too few operands"},
    {"{{ eq .Status \"404\" }}", "line 1, column 4: 'eq' compares values of different types"},
    {"{{ eq 404 .Status .Message }}", "line 1, column 4: 'eq' compares values of different types"},
    {"{{ eq (and 1 ``) 1 }}", "line 1, column 4: 'eq' compares values of different types"},
    {"{{ lt true false }}", "line 1, column 4: 'lt' cannot order true and false"},
    {"{{ .Status", "line 1, column 1: this action has no end"},
    {"a\n{{ \"b }}\n", "line 2, column 4: this string has no end"},
    {"{{ `b }}", "line 1, column 4: this string has no end"},
    {"{{/* a", "line 1, column 1: this comment has no end"},
    {"{{/* a */ }}", "line 1, column 10: a comment is followed by something else than }}"},
    {"{{ end }}", "line 1, column 4: {{ end }} without an if"},
    {"{{ else }}", "line 1, column 4: {{ else }} without an if"},
    {"a\nb {{ if 1 }}\n", "line 2, column 6: this if has no {{ end }}"},
    {"{{ if 1 }}{{ else }}{{ else }}{{ end }}", "line 1, column 24: an else after the last else"},
    {"{{ if 1 }}{{ else }}{{ else if 1 }}{{ end }}",
     "line 1, column 24: an else after the last else"},
    {"{{ if 1 }}{{ else 1 }}{{ end }}", "line 1, column 19: unexpected '1' after else"},
    {"{{ if 1 }}{{ end 1 }}", "line 1, column 18: unexpected '1', where the action should end"},
  });
}

// -- Bounds.

std::string repeat(const std::string& text, std::size_t times) {
  std::string out;
  while (times-- > 0)
    out += text;
  return out;
}

TEST(ErrorTemplate, IsNestedOnlySoDeep) {
  const auto ifs = [](std::size_t depth) {
    return repeat("{{ if 1 }}", depth) + "a" + repeat("{{ end }}", depth);
  };
  const auto parentheses = [](std::size_t depth) {
    return "{{ " + repeat("(", depth) + "1" + repeat(")", depth) + " }}";
  };
  EXPECT_EQ(page(ifs(error_template_depth_max)), "a");
  EXPECT_EQ(page(ifs(error_template_depth_max + 1)), "line 1, column 324: too many nested ifs");
  EXPECT_EQ(page(parentheses(error_template_depth_max)), "1");
  EXPECT_EQ(page(parentheses(error_template_depth_max + 1)),
            "line 1, column 36: too many nested parentheses");
  EXPECT_EQ(page("{{ or " + repeat("0 ", 63) + "1 }}"), "1");
  EXPECT_EQ(page("{{ or " + repeat("0 ", 64) + "1 }}"), "line 1, column 135: too many operands");
}

TEST(ErrorTemplate, IsOnlySoLong) {
  EXPECT_EQ(page(std::string(error_template_bytes_max, 'a')).size(), error_template_bytes_max);
  EXPECT_EQ(page(std::string(error_template_bytes_max + 1, 'a')),
            "line 1, column 1: the template has more than 262144 bytes");
}

TEST(ErrorTemplate, MakesAPageOnlySoLong) {
  const std::string message(error_page_bytes_max, 'a');
  error_page_facts about = facts;
  about.message = message;
  EXPECT_EQ(page("{{ .Message }}", about).size(), error_page_bytes_max);
  EXPECT_EQ(page("{{ .Message }}b", about), "too long");
  const std::string escaped(error_page_bytes_max / 4 + 1, '<');
  about.message = escaped;
  EXPECT_EQ(page("{{ .Message }}", about), "too long");
}

} // namespace
} // namespace shunt::net
