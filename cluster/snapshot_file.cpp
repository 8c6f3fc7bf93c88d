#include "cluster/snapshot_file.hpp"

#include "cluster/told_codec.hpp"
#include "routing/text_hash.hpp"
#include "routing/uri.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

namespace shunt::cluster {

namespace {

constexpr std::string_view magic = "SHUNTRT1";
constexpr std::uint64_t format_version = 1;
constexpr std::size_t footer_bytes = 24;
constexpr std::size_t written_together = 1024 * 1024;
constexpr std::uint64_t sum_seed = 0x9fb21c651e98df25;
constexpr std::size_t memory_per_byte = 64; ///< What may be made of a byte of a section.

std::string big_endian(std::uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8)
    bytes[static_cast<std::size_t>(i)] = static_cast<char>(value & 0xff);
  return bytes;
}

std::uint64_t number_of(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const unsigned char each : bytes)
    value = value << 8 | each;
  return value;
}

std::uint64_t sum_of(std::string_view bytes, std::uint64_t so_far = sum_seed) {
  return routing::text_hash(bytes, so_far);
}

std::string reason() {
  return std::strerror(errno);
}

/// Of a host, as it is written.
std::string_view name_in(std::string_view text) {
  msgpack_reader in{text, 0};
  msgpack_record fields{in};
  return fields.next() ? in.text(routing::host_bytes_max) : std::string_view{};
}

} // namespace

// -- Writing

snapshot_writer::snapshot_writer(std::string path, snapshot_identity of, bool hurried)
  : path_{std::move(path)}, of_{std::move(of)}, hurried_{hurried} {
  file_ = ::open((path_ + ".new").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file_ < 0)
    fail("cannot be created");
  try {
    put(magic);
  } catch (...) {
    discard();
    throw;
  }
}

snapshot_writer::~snapshot_writer() {
  discard();
}

void snapshot_writer::discard() {
  if (file_ < 0)
    return;
  ::close(std::exchange(file_, -1));
  ::unlink((path_ + ".new").c_str());
}

void snapshot_writer::fail(const char* what) const {
  throw snapshot_error{path_ + ".new " + what + ": " + reason()};
}

void snapshot_writer::put(std::string_view bytes) {
  offset_ += bytes.size();
  unwritten_ += bytes;
  if (unwritten_.size() >= written_together)
    flush();
}

