// The leases of one holder: slots that are taken and given back without a lock, and that say which instance must stay.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace tenon::host {

struct Product;
struct ScopeRecord;

struct LeaseSlot {
  std::atomic<std::uint64_t> id{0};         ///< 0 = ended
  std::atomic<Product*> product{nullptr};   ///< what is in here is not disposed
  std::atomic<std::uint32_t> next_free{0};  ///< index + 1
  std::atomic<std::uint32_t> bound{0};      ///< 1: ends with a scope, or its instance ends with it: under the core's mutex
  std::uint32_t index = 0, generation = 0;  ///< generation: whoever has taken the slot
  ScopeRecord* scope = nullptr;             ///< with the core's mutex held
};

/// Thread-safe. Slots are never freed, so that any number a module makes up can be looked at.
class LeaseSlots {
 public:
  static constexpr std::uint32_t chunk_size = 512, max_chunks = 128;
  LeaseSlots() = default;
  ~LeaseSlots() {
    for (auto& c : chunks_) delete[] c.load(std::memory_order_relaxed);
  }
  LeaseSlots(const LeaseSlots&) = delete;
  LeaseSlots& operator=(const LeaseSlots&) = delete;

  /// `thread`: ThreadFrames::index of the caller. nullptr: none is free now; `grow`.
  [[nodiscard]] LeaseSlot* take(std::uint32_t thread) {
    if (thread < spares_.size())
      if (LeaseSlot* spare = spares_[thread].slot.load(std::memory_order_relaxed); spare != nullptr) [[likely]] {
        spares_[thread].slot.store(nullptr, std::memory_order_relaxed);
        return spare;
      }
    std::uint64_t head = free_.load(std::memory_order_acquire);
    for (;;) {
      const auto top = static_cast<std::uint32_t>(head);
      if (top == 0) return nullptr;
      LeaseSlot& slot = at(top - 1);
      // Counted up with each change, so that a head that went and came back is told from one that stayed.
      const std::uint64_t next = (((head >> 32U) + 1) << 32U) | slot.next_free.load(std::memory_order_relaxed);
      if (free_.compare_exchange_weak(head, next, std::memory_order_acq_rel, std::memory_order_acquire)) return &slot;
    }
  }
  void give_back(LeaseSlot& slot, std::uint32_t thread) {
    if (thread < spares_.size() && spares_[thread].slot.load(std::memory_order_relaxed) == nullptr) [[likely]]
      spares_[thread].slot.store(&slot, std::memory_order_relaxed);
    else
      push(slot);
  }
  /// False: the holder has as many leases as one may have.
  bool grow() {
    const std::lock_guard lock(growing_);
    if (static_cast<std::uint32_t>(free_.load(std::memory_order_relaxed)) != 0) return true;
    const std::uint32_t chunk = chunk_count_.load(std::memory_order_relaxed);
    if (chunk == max_chunks) return false;
    auto* slots = new LeaseSlot[chunk_size];
    for (std::uint32_t i = 0; i < chunk_size; ++i) slots[i].index = chunk * chunk_size + i;
    chunks_[chunk].store(slots, std::memory_order_release);
    chunk_count_.store(chunk + 1, std::memory_order_release);
    for (std::uint32_t i = chunk_size; i > 0; --i) push(slots[i - 1]);
    return true;
  }
  /// nullptr: there never was such a lease.
  [[nodiscard]] LeaseSlot* find(std::uint64_t id) const {
    const auto index = static_cast<std::uint32_t>(id);
    return index < chunk_count_.load(std::memory_order_acquire) * chunk_size ? &at(index) : nullptr;
  }
  template <class F>
  void for_each(F&& f) const {
    const std::uint32_t chunks = chunk_count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < chunks * chunk_size; ++i) f(at(i));
  }

 private:
  void push(LeaseSlot& slot) {
    std::uint64_t head = free_.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
      slot.next_free.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
      next = (((head >> 32U) + 1) << 32U) | (slot.index + 1);
    } while (!free_.compare_exchange_weak(head, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  }
  [[nodiscard]] LeaseSlot& at(std::uint32_t index) const {
    return chunks_[index / chunk_size].load(std::memory_order_acquire)[index % chunk_size];
  }
  /// The slot a thread gave back last, which it alone takes again: no two living threads have the same index, so that needs no locked operation. (A
  /// thread's index goes to another one only behind a release and an acquire of its record.)
  struct alignas(64) Spare {
    std::atomic<LeaseSlot*> slot{nullptr};
  };
  std::array<Spare, 64> spares_;
  std::atomic<std::uint64_t> free_{0};
  std::array<std::atomic<LeaseSlot*>, max_chunks> chunks_{};
  std::atomic<std::uint32_t> chunk_count_{0};
  std::mutex growing_;
};

}  // namespace tenon::host
