#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "fake.hpp"

using namespace tenon::test;

namespace {
Script failing(Phase phase) {
  return {{phase, [] { return fail_with("broken"); }}};
}
}  // namespace

TEST_CASE("an optional failure in start undoes dependents first, then the module, and the boot goes on") {
  Stage s({{"a", {}}, {"b", {"a"}, false, false, failing(Phase::start)}, {"c", {"b"}}, {"d", {}}});
  s.boot();
  CHECK(s.journal.calls().find("b start, c destroy, b stop, b destroy, d start") != std::string::npos);
  CHECK(s.state("b") == "failed");
  CHECK(s.state("c") == "blocked");
  CHECK(s.state("d") == "running");
  CHECK(s.runner->result().degraded);
  CHECK(s.runner->result().exit == ExitCode::ok);
  s.end();
  const std::string calls = s.journal.calls();
  CHECK(calls.ends_with("d stop, a stop, d destroy, a destroy"));
}

TEST_CASE("an optional failure in each early phase leaves no trace of the module") {
  for (const Phase phase : {Phase::load, Phase::create, Phase::init}) {
    Stage s({{"a", {}, false, false, failing(phase)}, {"b", {"a"}}, {"c", {}}});
    s.boot();
    CHECK(s.state("a") == "failed");
    CHECK(s.state("b") == "blocked");
    CHECK(s.state("c") == "running");
    CHECK_FALSE(s.journal.has("b start"));
    CHECK_FALSE(s.journal.has("a stop"));
    CHECK(s.journal.has("a destroy") == (phase == Phase::init));
    s.end();
    CHECK_FALSE(s.journal.has("b stop"));
  }
}

TEST_CASE("a pending start that fails later undoes the same way") {
  Stage s({{"a", {}, false, false, {{Phase::start, [] { return Outcome::pending(); }}}}, {"b", {}}});
  s.boot();
  s["a"].completed(Phase::start, fail_with("port taken"));
  REQUIRE(s.journal.wait("a destroy"));
  CHECK(s.journal.wait("a: failed (start: port taken)"));
  CHECK(s.journal.calls().find("a stop, a destroy") != std::string::npos);
}

TEST_CASE("required failures of one phase are all reported, then everything is undone") {
  Stage s({{"a", {}, true, false, failing(Phase::init)}, {"b", {}, true, false, failing(Phase::init)}, {"c", {"a"}}, {"d", {}}});
  s.boot();
  s.runner->wait_finished();
  const RunnerResult r = s.runner->result();
  CHECK(r.exit == ExitCode::unavailable);
  CHECK_FALSE(r.became_ready);
  REQUIRE(r.failures.size() == 2);
  CHECK(r.failures[0].module == "a");
  CHECK(r.failures[1].module == "b");
  // c requires a, so its init is not called; d's is.
  CHECK(s.journal.calls() == "a create, b create, c create, d create, a init, b init, d init, d destroy, c destroy, b destroy, a destroy");
  CHECK(s.state("c") == "blocked");
  CHECK(s.state("a") == "failed");
}

TEST_CASE("in start the walk ends at the first required failure, and what was started is stopped in reverse") {
  Stage s({{"a", {}}, {"b", {}, true, false, failing(Phase::start)}, {"c", {}}});
  s.boot();
  s.runner->wait_finished();
  CHECK_FALSE(s.journal.has("c start"));
  CHECK(s.journal.calls().ends_with("a start, b start, b stop, a stop, c destroy, b destroy, a destroy"));
  CHECK(s.runner->result().exit == ExitCode::unavailable);
}

TEST_CASE("a required module blocked by an optional failure ends the boot") {
  Stage s({{"a", {}, false, false, failing(Phase::start)}, {"b", {"a"}, true}});
  s.boot();
  s.runner->wait_finished();
  CHECK(s.runner->result().exit == ExitCode::unavailable);
  CHECK_FALSE(s.journal.has("b start"));
  CHECK(s.state("b") == "blocked");
}

TEST_CASE("stop and destroy failures never keep the others from stopping, and do not change the exit code") {
  Stage s({{"a", {}}, {"b", {}, false, false, failing(Phase::stop)}, {"c", {}}});
  s.boot();
  s.end();
  CHECK(s.journal.calls().ends_with("c stop, b stop, a stop, c destroy, b destroy, a destroy"));
  CHECK(s.journal.has("b: failed in stop"));
  CHECK(s.runner->result().exit == ExitCode::ok);
}

