#include "event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <system_error>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace tenon::host {
namespace {
namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
}  // namespace

struct EventLoop::Impl {
  struct Watched {
    Watched(asio::io_context& context, int fd, std::function<void()> f) : descriptor(context, fd), readable(std::move(f)) {}
    Descriptor descriptor;
    std::function<void()> readable;
  };
  struct Timer {
    Timer(asio::io_context& context, std::function<void()> f) : timer(context), due(std::move(f)) {}
    asio::steady_timer timer;
    std::function<void()> due;
    std::int64_t at_ns = no_deadline;
  };

  void arm(Watched& w) {
    w.descriptor.async_wait(Descriptor::wait_read, [this, &w](const boost::system::error_code& failed) {
      if (failed) return;
      w.readable();
      arm(w);
    });
  }

  asio::io_context context{1};
  std::vector<std::unique_ptr<Watched>> watched;
  std::vector<std::unique_ptr<Timer>> timers;
  UniqueFd wake_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::function<void()> woken;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
  if (!impl_->wake_fd) throw std::system_error(errno, std::generic_category(), "eventfd");
  watch(impl_->wake_fd.get(), [this] {
    std::uint64_t count = 0;
    while (::read(impl_->wake_fd.get(), &count, sizeof count) == static_cast<ssize_t>(sizeof count)) {
    }
    if (impl_->woken) impl_->woken();
  });
}

EventLoop::~EventLoop() {
  for (auto& w : impl_->watched) w->descriptor.release();  // not ours to close
}

void EventLoop::watch(int fd, std::function<void()> readable) {
  impl_->watched.push_back(std::make_unique<Impl::Watched>(impl_->context, fd, std::move(readable)));
  impl_->arm(*impl_->watched.back());
}

std::size_t EventLoop::add_timer(std::function<void()> due) {
  impl_->timers.push_back(std::make_unique<Impl::Timer>(impl_->context, std::move(due)));
  return impl_->timers.size() - 1;
}

void EventLoop::set_timer(std::size_t timer, std::int64_t at_ns) {
  Impl::Timer& t = *impl_->timers[timer];
  if (t.at_ns == at_ns) return;
  t.at_ns = at_ns;
  if (at_ns == no_deadline) {
    t.timer.cancel();
    return;
  }
  t.timer.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at_ns)));
  t.timer.async_wait([&t, at_ns](const boost::system::error_code& failed) {
    // Moved or switched off. That fails the wait, unless its time was over and it stood in the queue already.
    if (failed || t.at_ns != at_ns) return;
    t.at_ns = no_deadline;
    t.due();
  });
}

void EventLoop::on_wake(std::function<void()> woken) { impl_->woken = std::move(woken); }

void EventLoop::wake() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, that is when the loop is about to wake anyway.
  [[maybe_unused]] const ssize_t written = ::write(impl_->wake_fd.get(), &one, sizeof one);
}

void EventLoop::run() { impl_->context.run(); }
void EventLoop::stop() { impl_->context.stop(); }

}  // namespace tenon::host
