// How the values of choices.hpp are spelt in the file, and what an operator reads who wrote
// another. Where gorouter has a text for that, it is gorouter's, to the letter.
#pragma once

#include "config/choices.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace shunt::config {

/// Specialised for each choice: `entries` and `refusal(found)`.
template <class Choice>
struct choice_text;

/// The names of `entries` as Go prints a list: `[a b c]`.
template <class Entries>
std::string names_of(const Entries& entries) {
  std::string result;
  for (const auto& entry : entries)
    result.append(result.empty() ? "[" : " ").append(entry.first);
  return result + "]";
}

/// `LEAD X. Allowed values are [a b c]`, the form that most of gorouter's refusals have.
template <class Entries>
std::string refusal_text(std::string_view lead, std::string_view found, const Entries& entries) {
  return std::string{lead}.append(found).append(". Allowed values are ").append(names_of(entries));
}

template <class Choice, std::size_t Size>
using choice_entries = std::array<std::pair<std::string_view, Choice>, Size>;

template <>
struct choice_text<balancing_algorithm> {
  static constexpr choice_entries<balancing_algorithm, 2> entries{
    {{"round-robin", balancing_algorithm::round_robin},
     {"least-connection", balancing_algorithm::least_connection}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid load balancing algorithm ", found, entries);
  }
};

template <>
struct choice_text<balancing_algorithm_az_preference> {
  static constexpr choice_entries<balancing_algorithm_az_preference, 2> entries{
    {{"none", balancing_algorithm_az_preference::none},
     {"locally-optimistic", balancing_algorithm_az_preference::locally_optimistic}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid load balancing AZ preference ", found, entries);
  }
};

template <>
struct choice_text<forwarded_client_cert> {
  static constexpr choice_entries<forwarded_client_cert, 3> entries{
    {{"always_forward", forwarded_client_cert::always_forward},
     {"forward", forwarded_client_cert::forward},
     {"sanitize_set", forwarded_client_cert::sanitize_set}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid forwarded client cert mode: ", found, entries);
  }
};

template <>
struct choice_text<xfcc_format> {
  static constexpr choice_entries<xfcc_format, 2> entries{
    {{"raw", xfcc_format::raw}, {"envoy", xfcc_format::envoy}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid XFCC format: ", found, entries);
  }
};

template <>
struct choice_text<client_cert_validation> {
  static constexpr choice_entries<client_cert_validation, 3> entries{
    {{"none", client_cert_validation::none},
     {"request", client_cert_validation::request},
     {"require", client_cert_validation::require}}};
  static std::string refusal(std::string_view) {
    return "router.client_cert_validation must be one of 'none', 'request' or 'require'.";
  }
};

/// As `min_tls_version` allows them.
template <>
struct choice_text<tls_version> {
  static constexpr choice_entries<tls_version, 5> entries{{{"TLSv1.3", tls_version::tls_1_3},
                                                           {"TLSv1.2", tls_version::tls_1_2},
                                                           {"TLSv1.1", tls_version::tls_1_1},
                                                           {"TLSv1.0", tls_version::tls_1_0},
                                                           {"", tls_version::tls_1_2}}};
  static std::string refusal(std::string_view) {
    return R"(router.min_tls_version should be one of "", "TLSv1.3", "TLSv1.2", "TLSv1.1", )"
           R"("TLSv1.0")";
  }
};

/// As `max_tls_version` allows them.
struct max_tls_version_text {
  static constexpr choice_entries<tls_version, 3> entries{{{"TLSv1.2", tls_version::tls_1_2},
                                                           {"TLSv1.3", tls_version::tls_1_3},
                                                           {"", tls_version::tls_1_2}}};
  static std::string refusal(std::string_view) {
    return R"(router.max_tls_version should be one of "TLSv1.2" or "TLSv1.3")";
  }
};

template <>
struct choice_text<routing_table_sharding_mode> {
  static constexpr choice_entries<routing_table_sharding_mode, 3> entries{
    {{"all", routing_table_sharding_mode::all},
     {"segments", routing_table_sharding_mode::segments},
     {"shared-and-segments", routing_table_sharding_mode::shared_and_segments}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid sharding mode: ", found, entries);
  }
};

template <>
struct choice_text<redact_query_params> {
  static constexpr choice_entries<redact_query_params, 3> entries{
    {{"none", redact_query_params::none},
     {"all", redact_query_params::all},
     {"hash", redact_query_params::hash}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid query param redaction mode: ", found, entries);
  }
};

template <>
struct choice_text<log_level> {
  static constexpr choice_entries<log_level, 7> entries{{{"debug", log_level::debug},
                                                         {"info", log_level::info},
                                                         {"warn", log_level::warn},
                                                         {"error", log_level::error},
                                                         {"dpanic", log_level::dpanic},
                                                         {"panic", log_level::panic},
                                                         {"fatal", log_level::fatal}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid log level ", found, entries);
  }
};

template <>
struct choice_text<timestamp_format> {
  static constexpr choice_entries<timestamp_format, 2> entries{
    {{"unix-epoch", timestamp_format::unix_epoch}, {"rfc3339", timestamp_format::rfc3339}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid timestamp format ", found, entries);
  }
};

template <>
struct choice_text<max_conns_counts> {
  static constexpr choice_entries<max_conns_counts, 2> entries{
    {{"awaiting_headers", max_conns_counts::awaiting_headers},
     {"whole_response", max_conns_counts::whole_response}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid way to count connections ", found, entries);
  }
};

template <>
struct choice_text<cluster_discovery> {
  static constexpr choice_entries<cluster_discovery, 2> entries{
    {{"none", cluster_discovery::none}, {"nats", cluster_discovery::nats}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid way to find nodes ", found, entries);
  }
};

template <>
struct choice_text<cluster_isolated> {
  static constexpr choice_entries<cluster_isolated, 2> entries{
    {{"serve", cluster_isolated::serve}, {"unhealthy", cluster_isolated::unhealthy}}};
  static std::string refusal(std::string_view found) {
    return refusal_text("Invalid conduct of an isolated node ", found, entries);
  }
};

/// The value that `name` stands for, or empty.
template <class Text>
auto choice_of(std::string_view name) {
  using choice = std::remove_cvref_t<decltype(Text::entries[0].second)>;
  for (const auto& [known, value] : Text::entries)
    if (known == name)
      return std::optional<choice>{value};
  return std::optional<choice>{};
}

/// How the file spells `value`; empty for one that cannot be written (`unset`).
template <class Choice>
requires requires {
  choice_text<Choice>::entries;
}
std::string_view to_text(Choice value) {
  for (const auto& [name, known] : choice_text<Choice>::entries)
    if (known == value)
      return name;
  return {};
}

} // namespace shunt::config
