#include <doctest/doctest.h>

#include "fake.hpp"

using namespace tenon::test;

TEST_CASE("phases run over all modules, one after the other, and back in reverse") {
  Stage s({{"logger", {}, true, true}, {"a", {}}, {"b", {"a"}}});
  s.boot();
  CHECK(
      s.journal.calls() ==
      "logger create, a create, b create, logger pre_init, logger init, a init, b init, logger post_init, logger start, a start, b start");
  CHECK(s.state("b") == "running");
  s.end();
  CHECK(s.journal.calls().ends_with("b start, b stop, a stop, logger stop, b destroy, a destroy, logger destroy"));
  CHECK(s.state("a") == "stopped");
  CHECK(s.runner->result().exit == ExitCode::ok);
  CHECK(s.runner->result().became_ready);
}

TEST_CASE("a module without start counts as started at its turn") {
  Stage s({{"a", {}, false, false, {}, {Phase::start}}, {"b", {}}});
  s.boot();
  CHECK(s.state("a") == "running");
  s.end();
  CHECK(s.journal.calls().ends_with("b start, b stop, a stop, b destroy, a destroy"));
}

TEST_CASE("no modules at all: ready at once") {
  Stage s({});
  s.boot();
  CHECK(s.runner->result().became_ready);
}

TEST_CASE("load order differs from lifecycle order") {
  RunnerOptions options;
  options.load_order = {1, 0};
  std::vector<std::string> loaded;
  Stage s({{"a",
            {},
            false,
            false,
            {{Phase::load,
              [&] {
                loaded.push_back("a");
                return Outcome::ok();
              }}}},
           {"b",
            {},
            false,
            false,
            {{Phase::load,
              [&] {
                loaded.push_back("b");
                return Outcome::ok();
              }}}}},
          options);
  s.boot();
  CHECK(loaded == std::vector<std::string>{"b", "a"});
}

TEST_CASE("migrate-only ends after pre_init, calls no init, destroys") {
  RunnerOptions options;
  options.migrate_only = true;
  Stage s({{"logger", {}, true, true}, {"a", {}}}, options);
  s.boot();
  s.runner->wait_finished();
  CHECK(s.journal.calls() == "logger create, a create, logger pre_init, a destroy, logger destroy");
  CHECK(s.runner->result().exit == ExitCode::ok);
  CHECK_FALSE(s.runner->result().became_ready);
}

TEST_CASE("a pending start lets others go on, but not who requires it") {
  Stage s({{"a", {}, true, false, {{Phase::start, [] { return Outcome::pending(); }}}}, {"b", {"a"}}, {"c", {}}});
  s.started = true;
  s.runner->start();
  REQUIRE(s.journal.wait("c: running"));
  CHECK(s.state("a") == "starting");
  CHECK_FALSE(s.journal.has("b start"));
  CHECK_FALSE(s.journal.has("host: ready"));
  s["a"].completed(Phase::start, Outcome::ok());
  REQUIRE(s.journal.wait("host: ready"));
  CHECK(s.journal.calls().ends_with("a start, c start, b start"));
  s.end();
  // Stop is the exact reverse of the order in which start was called.
  CHECK(s.journal.calls().find("b stop, c stop, a stop") != std::string::npos);
}

TEST_CASE("ready does not wait for an optional pending start that nobody requires") {
  Stage s({{"a", {}, false, false, {{Phase::start, [] { return Outcome::pending(); }}}}, {"b", {}}});
  s.boot();
  CHECK(s.state("a") == "starting");
  s["a"].completed(Phase::start, Outcome::ok());
  CHECK(s.state("a") == "running");
  // A second completion changes nothing.
  s["a"].completed(Phase::start, fail_with("again"));
  CHECK(s.state("a") == "running");
}

TEST_CASE("completion may be faster than the return of start") {
  Stage* stage = nullptr;
  Stage s({{"a", {}, true, false, {{Phase::start, [&] {
                                      (*stage)["a"].completed(Phase::start, Outcome::ok());
                                      return Outcome::pending();
                                    }}}}});
  stage = &s;
  s.boot();
  CHECK(s.state("a") == "running");
}

TEST_CASE("after orders without requiring") {
  Stage s({{"a", {}, false, false, {{Phase::start, [] { return fail_with("no"); }}}}, {"b", {}, false, false, {}, {}, {"a"}}});
  s.boot();
  CHECK(s.state("a") == "failed");
  CHECK(s.state("b") == "running");
}

TEST_CASE("starts run side by side only as far as parallelism says") {
  RunnerOptions options;
  options.parallelism = 2;
  Door door;
  std::atomic<int> inside{0}, most{0};
  const auto start = [&] {
    const int now = ++inside;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    if (now == 2) door.open();
    door.wait();
    --inside;
    return Outcome::ok();
  };
  Stage s({{"a", {}, false, false, {{Phase::start, start}}}, {"b", {}, false, false, {{Phase::start, start}}}}, options);
  s.boot();
  CHECK(most == 2);
}

TEST_CASE("a live change is delivered to a running module, and its failure is told and harmless") {
  Stage s({{"a", {}, false, false, {{Phase::configure, [] { return fail_with("cannot"); }}}}});
  s.boot();
  ConfigChange change;
  change.paths = {"interval"};
  s.runner->configure(0, std::move(change));
  REQUIRE(s.journal.wait("a: failed in configure"));
  CHECK(s.state("a") == "running");
  CHECK(s.journal.has("a configure interval"));
}

TEST_CASE("instances are gone with the runner, also while a control thread has not left yet") {
  // The second control thread is held before it does anything; the boot and the way back pass without it.
  const auto held = std::make_shared<Door>();
  const auto begun = std::make_shared<std::atomic<int>>(0);
  RunnerOptions options;
  options.parallelism = 2;
  options.thread_begins = [held, begun] {
    if (begun->fetch_add(1) != 0) held->wait();
  };
  std::weak_ptr<int> part_of_instance;
  {
    const auto part = std::make_shared<int>(1);
    part_of_instance = part;
    Stage::Module a{"a", {}};
    a.script[Phase::init] = [part] { return Outcome::ok(); };
    Stage of_two({a, {"b", {}}}, options);
    of_two.boot();
    of_two.end();
    a.script.clear();  // its copy of the pointer
  }
  CHECK(part_of_instance.expired());
  held->open();
}
