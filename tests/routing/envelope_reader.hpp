// Reads Loggregator's envelopes as strictly as a protobuf reader can: what is not in the protocol,
// or stands twice, or is of another type, is an error. Written against the protocol, not with the
// library that the router writes with.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::test {

/// A protobuf message: each field's values, numbers or bytes, in order.
class proto_message {
public:
  explicit proto_message(std::string_view bytes) {
    while (!bytes.empty())
      take_field(bytes);
  }

  bool has(std::uint64_t field) const { return numbers_.contains(field) || texts_.contains(field); }
  std::uint64_t number(std::uint64_t field) const { return only(numbers_, field); }
  double real(std::uint64_t field) const { return std::bit_cast<double>(number(field)); }
  std::string text(std::uint64_t field) const { return only(texts_, field); }
  proto_message inner(std::uint64_t field) const { return proto_message{only(texts_, field)}; }
  std::vector<std::string> texts(std::uint64_t field) const {
    return texts_.contains(field) ? texts_.at(field) : std::vector<std::string>{};
  }
  /// Throws if there is any other field.
  const proto_message& only_has(std::initializer_list<std::uint64_t> fields) const {
    std::size_t known = 0;
    for (const auto field : fields)
      known += has(field) ? 1 : 0;
    if (known != numbers_.size() + texts_.size())
      throw std::runtime_error{"a field that the protocol does not know"};
    return *this;
  }

private:
  template <class Map>
  static typename Map::mapped_type::value_type only(const Map& map, std::uint64_t field) {
    const auto found = map.find(field);
    if (found == map.end() || found->second.size() != 1)
      throw std::runtime_error{"field " + std::to_string(field) + " is not there once"};
    return found->second.front();
  }

  static std::uint64_t take_varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(bytes, 1)[0]);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80)
        return value;
    }
    throw std::runtime_error{"a number without end"};
  }

  static std::string_view take(std::string_view& bytes, std::uint64_t size) {
    if (bytes.size() < size)
      throw std::runtime_error{"cut off"};
    const auto taken = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return taken;
  }

  void take_field(std::string_view& bytes) {
    const auto key = take_varint(bytes);
    const auto field = key >> 3;
    switch (key & 7) {
      case 0: numbers_[field].push_back(take_varint(bytes)); break;
      case 1: {
        std::uint64_t value = 0;
        const auto eight = take(bytes, 8);
        for (std::size_t i = 8; i-- > 0;)
          value = value << 8 | static_cast<unsigned char>(eight[i]);
        numbers_[field].push_back(value);
        break;
      }
      case 2: {
        const auto size = take_varint(bytes);
        texts_[field].emplace_back(take(bytes, size));
        break;
      }
      default: throw std::runtime_error{"a type of field that the protocol does not use"};
    }
  }

  std::map<std::uint64_t, std::vector<std::uint64_t>> numbers_;
  std::map<std::uint64_t, std::vector<std::string>> texts_;
};

/// An envelope, of which the one event that its type names is there.
struct envelope_read {
  enum class type : std::uint64_t { start_stop = 4, log = 5, value = 6, counter = 7 };

  explicit envelope_read(std::string_view bytes) : envelope_read{proto_message{bytes}} {}

  type what;
  std::string origin;
  std::int64_t timestamp;
  proto_message event;
  std::map<std::string, std::string> tags;

private:
  explicit envelope_read(const proto_message& all)
    : what{all.number(2)},
      origin{all.text(1)},
      timestamp{static_cast<std::int64_t>(all.number(6))},
      event{all.only_has({1, 2, 6, all.number(2) + 3, 17}).inner(all.number(2) + 3)} {
    for (const auto& each : all.texts(17)) {
      const proto_message entry{each};
      entry.only_has({1, 2});
      if (!tags.emplace(entry.text(1), entry.text(2)).second)
        throw std::runtime_error{"a tag that is there twice"};
    }
    switch (what) {
      case type::start_stop: event.only_has({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15}); break;
      case type::log: event.only_has({1, 2, 3, 4, 5, 6}); break;
      case type::value: event.only_has({1, 2, 3}); break;
      case type::counter: event.only_has({1, 2}); break;
      default: throw std::runtime_error{"an event that gorouter does not send"};
    }
  }
};

} // namespace shunt::test
