#include <doctest/doctest.h>

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
