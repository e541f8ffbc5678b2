#include "schema_formats.hpp"

#include <iterator>

#include "base/text.hpp"

namespace tenon::host::json_schema {
namespace {

struct Entry {
  std::string_view name;
  Format format;
  std::string_view description;
};
constexpr Entry formats[] = {
    {"uri", Format::uri, "a URI with its scheme, such as https://example.org/x"},
    {"date-time", Format::date_time, "a date and time of RFC 3339, such as 2026-11-21T03:04:05Z"},
    {"ipv4", Format::ipv4, "an IPv4 address, such as 192.0.2.1"},
    {"ipv6", Format::ipv6, "an IPv6 address, such as 2001:db8::1"},
    {"hostname", Format::hostname, "a host name, such as db1.example.org"},
    {"tenon-duration", Format::duration, "a duration with its unit, such as 5s or 1h30m"},
    {"tenon-size", Format::size, "a size with its unit, such as 16MiB"},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return hex_digit(c) >= 0; }

/// Exactly `count` digits at `at`, -1 if they are not there.
int number_at(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

int days_in_month(int year, int month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

// The parts of RFC 3986, appendix A.
bool is_unreserved(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
bool is_sub_delimiter(char c) { return std::string_view("!$&'()*+,;=").find(c) != std::string_view::npos; }

/// Only unreserved, sub-delims, percent-encoded octets, and `extra`.
bool is_made_of(std::string_view text, std::string_view extra) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (!is_unreserved(c) && !is_sub_delimiter(c) && extra.find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool is_future_address(std::string_view text) {  // "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
  if (text.empty() || (text[0] != 'v' && text[0] != 'V')) return false;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot < 2 || dot + 1 == text.size()) return false;
  for (char c : text.substr(1, dot - 1))
    if (!is_hex(c)) return false;
  return text.find('%') == std::string_view::npos && is_made_of(text.substr(dot + 1), ":");
}

bool is_authority(std::string_view text) {
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (!is_made_of(text.substr(0, at), ":")) return false;
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (!text.empty() && text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    const std::string_view literal = text.substr(1, close - 1);
    if (!is_ipv6(literal) && !is_future_address(literal)) return false;
    port = text.substr(close + 1);
    if (!port.empty() && port[0] != ':') return false;
  } else {
    const std::size_t colon = text.find(':');
    if (!is_made_of(text.substr(0, colon), "")) return false;
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  for (char c : port.substr(port.empty() ? 0 : 1))
    if (!is_digit(c)) return false;
  return true;
}

}  // namespace

std::optional<Format> find_format(std::string_view name) {
  for (const Entry& e : formats)
    if (e.name == name) return e.format;
  return std::nullopt;
}

std::string format_names() {
  std::string out;
  for (const Entry& e : formats) out += (out.empty() ? "`" : ", `") + std::string(e.name) + "`";
  return out;
}

std::optional<std::string_view> nearest_format(std::string_view name) {
  std::string_view names[std::size(formats)];
  for (std::size_t i = 0; i < std::size(formats); ++i) names[i] = formats[i].name;
  return nearest(name, names);
}

std::string_view describe(Format format) {
  for (const Entry& e : formats)
    if (e.format == format) return e.description;
  return {};
}

bool matches(Format format, std::string_view text) {
  switch (format) {
    case Format::uri:
      return is_uri(text);
    case Format::date_time:
      return is_date_time(text);
    case Format::ipv4:
      return is_ipv4(text);
    case Format::ipv6:
      return is_ipv6(text);
    case Format::hostname:
      return is_hostname(text);
    case Format::duration:
      return static_cast<bool>(parse_duration(text));
    case Format::size:
      return static_cast<bool>(parse_size(text));
  }
  return false;
}

bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(text[0])) return false;
  for (char c : text.substr(0, colon))
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return false;
  text.remove_prefix(colon + 1);
  if (const std::size_t hash = text.find('#'); hash != std::string_view::npos) {
    if (!is_made_of(text.substr(hash + 1), ":@/?")) return false;
    text = text.substr(0, hash);
  }
  if (const std::size_t question = text.find('?'); question != std::string_view::npos) {
    if (!is_made_of(text.substr(question + 1), ":@/?")) return false;
    text = text.substr(0, question);
  }
  if (text.substr(0, 2) == "//") {
    text.remove_prefix(2);
    const std::size_t slash = text.find('/');
    if (!is_authority(text.substr(0, slash))) return false;
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash);
  }
  return is_made_of(text, ":@/");
}

bool is_date_time(std::string_view text) {
  // full-date "T" partial-time time-offset
  const int year = number_at(text, 0, 4), month = number_at(text, 5, 2), day = number_at(text, 8, 2);
  const int hour = number_at(text, 11, 2), minute = number_at(text, 14, 2), second = number_at(text, 17, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') return false;
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    const std::size_t first = ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == first) return false;
  }
  if (at >= text.size()) return false;
  int offset = 0;  // minutes east of UTC
  if (text[at] == 'Z' || text[at] == 'z') {
    ++at;
  } else {
    const int hours = number_at(text, at + 1, 2), minutes = number_at(text, at + 4, 2);
    if ((text[at] != '+' && text[at] != '-') || hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || text[at + 3] != ':') return false;
    offset = (hours * 60 + minutes) * (text[at] == '-' ? -1 : 1);
    at += 6;
  }
  if (at != text.size()) return false;
  if (second < 60) return true;
  // RFC 3339 section 5.7: a leap second is the last one of a month in UTC.
  const int utc = hour * 60 + minute - offset;
  const int day_shift = utc < 0 ? -1 : utc >= 24 * 60 ? 1 : 0;
  const int utc_day = day + day_shift;
  const bool end_of_month = utc_day == 0 || utc_day == days_in_month(year, month);
  return utc - day_shift * 24 * 60 == 24 * 60 - 1 && end_of_month;
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  for (std::string_view part : split(text, '.')) {
    if (++parts > 4 || part.empty() || part.size() > 3 || (part[0] == '0' && part.size() > 1)) return false;
    const int value = number_at(part, 0, part.size());
    if (value < 0 || value > 255) return false;
  }
  return parts == 4;
}

bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool compressed = false;
  std::size_t at = 0;
  if (text.substr(0, 2) == "::") {
    compressed = true;
    at = 2;
    if (at == text.size()) return true;
  }
  for (;;) {
    std::size_t end = at;
    while (end < text.size() && is_hex(text[end])) ++end;
    if (end < text.size() && text[end] == '.') {
      if (!is_ipv4(text.substr(at))) return false;
      groups += 2;
      break;
    }
    if (end == at || end - at > 4) return false;
    ++groups;
    if (end == text.size()) break;
    if (text[end] != ':') return false;
    at = end + 1;
    if (at < text.size() && text[at] == ':') {
      if (compressed) return false;
      compressed = true;
      if (++at == text.size()) break;
    }
  }
  return compressed ? groups <= 7 : groups == 8;
}

}  // namespace tenon::host::json_schema
