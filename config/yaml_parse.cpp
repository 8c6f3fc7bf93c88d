// Builds the tree from yaml-cpp's events. The events come one by one, so a file that breaks a bound
// is given up there and then, before it has cost memory.
#include "config/yaml_parse.hpp"

#include "config/cat.hpp"
#include "config/plain_text.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace shunt::config {

namespace {

constexpr std::size_t depth_max = 32;
constexpr std::size_t yaml_nodes_max = 200'000;
/// Bytes that may each become a token. yaml-cpp reads a flow list that could turn out to be a key
/// to its end before it tells us of its first element: 16 MiB of `[` took 4 GB and half a minute.
constexpr std::ptrdiff_t indicators_max = 500'000;
/// What a file may grow to when every alias is replaced by what it stands for: bytes of text, and
/// some for each node. Twice the largest file leaves room for a certificate used in many places.
constexpr std::uint64_t expanded_max = 32u << 20;
constexpr std::uint64_t node_size = 64;

/// A bound was broken: nothing sensible can be said about the rest.
struct broken_bound : std::runtime_error {
  broken_bound(const YAML::Mark& mark, const char* what)
    : std::runtime_error{what}, line{mark.line + 1} {}
  int line;
};

class tree_builder final : public YAML::EventHandler {
public:
  explicit tree_builder(report& out) : out_{out} {}

