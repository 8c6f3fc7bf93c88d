#include "routing/signature_json.hpp"

#include "routing/ascii.hpp"

#include <array>
#include <cstdint>

namespace shunt::routing {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::uint32_t replacement = 0xfffd;
constexpr int depth_max = 64; ///< Go's is 10000; no signature has more than one.

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

struct rune {
  std::uint32_t code;
  std::size_t bytes;
};

/// The first character of `text`, which is not empty; U+FFFD and one byte for what is no UTF-8.
rune first_rune(std::string_view text) {
  const auto byte = [&](std::size_t at) -> std::uint32_t {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  const auto first = byte(0);
  if (first < 0x80)
    return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  std::uint32_t code = first & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return {replacement, 1};
    code = code << 6 | (byte(i) & 63);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (first < 0xc2 || first > 0xf4 || code < least[bytes] || code > 0x10ffff || surrogate)
    return {replacement, 1};
  return {code, bytes};
}

void append_escape(std::string& out, std::uint32_t code) {
  out += "\\u";
  for (const int shift : {12, 8, 4, 0})
    out += hex_digits[code >> shift & 15];
}

/// A byte as Go quotes it in an error.
void append_quoted(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  constexpr std::string_view named = "\a\b\t\n\v\f\r", names = "abtnvfr";
  out += '\'';
  if (c == '\'' || c == '\\')
    out.append("\\").append(1, c);
  else if (const auto at = named.find(c); at != named.npos)
    out.append("\\").append(1, names[at]);
  else if (byte < 0x20 || byte == 0x7f)
    out.append("\\x").append(1, hex_digits[byte >> 4]).append(1, hex_digits[byte & 15]);
  else if ((byte >= 0x80 && byte <= 0xa0) || byte == 0xad)
    append_escape(out, byte);
  else
    append_utf8(out, byte);
  out += '\'';
}

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
constexpr int hex_value(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Bytes that stand for themselves, written and read: most of all texts, so they go in runs.
constexpr auto plain_bytes = [] {
  std::array<bool, 256> made{};
  for (unsigned c = 0x20; c < 0x80; ++c)
    made[c] = c != '"' && c != '\\' && c != '&' && c != '<' && c != '>';
  return made;
}();

std::size_t plain_run(std::string_view text) {
  std::size_t run = 0;
  while (run < text.size() && plain_bytes[static_cast<unsigned char>(text[run])])
    ++run;
  return run;
}

/// Reads one document. Every function answers false once `error` is set.
class json_reader {
public:
  json_reader(std::string_view text, json_members& members, json_scratch& scratch,
              std::string& error)
    : text_{text}, members_{members}, scratch_{scratch}, error_{error} {}

  bool document(json_type& type) {
    skip_space();
    if (!value(type, 0))
      return false;
    skip_space();
    return at_ == text_.size() || unexpected("after top-level value");
  }

private:
  bool value(json_type& type, int depth) {
    if (at_ == text_.size())
      return ended();
    switch (text_[at_]) {
      case '{': type = json_type::object; return object(depth);
      case '[': type = json_type::array; return array(depth);
      case '"': type = json_type::string; return string(scratch_.text);
      case 't': type = json_type::boolean; return literal("true");
      case 'f': type = json_type::boolean; return literal("false");
      case 'n': type = json_type::null; return literal("null");
      default: break;
    }
    type = json_type::number;
    if (text_[at_] != '-' && !is_digit(text_[at_]))
      return unexpected("looking for beginning of value");
    return number();
  }

  bool object(int depth) {
    if (depth == depth_max)
      return fail("exceeded max depth");
    ++at_;
    skip_space();
    if (take('}'))
      return true;
    for (;;) {
      if (at_ == text_.size())
        return ended();
      if (text_[at_] != '"')
        return unexpected("looking for beginning of object key string");
      if (!string(depth == 0 ? scratch_.name : scratch_.text))
        return false;
      skip_space();
      if (!take(':'))
        return unexpected("after object key");
      skip_space();
      json_type type{};
      if (!value(type, depth + 1))
        return false;
      if (depth == 0)
        members_.member(scratch_.name, type,
                        type == json_type::string ? std::string_view{scratch_.text}
                                                  : std::string_view{});
      skip_space();
      if (take('}'))
        return true;
      if (!take(','))
        return unexpected("after object key:value pair");
      skip_space();
    }
  }

  bool array(int depth) {
    if (depth == depth_max)
      return fail("exceeded max depth");
    ++at_;
    skip_space();
    if (take(']'))
      return true;
    for (;;) {
      json_type type{};
      if (!value(type, depth + 1))
        return false;
      skip_space();
      if (take(']'))
        return true;
      if (!take(','))
        return unexpected("after array element");
      skip_space();
    }
  }

  bool string(std::string& out) {
    out.clear();
    for (++at_;;) {
      const auto run = plain_run(text_.substr(at_));
      out.append(text_, at_, run);
      at_ += run;
      if (at_ == text_.size())
        return ended();
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20)
        return unexpected("in string literal");
      if (c == '\\') {
        ++at_;
        if (!escape(out))
          return false;
        continue;
      }
      const auto next = first_rune(text_.substr(at_));
      append_utf8(out, next.code);
      at_ += next.bytes;
    }
  }

  bool escape(std::string& out) {
    if (at_ == text_.size())
      return ended();
    constexpr std::string_view letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    if (const auto found = letters.find(text_[at_]); found != letters.npos) {
      out += meant[found];
      ++at_;
      return true;
    }
    if (text_[at_] != 'u')
      return unexpected("in string escape code");
    ++at_;
    std::uint32_t code = 0;
    if (!code_unit(code))
      return false;
    if (code >= 0xd800 && code < 0xe000)
      return surrogate(out, code);
    append_utf8(out, code);
    return true;
  }
  /// Half a character: the other half must follow, or it is none.
  bool surrogate(std::string& out, std::uint32_t high) {
    const auto before = at_;
    std::uint32_t low = 0;
    if (high < 0xdc00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      if (!code_unit(low))
        return false;
      if (low >= 0xdc00 && low < 0xe000) {
        append_utf8(out, 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00)));
        return true;
      }
      at_ = before;
    }
    append_utf8(out, replacement);
    return true;
  }
  bool code_unit(std::uint32_t& code) {
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == text_.size())
        return ended();
      const int digit = hex_value(text_[at_]);
      if (digit < 0)
        return unexpected("in \\u hexadecimal character escape");
      code = code << 4 | static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  bool literal(std::string_view word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      if (++at_ == text_.size())
        return ended();
      if (text_[at_] != word[i]) {
        std::string where = "in literal ";
        where.append(word).append(" (expecting '").append(1, word[i]).append("')");
        return unexpected(where);
      }
    }
    ++at_;
    return true;
  }

  bool number() {
    if (take('-') && (at_ == text_.size() || !is_digit(text_[at_])))
      return unexpected("in numeric literal");
    if (!take('0'))
      digits();
    if (take('.') && !digits())
      return unexpected("after decimal point in numeric literal");
    if (take('e') || take('E')) {
      if (!take('+'))
        take('-');
      if (!digits())
        return unexpected("in exponent of numeric literal");
    }
    return true;
  }
  bool digits() {
    const auto before = at_;
    while (at_ < text_.size() && is_digit(text_[at_]))
      ++at_;
    return at_ > before;
  }

  bool take(char wanted) {
    const bool there = at_ < text_.size() && text_[at_] == wanted;
    at_ += there;
    return there;
  }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_]))
      ++at_;
  }
  bool fail(std::string_view why) {
    error_ = why;
    return false;
  }
  bool ended() { return fail("unexpected end of JSON input"); }
  bool unexpected(std::string_view where) {
    if (at_ == text_.size())
      return ended();
    error_ = "invalid character ";
    append_quoted(error_, text_[at_]);
    error_.append(" ").append(where);
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  json_members& members_;
  json_scratch& scratch_;
  std::string& error_;
};

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view named = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
  out += '"';
  for (;;) {
    const auto run = plain_run(text);
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty())
      break;
    const auto next = first_rune(text);
    const auto bytes = text.substr(0, next.bytes);
    const char c = bytes.front();
    const bool broken = next.code == replacement && next.bytes == 1;
    if (const auto at = named.find(c); at != named.npos)
      out.append("\\").append(1, names[at]);
    else if (next.code < 0x20 || c == '&' || c == '<' || c == '>' || broken || next.code == 0x2028
             || next.code == 0x2029)
      append_escape(out, next.code);
    else
      out.append(bytes);
    text.remove_prefix(next.bytes);
  }
  out += '"';
}

std::string_view name_of(json_type type) noexcept {
  switch (type) {
    case json_type::null: return "null";
    case json_type::boolean: return "bool";
    case json_type::number: return "number";
    case json_type::string: return "string";
    case json_type::array: return "array";
    case json_type::object: return "object";
  }
  return {};
}

bool read_json(std::string_view document, json_type& type, json_members& members,
               json_scratch& scratch, std::string& error) {
  return json_reader{document, members, scratch, error}.document(type);
}

} // namespace shunt::routing
