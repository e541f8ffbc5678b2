// Health: what checks say, and what follows for the host.
#include "kernel/health.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "hand_clock.hpp"
#include "kernel/tasks.hpp"
#include "workers_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

constexpr std::int64_t second = 1'000'000'000;

/// One owner with checks that answer what the test says.
struct World {
  struct Check {
    std::function<Code(Call&, Error&)> answer = [](Call&, Error&) { return Code::ok; };
  };
  HandClock clock;
  WorkerPool pool;
  Tasks tasks{pool, clock};
  Counter changes;
  std::vector<CheckStatus> told;
  Health health{pool, tasks, {10 * second, [this](const CheckStatus& c) {
                                {
                                  const std::lock_guard lock(mutex);
                                  told.push_back(c);
                                }
                                changes.add();
                              }}};
  Owner owner{"orders", 1, false};
  Check database, cache;
  std::mutex mutex;
  std::int64_t now = monotonic_ns();

  World() {
    REQUIRE(health.join(owner, {check("database", true, database), check("cache", false, cache)}));
    owner.set_reach(Reach::callable);
  }
  ~World() { end(); }
  void end() {
    if (owner.gate().state() == Gate::State::closed) return;
    owner.gate().advance(Gate::State::draining);
    health.drain(owner);
    tasks.drain(owner);
    owner.gate().advance(Gate::State::closed);
    health.leave(owner);
    CHECK(tasks.leave(owner, soon()).quiet);
    CHECK(pool.leave(owner, soon()).quiet);
  }
  static HealthCheck check(const char* name, bool required, Check& c) {
    HealthCheck out;
    out.name = name;
    out.required = required;
    out.data = &c;
    out.run = [](void* data, Call& call, Error& why) noexcept { return static_cast<Check*>(data)->answer(call, why); };
    return out;
  }
  CheckStatus status(const std::string& name) {
    for (CheckStatus& c : report().checks)
      if (c.name == name) return c;
    return {};
  }
  HealthReport report() { return health.report(monotonic_ns()); }
  /// Asks everything that is idle and waits for the answers.
  void ask_all() {
    const std::uint64_t d = status("database").runs, c = status("cache").runs;
    health.tick(monotonic_ns() + 3600 * second);
    for (int i = 0; i < 20'000 && (status("database").runs == d || status("cache").runs == c); ++i)
      std::this_thread::sleep_for(Nanos(1'000'000));
    CHECK(status("database").runs == d + 1);
    CHECK(status("cache").runs == c + 1);
  }
};

}  // namespace

TEST_CASE("nobody is asked before the owner is callable, and nothing is known before it was asked") {
  World w;
  w.health.host_started();
  w.health.tick(monotonic_ns() + 3600 * second);
  CHECK(w.pool.stats().ran == 0);
  CHECK(w.status("database").state == CheckState::unknown);
  CHECK_FALSE(w.report().started);
  CHECK_FALSE(w.report().ready);
  CHECK_FALSE(w.report().degraded);
}

TEST_CASE("started, ready and degraded are three things") {
  World w;
  w.health.started(w.owner);
  w.ask_all();
  CHECK_FALSE(w.report().started);  // the host is not
  w.health.host_started();
  CHECK(w.report().started);
  CHECK(w.report().ready);
  CHECK_FALSE(w.report().degraded);

  w.cache.answer = [](Call&, Error& why) {
    why.message = "cold";
    return Code::unavailable;
  };
  w.ask_all();
  CHECK(w.report().ready);
  CHECK(w.report().degraded);
  CHECK(w.status("cache").why == "cold");

  w.database.answer = [](Call&, Error&) { return Code::unavailable; };
  w.ask_all();
  CHECK_FALSE(w.report().ready);
  CHECK(w.report().started);
  CHECK(w.report().live);
  CHECK(w.status("database").why == "UNAVAILABLE");
  CHECK(w.status("database").failures == 1);

  w.database.answer = w.cache.answer = [](Call&, Error&) { return Code::ok; };
  w.ask_all();
  CHECK(w.report().ready);
  CHECK_FALSE(w.report().degraded);
  w.health.host_stopping();
  CHECK_FALSE(w.report().ready);
  CHECK(w.report().started);
}

TEST_CASE("a required check that never was healthy keeps the host from being started") {
  World w;
  w.health.host_started();
  w.health.started(w.owner);
  w.database.answer = [](Call&, Error&) { return Code::unavailable; };
  w.ask_all();
  CHECK_FALSE(w.report().started);
  CHECK_FALSE(w.report().ready);
  w.database.answer = [](Call&, Error&) { return Code::ok; };
  w.ask_all();
  CHECK(w.report().ready);
}

