// ShortMutex: for sections of some nanoseconds that two processors enter at once.
#pragma once

#include <atomic>

namespace tenon::host {

/// Tells the processor that this thread waits for another one.
inline void pause_processor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// One locked operation to enter, a plain store to leave: unlocking a pthread mutex is a locked one, which waits for all the stores before it, here those
/// into memory that another processor has had. Who finds it held looks again: at first keeping the processor, then giving up its turn, at last
/// asleep for a moment, for the holder may have been preempted, also by whoever waits. BasicLockable.
class ShortMutex {
 public:
  ShortMutex() = default;
  ShortMutex(const ShortMutex&) = delete;
  ShortMutex& operator=(const ShortMutex&) = delete;
  void lock() {
    if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      wait();
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  void wait();
  std::atomic<bool> held_{false};
};

}  // namespace tenon::host
