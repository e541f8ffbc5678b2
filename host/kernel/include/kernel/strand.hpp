// Strand: what makes the callbacks of one instance come one after the other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/clock.hpp"

namespace tenon::host {

struct ThreadFrames;

/// At most one thread is on it. The host makes one per serial instance and hands it to every part that calls the instance. Free of charge while
/// nobody else wants it (one compare-and-swap); whoever waits says how long. Thread-safe; not recursive: ask `holder` before.
class Strand {
 public:
  [[nodiscard]] bool try_enter();
  /// False once `until_ns` (monotonic) has come and somebody else is still on it. Must not be on it.
  [[nodiscard]] bool enter(std::int64_t until_ns);
  void leave();
  /// The thread that is on it, nullptr if nobody is. Only a thread asking for itself, or for those that wait for it, gets an answer that lasts.
  [[nodiscard]] const ThreadFrames* holder() const { return holder_.load(std::memory_order_acquire); }

 private:
  enum : std::uint32_t { vacant, held, wanted };  ///< wanted = held, and somebody may sleep
  std::atomic<std::uint32_t> state_{vacant};
  std::atomic<const ThreadFrames*> holder_{nullptr};
  std::mutex mutex_;  ///< of those that sleep
  std::condition_variable freed_;
};

/// A turn on a strand, or on none: `if (!turn) return DEADLINE_EXCEEDED;`
class StrandTurn {
 public:
  /// `strand` may be null: nothing to wait for.
  StrandTurn(Strand* strand, std::int64_t until_ns) : strand_(strand), entered_(strand == nullptr || strand->enter(until_ns)) {}
  ~StrandTurn() {
    if (strand_ != nullptr && entered_) strand_->leave();
  }
  StrandTurn(const StrandTurn&) = delete;
  StrandTurn& operator=(const StrandTurn&) = delete;
  explicit operator bool() const { return entered_; }

 private:
  Strand* strand_;
  bool entered_;
};

}  // namespace tenon::host
