// EventLoop: what the main thread waits for. Boost.Asio stays behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace tenon::host {

/// Single-threaded, except wake().
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Calls `readable` whenever `fd` (not owned) can be read.
  void watch(int fd, std::function<void()> readable);
  /// Calls `due` at the time last given by set_timer. One timer each.
  std::size_t add_timer(std::function<void()> due);
  void set_timer(std::size_t timer, std::int64_t at_ns);  ///< monotonic; no_deadline = off
  /// Called on the loop's thread soon after wake().
  void on_wake(std::function<void()> woken);
  /// Any thread; several before the loop gets to it are one.
  void wake();
  void run();   ///< until stop()
  void stop();  ///< on the loop's thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenon::host
