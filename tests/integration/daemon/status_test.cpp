// What the daemon says of itself while it runs: lock, status file, status lines, startup report.
#include <doctest/doctest.h>
#include <unistd.h>

#include "host_fixture.hpp"

using namespace tenon::test;
using namespace std::chrono_literals;

TEST_CASE("with stdin, stdout and stderr closed no line of the log ends up in a file of the state directory") {
  for (const std::string closed : {"2>&-", "<&- 2>&-", "<&- >&- 2>&-"}) {
    CAPTURE(closed);
    Host host({"modules/alpha"});
    std::vector<std::string> arguments = {"/bin/sh", "-c", "exec \"$@\" " + closed, "sh"};
    const std::vector<std::string> daemon = host.arguments();
    arguments.insert(arguments.end(), daemon.begin(), daemon.end());
    Process p(arguments, host.options);
    REQUIRE(eventually([&] { return host.traced("alpha start leave"); }));
    p.signal(SIGTERM);
    CHECK(p.wait() == 0);
    CHECK(read_file(host.state + "/run.lock") == std::to_string(p.pid()) + "\n");
  }
}

TEST_CASE("list --running is not deceived by a live process with the pid of a killed daemon, nor by a file older than the daemon") {
  Host host({"modules/alpha"});
  {
    Process p(host.arguments(), host.options);
    REQUIRE(p.wait_for(" ready "));
    REQUIRE(eventually([&] { return host.run_command("list", {"--running"}).exit == 0; }));
    p.signal(SIGKILL);
    CHECK(p.wait() == 128 + SIGKILL);
  }
  const std::string path = host.state + "/status.json";
  std::string status = read_file(path);
  const std::size_t at = status.find("\"pid\":") + 6;
  status.replace(at, status.find(',', at) - at, std::to_string(::getpid()));
  host.dir.write("state/status.json", status);
  Ran r = host.run_command("list", {"--running"});
  CHECK(r.exit == 69);
  CHECK(r.err.find("(pid " + std::to_string(::getpid()) + ") is gone\n") != std::string::npos);
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  host.dir.write("state/status.json", status);
  r = host.run_command("list", {"--running"});
  CHECK(r.exit == 69);
  CHECK(r.err.find("has not written it yet") != std::string::npos);
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}
