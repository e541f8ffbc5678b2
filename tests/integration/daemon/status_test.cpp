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
