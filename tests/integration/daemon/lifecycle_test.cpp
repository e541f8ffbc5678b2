// Whole lives of real modules in the real daemon.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "host_fixture.hpp"
#include "normalize.hpp"

using namespace tenon::test;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

// "alpha create enter" -> "alpha create", without constructors and leaves.
Lines entered(const Host& host) {
  Lines out;
  for (const std::string& line : host.trace())
    if (line.ends_with(" enter")) out.push_back(line.substr(0, line.size() - 6));
  return out;
}

}  // namespace

TEST_CASE("modules come up in order of their requirements and go down in reverse") {
  Host host({"modules/gamma", "modules/beta", "modules/alpha"});
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  CHECK(entered(host) == Lines{"alpha create", "beta create", "gamma create", "alpha init", "beta init", "gamma init", "alpha start",
                               "beta start", "gamma start", "gamma stop", "beta stop", "alpha stop", "gamma destroy", "beta destroy",
                               "alpha destroy"});
}

TEST_CASE("the order is the same however the files are named") {
  Host host;
  const Lines names = {"alpha", "beta", "gamma", "delta", "epsilon", "quiet", "orphan", "old_alpha_user"};
  Lines files;
  for (const std::string& name : names) files.push_back(host.add("modules/" + name));
  std::mt19937 random(50);
  std::string graph;
  Lines calls;
  for (int i = 0; i < 50; ++i) {
    CAPTURE(i);
    // New names in a new order: directories are read in the order of neither.
    std::shuffle(files.begin(), files.end(), random);
    for (std::size_t n = 0; n < files.size(); ++n) {
      const std::string to = host.plugins + "/lib" + std::to_string(i % 2) + "_" + std::to_string(n) + ".so";
      REQUIRE(::rename(files[n].c_str(), to.c_str()) == 0);
      files[n] = to;
    }
    const Ran r = host.run_command("graph");
    REQUIRE(r.exit == 0);
    const std::string text = name_after(r.out, host.plugins + "/lib", "0123456789_", "N");
    if (i == 0) graph = text;
    CHECK(text == graph);
    if (i % 10 != 0) continue;
    host.dir.write("trace", "");
    REQUIRE(boot_and_stop(host).exit == 0);
    if (i == 0) calls = entered(host);
    CHECK(entered(host) == calls);
  }
  CHECK(calls.size() == 6 * 5 - 2);  // create, init, start, stop, destroy of six, without start and stop of quiet
}

TEST_CASE("an optional module that fails is undone with its dependents, and the host is degraded") {
  for (const std::string phase : {"create", "init", "start"}) {
    CAPTURE(phase);
    Host host({"modules/alpha", "modules/beta", "modules/epsilon"});
    host.script("alpha", std::string("fail: {") + phase + ": error}");
    const Ran r = boot_and_stop(host);
    CHECK(r.exit == 0);
    CHECK(r.err.find("degraded=true") != std::string::npos);
    CHECK(r.err.find("TOLD_TO_FAIL") != std::string::npos);
    CHECK(host.traced("epsilon start enter"));
    CHECK_FALSE(host.traced("beta start enter"));
    CHECK(host.traced("alpha destroy enter") == (std::string(phase) != "create"));
    CHECK(host.traced("alpha stop enter") == (std::string(phase) == "start"));
    CHECK(host.traced("beta destroy enter") == (std::string(phase) != "create"));
  }
}

TEST_CASE("every way of failing in every phase leaves the daemon standing") {
  for (const std::string phase : {"create", "init", "start"})
    for (const std::string how : {"error", "error_silent", "bad_status", "pending_undeferred"}) {
      CAPTURE(phase);
      CAPTURE(how);
      Host host({"modules/alpha", "modules/epsilon"});
      host.script("alpha", std::string("fail: {") + phase + ": " + how + "}");
      const Ran r = boot_and_stop(host);
      CHECK(r.exit == 0);
      CHECK(r.err.find("module failed module=alpha") != std::string::npos);
      CHECK(host.traced("epsilon start enter"));
    }
}

