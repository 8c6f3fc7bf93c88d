// Two passes over a head. The first (`head_scanner`) runs as bytes arrive and finds the end. The second,
// here, runs once, over the complete head: takes the fields apart, and judges what they say about host,
// framing and connection. A fuzz target compares its reading with Beast's, which is slower and more
// lenient.
#include "net/http_head.hpp"

#include "net/host_authority.hpp"
#include "net/http_head.scanner.hpp"

#include <algorithm>
#include <optional>

namespace shunt::net {

namespace {

std::size_t fields_max(const head_limits& limits) {
  return limits.fields_max == 0 ? fields_cap : std::min(limits.fields_max, fields_cap);
}

/// What the fields of a head say about it, each as often as it was said.
struct field_facts {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t encodings = 0;
  std::size_t connection_options = 0;
  std::string_view host;
  std::uint64_t length = 0;
  transfer_coding coding = transfer_coding::ambiguous;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  std::string_view upgrade_protocol;
  bool expect_continue = false;
  bool expect_other = false;
};

/// Takes the field lines of one head apart, whose line ends and control bytes the first pass has
/// checked, and notes what they say about it.
class field_reader {
public:
  field_reader(std::vector<field>& fields, std::size_t fields_max, bool trailers)
    : fields_{fields}, fields_max_{fields_max}, trailers_{trailers} {}

  /// Field lines up to and including the empty line, where the first pass found it.
  parse_error take(std::string_view lines) {
    while (lines.size() > line_end_bytes) {
      const auto end = lines.find('\r');
      if (const auto error = take_line(lines.substr(0, end)); error != parse_error::none)
        return error;
      lines.remove_prefix(end + line_end_bytes);
    }
    return parse_error::none;
  }

  /// The same of lines that were noted as they were written.
  parse_error take(std::string_view text, const head_outline& outline) {
    for (const auto& line : outline.lines())
      if (const auto error = take_field(head_outline::field_of(line, text)); error != parse_error::none)
        return error;
    return parse_error::none;
  }

  const field_facts& facts() const { return facts_; }

private:
  static constexpr std::size_t line_end_bytes = 2;

  parse_error take_line(std::string_view line) {
    const auto name = line.substr(0, token_bytes_of(line));
    if (name.empty() || name.size() == line.size() || line[name.size()] != ':')
      return parse_error::malformed_field_name;
    return take_field({name, trim(line.substr(name.size() + 1)), identify(name)});
  }

  parse_error take_field(const field& found) {
    if (++count_ > fields_max_)
      return parse_error::too_many_fields;
    if (trailers_ && forbidden_in_trailers(found.id))
      return parse_error::none;
    fields_.push_back(found);
    return trailers_ ? parse_error::none : note(found);
  }

  parse_error note(const field& f) {
    switch (f.id) {
      case field_id::host: ++facts_.hosts, facts_.host = f.value; break;
      case field_id::content_length: return note_length(f.value);
      case field_id::transfer_encoding: return note_encoding(f.value);
      case field_id::connection: return note_connection(f.value);
      case field_id::proxy_connection:
        return is_token_list(f.value) ? parse_error::none : parse_error::malformed_field_value;
      case field_id::upgrade: note_upgrade(f.value); break;
      case field_id::expect: note_expect(f.value); break;
      default: break;
    }
    return parse_error::none;
  }

  parse_error note_length(std::string_view value) {
    if (facts_.encodings > 0)
      return parse_error::conflicting_framing;
    const auto length = parse_content_length(value);
    if (!length || ++facts_.lengths > 1)
      return parse_error::malformed_content_length;
    facts_.length = *length;
    return parse_error::none;
  }

  parse_error note_encoding(std::string_view value) {
    if (facts_.lengths > 0)
      return parse_error::conflicting_framing;
    facts_.coding = classify_transfer_encoding(value);
    return ++facts_.encodings > 1 ? parse_error::malformed_transfer_encoding : parse_error::none;
  }

  parse_error note_connection(std::string_view value) {
    facts_.connection_options += 1 + static_cast<std::size_t>(std::count(value.begin(), value.end(), ','));
    if (facts_.connection_options > connection_options_max || !is_token_list(value))
      return parse_error::malformed_field_value;
    facts_.close |= has_token(value, "close");
    facts_.keep_alive |= has_token(value, "keep-alive");
    facts_.upgrade |= has_token(value, "upgrade");
    return parse_error::none;
  }

