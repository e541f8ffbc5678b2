// Tasks by a hand-set clock: when they run, what they miss, how they are cancelled, and what leaving does.
#include <unistd.h>
#include <atomic>

#include <thread>

#include "tasks_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("post runs once, then releases, its id is over") {
  Module owner("orders");
  Probe probe;
  World world;
  const auto id = id_of(world.tasks.post(owner, probe.handler()));
  REQUIRE(probe.released.reaches(1));
  CHECK(probe.ran.value() == 1);
  const auto late = world.tasks.cancel_wait(owner, id, soon());
  CHECK((late || late.error().code == Code::not_found));  // the worker may still be about to forget it
  const auto stale = world.tasks.cancel(owner, id);
  REQUIRE(!stale);
  CHECK(stale.error().code == Code::not_found);
  world.leave(owner);
}

TEST_CASE("The id is written before the task can run, and only if the task is taken") {
  static std::atomic<int> released{0};
  released = 0;
  struct Mine {
    std::uint64_t id = 0;
  };
  Module owner("orders");
  World world;
  TaskHandler handler;
  handler.run = [](void* data, Call&) noexcept {
    CHECK(static_cast<Mine*>(data)->id != 0);
    return Code::ok;
  };
  handler.release = [](void* data) noexcept {
    delete static_cast<Mine*>(data);
    ++released;
  };
  for (int i = 0; i < 200; ++i) {
    auto* const mine = new Mine;  // gone with its release: nobody writes to it afterwards
    handler.data = mine;
    handler.id = &mine->id;
    id_of(world.tasks.post(owner, handler));
  }
  world.leave(owner);
  CHECK(released == 200);
  Mine kept{7};
  handler.data = &kept;
  handler.id = &kept.id;
  CHECK_FALSE(world.tasks.after(owner, -1, handler));
  CHECK_FALSE(world.tasks.post(owner, handler));  // it has left
  CHECK(kept.id == 7);
}

TEST_CASE("after runs once, when its time has come and not before") {
  Module owner("orders");
  Probe probe, at_once;
  World world;
  const auto id = id_of(world.tasks.after(owner, 5 * s, probe.handler(), {"reminder", 0}));
  world.clock.settle();
  CHECK(world.status(id).name == "reminder");
  CHECK(world.status(id).owner == "orders");
  CHECK(world.status(id).kind == TaskKind::after);
  CHECK(world.status(id).next_ns == world.clock.monotonic() + 5 * s);
  world.clock.advance(5 * s - 1);
  CHECK(world.status(id).state == TaskState::waiting);
  world.clock.advance(1);
  REQUIRE(probe.released.reaches(1));
  CHECK(probe.ran.value() == 1);
  id_of(world.tasks.after(owner, 0, at_once.handler()));
  REQUIRE(at_once.released.reaches(1));
  world.leave(owner);
}

TEST_CASE("every runs at each multiple of its interval, also when it ran late") {
  Module owner("orders");
  Probe probe;
  World world;
  const std::int64_t begin = world.clock.monotonic();
  const auto id = id_of(world.tasks.every(owner, 10 * s, probe.handler()));
  for (int i = 1; i <= 5; ++i) {
    world.clock.advance(10 * s);
    REQUIRE(probe.ran.reaches(i));
    CHECK(world.waiting(id).next_ns == begin + (i + 1) * 10 * s);
  }
  CHECK(world.status(id).runs == 5);
  CHECK(world.status(id).missed == 0);
  // This thread of timers sleeps through three and a half of them.
  world.clock.advance(35 * s);
  REQUIRE(probe.ran.reaches(6));
  CHECK(world.waiting(id).missed == 2);
  CHECK(world.waiting(id).next_ns == begin + 90 * s);
  world.leave(owner);
  CHECK(probe.released.value() == 1);
  CHECK(probe.ran.value() == 6);
}

