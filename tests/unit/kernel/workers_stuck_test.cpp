// The worker pool: threads that block, hang or are over their time are replaced, within bounds, and named.
#include <algorithm>
#include <thread>

#include "workers_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("Who holds its whole share with threads that are stuck is refused, by name, a notification is not") {
  Jobs jobs;
  Owner plugin("greedy", 1, false);
  WorkerPool pool(size(4, 8));
  Barrier barrier;
  Counter blocked;
  for (int i = 0; i < 2; ++i)
    REQUIRE(jobs.post(pool, plugin, [&] {
      const Blocking scope;
      blocked.add();
      barrier.pass();
    }));
  REQUIRE(blocked.reaches(2));
  const auto refused = jobs.post(pool, plugin, [] {});
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::resource_exhausted);
  CHECK(refused.error().reason == "WORKERS_HELD");
  CHECK(refused.error().message ==
        "`greedy` holds all 2 workers it may have, and each of them waits inside a host function or is over its deadline");
  Job urgent;
  urgent.notification = true;
  CHECK(jobs.post(
      pool, plugin, [] {}, urgent));
  REQUIRE(jobs.ends.reaches(1));  // those that are held may be waiting for it
  CHECK(pool.stats().refused == 1);
  barrier.open();
  REQUIRE(jobs.ends.reaches(3));
  CHECK(jobs.ran == 3);
}

TEST_CASE("Notifications that are held have no more than twice the quota of their owner") {
  Jobs jobs;
  Owner plugin("greedy", 1, false), other("orders", 1, false);
  WorkerPool pool(size(4, 8));
  REQUIRE(pool.quota() == 2);
  Barrier barrier;
  Counter blocked;
  Job urgent;
  urgent.notification = true;
  barrier.expect(6);
  for (int i = 0; i < 6; ++i)
    REQUIRE(jobs.post(
        pool, plugin,
        [&] {
          const Blocking scope;
          blocked.add();
          barrier.pass();
        },
        urgent));
  REQUIRE(blocked.reaches(4));
  for (int i = 0; i < 3; ++i) pool.tick(monotonic_ns());
  CHECK(jobs.post(pool, other, [] {}));  // others have theirs
  REQUIRE(jobs.ends.reaches(1));
  CHECK(blocked.value() == 4);
  barrier.open();
  REQUIRE(jobs.ends.reaches(7));
}

TEST_CASE("When every thread of the pool is stuck, the message names who holds most") {
  Jobs jobs;
  Owner plugin("greedy", 1, false), runtime("api", 1, true), other("orders", 1, false);
  WorkerPool pool(size(4, 4));
  Barrier barrier;
  Counter blocked;
  const auto block = [&] {
    const Blocking scope;
    blocked.add();
    barrier.pass();
  };
  REQUIRE(jobs.post(pool, plugin, block));
  for (int i = 0; i < 3; ++i) REQUIRE(jobs.post(pool, runtime, block));
  REQUIRE(blocked.reaches(4));
  const auto refused = jobs.post(pool, other, [] {});
  REQUIRE(!refused);
  CHECK(refused.error().message == "all 4 workers wait inside host functions or are over their deadline; `api` holds most of them (3)");
  barrier.open();
  REQUIRE(jobs.ends.reaches(4));
}

TEST_CASE("A thread that blocks inside a host function is replaced meanwhile, whether the next job is there or comes later") {
  Jobs jobs;
  Owner a("a", 1, true), b("b", 1, true);
  WorkerPool pool(size(1, 3));
  Barrier barrier, go;
  Counter inside, blocked;
  REQUIRE(jobs.post(pool, a, [&] {
    inside.add();
    go.pass();
    const Blocking scope, nested;
    blocked.add();
    barrier.pass();
  }));
  REQUIRE(inside.reaches(1));
  REQUIRE(jobs.post(pool, b, [] {}));  // waits for the one thread
  go.open();
  REQUIRE(jobs.ends.reaches(1));
  REQUIRE(blocked.reaches(1));
  CHECK(pool.stats().stuck == 1);
  REQUIRE(jobs.post(pool, b, [] {}));
  REQUIRE(jobs.ends.reaches(2));
  CHECK(pool.stats().threads == 2);
  barrier.open();
  REQUIRE(jobs.ends.reaches(3));
}