  void note_upgrade(std::string_view value) {
    if (facts_.upgrade_protocol.empty())
      facts_.upgrade_protocol = value;
  }

  void note_expect(std::string_view value) {
    if (iequals(value, "100-continue"))
      facts_.expect_continue = true;
    else if (!value.empty())
      facts_.expect_other = true;
  }

  std::vector<field>& fields_;
  std::size_t fields_max_;
  bool trailers_;
  std::size_t count_ = 0;
  field_facts facts_;
};

/// Content-Length and Transfer-Encoding, before it is known what they mean for this message.
parse_error check_framing(const field_facts& facts, int version_minor) {
  if (facts.encodings == 0)
    return parse_error::none;
  if (facts.lengths > 0)
    return parse_error::conflicting_framing;
  if (version_minor == 0 || facts.coding == transfer_coding::ambiguous)
    return parse_error::malformed_transfer_encoding;
  return facts.coding == transfer_coding::chunked ? parse_error::none
                                                  : parse_error::unsupported_transfer_encoding;
}

void finish(const field_facts& facts, int version_minor, message_head& out) {
  out.version_minor = version_minor;
  out.has_content_length = facts.lengths > 0;
  out.content_length = facts.length;
  if (facts.encodings > 0)
    out.framing = body_framing::chunked;
  else if (facts.length > 0)
    out.framing = body_framing::length;
  out.keep_alive = !facts.close && (version_minor == 1 || facts.keep_alive);
  // HTTP/1.0 knows no upgrades: an old proxy may have passed the fields on blindly.
  // Nor is there one to HTTP/2 (RFC 9113, section 3.1): requests behind it would pass the router unseen.
  out.upgrade = version_minor == 1 && facts.upgrade && !facts.upgrade_protocol.empty()
                && !has_token(facts.upgrade_protocol, "h2c");
  if (out.upgrade)
    out.upgrade_protocol = facts.upgrade_protocol;
}

parse_error check_host(const field_facts& facts, const request_target& target, request_head& out) {
  if (facts.hosts > 1)
    return parse_error::repeated_host;
  if (facts.hosts == 0) {
    out.host = target.authority_text;
    return out.version_minor == 1 ? parse_error::missing_host : parse_error::none;
  }
  out.host = facts.host;
  const auto host = parse_authority(facts.host);
  if (!host && !facts.host.empty())
    return parse_error::malformed_host;
  if (!target.authority)
    return parse_error::none;
  return host && same_authority(*host, *target.authority, target.default_port)
           ? parse_error::none
           : parse_error::conflicting_host;
}

/// What a request is, once its start line and its fields are taken apart.
parse_error judge_request(const field_facts& facts, int version_minor, request_head& out) {
  if (const auto error = check_framing(facts, version_minor); error != parse_error::none)
    return error;
  finish(facts, version_minor, out);
  request_target target{.path_and_query = out.target, .authority = {}, .authority_text = {}};
  if (!out.target.starts_with('/')) // Else it has nothing else to it.
    target = parse_target(out.method, out.target).value_or(target);
  out.form = target.form;
  out.path_and_query = target.path_and_query;
  if (const auto error = check_host(facts, target, out); error != parse_error::none)
    return error;
  out.expect_continue =
    facts.expect_continue && version_minor == 1 && out.framing != body_framing::none;
  return facts.expect_other ? parse_error::unsupported_expectation : parse_error::none;
}

parse_error read_request(const head_scanner& scanner, const head_limits& limits,
                         request_head& out) {
  const auto line = scanner.start_line();
  out.method = line.substr(0, line.find(' '));
  out.target = line.substr(out.method.size() + 1, line.rfind(' ') - out.method.size() - 1);
  const int version_minor = line.back() - '0';
  field_reader reader{out.fields, fields_max(limits), false};
  if (const auto error = reader.take(scanner.fields()); error != parse_error::none)
    return error;
  return judge_request(reader.facts(), version_minor, out);
}

/// Which responses have a body, and how it ends (RFC 9112, section 6.3).
void frame_response(bool request_was_head, response_head& out) {
  const bool informational = out.status < 200;
  if (informational || out.status == 204) {
    // These never have a body. Who announces one may send it: not to be read as a next response.
    if (out.framing != body_framing::none)
      out.keep_alive = false;
    out.framing = body_framing::none;
  } else if (request_was_head || out.status == 304) {
    out.framing = body_framing::none;
  } else if (out.framing == body_framing::none && !out.has_content_length) {
    out.framing = body_framing::until_close;
    out.keep_alive = false;
  }
}

parse_error judge_response(const field_facts& facts, int version_minor, bool request_was_head,
                           response_head& out) {
  if (const auto error = check_framing(facts, version_minor); error != parse_error::none)
    return error;
  finish(facts, version_minor, out);
  frame_response(request_was_head, out);
  return parse_error::none;
}

int number_of(std::string_view status) {
  return (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
}

parse_error read_response(const head_scanner& scanner, bool request_was_head,
                          const head_limits& limits, response_head& out) {
  const auto line = scanner.start_line();
  out.status = number_of(line.substr(9, 3));
  out.reason = line.substr(std::min(line.size(), reasonless_status_line_bytes + 1));
  field_reader reader{out.fields, fields_max(limits), false};
  if (const auto error = reader.take(scanner.fields()); error != parse_error::none)
    return error;
  return judge_response(reader.facts(), line[7] - '0', request_was_head, out);
}

parse_status status_of(parse_error error) {
  return error == parse_error::none ? head_complete : parse_status{parse_outcome::error, error};
}

/// Runs the first pass, and `read` over the head when it is complete.
template <class Read>
parse_status parse(std::string_view bytes, head_kind kind, const head_limits& limits,
                   head_scratch& scratch, Read read) {
  head_scanner scanner{bytes, std::min(limits.head_bytes_max, head_bytes_cap), kind, scratch};
  const auto status = scanner.scan();
  if (status.need_more())
    return status;
  const auto error = status.failed() ? status.error : read(scanner);
  scratch.reset();
  return status_of(error);
}

void clear(message_head& head, std::size_t head_bytes) {
  head.fields.clear();
  head.framing = body_framing::none;
  head.upgrade_protocol = {};
  head.head_bytes = head_bytes;
}

bool too_large(const head_outline& outline, const head_limits& limits) {
  return outline.head_bytes() > std::min(limits.head_bytes_max, head_bytes_cap);
}

} // namespace

parse_status parse_request(std::string_view bytes, request_head& out, const head_limits& limits,
                           head_scratch& scratch) {
  return parse(bytes, head_kind::request, limits, scratch, [&](const head_scanner& scanner) {
    clear(out, scanner.end());
    return read_request(scanner, limits, out);
  });
}

parse_status parse_response(std::string_view bytes, bool request_was_head, response_head& out,
                            const head_limits& limits, head_scratch& scratch) {
  return parse(bytes, head_kind::response, limits, scratch, [&](const head_scanner& scanner) {
    clear(out, scanner.end());
    return read_response(scanner, request_was_head, limits, out);
  });
}

parse_status parse_trailers(std::string_view bytes, std::vector<field>& out,
                            std::size_t& bytes_used, const head_limits& limits,
                            head_scratch& scratch) {
  return parse(bytes, head_kind::trailers, limits, scratch, [&](const head_scanner& scanner) {
    out.clear();
    bytes_used = scanner.end();
    field_reader reader{out, fields_max(limits), true};
    return reader.take(scanner.fields());
  });
}

// -- Heads of which it is known where their parts stand.

parse_status read_request(std::string_view text, const head_outline& outline, request_head& out,
                          const head_limits& limits) {
  clear(out, outline.head_bytes());
  out.method = outline.first_word(text);
  if (outline.refused())
    return status_of(outline.refusal());
  if (too_large(outline, limits))
    return status_of(parse_error::head_too_large);
  out.target = outline.second_word(text);
  field_reader reader{out.fields, fields_max(limits), false};
  if (const auto error = reader.take(text, outline); error != parse_error::none)
    return status_of(error);
  return status_of(judge_request(reader.facts(), 1, out));
}

parse_status read_response(std::string_view text, const head_outline& outline,
                           bool request_was_head, response_head& out, const head_limits& limits) {
  clear(out, outline.head_bytes());
  if (outline.refused())
    return status_of(outline.refusal());
  if (too_large(outline, limits))
    return status_of(parse_error::head_too_large);
  out.status = number_of(outline.second_word(text));
  out.reason = {};
  field_reader reader{out.fields, fields_max(limits), false};
  if (const auto error = reader.take(text, outline); error != parse_error::none)
    return status_of(error);
  const int version_minor = outline.first_word(text).back() - '0';
  return status_of(judge_response(reader.facts(), version_minor, request_was_head, out));
}

} // namespace shunt::net
