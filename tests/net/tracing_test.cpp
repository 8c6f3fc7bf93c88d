// Trace records: for every rule a row that says which tracing fields come in, which go out, and
// under which ids the request is logged.
#include "net/tracing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::string_literals;

using pairs = std::vector<std::pair<std::string, std::string>>;

const std::string fresh = "6f1c0c0e-6b1d-4d0b-9b57-0a4b6a6a4b0e";
const std::string fresh_trace = "6f1c0c0e6b1d4d0b9b570a4b6a6a4b0e";
const std::string fresh_span = "9b570a4b6a6a4b0e";
constexpr std::uint64_t new_parent = 0x00c0ffee12345678;
const std::string new_parent_text = "00c0ffee12345678";

const std::string trace = "0af7651916cd43dd8448eb211c80319c"; // The 13th digit, 4, is a version.
const std::string trace_as_uuid = "0af76519-16cd-43dd-8448-eb211c80319c";
const std::string span = "b7ad6b7169203331";
const std::string parent = "00f067aa0ba902b7";
const std::string short_trace = "463ac35c9f6413ad";

request_ids::text as_id(std::string_view text) {
  request_ids::text id{};
  std::copy(text.begin(), text.end(), id.begin());
  return id;
}

std::vector<field> as_fields(const pairs& incoming) {
  std::vector<field> fields;
  for (const auto& [name, value] : incoming)
    fields.push_back({name, value, identify(name)});
  return fields;
}

tracing_rules rules_of(bool b3, bool w3c, const std::string& tenant = "") {
  return tracing_rules{
    config::tracing_settings{.enable_zipkin = b3, .enable_w3c = w3c, .w3c_tenant_id = tenant}};
}
const tracing_rules b3_only = rules_of(true, false);
const tracing_rules w3c_only = rules_of(false, true);
const tracing_rules both = rules_of(true, true);

/// Everything that is decided for one request.
struct decided {
  pairs outgoing; ///< What the backend gets, in order: the client's that are kept, then ours.
  std::vector<std::string> ids; ///< Trace id, span id, request id.
  bool operator==(const decided&) const = default;
};

/// As the head is forwarded: drop what is replaced, then append.
decided facts_of(const trace_record& record, const std::vector<field>& fields) {
  decided found;
  for (const auto& each : fields)
    if (!record.replaces(each.id))
      found.outgoing.emplace_back(each.name, each.value);
  record.for_each_line([&found](std::string_view name, std::string_view value) {
    found.outgoing.emplace_back(name, value);
  });
  found.ids = {std::string{record.trace_id()}, std::string{record.span_id()},
               std::string{record.request_id()}};
  return found;
}

decided trace_through(const tracing_rules& rules, const pairs& incoming) {
  const auto fields = as_fields(incoming);
  trace_record record;
  record.begin(rules, fields, as_id(fresh), new_parent);
  return facts_of(record, fields);
}

using ids = std::vector<std::string>;
const ids fresh_ids{fresh_trace, fresh_span, fresh};

std::string value_of(const pairs& fields, std::string_view name) {
  for (const auto& [each, value] : fields)
    if (iequals(each, name))
      return value;
  return {};
}

TEST(Tracing, LeavesEveryFieldAloneWhenItIsOff) {
  const pairs incoming{{"b3", "nonsense"},
                       {"X-B3-TraceId", trace},
                       {"X-B3-SpanId", span},
                       {"traceparent", "nonsense"},
                       {"tracestate", "a=1"}};
  const auto found = trace_through(tracing_rules{}, incoming);
  EXPECT_EQ(found.outgoing, incoming);
  EXPECT_EQ(found.ids, fresh_ids);
}

// -- B3.

/// What the router sends when it begins a trace.
const pairs b3_made{{"b3", fresh_trace + "-" + fresh_span},
                    {"X-B3-TraceId", fresh_trace},
                    {"X-B3-SpanId", fresh_span}};

