// Signals, at bad moments too.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_fixture.hpp"
#include "skip.hpp"

using namespace tenon::test;
using namespace std::chrono_literals;

TEST_CASE("SIGTERM and SIGINT in each phase end with 0 and undo what was done") {
  for (const std::string phase : {"create", "init", "start"})
    for (const std::string how : {"sigterm", "sigint"}) {
      CAPTURE(phase);
      Host host({"modules/alpha", "modules/beta"});
      host.script("alpha", std::string("fail: {") + phase + ": " + how + "}");
      Process p(host.arguments(), host.options);
      CHECK(p.wait() == 0);
      CHECK_FALSE(host.traced("beta start enter"));
      CHECK(host.traced(std::string("alpha ") + phase + " cancelled"));
    }
}

namespace {

/// A daemon whose discovery waits for a file system that does not answer, for as long as the gate exists.
struct Slow : Host {
  Slow() : Host({"modules/alpha"}), gate(dir.write("gate", "")) {
    options.environment["LD_PRELOAD"] = std::string(TENON_TEST_FIXTURES) + "/libslow_open.so";
    options.environment["TENON_FIXTURE_OPEN_GATE"] = gate;
    options.environment["TENON_FIXTURE_OPEN_NAME"] = "/";
  }
  [[nodiscard]] bool waits() const {
    return eventually([this] { return ::access((gate + ".waiting").c_str(), F_OK) == 0; });
  }
  const std::string gate;
};

}  // namespace

TEST_CASE("SIGTERM and SIGINT while directories are read end with 0, whether or not the file system answers") {
  SKIP_UNLESS(slow_factor() == 1, "the runtime of a sanitizer wants to be loaded first");
  for (const int signal : {SIGTERM, SIGINT})
    for (const bool safe_mode : {false, true}) {
      CAPTURE(signal);
      Slow host;
      const std::string report = host.dir / "report.json";
      std::vector<std::string> more = {"--startup-report", report};
      if (safe_mode) more.emplace_back("--safe-mode");
      Process p(host.arguments(more), host.options);
      REQUIRE(host.waits());
      p.signal(signal);
      CHECK(p.wait(10s) == 0);
      CHECK(p.err().find("stopped before any module was loaded signal=SIG") != std::string::npos);
      CHECK(read_file(report).find("\"outcome\": \"cancelled\"") != std::string::npos);
      CHECK(host.trace().empty());
      CHECK(::access((host.state + "/status.json").c_str(), F_OK) != 0);
    }
  Slow invalid;
  invalid.configure("instance: {environment: local}\npaths: {manifests: []}\nnonsense: 1\n");
  Process p(invalid.arguments(), invalid.options);
  REQUIRE(invalid.waits());
  p.signal(SIGTERM);
  CHECK(p.wait(10s) == 0);
  CHECK(p.err().find("stopped before any module was loaded") != std::string::npos);
}

TEST_CASE("a migration told to stop while directories are read was interrupted") {
  SKIP_UNLESS(slow_factor() == 1, "the runtime of a sanitizer wants to be loaded first");
  Slow host;
  Process p(host.arguments({"--output", "json"}, "migrate"), host.options);
  REQUIRE(host.waits());
  p.signal(SIGTERM);
  CHECK(p.wait(10s) == 75);
  CHECK(p.out().starts_with("{\"format\":1,\"exit\":75,"));
  CHECK(p.out().find("interrupted: ") != std::string::npos);
}

TEST_CASE("signals that do not stop are served while directories are read, and SIGHUP is remembered") {
  SKIP_UNLESS(slow_factor() == 1, "the runtime of a sanitizer wants to be loaded first");
  Slow host;
  Process p(host.arguments(), host.options);
  REQUIRE(host.waits());
  p.signal(SIGHUP);
  p.signal(SIGUSR1);
  p.signal(SIGQUIT);
  REQUIRE(p.wait_for("dump: no module is loaded yet phase=discover"));
  REQUIRE(::unlink(host.gate.c_str()) == 0);
  REQUIRE(p.wait_for(" ready "));
  CHECK(p.wait_for("reloaded applied="));
  CHECK(p.err().find("reload is remembered until ready") != std::string::npos);
  p.signal(SIGTERM);
  REQUIRE(p.wait_for("stopping signal=SIGTERM"));  // the first one, not a second
  CHECK(p.wait() == 0);
}

