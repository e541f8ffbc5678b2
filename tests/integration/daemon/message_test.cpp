// What the daemon says of itself from start to end, word for word. TENON_UPDATE_GOLDEN=1 writes the file anew.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "host_fixture.hpp"
#include "normalize.hpp"
#include "skip.hpp"

using namespace tenon::test;

namespace {

std::string normalized(std::string text, const Host& host) {
  text = replace_all(name_log_times(text, "TIME"), host.dir.path(), "DIR");
  text = name_after(text, "took=", "0123456789.mus", "SOME");
  text = name_after(text, " pid=", digits, "PID");
  return name_after(text, "tenond starts version=", "0123456789.", "VERSION");
}

void check_golden(const std::string& file, const std::string& actual) {
  const std::string path = std::string(TENON_TEST_GOLDEN) + "/" + file;
  if (std::getenv("TENON_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << actual;
  const std::string expected = read_file(path);
  REQUIRE_MESSAGE(!expected.empty(), "cannot read " << path);
  CHECK_MESSAGE(actual == expected, path << " differs from:\n" << actual);
}

/// The same command with a standard error that is the journal's, as far as it can tell.
std::vector<std::string> into_journal(const std::vector<std::string>& arguments) {
  std::vector<std::string> out = {"/bin/sh", "-c", "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$0\" \"$@\""};
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

/// Every line has a priority of the journal; how many have this one.
int count_priority(const std::string& text, char priority) {
  int found = 0;
  for (const std::string& line : lines_of(text)) {
    CAPTURE(line);
    CHECK((line.size() > 3 && line[0] == '<' && line[2] == '>'));
    if (line.starts_with(std::string("<") + priority + ">")) ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("every line for the journal has a priority") {
  Host host({"modules/alpha"});
  SUBCASE("a refusal") {
    host.configure("instance: {environment: local}\npaths: {manifests: []}\nbogus: 1\n");
    const Ran r = run(into_journal(host.arguments()), host.options);
    CHECK(r.exit == 78);
    CHECK(r.err.find("`bogus`") != std::string::npos);
    CHECK(count_priority(r.err, '3') > 1);  // the excerpt, too
  }
  SUBCASE("a command line that is wrong, and a finding of a command") {
    const Ran usage = run(into_journal({tenond(), "--frobnicate"}), host.options);
    CHECK(usage.exit == 64);
    CHECK(usage.err == "<3>error: unknown option `--frobnicate`\n<3>  = help: see `tenond --help`\n");
    const Ran check = run(into_journal(host.arguments({"--set", "bogus=1"}, "check")), host.options);
    CHECK(check.exit == 78);
    CHECK(count_priority(check.err, '3') > 1);
  }
  SUBCASE("a dump") {
    Process p(into_journal(host.arguments()), host.options);
    REQUIRE(p.wait_for(" ready "));
    p.signal(SIGQUIT);
    REQUIRE(p.wait_for(" info host: tenond starts"));
    p.signal(SIGTERM);
    CHECK(p.wait() == 0);
    CHECK(count_priority(p.err(), '6') > 10);
  }
  SUBCASE("a crash") {
    SKIP_UNLESS(slow_factor() == 1, "sanitizers report fatal signals themselves");
    host.script("alpha", "fail: {start: segv}");
    Process p(into_journal(host.arguments()), host.options);
    CHECK(p.wait() == 128 + SIGSEGV);
    CHECK(p.err().find("SIGSEGV in module `alpha`, start") != std::string::npos);
    CHECK(count_priority(p.err(), '2') == 1);
  }
}

TEST_CASE("one life with modules that run, fail and are blocked, a reload, a dropped file and a stop") {
  Host host({"modules/alpha", "modules/beta", "modules/delta", "modules/epsilon", "modules/orphan", "modules/quiet"});
  host.script("alpha", "live_value: one");
  host.script("epsilon", "fail: {init: error}");
  host.script("quiet", "", "enabled: false");
  Process p(host.arguments({"--log-level", "debug"}), host.options);
  REQUIRE(p.wait_for(" ready "));
  const std::string config = read_file(host.config_file);
  host.dir.write("host.yaml", "instance: {environment: local}\nlog: {levle: debug}\n");
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("reload refused"));
  REQUIRE(p.wait_for("[config.unknown_key]"));
  std::string next = config;
  next.replace(next.find("live_value: one"), 15, "live_value: two, log_lines: 2");
  host.dir.write("host.yaml", next);
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("needs restart what="));
  host.add("modules/gamma");
  REQUIRE(p.wait_for("a restart would change what="));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  check_golden("life.txt", normalized(p.err(), host));
}

TEST_CASE("a boot that a required module ends") {
  Host host({"modules/alpha", "modules/beta"});
  host.script("alpha", "fail: {start: error}", "required: true");
  const Ran r = host.run_command("run");
  CHECK(r.exit == 69);
  check_golden("required_failure.txt", normalized(r.err, host));
}

TEST_CASE("a boot that does not begin") {
  Host host({"modules/alpha"});
  host.script("alpha", "no_such_key: 1", "required: true");
  const Ran r = host.run_command("run");
  CHECK(r.exit == 78);
  check_golden("not_started.txt", normalized(r.err, host));
}
