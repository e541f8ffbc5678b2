#include "planning.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <system_error>
#include <thread>

#include "base/text.hpp"
#include "signals.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

int milliseconds_until(std::int64_t at_ns, std::int64_t now) {
  return static_cast<int>(std::clamp<std::int64_t>((at_ns - now + 999'999) / 1'000'000, 0, 1000));
}

}  // namespace

UniqueFd open_handled_signals() {
  const sigset_t handled = handled_signal_set();
  return UniqueFd(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
}

Planning::Planning(LogCore& log, SupervisorNotifier& supervisor, int signals, Limits limits)
    : log_(log), supervisor_(supervisor), signals_(signals), limits_(limits) {}

Planning::End Planning::run(const std::function<void()>& work, const GiveUp& give_up) {
  began_ns_ = fed_ns_ = monotonic_ns();
  End end = End::done;
  std::exception_ptr failure;
  const UniqueFd over(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::thread server;
  if (over) try {
      server = std::thread([&] {
        try {
          end = serve(over.get());
          if (end != End::done) give_up(end);
        } catch (...) {
          failure = std::current_exception();
        }
      });
    } catch (const std::system_error&) {  // the start of the modules will say it
    }
  struct Joined {
    int over;
    std::thread& server;
    ~Joined() {
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(over, &one, sizeof one);
      if (server.joinable()) server.join();
    }
  };
  {
    const Joined joined{over.get(), server};
    work();
  }
  if (failure) std::rethrow_exception(failure);
  return end;
}

Planning::End Planning::serve(int over) {
  std::int64_t next = tell(began_ns_);
  for (;;) {
    pollfd fds[] = {{over, POLLIN, 0}, {signals_, POLLIN, 0}};
    static_cast<void>(::poll(fds, 2, milliseconds_until(next, monotonic_ns())));
    if (fds[0].revents != 0) return End::done;
    if ((fds[1].revents & POLLIN) != 0 && !serve_signals()) return End::stopped;
    const std::int64_t now = monotonic_ns();
    if (now - began_ns_ >= limits_.total_ns) {
      log_.log(fatal, "reading plugins and manifests does not end: a file system does not answer",
               {{"phase", phase()}, {"waited", format_duration(Nanos(limits_.total_ns))}});
      return End::overdue;
    }
    next = tell(now);
  }
}

bool Planning::serve_signals() {
  signalfd_siginfo got{};
  while (::read(signals_, &got, sizeof got) == static_cast<ssize_t>(sizeof got)) switch (got.ssi_signo) {
      case SIGTERM:
      case SIGINT:
        signal_ = static_cast<int>(got.ssi_signo);
        return false;
      case SIGHUP:
        reload_wanted_ = true;
        break;
      case SIGUSR1:
        static_cast<void>(log_.reopen());  // tells a failure itself, through the file it keeps
        break;
      case SIGQUIT:
        log_.log(info, "dump: no module is loaded yet", {{"phase", phase()}});
        log_.flush();
        break;
      default:
        break;
    }
  return true;
}

std::int64_t Planning::tell(std::int64_t now) {
  constexpr std::int64_t longer_ns = 25 * second_ns, again_ns = 10 * second_ns;
  std::int64_t next = began_ns_ + limits_.total_ns;
  if (const std::int64_t interval = supervisor_.watchdog_interval().count(); interval != 0) {
    if (now - fed_ns_ >= interval / 4) {
      static_cast<void>(supervisor_.watchdog());
      fed_ns_ = now;
    }
    next = std::min(next, fed_ns_ + std::max<std::int64_t>(interval / 4, 1'000'000));
  }
  if (now - began_ns_ < limits_.first_word_ns) return std::min(next, began_ns_ + limits_.first_word_ns);
  if (told_ns_ == 0 || now - told_ns_ >= second_ns) {
    log_.tick(now);
    static_cast<void>(
        supervisor_.status(discovered_ns_ == 0 ? "discover: reading plugins and manifests" : "plan: checking what was found"));
    told_ns_ = now;
  }
  if ((extended_ns_ == 0 || now - extended_ns_ >= again_ns) && supervisor_.extend_timeout(Nanos(longer_ns))) extended_ns_ = now;
  if (!slow_told_ && now - began_ns_ >= limits_.slow_ns) {
    slow_told_ = true;
    log_.log(warn, "reading plugins and manifests takes long: they are large, or their file system is slow", {{"phase", phase()}});
  }
  return std::min(next, told_ns_ + second_ns);
}

}  // namespace tenon::host