TEST_CASE("threads that modules left behind do not disturb the end") {
  SKIP_UNLESS(slow_factor() == 1, "under sanitizers everything is freed at the end, so that leaks are found");
  Host host({"modules/alpha", "modules/beta", "modules/gamma", "modules/delta", "modules/epsilon"});
  for (const char* name : {"alpha", "beta", "gamma", "delta", "epsilon"}) host.script(name, "call_after_stop: true");
  // Whatever was freed is overwritten, and they have time to find it.
  host.options.environment["MALLOC_PERTURB_"] = "165";
  host.options.environment["LD_PRELOAD"] = std::string(TENON_TEST_FIXTURES) + "/libslow_end.so";
  const Ran r = boot_and_stop(host);
  CAPTURE(r.err);
  CHECK(r.exit == 0);
}

TEST_CASE("a signal while a constructor runs: it is waited for, then nothing of the module is called") {
  Host host({"modules/alpha", "modules/epsilon"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nlifecycle: {timeouts: {load: 6s}}\n");
  // The constructor waits for the reader of its trace.
  const std::string gate = host.dir / "gate";
  REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
  host.options.environment["TENON_FIXTURE_TRACE"] = gate;
  for (const char* name : {"alpha", "epsilon"}) host.script(name, "trace: " + host.trace_file);
  SUBCASE("it returns") {
    Process p(host.arguments(), host.options);
    REQUIRE(p.wait_for("module is slow module=alpha phase=load"));
    p.signal(SIGTERM);
    REQUIRE(p.wait_for("stopping signal=SIGTERM"));
    const int reader = ::open(gate.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(reader >= 0);
    CHECK(p.wait() == 0);
    ::close(reader);
    CHECK(host.trace().empty());
    CHECK(p.err().find("module=epsilon state=loaded") == std::string::npos);
  }
  SUBCASE("it does not") {
    Process p(host.arguments(), host.options);
    REQUIRE(p.wait_for("module is slow module=alpha phase=load"));
    p.signal(SIGTERM);
    REQUIRE(p.wait_for("stopping signal=SIGTERM"));
    CHECK(p.wait() == 69);
    CHECK(p.err().find("a constructor of this module does not return") != std::string::npos);
    CHECK(read_file(host.state + "/load.marker").find(" alpha\n") != std::string::npos);
  }
}

TEST_CASE("a signal while a constructor runs that is given up before its own deadline: what a normal end tells is told") {
  Host host({"modules/alpha"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nlifecycle: {timeouts: {load: 60s}}\n");
  host.options.environment["TENON_FIXTURE_HANG"] = "alpha";
  const std::string report = host.dir / "r.json";
  SUBCASE("migrate") {
    Process p(host.arguments({"--migrate-only", "--output", "json", "--startup-report", report}), host.options);
    REQUIRE(eventually([&] { return host.traced("alpha load constructor"); }));
    p.signal(SIGTERM);
    CHECK(p.wait() == 75);
    CHECK(p.out().find("\"exit\":75") != std::string::npos);
    CHECK(p.out().find("interrupted: ") != std::string::npos);
    CHECK(p.err().find("interrupted: ") != std::string::npos);
    CHECK(p.err().find("tenond ends exit=75") != std::string::npos);
  }
  SUBCASE("run") {
    Process p(host.arguments({"--startup-report", report}), host.options);
    REQUIRE(eventually([&] { return host.traced("alpha load constructor"); }));
    p.signal(SIGTERM);
    CHECK(p.wait() == 0);
    CHECK(read_file(host.state + "/status.json").find("\"state\":\"stopped\"") != std::string::npos);
    CHECK(read_file(host.state + "/audit.log").find("daemon.stop") != std::string::npos);
    CHECK(p.err().find("tenond ends exit=0") != std::string::npos);
  }
  CHECK(read_file(report).find("\"outcome\": \"cancelled\"") != std::string::npos);
  CHECK(::access((host.state + "/load.marker").c_str(), F_OK) != 0);
}

TEST_CASE("a second signal hurries, a third ends at once with 128+n") {
  Host host({"modules/alpha"});
  host.script("alpha", "fail: {stop: hang}", "timeouts: {stop: 30s}");
  SUBCASE("second") {
    Process p(host.arguments(), host.options);
    REQUIRE(p.wait_for(" ready "));
    p.signal(SIGTERM);
    REQUIRE(eventually([&] { return host.traced("alpha stop enter"); }));
    p.signal(SIGTERM);
    CHECK(p.wait(10s) == 0);
    CHECK(p.err().find("module is wedged module=alpha phase=stop") != std::string::npos);
  }
  SUBCASE("third") {
    Process p(host.arguments(), host.options);
    REQUIRE(p.wait_for(" ready "));
    p.signal(SIGTERM);
    REQUIRE(p.wait_for("stopping signal="));
    p.signal(SIGINT);
    REQUIRE(p.wait_for("stopping in a hurry"));
    p.signal(SIGTERM);
    CHECK(p.wait(5s) == 128 + SIGTERM);
  }
}

TEST_CASE("a module that unblocks signals takes none of them away") {
  Host host({"modules/alpha", "modules/beta"});
  for (const char* name : {"alpha", "beta"}) host.script(name, "fail: {create: unblock, init: unblock, start: unblock}");
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  // Asked for by ever the same thread, which blocks them again after the first.
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("reloaded applied=nothing"));
  p.signal(SIGQUIT);
  REQUIRE(p.wait_for("dump: last records follow on stderr"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK(host.traced("alpha destroy leave"));
}

TEST_CASE("the first signal that an unblocking module gets instead of the host counts, and counts once") {
  Host host({"modules/alpha"});
  const std::string log = host.dir / "tenond.log";
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT}) {
    CAPTURE(signal);
    const bool to_file = signal == SIGUSR1;  // seen by the file that is there again
    const auto configure = [&](const std::string& more) {
      host.configure("instance: {environment: local}\npaths: {manifests: []}\n" + more +
                     "modules:\n  alpha: {timeouts: {stop: 30s}, config: {fail: {start: unblock, stop: hang}}}\n");
    };
    configure(to_file ? "log: {file: {path: " + log + "}}\n" : "");
    Process p(host.arguments(), host.options);
    if (to_file) {
      REQUIRE(eventually([&] { return host.traced("alpha start leave"); }));
      REQUIRE(::rename(log.c_str(), (log + ".old").c_str()) == 0);
      p.signal(signal);
      REQUIRE(eventually([&] { return ::access(log.c_str(), F_OK) == 0; }));
      p.signal(SIGTERM);
      REQUIRE(eventually([&] { return host.traced("alpha stop enter"); }));
      p.signal(SIGINT);
      p.signal(SIGTERM);
      CHECK(p.wait(10s) == 128 + SIGTERM);
      REQUIRE(::unlink(host.trace_file.c_str()) == 0);
      continue;
    }
    REQUIRE(p.wait_for(" ready "));
    p.signal(signal);
    if (signal != SIGTERM && signal != SIGINT) {
      REQUIRE(p.wait_for(signal == SIGHUP ? "reloaded applied=nothing" : "dump: last records"));
      p.signal(SIGTERM);
    }
    REQUIRE(p.wait_for("stopping signal="));
    REQUIRE(eventually([&] { return host.traced("alpha stop enter"); }));
    p.signal(SIGINT);
    REQUIRE(p.wait_for("stopping in a hurry signal=SIGINT"));
    p.signal(SIGTERM);
    CHECK(p.wait(10s) == 128 + SIGTERM);
    REQUIRE(::unlink(host.trace_file.c_str()) == 0);
  }
}

TEST_CASE("a child that a module forked is ended by a signal as any other process, and its parent goes on") {
  Host host({"modules/alpha"});
  host.script("alpha", "fail: {start: fork}");
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  CHECK(host.traced("alpha start child 15"));
  CHECK(p.err().find("stopping") == std::string::npos);
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("SIGHUP switches live keys, refuses an invalid file as a whole, and names what needs a restart") {
  Host host({"modules/alpha"});
  host.script("alpha", "live_value: one");
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));

  Host next;  // only for its text
  host.dir.write("host.yaml",
                 "instance: {environment: local}\npaths: {manifests: []}\nmodules:\n  alpha: {config: {live_value: two, log_lines: 5}}\n");
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("modules.alpha.config.live_value"));
  CHECK(eventually([&] { return host.trace_text().find("changed two") != std::string::npos; }));
  CHECK(p.wait_for("`modules.alpha.config.log_lines` is not declared live"));

  host.dir.write("host.yaml", "instance: {environment: local}\nlog: {levle: debug}\n");
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("reload refused"));
  CHECK(p.wait_for("did you mean"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("a reload that hangs in the file system does not keep the daemon from ending") {
  SKIP_UNLESS(slow_factor() == 1, "the runtime of a sanitizer wants to be loaded first");
  Host host({"modules/alpha"});
  const std::string gate = host.dir / "gate";
  host.options.environment["LD_PRELOAD"] = std::string(TENON_TEST_FIXTURES) + "/libslow_open.so";
  host.options.environment["TENON_FIXTURE_OPEN_GATE"] = gate;
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  host.dir.write("gate", "");
  p.signal(SIGHUP);
  REQUIRE(eventually([&] { return ::access((gate + ".waiting").c_str(), F_OK) == 0; }));
  p.signal(SIGTERM);
  CHECK(p.wait(10s) == 0);
  CHECK(host.traced("alpha destroy leave"));
  CHECK(p.err().find("a reload or directory check does not end") != std::string::npos);
  CHECK(p.err().find("tenond ends exit=0") != std::string::npos);
}

TEST_CASE("commands that only look are interrupted like any program") {
  Host host;
  // Findings of discovery, more than the pipe holds: the command waits in the middle of telling them.
  for (int i = 0; i < 200; ++i) host.dir.write("plugins/broken" + std::to_string(i) + ".so", "this is no ELF file");
  host.options.unread = true;
  for (const int signal : {SIGINT, SIGTERM}) {
    Process p(host.arguments({}, "check"), host.options);
    REQUIRE(eventually([&] { return p.unread_bytes() > 2048; }));
    p.signal(signal);
    CHECK(p.wait(10s) == 128 + signal);
  }
}

TEST_CASE("a reload and a look at the directories that get no thread are told, and the next ones are served") {
  SKIP_UNLESS(slow_factor() == 1, "the runtime of a sanitizer wants to be loaded first");
  Host host({"modules/alpha"});
  const std::string gate = host.dir / "no_thread";
  host.options.environment["LD_PRELOAD"] = std::string(TENON_TEST_FIXTURES) + "/libno_thread.so";
  host.options.environment["NO_THREAD_WHILE"] = gate;
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  host.dir.write("no_thread", "");
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("reload refused, nothing changed"));
  CHECK(p.wait_for("the reload could not be worked out: the system gives no thread"));
  host.add("modules/epsilon");
  REQUIRE(p.wait_for("what a restart would change could not be worked out"));
  REQUIRE(::unlink(gate.c_str()) == 0);
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("reloaded applied=nothing"));
  CHECK(p.wait_for("`epsilon` 1.0.0 would be loaded"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("a storm of 1000 SIGHUPs, half of them with an invalid file") {
  Host host({"modules/alpha"});
  Process p(host.arguments({"--log-level", "warn"}), host.options);
  REQUIRE(eventually([&] { return host.traced("alpha start leave"); }));
  const std::string good = "instance: {environment: local}\npaths: {manifests: []}\n";
  for (int i = 0; i < 1000; ++i) {
    host.dir.write("host.yaml", i % 2 == 0 ? "nonsense: {" : good);
    p.signal(SIGHUP);
  }
  host.dir.write("host.yaml", good);
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK(host.traced("alpha destroy leave"));
}

TEST_CASE("SIGQUIT prints states and the last records, and the daemon goes on") {
  Host host({"modules/alpha"});
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  p.signal(SIGQUIT);
  REQUIRE(p.wait_for("dump: last records follow on stderr"));
  CHECK(p.wait_for("dump: module module=alpha state=running"));
  CHECK(p.wait_for("host: tenond starts"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("SIGUSR1 opens the log file again") {
  Host host({"modules/alpha"});
  const std::string log = host.dir / "tenond.log";
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nlog: {format: json, file: {path: " + log +
                 ", max_size: 1MiB, max_files: 3}}\n");
  Process p(host.arguments(), host.options);
  REQUIRE(eventually([&] { return host.traced("alpha start leave"); }));
  REQUIRE(::rename(log.c_str(), (log + ".old").c_str()) == 0);
  p.signal(SIGUSR1);
  CHECK(eventually([&] { return ::access(log.c_str(), F_OK) == 0; }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK(read_file(log + ".old").find("tenond starts") != std::string::npos);
  CHECK(read_file(log).find("tenond ends") != std::string::npos);
}

TEST_CASE("a module dropped while running is noticed and reported, not loaded") {
  Host host({"modules/alpha"});
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  host.add("modules/epsilon");
  CHECK(p.wait_for("`epsilon` 1.0.0 would be loaded"));
  host.dir.write("plugins/broken.so", "this is no ELF file");
  CHECK(p.wait_for("`broken.so` would not run"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK_FALSE(host.traced("epsilon load constructor"));
}

TEST_CASE("while a changed key waits for a restart, a look at the directories does not say that a restart would change nothing") {
  Host host({"modules/alpha"});
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  host.add("modules/alpha");
  CHECK(p.wait_for("a restart would change nothing\n"));
  host.script("alpha", "log_lines: 5");
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("`modules.alpha.config.log_lines` is not declared live"));
  host.add("modules/alpha");
  CHECK(p.wait_for("a restart would change nothing more than reported"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("a drop that was reported and is undone is taken back, while another one stands") {
  Host host({"modules/alpha"});
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  host.add("modules/epsilon");
  REQUIRE(p.wait_for("`epsilon` 1.0.0 would be loaded"));
  const std::string dropped = host.add("modules/beta");
  REQUIRE(p.wait_for("`beta` 1.0.0 would be loaded"));
  REQUIRE(::unlink(dropped.c_str()) == 0);
  CHECK(p.wait_for("withdrawn: no longer what a restart would do what=\"`beta` 1.0.0 would be loaded\""));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK(p.err().find("nothing more than reported") == std::string::npos);
}

TEST_CASE("SIGHUP while a boot is being stopped is dropped: ready never comes") {
  Host host({"modules/alpha"});
  host.script("alpha", "fail: {init: hang}", "timeouts: {init: 30s}");
  Process p(host.arguments(), host.options);
  REQUIRE(eventually([&] { return host.traced("alpha init enter"); }));
  p.signal(SIGTERM);
  REQUIRE(p.wait_for("stopping signal=SIGTERM"));
  p.signal(SIGHUP);
  CHECK(p.wait_for("reload dropped, the daemon is stopping"));
  p.signal(SIGTERM);
  REQUIRE(p.wait_for("stopping in a hurry"));
  p.signal(SIGTERM);
  CHECK(p.wait(10s) == 128 + SIGTERM);
}

TEST_CASE("a module dropped after the directory was read, before the daemon is ready, is noticed") {
  Host host({"modules/alpha"});
  // Findings of discovery, more than the pipe holds: the daemon waits in the middle of telling them.
  for (int i = 0; i < 40; ++i) host.dir.write("plugins/broken" + std::to_string(i) + ".so", "this is no ELF file");
  host.options.unread = true;
  Process p(host.arguments(), host.options);
  REQUIRE(eventually([&] { return p.unread_bytes() > 2048; }));
  host.add("modules/epsilon");
  p.read_on();
  CHECK(p.wait_for("`epsilon` 1.0.0 would be loaded"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK_FALSE(host.traced("epsilon load constructor"));
}

TEST_CASE("list --running reads the status file, and knows when the daemon is gone") {
  Host host({"modules/alpha"});
  {
    Process p(host.arguments(), host.options);
    REQUIRE(p.wait_for(" ready "));
    CHECK(eventually([&] {
      const Ran r = host.run_command("list", {"--running"});
      return r.exit == 0 && r.out.find("alpha") != std::string::npos && r.out.find("running") != std::string::npos;
    }));
    p.signal(SIGTERM);
    CHECK(p.wait() == 0);
  }
  const Ran r = host.run_command("list", {"--running"});
  CHECK(r.exit == 69);
  CHECK(r.err.find("is gone") != std::string::npos);
}