TEST(B3Tracing, KeepsAValidSingleHeaderAndLogsItsIds) {
  struct row {
    std::string b3;
    std::string trace_id;
    std::string request_id;
  };
  const std::vector<row> rows{
    {trace + "-" + span, trace, trace_as_uuid},
    {trace + "-" + span + "-1", trace, trace_as_uuid},
    {trace + "-" + span + "-0", trace, trace_as_uuid},
    {trace + "-" + span + "-d", trace, trace_as_uuid},
    {trace + "-" + span + "-1-" + parent, trace, trace_as_uuid},
    {trace + "-" + span + "-" + parent, trace, trace_as_uuid}, // As the router writes it itself.
    {"0AF7651916CD43DD8448EB211C80319C-" + span, trace, trace_as_uuid},
    {short_trace + "-" + span + "-1", short_trace, fresh},
  };
  for (const auto& row : rows) {
    const pairs incoming{{"B3", row.b3}, {"X-B3-TraceId", short_trace}};
    const auto found = trace_through(b3_only, incoming);
    EXPECT_EQ(found.outgoing, incoming) << row.b3;
    EXPECT_EQ(found.ids, (ids{row.trace_id, span, row.request_id})) << row.b3;
  }
}

TEST(B3Tracing, ReplacesAnInvalidSingleHeader) {
  const auto pair = trace + "-" + span;
  // clang-format off
  const std::vector<std::string> rows{
    "", "nonsense", "2", "D", trace, short_trace, trace + "-", trace + "-" + parent + "-",
    trace + "-" + span.substr(1), trace.substr(1) + "-" + span, trace + "0-" + span, pair + "0",
    pair + "-2", pair + "-true", pair + "-1-", pair + "-1-1", pair + "-1-" + parent + "-",
    pair + "-1-" + parent.substr(1), pair + "-1-" + parent + "-1", pair + "--" + parent,
    trace + "-g" + span.substr(1), "+" + trace.substr(1) + "-" + span,
    std::string(32, '0') + "-" + span, trace + "-" + std::string(16, '0')};
  // clang-format on
  for (const auto& b3 : rows) {
    const auto found = trace_through(b3_only, {{"b3", b3}});
    EXPECT_EQ(found.outgoing, b3_made) << b3;
    EXPECT_EQ(found.ids[2], fresh) << b3;
  }
}

TEST(B3Tracing, MakesAllThreeFieldsWhenThereIsNoPair) {
  const std::vector<pairs> rows{
    {},
    {{"x-b3-traceid", trace}},
    {{"X-B3-SpanId", span}},
    {{"X-B3-TraceId", trace}, {"X-B3-SpanId", ""}},
    {{"X-B3-TraceId", ""}, {"X-B3-SpanId", span}, {"b3", "nonsense"}, {"b3", "more nonsense"}},
  };
  for (const auto& incoming : rows) {
    const auto found = trace_through(b3_only, incoming);
    EXPECT_EQ(found.outgoing, b3_made);
    EXPECT_EQ(found.ids, fresh_ids);
  }
}

TEST(B3Tracing, LeavesWhatItDoesNotMake) {
  const auto found = trace_through(
    b3_only, {{"X-B3-ParentSpanId", parent}, {"X-B3-Sampled", "1"}, {"traceparent", "x"}});
  ASSERT_EQ(found.outgoing.size(), 6u);
  EXPECT_EQ(value_of(found.outgoing, "X-B3-ParentSpanId"), parent);
  EXPECT_EQ(value_of(found.outgoing, "X-B3-Sampled"), "1");
  EXPECT_EQ(value_of(found.outgoing, "traceparent"), "x");
}

