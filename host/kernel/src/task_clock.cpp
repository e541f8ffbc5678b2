#include "kernel/task_clock.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tenon::host {
namespace {

class SystemTaskClock final : public TaskClock {
 public:
  ~SystemTaskClock() override {
    for (const int fd : fds_)
      if (fd >= 0) ::close(fd);
  }

  Result<void> open() {
    fds_ = {::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
            ::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (std::find(fds_.begin(), fds_.end(), -1) != fds_.end()) return Error::system(errno, "timers of tasks", ExitCode::unavailable);
    arm_realtime(no_deadline);
    return {};
  }

  std::int64_t monotonic() override { return monotonic_ns(); }
  std::int64_t realtime() override { return realtime_ns(); }

  bool wait(std::int64_t monotonic_until_ns, std::int64_t realtime_until_ns) override {
    arm(fds_[1], TFD_TIMER_ABSTIME, monotonic_until_ns);
    bool was_set = arm_realtime(realtime_until_ns);
    std::array<pollfd, 3> polled{};
    for (std::size_t i = 0; i < polled.size(); ++i) polled[i] = {fds_[i], POLLIN, 0};
    ::poll(polled.data(), polled.size(), was_set ? 0 : -1);  // an interruption is as good as a wake
    for (const int fd : fds_) {
      std::uint64_t count = 0;
      if (::read(fd, &count, sizeof count) < 0 && errno == ECANCELED) was_set = true;
    }
    return was_set;
  }

  void wake() override {
    const std::uint64_t one = 1;
    // Only a counter that is full already can refuse, and then the reader is awake anyway.
    static_cast<void>(::write(fds_[0], &one, sizeof one) == sizeof one);
  }

 private:
  static bool arm(int fd, int flags, std::int64_t until_ns) {
    itimerspec spec{};  // zero = off
    if (until_ns != no_deadline) {
      const std::int64_t at = std::max<std::int64_t>(until_ns, 1);
      spec.it_value = {static_cast<std::time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)};
    }
    return ::timerfd_settime(fd, flags, &spec, nullptr) == 0;
  }
  // Never off: only an armed timer is told that the clock was set, be it while nobody reads it. True if it was since it was armed before.
  bool arm_realtime(std::int64_t until_ns) {
    return !arm(fds_[2], TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, std::min(until_ns, no_deadline - 1)) && errno == ECANCELED;
  }
  std::array<int, 3> fds_{-1, -1, -1};  ///< wake, monotonic, realtime
};

}  // namespace

Result<std::unique_ptr<TaskClock>> system_task_clock() {
  auto out = std::make_unique<SystemTaskClock>();
  if (auto ok = out->open(); !ok) return ok.error();
  return std::unique_ptr<TaskClock>(std::move(out));
}

}  // namespace tenon::host
