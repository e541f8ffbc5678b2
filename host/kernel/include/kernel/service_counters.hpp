// Counters of one method, one shard per thread, so that two threads on one service do not slow each other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "kernel/services.hpp"

namespace tenon::host {

/// Written by one thread with plain loads and stores, read by all. The shared one (threads beyond the table, or no memory) is written by several.
struct alignas(64) MethodShard {
  bool shared = false;
  std::atomic<std::uint64_t> started{0};
  std::array<std::atomic<std::uint64_t>, 17> ended{};
  std::array<std::atomic<std::uint64_t>, ServiceMetrics::buckets> latency{};
  std::atomic<std::uint64_t> total_ns{0};

  void add(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) const {
    if (shared)
      counter.fetch_add(n, std::memory_order_relaxed);
    else
      counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  /// One more in a counter of a shard that is not shared.
  static void count_own(std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  static bool is_sampled(std::uint64_t started_before) { return started_before % 256 == 0; }
  /// True if this call's latency is to be measured.
  bool start() {
    const std::uint64_t before = started.load(std::memory_order_relaxed);
    add(started);
    return is_sampled(before);
  }
  void end(Code code) { add(ended[static_cast<std::size_t>(code)]); }
  void sample(std::int64_t ns);
};

/// Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics();
  ~MethodMetrics();
  MethodMetrics(const MethodMetrics&) = delete;
  MethodMetrics& operator=(const MethodMetrics&) = delete;

  /// `thread`: ThreadFrames::index. Allocates at the first call of a thread.
  MethodShard& shard(std::uint32_t thread) {
    if (thread < shards_.size())
      if (MethodShard* s = shards_[thread].load(std::memory_order_acquire); s != nullptr) [[likely]]
        return *s;
    return make_shard(thread);
  }
  /// nullptr if the thread has none of its own (yet).
  [[nodiscard]] MethodShard* own_shard(std::uint32_t thread) const {
    return thread < shards_.size() ? shards_[thread].load(std::memory_order_acquire) : nullptr;
  }
  void count_late() { late_.fetch_add(1, std::memory_order_relaxed); }
  void read(ServiceMetrics& out) const;

 private:
  MethodShard& make_shard(std::uint32_t thread);
  std::array<std::atomic<MethodShard*>, 64> shards_{};
  std::atomic<std::uint64_t> late_{0};
  MethodShard rest_;
};

}  // namespace tenon::host
