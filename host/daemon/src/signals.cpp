// The handled signals: blocked in every thread, so that the main loop reads them from a descriptor.
#include "signals.hpp"

#include <sys/types.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "daemon/daemon.hpp"

namespace tenon::host {
namespace {

// A handler gets no argument of ours. Written before it is installed: a child that a module forked is not this process.
pid_t own_pid = 0;

// As whoever started this process left them: nohup and a shell's background jobs ignore some.
std::array<struct sigaction, handled_signals.size()> inherited{};

// Runs only in a thread of a module that unblocked the signal. It has taken the signal from the main loop, so it gives it back: the thread blocks
// the signals again, and what is sent to the process stays pending until it is read. Once taken, once sent: the signal counts once.
void give_back(int signal, siginfo_t* /*info*/, void* context) {
  const int saved = errno;
  if (::getpid() == own_pid) {
    // Not by sigorset: behind the kernel's part of the mask there is something else.
    for (int s : handled_signals) ::sigaddset(&static_cast<ucontext_t*>(context)->uc_sigmask, s);
    ::kill(own_pid, signal);
  } else {
    // As if there were no handler: the parent's signals are not the child's.
    struct sigaction fallback {};
    fallback.sa_handler = SIG_DFL;
    ::sigaction(signal, &fallback, nullptr);
    ::raise(signal);  // blocked until this returns
  }
  errno = saved;
}

}  // namespace

sigset_t handled_signal_set() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int s : handled_signals) ::sigaddset(&set, s);
  return set;
}

void block_handled_signals() {
  const sigset_t handled = handled_signal_set();
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  own_pid = ::getpid();
  struct sigaction action {};
  action.sa_sigaction = &give_back;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;  // on the alternate stack: a runtime inside the module may use small ones
  action.sa_mask = handled;
  for (std::size_t i = 0; i < handled_signals.size(); ++i) ::sigaction(handled_signals[i], &action, &inherited[i]);
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);  // a closed log or terminal is an error of a write, not the end
}

void unblock_handled_signals() {
  for (std::size_t i = 0; i < handled_signals.size(); ++i) ::sigaction(handled_signals[i], &inherited[i], nullptr);
  const sigset_t handled = handled_signal_set();
  ::sigprocmask(SIG_UNBLOCK, &handled, nullptr);
}

}  // namespace tenon::host
