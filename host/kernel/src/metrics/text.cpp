#include "text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace tenon::host {
namespace {

/// Backslash and line feed, in label values also quotes.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string_view metric_kind_name(MetricKind kind) {
  constexpr std::array<std::string_view, 3> names = {"counter", "gauge", "histogram"};
  return names[static_cast<std::size_t>(kind)];
}

std::string metric_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string metric_labels(std::string_view module, std::span<const MetricLabel> labels) {
  std::vector<MetricLabel> sorted(labels.begin(), labels.end());
  std::sort(sorted.begin(), sorted.end(), [](const MetricLabel& a, const MetricLabel& b) { return a.name < b.name; });
  std::string out = "module=\"" + escaped(module, true) + "\"";
  for (const MetricLabel& l : sorted)
    if (!l.value.empty()) out += "," + std::string(l.name) + "=\"" + escaped(l.value, true) + "\"";
  return out;
}

MetricGroup::MetricGroup(std::string& out, MetricKind kind, std::string_view name, std::string_view help) : out_(out), name_(name) {
  out_.append("# HELP ").append(name).append(" ").append(escaped(help, false)).append("\n# TYPE ").append(name).append(" ");
  out_.append(metric_kind_name(kind)).append("\n");
}

void MetricGroup::line(std::string_view suffix, const std::string& labels, const std::string& value) {
  out_.append(name_).append(suffix).append("{").append(labels).append("} ").append(value).append("\n");
}

void MetricGroup::histogram(const std::string& labels, std::span<const double> bounds, std::span<const std::uint64_t> counts, double sum) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    count += counts[i];
    line("_bucket", labels + ",le=\"" + (i < bounds.size() ? metric_number(bounds[i]) : "+Inf") + "\"", std::to_string(count));
  }
  line("_sum", labels, metric_number(sum));
  line("_count", labels, std::to_string(count));
}

}  // namespace tenon::host
