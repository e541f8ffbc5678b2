// MetricSeries: the numbers of one series, spread over shards so that threads do not share a cache line.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace tenon::host {

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

/// Thread-safe; adding neither locks nor allocates.
class MetricSeries {
 public:
  MetricSeries(MetricKind kind, std::span<const double> bounds);

  void count(std::uint64_t n) noexcept;
  void set(double value) noexcept { gauge_.store(value, std::memory_order_relaxed); }
  void add(double value) noexcept { gauge_.fetch_add(value, std::memory_order_relaxed); }
  void observe(double value) noexcept;

  [[nodiscard]] MetricKind kind() const { return kind_; }
  [[nodiscard]] std::uint64_t counted() const;
  [[nodiscard]] double gauge() const { return gauge_.load(std::memory_order_relaxed); }
  struct Observed {
    std::vector<std::uint64_t> buckets;  ///< each alone; the last one is for what is above all bounds
    double sum = 0;
  };
  [[nodiscard]] Observed observed() const;
  [[nodiscard]] const std::vector<double>& bounds() const { return bounds_; }

 private:
  static constexpr std::size_t shards = 8;
  struct alignas(64) Shard {
    std::atomic<std::uint64_t> count{0};
    std::atomic<double> sum{0};
    std::unique_ptr<std::atomic<std::uint64_t>[]> buckets;
  };
  Shard& own_shard() noexcept;

  const MetricKind kind_;
  const std::vector<double> bounds_;
  std::atomic<double> gauge_{0};
  std::array<Shard, shards> shards_;
};

}  // namespace tenon::host
