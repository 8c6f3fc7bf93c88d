// How what is too large for one message is said in several.
#include "cluster/replica_codec.hpp"
#include "cluster/told_codec.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace shunt::cluster {

namespace {

using namespace routing;

/// What a piece has besides its values: names, flags, counts.
constexpr std::size_t frame_of(std::size_t name_bytes) {
  return name_bytes + 32;
}

constexpr std::size_t hash_bytes = 9;

/// Fills one piece after the other; `bytes_max` is the least that a piece can hold besides one value.
class filler {
public:
  explicit filler(std::size_t bytes_max) : bytes_max_{bytes_max} {}

  /// Whether a value of that size begins a new piece.
  bool begins_another(std::size_t bytes) {
    const bool full = used_ > 0 && used_ + bytes > bytes_max_;
    used_ = full ? bytes : used_ + bytes;
    return full;
  }
  /// The piece has that already.
  void occupy(std::size_t bytes) { used_ += bytes; }

private:
  std::size_t bytes_max_;
  std::size_t used_ = 0;
};

told_path continued(const told_path& path) {
  told_path next;
  next.path = path.path;
  next.whole = false;
  next.known = path.known;
  return next;
}

std::vector<told_path> split(told_path&& path, std::size_t bytes_max) {
  auto members = std::exchange(path.members, {});
  auto ended = std::exchange(path.ended, {});
  const auto room = bytes_max - std::min(bytes_max, frame_of(path.path.size()));
  filler fill{room};
  fill.occupy(encoded_bytes(path));
  std::vector<told_path> pieces;
  pieces.push_back(std::move(path));
  for (auto& each : members) {
    if (fill.begins_another(encoded_bytes(each)))
      pieces.push_back(continued(pieces.back()));
    pieces.back().members.push_back(std::move(each));
  }
  for (auto& each : ended) {
    if (fill.begins_another(encoded_bytes(each)))
      pieces.push_back(continued(pieces.back()));
    pieces.back().ended.push_back(std::move(each));
  }
  return pieces;
}

std::vector<told_host> split(told_host&& host, std::size_t bytes_max) {
  const auto room = bytes_max - std::min(bytes_max, frame_of(host.host.size()));
  auto paths = std::exchange(host.paths, {});
  filler fill{room};
  std::vector<told_host> pieces;
  pieces.push_back(std::move(host));
  const auto add = [&](told_path&& path, std::size_t bytes) {
    if (fill.begins_another(bytes)) {
      told_host next;
      next.host = pieces.back().host;
      next.whole = false;
      pieces.push_back(std::move(next));
    }
    pieces.back().paths.push_back(std::move(path));
  };
  for (auto& path : paths) {
    const auto bytes = encoded_bytes(path);
    if (bytes <= room)
      add(std::move(path), bytes);
    else
      for (auto& piece : split(std::move(path), room)) {
        const auto piece_bytes = encoded_bytes(piece);
        add(std::move(piece), piece_bytes);
      }
  }
  return pieces;
}

/// All but the last, each made by `make(piece)`; then `message` with the last.
template <class Message, class Make>
std::vector<replica_message> with_hosts_in_pieces(Message&& message, std::size_t bytes_max, Make make) {
  auto pieces = in_pieces(std::move(message.hosts), bytes_max);
  std::vector<replica_message> parts;
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i)
    parts.push_back(make(std::move(pieces[i])));
  message.hosts = std::move(pieces.back());
  parts.push_back(std::forward<Message>(message));
  return parts;
}

std::uint64_t before(std::uint64_t sequence) {
  return sequence - (sequence > 0 ? 1 : 0);
}

std::vector<replica_message> parts_of(lease_granted&& m, std::size_t bytes_max) {
  return with_hosts_in_pieces(std::move(m), bytes_max, [&](auto&& hosts) {
    return lease_granted{before(m.sequence), m.in_sync, false, std::move(hosts), m.lease};
  });
}

std::vector<replica_message> parts_of(lease_changed&& m, std::size_t bytes_max) {
  const auto part_of = [&m](std::vector<told_host>&& hosts, std::vector<std::uint64_t>&& appeared) {
    return lease_changed{before(m.sequence), m.in_sync, std::move(hosts), std::move(appeared), m.lease};
  };
  std::vector<replica_message> parts;
  for (const auto most = bytes_max / hash_bytes; m.appeared.size() > most; m.appeared.resize(m.appeared.size() - most))
    parts.push_back(part_of({}, {m.appeared.end() - static_cast<std::ptrdiff_t>(most), m.appeared.end()}));
  auto rest = with_hosts_in_pieces(std::move(m), bytes_max, [&](auto&& hosts) { return part_of(std::move(hosts), {}); });
  std::move(rest.begin(), rest.end(), std::back_inserter(parts));
  return parts;
}

std::vector<replica_message> parts_of(slice_told&& m, std::size_t bytes_max) {
  return with_hosts_in_pieces(std::move(m), bytes_max,
                              [](auto&& hosts) { return slice_told{std::move(hosts), false}; });
}

std::vector<replica_message> parts_of(transfer_piece&& m, std::size_t bytes_max) {
  return with_hosts_in_pieces(std::move(m), bytes_max,
                              [](auto&& hosts) { return slice_told{std::move(hosts), false}; });
}

std::vector<replica_message> parts_of(lease_start&& m, std::size_t bytes_max) {
  filler fill{bytes_max};
  std::size_t kept = 0;
  while (kept < m.hosts.size() && !fill.begins_another(frame_of(m.hosts[kept].size())))
    ++kept;
  std::vector<std::string> more(std::move_iterator{m.hosts.begin() + static_cast<std::ptrdiff_t>(kept)},
                                std::move_iterator{m.hosts.end()});
  m.hosts.resize(kept);
  std::vector<replica_message> parts{std::move(m)};
  for (auto& host : more)
    parts.push_back(lease_more{std::move(host)});
  return parts;
}

std::vector<replica_message> parts_of(endpoints_pruned&& m, std::size_t bytes_max) {
  filler fill{bytes_max};
  std::vector<replica_message> parts;
  endpoints_pruned part;
  for (auto& key : m.which) {
    if (fill.begins_another(encoded_bytes(key)))
      parts.push_back(std::exchange(part, {}));
    part.which.push_back(std::move(key));
  }
  parts.push_back(std::move(part));
  return parts;
}

template <class Message>
std::vector<replica_message> parts_of(Message&& m, std::size_t) {
  std::vector<replica_message> whole;
  whole.push_back(std::forward<Message>(m));
  return whole;
}

} // namespace

std::vector<std::vector<told_host>> in_pieces(std::vector<told_host> hosts, std::size_t bytes_max) {
  filler fill{bytes_max};
  std::vector<std::vector<told_host>> pieces(1);
  const auto add = [&](told_host&& host, std::size_t bytes) {
    if (fill.begins_another(bytes))
      pieces.emplace_back();
    pieces.back().push_back(std::move(host));
  };
  for (auto& host : hosts) {
    const auto bytes = encoded_bytes(host);
    if (bytes <= bytes_max)
      add(std::move(host), bytes);
    else
      for (auto& piece : split(std::move(host), bytes_max)) {
        const auto piece_bytes = encoded_bytes(piece);
        add(std::move(piece), piece_bytes);
      }
  }
  return pieces;
}

std::vector<replica_message> in_parts(replica_message message, std::size_t bytes_max) {
  return std::visit([&](auto&& m) { return parts_of(std::move(m), bytes_max); }, std::move(message));
}

} // namespace shunt::cluster
