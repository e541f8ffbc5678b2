// Tasks under races: cancel versus run, leave versus run, destruction while running; and by the clocks of the system.
#include <random>
#include <thread>

#include "kernel/services.hpp"
#include "tasks_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("Cancel versus run: each task is released exactly once, and never runs after that") {
  Module owner("orders", true);
  constexpr int count = 600;
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < count; ++i) probes.push_back(std::make_unique<Probe>());
  World world;
  std::atomic<bool> stop{false};
  id_of(world.tasks.every(owner, 1 * ms, probes[0]->handler()));
  std::thread time([&] {
    while (!stop) world.clock.advance(ms);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 1 + t; i < count; i += 3) {
        const TaskHandler handler = probes[static_cast<std::size_t>(i)]->handler();
        const auto id = i % 4 == 0   ? world.tasks.post(owner, handler)
                        : i % 4 == 1 ? world.tasks.after(owner, static_cast<std::int64_t>(random() % 3) * ms, handler)
                        : i % 4 == 2 ? world.tasks.every(owner, ms, handler)
                                     : world.tasks.loop(owner, handler, {"", LoopPolicy::restart, ms, ms});
        if (!id) {  // loops have a limit, and ended ones count until they are gone
          probes[static_cast<std::size_t>(i)]->released.add();
          continue;
        }
        for (unsigned n = random() % 4; n > 0; --n) std::this_thread::yield();
        if (i % 2 == 0) {
          const auto done = world.tasks.cancel_wait(owner, *id, soon());
          CHECK((done || done.error().code == Code::not_found));
        } else {
          static_cast<void>(world.tasks.cancel(owner, *id));
        }
      }
    });
  for (std::thread& t : threads) t.join();
  for (int i = 1; i < count; ++i) CHECK(probes[static_cast<std::size_t>(i)]->released.reaches(1));
  stop = true;
  time.join();
  CHECK(world.leave(owner).quiet);
  CHECK(probes[0]->released.value() == 1);
  CHECK(world.tasks.list().empty());
}

TEST_CASE("Leave versus register, run and cancel: afterwards nothing of the owner is reachable, and it can be freed") {
  World world;
  std::atomic<bool> stop{false};
  Module anchor("anchor", true);
  Probe tick;
  id_of(world.tasks.every(anchor, ms, tick.handler()));
  std::thread time([&] {
    while (!stop) world.clock.advance(ms);
  });
  for (std::uint64_t generation = 1; generation <= 80; ++generation) {
    constexpr std::size_t count = 24;
    std::vector<std::unique_ptr<Probe>> probes;
    for (std::size_t i = 0; i < count; ++i)
      probes.push_back(std::make_unique<Probe>([i](Call& call) {
        if (i % 5 == 0) CHECK(call.wait_cancelled(monotonic_ns() + Nanos(long_enough).count()));
        return Code::ok;
      }));
    auto owner = std::make_unique<Owner>("orders", generation, false);
    std::atomic<int> taken{0};
    std::thread user([&] {
      for (std::size_t i = 0; i < count; ++i) {
        const TaskHandler handler = probes[i]->handler();
        const auto id = i % 5 == 0   ? world.tasks.loop(*owner, handler)
                        : i % 3 == 0 ? world.tasks.every(*owner, ms, handler)
                                     : world.tasks.after(*owner, static_cast<std::int64_t>(i % 4) * ms, handler);
        if (!id) {
          probes[i]->released.add();  // still ours
          continue;
        }
        ++taken;
        if (i == count / 2) {
          owner->set_reach(Reach::callable);
          world.tasks.started(*owner);
        }
        if (i % 7 == 0) static_cast<void>(world.tasks.cancel(*owner, *id));
      }
    });
    if (generation % 3 != 0) user.join();
    owner->gate().advance(Gate::State::draining);
    world.tasks.drain(*owner);
    owner->gate().advance(Gate::State::closed);
    CHECK(world.tasks.leave(*owner, soon()).quiet);
    if (user.joinable()) {
      user.join();
      CHECK(world.tasks.leave(*owner, soon()).quiet);
    }
    CHECK(world.tasks.list(owner.get()).empty());
    owner.reset();
    for (const auto& probe : probes) CHECK(probe->released.value() == 1);
  }
  stop = true;
  time.join();
  world.leave(anchor);
  CHECK(world.pool.shares().empty());
}

