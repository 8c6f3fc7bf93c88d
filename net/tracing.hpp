// The trace record of one request (gorouter's rules; B3, W3C Trace Context): the ids under which it
// is logged, its X-Vcap-Request-Id, and the tracing fields that replace the client's on the way to
// the backend. Pure: fields and random numbers in, text out. Records are reused, hold no views of
// the request, and allocate only for a tracestate.
#pragma once

#include "config/sections.hpp"
#include "net/http_fields.hpp"
#include "net/request_id.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace shunt::net {

/// Which tracers are on, and the router's name in tracestate. Made once, when the router starts.
class tracing_rules {
public:
  tracing_rules() = default; ///< Both tracers off.
  /// A tenant that would break the list it is written into is ignored.
  explicit tracing_rules(const config::tracing_settings& settings);

  bool b3() const noexcept { return b3_; }
  bool w3c() const noexcept { return w3c_; }
  std::string_view tracestate_key() const noexcept { return tracestate_key_; }

private:
  bool b3_ = false;
  bool w3c_ = false;
  std::string tracestate_key_ = "gorouter";
};

class trace_record {
public:
  /// Decides for a request with these fields. `fresh_id` is a new request id, which also becomes
  /// the trace id if the client brought none; `new_parent_id` is a random number, used as the
  /// parent id when the client's traceparent is continued.
  void begin(const tracing_rules& rules, std::span<const field> fields,
             const request_ids::text& fresh_id, std::uint64_t new_parent_id);

  /// As log lines show them: lower-case hexadecimal, 16 or 32 digits and 16 digits.
  std::string_view trace_id() const noexcept { return trace_id_.view(); }
  std::string_view span_id() const noexcept { return span_id_.view(); }
  /// X-Vcap-Request-Id: a UUID, made of the trace id where that looks like one.
  std::string_view request_id() const noexcept { return view(request_id_); }

  /// The value that the router gives a tracing field; empty where it leaves the client's alone.
  std::string_view outgoing(field_id id) const noexcept;
  /// Whether the client's fields of that id stay behind, because the router sends its own.
  bool replaces(field_id id) const noexcept { return any_made_ && !outgoing(id).empty(); }
  /// Calls `fn(name, value)` for each field to append.
  template <class Fn>
  void for_each_line(Fn&& fn) const {
    if (!any_made_)
      return;
    for (const auto& each : made_names)
      if (const auto value = outgoing(each.id); !value.empty())
        fn(each.name, value);
  }
  /// The value that the access log shows for `name`: as sent to the backend, so perhaps one of the
  /// router's own, else the first in `fields`; empty = none.
  std::string_view logged(std::string_view name, std::span<const field> fields) const noexcept;

private:
  /// Text of a few bytes that lives in place. What does not fit is cut, which no caller provokes.
  template <std::size_t BytesMax>
  class short_text {
  public:
    std::string_view view() const noexcept { return {bytes_.data(), size_}; }
    bool empty() const noexcept { return size_ == 0; }
    void clear() noexcept { size_ = 0; }
    short_text& append(std::string_view text) noexcept {
      size_ += text.copy(bytes_.data() + size_, BytesMax - size_);
      return *this;
    }
    /// In lower case, after as many zeros as make it `width` digits.
    short_text& append_hex(std::string_view digits, std::size_t width) noexcept {
      for (auto zeros = width - std::min(width, digits.size()); zeros > 0; --zeros)
        append("0");
      for (const char c : digits)
        append(lower_digits.substr(value_of_digit(c), 1));
      return *this;
    }

  private:
    std::array<char, BytesMax> bytes_{};
    std::size_t size_ = 0;
  };

  struct made_name {
    field_id id;
    std::string_view name;
  };
  static constexpr std::array<made_name, 5> made_names{{
    {field_id::b3, "b3"},
    {field_id::x_b3_traceid, "X-B3-TraceId"},
    {field_id::x_b3_spanid, "X-B3-SpanId"},
    {field_id::traceparent, "traceparent"},
    {field_id::tracestate, "tracestate"},
  }};
  static constexpr std::string_view lower_digits = "0123456789abcdef";
  static constexpr std::size_t value_of_digit(char c) noexcept {
    return static_cast<std::size_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }

  void begin_b3(std::span<const field> fields, const request_ids::text& fresh_id);
  void begin_w3c(const tracing_rules& rules, std::span<const field> fields,
                 const request_ids::text& fresh_id, std::uint64_t new_parent_id);
  void adopt(std::string_view trace_id, std::string_view span_id) noexcept;
  void provide(const request_ids::text& fresh_id) noexcept;
  void write_tracestate(std::string_view key, std::string_view id, std::span<const field> fields,
                        bool continued);

  short_text<32> trace_id_;
  short_text<16> span_id_;
  short_text<68> b3_; ///< trace-span-sampled-parent
  short_text<55> traceparent_;
  std::string tracestate_;
  request_ids::text request_id_{};
  bool b3_pair_made_ = false; ///< X-B3-TraceId and X-B3-SpanId: the ids of this record.
  bool any_made_ = false;
};

} // namespace shunt::net
