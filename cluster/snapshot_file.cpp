#include "cluster/snapshot_file.hpp"

#include "cluster/told_codec.hpp"
#include "routing/text_hash.hpp"
#include "routing/uri.hpp"

#include <fcntl.h>
#include <sys/mman.h>
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
  if (::rename((path_ + ".new").c_str(), path_.c_str()) != 0)
    fail("cannot take the place of the old one");
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
  struct stat facts {};
  const bool known = ::fstat(file, &facts) == 0 && facts.st_size > 0;
  opened->size_ = known ? static_cast<std::size_t>(facts.st_size) : 0;
  void* bytes = known ? ::mmap(nullptr, opened->size_, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
  ::close(file);
  if (bytes == MAP_FAILED) {
    opened->size_ = 0;
    throw snapshot_error{path + " is empty or cannot be read"};
  }
  opened->bytes_ = static_cast<const char*>(bytes);
  opened->read_index(path, expected);
  return opened;
}

snapshot_file::~snapshot_file() {
  if (bytes_ != nullptr)
    ::munmap(const_cast<char*>(bytes_), size_);
}

void snapshot_file::read_index(const std::string& path, const snapshot_identity& expected) {
  path_ = path;
  const std::string_view all{bytes_, size_};
  const auto broken = [&](const char* what) { throw snapshot_error{path + " " + what}; };
  if (all.size() < 2 * magic.size() + footer_bytes || all.substr(0, magic.size()) != magic
      || all.substr(all.size() - magic.size()) != magic)
    broken("is no whole snapshot of this version");
  const auto footer = all.substr(all.size() - footer_bytes);
  const auto length = number_of(footer.substr(0, 8));
  if (length > all.size() - magic.size() - footer_bytes)
    broken("has an index that is longer than it");
  const auto index_at = all.size() - footer_bytes - length;
  const auto index = all.substr(index_at, length);
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
    return {shared_from_this(), shard, {}};
  const auto& part = sections_[shard];
  snapshot_section opened{shared_from_this(), shard, {bytes_ + part.offset, part.bytes}};
  auto sum = sum_seed;
  for (const auto& each : opened.places_)
    sum = sum_of(opened.text_of(each), sum);
  if (sum != part.sum)
    opened.fail();
  std::ranges::sort(opened.places_, {}, &snapshot_section::place::host);
  return opened;
}

// -- Reading, host by host

/// Finds where each host stands without making anything of it.
snapshot_section::snapshot_section(std::shared_ptr<const snapshot_file> file, std::size_t shard,
                                   std::string_view bytes)
  : file_{std::move(file)}, shard_{shard}, bytes_{bytes} {
  if (bytes_.size() > std::numeric_limits<std::uint32_t>::max())
    fail();
  msgpack_reader in{bytes_, 0}; // Nothing is made of it here.
  const auto at = [&] { return static_cast<std::uint32_t>(bytes_.size() - in.left().size()); };
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
        all.push_back(take(each));
  return all;
}

std::optional<routing::told_host> snapshot_section::find(std::string_view host) {
  for (auto& each : std::ranges::equal_range(places_, routing::host_hash(host), {}, &place::host))
    if (each.bytes > 0 && name_of(each) == host)
      return take(each);
  return std::nullopt;
}

std::vector<routing::told_host> snapshot_section::read(std::size_t most) {
  std::vector<routing::told_host> some;
  for (; next_ < places_.size() && some.size() < most; ++next_)
    if (auto& each = places_[next_]; each.bytes > 0)
      some.push_back(take(each));
  return some;
}

std::string_view snapshot_section::text_of(const place& at) const {
  return bytes_.substr(at.offset, at.bytes);
}

std::string_view snapshot_section::name_of(const place& at) const {
  msgpack_reader in{text_of(at), 0};
  msgpack_record fields{in};
  return fields.next() ? in.text(routing::host_bytes_max) : std::string_view{};
}

routing::told_host snapshot_section::take(place& from) {
  msgpack_reader in{text_of(from), from.bytes * memory_per_byte};
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
