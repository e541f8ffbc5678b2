#include "kernel/service_counters.hpp"

#include <algorithm>
#include <new>

namespace tenon::host {

void MethodShard::sample(std::int64_t ns) {
  ns = std::max<std::int64_t>(ns, 0);
  std::size_t i = 0;
  while (ns > ServiceMetrics::bound_ns(i)) ++i;
  add(latency[i]);
  add(total_ns, static_cast<std::uint64_t>(ns));
}

MethodMetrics::MethodMetrics() { rest_.shared = true; }

MethodMetrics::~MethodMetrics() {
  for (auto& s : shards_) delete s.load(std::memory_order_relaxed);
}

MethodShard& MethodMetrics::make_shard(std::uint32_t thread) {
  if (thread >= shards_.size()) return rest_;
  auto* made = new (std::nothrow) MethodShard;
  if (made == nullptr) return rest_;
  // Only this thread ever fills this place: nobody else has the index while it lives.
  shards_[thread].store(made, std::memory_order_release);
  return *made;
}

void MethodMetrics::read(ServiceMetrics& out) const {
  std::uint64_t ended = 0;
  const auto add = [&](const MethodShard& s) {
    // What has ended is read before what was begun: the difference is never negative.
    for (std::size_t i = 0; i < out.ended.size(); ++i) {
      const std::uint64_t n = s.ended[i].load(std::memory_order_relaxed);
      out.ended[i] += n;
      ended += n;
    }
    for (std::size_t i = 0; i < out.latency.size(); ++i) {
      const std::uint64_t n = s.latency[i].load(std::memory_order_relaxed);
      out.latency[i] += n;
      out.sampled += n;
    }
    out.sampled_total_ns += s.total_ns.load(std::memory_order_relaxed);
  };
  const auto each = [&](auto&& f) {
    for (const auto& slot : shards_)
      if (const MethodShard* s = slot.load(std::memory_order_acquire); s != nullptr) f(*s);
    f(rest_);
  };
  each(add);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  each([&](const MethodShard& s) { out.calls += s.started.load(std::memory_order_relaxed); });
  out.in_flight = out.calls >= ended ? out.calls - ended : 0;
  out.late = late_.load(std::memory_order_relaxed);
}

}  // namespace tenon::host
