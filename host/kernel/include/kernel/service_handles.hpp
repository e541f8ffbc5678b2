// What a handle of a service leads to: the part of a registration that calls read, and the slots in which they find it.
#pragma once

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
  MethodMetrics* metrics = nullptr;  ///< the entry's
  /// `handle`, if the short way is open: inline, not serial, no breaker, and the owner is callable, which it then stays.
  std::atomic<ServiceHandler> short_handle{nullptr};
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

/// Slots of handles: as many as there can ever be, in memory that is zero and not there before it is used, so that any number a module makes up can be
/// looked at, without a table in between. Writing: one at a time.
class Handles {
 public:
  static constexpr std::size_t count = std::size_t{1} << 16U;
  Handles();  ///< throws std::bad_alloc
  ~Handles();
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  /// May be another's or nobody's: its `id` says.
  [[nodiscard]] HandleSlot& find(std::uint64_t id) const { return slots_[id % count]; }
  HandleSlot* take();  ///< nullptr: all in use
  void give_back(HandleSlot& slot);

 private:
  void* const memory_;
  HandleSlot* const slots_;
  std::size_t made_ = 0;
  std::vector<HandleSlot*> free_;
};

}  // namespace tenon::host
