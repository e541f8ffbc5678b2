// The rules of events, seen by one module: driven on the kernel, through the C table of a real module, and on the fake host.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "three_ways.hpp"

namespace tenon::test {

struct Draft {
  std::string topic, payload, content_type, traceparent;
  bool retain = false;
};

struct Seen : Draft {
  std::uint64_t id = 0;
  bool retained = false;
};

struct QueueOptions {
  int when_full = 0;
  std::uint32_t events = 1024;
  std::uint64_t bytes = 4 * 1024 * 1024;
  bool drain = false;
};

struct Stats {
  std::uint64_t delivered = 0, failed = 0, dropped = 0, queued = 0, queued_bytes = 0;
};

/// One subscriber; lives until the end of the test.
class Listener {
 public:
  std::function<int(const Seen&)> then;  ///< what the handler does and answers; no lock is held
  int on(const Seen& event) {
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(event);
    }
    return then ? then(event) : 0;
  }
  void release() { ++released_; }
  [[nodiscard]] int released() const { return released_; }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }
  [[nodiscard]] std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  /// "a b c": payloads in their order.
  [[nodiscard]] std::string payloads() const {
    std::string out;
    for (const Seen& s : seen()) out += (out.empty() ? "" : " ") + s.payload;
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::atomic<int> released_{0};
};

/// The module under test, past its init; `other` is another module that may publish and subscribe what it likes.
class EventDriver {
 public:
  virtual ~EventDriver() = default;
  virtual Answer publish(const Draft& draft) = 0;
  virtual Answer publish_as_other(const Draft& draft) = 0;
  virtual Answer forget(const std::string& topic) = 0;
  virtual Answer subscribe(const std::string& pattern, Listener& listener, const QueueOptions& options = {}) = 0;
  virtual Answer unsubscribe(std::uint64_t id) = 0;
  virtual Answer unsubscribe_wait(std::uint64_t id) = 0;
  virtual Answer stats(std::uint64_t id, Stats& out) = 0;
  /// From here on events are delivered.
  virtual void start() = 0;
  /// The module leaves. `in_stop` runs when its queues were drained and before anything is taken back.
  virtual void leave(std::function<void()> in_stop = {}) = 0;
  /// Gives deliveries their chance until it is true, at most for 20 s.
  virtual bool until(const std::function<bool()>& done) = 0;
  /// Everything that can be delivered has been, and everything that can be released.
  virtual void settle() = 0;
  /// Handlers run on threads of the host, beside the test.
  [[nodiscard]] virtual bool concurrent() const = 0;
};

/// `init` runs inside the module's init; if it answers false, init fails. `all`: it may publish and subscribe everything.
std::unique_ptr<EventDriver> make_event_driver(Way way, bool all = true, std::function<bool(EventDriver&)> init = {});

/// Statuses of the C interface, as drivers give them.
constexpr int invalid = 3, not_found = 5, already_exists = 6, denied = 7, exhausted = 8, precondition = 9, unavailable = 14;

inline std::unique_ptr<EventDriver> started(Way way, bool all = true) {
  auto d = make_event_driver(way, all);
  d->start();
  return d;
}

/// With threads: not on the fake host, which runs handlers on the test's thread and has nothing to race with.
template <class Case>
void concurrent_ways(Case&& run) {
  SUBCASE("on the kernel") { run(Way::kernel); }
  SUBCASE("through the table, in a loaded module") { run(Way::loaded); }
}

}  // namespace tenon::test
