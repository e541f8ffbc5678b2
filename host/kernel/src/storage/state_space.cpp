#include "state_space.hpp"

#include <algorithm>
#include <new>

namespace tenon::host {
namespace {

constexpr std::size_t smallest_table = 16;

StateEntry* make_entry(std::uint64_t hash, const StorageBatch::Row& row, bool erased) {
  const std::size_t bytes = sizeof(StateEntry) + row.key.size() + row.content_type.size() + row.value.size();
  void* const memory = ::operator new(bytes);
  auto* const entry = new (memory) StateEntry{hash,
                                              row.revision,
                                              row.expires_ns,
                                              static_cast<std::uint32_t>(row.value.size()),
                                              static_cast<std::uint16_t>(row.key.size()),
                                              static_cast<std::uint8_t>(row.content_type.size()),
                                              erased};
  char* out = static_cast<char*>(memory) + sizeof(StateEntry);
  for (const std::string_view part : {row.key, row.content_type, row.value}) out = std::copy(part.begin(), part.end(), out);
  return entry;
}

void free_entry(void* entry) { ::operator delete(entry); }

}  // namespace

StateSpace::Table* StateSpace::empty_table() { return new Table(smallest_table); }

StateSpace::StateSpace() : table_(empty_table()) {}

StateSpace::~StateSpace() {
  Table* const table = table_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i <= table->mask; ++i) free_entry(table->slots[i].load(std::memory_order_relaxed));
  delete table;
}

void StateSpace::place(Table& table, StateEntry* entry) {
  std::size_t at = entry->hash & table.mask;
  while (table.slots[at].load(std::memory_order_relaxed) != nullptr) at = (at + 1) & table.mask;
  table.slots[at].store(entry, std::memory_order_relaxed);
  ++table.used;
}

StateSpace::Set StateSpace::set(std::uint64_t hash, const StorageBatch::Row& row, bool erased, StateReclaimer& reclaimer) {
  const Table* table = table_.load(std::memory_order_relaxed);
  std::size_t at = hash & table->mask;
  StateEntry* old = nullptr;
  for (; (old = table->slots[at].load(std::memory_order_relaxed)) != nullptr; at = (at + 1) & table->mask)
    if (old->hash == hash && old->key() == row.key) break;
  if (row.revision <= (old != nullptr ? old->revision : floor_)) return {};
  const bool was_there = old != nullptr && !old->erased;
  StateEntry* const entry = make_entry(hash, row, erased);
  if (old != nullptr) {
    table->slots[at].store(entry, std::memory_order_seq_cst);
    reclaimer.retire(old, old->bytes(), free_entry);
  } else {
    // At most half full: searches stay short and always end.
    if ((table->used + 1) * 2 > table->mask + 1) make_room(row.revision, reclaimer);
    Table* const roomy = table_.load(std::memory_order_relaxed);
    std::size_t free = hash & roomy->mask;
    while (roomy->slots[free].load(std::memory_order_relaxed) != nullptr) free = (free + 1) & roomy->mask;
    roomy->slots[free].store(entry, std::memory_order_seq_cst);
    ++roomy->used;
  }
  if (was_there == !erased) return {true, was_there};
  const std::lock_guard lock(keys_mutex_);
  if (erased)
    keys_.erase(keys_.find(row.key));
  else
    keys_.emplace(row.key);
  return {true, was_there};
}

/// A new table for what is there, with room to grow. What was erased is forgotten here, but not that it was. Only what this transaction itself
/// has erased stays: what else it writes has the same revision, and must not count as forgotten.
void StateSpace::make_room(std::uint64_t revision, StateReclaimer& reclaimer) {
  const auto stays = [revision](const StateEntry& entry) { return !entry.erased || entry.revision >= revision; };
  Table* const old = table_.load(std::memory_order_relaxed);
  std::size_t staying = 0;
  for (std::size_t i = 0; i <= old->mask; ++i) {
    const StateEntry* const entry = old->slots[i].load(std::memory_order_relaxed);
    staying += entry != nullptr && stays(*entry) ? 1 : 0;
  }
  std::size_t size = smallest_table;
  while (size < staying * 4) size *= 2;
  auto table = std::make_unique<Table>(size);
  for (std::size_t i = 0; i <= old->mask; ++i) {
    StateEntry* const entry = old->slots[i].load(std::memory_order_relaxed);
    if (entry == nullptr) continue;
    if (stays(*entry)) {
      place(*table, entry);
      continue;
    }
    floor_ = std::max(floor_, entry->revision);
    reclaimer.retire(entry, entry->bytes(), free_entry);
  }
  table_.store(table.release(), std::memory_order_seq_cst);
  reclaimer.retire(old, sizeof *old + (old->mask + 1) * sizeof old->slots[0], [](void* t) { delete static_cast<Table*>(t); });
}

void StateSpace::clear(std::uint64_t revision, StateReclaimer& reclaimer) {
  Table* const old = table_.load(std::memory_order_relaxed);
  table_.store(empty_table(), std::memory_order_seq_cst);
  for (std::size_t i = 0; i <= old->mask; ++i)
    if (StateEntry* const entry = old->slots[i].load(std::memory_order_relaxed); entry != nullptr)
      reclaimer.retire(entry, entry->bytes(), free_entry);
  reclaimer.retire(old, sizeof *old + (old->mask + 1) * sizeof old->slots[0], [](void* t) { delete static_cast<Table*>(t); });
  floor_ = std::max(floor_, revision);
  const std::lock_guard lock(keys_mutex_);
  keys_.clear();
}

}  // namespace tenon::host