TEST(B3Tracing, MakesTheSingleHeaderOfAPair) {
  struct row {
    pairs more;
    std::string b3;
  };
  const auto pair = trace + "-" + span;
  const std::vector<row> rows{
    {{}, pair},
    {{{"b3", "nonsense"}}, pair},
    {{{"X-B3-Sampled", "1"}}, pair + "-1"},
    {{{"X-B3-Sampled", "0"}}, pair + "-0"},
    {{{"X-B3-Sampled", "true"}}, pair + "-1"},
    {{{"X-B3-Sampled", "False"}}, pair + "-0"},
    {{{"X-B3-Sampled", ""}}, pair},
    {{{"X-B3-Flags", "1"}}, pair + "-d"},
    {{{"X-B3-Flags", "1"}, {"X-B3-Sampled", "0"}}, pair + "-d"},
    {{{"X-B3-Flags", "0"}, {"X-B3-Sampled", "0"}}, pair + "-0"},
    {{{"X-B3-Flags", "2"}}, pair},
    {{{"X-B3-ParentSpanId", parent}}, pair + "-" + parent},
    {{{"X-B3-ParentSpanId", parent}, {"X-B3-Sampled", "1"}}, pair + "-1-" + parent},
    {{{"X-B3-ParentSpanId", "F067AA0BA902B7"}, {"X-B3-Flags", "1"}}, pair + "-d-" + parent},
  };
  for (const auto& row : rows) {
    pairs incoming{{"X-B3-TraceId", trace}, {"X-B3-SpanId", span}};
    incoming.insert(incoming.end(), row.more.begin(), row.more.end());
    auto expected = incoming;
    std::erase_if(expected, [](const auto& each) { return each.first == "b3"; });
    expected.emplace_back("b3", row.b3);
    const auto found = trace_through(b3_only, incoming);
    EXPECT_EQ(found.outgoing, expected) << row.b3;
    EXPECT_EQ(found.ids, (ids{trace, span, trace_as_uuid})) << row.b3;
  }
}

TEST(B3Tracing, FillsShortIdsOfAPairWithZeros) {
  const auto found = trace_through(b3_only, {{"X-B3-TraceId", "ABC"}, {"X-B3-SpanId", "1"}});
  EXPECT_EQ(found.outgoing, (pairs{{"X-B3-TraceId", "ABC"},
                                   {"X-B3-SpanId", "1"},
                                   {"b3", "0000000000000abc-0000000000000001"}}));
  EXPECT_EQ(
    trace_through(b3_only, {{"X-B3-TraceId", "1" + short_trace}, {"X-B3-SpanId", span}}).ids[0],
    "0000000000000001" + short_trace);
}

TEST(B3Tracing, ChangesNothingWhenAPairCannotBeRead) {
  const std::vector<pairs> rows{
    {{"X-B3-TraceId", "nonsense"}, {"X-B3-SpanId", span}},
    {{"X-B3-TraceId", trace}, {"X-B3-SpanId", "nonsense"}},
    {{"X-B3-TraceId", trace + "0"}, {"X-B3-SpanId", span}},
    {{"X-B3-TraceId", trace}, {"X-B3-SpanId", span + "0"}},
    {{"X-B3-TraceId", std::string(32, '0')}, {"X-B3-SpanId", span}},
    {{"X-B3-TraceId", trace}, {"X-B3-SpanId", span}, {"X-B3-ParentSpanId", "x"}},
    {{"X-B3-TraceId", trace}, {"X-B3-SpanId", span}, {"X-B3-ParentSpanId", parent + "0"}},
    {{"X-B3-TraceId", trace}, {"X-B3-SpanId", span}, {"X-B3-Sampled", "2"}},
    {{"b3", "nonsense"}, {"X-B3-TraceId", "nonsense"}, {"X-B3-SpanId", "nonsense"}},
  };
  for (const auto& incoming : rows) {
    const auto found = trace_through(b3_only, incoming);
    EXPECT_EQ(found.outgoing, incoming);
    EXPECT_EQ(found.ids[0], fresh_trace);
    EXPECT_EQ(found.ids[2], fresh);
  }
}

TEST(B3Tracing, KeepsABareSamplingDecisionAndTakesIdsFromElsewhere) {
  for (const auto& sampling : {"0"s, "1"s, "d"s}) {
    const pairs alone{{"b3", sampling}};
    EXPECT_EQ(trace_through(b3_only, alone).outgoing, alone);
    EXPECT_EQ(trace_through(b3_only, alone).ids[0], fresh_trace);
    const pairs with_pair{{"b3", sampling}, {"X-B3-TraceId", trace}, {"X-B3-SpanId", span}};
    EXPECT_EQ(trace_through(b3_only, with_pair).outgoing, with_pair);
    EXPECT_EQ(trace_through(b3_only, with_pair).ids[0], trace);
  }
}

// -- The request id.

TEST(TraceRecord, MakesTheRequestIdOfATraceIdThatLooksLikeAUuid) {
  for (const char version : "0123456789abcdef"s) {
    auto id = trace;
    id[12] = version;
    auto uuid = trace_as_uuid;
    uuid[14] = version;
    const auto found = trace_through(b3_only, {{"b3", id + "-" + span}});
    EXPECT_EQ(found.ids[0], id);
    EXPECT_EQ(found.ids[2], version >= '1' && version <= '5' ? uuid : fresh) << version;
  }
}

