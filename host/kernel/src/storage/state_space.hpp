// StateSpace: one mirrored namespace: a hash table of immutable entries.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/hash.hpp"
#include "kernel/storage_types.hpp"
#include "state_reader.hpp"

namespace tenon::host {

/// Keyed, so that nobody can choose keys that collide.
inline std::uint64_t state_hash(std::string_view key, std::uint64_t seed) { return hash_of_text(key, seed); }

/// Immutable once published. Key, content type and value follow it in memory.
struct StateEntry {
  std::uint64_t hash;
  std::uint64_t revision;
  std::int64_t expires_ns;
  std::uint32_t value_size;
  std::uint16_t key_size;
  std::uint8_t type_size;
  bool erased;  ///< only the revision remains

  [[nodiscard]] const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] std::string_view key() const { return {data(), key_size}; }
  [[nodiscard]] std::string_view content_type() const { return {data() + key_size, type_size}; }
  [[nodiscard]] std::string_view value() const { return {data() + key_size + type_size, value_size}; }
  [[nodiscard]] std::size_t bytes() const { return sizeof *this + key_size + type_size + value_size; }
};

/// Read by any thread inside a StateReader, written by one at a time.
class StateSpace {
 public:
  StateSpace();
  ~StateSpace();
  StateSpace(const StateSpace&) = delete;
  StateSpace& operator=(const StateSpace&) = delete;

  /// Nullptr, or an entry that may be erased or expired.
  [[nodiscard]] const StateEntry* find(std::uint64_t hash, std::string_view key) const {
    const Table* const table = table_.load(std::memory_order_seq_cst);
    for (std::size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
      const StateEntry* const entry = table->slots[at].load(std::memory_order_seq_cst);
      if (entry == nullptr || (entry->hash == hash && same_text(entry->key(), key))) return entry;
    }
  }

  /// False if what is there is as new.
  struct Set {
    bool is_new = false;
    bool was_there = false;  ///< there was a value before
    explicit operator bool() const { return is_new; }
  };
  /// `erased`: the row's value is not there any more.
  Set set(std::uint64_t hash, const StorageBatch::Row& row, bool erased, StateReclaimer& reclaimer);
  void clear(std::uint64_t revision, StateReclaimer& reclaimer);

  /// Keys from `from` on, in order, while `take(key)` is true.
  template <class Take>
  void keys_from(std::string_view from, Take&& take) const {
    const std::lock_guard lock(keys_mutex_);
    for (auto at = keys_.lower_bound(from); at != keys_.end() && take(std::string_view(*at)); ++at) {
    }
  }

 private:
  struct Table {
    explicit Table(std::size_t size) : mask(size - 1), slots(std::make_unique<std::atomic<StateEntry*>[]>(size)) {}
    std::size_t mask;
    std::size_t used = 0;
    std::unique_ptr<std::atomic<StateEntry*>[]> slots;
  };
  static Table* empty_table();
  static void place(Table& table, StateEntry* entry);
  void make_room(std::uint64_t revision, StateReclaimer& reclaimer);

  std::atomic<Table*> table_;
  /// Of what was forgotten: nothing up to it may come back.
  std::uint64_t floor_ = 0;
  mutable std::mutex keys_mutex_;
  std::set<std::string, std::less<>> keys_;
};

}  // namespace tenon::host
