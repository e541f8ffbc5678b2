// The kernel as a whole: what its tick tells the log, and when it wants the next one.
#include "kernel/kernel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/gate.hpp"
#include "waiting.hpp"

using namespace tenon::host;

namespace {

/// Lines about drops, as "dropped other_queues".
struct Lines {
  std::mutex mutex;
  std::vector<std::string> text;
  void operator()(const LogRecordView& r) {
    if (r.message != "a full queue dropped events") return;
    std::string line;
    for (const LogField& f : r.fields)
      if (f.key == "dropped" || f.key == "other_queues") line += (line.empty() ? "" : " ") + std::string(f.value);
    const std::lock_guard lock(mutex);
    text.push_back(line);
  }
};

}  // namespace

TEST_CASE("kernel: a million events into full queues write at most one line per second, however many queues there are") {
  LogCore log;
  Lines lines;
  const std::uint64_t receiver = log.add_receiver([&lines](const LogRecordView& r) { lines(r); });
  auto made = Kernel::make(log, {});
  REQUIRE(made);
  Kernel& kernel = **made;
  Owner module("orders", 1, true);  // visible, not callable: everything stays queued
  module.set_reach(Reach::visible);
  EventClient client = kernel.events().join(module, Permissions::all("orders"));
  std::vector<int> data(5);
  for (int& d : data) {
    EventHandler handler;
    handler.deliver = [](void*, const EventView&, Call&) noexcept { return Code::ok; };
    handler.data = &d;
    REQUIRE(client.subscribe("a.*", handler));
  }
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t now = 1000 * second;
  const std::int64_t begin = now;
  for (int i = 0; i < 1'000'000; ++i) {
    if (!client.publish({"a.b", "x", {}, {}, false})) FAIL("refused");
    if (i % 5000 == 0) kernel.tick(now += second / 100);
  }
  REQUIRE(now - begin == 2 * second);
  kernel.tick(now + second);
  CHECK(lines.text.size() <= 4);
  REQUIRE(lines.text.size() >= 2);
  std::uint64_t told = 0;
  for (const std::string& line : lines.text) {
    told += std::stoull(line);
    CHECK(line.substr(line.find(' ') + 1) == "4");
  }
  CHECK(told == 1'000'000 - 1024);
  log.remove_receiver(receiver);
  module.gate().advance(Gate::State::closed);
  CHECK(kernel.events().leave(module, monotonic_ns() + second).quiet);
  CHECK(kernel.workers().leave(module, monotonic_ns() + second).quiet);
  CHECK(kernel.end(monotonic_ns() + second));
}

TEST_CASE("kernel: a tick is wanted soon while handlers run, once per second else, and the first work after that rouses") {
  prepare_gates();
  LogCore log;
  auto made = Kernel::make(log, {});
  REQUIRE(made);
  Kernel& kernel = **made;
  std::atomic<int> roused{0};
  kernel.on_rouse([&roused] { ++roused; });
  Owner module("orders", 1, true);
  module.set_reach(Reach::callable);
  tenon::test::Counter inside, go;
  struct Latches {
    tenon::test::Counter& inside;
    tenon::test::Counter& go;
  } latches{inside, go};
  Job job;
  job.data = &latches;
  job.run = [](void* data) noexcept {
    auto& l = *static_cast<Latches*>(data);
    l.inside.add();
    CHECK(l.go.reaches(1));
  };

  std::int64_t now = monotonic_ns();
  CHECK(kernel.tick(now) == now + Kernel::idle_tick_ns);
  CHECK(roused == 0);
  REQUIRE(kernel.workers().post(module, job));
  REQUIRE(kernel.workers().post(module, job));
  CHECK(roused == 1);
  REQUIRE(inside.reaches(2));
  now += Kernel::tick_ns;
  CHECK(kernel.tick(now) == now + Kernel::tick_ns);
  REQUIRE(kernel.workers().post(module, job));
  CHECK(roused == 1);  // it was not told that it may sleep
  go.add();
  CHECK(tenon::test::becomes([&] { return kernel.workers().rest(); }));
  kernel.on_rouse({});
  REQUIRE(kernel.workers().post(module, job));
  CHECK(roused == 1);

  HealthCheck check;
  check.name = "database";
  check.interval_ns = 300'000'000;
  check.run = [](void*, Call&, Error&) noexcept { return Code::ok; };
  REQUIRE(kernel.health().join(module, {check}));
  kernel.health().started(module);
  kernel.tick(monotonic_ns());  // asks it
  CHECK(tenon::test::becomes([&] {
    now = monotonic_ns();
    const std::int64_t next = kernel.tick(now);
    return next > now + Kernel::tick_ns && next <= now + check.interval_ns;  // idle, but for the check
  }));
  module.gate().advance(Gate::State::draining);
  kernel.health().drain(module);
  module.gate().advance(Gate::State::closed);
  kernel.health().leave(module);
  CHECK(kernel.workers().leave(module, tenon::test::soon()).quiet);
  CHECK(kernel.end(tenon::test::soon()));
}
