#include "spares.hpp"

#include <new>

#include "grace.hpp"

namespace tenon::host {

RecordSpares::~RecordSpares() {
  for (Shard& shard : shards_)
    for (Spare* list : {shard.cache, shard.returned.load(std::memory_order_acquire)})
      while (list != nullptr) {
        Spare* const next = list->next;
        ::operator delete(static_cast<void*>(list));
        list = next;
      }
}

RecordSpares::Spare* RecordSpares::take_spare(Shard& shard) noexcept {
  if (shard.taking.exchange(true, std::memory_order_acquire)) return nullptr;
  // All that was returned at once: taking single ones from a list others push to would need more than a compare-and-swap.
  if (shard.cache == nullptr) shard.cache = shard.returned.exchange(nullptr, std::memory_order_acquire);
  Spare* const spare = shard.cache;
  if (spare != nullptr) shard.cache = spare->next;
  shard.taking.store(false, std::memory_order_release);
  if (spare != nullptr) shard.count.fetch_sub(1, std::memory_order_relaxed);
  return spare;
}

RecordSpares::Header* RecordSpares::take(std::size_t bytes) noexcept {
  const bool small = bytes <= block_bytes;
  const auto number = static_cast<std::uint32_t>(thread_number() % shards_.size());
  void* memory = small ? take_spare(shards_[number]) : nullptr;
  if (memory == nullptr) memory = ::operator new(small ? block_bytes : bytes, std::nothrow);
  return memory == nullptr ? nullptr : new (memory) Header{small ? this : nullptr, number};
}

void RecordSpares::give_back(Header* block) noexcept {
  RecordSpares* const spares = block->spares;
  Shard* const shard = spares == nullptr ? nullptr : &spares->shards_[block->shard];
  if (shard == nullptr || shard->count.load(std::memory_order_relaxed) >= max_spares) return ::operator delete(static_cast<void*>(block));
  shard->count.fetch_add(1, std::memory_order_relaxed);
  auto* const spare = new (static_cast<void*>(block)) Spare{shard->returned.load(std::memory_order_relaxed)};
  while (!shard->returned.compare_exchange_weak(spare->next, spare, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

}  // namespace tenon::host
