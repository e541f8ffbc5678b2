// Metrics: counters, gauges and histograms of the module.
#ifndef TENON_CPP_METRICS_HPP
#define TENON_CPP_METRICS_HPP

#include <initializer_list>
#include <vector>

#include "tenon/cpp/context.hpp"
#include "tenon/metrics.h"

namespace tenon {
inline namespace v1 {

/// A number that only grows. Two pointers: copy it freely; valid as long as ctx. An empty one does nothing. Thread-safe, without lock and allocation.
class Counter {
 public:
  constexpr Counter() noexcept = default;
  constexpr Counter(const tenon_metrics* table, tenon_counter* raw) noexcept : table_(table), raw_(raw) {}
  void add(std::uint64_t n = 1) const noexcept {
    if (table_ != nullptr) table_->add(raw_, n);
  }

 private:
  const tenon_metrics* table_ = nullptr;
  tenon_counter* raw_ = nullptr;
};

/// A number that goes up and down; otherwise as Counter.
class Gauge {
 public:
  constexpr Gauge() noexcept = default;
  constexpr Gauge(const tenon_metrics* table, tenon_gauge* raw) noexcept : table_(table), raw_(raw) {}
  void set(double value) const noexcept {
    if (table_ != nullptr) table_->set(raw_, value);
  }
  void change(double by) const noexcept {
    if (table_ != nullptr) table_->change(raw_, by);
  }

 private:
  const tenon_metrics* table_ = nullptr;
  tenon_gauge* raw_ = nullptr;
};

/// How many values fell into each bucket; otherwise as Counter.
class Histogram {
 public:
  constexpr Histogram() noexcept = default;
  constexpr Histogram(const tenon_metrics* table, tenon_histogram* raw) noexcept : table_(table), raw_(raw) {}
  void observe(double value) const noexcept {
    if (table_ != nullptr) table_->observe(raw_, value);
  }

 private:
  const tenon_metrics* table_ = nullptr;
  tenon_histogram* raw_ = nullptr;
};

/// `metrics.counter("requests_total", "Requests answered.", {{"method", "get"}})`. The rules of names are in tenon/metrics.h. Thread-safe.
class Metrics {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_METRICS;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_metrics, observe);
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Metrics(Ctx ctx) : ctx_(ctx), table_(ctx.require<tenon_metrics>(id)) {}

  Result<Counter> counter(std::string_view name, std::string_view help, Labels labels = {}) const {
    return make<Counter, tenon_counter>(labels, [&](const std::vector<tenon_kv>& kv, tenon_counter** out, tenon_error* e) {
      return table_->counter(ctx_.raw(), to_c(name), to_c(help), kv.data(), kv.size(), out, e);
    });
  }
  Result<Gauge> gauge(std::string_view name, std::string_view help, Labels labels = {}) const {
    return make<Gauge, tenon_gauge>(labels, [&](const std::vector<tenon_kv>& kv, tenon_gauge** out, tenon_error* e) {
      return table_->gauge(ctx_.raw(), to_c(name), to_c(help), kv.data(), kv.size(), out, e);
    });
  }
  /// `bounds`: upper bounds of the buckets, ascending.
  Result<Histogram> histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, Labels labels = {}) const {
    return make<Histogram, tenon_histogram>(labels, [&](const std::vector<tenon_kv>& kv, tenon_histogram** out, tenon_error* e) {
      return table_->histogram(ctx_.raw(), to_c(name), to_c(help), bounds.data(), bounds.size(), kv.data(), kv.size(), out, e);
    });
  }

 private:
  template <class Handle, class Raw, class F>
  Result<Handle> make(Labels labels, F&& f) const {
    std::vector<tenon_kv> kv;
    kv.reserve(labels.size());
    for (const auto& [label, value] : labels) kv.push_back({to_c(label), to_c(value)});
    Raw* raw = nullptr;
    Status status = Status::of([&](tenon_error* e) { return f(kv, &raw, e); });
    if (!status.ok()) return status;
    return Handle(table_, raw);
  }

  Ctx ctx_;
  const tenon_metrics* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
