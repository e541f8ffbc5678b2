// MetricsPart: the series one instance has registered, as handles it keeps.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "abi/instance.hpp"
#include "abi/strict.hpp"
#include "kernel/kernel.hpp"
#include "tenon/metrics.h"

// What the handles of tenon.metrics point at.
struct tenon_counter {
  tenon::host::MetricCounter metric;
};
struct tenon_gauge {
  tenon::host::MetricGauge metric;
};
struct tenon_histogram {
  tenon::host::MetricHistogram metric;
};

namespace tenon::host {

/// Handles live as long as the instance; what they count after it has left is nobody's.
class MetricsPart final : public Part {
 public:
  static constexpr PartId id = PartId::metrics;
  explicit MetricsPart(Instance& owner) : owner_(owner), metrics_(owner.host().kernel()->metrics()) {}
  ~MetricsPart() override {
    if (Strict* strict = owner_.host().strict()) strict->handles_end(owner_);
  }

  Metrics& metrics() { return metrics_; }
  /// The handle of a series: the same one for the same series.
  tenon_counter* keep(MetricCounter metric) { return keep(counters_, std::move(metric)); }
  tenon_gauge* keep(MetricGauge metric) { return keep(gauges_, std::move(metric)); }
  tenon_histogram* keep(MetricHistogram metric) { return keep(histograms_, std::move(metric)); }

  bool closed(std::int64_t) override {
    metrics_.leave(owner_);
    return true;
  }

 private:
  template <class Handle>
  using Handles = std::unordered_map<const MetricSeries*, std::unique_ptr<Handle>>;
  template <class Handle, class Metric>
  Handle* keep(Handles<Handle>& handles, Metric metric) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Handle>& place = handles[metric.series()];
    if (!place) place = std::make_unique<Handle>(Handle{std::move(metric)});
    return place.get();
  }

  Instance& owner_;
  Metrics& metrics_;
  std::mutex mutex_;
  Handles<tenon_counter> counters_;
  Handles<tenon_gauge> gauges_;
  Handles<tenon_histogram> histograms_;
};

}  // namespace tenon::host
