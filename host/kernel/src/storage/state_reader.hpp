// StateReader, StateReclaimer: reading without a lock what a writer replaces, and freeing what was replaced when nobody reads it any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernel/gate.hpp"

namespace tenon::host {

/// While it lives, nothing its thread can reach is freed. Costs two plain stores; the writer pays with a membarrier. Not nested.
class StateReader {
 public:
  StateReader() : reading_(this_thread_frames().reading), turn_(reading_.load(std::memory_order_relaxed)) {
    if (gates_use_membarrier()) {
      reading_.store(turn_ + 1, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      // What is read is loaded sequentially consistent, so it cannot come before this.
      reading_.exchange(turn_ + 1, std::memory_order_seq_cst);
    }
  }
  ~StateReader() { reading_.store(turn_ + 2, std::memory_order_release); }
  StateReader(const StateReader&) = delete;
  StateReader& operator=(const StateReader&) = delete;

 private:
  std::atomic<std::uint32_t>& reading_;
  const std::uint32_t turn_;
};

/// Keeps what the writer took out of the readers' sight. One thread at a time.
class StateReclaimer {
 public:
  StateReclaimer() = default;
  ~StateReclaimer();  ///< nobody reads any more
  StateReclaimer(const StateReclaimer&) = delete;
  StateReclaimer& operator=(const StateReclaimer&) = delete;

  void retire(void* what, std::size_t bytes, void (*free)(void*));
  /// Frees what can be freed, if it is worth it. Never waits for a reader.
  void collect();
  [[nodiscard]] std::size_t kept() const { return fresh_.size() + waiting_.size(); }

 private:
  struct Retired {
    void* what;
    void (*free)(void*);
  };
  void free_waiting();

  std::vector<Retired> fresh_;
  std::size_t fresh_bytes_ = 0;
  /// Out of sight since before the readers in `readers_` were seen inside; free when each of them has left.
  std::vector<Retired> waiting_;
  std::vector<std::pair<const ThreadFrames*, std::uint32_t>> readers_;
};

}  // namespace tenon::host
