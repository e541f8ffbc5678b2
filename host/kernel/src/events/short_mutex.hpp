// ShortMutex: for sections of some nanoseconds that two processors enter at once.
#pragma once

#include <pthread.h>

namespace tenon::host {

/// Spins for a moment before it sleeps: a system call per collision would cost a hundred times what the section does. BasicLockable.
class ShortMutex {
 public:
  ShortMutex() = default;
  ~ShortMutex() { pthread_mutex_destroy(&mutex_); }
  ShortMutex(const ShortMutex&) = delete;
  ShortMutex& operator=(const ShortMutex&) = delete;
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_ = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
};

}  // namespace tenon::host