TEST_CASE("A task that overruns is not started twice: what it missed is counted") {
  Module owner("orders");
  Barrier barrier;
  Probe probe([&](Call&) {
    barrier.pass();
    return Code::ok;
  });
  World world;
  const std::int64_t begin = world.clock.monotonic();
  const auto id = id_of(world.tasks.every(owner, 10 * s, probe.handler()));
  world.clock.advance(10 * s);
  REQUIRE(probe.begun.reaches(1));
  world.clock.advance(10 * s);
  world.clock.advance(25 * s);
  CHECK(world.status(id).state == TaskState::running);
  CHECK(probe.begun.value() == 1);
  barrier.open();
  REQUIRE(probe.ran.reaches(1));
  const TaskStatus t = world.waiting(id);
  CHECK(t.runs == 1);
  CHECK(t.missed == 3);  // at 20, 30 and 40
  CHECK(t.next_ns == begin + 50 * s);
  world.clock.advance(5 * s);
  REQUIRE(probe.ran.reaches(2));
  world.leave(owner);
}

TEST_CASE("A run gets a call with its deadline, failures are counted, and go on") {
  Module owner("orders");
  std::int64_t expected = 0;
  Probe probe([&](Call& call) {
    CHECK(call.deadline_ns == expected);
    CHECK(call.cancelled == 0);
    const Frame* frame = current_frame();
    REQUIRE(frame != nullptr);
    CHECK(frame->owner == &owner);
    CHECK(frame->phase() == Phase::run);
    CHECK(frame->tag() == ThreadTag::worker);
    CHECK(frame->call == &call);
    return Code::internal;
  });
  World world;
  SUBCASE("of its own") {
    const auto id = id_of(world.tasks.every(owner, s, probe.handler(), {"", 3 * s}));
    for (int i = 1; i <= 2; ++i) {
      expected = world.clock.monotonic() + s + 3 * s;
      world.clock.advance(s);
      REQUIRE(probe.ran.reaches(i));
      world.waiting(id);
    }
    CHECK(world.status(id).failures == 2);
    CHECK(world.status(id).last == Code::internal);
  }
  SUBCASE("given with the handler") {
    Call call;
    call.cancelled = 1;
    TaskHandler handler = probe.handler();
    handler.call = &call;
    expected = world.clock.monotonic() + 60 * s;
    id_of(world.tasks.post(owner, handler));
    REQUIRE(probe.released.reaches(1));
    CHECK(call.deadline_ns == expected);
  }
  world.leave(owner);
}