TEST_CASE("a required module that fails ends the boot with 69, all failures of the phase together") {
  Host host({"modules/alpha", "modules/epsilon", "modules/delta"});
  host.script("alpha", "fail: {init: error}", "required: true");
  host.script("epsilon", "fail: {init: error}", "required: true");
  Process p(host.arguments(), host.options);
  CHECK(p.wait() == 69);
  CHECK(p.err().find("module failed module=alpha") != std::string::npos);
  CHECK(p.err().find("module failed module=epsilon") != std::string::npos);
  CHECK_FALSE(host.traced("delta start enter"));
  CHECK(host.traced("delta destroy enter"));
}

TEST_CASE("pending starts: completed later, at once, twice, with an error, and never") {
  SUBCASE("later") {
    Host host({"modules/alpha", "modules/beta"});
    host.script("alpha", "fail: {start: complete}, complete: {after: 50ms}");
    CHECK(boot_and_stop(host).exit == 0);
    CHECK(host.traced("beta start enter"));
  }
  SUBCASE("before start has returned") {
    Host host({"modules/alpha", "modules/beta"});
    host.script("alpha", "fail: {start: complete_now}");
    CHECK(boot_and_stop(host).exit == 0);
    CHECK(host.traced("beta start enter"));
  }
  SUBCASE("twice") {
    Host host({"modules/alpha"});
    host.script("alpha", "fail: {start: complete_twice}");
    CHECK(boot_and_stop(host).exit == 0);
    CHECK(eventually([&] { return host.trace_text().find("second 5") != std::string::npos; }, 5s));
  }
  SUBCASE("with an error") {
    Host host({"modules/alpha", "modules/beta"});
    host.script("alpha", "fail: {start: complete}, complete: {after: 50ms, status: 14}");
    const Ran r = boot_and_stop(host);
    CHECK(r.exit == 0);
    CHECK_FALSE(host.traced("beta start enter"));
  }
  SUBCASE("never") {
    Host host({"modules/alpha", "modules/beta"});
    host.script("alpha", "fail: {start: pending}, on_cancel: true", "timeouts: {start: 300ms}");
    const Ran r = boot_and_stop(host);
    CHECK(r.exit == 0);
    CHECK(r.err.find("was PENDING and did not complete within 300ms") != std::string::npos);
    CHECK(host.traced("alpha stop enter"));
    CHECK(host.trace_text().find("on_cancel 1") != std::string::npos);
  }
}

TEST_CASE("a hang in each phase is named, and the others go on") {
  for (const std::string phase : {"create", "init", "start", "stop", "destroy"}) {
    CAPTURE(phase);
    Host host({"modules/quick", "modules/epsilon"});
    host.script("quick", std::string("fail: {") + phase + ": hang}");
    const Ran r = boot_and_stop(host);
    CHECK(r.exit == 0);  // wedged, but stopped cleanly
    CHECK(r.err.find("module is wedged module=quick phase=" + std::string(phase)) != std::string::npos);
    CHECK(r.err.find("module is slow module=quick") != std::string::npos);
    CHECK(host.traced("epsilon destroy leave"));
  }
}

