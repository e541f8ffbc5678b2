// What a module can rely on when it has something run.
#include <algorithm>
#include <thread>

#include "driver.hpp"

using namespace tenon::test;

namespace {
constexpr int invalid = 3, not_found = 5, precondition = 9, unavailable = 14;
constexpr std::int64_t ms = 1'000'000, hour = 3600 * 1000 * ms;
}  // namespace

TEST_CASE("tasks: post runs once, after runs later, both are released") {
  every_way([](Way way) {
    Work posted, later;
    auto d = make_task_driver(way);
    d->start();
    const Answer p = d->add({Kind::post}, posted), a = d->add({Kind::after, 5 * ms}, later);
    REQUIRE(p.ok());
    REQUIRE(a.ok());
    CHECK(p.id != a.id);
    REQUIRE(d->until([&] { return posted.released() == 1 && later.released() == 1; }));
    CHECK(posted.runs() == 1);
    CHECK(later.runs() == 1);
    TaskView view;
    CHECK(d->until([&] { return d->status(p.id, view).status == not_found; }));
    CHECK(d->cancel(p.id).status == not_found);
    CHECK(d->cancel_wait(a.id).status == not_found);
    d->leave();
    CHECK(posted.released() == 1);
  });
}

TEST_CASE("tasks: every runs again and again, its failures are counted, cancel ends it") {
  every_way([](Way way) {
    Work work;
    auto d = make_task_driver(way);
    d->start();
    work.then = [&](const Run&) { return work.runs() % 2 == 0 ? 0 : 13; };
    const Answer e = d->add({Kind::every, 2 * ms, {}, "tick"}, work);
    REQUIRE(d->until([&] { return work.runs() >= 6; }));
    TaskView view;
    REQUIRE(d->status(e.id, view).ok());
    CHECK(view.kind == Kind::every);
    CHECK(view.runs >= 5);
    CHECK(view.failures >= 2);
    CHECK(view.failures <= view.runs / 2 + 1);
    CHECK(view.health == Health::ok);
    CHECK(d->cancel(e.id).ok());
    CHECK(d->cancel(e.id).status == not_found);
    REQUIRE(d->until([&] { return work.released() == 1; }));
    CHECK(work.overlaps() == 0);
    const int before = work.runs();
    int looks = 0;
    CHECK(d->until([&] { return ++looks > 10; }));
    CHECK(work.runs() == before);
  });
}

TEST_CASE("tasks: before start they wait, and their time counts from then") {
  every_way([](Way way) {
    Work posted, later, cancelled;
    auto d = make_task_driver(way, [&](TaskDriver& init) {
      CHECK(init.add({Kind::post}, posted).ok());
      return true;
    });
    const Answer a = d->add({Kind::after, 0}, later), c = d->add({Kind::every, ms}, cancelled);
    TaskView view;
    REQUIRE(d->status(a.id, view).ok());
    CHECK(view.state == State::not_started);
    CHECK(view.next_ns == INT64_MAX);
    CHECK(d->cancel(c.id).ok());
    int looks = 0;
    CHECK(d->until([&] { return ++looks > 10; }));
    CHECK(posted.runs() == 0);
    CHECK(later.runs() == 0);
    d->start();
    REQUIRE(d->until([&] { return posted.released() == 1 && later.released() == 1 && cancelled.released() == 1; }));
    CHECK(cancelled.runs() == 0);
  });
}

TEST_CASE("tasks: what is wrong is refused, and never released") {
  every_way([](Way way) {
    Work work;
    auto d = make_task_driver(way);
    d->start();
    CHECK(d->add({Kind::after, -1}, work).status == invalid);
    CHECK(d->add({Kind::after, INT64_MAX}, work).status == invalid);
    CHECK(d->add({Kind::every, ms - 1}, work).status == invalid);
    CHECK(d->add({Kind::post, 0, {}, std::string(64, 'n')}, work).status == invalid);
    for (const std::string schedule :
         {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *",
          "1/2 * * * *", "* * 30 FEB *", "@never", "? * * * *", "* * L * *", "a * * * *", "1, * * * *"}) {
      const Answer refused = d->add({Kind::cron, 0, schedule}, work);
      CHECK_MESSAGE(refused.status == invalid, schedule);
      CHECK_MESSAGE(refused.reason == "BAD_SCHEDULE", schedule);
    }
    CHECK(d->add({Kind::loop, 0, {}, {}, Policy::restart, 10, 20}, work).status == invalid);
    CHECK(d->add({Kind::loop, 0, {}, {}, Policy::restart, 2 * ms, ms}, work).status == invalid);
    TaskView view;
    CHECK(d->status(0, view).status == not_found);
    CHECK(d->status(UINT64_MAX, view).status == not_found);
    d->leave();
    CHECK(work.released() == 0);
    CHECK(work.runs() == 0);
  });
}

