// The file in which a node keeps its slices over a restart. Written beside the old one and put in its place at the
// end, so that there is always a whole one; what is read from it is believed only as far as its checksums go.
//
// Format: "SHUNTRT1", the sections, the index, its length (8 bytes, big endian), its checksum (8), "SHUNTRT1". A
// section is a msgpack array of hosts (told_codec.hpp) of one shard. The index is a msgpack array: format version,
// cluster, number of shards, Unix time in ms at which it was begun, and an array of sections, each an array of
// shard, offset, length and checksum.
#pragma once

#include "routing/replica_message.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cluster {

/// What the file cannot be used or written for; names it.
class snapshot_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

struct snapshot_identity {
  std::string cluster;
  std::size_t shards = 0;
};

/// Where a file is kept that one which the disk may not have yet has taken the place of.
inline std::string previous_of(const std::string& path) {
  return path + ".previous";
}

/// Writes one. Throws snapshot_error; what was written so far is removed then.
class snapshot_writer {
public:
  /// `hurried`: it takes the place of the old one before the disk has it, for a process that has little time left.
  /// Should the machine fail meanwhile, the old one is still there, as `previous_of(path)`.
  snapshot_writer(std::string path, snapshot_identity of, bool hurried = false);
  snapshot_writer(const snapshot_writer&) = delete;
  snapshot_writer& operator=(const snapshot_writer&) = delete;
  ~snapshot_writer();

  void begin_shard(std::size_t shard);
  void add(const std::vector<routing::told_host>& hosts);
  void end_shard();
  /// Puts it on the disk, and in the place of the old one.
  void finish(std::int64_t unix_ms);
  std::uint64_t hosts() const { return hosts_; }

private:
  struct section {
    std::size_t shard = 0;
    std::uint64_t offset = 0, bytes = 0, sum = 0;
  };
  void put(std::string_view bytes);
  void flush();
  void discard();
  [[noreturn]] void fail(const char* what) const;
  std::string path_;
  snapshot_identity of_;
  bool hurried_;
  int file_ = -1;
  std::string unwritten_; ///< The end of what there is.
  std::uint64_t offset_ = 0; ///< Of its end.
  std::uint64_t hosts_ = 0;
  std::vector<section> sections_;
};

class snapshot_file;

/// One shard's part of a file, of which each host is read once, from the file: of all that is not asked for yet there is
/// only an index in memory, made when this is.
/// Throws snapshot_error. Of one thread.
class snapshot_section {
public:
  /// All hosts whose names begin with `*`, as far as they were not read.
  std::vector<routing::told_host> wildcards();
  std::optional<routing::told_host> find(std::string_view host);
  /// The next ones that were not read, at most so many; empty: that was all.
  std::vector<routing::told_host> read(std::size_t most);

private:
  friend snapshot_file;
  struct place {
    std::uint64_t host = 0; ///< `host_hash`.
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0; ///< 0: was read.
  };
  snapshot_section(std::shared_ptr<const snapshot_file> file, std::size_t shard, std::uint64_t begin,
                   std::string_view bytes);
  routing::told_host take(place& from, std::string_view text);
  [[noreturn]] void fail() const;

  std::string text_of(const place& at) const;
  std::shared_ptr<const snapshot_file> file_;
  std::size_t shard_;
  std::uint64_t begin_; ///< Its place in the file.
  std::vector<place> places_; ///< By `host`.
  std::vector<std::uint64_t> wildcards_; ///< Hashes.
  std::size_t next_ = 0;
};

/// Reads one, which stays as it was even if another takes its place meanwhile. What the disk cannot read, and what was cut
/// off meanwhile, is an error as any other.
class snapshot_file : public std::enable_shared_from_this<snapshot_file> {
  friend snapshot_section;

public:
  /// Null: there is none. Throws snapshot_error if it is not a whole one of `expected`.
  static std::shared_ptr<snapshot_file> open(const std::string& path,
                                             const snapshot_identity& expected);
  snapshot_file(const snapshot_file&) = delete;
  snapshot_file& operator=(const snapshot_file&) = delete;
  ~snapshot_file();

  std::int64_t unix_ms() const { return unix_ms_; }
  bool has(std::size_t shard) const;
  /// That shard's part, ages as they were; checks its checksum. Throws snapshot_error. Any thread.
  snapshot_section section_of(std::size_t shard) const;
  const std::string& path() const { return path_; }
  /// Gives it another name, which it keeps when the next one takes its place. That name; empty: the disk has it no more, or
  /// gives no second names. Any thread.
  std::string keep_aside() const;

private:
  struct section {
    std::uint64_t offset = 0, bytes = 0, sum = 0;
  };
  snapshot_file() = default;
  void read_index(const snapshot_identity& expected);
  std::string read(std::uint64_t offset, std::size_t bytes) const;

  std::string path_;
  int file_ = -1;
  std::size_t size_ = 0;
  std::int64_t unix_ms_ = 0;
  std::vector<section> sections_; ///< By shard.
  mutable std::mutex setting_aside_; ///< The file of that name.
};

} // namespace shunt::cluster