TEST_CASE("over its deadline a check is unhealthy, is cancelled, and is not asked again before it has returned") {
  World w;
  w.health.host_started();
  w.health.started(w.owner);
  Counter inside;
  w.database.answer = [&inside](Call& call, Error&) {
    inside.add();
    return call.wait_cancelled(soon()) ? Code::ok : Code::internal;
  };
  w.health.tick(monotonic_ns());
  REQUIRE(inside.reaches(1));
  w.health.tick(monotonic_ns() + 6 * second);
  CHECK(w.status("database").state == CheckState::unhealthy);
  CHECK(w.status("database").why == "did not answer within 5s");
  for (int i = 0; i < 20'000 && w.status("database").runs == 0; ++i) std::this_thread::sleep_for(Nanos(1'000'000));
  // OK, but too late.
  CHECK(w.status("database").runs == 1);
  CHECK(w.status("database").failures == 1);
  CHECK(w.status("database").state == CheckState::unhealthy);
  w.database.answer = [](Call&, Error&) { return Code::ok; };
  w.ask_all();
  CHECK(w.status("database").state == CheckState::healthy);
  CHECK(inside.value() == 1);
}

TEST_CASE("a tick is wanted when checks are due, and when an answer is another one") {
  World w;
  std::atomic<int> roused{0};
  w.health.on_rouse([&roused] { ++roused; });
  w.health.host_started();
  CHECK(roused == 0);
  w.health.started(w.owner);
  CHECK(roused == 1);
  w.health.started(w.owner);
  CHECK(roused == 1);
  w.ask_all();
  CHECK(roused == 3);
  w.ask_all();
  CHECK(roused == 3);
  w.end();
  w.health.on_rouse({});
}

TEST_CASE("a change is told once, an answer that says the same is not") {
  World w;
  w.health.started(w.owner);
  w.ask_all();
  REQUIRE(w.changes.reaches(2));
  const std::uint64_t changes = w.health.changes();
  w.ask_all();
  CHECK(w.changes.value() == 2);
  CHECK(w.health.changes() == changes);
  w.cache.answer = [](Call&, Error&) { return Code::internal; };
  w.ask_all();
  REQUIRE(w.changes.reaches(3));
  CHECK(w.told.back().name == "cache");
  CHECK(w.told.back().state == CheckState::unhealthy);
}

TEST_CASE("an answer is kept for its interval") {
  World w;
  w.health.started(w.owner);
  w.ask_all();
  w.health.tick(monotonic_ns() + 5 * second);
  CHECK(w.pool.stats().queued == 0);
  CHECK(w.status("database").runs == 1);
}

TEST_CASE("leaving ends a check that runs, and nothing of it is reported any more") {
  World w;
  w.health.host_started();
  w.health.started(w.owner);
  Counter inside;
  w.cache.answer = [&inside](Call& call, Error&) {
    inside.add();
    return call.wait_cancelled(soon()) ? Code::cancelled : Code::internal;
  };
  w.health.tick(monotonic_ns());
  REQUIRE(inside.reaches(1));
  w.end();
  CHECK(w.report().checks.empty());
  CHECK(w.report().ready);
}

TEST_CASE("a wedged owner is left out") {
  World w;
  w.health.host_started();
  w.health.started(w.owner);
  w.database.answer = [](Call&, Error&) { return Code::internal; };
  w.ask_all();
  CHECK_FALSE(w.report().ready);
  w.owner.wedge();
  CHECK(w.report().checks.empty());
  CHECK(w.report().ready);
}

TEST_CASE("background loops count by their policy") {
  World w;
  w.health.host_started();
  w.health.started(w.owner);
  w.ask_all();
  TaskHandler ends;
  ends.run = [](void*, Call&) noexcept { return Code::internal; };
  const auto loop = [&](LoopPolicy policy) {
    LoopOptions options;
    options.name = "poller";
    options.policy = policy;
    REQUIRE(w.tasks.loop(w.owner, ends, options));
  };
  const auto wait = [&](std::size_t checks) {
    for (int i = 0; i < 20'000 && w.report().checks.size() != checks; ++i) std::this_thread::sleep_for(Nanos(1'000'000));
    return w.report();
  };
  loop(LoopPolicy::ignore);
  CHECK(wait(2).ready);
  loop(LoopPolicy::restart);
  HealthReport report = wait(3);
  CHECK(report.ready);
  CHECK(report.degraded);
  CHECK(report.checks.back().name == "poller");
  CHECK(report.checks.back().since_ns == w.clock.monotonic());
  CHECK(w.health.report(monotonic_ns() + second).checks.back().since_ns == w.clock.monotonic());  // not when somebody asks
  loop(LoopPolicy::fail);
  report = wait(4);
  CHECK_FALSE(report.ready);
  CHECK(report.checks.back().why == "the background loop has ended");
  LoopOptions decided;
  decided.decided_by = "modules.orders.loops.poller";
  REQUIRE(w.tasks.loop(w.owner, ends, decided));
  CHECK(wait(5).checks.back().why == "the background loop has ended (`modules.orders.loops.poller` is `fail`)");
}

TEST_CASE("the host is live while it ticks") {
  World w;
  const std::int64_t t = monotonic_ns();
  w.health.tick(t);
  CHECK(w.health.report(t + 9 * second).live);
  CHECK_FALSE(w.health.report(t + 11 * second).live);
  w.health.tick(t + 12 * second);
  CHECK(w.health.report(t + 12 * second).live);
}

TEST_CASE("checks that are none") {
  World::Check c;
  const auto refused = [&](std::vector<HealthCheck> checks) {
    const auto ok = examine_checks(checks);
    return !ok && ok.error().reason == "BAD_CHECK";
  };
  HealthCheck good = World::check("a", true, c);
  CHECK_FALSE(refused({good}));
  CHECK(refused({World::check("", true, c)}));
  CHECK(refused({World::check("a.b", true, c)}));
  CHECK(refused({World::check("a b", true, c)}));
  CHECK(refused({good, good}));
  CHECK(refused(std::vector<HealthCheck>(65, good)));
  for (const std::int64_t timeout : {std::int64_t{0}, std::int64_t{-1}, 61 * second}) {
    HealthCheck bad = good;
    bad.timeout_ns = timeout;
    CHECK(refused({bad}));
  }
  for (const std::int64_t interval : {std::int64_t{0}, second / 100, 3601 * second}) {
    HealthCheck bad = good;
    bad.interval_ns = interval;
    CHECK(refused({bad}));
  }
  HealthCheck bad = good;
  bad.run = nullptr;
  CHECK(refused({bad}));
}
