// Which token stands for what: a table that is read without a lock.
//
// Readers announce the epoch they began in, in the target of their thread's next frame (kernel/gate.hpp), for the few nanoseconds they look. Writers
// unlink, pay for a barrier, and wait until those who began before have looked away: `ReadEpochs::wait`. Nothing that readers wait for is done meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "kernel/gate.hpp"

namespace tenon::host {

struct Provision;

/// Bit 63 and bit 0 set: the other users of targets take it for an epoch far ahead of theirs, or for none.
class ReadEpochs {
 public:
  static constexpr std::uintptr_t mark = (std::uintptr_t{1} << 63U) | 1U;
  [[nodiscard]] std::uintptr_t reading() const { return mark | (epoch_.load(std::memory_order_seq_cst) << 1U); }
  /// Returns when nobody reads any more who began before.
  void wait();

 private:
  std::atomic<std::uint64_t> epoch_{1};
};

/// Scope of one look. False: this thread is too deep in calls to announce anything; take the lock instead.
class Reading {
 public:
  explicit Reading(const ReadEpochs& epochs) : thread_(this_thread_frames()), depth_(thread_.depth.load(std::memory_order_relaxed)) {
    if (*this) announce(thread_.frames[depth_].target, epochs.reading());
  }
  ~Reading() { end(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  explicit operator bool() const { return depth_ < ThreadFrames::max_depth; }
  [[nodiscard]] std::uint32_t thread() const { return thread_.index; }
  void end() {
    if (*this) thread_.frames[depth_].target.store(0, std::memory_order_release);
    depth_ = ThreadFrames::max_depth;
  }

 private:
  ThreadFrames& thread_;
  std::uint32_t depth_;
};

/// Stores what a writer looks for after its barrier, before this thread looks at what that writer has stored before it.
template <class T>
void store_before_look(std::atomic<T>& to, T value) noexcept {
  if (gates_use_membarrier()) {
    to.store(value, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    to.store(value, std::memory_order_seq_cst);
  }
}

/// One token. There as long as somebody provides it.
struct TokenEntry {
  std::string name, key;
  std::size_t hash = 0;
  std::atomic<Provision*> active{nullptr};
  std::atomic<bool> shadowed{false};   ///< several generations of one module: which one is meant depends on who asks
  std::vector<Provision*> provisions;  ///< the first is the active one
};

/// Writing: one at a time.
class TokenTable {
 public:
  TokenTable();
  ~TokenTable();
  TokenTable(const TokenTable&) = delete;
  TokenTable& operator=(const TokenTable&) = delete;

  [[nodiscard]] TokenEntry* find(std::string_view name, std::string_view key) const;
  TokenEntry& insert(std::string_view name, std::string_view key);  ///< must not be there
  void erase(TokenEntry& entry);
  /// Frees what was taken out, after a `ReadEpochs::wait` that came later.
  void free_unlinked();

 private:
  struct Table {
    explicit Table(std::size_t n) : mask(n - 1), cells(new std::atomic<TokenEntry*>[n]()) {}
    const std::size_t mask;
    std::unique_ptr<std::atomic<TokenEntry*>[]> cells;
  };
  /// An address no entry has: here was one, look on.
  static TokenEntry* erased_entry() { return reinterpret_cast<TokenEntry*>(alignof(TokenEntry)); }
  static std::size_t hash_of(std::string_view name, std::string_view key) {
    return key.empty() ? hash_of_text(name) : hash_of_text(key, hash_of_text(name));
  }
  void rebuild();

  std::atomic<Table*> table_;
  std::size_t used_ = 0, erased_ = 0;
  std::vector<std::unique_ptr<Table>> old_tables_;
  std::vector<std::unique_ptr<TokenEntry>> old_entries_;
};

inline TokenEntry* TokenTable::find(std::string_view name, std::string_view key) const {
  const Table& table = *table_.load(std::memory_order_seq_cst);
  const std::size_t hash = hash_of(name, key);
  for (std::size_t i = hash;; ++i) {
    TokenEntry* e = table.cells[i & table.mask].load(std::memory_order_acquire);
    if (e == nullptr) return nullptr;
    if (e != erased_entry() && e->hash == hash && same_text(e->name, name) && same_text(e->key, key)) return e;
  }
}

}  // namespace tenon::host
