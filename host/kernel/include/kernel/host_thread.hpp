// How the kernel starts a thread: with all signals blocked that others send, whatever the thread that starts it has unblocked. Those belong to the main
// thread. What a thread does to itself is not blocked: the process would end without its crash handler.
#pragma once

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace tenon::host {

/// Throws what std::thread throws.
template <class F>
std::thread host_thread(F&& body) {
  struct Blocked {
    Blocked() {
      sigset_t all;
      sigfillset(&all);
      for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, own);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Blocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    sigset_t before{};
  };
  const Blocked blocked;
  return std::thread(std::forward<F>(body));
}

}  // namespace tenon::host