// -- W3C.

TEST(W3cTracing, BeginsATraceWhenThereIsNoValidTraceparent) {
  for (const auto& value :
       {""s, "nonsense"s, "00-" + trace + "-" + span, "00-" + trace + "-" + span + "-0",
        "00-" + trace + "-" + span + "-011", "00-" + trace + "-" + span + "-0g",
        "0x-" + trace + "-" + span + "-01", "ff-" + trace + "-" + span + "-01",
        "00-" + trace + "-" + span + "-01-x", "00_" + trace + "-" + span + "-01",
        "00-" + trace + "_" + span + "-01", "00-" + trace + "-" + span + "_01",
        "00-" + trace.substr(1) + "g-" + span + "-01",
        "00-" + trace + "-+" + span.substr(1) + "-01",
        "00-" + std::string(32, '0') + "-" + span + "-01",
        "00-" + trace + "-" + std::string(16, '0') + "-01", std::string(55, 'a')}) {
    const auto found = trace_through(
      w3c_only, {{"Traceparent", value}, {"tracestate", "a=1"}, {"Tracestate", "b=2"}});
    EXPECT_EQ(found.outgoing,
              (pairs{{"traceparent", "00-" + fresh_trace + "-" + fresh_span + "-01"},
                     {"tracestate", "gorouter=" + fresh_span}}))
      << value;
    EXPECT_EQ(found.ids, fresh_ids) << value;
  }
}

TEST(W3cTracing, ContinuesAValidTraceparentUnderANewParent) {
  struct row {
    std::string incoming;
    std::string flags;
  };
  const std::vector<row> rows{
    {"00-" + trace + "-" + span + "-01", "01"},
    {"00-" + trace + "-" + span + "-00", "00"},
    {"00-" + trace + "-" + span + "-fF", "ff"},
    {"cc-" + trace + "-" + span + "-03", "03"}, // A later version.
    {"00-0AF7651916CD43DD8448EB211C80319C-" + span + "-01", "01"},
  };
  for (const auto& row : rows) {
    const auto found = trace_through(w3c_only, {{"traceparent", row.incoming}});
    EXPECT_EQ(found.outgoing,
              (pairs{{"traceparent", "00-" + trace + "-" + new_parent_text + "-" + row.flags},
                     {"tracestate", "gorouter=" + new_parent_text}}));
    EXPECT_EQ(found.ids, (ids{trace, new_parent_text, trace_as_uuid}));
  }
}

TEST(W3cTracing, NeverMakesAParentIdOfZeros) {
  trace_record record;
  record.begin(w3c_only, as_fields({{"traceparent", "00-" + trace + "-" + span + "-01"}}),
               as_id(fresh), 0);
  EXPECT_EQ(record.outgoing(field_id::traceparent), "00-" + trace + "-0000000000000001-01");
}

TEST(W3cTracing, PutsItsOwnEntryFirstInTracestate) {
  struct row {
    std::vector<std::string> incoming;
    std::string rest;
  };
  const std::vector<row> rows{
    {{}, ""},
    {{""}, ""},
    {{"a=1"}, ",a=1"},
    {{"a=1,b=2"}, ",a=1,b=2"},
    {{"b=2 ,\t a=1"}, ",b=2,a=1"},
    {{"gorouter=old"}, ""},
    {{"a=1,gorouter=old,b=2"}, ",a=1,b=2"},
    {{"a=1", "gorouter=old,b=2", "c=3"}, ",a=1,b=2,c=3"}, // Several lines are one list.
    {{"tenant@gorouter=other,gorouter2=x"}, ",tenant@gorouter=other,gorouter2=x"},
    {{"a=b=c"}, ",a=b=c"},
    {{",,a=1,,nonsense,=2,b=,"}, ",a=1,b="},
  };
  for (const auto& row : rows) {
    pairs incoming{{"traceparent", "00-" + trace + "-" + span + "-01"}};
    for (const auto& line : row.incoming)
      incoming.emplace_back("tracestate", line);
    const auto found = trace_through(w3c_only, incoming);
    ASSERT_EQ(found.outgoing.size(), 2u);
    EXPECT_EQ(found.outgoing[1].second, "gorouter=" + new_parent_text + row.rest);
  }
}

