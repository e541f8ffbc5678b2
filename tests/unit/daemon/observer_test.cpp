#include "observer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "normalize.hpp"
#include "temporary_directory.hpp"

using namespace tenon::host;
using tenon::test::TemporaryDirectory;

namespace {

/// An observer that logs into a file, at level debug.
struct Observed {
  Observed() {
    LogOptions options;
    options.target = LogOptions::Target::file;
    options.file.path = directory / "log";
    options.level = debug;
    REQUIRE(log.open(options));
  }
  /// What was logged since the last call, without times.
  std::string lines() {
    log.flush();
    const std::string all = directory.read("log");
    const std::string fresh = all.substr(read_);
    read_ = all.size();
    return tenon::test::name_log_times(fresh, "");
  }

  TemporaryDirectory directory;
  LogCore log;
  int woken = 0;
  DaemonObserver observer{log, [this] { ++woken; }};

 private:
  std::size_t read_ = 0;
};

ModuleStatus status(const std::string& name, ModuleState state, const std::string& reason = "") {
  return {name, "1.0.0", state, 0, reason, false, false};
}

}  // namespace

TEST_CASE("states are debug on the way up, info from running on, and all info once the host runs") {
  Observed o;
  for (const ModuleState state : {ModuleState::loaded, ModuleState::created, ModuleState::initialized, ModuleState::starting})
    o.observer.state_changed(status("orders", state));
  o.observer.state_changed(status("orders", ModuleState::running));
  o.observer.state_changed(status("broken", ModuleState::failed, "init: no"));
  CHECK(o.lines() ==
        " DEBUG host: module state module=orders state=loaded\n"
        " DEBUG host: module state module=orders state=created\n"
        " DEBUG host: module state module=orders state=initialized\n"
        " DEBUG host: module state module=orders state=starting\n"
        " INFO  host: module state module=orders state=running\n"
        " INFO  host: module state module=broken state=failed reason=\"init: no\"\n");
  o.observer.ready();
  o.observer.state_changed(status("late", ModuleState::starting));
  CHECK(o.lines() == " INFO  host: module state module=late state=starting\n");
}

TEST_CASE("the main loop is woken for what it acts on: not by states before ready, once by a burst of them after") {
  Observed o;
  o.observer.state_changed(status("orders", ModuleState::running));
  CHECK(o.woken == 0);
  CHECK(o.observer.states_changed.exchange(false));
  CHECK_FALSE(o.observer.is_ready.load());
  o.observer.ready();
  CHECK(o.observer.is_ready.load());
  CHECK(o.observer.ready_at_ns.load() > 0);
  CHECK(o.woken == 1);
  for (int i = 0; i < 5; ++i) o.observer.state_changed(status("orders", ModuleState::failed));
  CHECK(o.woken == 2);
  CHECK(o.observer.states_changed.exchange(false));
  o.observer.state_changed(status("orders", ModuleState::failed));
  CHECK(o.woken == 3);
  o.observer.state_changed(status("later", ModuleState::running));  // it may have checks to be asked at once
  CHECK(o.woken == 4);
  o.observer.wake(0);
  CHECK(o.observer.check_wanted.load());
  o.observer.stopping();
  CHECK(o.observer.is_stopping.load());
  o.observer.finished();
  CHECK(o.observer.is_finished.load());
  CHECK(o.woken == 7);
}

TEST_CASE("phases are kept for the table, and told with a time that people can read") {
  Observed o;
  CHECK(o.observer.current_phase() == "plan");
  const auto walk = [&o](Phase phase, std::int64_t took, std::uint32_t modules) {
    o.observer.phase_began(phase, 1000);
    CHECK(o.observer.current_phase() == phase_name(phase));
    o.observer.phase_ended(phase, 1000 + took, modules);
  };
  o.observer.phase_ended(Phase::load, 5, 1);  // without a beginning: nothing
  walk(Phase::load, 999'999, 3);
  walk(Phase::create, 1'000'000, 3);
  walk(Phase::init, 12'345'678, 2);
  walk(Phase::start, 61'000'000'000, 1);
  CHECK(o.lines() ==
        " INFO  host: phase done phase=load modules=3 took=999us\n"
        " INFO  host: phase done phase=create modules=3 took=1.00ms\n"
        " INFO  host: phase done phase=init modules=2 took=12.34ms\n"
        " INFO  host: phase done phase=start modules=1 took=61000.00ms\n");
  o.observer.phase_began(Phase::stop, 5000);
  const std::vector<PhaseTime> phases = o.observer.phases();
  REQUIRE(phases.size() == 5);
  CHECK(phases[0].phase == "load");
  CHECK(phases[0].modules == 3);
  CHECK(phases[0].end_ns == 1000 + 999'999);
  CHECK(phases[4].end_ns == 0);  // goes on
}

TEST_CASE("spans are collected per module in the order they came") {
  Observed o;
  o.observer.timed("beta", Phase::load, 1, 2, true);
  o.observer.timed("alpha", Phase::load, 2, 3, true);
  o.observer.timed("beta", Phase::init, 4, 9, false);
  const std::vector<ModuleSpans> spans = o.observer.spans();
  REQUIRE(spans.size() == 2);
  CHECK(spans[0].module == "beta");
  REQUIRE(spans[0].spans.size() == 2);
  CHECK(spans[0].spans[1].phase == "init");
  CHECK(spans[0].spans[1].start_ns == 4);
  CHECK(spans[0].spans[1].result == SpanResult::failed);
  CHECK(spans[1].module == "alpha");
}

TEST_CASE("failures and slow modules are told with everything that is known, and nothing else") {
  Observed o;
  o.observer.is_slow("orders", Phase::init, 10'500'000'000, 30'000'000'000);
  o.observer.failed({"orders", Phase::init, {Code::failed_precondition, "no table", "TOLD_TO_FAIL", 13, ExitCode::unavailable}, true},
                    false, {});
  o.observer.is_slow("orders", Phase::create, 233'000'000, 699'995'573);
  o.observer.failed({"orders", Phase::configure, {Code::unavailable, "not\nnow", "", 0, ExitCode::unavailable}, false}, false, {});
  o.observer.failed({"orders", Phase::none, {Code::internal, "gone", "", 0, ExitCode::unavailable}, false}, true, {"stop", "blob 3"});
  CHECK(o.lines() ==
        " WARN  host: module is slow module=orders phase=init elapsed=10500.00ms limit=30s\n"
        " ERROR host: module failed module=orders phase=init error=\"no table\" code=FAILED_PRECONDITION reason=TOLD_TO_FAIL errno=13 "
        "required=true\n"
        " WARN  host: module is slow module=orders phase=create elapsed=233.00ms limit=700ms\n"
        " ERROR host: module did not take a change of its configuration, and goes on module=orders phase=configure error=\"not\\nnow\" "
        "code=UNAVAILABLE\n"
        " ERROR host: module is wedged module=orders error=gone code=INTERNAL held_by=\"stop, blob 3\"\n");
  std::string told;
  o.observer.load_overdue("orders", true);  // nobody listens
  o.observer.on_load_overdue = [&told](const std::string& module, bool required) {
    told = module + (required ? " required" : " optional");
  };
  o.observer.load_overdue("orders", false);
  CHECK(told == "orders optional");
}
