// Where what a person asked for outlives the process: documents by key, each with an end. What a
// document says is its owner's matter. Every call waits for the medium, so none belongs on a loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::cluster {

struct document {
  std::string key;
  std::string text;
  std::int64_t expires_at_ms = 0; ///< Of the wall clock, since 1970.

  bool operator==(const document&) const = default;
};

/// What happens at once or not at all. No key is both in `put` and in `removed`.
struct document_changes {
  bool replace_all = false;           ///< First, everything that is there goes.
  std::vector<document> put{};        ///< One of the same key replaces the one before.
  std::vector<std::string> removed{}; ///< A key that is not there is no error.

  bool empty() const noexcept { return !replace_all && put.empty() && removed.empty(); }
};

/// Who is at fault, and so what to do next.
enum class store_errc : std::uint8_t {
  unavailable, ///< Full, read-only, not there, locked for too long: try again later.
  corrupt,     ///< What is stored cannot be read any more: open it anew, and write everything.
  not_ours,    ///< Of a newer version or another program, and not touched: a person has to look.
};

/// Says in one line what could not be done, why, and to which file.
class store_error : public std::runtime_error {
public:
  store_error(store_errc code, const std::string& what) : runtime_error{what}, code_{code} {}
  store_errc code() const noexcept { return code_; }

private:
  store_errc code_;
};

/// One thread at a time. What has returned is durable; what threw store_error may or may not have
/// happened, all of it or nothing.
class durable_store {
public:
  virtual ~durable_store() = default;

  /// Hands over every document, ended ones included, in no order.
  virtual void load(const std::function<void(document)>& each) = 0;
  virtual void apply(const document_changes& changes) = 0;
  /// Removes what has ended by then; returns how many that were.
  virtual std::size_t remove_expired(std::int64_t now_ms) = 0;
};

} // namespace shunt::cluster
