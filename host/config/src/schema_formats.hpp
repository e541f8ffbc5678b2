// The values of `format`, all of them assertions, on strings only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenon::host::json_schema {

enum class Format : std::uint8_t { uri, date_time, ipv4, ipv6, hostname, duration, size };

std::optional<Format> find_format(std::string_view name);
/// All names, for messages: "`date-time`, `hostname`, ...".
std::string format_names();
std::optional<std::string_view> nearest_format(std::string_view name);
/// "an IPv4 address such as 192.0.2.1"
std::string_view describe(Format format);
bool matches(Format format, std::string_view text);

bool is_uri(std::string_view text);        ///< RFC 3986, with a scheme
bool is_date_time(std::string_view text);  ///< RFC 3339; second 60 only where a leap second can be
bool is_ipv4(std::string_view text);       ///< dotted decimal of RFC 2673, no leading zeros
bool is_ipv6(std::string_view text);       ///< RFC 4291 section 2.2, no zone
bool is_hostname(std::string_view text);   ///< RFC 1123 section 2.1; labels `xn--...` also by RFC 5891, 5892

}  // namespace tenon::host::json_schema
