// The states of a document's literal text, one short function for each. Text is copied as it is,
// but for comments and for a `<` that begins no tag.
#include "net/error_template.html.hpp"

#include "net/http_fields.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::string_view_literals;

constexpr auto spaces = " \t\n\f\r"sv;

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != set.npos;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool begins_with(std::string_view text, std::string_view prefix) {
  return iequals(text.substr(0, prefix.size()), prefix);
}

/// Attributes whose value is a URL or a list of them, besides those whose name says so.
constexpr std::string_view url_attributes[] = {
  "action", "archive",    "background",  "cite",     "classid",  "codebase",
  "data",   "formaction", "href",        "icon",     "longdesc", "ping",
  "poster", "profile",    "imagesrcset", "manifest", "usemap",   "xmlns"};

} // namespace

html_place::element html_place::element_of(std::string_view name) noexcept {
  for (const auto e : {element::title, element::textarea, element::script, element::style})
    if (iequals(name, name_of(e)))
      return e;
  return element::ordinary;
}

std::string_view html_place::name_of(element e) noexcept {
  switch (e) {
    case element::ordinary: break;
    case element::title: return "title";
    case element::textarea: return "textarea";
    case element::script: return "script";
    case element::style: return "style";
  }
  return {};
}

/// Judges unknown names by what they look like, as Go does: what scripts read from `data-url` is
/// likely to become a URL.
html_place::attribute html_place::attribute_of(std::string_view name) {
  std::string known{name};
  std::transform(known.begin(), known.end(), known.begin(), lower);
  if (known.starts_with("xmlns:"))
    return attribute::url;
  if (const auto colon = known.rfind(':'); colon != known.npos)
    known.erase(0, colon + 1);
  if (known.starts_with("data-"))
    known.erase(0, 5);
  if (known.starts_with("on"))
    return attribute::script;
  if (known == "style" || known == "srcdoc")
    return known == "style" ? attribute::style : attribute::document;
  if (known == "content" || known == "http-equiv")
    return known == "content" ? attribute::content : attribute::http_equiv;
  const bool url = std::find(std::begin(url_attributes), std::end(url_attributes), known)
                   != std::end(url_attributes);
  const auto has = [&known](const char* part) { return known.find(part) != known.npos; };
  return url || has("src") || has("uri") || has("url") ? attribute::url : attribute::plain;
}

/// One run over a literal text.
class html_place::scan {
public:
  scan(html_place& place, std::string_view text, std::string& out)
    : place_{place}, text_{text}, out_{out} {}

  const char* run() {
    while (at_ < text_.size() && error_ == nullptr)
      step();
    return error_;
  }

  std::size_t at() const { return at_; }

private:
  void step() {
    switch (place_.state_) {
      case state::text: return text();
      case state::comment: return comment();
      case state::tag_name: return tag_name();
      case state::tag: return tag();
      case state::name: return name();
      case state::after_name: return after_name();
      case state::before_value: return before_value();
      case state::quoted: return quoted();
      case state::unquoted: return unquoted();
    }
  }

  std::string_view rest() const { return text_.substr(at_); }
  char next() const { return text_[at_]; }

  /// Copies up to `end`.
  void copy_to(std::size_t end) {
    end = std::min(end, text_.size());
    out_.append(text_, at_, end - at_);
    at_ = end;
  }

  void fail(const char* why) { error_ = why; }

  void text() {
    if (place_.element_ != element::ordinary)
      return element_text();
    copy_to(text_.find('<', at_));
    if (at_ == text_.size())
      return;
    if (rest().starts_with("<!--")) {
      place_.state_ = state::comment;
      at_ += 4;
    } else if (begins_with(rest(), "<!doctype")) {
      copy_to(at_ + 1);
    } else {
      begin_tag();
    }
  }

  /// At a `<`.
  void begin_tag() {
    const bool closing = rest().starts_with("</");
    const auto begin = at_ + (closing ? 2 : 1);
    if (begin >= text_.size() || !is_letter(text_[begin]))
      return no_tag();
    const auto end = std::min(text_.find_first_of(" \t\n\f\r/>", begin), text_.size());
    const auto name = text_.substr(begin, end - begin);
    if (name.find_first_of("='\"<") != name.npos)
      return fail("not the name of a tag");
    place_ = {};
    place_.element_ = closing ? element::ordinary : element_of(name);
    place_.state_ = state::tag_name;
    copy_to(end);
  }

  void no_tag() {
    out_.append("&lt;");
    ++at_;
  }

  /// In a title, textarea, script or style, where nothing ends but the element.
  void element_text() {
    const auto name = name_of(place_.element_);
    const bool escapable =
      place_.element_ == element::title || place_.element_ == element::textarea;
    copy_to(text_.find('<', at_));
    if (at_ == text_.size())
      return;
    const auto end = at_ + 2 + name.size();
    if (rest().starts_with("</") && begins_with(rest().substr(2), name) && end < text_.size()
        && is_one_of(text_[end], " \t\n\f\r/>")) {
      place_ = {};
      place_.state_ = state::tag;
      return copy_to(end);
    }
    if (escapable && !begins_with(rest(), "<!doctype"))
      return no_tag();
    copy_to(at_ + 1);
  }

  void comment() {
    const auto end = text_.find("-->", at_);
    at_ = end == text_.npos ? text_.size() : end + 3;
    if (end != text_.npos)
      place_.state_ = state::text;
  }

  /// The name ended where the last text did, or an action stands in it.
  void tag_name() {
    if (!is_one_of(next(), " \t\n\f\r/>"))
      return fail("an action in the name of a tag");
    place_.state_ = state::tag;
  }

  void end_tag() {
    copy_to(at_ + 1);
    const auto element = place_.element_;
    place_ = {};
    place_.element_ = element;
  }

