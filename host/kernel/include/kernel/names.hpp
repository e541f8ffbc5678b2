// Names and patterns: words [A-Za-z0-9_-]+ joined by dots, at most 255 bytes (base/text.hpp: is_dotted_name). Services, topics and namespaces
// all use them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenon::host {

/// `*` matches one word, `>` as the last word matches one or more. Both arguments must be well-formed. No allocation.
bool matches(std::string_view pattern, std::string_view name);

/// True if every name that `narrow` matches is also matched by `wide`. Both are patterns (a name is a pattern of itself).
bool is_within(std::string_view narrow, std::string_view wide);

/// True if `name` is `prefix` itself or lies below it: "orders" has "orders" and "orders.create", not "orders_eu". `name` may be a pattern.
bool has_prefix(std::string_view name, std::string_view prefix);

/// True if nobody but the host may publish or offer `name`, whatever was granted: its first word is `host` or `tenon`.
inline bool is_hosts_name(std::string_view name) { return has_prefix(name, "host") || has_prefix(name, "tenon"); }

/// A service as callers name it: "orders.create" is "orders.create/1". The major is no word of the name.
struct ServiceName {
  std::string_view name;
  std::uint32_t major = 1;
  [[nodiscard]] std::string text() const;  ///< "orders.create", with "/2" if it is not 1
};
/// nullopt: no dotted name, or what follows the slash is not 1 to 999 999 without leading zeros. The name is a view into `text`.
std::optional<ServiceName> parse_service_name(std::string_view text);

/// A pattern of services, as manifests and grants write it: without "/major" it stands for all majors.
struct ServicePattern {
  std::string pattern;
  std::uint32_t major = 0;  ///< 0 = any
  [[nodiscard]] bool matches(const ServiceName& service) const;
};
std::optional<ServicePattern> parse_service_pattern(std::string_view text);

}  // namespace tenon::host
