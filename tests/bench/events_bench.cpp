// What an event costs: published and handled without a pause, for one and for ten subscribers, and from publish to the handler when nothing else
// goes on. Beside it what a bare queue does: one mutex, one condition variable, one thread, the same bytes copied.
// Prints medians, and the ratios to the bare figure, at the end. One process, the workers alive.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/events.hpp"
#include "kernel/gate.hpp"
#include "kernel/workers.hpp"

namespace {

using namespace tenon::host;

constexpr std::uint64_t events_per_round = 200'000;
constexpr std::uint64_t in_flight = 4096;  ///< a publisher that is ahead by so many waits, so that nothing is dropped
constexpr int rounds = 9;
const std::string payload(64, 'p');

/// Of all threads of the process: the steadier figure on a busy machine.
std::int64_t processor_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

struct Figure {
  double wall, processor;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct alignas(64) Seen {
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::int64_t> at_ns{0};
};

Code count_event(void* data, const EventView&, Call&) noexcept {
  auto& seen = *static_cast<Seen*>(data);
  seen.count.store(seen.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return Code::ok;
}

Code stamp_event(void* data, const EventView&, Call&) noexcept {
  auto& seen = *static_cast<Seen*>(data);
  seen.at_ns.store(monotonic_ns(), std::memory_order_relaxed);
  seen.count.fetch_add(1, std::memory_order_release);
  return Code::ok;
}

struct Host {
  Owner owner{"host", 1, true};
  Owner publisher{"publisher", 1, true}, subscriber{"subscriber", 1, true};
  WorkerPool pool;
  Events events{owner, pool};
  Host() {
    for (Owner* o : {&owner, &publisher, &subscriber}) o->set_reach(Reach::callable);
  }
  EventClient client(Owner& o) { return events.join(o, Permissions::all(o.name())); }
};

/// Nanoseconds per delivery.
Figure saturated(std::size_t subscribers, std::size_t others) {
  Host host;
  EventClient publisher = host.client(host.publisher), subscriber = host.client(host.subscriber);
  std::vector<Seen> seen(subscribers), unused(1);
  EventOptions options;
  options.queue_events = 16'384;
  for (Seen& s : seen)
    if (!subscriber.subscribe("orders.*.created", {count_event, nullptr, &s}, options)) std::abort();
  for (std::size_t i = 0; i < others; ++i)
    if (!subscriber.subscribe("other.topic" + std::to_string(i), {count_event, nullptr, unused.data()})) std::abort();
  const auto slowest = [&seen] {
    std::uint64_t n = UINT64_MAX;
    for (const Seen& s : seen) n = std::min(n, s.count.load(std::memory_order_acquire));
    return n;
  };
  std::vector<double> out, processor;
  std::uint64_t sent = 0;
  const std::uint64_t events = events_per_round / subscribers;
  for (int round = 0; round < rounds; ++round) {
    const std::int64_t begin = monotonic_ns(), begin_processor = processor_ns();
    for (std::uint64_t i = 0; i < events; ++i) {
      if (++sent % 1024 == 0)
        while (slowest() + in_flight < sent) std::this_thread::yield();
      if (!publisher.publish({"orders.eu.created", payload, "application/json", {}, false})) std::abort();
    }
    while (slowest() < sent) std::this_thread::yield();
    const auto deliveries = static_cast<double>(events * subscribers);
    out.push_back(static_cast<double>(monotonic_ns() - begin) / deliveries);
    processor.push_back(static_cast<double>(processor_ns() - begin_processor) / deliveries);
  }
  return {median(out), median(processor)};
}

/// The least a queue between two threads does with the same bytes.
Figure bare() {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> queue;
  std::atomic<std::uint64_t> seen{0};
  bool done = false;
  std::thread consumer([&] {
    std::unique_lock lock(mutex);
    for (;;) {
      while (queue.empty() && !done) changed.wait(lock);
      if (queue.empty()) return;
      const std::string event = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      seen.fetch_add(event.size() / payload.size(), std::memory_order_release);
      lock.lock();
    }
  });
  std::vector<double> out, processor;
  std::uint64_t sent = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::int64_t begin = monotonic_ns(), begin_processor = processor_ns();
    for (std::uint64_t i = 0; i < events_per_round; ++i) {
      if (++sent % 1024 == 0)
        while (seen.load(std::memory_order_acquire) + in_flight < sent) std::this_thread::yield();
      {
        const std::lock_guard lock(mutex);
        queue.emplace_back(payload);
      }
      changed.notify_one();
    }
    while (seen.load(std::memory_order_acquire) < sent) std::this_thread::yield();
    const auto deliveries = static_cast<double>(events_per_round);
    out.push_back(static_cast<double>(monotonic_ns() - begin) / deliveries);
    processor.push_back(static_cast<double>(processor_ns() - begin_processor) / deliveries);
  }
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  changed.notify_one();
  consumer.join();
  return {median(out), median(processor)};
}

/// Nanoseconds from publish to the handler's first statement, everybody asleep before.
double wake_up() {
  Host host;
  EventClient publisher = host.client(host.publisher), subscriber = host.client(host.subscriber);
  Seen seen;
  if (!subscriber.subscribe("orders.created", {stamp_event, nullptr, &seen})) std::abort();
  std::vector<double> out;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    const std::int64_t begin = monotonic_ns();
    if (!publisher.publish({"orders.created", payload, {}, {}, false})) std::abort();
    while (seen.count.load(std::memory_order_acquire) < i) std::this_thread::sleep_for(std::chrono::microseconds(20));
    out.push_back(static_cast<double>(seen.at_ns.load(std::memory_order_relaxed) - begin));
  }
  return median(out);
}

/// The same between two bare threads and a condition variable.
double bare_wake_up() {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t asked = 0;
  bool done = false;
  Seen seen;
  std::thread consumer([&] {
    std::unique_lock lock(mutex);
    for (std::uint64_t known = 0;; known = asked) {
      while (asked == known && !done) changed.wait(lock);
      if (done) return;
      seen.at_ns.store(monotonic_ns(), std::memory_order_relaxed);
      seen.count.store(asked, std::memory_order_release);
    }
  });
  std::vector<double> out;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    const std::int64_t begin = monotonic_ns();
    {
      const std::lock_guard lock(mutex);
      asked = i;
    }
    changed.notify_one();
    while (seen.count.load(std::memory_order_acquire) < i) std::this_thread::sleep_for(std::chrono::microseconds(20));
    out.push_back(static_cast<double>(seen.at_ns.load(std::memory_order_relaxed) - begin));
  }
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  changed.notify_one();
  consumer.join();
  return median(out);
}

void line(const char* what, Figure f, Figure bare_figure, double limit) {
  std::printf("%-50s %6.0f ns %5.2f x bare, processor %6.0f ns %5.2f x bare; at most %5.0f ns: %s\n", what, f.wall,
              f.wall / bare_figure.wall, f.processor, f.processor / bare_figure.processor, limit, f.wall <= limit ? "ok" : "OVER");
}

}  // namespace

int main() {
  prepare_gates();
  const Figure queue = bare();
  const double hand_off = bare_wake_up(), woken = wake_up();
  std::printf("%-50s %6.0f ns, processor %6.0f ns\n", "bare queue, per event", queue.wall, queue.processor);
  line("publish -> handler, 1 subscriber", saturated(1, 0), queue, 400);
  line("the same, with 1000 other subscriptions", saturated(1, 1000), queue, 400);
  line("publish -> handler, 10 subscribers, per delivery", saturated(10, 0), queue, 150);
  std::printf("%-50s %6.0f ns\n", "bare wake-up", hand_off);
  std::printf("%-50s %6.0f ns %5.2f x bare; at most 12000 ns: %s\n", "publish -> handler, everybody asleep", woken, woken / hand_off,
              woken <= 12'000 ? "ok" : "OVER");
}
