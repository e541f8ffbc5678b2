// Metrics: counters, gauges and histograms of modules, and their text for Prometheus.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tenon::host {

class Owner;
class MetricSeries;

/// One label; the value is any UTF-8.
struct MetricLabel {
  std::string_view name, value;
};

/// Per owner. Names and values are limited so that one scrape stays small.
struct MetricLimits {
  std::uint32_t series = 1000;
  std::uint32_t labels = 8;
  std::uint32_t buckets = 32;
  std::uint32_t name_bytes = 128;
  std::uint32_t value_bytes = 128;
  std::uint32_t help_bytes = 512;
};

/// Handles: cheap to copy, without lock and allocation to use, from any thread. They outlive what they stand for: after the owner has left they
/// count for nobody. An empty one does nothing.
class MetricCounter {
 public:
  MetricCounter() = default;
  void add(std::uint64_t n = 1) const noexcept;
  /// The same for all handles of one series; nullptr if empty.
  [[nodiscard]] const MetricSeries* series() const { return series_.get(); }

 private:
  friend class Metrics;
  std::shared_ptr<MetricSeries> series_;
};

class MetricGauge {
 public:
  MetricGauge() = default;
  void set(double value) const noexcept;
  void add(double value) const noexcept;
  /// The same for all handles of one series; nullptr if empty.
  [[nodiscard]] const MetricSeries* series() const { return series_.get(); }

 private:
  friend class Metrics;
  std::shared_ptr<MetricSeries> series_;
};

class MetricHistogram {
 public:
  MetricHistogram() = default;
  /// NaN is not counted.
  void observe(double value) const noexcept;
  /// The same for all handles of one series; nullptr if empty.
  [[nodiscard]] const MetricSeries* series() const { return series_.get(); }

 private:
  friend class Metrics;
  std::shared_ptr<MetricSeries> series_;
};

/// All metrics of one process. Every series gets the label `module` in front of its own, so modules may use the same names; a name has one kind.
/// Thread-safe.
class Metrics {
 public:
  explicit Metrics(MetricLimits limits = {});
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The same series again gives the same one. Names are `[a-z_][a-z0-9_]*`; those of counters end in `_total`, others do not, and none ends in
  /// `_bucket`, `_sum` or `_count`, or begins with `tenon_`. Labels: `[a-z_][a-z0-9_]*`, none twice, not `module`, `le`, `quantile` or beginning with `__`.
  /// `help` is required, the first one of a name is shown. INVALID_ARGUMENT, ALREADY_EXISTS (another kind, or other buckets, by that name), RESOURCE_EXHAUSTED (series of this owner),
  /// UNAVAILABLE (the owner's gate is closed). [any]
  Result<MetricCounter> counter(Owner& owner, std::string_view name, std::string_view help, std::span<const MetricLabel> labels = {});
  Result<MetricGauge> gauge(Owner& owner, std::string_view name, std::string_view help, std::span<const MetricLabel> labels = {});
  /// `bounds`: upper bounds of the buckets, finite and ascending; the one for all the rest is added.
  Result<MetricHistogram> histogram(Owner& owner, std::string_view name, std::string_view help, std::span<const double> bounds,
                                    std::span<const MetricLabel> labels = {});
  /// Removes all the owner has. Its gate is closed, so nothing can come after.
  void leave(const Owner& owner);

  /// Exposition format 0.0.4, sorted by name and labels. Of two generations of a module that have the same series the newer one is shown.
  [[nodiscard]] std::string render() const;

 private:
  struct State;
  Result<std::shared_ptr<MetricSeries>> get(Owner& owner, int kind, std::string_view name, std::string_view help,
                                            std::span<const double> bounds, std::span<const MetricLabel> labels);
  std::unique_ptr<State> state_;
};

}  // namespace tenon::host
