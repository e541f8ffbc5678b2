#include "kernel/names.hpp"

#include <charconv>

#include "base/text.hpp"

namespace tenon::host {
namespace {

// Cuts the first word off; a text without words gives an empty one.
std::string_view take_word(std::string_view& text) {
  const std::size_t dot = text.find('.');
  const std::string_view word = text.substr(0, dot);
  text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
  return word;
}

// "name/3" -> 3; "name" -> 0; nullopt if the suffix is no major. `text` loses the suffix.
std::optional<std::uint32_t> take_major(std::string_view& text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return 0;
  const std::string_view digits = text.substr(slash + 1);
  text = text.substr(0, slash);
  if (digits.empty() || digits.size() > 6 || digits.front() == '0') return std::nullopt;
  std::uint32_t major = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), major);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return major;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) { return is_within(name, pattern); }

bool is_within(std::string_view narrow, std::string_view wide) {
  while (!wide.empty()) {
    if (narrow.empty()) return false;
    const std::string_view w = take_word(wide);
    if (w == ">") return true;
    const std::string_view n = take_word(narrow);
    if (n == ">" || (w != "*" && w != n)) return false;
  }
  return narrow.empty();
}

bool has_prefix(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && (name.size() == prefix.size() || name[prefix.size()] == '.');
}

std::string ServiceName::text() const { return major == 1 ? std::string(name) : std::string(name) + "/" + std::to_string(major); }

std::optional<ServiceName> parse_service_name(std::string_view text) {
  const std::optional<std::uint32_t> major = take_major(text);
  if (!major || !is_dotted_name(text)) return std::nullopt;
  return ServiceName{text, *major == 0 ? 1 : *major};
}

bool ServicePattern::matches(const ServiceName& service) const {
  return (major == 0 || major == service.major) && host::matches(pattern, service.name);
}

std::optional<ServicePattern> parse_service_pattern(std::string_view text) {
  const std::optional<std::uint32_t> major = take_major(text);
  if (!major || !is_dotted_name(text, true)) return std::nullopt;
  return ServicePattern{std::string(text), *major};
}

}  // namespace tenon::host
