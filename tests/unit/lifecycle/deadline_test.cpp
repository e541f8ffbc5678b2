#include <doctest/doctest.h>

#include "fake.hpp"

using namespace tenon::test;
using namespace std::chrono_literals;

namespace {

// A module that hangs in one phase until the test lets it out.
struct Hang {
  Door inside, out;
  std::function<Outcome()> script() {
    return [this] {
      inside.open();
      out.wait();
      return Outcome::ok();
    };
  }
};

}  // namespace

TEST_CASE("a hang in any phase is warned of after a third, given up at the deadline, and the boot goes on without the module") {
  for (const Phase phase : {Phase::create, Phase::init, Phase::start}) {
    Hang hang;
    Stage s({{"a", {}, false, false, {{phase, hang.script()}}}, {"b", {"a"}}, {"c", {}}});
    s.started = true;
    s.runner->start();
    hang.inside.wait();
    s.advance(1s);
    CHECK_FALSE(s.journal.has("a: slow in " + std::string(phase_name(phase))));
    s.advance(1s);
    CHECK(s.journal.wait("a: slow in " + std::string(phase_name(phase))));
    s.advance(4s);
    REQUIRE(s.journal.wait("host: ready"));
    CHECK(s.journal.has("a: abandoned in " + std::string(phase_name(phase))));
    CHECK(s.state("a") == "wedged");
    CHECK(s.state("b") == "blocked");
    CHECK(s.state("c") == "running");
    hang.out.open();  // its late answer changes nothing
    s.end();
    CHECK(s.state("a") == "wedged");
    CHECK_FALSE(s.journal.has("a stop"));
    CHECK_FALSE(s.journal.has("a destroy"));
    CHECK(s.runner->result().wedged);
    CHECK(s.runner->result().exit == ExitCode::ok);
  }
}

TEST_CASE("a hang in load is told at once") {
  Hang hang;
  Stage s({{"a", {}, false, false, {{Phase::load, hang.script()}}}});
  s.started = true;
  s.runner->start();
  hang.inside.wait();
  s.advance(6s);
  CHECK(s.journal.wait("a: load overdue"));
  hang.out.open();
}

TEST_CASE("a hang of a required module ends the boot") {
  Hang hang;
  Stage s({{"b", {}}, {"a", {}, true, false, {{Phase::start, hang.script()}}}});
  s.started = true;
  s.runner->start();
  hang.inside.wait();
  s.advance(6s);
  s.runner->wait_finished();
  CHECK(s.runner->result().exit == ExitCode::unavailable);
  CHECK(s.journal.calls().ends_with("b start, a start, b stop, b destroy"));
  hang.out.open();
}

TEST_CASE("a pending start that never completes fails at its deadline without wedging") {
  Stage s({{"a", {}, false, false, {{Phase::start, [] { return Outcome::pending(); }}}}});
  s.boot();
  s.advance(4s);
  CHECK(s.journal.has("a: slow in start"));
  s.advance(2s);
  REQUIRE(s.journal.wait("a destroy"));
  CHECK(s.journal.has("a: failed in start"));
  CHECK_FALSE(s.runner->result().wedged);
}

TEST_CASE("cancellation reaches the running callback and cuts its deadline to 5 s") {
  Hang hang;
  RunnerOptions options;
  Stage s({{"a", {}, false, false, {{Phase::init, hang.script()}}}, {"b", {}}}, options);
  s.started = true;
  s.runner->start();
  hang.inside.wait();
  s.runner->request_stop();
  CHECK(s.journal.has("a: cancelled"));
  hang.out.open();
  s.runner->wait_finished();
  CHECK_FALSE(s.journal.has("b init"));
  CHECK(s.journal.calls().ends_with("b destroy, a destroy"));
  CHECK(s.runner->result().exit == ExitCode::ok);
}

TEST_CASE("a callback that gives up because the host stops has not failed, any other error is one") {
  for (const Phase phase : {Phase::create, Phase::init, Phase::start})
    for (const Code code : {Code::cancelled, Code::internal}) {
      CAPTURE(phase_name(phase));
      CAPTURE(code_name(code));
      Door inside, out;
      const auto gives_up = [&inside, &out, code] {
        inside.open();
        out.wait();
        return fail_with("told to stop", code);
      };
      Stage s({{"a", {}, true, false, {{phase, gives_up}}}, {"b", {"a"}}});
      s.started = true;
      s.runner->start();
      inside.wait();
      s.runner->request_stop();
      out.open();
      s.runner->wait_finished();
      CHECK(s.journal.has("a: failed in " + std::string(phase_name(phase))) == (code == Code::internal));
      CHECK(s.runner->result().failures.empty() == (code == Code::cancelled));
      CHECK(s.state("a") == (code == Code::cancelled ? "stopped" : "failed"));
      CHECK(s.journal.has("a destroy") == (phase != Phase::create));
      CHECK(s.journal.has("a stop") == (phase == Phase::start));
      CHECK_FALSE(s.journal.has("b " + std::string(phase_name(phase))));
      CHECK(s.runner->result().exit == ExitCode::ok);
    }
}

TEST_CASE("a hang in stop is given up, the others are still stopped, a second request hurries") {
  Hang hang;
  Stage s({{"a", {}}, {"b", {}, false, false, {{Phase::stop, hang.script()}}}});
  s.boot();
  s.started = false;
  s.runner->request_stop();
  hang.inside.wait();
  s.advance(1s);
  CHECK_FALSE(s.journal.has("a stop"));
  s.runner->request_stop();
  s.advance(1100ms);
  s.runner->wait_finished();
  CHECK(s.journal.has("a stop"));
  CHECK(s.state("b") == "wedged");
  CHECK_FALSE(s.journal.has("b destroy"));
  CHECK(s.runner->result().exit == ExitCode::ok);
  CHECK(s.runner->result().wedged);
  hang.out.open();
}

TEST_CASE("when the total is spent each remaining stop is still called, with 50 ms") {
  RunnerOptions options;
  options.stop_total_ns = std::chrono::nanoseconds(1s).count();
  Stage* stage = nullptr;
  Stage s({{"a", {}},
           {"b",
            {},
            false,
            false,
            {{Phase::stop,
              [&] {
                stage->clock_ns += std::chrono::nanoseconds(2s).count();
                return Outcome::ok();
              }}}}},
          options);
  stage = &s;
  s.boot();
  s.end();
  CHECK(s.journal.calls().find("b stop, a stop") != std::string::npos);
}

TEST_CASE("stop requests before start, again and again, are harmless") {
  Stage s(std::vector<Stage::Module>{{"a", {}}});
  s.runner->request_stop();
  s.started = true;
  s.runner->start();
  s.runner->request_stop();
  s.runner->request_stop();
  s.runner->wait_finished();
  CHECK(s.runner->result().exit == ExitCode::ok);
  s.started = false;
}

TEST_CASE("a module wedged from outside is skipped on the way back") {
  Stage s({{"a", {}}, {"b", {"a"}}});
  s.boot();
  s.runner->module_wedged(0, {Code::deadline_exceeded, "its delivery hangs", {}, 0, ExitCode::unavailable});
  REQUIRE(s.journal.wait("b destroy"));
  CHECK(s.journal.wait("b: blocked (requires `a`, which failed in run: its delivery hangs)"));
  CHECK(s.state("a") == "wedged");
  s.end();
  CHECK_FALSE(s.journal.has("a stop"));
}