TEST_CASE("tasks: cron waits for its minute") {
  every_way([](Way way) {
    Work work;
    auto d = make_task_driver(way);
    d->start();
    const Answer c = d->add({Kind::cron, 0, "0 0 1 1 *", "new year"}, work);
    REQUIRE(c.ok());
    TaskView view;
    REQUIRE(d->status(c.id, view).ok());
    CHECK(view.kind == Kind::cron);
    CHECK(view.state == State::waiting);
    CHECK(view.next_ns % (60 * 1000 * ms) == 0);
    CHECK(view.next_ns % (24 * hour) == 0);
    CHECK(d->add({Kind::cron, 1, "@daily"}, work).ok());
    CHECK(d->cancel(c.id).ok());
    CHECK(work.runs() == 0);
  });
}

TEST_CASE("tasks: a task may cancel itself, but not wait for its end") {
  every_way([](Way way) {
    Work work;
    auto d = make_task_driver(way);
    std::atomic<std::uint64_t> id{0};
    Answer waited, cancelled;
    bool told = false;
    work.then = [&](const Run& run) {
      waited = d->cancel_wait(id);
      cancelled = d->cancel(id);
      told = run.cancelled();
      return 0;
    };
    id = d->add({Kind::every, ms}, work).id;  // before start: its number is known when it runs
    d->start();
    REQUIRE(d->until([&] { return work.released() == 1; }));
    CHECK(work.runs() == 1);
    CHECK(waited.status == precondition);
    CHECK(waited.reason == "INSIDE_HANDLER");
    CHECK(cancelled.ok());
    CHECK(told);
  });
}

TEST_CASE("tasks: a run has its deadline, a loop has none") {
  every_way([](Way way) {
    Work run, loop;
    auto d = make_task_driver(way);
    std::atomic<std::int64_t> of_run{0}, of_loop{0};
    run.then = [&](const Run& r) {
      of_run = r.deadline_ns();
      return 0;
    };
    loop.then = [&](const Run& r) {
      of_loop = r.deadline_ns();
      while (!r.sleep(hour)) {
      }
      return 0;
    };
    CHECK(d->add({Kind::post}, run).ok());
    CHECK(d->add({Kind::loop}, loop).ok());
    d->start();
    REQUIRE(d->until([&] { return run.runs() == 1 && of_loop != 0; }));
    const std::int64_t now =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
    CHECK(of_run > now + 30 * 1000 * ms);
    CHECK(of_run < now + 90 * 1000 * ms);
    CHECK(of_loop == INT64_MAX);
  });
}

TEST_CASE("tasks: a run that waits for its end is told when its deadline has come") {
  every_way([](Way way) {
    Work run;
    auto d = make_task_driver(way);
    std::atomic<int> turns{0};
    std::atomic<bool> before{true}, woken{false};
    run.then = [&](const Run& r) {
      before = r.cancelled();
      woken = r.sleep(hour);
      while (!r.cancelled() && ++turns < 1000) static_cast<void>(r.sleep(0));
      return 0;
    };
    TaskSpec spec{Kind::post};
    spec.timeout_ns = 50 * ms;
    CHECK(d->add(spec, run).ok());
    d->start();
    REQUIRE(d->until([&] { return run.released() == 1; }));
    CHECK_FALSE(before);
    CHECK(woken);
    CHECK(turns == 0);
  });
}

TEST_CASE("tasks: a loop goes on until it is cancelled, which wakes it, and cancel_wait waits for it") {
  every_way([](Way way) {
    Work loop;
    auto d = make_task_driver(way);
    loop.then = [&](const Run& r) { return r.sleep(hour) && r.cancelled() ? 0 : 13; };
    d->start();
    const Answer l = d->add({Kind::loop, 0, {}, "watch"}, loop);
    REQUIRE(d->until([&] { return loop.running(); }));
    TaskView view;
    REQUIRE(d->status(l.id, view).ok());
    CHECK(view.state == State::running);
    CHECK(view.health == Health::ok);
    CHECK(d->cancel_wait(l.id).ok());
    CHECK(loop.released() == 1);
    CHECK(loop.runs() == 1);
    CHECK(d->status(l.id, view).status == not_found);
  });
}

