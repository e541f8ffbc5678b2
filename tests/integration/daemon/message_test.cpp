// What the daemon says of itself from start to end, word for word. TENON_UPDATE_GOLDEN=1 writes the file anew.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "host_fixture.hpp"
#include "normalize.hpp"

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

}  // namespace

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
