// Every exit code has a scenario, and two at once.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "host_fixture.hpp"

using namespace tenon::test;

TEST_CASE("64: the command line") {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--no-such-option"},
                                                {"chekc"},
                                                {"--output", "xml"},
                                                {"inspect"},
                                                {"graph", "--format", "png"},
                                                {"run", "surplus"},
                                                {"--startup-report", "r.txt"},
                                                {"--set", "log.level"},
                                                {"--state-dir"}}) {
    std::vector<std::string> arguments = {tenond()};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const Ran r = run(arguments);
    CAPTURE(wrong.front());
    CHECK(r.exit == 64);
    CHECK(r.err.find("help: ") != std::string::npos);
  }
}

TEST_CASE("66: a file named on the command line is missing") {
  CHECK(run({tenond(), "check", "--config", "/nonexistent/tenon.yaml"}).exit == 66);
  CHECK(run({tenond(), "inspect", "/nonexistent/module.so"}).exit == 66);
}

TEST_CASE("78: text of configuration, cycle among required modules, duplicate name of a required one") {
  Host host;
  host.configure("instance: {environment: local}\nno_such_key: 1\n");
  CHECK(host.run_command("check").exit == 78);
  Host ring({"modules/ring_a", "modules/ring_b", "modules/ring_c"});
  CHECK(ring.run_command("check").exit == 0);  // optional: blocked, told, harmless
  ring.script("ring_a", "", "required: true");
  const Ran r = ring.run_command("check");
  CHECK(r.exit == 78);
  CHECK(r.err.find("ring_a -> ring_b -> ring_c -> ring_a") != std::string::npos);
  Host twice({"modules/alpha"});
  twice.add("modules/alpha", "libother.so");
  ::chmod((twice.plugins + "/libother.so").c_str(), 0644);
  twice.script("alpha", "", "required: true");
  CHECK(twice.run_command("check").exit == 78);
}

TEST_CASE("69: a required module is missing, disabled, refused, of the wrong version") {
  Host missing;
  missing.script("alpha", "", "required: true");
  CHECK(missing.run_command("check").exit == 69);
  Host disabled({"modules/alpha"});
  disabled.script("alpha", "", "required: true, enabled: false");
  CHECK(disabled.run_command("check").exit == 69);
  Host old({"modules/alpha", "modules/old_alpha_user"});
  old.script("old_alpha_user", "", "required: true");
  CHECK(old.run_command("check").exit == 69);
  Host refused;
  refused.dir.write("plugins/libalpha.so", "no ELF");
  refused.dir.write("plugins/alpha.yaml", "manifest: 1\nsdk: \"1.0\"\nname: alpha\nversion: 1.0.0\nlibrary: libalpha.so\n");
  refused.script("alpha", "", "required: true");
  CHECK(refused.run_command("check").exit == 69);
}

TEST_CASE("75: a second daemon on one state directory names the first") {
  Host host({"modules/alpha"});
  Process first(host.arguments(), host.options);
  REQUIRE(first.wait_for(" ready "));
  Process second(host.arguments(), host.options);
  CHECK(second.wait() == 75);
  CHECK(second.err().find("pid " + std::to_string(first.pid())) != std::string::npos);
  first.signal(SIGTERM);
  CHECK(first.wait() == 0);
}

TEST_CASE("75: a migration was interrupted, whichever way it was asked for and interrupted") {
  const std::vector<std::string> option = {"--migrate-only"};
  struct Way {
    const char* command;
    std::vector<std::string> more;
    int signal;
  };
  for (const Way& way : {Way{"run", option, SIGTERM}, Way{"migrate", {}, SIGTERM}, Way{"migrate", {}, SIGINT}}) {
    CAPTURE(way.command);
    CAPTURE(way.signal);
    Host host({"modules/alpha"});
    host.script("alpha", "fail: {create: wait}");
    Process p(host.arguments(way.more, way.command), host.options);
    REQUIRE(eventually([&] { return host.traced("alpha create enter"); }));
    p.signal(way.signal);
    CHECK(p.wait() == 75);
    CHECK(p.out().empty());
    CHECK(p.err().find("interrupted: ") != std::string::npos);
  }
}