namespace {

std::size_t count(const Stage& s, const std::string& line) {
  const std::vector<std::string> lines = s.journal.lines();
  return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
}

Error hangs() { return {Code::deadline_exceeded, "hangs", "DEADLINE", 0, ExitCode::unavailable}; }

Script pending_start() {
  return {{Phase::start, [] { return Outcome::pending(); }}};
}

Script waiting(Phase phase, Door& door) {
  return {{phase, [&door] {
             door.wait();
             return Outcome::ok();
           }}};
}

}  // namespace

TEST_CASE("a PENDING start that ends badly while it waits to be undone is undone once") {
  for (const bool by_deadline : {false, true}) {
    CAPTURE(by_deadline);
    Door stop;
    Stage s(
        {{"alpha", {}}, {"beta", {"alpha"}, false, false, pending_start()}, {"zeta", {"alpha"}, false, false, waiting(Phase::stop, stop)}});
    s.boot();
    s.runner->module_wedged(0, hangs());
    REQUIRE(s.journal.wait("zeta stop"));
    if (by_deadline)
      s.clock_ns += 3'600'000'000'000;
    else
      s["beta"].completed(Phase::start, fail_with("port taken"));
    stop.open();
    if (by_deadline) s.runner->check();
    REQUIRE(s.journal.wait("beta destroy"));
    s.end();
    CHECK(count(s, "beta stop") == 1);
    CHECK(count(s, "beta destroy") == 1);
    CHECK(s.state("beta") == "blocked");
    CHECK(count(s, "alpha stop") + count(s, "alpha destroy") == 0);
    CHECK(s.state("alpha") == "wedged");
  }
}

TEST_CASE("what is wedged while it is undone is not destroyed, and says so for good") {
  Door stop;
  Script script = waiting(Phase::stop, stop);
  script[Phase::start] = [] { return fail_with("broken"); };
  Stage s({{"a", {}, false, false, script}, {"b", {}}});
  SUBCASE("by its own stop") {
    s.runner->start();
    s.started = true;
    REQUIRE(s.journal.wait("a stop"));
    s.advance(std::chrono::hours(1));
    REQUIRE(s.journal.wait("host: ready"));
    s.end();
    stop.open();
  }
  SUBCASE("by a delivery of it, before its stop has returned") {
    s.runner->start();
    s.started = true;
    REQUIRE(s.journal.wait("a stop"));
    s.runner->module_wedged(0, hangs());
    stop.open();
    REQUIRE(s.journal.wait("host: ready"));
    s.end();
  }
  CHECK(count(s, "a destroy") == 0);
  CHECK(s.state("a") == "wedged");
  CHECK(count(s, "a: stopped (start: broken)") == 0);
  CHECK(s.state("b") == "stopped");
}

TEST_CASE("a request to stop takes over from an undoing that is under way") {
  Door stop;
  Stage s({{"a", {}}, {"b", {"a"}}, {"c", {"a"}, false, false, waiting(Phase::stop, stop)}});
  s.boot();
  s.runner->module_wedged(0, hangs());
  REQUIRE(s.journal.wait("c stop"));
  s.runner->request_stop();
  stop.open();
  s.end();
  const std::vector<std::string> lines = s.journal.lines();
  const auto at = [&lines](const char* line) { return std::find(lines.begin(), lines.end(), line) - lines.begin(); };
  CHECK(at("host: stopping") < at("b stop"));
  CHECK(at("b stop") < at("c destroy"));
  CHECK(count(s, "c stop") == 1);
  CHECK(s.state("b") == "blocked");
  CHECK(s.state("c") == "blocked");
}

TEST_CASE("every required module that is blocked is reported, with the way to the cause") {
  Stage s({{"a", {}, false, false, failing(Phase::init)}, {"b", {"a"}, true}, {"c", {"b"}, true}});
  s.boot();
  s.runner->wait_finished();
  const RunnerResult r = s.runner->result();
  REQUIRE(r.failures.size() == 3);
  std::map<std::string, std::string> told;
  for (const ModuleFailure& f : r.failures) told[f.module] = f.error.message;
  CHECK(told["b"] == "blocked: requires `a`, which failed in init: broken");
  CHECK(told["c"] == "blocked: requires `b`, which is blocked because `a` failed in init: broken");
}

TEST_CASE("a callback that was cancelled is told again, in case it was not inside yet") {
  Door door;
  Stage s({{"a", {}, false, false, waiting(Phase::start, door)}});
  s.runner->start();
  s.started = true;
  REQUIRE(s.journal.wait("a start"));
  s.runner->request_stop();
  CHECK(count(s, "a: cancelled") == 1);
  s.advance(std::chrono::milliseconds(20));
  s.advance(std::chrono::milliseconds(20));
  CHECK(count(s, "a: cancelled") == 3);
  door.open();
  s.end();
}
