#include "signals.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "daemon/daemon.hpp"

using namespace tenon::host;

TEST_CASE("signals: what the starter ignored is ignored again when nothing is handled any more, as nohup wants it") {
  // In a process of its own: handlers and mask belong to all of it.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto handler_of = [](int signal) {
      struct sigaction now {};
      ::sigaction(signal, nullptr, &now);
      return now.sa_handler;
    };
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGINT, SIG_DFL);
    block_handled_signals();
    const bool handled = handler_of(SIGHUP) != SIG_IGN && handler_of(SIGINT) != SIG_DFL;
    unblock_handled_signals();
    ::_exit(handled && handler_of(SIGHUP) == SIG_IGN && handler_of(SIGINT) == SIG_DFL ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