TEST_CASE("65: a status file that is none") {
  Host host;
  for (const char* text : {"", "{", "[]", "{\"pid\":1}", "{\"pid\":\"1\",\"modules\":[]}"}) {
    CAPTURE(text);
    host.dir.write("state/status.json", text);
    const Ran r = host.run_command("list", {"--running"});
    CHECK(r.exit == 65);
    CHECK(r.err.find("status.json` is not a status file of tenond") != std::string::npos);
  }
}

TEST_CASE("74: what cannot be written") {
  Host host({"modules/alpha"});
  const auto through_shell = [](const std::string& command, const std::vector<std::string>& arguments) {
    std::vector<std::string> out = {"/bin/sh", "-c", command, "sh"};
    out.insert(out.end(), arguments.begin(), arguments.end());
    return out;
  };
  for (const char* command : {"check", "list", "graph", "config"}) {
    CAPTURE(command);
    const Ran full = run(through_shell("exec \"$@\" >/dev/full", host.arguments({}, command)));
    CHECK(full.exit == 74);
    CHECK(full.err.find("cannot write the answer to standard output: No space left on device") != std::string::npos);
  }
  // The daemon, when the copy of a required module exceeds what it may write.
  host.script("alpha", "", "required: true");
  const Ran r = run(through_shell("ulimit -f 8; exec \"$@\"", host.arguments()), host.options);
  CHECK(r.exit == 74);
  CHECK(r.err.find("File too large") != std::string::npos);
  CHECK_FALSE(host.traced("alpha load constructor"));
  for (const char* output : {"text", "json"}) {
    CAPTURE(output);
    const Ran full = run(through_shell("exec \"$@\" >/dev/full", host.arguments({"--migrate-only", "--output", output})), host.options);
    CHECK(full.exit == 74);
    CHECK(full.err.find("the answer cannot be written to standard output: cannot write: No space left on device") != std::string::npos);
  }
}

TEST_CASE("73 and 77: a state directory that cannot be made, or is not safe") {
  Host host;
  host.dir.write("file", "");
  host.state = host.dir / "file/state";
  Process p(host.arguments(), host.options);
  CHECK(p.wait() == 73);
  Host open;
  open.state = open.dir.make_dir("state", 0777);
  Process q(open.arguments(), open.options);
  CHECK(q.wait() == 77);
  CHECK(q.err().find("chmod go-w") != std::string::npos);
}

TEST_CASE("check exits as the boot would, with the same words, where the host's own files do not let it start") {
  struct Way {
    const char* name;
    int exit;
  };
  for (const Way& way : {Way{"below a file", 73}, Way{"writable by others", 77}, Way{"a lock that is none", 73}, Way{"log", 73}}) {
    CAPTURE(way.name);
    Host host({"modules/alpha"});
    std::vector<std::string> more;
    const std::string name = way.name;
    if (name == "below a file") host.state = host.dir.write("file", "") + "/state";
    if (name == "writable by others") host.state = host.dir.make_dir("open", 0777);
    if (name == "a lock that is none") {
      host.state = host.dir.make_dir("odd", 0700);
      REQUIRE(::symlink("elsewhere", (host.state + "/run.lock").c_str()) == 0);
    }
    if (name == "log") more = {"--set", "log.file.path=" + host.dir.path() + "/absent/x.log"};
    const Ran check = host.run_command("check", more);
    CHECK(check.exit == way.exit);
    const std::size_t begin = check.err.find("cannot "), other = check.err.find("the state directory ");
    const std::size_t at = std::min(begin, other);
    REQUIRE(at != std::string::npos);
    const std::string said = check.err.substr(at, check.err.find(" [daemon.not_started]", at) - at);
    const Ran boot = host.run_command("run", more);
    CHECK(boot.exit == way.exit);
    CHECK_MESSAGE(boot.err.find(said) != std::string::npos, said, boot.err);
    CHECK(host.run_command("check", {"--output", "json"}).out.find("\"exit\":" + std::to_string(name == "log" ? 0 : way.exit)) !=
          std::string::npos);
  }
}

