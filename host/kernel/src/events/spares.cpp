#include "spares.hpp"

#include <new>
#include <utility>

#include "kernel/gate.hpp"

namespace tenon::host {
namespace {
constexpr std::size_t settle_after = 32;  // taken, before those who return are told: the count is written by both sides
}

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
  if (spare != nullptr) {
    Spare* const next = spare->next;
    shard.cache = next;
    if (next != nullptr)  // for the event after this one: it was written by another processor
      for (int line = 0; line < 3; ++line) __builtin_prefetch(reinterpret_cast<const char*>(next) + 64 * line, 1);
    if (++shard.taken == settle_after) {
      shard.count.fetch_sub(shard.taken, std::memory_order_relaxed);
      shard.taken = 0;
    }
  }
  shard.taking.store(false, std::memory_order_release);
  return spare;
}

RecordSpares::Header* RecordSpares::take(std::size_t bytes) noexcept {
  const bool small = bytes <= block_bytes;
  const ThreadFrames* const thread = own_thread_frames;  // there since the reader of the tree
  const auto number = static_cast<std::uint32_t>(thread == nullptr ? 0 : thread->index % shards_.size());
  void* memory = small ? take_spare(shards_[number]) : nullptr;
  if (memory == nullptr) memory = ::operator new(small ? block_bytes : bytes, std::nothrow);
  return memory == nullptr ? nullptr : new (memory) Header{small ? this : nullptr, number};
}

void RecordSpares::give_back(Header* block) noexcept { Returns().add(block); }

void RecordSpares::Returns::add(Header* block) noexcept {
  RecordSpares* const spares = block->spares;
  if (spares == nullptr) return ::operator delete(static_cast<void*>(block));
  Shard* const shard = &spares->shards_[block->shard];
  if (shard != shard_) {
    flush();
    shard_ = shard;
  }
  first_ = new (static_cast<void*>(block)) Spare{first_};
  if (last_ == nullptr) last_ = first_;
  ++count_;
}

void RecordSpares::Returns::flush() noexcept {
  if (first_ == nullptr) return;
  if (shard_->count.load(std::memory_order_relaxed) >= max_spares) {
    while (first_ != nullptr) ::operator delete(static_cast<void*>(std::exchange(first_, first_->next)));
  } else {
    shard_->count.fetch_add(count_, std::memory_order_relaxed);
    last_->next = shard_->returned.load(std::memory_order_relaxed);
    while (!shard_->returned.compare_exchange_weak(last_->next, first_, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }
  first_ = last_ = nullptr;
  count_ = 0;
}

}  // namespace tenon::host