TEST_CASE("Threads that came back from being replaced are not kept") {
  Jobs jobs;
  Owner owner("a", 1, true);
  WorkerPool pool(size(2, 16));
  for (int round = 0; round < 3; ++round) {
    Barrier barrier;
    Counter blocked;
    const int before = jobs.ends.value();
    for (int i = 0; i < 8; ++i)
      REQUIRE(jobs.post(pool, owner, [&] {
        const Blocking scope;
        blocked.add();
        barrier.pass();
      }));
    REQUIRE(blocked.reaches(8));
    CHECK(pool.stats().stuck == 8);
    CHECK(pool.stats().threads <= 10);
    barrier.open();
    REQUIRE(jobs.ends.reaches(before + 8));
  }
  // Each that ends looks at the number before it sleeps: once a later job ran, no more than wanted are left awake.
  for (int i = 0; i < 50 && pool.stats().threads > 2; ++i) {
    const int before = jobs.ends.value();
    REQUIRE(jobs.post(pool, owner, [] {}));
    REQUIRE(jobs.ends.reaches(before + 1));
    std::this_thread::yield();
  }
  CHECK(pool.stats().threads <= 2);
  CHECK(pool.stats().stuck == 0);
}

TEST_CASE("A thread over its deadline is replaced at the tick after it") {
  Jobs jobs;
  Owner slow("slow", 1, true), other("other", 1, true);
  WorkerPool pool(size(1, 3));
  Job job;
  SUBCASE("deadline") { job.deadline_ns = 1'000; }
  SUBCASE("time from the first tick on") { job.timeout_ns = 900; }
  Barrier barrier;
  occupy(pool, jobs, slow, barrier, 1, job);
  REQUIRE(jobs.post(pool, slow, [] {}));
  CHECK(pool.tick(100).empty());
  CHECK(pool.stats().stuck == 0);
  CHECK(pool.stats().threads == 1);
  REQUIRE(pool.stats().queued == 1);
  const auto over = pool.tick(1'000);
  REQUIRE(over.size() == 1);
  CHECK(over[0].owner == "slow");
  CHECK(over[0].generation == 1);
  CHECK(pool.tick(1'001).empty());  // named once
  REQUIRE(jobs.ends.reaches(1));    // on the replacement
  CHECK(pool.stats().stuck == 1);
  CHECK(pool.stats().threads == 2);
  barrier.open();
  REQUIRE(jobs.ends.reaches(2));
}

TEST_CASE("A job without deadline is replaced after the pool's patience") {
  Jobs jobs;
  Owner slow("slow", 1, true);
  WorkerPool::Options options = size(1, 2);
  options.patience_ns = 500;
  WorkerPool pool(options);
  Barrier barrier;
  occupy(pool, jobs, slow, barrier, 1);
  pool.tick(100);
  pool.tick(599);
  CHECK(pool.stats().stuck == 0);
  pool.tick(600);
  CHECK(pool.stats().stuck == 1);
  barrier.open();
  REQUIRE(jobs.ends.reaches(1));
}

TEST_CASE("Replacements end at the maximum, however many ticks come") {
  Jobs jobs;
  Owner slow("slow", 1, true);
  WorkerPool pool(size(2, 5));
  Job job;
  job.deadline_ns = 10;
  Barrier barrier;
  Counter inside;
  for (int i = 0; i < 20; ++i)
    REQUIRE(jobs.post(
        pool, slow,
        [&] {
          inside.add();
          barrier.pass();
        },
        job));
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(inside.reaches(std::min(2 * i, 5)));
    pool.tick(10);
  }
  for (int i = 0; i < 100; ++i) pool.tick(1000 + i);
  CHECK(pool.stats().threads == 5);
  CHECK(inside.value() == 5);
  barrier.open();
  REQUIRE(jobs.ends.reaches(20));
}

TEST_CASE("An owner that has no thread for a whole tick gets one lent, though nobody is stuck") {
  Jobs jobs;
  Owner busy("busy", 1, false), other("other", 1, false);
  WorkerPool pool(size(2, 16));
  Barrier barrier;
  occupy(pool, jobs, busy, barrier, 2);
  for (int i = 0; i < 5; ++i) REQUIRE(jobs.post(pool, busy, [&] { barrier.pass(); }));
  REQUIRE(jobs.post(pool, other, [&] {}));
  pool.tick(1);  // something was taken since the one before
  CHECK(pool.stats().threads == 2);
  pool.tick(2);
  REQUIRE(jobs.ends.reaches(1));
  for (int i = 3; i < 20; ++i) pool.tick(i);
  CHECK(pool.stats().threads <= 3);  // not for the owner that has two
  const auto shares = pool.shares();
  CHECK(shares[0].running == 2);
  CHECK(shares[0].queued == 5);
  barrier.open();
  REQUIRE(jobs.ends.reaches(8));
}