TEST_CASE("What is registered before the owner has started waits for it, and its time counts from then") {
  Owner owner("orders", 1, false);
  Probe post, after, every, cron, loop([](Call&call) {
    CHECK(call.wait_cancelled(no_deadline));
    return Code::ok;
  });
  World world;
  id_of(world.tasks.post(owner, post.handler()));
  const auto a = id_of(world.tasks.after(owner, 10 * s, after.handler()));
  const auto e = id_of(world.tasks.every(owner, 20 * s, every.handler()));
  const auto c = id_of(world.tasks.cron(owner, schedule("* * * * *"), Zone::utc, cron.handler()));
  const auto l = id_of(world.tasks.loop(owner, loop.handler()));
  owner.set_reach(Reach::visible);
  world.tasks.started(owner);  // nobody says so before it is callable; then nothing is lost either
  Owner never("never", 1, false);
  Probe unborn;
  id_of(world.tasks.every(never, s, unborn.handler()));
  owner.set_reach(Reach::callable);
  world.clock.advance(hour + 30 * s);
  world.tasks.started(owner);
  world.clock.settle();
  REQUIRE(post.released.reaches(1));
  REQUIRE(loop.begun.reaches(1));
  // The clock's thread arms what started: soon, not at once.
  for (int i = 0; i < 20'000 && world.status(e).next_ns == no_deadline; ++i) ::usleep(1000);
  CHECK(world.status(e).next_ns <= world.clock.monotonic() + 20 * s);
  world.clock.advance(10 * s);
  REQUIRE(after.released.reaches(1));
  world.clock.advance(10 * s);
  REQUIRE(every.ran.reaches(1));
  world.clock.advance(10 * s);
  REQUIRE(cron.ran.reaches(1));
  CHECK_FALSE(world.knows(a));
  CHECK(world.knows(c));
  CHECK(world.status(l).state == TaskState::running);
  world.leave(owner);
  world.leave(never);  // as after a failed init
  CHECK(unborn.ran.value() == 0);
  CHECK(unborn.released.value() == 1);
  for (Probe* probe : {&post, &after, &every, &cron, &loop}) CHECK(probe->released.value() == 1);
  CHECK(world.tasks.list().empty());
}

TEST_CASE("cancel: nothing begins any more, release comes once and on another thread") {
  Module owner("orders"), other("other");
  Probe probe;
  std::thread::id released_on;
  probe.at_release = [&] { released_on = std::this_thread::get_id(); };
  World world;
  const auto id = id_of(world.tasks.every(owner, s, probe.handler()));
  const auto foreign = world.tasks.cancel(other, id);
  REQUIRE(!foreign);
  CHECK(foreign.error().code == Code::not_found);
  REQUIRE(world.tasks.cancel(owner, id));
  CHECK(!world.tasks.cancel(owner, id));
  REQUIRE(probe.released.reaches(1));
  CHECK(released_on != std::this_thread::get_id());
  world.clock.advance(10 * s);
  CHECK(probe.ran.value() == 0);
  for (const std::uint64_t stale : {std::uint64_t{0}, id + 1, UINT64_MAX}) CHECK(!world.tasks.cancel(owner, stale));
  world.leave(owner);
  world.leave(other);
}

TEST_CASE("cancel of a running task cancels its call and returns at once, cancel_wait waits for the end and the release") {
  Module owner("orders");
  Probe probe([](Call& call) {
    CHECK(call.wait_cancelled(no_deadline));
    return Code::cancelled;
  });
  World world;
  const auto id = id_of(world.tasks.every(owner, s, probe.handler()));
  world.clock.advance(s);
  REQUIRE(probe.begun.reaches(1));
  SUBCASE("first one, then the other") { REQUIRE(world.tasks.cancel(owner, id)); }
  SUBCASE("at once") {}
  const auto waited = world.tasks.cancel_wait(owner, id, soon());
  CHECK((waited || waited.error().code == Code::not_found));
  REQUIRE(probe.released.reaches(1));
  CHECK(probe.ran.value() == 1);
  CHECK_FALSE(world.knows(id));
  world.leave(owner);
}

TEST_CASE("cancel_wait of a task that does not end says so at its deadline") {
  Module owner("orders");
  Barrier barrier;
  Probe probe([&](Call&) {
    barrier.pass();
    return Code::ok;
  });
  World world;
  const auto id = id_of(world.tasks.post(owner, probe.handler(), {"export", 0}));
  REQUIRE(probe.begun.reaches(1));
  const auto waited = world.tasks.cancel_wait(owner, id, monotonic_ns());
  REQUIRE(!waited);
  CHECK(waited.error().code == Code::deadline_exceeded);
  CHECK(waited.error().message == "the task `export` is cancelled, but still runs");
  barrier.open();
  REQUIRE(probe.released.reaches(1));
  world.leave(owner);
}

TEST_CASE("Inside its own handler a task may cancel itself, but not wait for itself") {
  Module owner("orders");
  World* w = nullptr;
  std::atomic<std::uint64_t> id{0};
  Counter known;
  Probe probe([&](Call&) {
    CHECK(known.reaches(1));
    const auto waited = w->tasks.cancel_wait(owner, id, soon());
    REQUIRE(!waited);
    CHECK(waited.error().code == Code::failed_precondition);
    CHECK(waited.error().reason == "INSIDE_HANDLER");
    CHECK(w->tasks.cancel(owner, id));
    return Code::ok;
  });
  probe.at_release = [&] {
    const auto waited = w->tasks.cancel_wait(owner, id, soon());
    REQUIRE(!waited);
    CHECK(waited.error().code == Code::failed_precondition);
  };
  World world;
  w = &world;
  id = id_of(world.tasks.every(owner, s, probe.handler()));
  known.add();
  world.clock.advance(s);
  REQUIRE(probe.released.reaches(1));
  world.clock.advance(5 * s);
  CHECK(probe.ran.value() == 1);
  world.leave(owner);
}

TEST_CASE("What cannot be registered: nothing of it remains, data is not released") {
  Module owner("orders"), other("other");
  Probe probe;
  Tasks::Options options;
  options.max_tasks = 3;
  World world({}, options);
  const auto code = [](const Result<std::uint64_t>& r) { return r ? Code::ok : r.error().code; };
  CHECK(code(world.tasks.after(owner, -1, probe.handler())) == Code::invalid_argument);
  CHECK(code(world.tasks.after(owner, INT64_MAX, probe.handler())) == Code::invalid_argument);
  CHECK(code(world.tasks.every(owner, 0, probe.handler())) == Code::invalid_argument);
  CHECK(code(world.tasks.every(owner, INT64_MAX, probe.handler())) == Code::invalid_argument);
  const auto quick = world.tasks.every(owner, ms - 1, probe.handler());
  REQUIRE(!quick);
  CHECK(quick.error().message == "the interval of a task is from 1ms to 100 years");
  CHECK(code(world.tasks.post(owner, {})) == Code::invalid_argument);
  CHECK(code(world.tasks.post(owner, probe.handler(), {std::string(64, 'x'), 0})) == Code::invalid_argument);
  CHECK(code(world.tasks.post(owner, probe.handler(), {"", -1})) == Code::invalid_argument);
  LoopOptions loop;
  loop.backoff_ns = 0;
  CHECK(code(world.tasks.loop(owner, probe.handler(), loop)) == Code::invalid_argument);
  Probe many[3];
  for (Probe& p : many) id_of(world.tasks.after(owner, hour, p.handler()));
  const auto full = world.tasks.after(owner, hour, probe.handler());
  REQUIRE(!full);
  CHECK(full.error().code == Code::resource_exhausted);
  CHECK(full.error().message == "`orders` has 3 tasks, no more are taken");
  Probe foreign;
  id_of(world.tasks.after(other, hour, foreign.handler()));
  world.leave(other);
  CHECK(foreign.released.value() == 1);
  world.leave(owner);
  CHECK(code(world.tasks.post(owner, probe.handler())) == Code::unavailable);
  CHECK(probe.released.value() == 0);
  for (Probe& p : many) CHECK(p.released.value() == 1);
}

TEST_CASE("When the pool takes nothing: post says so, after is tried again, every counts a miss") {
  Module owner("orders");
  Barrier barrier;
  Counter blocked;
  Probe blocker([&](Call&) {
    const Blocking scope;
    blocked.add();
    barrier.pass();
    return Code::ok;
  });
  Probe post, after, every;
  WorkerPool::Options workers;
  workers.threads = 1;
  workers.max_threads = 1;
  World world(workers);
  id_of(world.tasks.post(owner, blocker.handler()));
  REQUIRE(blocked.reaches(1));
  const auto refused = world.tasks.post(owner, post.handler());
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::resource_exhausted);
  const auto a = id_of(world.tasks.after(owner, s, after.handler()));
  const auto e = id_of(world.tasks.every(owner, s, every.handler()));
  world.clock.advance(s);
  CHECK(world.status(a).refused == 1);
  CHECK(world.status(a).next_ns == world.clock.monotonic() + 100 * ms);
  CHECK(world.status(e).refused == 1);
  CHECK(world.status(e).missed == 1);
  barrier.open();
  REQUIRE(blocker.released.reaches(1));
  const std::int64_t until = soon();
  while (world.pool.stats().stuck != 0 && monotonic_ns() < until) std::this_thread::yield();
  world.clock.advance(100 * ms);
  REQUIRE(after.released.reaches(1));
  CHECK(every.ran.value() == 0);
  CHECK(post.released.value() == 0);
  world.leave(owner);
}