void snapshot_writer::flush() {
  for (std::string_view bytes{unwritten_}; !bytes.empty();) {
    const auto written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      fail("cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  unwritten_.clear();
  // The disk may begin: then there is less to wait for at the end. If it cannot, it is told again there.
  if (!hurried_)
    (void)::sync_file_range(file_, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void snapshot_writer::begin_shard(std::size_t shard) {
  sections_.push_back({shard, offset_, 0, sum_seed});
}

void snapshot_writer::add(const std::vector<routing::told_host>& hosts) {
  auto& part = sections_.back();
  std::string bytes;
  for (const auto& host : hosts) {
    bytes.clear();
    msgpack_writer out{&bytes};
    write(out, host);
    put(bytes);
    part.sum = sum_of(bytes, part.sum);
  }
  hosts_ += hosts.size();
}

void snapshot_writer::end_shard() {
  auto& part = sections_.back();
  part.bytes = offset_ - part.offset;
}

void snapshot_writer::finish(std::int64_t unix_ms) {
  std::string index;
  msgpack_writer out{&index};
  out.array(5);
  out.put(format_version);
  out.put(std::string_view{of_.cluster});
  out.put(std::uint64_t{of_.shards});
  out.put(unix_ms);
  out.array(sections_.size());
  for (const auto& each : sections_) {
    out.array(4);
    out.put(std::uint64_t{each.shard});
    out.put(each.offset);
    out.put(each.bytes);
    out.put(each.sum);
  }
  put(index);
  put(big_endian(index.size()));
  put(big_endian(sum_of(index)));
  put(magic);
  flush();
  if (!hurried_ && ::fsync(file_) != 0)
    fail("cannot be put on the disk");
  // If there is such a file already, the one that stands here may not be on the disk either.
  if (hurried_)
    (void)::link(path_.c_str(), previous_of(path_).c_str());
  if (::rename((path_ + ".new").c_str(), path_.c_str()) != 0)
    fail("cannot take the place of the old one");
  if (!hurried_)
    ::unlink(previous_of(path_).c_str());
  ::close(std::exchange(file_, -1));
}

// -- Reading

std::shared_ptr<snapshot_file> snapshot_file::open(const std::string& path,
                                                   const snapshot_identity& expected) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT)
    return nullptr;
  if (file < 0)
    throw snapshot_error{path + " cannot be opened: " + reason()};
  std::shared_ptr<snapshot_file> opened{new snapshot_file};
  opened->path_ = path;
  opened->file_ = file;
  struct stat facts {};
  if (::fstat(file, &facts) == 0 && facts.st_size > 0)
    opened->size_ = static_cast<std::size_t>(facts.st_size);
  opened->read_index(expected);
  return opened;
}

snapshot_file::~snapshot_file() {
  ::close(file_);
}

std::string snapshot_file::read(std::uint64_t offset, std::size_t bytes) const {
  std::string text(bytes, '\0');
  for (std::size_t done = 0; done < bytes;) {
    const auto got = ::pread(file_, text.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      throw snapshot_error{path_ + " cannot be read: " + (got < 0 ? reason() : "it was cut off")};
    done += static_cast<std::size_t>(got);
  }
  return text;
}

std::string snapshot_file::keep_aside() const {
  const std::scoped_lock one_at_a_time{setting_aside_};
  auto aside = path_ + ".set-aside";
  struct stat ours {}, there {};
  if (::fstat(file_, &ours) != 0)
    return {};
  if (::stat(aside.c_str(), &there) == 0 && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
    return aside;
  // Whatever has the path by now. What was set aside before stays until this one is.
  const auto opened = "/proc/self/fd/" + std::to_string(file_);
  const auto fresh = aside + ".new";
  ::unlink(fresh.c_str());
  const bool kept = ::linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, fresh.c_str(), AT_SYMLINK_FOLLOW) == 0
                    && ::rename(fresh.c_str(), aside.c_str()) == 0;
  return kept ? aside : std::string{};
}

void snapshot_file::read_index(const snapshot_identity& expected) {
  const auto broken = [&](const char* what) { throw snapshot_error{path_ + " " + what}; };
  if (size_ < 2 * magic.size() + footer_bytes || read(0, magic.size()) != magic)
    broken("is no whole snapshot of this version");
  const auto ending = read(size_ - footer_bytes, footer_bytes);
  const std::string_view footer{ending};
  if (!footer.ends_with(magic))
    broken("is no whole snapshot of this version");
  const auto length = number_of(footer.substr(0, 8));
  if (length > size_ - magic.size() - footer_bytes)
    broken("has an index that is longer than it");
  const auto index_at = size_ - footer_bytes - length;
  const auto index = read(index_at, length);
  if (sum_of(index) != number_of(footer.substr(8, 8)))
    broken("is damaged: the checksum of its index is wrong");
  constexpr auto any = std::numeric_limits<std::uint64_t>::max();
  msgpack_reader in{index, 64 * 1024 * 1024};
  if (in.array() != 5 || in.number(any) != format_version)
    broken("is of another version");
  if (in.text(4096) != expected.cluster)
    broken("is of another cluster");
  if (in.number(any) != expected.shards)
    broken("is of a cluster with another number of shards");
  unix_ms_ = in.signed_number();
  sections_.resize(expected.shards);
  for (auto left = in.array(); left > 0 && !in.failed(); --left) {
    if (in.array() != 4)
      broken("has an index that cannot be read");
    const auto shard = in.number(expected.shards - 1);
    auto& part = sections_[shard];
    part.offset = in.number(index_at);
    part.bytes = in.number(index_at - part.offset);
    part.sum = in.number(any);
  }
  if (in.failed())
    broken("has an index that cannot be read");
}

bool snapshot_file::has(std::size_t shard) const {
  return shard < sections_.size() && sections_[shard].bytes > 0;
}

snapshot_section snapshot_file::section_of(std::size_t shard) const {
  if (!has(shard))
    return {shared_from_this(), shard, 0, {}};
  const auto& part = sections_[shard];
  const auto text = read(part.offset, part.bytes);
  snapshot_section opened{shared_from_this(), shard, part.offset, text};
  auto sum = sum_seed;
  for (const auto& each : opened.places_)
    sum = sum_of(std::string_view{text}.substr(each.offset, each.bytes), sum);
  if (sum != part.sum)
    opened.fail();
  std::ranges::sort(opened.places_, {}, &snapshot_section::place::host);
  return opened;
}

// -- Reading, host by host

/// Finds where each host stands without making anything of it.
snapshot_section::snapshot_section(std::shared_ptr<const snapshot_file> file, std::size_t shard, std::uint64_t begin,
                                   std::string_view bytes)
  : file_{std::move(file)}, shard_{shard}, begin_{begin} {
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max())
    fail();
  msgpack_reader in{bytes, 0}; // Nothing is made of it here.
  const auto at = [&] { return static_cast<std::uint32_t>(bytes.size() - in.left().size()); };
  while (!in.left().empty()) {
    place here{.offset = at()};
    msgpack_record fields{in};
    std::string_view name;
    if (fields.next())
      name = in.text(routing::host_bytes_max);
    fields.end();
    if (in.failed())
      fail();
    here.host = routing::host_hash(name);
    here.bytes = at() - here.offset;
    places_.push_back(here);
    if (name.starts_with('*'))
      wildcards_.push_back(here.host);
  }
}

std::vector<routing::told_host> snapshot_section::wildcards() {
  std::vector<routing::told_host> all;
  for (const auto hash : std::exchange(wildcards_, {}))
    for (auto& each : std::ranges::equal_range(places_, hash, {}, &place::host))
      if (each.bytes > 0)
        all.push_back(take(each, text_of(each)));
  return all;
}

std::optional<routing::told_host> snapshot_section::find(std::string_view host) {
  for (auto& each : std::ranges::equal_range(places_, routing::host_hash(host), {}, &place::host))
    if (each.bytes > 0)
      if (const auto text = text_of(each); name_in(text) == host)
        return take(each, text);
  return std::nullopt;
}

std::vector<routing::told_host> snapshot_section::read(std::size_t most) {
  std::vector<routing::told_host> some;
  for (; next_ < places_.size() && some.size() < most; ++next_)
    if (auto& each = places_[next_]; each.bytes > 0)
      some.push_back(take(each, text_of(each)));
  return some;
}

std::string snapshot_section::text_of(const place& at) const {
  return file_->read(begin_ + at.offset, at.bytes);
}

routing::told_host snapshot_section::take(place& from, std::string_view text) {
  msgpack_reader in{text, text.size() * memory_per_byte};
  auto host = read_host(in);
  if (in.failed())
    fail();
  from.bytes = 0;
  return host;
}

void snapshot_section::fail() const {
  throw snapshot_error{file_->path() + " is damaged at shard " + std::to_string(shard_)};
}

} // namespace shunt::cluster
