// FakeMetrics: what the module counts, for the test to read. The rules of names are those of the host.
#ifndef TENON_TESTING_METRICS_HPP
#define TENON_TESTING_METRICS_HPP

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tenon/cpp/status.hpp"
#include "tenon/metrics.h"
#include "tenon/testing/utf8.hpp"

// What the handles of tenon.metrics point at in the fake host: one type for all kinds.
namespace tenon {
inline namespace v1 {
namespace testing {

/// One series.
struct MetricSeries {
  std::string name, help;
  std::map<std::string, std::string> labels;
  enum class Kind { counter, gauge, histogram } kind = Kind::counter;
  std::uint64_t counted = 0;           ///< of a counter
  double value = 0;                    ///< of a gauge
  std::vector<double> bounds;          ///< of a histogram, and what follows
  std::vector<std::uint64_t> buckets;  ///< each alone; the last one is for what is above all bounds
  std::uint64_t observed = 0;
  double sum = 0;
};

/// Of one fake host; thread-safe.
class FakeMetrics {
 public:
  using Labels = std::map<std::string, std::string>;
  /// A copy of the series as it is now; nullopt if the module has not registered it.
  [[nodiscard]] std::optional<MetricSeries> find(std::string_view name, const Labels& labels = {}) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& s : series_)
      if (s->name == name && s->labels == labels) return *s;
    return std::nullopt;
  }
  /// Of a counter; 0 if there is none.
  [[nodiscard]] std::uint64_t counter(std::string_view name, const Labels& labels = {}) const {
    const auto s = find(name, labels);
    return s ? s->counted : 0;
  }
  /// Of a gauge; NaN if there is none.
  [[nodiscard]] double gauge(std::string_view name, const Labels& labels = {}) const {
    const auto s = find(name, labels);
    return s ? s->value : std::nan("");
  }
  [[nodiscard]] std::vector<MetricSeries> all() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<MetricSeries> out;
    for (const auto& s : series_) out.push_back(*s);
    return out;
  }