  void tag() {
    copy_to(text_.find_first_not_of(" \t\n\f\r/", at_));
    if (at_ == text_.size())
      return;
    if (next() == '>')
      return end_tag();
    const auto end = std::min(text_.find_first_of(" \t\n\f\r/>='\"<", at_), text_.size());
    if (end == at_ || (end < text_.size() && is_one_of(text_[end], "'\"<"))) {
      at_ = end;
      return fail("not the name of an attribute");
    }
    begin_attribute(end);
  }

  void begin_attribute(std::size_t end) {
    place_.attribute_ = attribute_of(text_.substr(at_, end - at_));
    if (place_.attribute_ == attribute::http_equiv) {
      if (place_.value_content_)
        return fail("http-equiv in a tag whose content has an action in it");
      place_.http_equiv_ = true;
    }
    copy_to(end);
    place_.state_ = state::after_name;
    if (at_ == text_.size()) { // More of the name may come.
      place_.state_ = state::name;
      place_.attribute_ = attribute::interrupted;
    }
  }

  /// Goes on with a name that was interrupted.
  void name() {
    const auto end = std::min(text_.find_first_of(" \t\n\f\r/>='\"<", at_), text_.size());
    if (end < text_.size() && is_one_of(text_[end], "'\"<")) {
      at_ = end;
      return fail("not the name of an attribute");
    }
    copy_to(end);
    if (at_ < text_.size())
      place_.state_ = state::after_name;
  }

  void after_name() {
    copy_to(text_.find_first_not_of(spaces, at_));
    if (at_ == text_.size())
      return;
    const bool has_value = next() == '=';
    place_.state_ = has_value ? state::before_value : state::tag;
    if (has_value)
      copy_to(at_ + 1);
  }

  void before_value() {
    copy_to(text_.find_first_not_of(spaces, at_));
    if (at_ == text_.size())
      return;
    if (next() == '>')
      return end_tag();
    place_.state_ = is_one_of(next(), "'\"") ? state::quoted : state::unquoted;
    if (place_.state_ == state::quoted) {
      place_.quote_ = next();
      copy_to(at_ + 1);
    }
  }

  void quoted() {
    copy_to(text_.find(place_.quote_, at_));
    if (at_ == text_.size())
      return;
    copy_to(at_ + 1);
    end_value();
  }

  void unquoted() {
    copy_to(text_.find_first_of(" \t\n\f\r>='\"<`", at_));
    if (at_ == text_.size())
      return;
    if (next() != '>' && !is_one_of(next(), spaces)) // Most likely a quote was forgotten.
      return fail("an attribute without quotes may not hold this");
    end_value();
  }

  void end_value() {
    place_.state_ = state::tag;
    place_.attribute_ = attribute::plain;
    place_.quote_ = '"';
  }

  html_place& place_;
  std::string_view text_;
  std::string& out_;
  std::size_t at_ = 0;
  const char* error_ = nullptr;
};

const char* html_place::take(std::string_view text, std::string& out, std::size_t& error_at) {
  scan run{*this, text, out};
  const auto* error = run.run();
  error_at = run.at();
  return error;
}

const char* html_place::take_value() noexcept {
  if (state_ == state::text && element_ == element::script)
    return "a value inside of <script>";
  if (state_ == state::text && element_ == element::style)
    return "a value inside of <style>";
  if (state_ == state::text || state_ == state::comment)
    return nullptr;
  if (state_ == state::before_value || state_ == state::unquoted)
    return "a value in an attribute without quotes";
  if (state_ != state::quoted)
    return "a value in a tag outside of quotes";
  switch (attribute_) {
    case attribute::plain: return nullptr;
    case attribute::url: return "a value in an attribute that holds a URL";
    case attribute::script: return "a value in an attribute that holds a script";
    case attribute::style: return "a value in a style attribute";
    case attribute::document: return "a value in a srcdoc attribute";
    case attribute::http_equiv: return "a value in an http-equiv attribute";
    case attribute::interrupted: return "a value in an attribute with an action in its name";
    case attribute::content: break;
  }
  value_content_ = true;
  return http_equiv_ ? "a value in the content of a tag with http-equiv" : nullptr;
}

const char* html_place::check_end() const noexcept {
  if (state_ == state::comment)
    return "the template ends in an HTML comment";
  if (state_ != state::text)
    return "the template ends inside of a tag";
  switch (element_) {
    case element::ordinary: return nullptr;
    case element::title: return "the template ends inside of <title>";
    case element::textarea: return "the template ends inside of <textarea>";
    case element::script: return "the template ends inside of <script>";
    case element::style: break;
  }
  return "the template ends inside of <style>";
}

std::optional<html_place> html_place::join(const html_place& a, const html_place& b) noexcept {
  auto one = a, other = b;
  one.http_equiv_ = other.http_equiv_ = a.http_equiv_ || b.http_equiv_;
  one.value_content_ = other.value_content_ = a.value_content_ || b.value_content_;
  if (one.http_equiv_ && one.value_content_)
    return {};
  // Around attributes the branches may differ in what may follow; the stricter place holds for
  // both.
  const auto strictness = [](state s) {
    switch (s) {
      case state::tag: return 1;
      case state::after_name: return 2;
      case state::name: return 3;
      case state::tag_name: return 4;
      default: return 0;
    }
  };
  const int first = strictness(a.state_), second = strictness(b.state_);
  if (first != 0 && second != 0 && a.element_ == b.element_) {
    auto joined = first >= second ? one : other;
    if (first > 1 && second > 1 && a.attribute_ != b.attribute_)
      joined.attribute_ = attribute::interrupted;
    return joined;
  }
  if (one == other)
    return one;
  return {};
}

} // namespace shunt::net