TEST_CASE("Leaving removes everything: timers, queued runs, and what runs is cancelled and waited for") {
  Module owner("orders");
  Probe running([](Call& call) {
    CHECK(call.wait_cancelled(no_deadline));
    return Code::cancelled;
  });
  Probe queued, timer, cron;
  WorkerPool::Options workers;
  workers.threads = 1;
  workers.max_threads = 4;
  World world(workers);
  id_of(world.tasks.post(owner, running.handler()));
  REQUIRE(running.begun.reaches(1));
  id_of(world.tasks.post(owner, queued.handler()));
  id_of(world.tasks.every(owner, s, timer.handler()));
  id_of(world.tasks.cron(owner, schedule("* * * * *"), Zone::utc, cron.handler()));
  owner.gate().advance(Gate::State::draining);
  world.tasks.drain(owner);
  REQUIRE(running.released.reaches(1));
  const auto left = world.leave(owner);
  CHECK(left.quiet);
  CHECK(left.dropped <= 1);  // or refused by the gate before
  CHECK(queued.ran.value() == 0);
  for (Probe* p : {&running, &queued, &timer, &cron}) CHECK(p->released.value() == 1);
  CHECK(world.tasks.list().empty());
  world.clock.advance(hour);
  CHECK(timer.ran.value() == 0);
}

