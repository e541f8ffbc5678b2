// The worker pool: turns, quotas, leaving and shutting down, under races too.
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "workers_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("No thread exists before there is work, and each begins with the hook") {
  std::atomic<int> begun{0};
  Jobs jobs;
  Owner owner("orders", 1, false);
  WorkerPool::Options options = size(2, 4);
  options.thread_begins = [&] { ++begun; };
  WorkerPool pool(options);
  CHECK(pool.stats().threads == 0);
  CHECK(begun == 0);
  REQUIRE(jobs.post(pool, owner, [&] { CHECK(begun == 1); }));
  REQUIRE(jobs.ends.reaches(1));
  CHECK(jobs.ran == 1);
  CHECK(pool.stats().threads == 1);
  CHECK(pool.shutdown(soon()));
  CHECK(begun == 1);
}

TEST_CASE("Workers leave signals to the main thread, but not those they cause themselves: a crash in a job is handled") {
  Jobs jobs;
  Owner owner("orders", 1, false);
  WorkerPool pool(size(1, 1));
  sigset_t blocked;
  REQUIRE(jobs.post(pool, owner, [&] { ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked); }));
  REQUIRE(jobs.ends.reaches(1));
  for (const int others : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD}) CHECK(sigismember(&blocked, others) == 1);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) CHECK(sigismember(&blocked, own) == 0);
}

TEST_CASE("For a job without hurry nobody is woken: it is run behind other work, when enough of them wait, or at the next tick") {
  Jobs jobs;
  Owner owner("orders", 1, false);
  WorkerPool::Options options = size(2, 4);
  options.gather = 3;
  WorkerPool pool(options);
  Job idle;
  idle.notification = idle.no_hurry = true;
  const auto post_idle = [&] {
    REQUIRE(jobs.post(
        pool, owner, [] {}, idle));
  };

  SUBCASE("at the next tick, which starts one thread for it and not two") {
    post_idle();
    CHECK(pool.stats().threads == 0);
    CHECK(pool.stats().queued == 1);
    CHECK_FALSE(pool.rest());  // somebody has to tick
    CHECK(pool.tick(monotonic_ns()).empty());
    REQUIRE(jobs.ends.reaches(1));
    CHECK(pool.stats().threads == 1);
  }
  SUBCASE("when enough wait") {
    post_idle();
    post_idle();
    CHECK(pool.stats().threads == 0);
    post_idle();
    REQUIRE(jobs.ends.reaches(3));
  }
  SUBCASE("behind the next job that has hurry") {
    post_idle();
    REQUIRE(jobs.post(pool, owner, [] {}));
    REQUIRE(jobs.ends.reaches(2));
  }
  SUBCASE("behind a job of somebody else") {
    post_idle();
    Owner other("billing", 1, false);
    REQUIRE(jobs.post(pool, other, [] {}));
    REQUIRE(jobs.ends.reaches(2));
    CHECK(pool.leave(other, soon()).quiet);
  }
  SUBCASE("and nobody else waits for it") {
    Barrier barrier;
    barrier.expect(1);
    REQUIRE(jobs.post(
        pool, owner, [&] { barrier.pass(); }, idle));
    Owner other("billing", 1, false);
    REQUIRE(jobs.post(pool, other, [] {}));
    REQUIRE(jobs.ends.reaches(1));
    barrier.open();
    REQUIRE(jobs.ends.reaches(2));
    CHECK(pool.leave(other, soon()).quiet);
  }
  SUBCASE("and is dropped with its owner like any other") {
    post_idle();
    CHECK(pool.leave(owner, soon()).dropped == 1);
  }
  CHECK(pool.shutdown(soon()));
  CHECK(jobs.ran + jobs.dropped == jobs.ends.value());
}

TEST_CASE("Notifications overtake other jobs of their owner, and not each other") {
  Jobs jobs;
  Owner owner("orders", 1, false);
  WorkerPool pool(size(1, 1));
  Barrier barrier;
  barrier.expect(1);
  Counter begun;
  REQUIRE(jobs.post(pool, owner, [&] {
    begun.add();
    barrier.pass();
  }));
  REQUIRE(begun.reaches(1));
  std::string order;
  Job urgent;
  urgent.notification = true;
  REQUIRE(jobs.post(pool, owner, [&] { order += 'x'; }));
  for (const char name : {'a', 'b', 'c'})
    REQUIRE(jobs.post(
        pool, owner, [&order, name] { order += name; }, urgent));
  barrier.open();
  REQUIRE(jobs.ends.reaches(5));
  CHECK(order == "abcx");
}

TEST_CASE("Two jobs posted at once run on two threads: one that waits for the other does not hang") {
  Jobs jobs;
  Owner owner("orders", 1, true);
  WorkerPool pool(size(2, 2));
  // Warm: one idle thread, which must not be counted on twice.
  REQUIRE(jobs.post(pool, owner, [] {}));
  REQUIRE(jobs.ends.reaches(1));
  for (int round = 0; round < 200; ++round) {
    Counter met;
    const int before = jobs.ends.value();
    for (int i = 0; i < 2; ++i)
      REQUIRE(jobs.post(pool, owner, [&] {
        met.add();
        CHECK(met.reaches(2));
      }));
    REQUIRE(jobs.ends.reaches(before + 2));
  }
  CHECK(pool.stats().threads == 2);
}

