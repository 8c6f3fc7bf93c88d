// Which identifiers a client has used for its streams: what is right to answer when a frame names one
// that is not open (RFC 9113, sections 5.1 and 5.1.1). Bounded in memory, whatever the client does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace shunt::net {

class http2_stream_ids {
public:
  enum class state : std::uint8_t {
    closed,       ///< By the client, or by both sides: it knows.
    reset,        ///< By us: what the client sent before it knew is to be ignored.
    never_opened, ///< Passed over, which closes it.
  };

  /// The client opens a stream.
  void open(std::int32_t id) {
    if (id > last_ + 2)
      remember(gaps_, gaps_max, std::pair{last_, id});
    last_ = std::max(last_, id);
  }
  /// We reset or refuse it. Whether that is news.
  bool reset(std::int32_t id) {
    const bool news = id > 0 && of(id) != state::reset;
    if (news)
      remember(reset_, resets_max, id);
    return news;
  }

  bool is_fresh(std::int32_t id) const noexcept { return id > last_; }
  /// Of a stream that is neither fresh nor open.
  state of(std::int32_t id) const {
    if (std::find(reset_.rbegin(), reset_.rend(), id) != reset_.rend())
      return state::reset;
    const auto passed = [id](const auto& gap) { return gap.first < id && id < gap.second; };
    return std::any_of(gaps_.begin(), gaps_.end(), passed) ? state::never_opened : state::closed;
  }

private:
  static constexpr std::size_t gaps_max = 16;
  static constexpr std::size_t resets_max = 512; ///< Half of them are more than a client has streams at once.

  template <class T>
  static void remember(std::vector<T>& list, std::size_t max, T entry) {
    if (list.size() == max) // The older half is old news.
      list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(max / 2));
    list.push_back(entry);
  }

  std::int32_t last_ = -1;
  std::vector<std::pair<std::int32_t, std::int32_t>> gaps_; ///< Used identifiers, and none between.
  std::vector<std::int32_t> reset_;
};

} // namespace shunt::net
