#include "series.hpp"

#include <algorithm>
#include <cmath>

namespace tenon::host {

MetricSeries::MetricSeries(MetricKind kind, std::span<const double> bounds) : kind_(kind), bounds_(bounds.begin(), bounds.end()) {
  if (kind != MetricKind::histogram) return;
  for (Shard& shard : shards_) shard.buckets = std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1);
}

MetricSeries::Shard& MetricSeries::own_shard() noexcept {
  // Process-wide by nature, as threads are.
  static constinit std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return shards_[mine % shards];
}

void MetricSeries::count(std::uint64_t n) noexcept { own_shard().count.fetch_add(n, std::memory_order_relaxed); }

void MetricSeries::observe(double value) noexcept {
  if (std::isnan(value)) return;
  Shard& shard = own_shard();
  const auto bucket = static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin());
  shard.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  shard.sum.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t MetricSeries::counted() const {
  std::uint64_t n = 0;
  for (const Shard& shard : shards_) n += shard.count.load(std::memory_order_relaxed);
  return n;
}

MetricSeries::Observed MetricSeries::observed() const {
  Observed out;
  out.buckets.resize(bounds_.size() + 1);
  for (const Shard& shard : shards_) {
    for (std::size_t i = 0; i < out.buckets.size(); ++i) out.buckets[i] += shard.buckets[i].load(std::memory_order_relaxed);
    out.sum += shard.sum.load(std::memory_order_relaxed);
  }
  return out;
}

}  // namespace tenon::host