TEST_CASE("check exits as the boot would, with the same words, where the audit log does not let it start") {
  struct Way {
    const char* file;
    int exit;
  };
  for (const Way& way :
       {Way{"absent/audit.log", 73}, Way{"loose.log", 77}, Way{"link.log", 77}, Way{"text.log", 65}, Way{"file/audit.log", 73}}) {
    CAPTURE(way.file);
    Host host({"modules/alpha"});
    REQUIRE(::chmod(host.dir.write("loose.log", "").c_str(), 0666) == 0);
    REQUIRE(::symlink("elsewhere", (host.dir / "link.log").c_str()) == 0);
    host.dir.write("file", "");
    const std::string text = host.dir.write("text.log", "kept by somebody else\n");
    const std::vector<std::string> more = {"--set", "audit.path=" + host.dir / way.file};
    const Ran check = host.run_command("check", more);
    CHECK(check.exit == way.exit);
    const std::size_t at = check.err.find("error: ");
    REQUIRE(at != std::string::npos);
    const std::string said = check.err.substr(at + 7, check.err.find(" [daemon.not_started]") - at - 7);
    CHECK(said.find("audit file") != std::string::npos);
    const Ran boot = host.run_command("run", more);
    CHECK(boot.exit == way.exit);
    CHECK_MESSAGE(boot.err.find(said) != std::string::npos, said, boot.err);
    // What is wrong besides counts as in the boot, which does not come to the audit log then.
    host.script("alpha", "no_such_key: 1", "required: true");
    CHECK(host.run_command("check", more).exit == 78);
    CHECK(host.run_command("run", more).exit == 78);
    CHECK(read_file(text) == "kept by somebody else\n");
  }
}

TEST_CASE("check tells of an audit log that was changed, and leaves it where it is") {
  Host host({"modules/alpha"});
  CHECK(boot_and_stop(host).exit == 0);
  const std::string file = host.state + "/audit.log", before = read_file(file);
  const Ran good = host.run_command("check");
  CHECK(good.exit == 0);
  CHECK(good.err.find("audit") == std::string::npos);
  {
    Process running(host.arguments(), host.options);
    REQUIRE(running.wait_for(" ready "));
    CHECK(host.run_command("check").err.find("audit") == std::string::npos);
    running.signal(SIGTERM);
    CHECK(running.wait() == 0);
  }
  host.dir.write("state/audit.log", before);  // cut behind what was noted
  REQUIRE(read_file(file) == before);
  const Ran check = host.run_command("check");
  CHECK(check.exit == 0);
  CHECK(check.err.find("warning: the audit file `" + file + "` ends with record") != std::string::npos);
  CHECK(read_file(file) == before);
  CHECK(boot_and_stop(host).exit == 0);  // it sets the file aside
}

TEST_CASE("check takes a state directory, a log file and an audit file that can be made, and makes none") {
  Host host({"modules/alpha"});
  host.state = host.dir / "a/b/state";
  const std::string log = host.dir / "tenond.log";
  CHECK(host.run_command("check", {"--set", "log.file.path=" + log}).exit == 0);
  CHECK(host.run_command("check", {"--set", "audit.path=" + host.dir / "a/b/audit.log"}).exit == 0);
  CHECK(::access((host.dir / "a").c_str(), F_OK) != 0);
  CHECK(::access(log.c_str(), F_OK) != 0);
}

TEST_CASE("what was found on the way stands in the answer of a migration that has nothing to do") {
  Host host({"modules/alpha", "modules/orphan"});
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--dry-run"}}) {
    std::vector<std::string> arguments = {"--output", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran r = host.run_command("migrate", arguments);
    CHECK(r.exit == 0);
    CHECK(r.out.find("\"findings\":[{") != std::string::npos);
    CHECK(r.out.find("orphan") != std::string::npos);
    CHECK(r.out.find("\"migrations\":[],\"message\":") != std::string::npos);
  }
}

TEST_CASE("several at once: the first of 64 66 77 78 65 69 75 71 73 74 70") {
  // A required module is missing (69) while another daemon holds the lock (75).
  Host host;
  Process first(host.arguments(), host.options);
  REQUIRE(first.wait_for(" ready "));
  host.script("alpha", "", "required: true");
  Process second(host.arguments(), host.options);
  CHECK(second.wait() == 69);
  CHECK(second.err().find("another tenond") != std::string::npos);
  first.signal(SIGTERM);
  CHECK(first.wait() == 0);
}

