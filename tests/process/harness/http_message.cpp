#include "tests/process/harness/http_message.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace shunt::test {
namespace {

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

void expect(bool truth, const std::string& otherwise) {
  if (!truth)
    throw protocol_error{otherwise};
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

std::string_view start_line(std::string_view head) {
  return head.substr(0, head.find("\r\n"));
}

std::string_view field_lines(std::string_view head) {
  const auto begin = start_line(head).size() + 2;
  return head.substr(begin, head.size() - begin - 2);
}

/// What Content-Length and Transfer-Encoding say; `otherwise` when they are not there.
void frame(http_message& message, http_framing otherwise) {
  const auto coding = message.all("Transfer-Encoding");
  const auto length = message.all("Content-Length");
  expect(coding.empty() || length.empty(), "both Content-Length and Transfer-Encoding");
  expect(coding.size() <= 1 && length.size() <= 1, "repeated framing field");
  message.framing = otherwise;
  if (!coding.empty()) {
    expect(same_text(coding[0], "chunked"), "Transfer-Encoding: " + coding[0]);
    expect(message.version == "HTTP/1.1", "Transfer-Encoding in " + message.version);
    message.framing = http_framing::chunked;
  } else if (!length.empty()) {
    const auto& text = length[0];
    const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), message.length);
    expect(error == std::errc{} && end == text.data() + text.size(), "Content-Length: " + text);
    message.framing = message.length > 0 ? http_framing::length : http_framing::none;
  }
}

} // namespace

bool same_text(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::vector<std::string> http_message::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& field : fields)
    if (same_text(field.name, name))
      values.push_back(field.value);
  return values;
}

std::string http_message::one(std::string_view name) const {
  const auto values = all(name);
  expect(values.size() <= 1, "repeated " + std::string{name} + " in\n" + raw_head);
  return values.empty() ? std::string{} : values[0];
}

bool http_message::lists(std::string_view name, std::string_view token) const {
  for (const auto& value : all(name))
    for (std::string_view rest = value; !rest.empty();) {
      const auto item = rest.substr(0, rest.find(','));
      if (same_text(trimmed(item), token))
        return true;
      rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    }
  return false;
}

std::vector<http_field> parse_fields(std::string_view lines) {
  std::vector<http_field> fields;
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    expect(end != lines.npos, "a field line without CRLF");
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const auto colon = line.find(':');
    expect(colon != line.npos && is_token(line.substr(0, colon)),
           "malformed field line: " + std::string{line});
    expect(line.find_first_of(std::string_view{"\r\n\0", 3}) == line.npos, "control byte in field");
    fields.push_back(
      {std::string{line.substr(0, colon)}, std::string{trimmed(line.substr(colon + 1))}});
  }
  return fields;
}

http_request parse_request_head(std::string head) {
  http_request made;
  made.raw_head = std::move(head);
  const auto line = std::string{start_line(made.raw_head)};
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  expect(first != line.npos && last > first + 1, "malformed request line: " + line);
  made.method = line.substr(0, first);
  made.target = line.substr(first + 1, last - first - 1);
  made.version = line.substr(last + 1);
  expect(is_token(made.method) && made.target.find(' ') == made.target.npos, line);
  expect(made.version == "HTTP/1.1" || made.version == "HTTP/1.0", "version: " + made.version);
  made.fields = parse_fields(field_lines(made.raw_head));
  frame(made, http_framing::none);
  return made;
}

http_response parse_response_head(std::string head, std::string_view request_method) {
  http_response made;
  made.raw_head = std::move(head);
  const auto line = std::string{start_line(made.raw_head)};
  expect(
    line.size() >= 13 && (line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 "))
      && line[12] == ' '
      && std::all_of(&line[9], &line[12], [](unsigned char c) { return std::isdigit(c) != 0; }),
    "malformed status line: " + line);
  made.version = line.substr(0, 8);
  made.status = std::stoi(line.substr(9, 3));
  made.reason = line.substr(13);
  made.fields = parse_fields(field_lines(made.raw_head));
  frame(made, http_framing::until_close);
  const bool bodiless = made.status < 200 || made.status == 204 || made.status == 304;
  if (bodiless || request_method == "HEAD")
    made.framing = http_framing::none;
  return made;
}

} // namespace shunt::test
