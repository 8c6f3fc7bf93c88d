// A record lies in the batch as its struct, bytewise, followed by the views of its lists and by
// all text in a fixed order. The pointers in there are meaningless until read() sets them again:
// the lengths beside them say all that is needed.
#include "routing/access_record.hpp"

#include <algorithm>
#include <cstring>

namespace shunt::routing {

namespace {

constexpr std::string_view access_record::*texts[] = {
  &access_record::host,
  &access_record::method,
  &access_record::target,
  &access_record::protocol,
  &access_record::referer,
  &access_record::user_agent,
  &access_record::remote_address,
  &access_record::backend_address,
  &access_record::x_forwarded_for,
  &access_record::x_forwarded_proto,
  &access_record::vcap_request_id,
  &access_record::local_address,
  &access_record::app_id,
  &access_record::app_index,
  &access_record::instance_id,
  &access_record::tls_sni,
  &access_record::caller_cf_app,
  &access_record::caller_cf_space,
  &access_record::caller_cf_org,
  &access_record::route_policy,
  &access_record::x_cf_routererror,
};

constexpr std::span<const std::string_view> access_record::*spans[] = {
  &access_record::extra_headers,
  &access_record::tags,
};

std::size_t bytes_of(const access_record& record) {
  auto bytes = sizeof(record);
  for (const auto text : texts)
    bytes += (record.*text).size();
  for (const auto span : spans) {
    bytes += (record.*span).size_bytes();
    for (const auto& value : record.*span)
      bytes += value.size();
  }
  return bytes;
}

char* put(char* to, const void* from, std::size_t bytes) {
  if (bytes > 0) // An empty view may have no memory at all, which memcpy does not allow.
    std::memcpy(to, from, bytes);
  return to + bytes;
}

char* put(char* to, std::string_view text) {
  return put(to, text.data(), text.size());
}

/// The text of the same length at `from`, which is moved behind it.
std::string_view take(const char*& from, std::size_t bytes) {
  const std::string_view text{from, bytes};
  from += bytes;
  return text;
}

} // namespace

void access_batch::append(const access_record& record) {
  const auto bytes = bytes_of(record);
  reserve(bytes_ + bytes);
  auto to = put(memory_.get() + bytes_, &record, sizeof(record));
  for (const auto span : spans)
    to = put(to, (record.*span).data(), (record.*span).size_bytes());
  for (const auto text : texts)
    to = put(to, record.*text);
  for (const auto span : spans)
    for (const auto& value : record.*span)
      to = put(to, value);
  bytes_ += bytes;
  ++records_;
}

std::size_t access_batch::read(std::size_t offset, access_record& record, record_lists& lists) const {
  const auto* from = memory_.get() + offset;
  std::memcpy(&record, from, sizeof(record));
  from += sizeof(record);
  for (std::size_t i = 0; i < lists.size(); ++i) {
    auto& list = lists[i];
    const auto bytes = (record.*spans[i]).size_bytes();
    list.resize((record.*spans[i]).size());
    if (bytes > 0)
      std::memcpy(list.data(), from, bytes);
    from += bytes;
    record.*spans[i] = list;
  }
  for (const auto text : texts)
    record.*text = take(from, (record.*text).size());
  for (auto& list : lists)
    for (auto& value : list)
      value = take(from, value.size());
  return static_cast<std::size_t>(from - memory_.get());
}

void access_batch::reserve(std::size_t bytes) {
  if (bytes <= capacity_)
    return;
  const auto capacity = std::max({bytes, 2 * capacity_, std::size_t{4096}});
  auto memory = std::make_unique_for_overwrite<char[]>(capacity);
  put(memory.get(), memory_.get(), bytes_);
  memory_ = std::move(memory);
  capacity_ = capacity;
}

void access_batch::clear() noexcept {
  bytes_ = records_ = 0;
  if (capacity_ <= kept_bytes_max)
    return;
  memory_.reset();
  capacity_ = 0;
}

} // namespace shunt::routing