TEST_CASE("An owner whose task does not end is not quiet: nothing else of it is left, and it is released when it comes back") {
  Module owner("orders");
  Barrier barrier;
  Probe stuck([&](Call&) {
    barrier.pass();
    return Code::ok;
  });
  Probe queued, timer;
  WorkerPool::Options workers;
  workers.threads = 1;
  workers.max_threads = 4;
  World world(workers);
  id_of(world.tasks.post(owner, stuck.handler()));
  REQUIRE(stuck.begun.reaches(1));
  id_of(world.tasks.post(owner, queued.handler()));
  id_of(world.tasks.every(owner, s, timer.handler()));
  owner.gate().advance(Gate::State::closed);
  const auto left = world.tasks.leave(owner, monotonic_ns());
  CHECK_FALSE(left.quiet);
  CHECK(left.dropped == 1);
  CHECK(queued.released.value() == 1);
  CHECK(timer.released.value() == 1);
  CHECK(stuck.released.value() == 0);
  CHECK(world.tasks.list().size() == 1);
  SUBCASE("given up: it is not entered again") {
    owner.wedge();
    barrier.open();
    CHECK(world.tasks.leave(owner, soon()).quiet);
    CHECK(stuck.released.value() == 0);
  }
  SUBCASE("late") {
    barrier.open();
    CHECK(world.tasks.leave(owner, soon()).quiet);
    CHECK(stuck.released.value() == 1);
  }
  CHECK(world.tasks.list().empty());
}

TEST_CASE("Tasks that are destroyed first release what does not run, what runs is cancelled, and released when it ends") {
  Module owner("orders");
  HandClock clock;
  Barrier barrier;
  Probe running([&](Call& call) {
    CHECK(call.wait_cancelled(no_deadline));
    barrier.pass();
    return Code::ok;
  });
  Probe timer, queued;
  WorkerPool::Options workers;
  workers.threads = 1;
  WorkerPool pool(workers);
  {
    Tasks tasks(pool, clock);
    id_of(tasks.post(owner, running.handler()));
    REQUIRE(running.begun.reaches(1));
    id_of(tasks.post(owner, queued.handler()));
    id_of(tasks.every(owner, s, timer.handler()));
  }
  CHECK(timer.released.value() == 1);
  CHECK(running.released.value() == 0);
  barrier.open();
  REQUIRE(running.released.reaches(1));
  REQUIRE(queued.released.reaches(1));
  CHECK(queued.ran.value() == 0);
  owner.gate().advance(Gate::State::closed);
  CHECK(pool.leave(owner, soon()).quiet);
}