  /// The C table; finds its FakeMetrics through the host of ctx.
  static const tenon_metrics& table() {
    static const tenon_metrics all = {
        sizeof(tenon_metrics), 0, &counter_fn, &gauge_fn, &histogram_fn, &add_fn, &set_fn, &change_fn, &observe_fn};
    return all;
  }
  /// The module is gone: nothing of it is left.
  void leave() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& s : series_) gone_.push_back(std::move(s));  // handles outlive what they stand for
    series_.clear();
  }

 private:
  using Kind = MetricSeries::Kind;
  struct Seated : MetricSeries {
    FakeMetrics* owner = nullptr;
  };
  static FakeMetrics& of(tenon_ctx* ctx);  // tables.hpp

  static bool is_identifier(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    return !name.empty() && name.size() <= 128 && letter(name[0]) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
  }
  static bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
  }
  static std::string wrong_name(Kind kind, std::string_view name, std::string_view help) {
    const std::string what = "`" + std::string(name) + "` ";
    if (!is_identifier(name)) return what + "is no name of a metric: lower-case letters, digits and `_`, no digit first, at most 128 bytes";
    if (name.substr(0, 6) == "tenon_") return what + "begins with `tenon_`, as only the host's own metrics do";
    if ((kind == Kind::counter) != ends_with(name, "_total"))
      return what + (kind == Kind::counter ? "is a counter, and its name has to end in `_total`"
                                           : "is no counter, and its name may not end in `_total`");
    for (const std::string_view end : {"_bucket", "_sum", "_count"})
      if (ends_with(name, end)) return what + "ends in `" + std::string(end) + "`, which the format uses itself";
    if (help.empty() || help.size() > 512 || !detail::is_utf8(help)) return what + "needs a help text of 1 to 512 bytes of UTF-8";
    return {};
  }
  static std::string wrong_labels(std::string_view name, const tenon_kv* labels, std::size_t count) {
    const std::string of = "of the metric `" + std::string(name) + "` ";
    if (count > 8) return "the labels " + of + "are " + std::to_string(count) + ", and may be 8";
    for (std::size_t i = 0; i < count; ++i) {
      const std::string label(view(labels[i].key));
      if (!is_identifier(label) || label.compare(0, 2, "__") == 0 || label == "module" || label == "le" || label == "quantile")
        return "`" + label + "` cannot be a label " + of +
               "(lower-case letters, digits and `_`; not `module`, `le`, `quantile` or `__...`)";
      if (labels[i].value.len > 128 || !detail::is_utf8(view(labels[i].value)))
        return "the value of the label `" + label + "` " + of + "has to be UTF-8 of at most 128 bytes";
      for (std::size_t k = 0; k < i; ++k)
        if (view(labels[k].key) == label) return "the label `" + label + "` " + of + "is there twice";
    }
    return {};
  }

  template <class Handle>
  static tenon_status make(tenon_ctx* ctx, Kind kind, tenon_str name, tenon_str help, std::vector<double> bounds, const tenon_kv* labels,
                           std::size_t count, Handle** out, tenon_error* err) {
    std::string wrong = wrong_name(kind, view(name), view(help));
    if (wrong.empty()) wrong = wrong_labels(view(name), labels, count);
    if (wrong.empty() && kind == Kind::histogram) {
      bool ascending = !bounds.empty() && bounds.size() <= 32;
      for (std::size_t i = 0; i < bounds.size() && ascending; ++i)
        ascending = std::isfinite(bounds[i]) && (i == 0 || bounds[i - 1] < bounds[i]);
      if (!ascending) wrong = "the bounds of `" + std::string(view(name)) + "` have to be 1 to 32 finite numbers that ascend";
    }
    if (!wrong.empty()) return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "BAD_METRIC", wrong);
    auto fresh = std::make_unique<Seated>();
    fresh->name = view(name);
    fresh->help = view(help);
    fresh->kind = kind;
    for (std::size_t i = 0; i < count; ++i)
      if (labels[i].value.len != 0) fresh->labels.emplace(view(labels[i].key), view(labels[i].value));
    fresh->buckets.resize(kind == Kind::histogram ? bounds.size() + 1 : 0);
    fresh->bounds = std::move(bounds);
    FakeMetrics& self = of(ctx);
    fresh->owner = &self;
    const std::lock_guard<std::mutex> lock(self.mutex_);
    for (const auto& s : self.series_) {
      if (s->name != fresh->name) continue;
      if (s->kind != kind || s->bounds != fresh->bounds)
        return tenon::detail::fill(err, TENON_ALREADY_EXISTS, "OTHER_METRIC", "`" + s->name + "` is already registered as something else");
      if (s->labels == fresh->labels) {
        *out = reinterpret_cast<Handle*>(s.get());
        return TENON_OK;
      }
    }
    if (self.series_.size() >= 1000)
      return tenon::detail::fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_MANY_SERIES",
                                 "the module has 1000 series of metrics, more are not allowed");
    self.series_.push_back(std::move(fresh));
    *out = reinterpret_cast<Handle*>(self.series_.back().get());
    return TENON_OK;
  }

  static tenon_status counter_fn(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, std::size_t n, tenon_counter** out,
                                 tenon_error* err) noexcept {
    return make(ctx, Kind::counter, name, help, {}, labels, n, out, err);
  }
  static tenon_status gauge_fn(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, std::size_t n, tenon_gauge** out,
                               tenon_error* err) noexcept {
    return make(ctx, Kind::gauge, name, help, {}, labels, n, out, err);
  }
  static tenon_status histogram_fn(tenon_ctx* ctx, tenon_str name, tenon_str help, const double* bounds, std::size_t bound_count,
                                   const tenon_kv* labels, std::size_t n, tenon_histogram** out, tenon_error* err) noexcept {
    return make(ctx, Kind::histogram, name, help, {bounds, bounds + bound_count}, labels, n, out, err);
  }

  template <class Handle, class F>
  static void with(Handle* handle, F&& f) {
    if (handle == nullptr) return;
    auto& s = *reinterpret_cast<Seated*>(handle);
    const std::lock_guard<std::mutex> lock(s.owner->mutex_);
    f(s);
  }
  static void add_fn(tenon_counter* handle, std::uint64_t n) noexcept {
    with(handle, [n](MetricSeries& s) { s.counted += n; });
  }
  static void set_fn(tenon_gauge* handle, double value) noexcept {
    with(handle, [value](MetricSeries& s) { s.value = value; });
  }
  static void change_fn(tenon_gauge* handle, double by) noexcept {
    with(handle, [by](MetricSeries& s) { s.value += by; });
  }
  static void observe_fn(tenon_histogram* handle, double value) noexcept {
    if (std::isnan(value)) return;
    with(handle, [value](MetricSeries& s) {
      std::size_t bucket = 0;
      while (bucket < s.bounds.size() && value > s.bounds[bucket]) ++bucket;
      ++s.buckets[bucket];
      ++s.observed;
      s.sum += value;
    });
  }

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Seated>> series_, gone_;
};

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
