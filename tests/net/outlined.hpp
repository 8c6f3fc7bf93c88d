// For tests of who writes heads: what an outline says of a head must be what a parser finds in it.
#pragma once

#include "net/http_head.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace shunt::net {

inline void expect_same_message(const message_head& known, const message_head& parsed,
                                std::string_view text) {
  EXPECT_EQ(known.version_minor, parsed.version_minor) << text;
  EXPECT_EQ(known.framing, parsed.framing) << text;
  EXPECT_EQ(known.has_content_length, parsed.has_content_length) << text;
  EXPECT_EQ(known.content_length, parsed.content_length) << text;
  EXPECT_EQ(known.keep_alive, parsed.keep_alive) << text;
  EXPECT_EQ(known.upgrade, parsed.upgrade) << text;
  EXPECT_EQ(known.upgrade_protocol, parsed.upgrade_protocol) << text;
  EXPECT_EQ(known.head_bytes, parsed.head_bytes) << text;
  ASSERT_EQ(known.fields.size(), parsed.fields.size()) << text;
  for (std::size_t i = 0; i < known.fields.size(); ++i) {
    EXPECT_EQ(known.fields[i].name, parsed.fields[i].name) << text;
    EXPECT_EQ(known.fields[i].value, parsed.fields[i].value) << text;
    EXPECT_EQ(known.fields[i].id, parsed.fields[i].id) << text;
  }
}

/// That the request in `text` is the same, or refused for the same reason, by its outline.
inline void expect_true_of_request(const head_outline& outline, std::string_view text) {
  request_head known, parsed;
  head_scratch scratch;
  const auto by_parsing = parse_request(text, parsed, {}, scratch);
  ASSERT_TRUE(outline.known()) << text;
  const auto by_outline = read_request(text, outline, known, {});
  ASSERT_EQ(by_outline.outcome, by_parsing.outcome) << text;
  ASSERT_EQ(by_outline.error, by_parsing.error) << text;
  if (!by_parsing.complete())
    return;
  expect_same_message(known, parsed, text);
  EXPECT_EQ(known.method, parsed.method) << text;
  EXPECT_EQ(known.target, parsed.target) << text;
  EXPECT_EQ(known.form, parsed.form) << text;
  EXPECT_EQ(known.path_and_query, parsed.path_and_query) << text;
  EXPECT_EQ(known.host, parsed.host) << text;
  EXPECT_EQ(known.expect_continue, parsed.expect_continue) << text;
}

/// The same of a response.
inline void expect_true_of_response(const head_outline& outline, std::string_view text,
                                    bool to_head = false) {
  response_head known, parsed;
  head_scratch scratch;
  const auto by_parsing = parse_response(text, to_head, parsed, {}, scratch);
  ASSERT_TRUE(outline.known()) << text;
  const auto by_outline = read_response(text, outline, to_head, known, {});
  ASSERT_EQ(by_outline.outcome, by_parsing.outcome) << text;
  ASSERT_EQ(by_outline.error, by_parsing.error) << text;
  if (!by_parsing.complete())
    return;
  expect_same_message(known, parsed, text);
  EXPECT_EQ(known.status, parsed.status) << text;
}

} // namespace shunt::net
