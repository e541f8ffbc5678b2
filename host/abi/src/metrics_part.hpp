// MetricsPart: the series one instance has registered, as handles it keeps.
#pragma once

#include <map>
#include <memory>
#include <mutex>

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
  template <class Handle>
  using Handles = std::map<const MetricSeries*, std::unique_ptr<Handle>>;
  /// A handle, and its place, made before there is a series for it. Throws std::bad_alloc.
  template <class Handle>
  static typename Handles<Handle>::node_type new_handle() {
    Handles<Handle> one;
    return one.extract(one.emplace(nullptr, std::make_unique<Handle>()).first);
  }
  /// The handle of a series: the same one for the same series.
  tenon_counter* keep(Handles<tenon_counter>::node_type fresh, MetricCounter m) { return keep(counters_, std::move(fresh), std::move(m)); }
  tenon_gauge* keep(Handles<tenon_gauge>::node_type fresh, MetricGauge m) { return keep(gauges_, std::move(fresh), std::move(m)); }
  tenon_histogram* keep(Handles<tenon_histogram>::node_type fresh, MetricHistogram m) {
    return keep(histograms_, std::move(fresh), std::move(m));
  }

  bool closed(std::int64_t) override {
    metrics_.leave(owner_);
    return true;
  }

 private:
  template <class Handle, class Metric>
  Handle* keep(Handles<Handle>& handles, typename Handles<Handle>::node_type fresh, Metric metric) {
    const std::lock_guard lock(mutex_);
    fresh.key() = metric.series();
    fresh.mapped()->metric = std::move(metric);
    return handles.insert(std::move(fresh)).position->second.get();
  }

  Instance& owner_;
  Metrics& metrics_;
  std::mutex mutex_;
  Handles<tenon_counter> counters_;
  Handles<tenon_gauge> gauges_;
  Handles<tenon_histogram> histograms_;
};

}  // namespace tenon::host