TEST_CASE("a log file that cannot be opened does not hide the rest") {
  const std::string log = "log: {file: {path: /nonexistent/tenond.log, max_size: 1MiB, max_files: 2}}\n";
  Host host({"modules/alpha"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\n" + log);
  Process alone(host.arguments(), host.options);
  CHECK(alone.wait() == 73);
  const std::size_t told = alone.err().find("/nonexistent/tenond.log");
  CHECK(told != std::string::npos);
  CHECK(alone.err().find("/nonexistent/tenond.log", told + 1) == std::string::npos);  // once
  CHECK_FALSE(host.traced("alpha load constructor"));

  host.configure("instance: {environment: local}\npaths: {manifests: []}\n");
  Process first(host.arguments(), host.options);
  REQUIRE(first.wait_for(" ready "));
  host.configure("instance: {environment: local}\npaths: {manifests: []}\n" + log);
  Process second(host.arguments(), host.options);
  CHECK(second.wait() == 75);
  CHECK(second.err().find("another tenond") != std::string::npos);
  CHECK(second.err().find("/nonexistent/tenond.log") != std::string::npos);
  host.script("beta", "", "required: true");
  Process third(host.arguments(), host.options);
  CHECK(third.wait() == 69);
  CHECK(third.err().find("another tenond") != std::string::npos);
  first.signal(SIGTERM);
  CHECK(first.wait() == 0);
}

TEST_CASE("a wrong configuration of an optional module blocks that module only") {
  Host host({"modules/alpha", "modules/epsilon"});
  host.script("alpha", "no_such_key: 1");
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  CHECK(r.err.find("no_such_key") != std::string::npos);
  CHECK_FALSE(host.traced("alpha load constructor"));
  CHECK(host.traced("epsilon start enter"));
}

TEST_CASE("check, list, graph, config and inspect write nothing") {
  Host host({"modules/alpha"});
  for (const char* command : {"check", "list", "graph", "config"}) CHECK(host.run_command(command).exit == 0);
  CHECK(run({tenond(), "inspect", host.plugins + "/libalpha.so"}).exit == 0);
  CHECK(::access(host.state.c_str(), F_OK) != 0);
  CHECK(host.trace().empty());
}

TEST_CASE("check and inspect agree on a library with two manifests of one module, and on a manifest that is too large") {
  const std::pair<const char*, const char*> rows[] = {{"elf_twice.so", "discovery.second_note"},
                                                      {"elf_note_too_large.so", "elf.manifest_too_large"}};
  for (const auto& row : rows) {
    const std::string fixture = row.first, code = row.second;
    CAPTURE(fixture);
    Host host;
    const std::string file = host.plugins + "/libx.so";
    std::ofstream(file, std::ios::binary) << read_file(std::string(TENON_TEST_FIXTURES "/elf/") + fixture);
    REQUIRE(::chmod(file.c_str(), 0755) == 0);
    const Ran inspected = run({tenond(), "inspect", file, "--output", "json"}), checked = host.run_command("check", {"--output", "json"});
    CHECK(inspected.exit == 69);
    CHECK(checked.exit == 0);  // nobody requires it
    for (const std::string& out : {inspected.out, checked.out}) {
      CAPTURE(out);
      const std::size_t found = out.find("\"code\":\"" + code + '"');
      REQUIRE(found != std::string::npos);
      CHECK(out.find("\"severity\":\"error\"", found) == std::string::npos);  // that alone
    }
  }
}

TEST_CASE("every command has JSON output that names its format") {
  Host host({"modules/alpha", "modules/orphan"});
  for (const char* command : {"check", "list", "graph", "config"}) {
    CAPTURE(command);
    const Ran r = host.run_command(command, {"--output", "json"});
    CHECK(r.out.starts_with("{"));
    CHECK(r.out.ends_with("}\n"));
  }
  CHECK(run({tenond(), "--version", "--output", "json"}).out.find("\"abi\":\"1.0\"") != std::string::npos);
}
