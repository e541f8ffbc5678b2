// The text Prometheus reads, exposition format 0.0.4: lines of groups, each group one metric.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/metrics.hpp"
#include "series.hpp"

namespace tenon::host {

std::string_view metric_kind_name(MetricKind kind);
std::string metric_number(double value);
/// `module="orders",region="eu"`: `module` first, then by name, so that the same labels are the same text. A label without a value is none to Prometheus,
/// and so it is here.
std::string metric_labels(std::string_view module, std::span<const MetricLabel> labels);

/// One group: its head, then its samples.
class MetricGroup {
 public:
  MetricGroup(std::string& out, MetricKind kind, std::string_view name, std::string_view help);
  void counter(const std::string& labels, std::uint64_t count) { line("", labels, std::to_string(count)); }
  void gauge(const std::string& labels, double value) { line("", labels, metric_number(value)); }
  /// `counts`: of each bucket alone, one more than there are bounds.
  void histogram(const std::string& labels, std::span<const double> bounds, std::span<const std::uint64_t> counts, double sum);

 private:
  void line(std::string_view suffix, const std::string& labels, const std::string& value);
  std::string& out_;
  const std::string_view name_;
};

}  // namespace tenon::host