TEST(W3cTracing, DiscardsATracestateOfMoreThan2048Bytes) {
  const auto longest = "a=" + std::string(2046, 'x');
  const std::vector<std::pair<std::vector<std::string>, std::string>> rows{
    {{longest}, "," + longest},
    {{longest + "x"}, ""},
    {{"b=1", "a=" + std::string(2042, 'x')}, ",b=1,a=" + std::string(2042, 'x')},
    {{"b=1", "a=" + std::string(2043, 'x')}, ""},
  };
  for (const auto& [lines, rest] : rows) {
    pairs incoming{{"traceparent", "00-" + trace + "-" + span + "-01"}};
    for (const auto& line : lines)
      incoming.emplace_back("tracestate", line);
    EXPECT_EQ(value_of(trace_through(w3c_only, incoming).outgoing, "tracestate"),
              "gorouter=" + new_parent_text + rest);
  }
}

TEST(W3cTracing, WritesNoMoreThan32EntriesIntoTracestate) {
  std::string incoming;
  std::string expected = "gorouter=" + new_parent_text;
  for (int i = 0; i < 32; ++i) {
    const auto entry = "k" + std::to_string(i) + "=v";
    incoming += (i > 0 ? "," : "") + entry;
    if (i < 31)
      expected += "," + entry;
  }
  const auto found = trace_through(
    w3c_only, {{"traceparent", "00-" + trace + "-" + span + "-01"}, {"tracestate", incoming}});
  EXPECT_EQ(value_of(found.outgoing, "tracestate"), expected);
}

TEST(W3cTracing, NamesTheTenantInTracestate) {
  const pairs incoming{{"traceparent", "00-" + trace + "-" + span + "-01"},
                       {"tracestate", "a=1,acme@gorouter=old,gorouter=other"}};
  EXPECT_EQ(value_of(trace_through(rules_of(false, true, "acme"), incoming).outgoing, "tracestate"),
            "acme@gorouter=" + new_parent_text + ",a=1,gorouter=other");
  EXPECT_EQ(value_of(trace_through(rules_of(false, true, "acme"), {}).outgoing, "tracestate"),
            "acme@gorouter=" + fresh_span);
}

TEST(W3cTracing, IgnoresATenantThatWouldBreakTheHeader) {
  for (const auto& tenant : {"a\r\nHost: evil"s, "a,b"s, "a=b"s, "a b"s, "\xc3\xa9"s})
    EXPECT_EQ(rules_of(false, true, tenant).tracestate_key(), "gorouter");
}

// -- Both.

TEST(BothTracers, BeginOneTrace) {
  const auto found = trace_through(both, {});
  EXPECT_EQ(found.outgoing, (pairs{{"b3", fresh_trace + "-" + fresh_span},
                                   {"X-B3-TraceId", fresh_trace},
                                   {"X-B3-SpanId", fresh_span},
                                   {"traceparent", "00-" + fresh_trace + "-" + fresh_span + "-01"},
                                   {"tracestate", "gorouter=" + fresh_span}}));
}

TEST(BothTracers, BeginTheTraceparentOfTheTraceThatB3Brought) {
  const auto found = trace_through(both, {{"b3", trace + "-" + span}});
  EXPECT_EQ(value_of(found.outgoing, "traceparent"), "00-" + trace + "-" + span + "-01");
  EXPECT_EQ(value_of(found.outgoing, "tracestate"), "gorouter=" + span);
  EXPECT_EQ(found.ids[2], trace_as_uuid);
}

TEST(BothTracers, WidenAShortB3TraceIdForTheTraceparent) {
  const auto found = trace_through(both, {{"b3", short_trace + "-" + span}});
  EXPECT_EQ(value_of(found.outgoing, "traceparent"),
            "00-0000000000000000" + short_trace + "-" + span + "-01");
  EXPECT_EQ(found.ids, (ids{short_trace, span, fresh}));
}

