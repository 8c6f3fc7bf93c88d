// What a status port shows and cannot say at once: a page that is told in pieces, as fast as whoever reads it takes
// them, so that its length costs no memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace shunt::app {

class page {
public:
  struct piece {
    std::string text;
    bool last = true;
  };
  using told = std::function<void(std::optional<piece>)>;

  virtual ~page() = default;
  /// Asks for the next piece, when the one before was told and was not the last. `tell` is called once, on any thread
  /// and perhaps when nobody is there any more; with nothing on failure.
  virtual void next(told tell) = 0;
};

/// Makes one for a request.
using page_source = std::function<std::shared_ptr<page>()>;

/// Pages of a single piece, which `ask` is asked for.
inline page_source whole_pages(std::function<void(std::function<void(std::optional<std::string>)>)> ask) {
  struct whole final : page {
    explicit whole(std::function<void(std::function<void(std::optional<std::string>)>)> from) : ask{std::move(from)} {}
    void next(told tell) override {
      ask([tell = std::move(tell)](std::optional<std::string> text) {
        tell(text ? std::optional{piece{std::move(*text), true}} : std::nullopt);
      });
    }
    std::function<void(std::function<void(std::optional<std::string>)>)> ask;
  };
  return [ask = std::move(ask)] { return std::make_shared<whole>(ask); };
}

} // namespace shunt::app