TEST_CASE("Jobs of one owner begin in the order posted, a notification overtakes them") {
  Jobs jobs;
  Owner owner("orders", 1, true);
  WorkerPool pool(size(1, 1));
  std::vector<int> order;  // one thread only
  {
    Barrier barrier;
    occupy(pool, jobs, owner, barrier, 1);
    for (int i = 1; i <= 3; ++i) REQUIRE(jobs.post(pool, owner, [&order, i] { order.push_back(i); }));
    Job urgent;
    urgent.notification = true;
    REQUIRE(jobs.post(
        pool, owner, [&order] { order.push_back(0); }, urgent));
  }
  REQUIRE(jobs.ends.reaches(5));
  CHECK(order == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("Owners take turns: a flood of one delays another by one job, not by the flood") {
  Jobs jobs;
  Owner flood("flood", 1, false), quiet("quiet", 1, false), third("third", 1, true);
  WorkerPool pool(size(1, 4));
  std::vector<std::string> order;
  {
    Barrier barrier;
    occupy(pool, jobs, third, barrier, 1);
    for (int i = 0; i < 500; ++i) REQUIRE(jobs.post(pool, flood, [&] { order.emplace_back("flood"); }));
    for (int i = 0; i < 2; ++i) REQUIRE(jobs.post(pool, quiet, [&] { order.emplace_back("quiet"); }));
  }
  REQUIRE(jobs.ends.reaches(503));
  CHECK(std::find(order.begin(), order.end(), "quiet") - order.begin() == 1);
  CHECK(order[3] == "quiet");
}

TEST_CASE("An untrusted owner holds at most a quarter of the threads, the rest waits, others run") {
  Jobs jobs;
  Owner plugin("greedy", 1, false), other("modest", 1, false), runtime("api", 1, true);
  WorkerPool pool(size(8, 8));
  CHECK(pool.quota() == 2);
  Counter inside;
  Barrier barrier;
  for (int i = 0; i < 6; ++i)
    REQUIRE(jobs.post(pool, plugin, [&] {
      inside.add();
      barrier.pass();
    }));
  REQUIRE(inside.reaches(2));
  REQUIRE(jobs.post(pool, other, [] {}));
  REQUIRE(jobs.ends.reaches(1));
  occupy(pool, jobs, runtime, barrier, 5);  // a runtime module may have all that is left
  const auto shares = pool.shares();
  REQUIRE(shares.size() == 3);
  CHECK(shares[0].owner == "api");
  CHECK(shares[0].running == 5);
  CHECK(shares[1].owner == "greedy");
  CHECK(shares[1].running == 2);
  CHECK(shares[1].queued == 4);
  CHECK(inside.value() == 2);
  barrier.open();
  REQUIRE(jobs.ends.reaches(12));
}

TEST_CASE("A queue is bounded per owner") {
  Jobs jobs;
  Owner flood("flood", 1, false), other("orders", 1, false);
  WorkerPool::Options options = size(1, 4);
  options.max_queued = 10;
  WorkerPool pool(options);
  Barrier barrier;
  occupy(pool, jobs, flood, barrier, 1);
  for (int i = 0; i < 10; ++i) REQUIRE(jobs.post(pool, flood, [] {}));
  const auto refused = jobs.post(pool, flood, [] {});
  REQUIRE(!refused);
  CHECK(refused.error().reason == "QUEUE_FULL");
  CHECK(refused.error().message == "`flood` has 10 jobs waiting for a worker, no more are taken");
  CHECK(jobs.post(pool, other, [] {}));
  barrier.open();
  REQUIRE(jobs.ends.reaches(12));
}

TEST_CASE("Background loops have threads of their own, within a limit") {
  Jobs jobs;
  Owner owner("orders", 1, false);
  WorkerPool::Options options = size(1, 4);
  options.max_own_threads = 2;
  WorkerPool pool(options);
  Job own;
  own.own_thread = true;
  Barrier barrier;
  occupy(pool, jobs, owner, barrier, 2, own);
  const auto refused = jobs.post(
      pool, owner, [] {}, own);
  REQUIRE(!refused);
  CHECK(refused.error().message == "`orders` has 2 background loops, no more are started");
  CHECK(pool.stats().own_threads == 2);
  CHECK(pool.stats().threads == 0);
  pool.tick(INT64_MAX);
  CHECK(pool.stats().stuck == 0);
  REQUIRE(jobs.post(pool, owner, [] {}));
  REQUIRE(jobs.ends.reaches(1));
  owner.gate().advance(Gate::State::closed);
  CHECK_FALSE(pool.leave(owner, monotonic_ns()).quiet);
  barrier.open();
  CHECK(pool.leave(owner, soon()).quiet);
}

TEST_CASE("Leaving drops what is queued, waits for what runs, and refuses what comes") {
  Jobs jobs;
  Owner owner("orders", 1, true), other("other", 1, true);
  WorkerPool pool(size(1, 2));
  Barrier barrier;
  occupy(pool, jobs, owner, barrier, 1);
  for (int i = 0; i < 5; ++i) REQUIRE(jobs.post(pool, owner, [] { FAIL("dropped jobs do not run"); }));
  REQUIRE(jobs.post(pool, other, [] {}));
  owner.gate().advance(Gate::State::closed);
  const auto refused = jobs.post(pool, owner, [] {});
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::unavailable);
  CHECK(refused.error().message == "`orders` is leaving");
  const WorkerPool::Left wedged = pool.leave(owner, monotonic_ns());
  CHECK_FALSE(wedged.quiet);
  CHECK(wedged.dropped == 5);
  CHECK(jobs.dropped == 5);
  barrier.open();
  CHECK(pool.leave(owner, soon()).quiet);
  REQUIRE(jobs.ends.reaches(7));
  CHECK(jobs.ran == 2);
  CHECK(pool.stats().dropped == 5);
  CHECK(pool.shares().size() == 1);  // of the owner that left nothing is known any more
}

TEST_CASE("A job can see its own owner leave") {
  Jobs jobs;
  auto owner = std::make_unique<Owner>("orders", 1, true);
  WorkerPool pool(size(1, 1));
  REQUIRE(jobs.post(pool, *owner, [&] {
    owner->gate().advance(Gate::State::closed);
    CHECK(pool.leave(*owner, soon()).quiet);
    owner.reset();
  }));
  REQUIRE(jobs.ends.reaches(1));
  CHECK(pool.shutdown(soon()));
  CHECK(pool.shares().empty());
}

TEST_CASE("Shutting down drops the queues and ends the threads, a thread that never comes back does not hold it up") {
  Jobs jobs;
  Owner owner("orders", 1, true);
  Barrier barrier;
  {
    WorkerPool pool(size(1, 1));
    occupy(pool, jobs, owner, barrier, 1);
    for (int i = 0; i < 3; ++i) REQUIRE(jobs.post(pool, owner, [] {}));
    CHECK_FALSE(pool.shutdown(monotonic_ns()));
    CHECK(jobs.dropped == 3);
    const auto refused = jobs.post(pool, owner, [] {});
    REQUIRE(!refused);
    CHECK(refused.error().reason == "SHUTTING_DOWN");
    barrier.open();
    CHECK(pool.shutdown(soon()));
    CHECK(pool.stats().threads == 0);
  }
  CHECK(jobs.ran == 1);
}

TEST_CASE("Nested calls that block exhaust one owner's share, not the pool, and end") {
  Jobs jobs;
  Owner a("a", 1, false), other("other", 1, false);
  WorkerPool pool(size(2, 16));
  std::atomic<int> depth{0};
  std::atomic<bool> refused{false};
  // Each job posts the next one and waits for it, as a service does that calls itself through the pool.
  std::function<void()> nest = [&] {
    ++depth;
    Counter done;
    const Blocking scope;
    const auto posted = jobs.post(pool, a, [&] {
      nest();
      done.add();
    });
    if (!posted) {
      refused = posted.error().code == Code::resource_exhausted;
      return;
    }
    CHECK(done.reaches(1));
  };
  REQUIRE(jobs.post(pool, a, nest));
  REQUIRE(jobs.ends.reaches(4));
  CHECK(depth == 4);
  CHECK(refused);
  REQUIRE(jobs.post(pool, other, [] {}));
  REQUIRE(jobs.ends.reaches(5));
}

TEST_CASE("Posting, blocking, ticking, leaving and shutting down at once: each job ends exactly once, owners can be freed") {
  Jobs jobs;
  std::atomic<bool> stop{false};
  {
    WorkerPool pool(size(2, 12));
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        for (int generation = 0; generation < 60; ++generation) {
          Owner owner("owner" + std::to_string(t), static_cast<std::uint64_t>(generation), t == 0);
          std::thread poster([&] {
            for (int i = 0; i < 40; ++i)
              static_cast<void>(jobs.post(pool, owner, [&owner, i] {
                const GateEntry entry(owner, Phase::run, ThreadTag::worker, nullptr, Gate::State::open);
                if (entry && i % 4 == 0) {
                  const Blocking scope;
                  std::this_thread::yield();
                }
              }));
          });
          if (generation % 2 == 0) poster.join();
          owner.gate().advance(Gate::State::closed);
          CHECK(pool.leave(owner, soon()).quiet);
          if (poster.joinable()) {
            poster.join();
            CHECK(pool.leave(owner, soon()).quiet);
          }
        }
      });
    std::thread ticker([&] {
      for (std::int64_t now = 0; !stop; now += 1'000'000) {
        pool.tick(now);
        std::this_thread::yield();
      }
    });
    for (std::thread& t : threads) t.join();
    stop = true;
    ticker.join();
    CHECK(pool.shares().empty());
    CHECK(pool.stats().queued == 0);
    CHECK(pool.stats().stuck == 0);
    CHECK(pool.stats().threads <= 12);
  }
  CHECK(jobs.ran + jobs.dropped == jobs.ends.value());
}