TEST(BothTracers, LogTheIdsOfB3BeforeThoseOfTheTraceparent) {
  const std::string other = "11111111111141111111111111111111";
  const std::string incoming_parent = "00-" + other + "-" + span + "-00";
  struct row {
    pairs b3;
    std::string trace_id;
    std::string span_id;
  };
  const std::vector<row> rows{
    {{{"b3", trace + "-" + span}}, trace, span},
    {{{"b3", short_trace + "-" + span}}, short_trace, span},
    {{{"X-B3-TraceId", trace}, {"X-B3-SpanId", span}}, trace, span},
    {{}, fresh_trace, fresh_span}, // B3 has begun a trace.
    {{{"X-B3-TraceId", "x"}, {"X-B3-SpanId", "y"}}, other, new_parent_text}, // It has not.
    {{{"b3", "0"}}, other, new_parent_text},
  };
  for (const auto& row : rows) {
    pairs incoming{{"traceparent", incoming_parent}};
    incoming.insert(incoming.end(), row.b3.begin(), row.b3.end());
    const auto found = trace_through(both, incoming);
    EXPECT_EQ(found.ids[0], row.trace_id);
    EXPECT_EQ(found.ids[1], row.span_id);
    EXPECT_EQ(value_of(found.outgoing, "traceparent"),
              "00-" + other + "-" + new_parent_text + "-00");
    EXPECT_EQ(value_of(found.outgoing, "tracestate"), "gorouter=" + new_parent_text);
  }
}

// -- Reuse, and the access log.

TEST(TraceRecord, RemembersNothingOfTheRequestBefore) {
  const std::vector<std::pair<const tracing_rules*, pairs>> requests{
    {&both, {}},
    {&b3_only, {{"b3", trace + "-" + span}}},
    {&w3c_only, {{"traceparent", "00-" + trace + "-" + span + "-01"}, {"tracestate", "a=1"}}},
    {&b3_only, {{"X-B3-TraceId", "x"}, {"X-B3-SpanId", "y"}}},
  };
  trace_record reused;
  for (const auto& [before_rules, before] : requests)
    for (const auto& [rules, incoming] : requests) {
      reused.begin(*before_rules, as_fields(before), as_id(fresh), new_parent);
      const auto fields = as_fields(incoming);
      reused.begin(*rules, fields, as_id(fresh), new_parent);
      const auto found = facts_of(reused, fields);
      const auto expected = trace_through(*rules, incoming);
      EXPECT_TRUE(found == expected);
    }
}

TEST(TraceRecord, OutlivesTheTextOfTheRequest) {
  trace_record record;
  {
    const pairs incoming{{"b3", trace + "-" + span},
                         {"traceparent", "00-" + trace + "-" + span + "-01"},
                         {"tracestate", "a=" + std::string(100, 'x')}};
    record.begin(both, as_fields(incoming), as_id(fresh), new_parent);
  }
  EXPECT_EQ(record.trace_id(), trace);
  EXPECT_EQ(record.span_id(), span);
  EXPECT_EQ(record.outgoing(field_id::tracestate),
            "gorouter=" + new_parent_text + ",a=" + std::string(100, 'x'));
}

TEST(TraceRecord, ShowsTheAccessLogWhatTheBackendGets) {
  const pairs incoming{{"X-B3-TraceId", trace},
                       {"X-B3-ParentSpanId", parent},
                       {"traceparent", "nonsense"},
                       {"X-Other", "value"}};
  const auto fields = as_fields(incoming);
  trace_record record;
  record.begin(both, fields, as_id(fresh), new_parent);
  EXPECT_EQ(record.logged("x-b3-traceid", fields), fresh_trace);
  EXPECT_EQ(record.logged("x-b3-spanid", fields), fresh_span);
  EXPECT_EQ(record.logged("x-b3-parentspanid", fields), parent);
  EXPECT_EQ(record.logged("b3", fields), fresh_trace + "-" + fresh_span);
  EXPECT_EQ(record.logged("traceparent", fields), "00-" + fresh_trace + "-" + fresh_span + "-01");
  EXPECT_EQ(record.logged("tracestate", fields), "gorouter=" + fresh_span);
  EXPECT_EQ(record.logged("x-other", fields), "value");
  EXPECT_EQ(record.logged("x-missing", fields), "");
  record.begin(tracing_rules{}, fields, as_id(fresh), new_parent);
  EXPECT_EQ(record.logged("x-b3-traceid", fields), trace);
  EXPECT_EQ(record.logged("b3", fields), "");
}

} // namespace
} // namespace shunt::net
