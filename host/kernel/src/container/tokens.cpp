#include "tokens.hpp"

#include <sched.h>

#include <algorithm>

#include "base/no_memory.hpp"

namespace tenon::host {

void ReadEpochs::wait() {
  const std::uint64_t before = epoch_.fetch_add(1, std::memory_order_seq_cst);
  frames_barrier();
  for (const ThreadFrames* f = all_thread_frames(); f != nullptr; f = f->next) {
    // A target is set in the frame above the depth: what was announced before the barrier is at or below what is read here.
    for (std::uint32_t i = 0; i <= f->depth.load(std::memory_order_seq_cst) && i < ThreadFrames::max_depth; ++i) {
      for (;;) {
        const std::uintptr_t t = f->frames[i].target.load(std::memory_order_seq_cst);
        if ((t & mark) != mark || ((t & ~mark) >> 1U) > before) break;
        sched_yield();
      }
    }
  }
}

TokenTable::TokenTable() : table_(new Table(64)) {}

TokenTable::~TokenTable() {
  Table* table = table_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i <= table->mask; ++i) {
    TokenEntry* e = table->cells[i].load(std::memory_order_relaxed);
    if (e != erased_entry()) delete e;
  }
  delete table;
}

TokenEntry& TokenTable::insert(std::string_view name, std::string_view key) {
  if ((used_ + erased_ + 1) * 2 > table_.load(std::memory_order_relaxed)->mask) rebuild();
  auto made = std::make_unique<TokenEntry>();
  made->name = name;
  made->key = key;
  made->hash = hash_of(name, key);
  made->provisions.reserve(1);
  make_room(old_entries_, old_entries_.size() + used_ + 1);  // so that taking out cannot fail
  Table& table = *table_.load(std::memory_order_relaxed);
  for (std::size_t i = made->hash;; ++i) {
    std::atomic<TokenEntry*>& cell = table.cells[i & table.mask];
    TokenEntry* there = cell.load(std::memory_order_relaxed);
    if (there != nullptr && there != erased_entry()) continue;
    if (there != nullptr) --erased_;
    ++used_;
    cell.store(made.get(), std::memory_order_seq_cst);
    return *made.release();
  }
}

void TokenTable::rebuild() {
  Table* old = table_.load(std::memory_order_relaxed);
  std::size_t size = 64;
  while (size < (used_ + 1) * 4) size *= 2;
  auto fresh = std::make_unique<Table>(size);
  for (std::size_t c = 0; c <= old->mask; ++c) {
    TokenEntry* e = old->cells[c].load(std::memory_order_relaxed);
    if (e == nullptr || e == erased_entry()) continue;
    std::size_t i = e->hash;
    while (fresh->cells[i & fresh->mask].load(std::memory_order_relaxed) != nullptr) ++i;
    fresh->cells[i & fresh->mask].store(e, std::memory_order_relaxed);
  }
  make_room(old_tables_, old_tables_.size() + 1);
  erased_ = 0;
  table_.store(fresh.release(), std::memory_order_seq_cst);
  old_tables_.emplace_back(old);
}

void TokenTable::erase(TokenEntry& entry) {
  Table& table = *table_.load(std::memory_order_relaxed);
  std::size_t i = entry.hash;
  while (table.cells[i & table.mask].load(std::memory_order_relaxed) != &entry) ++i;
  table.cells[i & table.mask].store(erased_entry(), std::memory_order_seq_cst);
  --used_;
  ++erased_;
  old_entries_.emplace_back(&entry);
}

void TokenTable::free_unlinked() {
  old_tables_.clear();
  old_entries_.clear();
}

}  // namespace tenon::host