TEST_CASE("Destruction while running") {
  for (int round = 0; round < 60; ++round) {
    Module owner("orders", true);
    Probe probes[6];
    HandClock clock;
    WorkerPool pool;
    {
      Tasks tasks(pool, clock);
      for (Probe& p : probes) id_of(&p - probes < 3 ? tasks.post(owner, p.handler()) : tasks.every(owner, ms, p.handler()));
      if (round % 2 == 0) clock.advance(ms);
    }
    owner.gate().advance(Gate::State::closed);
    CHECK(pool.leave(owner, soon()).quiet);
    for (Probe& p : probes) CHECK(p.released.value() == 1);
  }
}

TEST_CASE("The clocks of the system") {
  auto clock = system_task_clock();
  REQUIRE(clock);
  TaskClock& c = **clock;
  const std::int64_t begin = c.monotonic();
  CHECK_FALSE(c.wait(begin + 2 * ms, no_deadline));
  CHECK(c.monotonic() >= begin + 2 * ms);
  const std::int64_t real = c.realtime();
  CHECK_FALSE(c.wait(no_deadline, real + 2 * ms));
  CHECK(c.realtime() >= real + 2 * ms);
  CHECK_FALSE(c.wait(0, 0));  // long over
  c.wake();
  CHECK_FALSE(c.wait(no_deadline, no_deadline));
  std::thread waker([&] { c.wake(); });
  CHECK_FALSE(c.wait(no_deadline, c.realtime() + hour));
  waker.join();
}

TEST_CASE("Timers of the system run tasks") {
  Module owner("orders");
  Probe soon_after, often;
  auto clock = system_task_clock();
  REQUIRE(clock);
  WorkerPool pool;
  Tasks tasks(pool, **clock);
  const std::int64_t begin = monotonic_ns();
  id_of(tasks.every(owner, 2 * ms, often.handler()));
  id_of(tasks.after(owner, 5 * ms, soon_after.handler()));
  REQUIRE(soon_after.released.reaches(1));
  CHECK(monotonic_ns() - begin >= 5 * ms);
  REQUIRE(often.ran.reaches(3));
  owner.gate().advance(Gate::State::closed);
  CHECK(tasks.leave(owner, soon()).quiet);
  CHECK(often.released.value() == 1);
}

TEST_CASE("A call that is cancelled wakes who waits for it, one that is not ends at its time") {
  Call call;
  CHECK_FALSE(call.wait_cancelled(0));
  CHECK_FALSE(call.wait_cancelled(monotonic_ns() + ms));
  Counter waits;
  std::thread waiter([&] {
    waits.add();
    CHECK(call.wait_cancelled(no_deadline));
  });
  REQUIRE(waits.reaches(1));
  call.cancel();
  waiter.join();
  CHECK(call.wait_cancelled(0));
}

TEST_CASE("A call whose deadline has come is cancelled, and wakes who waits for it") {
  Call call;
  CHECK_FALSE(is_cancelled(call));
  const std::int64_t deadline = monotonic_ns() + 20 * ms;
  call.deadline_ns = deadline;
  CHECK(call.wait_cancelled(no_deadline));
  CHECK(monotonic_ns() >= deadline);
  CHECK(is_cancelled(call));
  CHECK(call.wait_cancelled(deadline));
  call.deadline_ns = monotonic_ns() + Nanos(long_enough).count();
  CHECK_FALSE(is_cancelled(call));
  CHECK_FALSE(call.wait_cancelled(monotonic_ns() + ms));
}