  yaml_ptr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(mark, anchor, {}); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    yaml_node node;
    node.is = yaml_node::kind::scalar;
    node.quoted = tag != "?";
    node.text = value;
    check_tag(mark, tag, "tag:yaml.org,2002:str");
    leaf(mark, anchor, std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw broken_bound{mark, "an alias stands inside the value that it names"};
    place(mark, found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:seq");
    open(mark, anchor, yaml_node::kind::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:map");
    open(mark, anchor, yaml_node::kind::map);
  }
  void OnMapEnd() override { close(); }

private:
  /// A finished value and how large and deep it is with its aliases expanded.
  struct sized {
    yaml_ptr node;
    std::uint64_t size = node_size;
    std::size_t depth = 1;
  };

  /// A list or map that is still being read.
  struct frame {
    std::shared_ptr<yaml_node> node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::uint64_t size = node_size;
    std::size_t depth = 1;
    std::optional<yaml_node::entry> pending; ///< A key whose value comes next.
    std::unordered_map<std::string, int> lines_by_key;
  };

  void leaf(const YAML::Mark& mark, YAML::anchor_t anchor, yaml_node node) {
    count(mark);
    node.line = mark.line + 1;
    const std::uint64_t size = node_size + node.text.size();
    finish(mark, anchor, {std::make_shared<const yaml_node>(std::move(node)), size});
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, yaml_node::kind kind) {
    count(mark);
    check_depth(mark, frames_.size() + 1);
    auto node = std::make_shared<yaml_node>();
    node->is = kind;
    node->line = mark.line + 1;
    frames_.push_back({std::move(node), anchor, mark, node_size, 1, std::nullopt, {}});
  }

  void close() {
    frame done = std::move(frames_.back());
    frames_.pop_back();
    finish(done.mark, done.anchor, {std::move(done.node), done.size, done.depth});
  }

  void finish(const YAML::Mark& mark, YAML::anchor_t anchor, sized value) {
    if (anchor != YAML::NullAnchor)
      anchors_.insert_or_assign(anchor, value);
    place(mark, value);
  }

  /// Puts a value where it belongs: in the innermost open list or map, or at the root.
  void place(const YAML::Mark& mark, const sized& value) {
    if (frames_.empty()) {
      root_ = value.node;
      return;
    }
    auto& parent = frames_.back();
    // Through aliases a value can be deeper than it is written, and its destructor recurses.
    parent.depth = std::max(parent.depth, value.depth + 1);
    check_depth(mark, parent.depth);
    parent.size += value.size; // Cannot wrap: both are at most expanded_max.
    if (parent.size > expanded_max)
      throw broken_bound{mark, "the aliases of this file expand to more than 32 MiB"};
    if (parent.node->is == yaml_node::kind::list)
      parent.node->items.push_back(value.node);
    else if (parent.pending)
      place_value(parent, value.node);
    else
      parent.pending = key_of(mark, *value.node);
  }

  void place_value(frame& parent, yaml_ptr value) {
    auto entry = *std::exchange(parent.pending, std::nullopt);
    const auto [known, is_new] = parent.lines_by_key.try_emplace(entry.key, entry.line);
    if (!is_new) {
      const auto message = cat("the key was already set in line ", std::to_string(known->second));
      out_.error(entry.line, path_to(entry.key), message);
      return;
    }
    entry.value = std::move(value);
    parent.node->entries.push_back(std::move(entry));
  }

  static yaml_node::entry key_of(const YAML::Mark& mark, const yaml_node& node) {
    if (node.is != yaml_node::kind::scalar)
      throw broken_bound{mark, "a key must be plain text"};
    if (node.text == "<<")
      throw broken_bound{mark, "merge keys (<<) are not supported, write the keys out"};
    return {node.text, mark.line + 1, nullptr};
  }

  std::string path_to(const std::string& key) const {
    std::string path;
    for (std::size_t i = 0; i + 1 < frames_.size(); ++i) {
      const auto& f = frames_[i];
      if (f.pending)
        path.append(path.empty() ? "" : ".").append(shown(f.pending->key));
      else
        path = element(path, f.node->items.size());
    }
    return path.append(path.empty() ? "" : ".").append(shown(key));
  }

  static void check_depth(const YAML::Mark& mark, std::size_t depth) {
    if (depth > depth_max)
      throw broken_bound{mark, "lists and maps are nested more than 32 deep"};
  }

  void count(const YAML::Mark& mark) {
    if (++nodes_ > yaml_nodes_max)
      throw broken_bound{mark, "the file holds more than 200000 values"};
  }

  static void check_tag(const YAML::Mark& mark, const std::string& tag, std::string_view allowed) {
    if (tag != "?" && tag != "!" && !tag.empty() && tag != allowed)
      throw broken_bound{mark, "tags other than !!str, !!seq and !!map are not supported"};
  }

  report& out_;
  yaml_ptr root_;
  std::vector<frame> frames_;
  std::unordered_map<YAML::anchor_t, sized> anchors_;
  std::size_t nodes_ = 0;
};

std::ptrdiff_t count_indicators(std::string_view text) {
  constexpr std::string_view indicators = "[]{}:,\"'*&!?";
  return std::count_if(text.begin(), text.end(),
                       [&](char c) { return indicators.find(c) != std::string_view::npos; });
}

/// Runs the parser; whatever it throws becomes an error with a line.
void feed(std::string_view text, tree_builder& builder, report& out) {
  try {
    std::istringstream stream{std::string{text}};
    YAML::Parser parser{stream};
    if (parser.HandleNextDocument(builder)) {
      tree_builder second{out};
      if (parser.HandleNextDocument(second))
        out.error(second.root() ? second.root()->line : 0, "",
                  "the file holds a second document, allowed is one");
    }
  } catch (const broken_bound& e) {
    out.error(e.line, "", e.what());
  } catch (const YAML::Exception& e) {
    out.error(e.mark.is_null() ? 0 : e.mark.line + 1, "", cat("not valid YAML: ", shown(e.msg)));
  } catch (const std::exception& e) {
    out.error(0, "", cat("not valid YAML: ", shown(e.what())));
  }
}

} // namespace

yaml_ptr parse_yaml(std::string_view text, report& out) {
  if (const auto line = line_of_bad_byte(text); line != 0) {
    out.error(line, "", "found a byte that is no text, expected UTF-8 without control characters");
    return nullptr;
  }
  if (count_indicators(text) > indicators_max) {
    out.error(0, "", "the file holds more than 500000 brackets, colons, commas and quotes");
    return nullptr;
  }
  tree_builder builder{out};
  feed(text, builder, out);
  return builder.root();
}

} // namespace shunt::config
