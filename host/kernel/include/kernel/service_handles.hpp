// What a handle of a service leads to: the part of a registration that calls read, and the slots in which they find it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/service_counters.hpp"

namespace tenon::host {

class Owner;
class ServiceSeat;
struct NamedService;

/// What one owner offers under one name, as far as every call reads it: one cache line. Always the base of a Registration.
struct alignas(64) ServiceTarget {
  ServiceHandler handle = nullptr;
  void* data = nullptr;
  Owner* owner = nullptr;
  MethodMetrics* metrics = nullptr;       ///< the entry's
  ServiceHandler short_handle = nullptr;  ///< `handle`, if the short way is open: inline, not serial, no breaker
  ServicesCore* core = nullptr;
  std::atomic<bool> closing{false};
  std::atomic<std::uint32_t> refs{0};
};

struct alignas(64) HandleSlot {
  std::atomic<std::uint64_t> id{0};  ///< 0 = free
  std::atomic<ServiceTarget*> target{nullptr};
  std::atomic<const ServiceSeat*> caller{nullptr};
  // With the core's mutex held.
  NamedService* entry = nullptr;
  std::uint32_t index = 0, generation = 0;
  std::size_t entry_place = 0, seat_place = 0;
};

/// Slots of handles: in chunks that stay, so that any number a module makes up can be looked at. Writing: one at a time.
class Handles {
 public:
  static constexpr std::size_t chunk_size = 1024, max_chunks = 64;
  ~Handles();
  /// nullptr if `id` was never one; whether it still is, its `id` says.
  [[nodiscard]] HandleSlot* find(std::uint64_t id) const {
    const std::size_t index = static_cast<std::uint32_t>(id);
    if (index >= chunk_size * max_chunks) return nullptr;
    HandleSlot* chunk = chunks_[index / chunk_size].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &chunk[index % chunk_size];
  }
  HandleSlot* take();  ///< nullptr: all in use
  void give_back(HandleSlot& slot);

 private:
  std::array<std::atomic<HandleSlot*>, max_chunks> chunks_{};
  std::size_t made_ = 0;
  std::vector<HandleSlot*> free_;
};

}  // namespace tenon::host