TEST_CASE("a constructor that hangs ends the process with 69, and the next start skips the file") {
  Host host({"modules/alpha", "modules/epsilon"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nlifecycle: {timeouts: {load: 300ms}}\n");
  host.options.environment["TENON_FIXTURE_HANG"] = "alpha";
  {
    Process p(host.arguments(), host.options);
    CHECK(p.wait() == 69);
    CHECK(p.err().find("module=alpha") != std::string::npos);
  }
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  CHECK(r.err.find("did not return from its constructors") != std::string::npos);
  CHECK(host.traced("epsilon start enter"));
}

TEST_CASE("a module that ends the process is named") {
  SUBCASE("exit") {
    Host host({"modules/alpha"});
    host.script("alpha", "fail: {init: exit}");
    Process p(host.arguments(), host.options);
    CHECK(p.wait() == 70);
    CHECK(p.err().find("exit() was called in module `alpha`, init") != std::string::npos);
  }
  SUBCASE("exit in a constructor") {
    Host host({"modules/alpha"});
    host.options.environment["TENON_FIXTURE_CONSTRUCTOR"] = "alpha exit";
    Process p(host.arguments(), host.options);
    CHECK(p.wait() == 70);
    CHECK(p.err().find("exit() was called in module `alpha`, load") != std::string::npos);
  }
  SUBCASE("exit in a thread of its own") {
    Host host({"modules/alpha"});
    host.script("alpha", "fail: {init: thread_exit}");
    Process p(host.arguments(), host.options);
    CHECK(p.wait() == 70);
    CHECK(p.err().find("exit() was called in module `alpha`, a thread of its own, code of `alpha` at +0x") != std::string::npos);
  }
  if (slow_factor() == 1) {  // sanitizers have handlers of their own
    for (const auto& [how, number] : std::vector<std::pair<std::string, int>>{{"abort", SIGABRT}, {"segv", SIGSEGV}, {"throw", SIGABRT}}) {
      Host host({"modules/alpha"});
      host.script("alpha", "fail: {start: " + how + "}");
      Process p(host.arguments(), host.options);
      CHECK(p.wait() == 128 + number);
      CHECK(p.err().find("in module `alpha`, start") != std::string::npos);
      CHECK(read_file(host.state + "/crash.marker").find(" alpha ") != std::string::npos);
    }
    for (const auto& way : std::vector<std::pair<std::string, int>>{{"abort", SIGABRT}, {"segv", SIGSEGV}, {"throw", SIGABRT}}) {
      const std::string& how = way.first;
      const int number = way.second;
      CAPTURE(how);
      Host host({"modules/alpha"});
      host.options.environment["TENON_FIXTURE_CONSTRUCTOR"] = "alpha " + how;
      Process p(host.arguments(), host.options);
      CHECK(p.wait() == 128 + number);
      CHECK(p.err().find("in module `alpha`, load") != std::string::npos);
      CHECK(read_file(host.state + "/crash.marker").find(" alpha ") != std::string::npos);
    }
  }
}

TEST_CASE("lines still in memory are in the log file when a module ends the process, before the report") {
  // Lines below `error` reach a file once a second, or when the buffer is full: at the end of such a short life they are all in memory.
  std::vector<std::string> ways = {"exit"};
  if (slow_factor() == 1) ways.insert(ways.end(), {"segv", "abort"});
  for (const std::string& how : ways) {
    CAPTURE(how);
    Host host({"modules/alpha"});
    const std::string log = host.dir / "tenond.log";
    host.configure("instance: {environment: local}\npaths: {manifests: []}\nlog: {format: text, file: {path: " + log +
                   ", max_size: 1MiB, max_files: 3}}\n");
    host.script("alpha", "log_lines: 3, fail: {start: " + how + "}");
    Process p(host.arguments(), host.options);
    CHECK(p.wait() == (how == "exit" ? 70 : how == "segv" ? 128 + SIGSEGV : 128 + SIGABRT));
    const std::string text = read_file(log);
    const std::size_t line = text.find("faulty line"), last = text.find("line=2"), report = text.find("in module `alpha`, start");
    REQUIRE(report != std::string::npos);
    REQUIRE(last != std::string::npos);
    CHECK(line < last);
    CHECK(last < report);
    CHECK(text.find("line=2", last + 1) == std::string::npos);  // once
  }
}

TEST_CASE("descriptors that lie are refused by name, before create") {
  for (const std::string lie :
       {"name",           "version",        "need_missing", "need_added",  "need_optional", "start_missing", "start_added",
        "pre_init_added", "null_lifecycle", "magic",        "abi_major",   "entry_small",   "module_small",  "lifecycle_small",
        "need_small",     "no_modules",     "null_modules", "null_module", "many_modules",  "null_name",     "long_name",
        "flag",           "need_size",      "null_need",    "null_needs",  "query_extra"}) {
    CAPTURE(lie);
    Host host({std::string("lies/lie_") + lie, "modules/epsilon"});
    const Ran r = boot_and_stop(host);
    CHECK(r.exit == 0);
    CHECK_FALSE(host.traced(std::string("lie_") + lie + " create enter"));
    CHECK(host.traced("epsilon start enter"));
    CHECK(r.err.find(std::string("lie_") + lie) != std::string::npos);
  }
}

TEST_CASE("unusual descriptors that are in order are loaded") {
  Host host({"oddities/odd_abi_minor", "oddities/odd_grown", "oddities/odd_ignorable_flag"});
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  for (const char* name : {"odd_abi_minor", "odd_grown", "odd_ignorable_flag"}) CHECK(host.traced(std::string(name) + " start enter"));
}

TEST_CASE("no constructor of a refused file ever runs") {
  Host host({"modules/orphan", "modules/ring_a", "modules/ring_b", "modules/ring_c", "modules/narcissus", "modules/old_alpha_user",
             "modules/alpha"});
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  CHECK(host.traced("alpha load constructor"));
  for (const char* name : {"orphan", "ring_a", "ring_b", "ring_c", "narcissus", "old_alpha_user"})
    CHECK_FALSE(host.traced(std::string(name) + " load constructor"));
}

TEST_CASE("overwriting, truncating and deleting a dropped file changes nothing for the running module") {
  Host host({"modules/alpha"});
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  host.dir.write("plugins/libalpha.so", "not an ELF file any more");
  host.dir.write("plugins/libalpha.so", "");
  ::unlink((host.plugins + "/libalpha.so").c_str());
  CHECK(p.wait_for("would be gone"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK(host.traced("alpha destroy leave"));
}

TEST_CASE("--safe-mode runs no plugin, --migrate-only calls no init") {
  Host host({"modules/alpha"});
  host.script("alpha", "", "required: true");
  SUBCASE("safe mode") {
    const Ran r = boot_and_stop(host, {"--safe-mode"});
    CHECK(r.exit == 0);
    CHECK(host.trace().empty());
  }
  SUBCASE("migrate-only") {
    const Ran r = host.run_command("run", {"--migrate-only"});
    CHECK(r.exit == 0);
    CHECK(r.out == "no module offers migrations: nothing to do\n");
    CHECK(entered(host) == Lines{"alpha create", "alpha destroy"});
  }
}

TEST_CASE("the startup report of --migrate-only says whether it was through") {
  Host host({"modules/alpha"});
  const std::string report = host.dir / "r.json";
  CHECK(host.run_command("run", {"--migrate-only", "--startup-report", report}).exit == 0);
  CHECK(read_file(report).find("\"outcome\": \"migrated\"") != std::string::npos);
  host.script("alpha", "fail: {create: wait}");
  REQUIRE(::unlink(host.trace_file.c_str()) == 0);
  Process p(host.arguments({"--migrate-only", "--startup-report", report}), host.options);
  REQUIRE(eventually([&] { return host.traced("alpha create enter"); }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 75);
  CHECK(read_file(report).find("\"outcome\": \"cancelled\"") != std::string::npos);
}

TEST_CASE("a constructor that hangs leaves a startup report and a final status behind") {
  Host host({"modules/alpha"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nlifecycle: {timeouts: {load: 100ms}}\n");
  host.options.environment["TENON_FIXTURE_HANG"] = "alpha";
  Process p(host.arguments({"--startup-report", host.dir / "r.json"}), host.options);
  CHECK(p.wait() == 69);
  CHECK(read_file(host.dir / "r.json").find("\"outcome\": \"failed\"") != std::string::npos);
  const std::string status = read_file(host.state + "/status.json");
  CHECK(status.find("\"state\":\"stopped\"") != std::string::npos);
  CHECK(status.find("\"state\":\"wedged\"") != std::string::npos);
}

TEST_CASE("a constructor that hangs fails a migration with an answer") {
  Host host({"modules/alpha"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nlifecycle: {timeouts: {load: 100ms}}\n");
  host.options.environment["TENON_FIXTURE_HANG"] = "alpha";
  const Ran r = host.run_command("migrate", {"--output", "json"});
  CHECK(r.exit == 69);
  CHECK(r.out.starts_with("{\"format\":1,\"exit\":69,"));
  CHECK(r.err.find("tenond ends exit=69") != std::string::npos);
}

TEST_CASE("the startup report is written as JSON and as SVG") {
  Host host({"modules/alpha", "modules/beta"});
  CHECK(boot_and_stop(host, {"--startup-report", host.dir / "r.json"}).exit == 0);
  const std::string json = read_file(host.dir / "r.json");
  CHECK(json.find("\"outcome\": \"ready\"") != std::string::npos);
  CHECK(json.find("\"module\": \"beta\"") != std::string::npos);
  CHECK(boot_and_stop(host, {"--startup-report", host.dir / "r.svg"}).exit == 0);
  CHECK(read_file(host.dir / "r.svg").starts_with("<svg"));
}