TEST_CASE("tasks: a loop that ends by itself is visible, as its policy says") {
  every_way([](Way way) {
    Work failing, ignored, restarted;
    auto d = make_task_driver(way);
    d->start();
    std::atomic<int> begun{0};
    restarted.then = [&](const Run& r) {
      if (++begun < 3) return 13;
      static_cast<void>(r.sleep(hour));
      return 0;
    };
    const Answer f = d->add({Kind::loop, 0, {}, {}, Policy::fail}, failing), i = d->add({Kind::loop, 0, {}, {}, Policy::ignore}, ignored),
                 r = d->add({Kind::loop, 0, {}, {}, Policy::restart}, restarted);
    REQUIRE(d->until([&] { return failing.released() == 1 && ignored.released() == 1 && begun == 3; }));
    TaskView view;
    REQUIRE(d->status(f.id, view).ok());
    CHECK(view.state == State::ended);
    CHECK(view.health == Health::failed);
    CHECK(view.runs == 1);
    REQUIRE(d->status(i.id, view).ok());
    CHECK(view.state == State::ended);
    CHECK(view.health == Health::ok);
    REQUIRE(d->status(r.id, view).ok());
    CHECK(view.restarts == 2);
    CHECK(view.failures == 2);
    CHECK(view.health == Health::ok);
    CHECK(view.last == 13);
    CHECK(d->cancel(f.id).ok());  // takes it off the list
    CHECK(d->status(f.id, view).status == not_found);
    CHECK(failing.released() == 1);
  });
}

TEST_CASE("tasks: leaving cancels everything, waits for it, releases it, and takes nothing new") {
  every_way([](Way way) {
    Work loop, every, far, late;
    auto d = make_task_driver(way);
    loop.then = [](const Run& r) {
      while (!r.cancelled()) static_cast<void>(r.sleep(hour));
      return 0;
    };
    d->start();
    CHECK(d->add({Kind::loop}, loop).ok());
    CHECK(d->add({Kind::every, ms}, every).ok());
    CHECK(d->add({Kind::after, hour}, far).ok());
    REQUIRE(d->until([&] { return loop.running() && every.runs() > 0; }));
    Answer refused;
    int runs_in_stop = -1;
    d->leave([&] {
      refused = d->add({Kind::post}, late);
      runs_in_stop = every.runs();
    });
    CHECK(refused.status == unavailable);
    CHECK(every.runs() == runs_in_stop);
    CHECK(loop.runs() == 1);
    CHECK(far.runs() == 0);
    CHECK(loop.released() == 1);
    CHECK(every.released() == 1);
    CHECK(far.released() == 1);
    CHECK(late.released() == 0);
  });
}

TEST_CASE("tasks: a failed init leaves nothing") {
  every_way([](Way way) {
    Work posted, loop, every;
    auto d = make_task_driver(way, [&](TaskDriver& init) {
      CHECK(init.add({Kind::post}, posted).ok());
      CHECK(init.add({Kind::loop}, loop).ok());
      CHECK(init.add({Kind::every, ms}, every).ok());
      return false;
    });
    CHECK(posted.released() == 1);
    CHECK(loop.released() == 1);
    CHECK(every.released() == 1);
    CHECK(posted.runs() + loop.runs() + every.runs() == 0);
  });
}

TEST_CASE("tasks: a task may add tasks") {
  every_way([](Way way) {
    Work first, second;
    auto d = make_task_driver(way);
    Answer added;
    first.then = [&](const Run&) {
      added = d->add({Kind::post}, second);
      return added.status;
    };
    d->start();
    CHECK(d->add({Kind::post}, first).ok());
    REQUIRE(d->until([&] { return first.released() == 1 && second.released() == 1; }));
    CHECK(added.ok());
  });
}

// Not on the fake host: its runs are on the test's thread, and there is nothing to race with.
TEST_CASE("tasks: adding and cancelling in a storm loses no release") {
  const auto storm = [](Way way) {
    constexpr int rounds = 200, threads = 3;
    std::vector<Work> works(static_cast<std::size_t>(rounds * threads));
    auto d = make_task_driver(way);
    d->start();
    std::atomic<int> failed{0};
    std::vector<std::thread> adders;
    for (int t = 0; t < threads; ++t)
      adders.emplace_back([&, t] {
        for (int i = 0; i < rounds; ++i) {
          Work& work = works[static_cast<std::size_t>(t * rounds + i)];
          const Answer a = i % 3 == 0   ? d->add({Kind::every, ms}, work)
                           : i % 3 == 1 ? d->add({Kind::after, i % 2 == 0 ? 0 : ms}, work)
                                        : d->add({Kind::post}, work);
          if (!a.ok()) {
            ++failed;
          } else if (i % 3 == 0 || i % 5 == 0) {
            const Answer c = t == 0 ? d->cancel_wait(a.id) : d->cancel(a.id);
            if (!c.ok() && c.status != not_found) ++failed;
            if (t == 0 && c.ok() && work.released() != 1) ++failed;
          }
        }
      });
    for (std::thread& a : adders) a.join();
    d->leave();
    CHECK(failed == 0);
    CHECK(std::all_of(works.begin(), works.end(), [](const Work& w) { return w.released() == 1 && w.overlaps() == 0; }));
  };
  SUBCASE("on the kernel") { storm(Way::kernel); }
  SUBCASE("through the table, in a loaded module") { storm(Way::loaded); }
}
