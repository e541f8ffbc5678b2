// What the daemon says of itself while it runs: lock, status file, status lines, startup report.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <thread>

#include "base/file.hpp"
#include "host_fixture.hpp"

using namespace tenon::test;
using namespace std::chrono_literals;

namespace {

/// A supervisor's end of the notify socket.
class Supervisor {
 public:
  explicit Supervisor(Host& host) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    // Abstract: a path in the scratch space may be longer than such an address.
    const std::string name = "tenon-status-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())) == 0);
    host.options.environment["NOTIFY_SOCKET"] = "@" + name;
  }
  /// Everything that came so far, one datagram after the other.
  const std::string& text() {
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(fd_.get(), buffer, sizeof buffer, 0)) > 0;) text_.append(buffer, static_cast<std::size_t>(n)) += "\n";
    return text_;
  }

 private:
  tenon::host::UniqueFd fd_;
  std::string text_;
};

/// How often the threads of a process have gone to sleep so far.
long times_asleep(pid_t pid) {
  long sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    for (const std::string& line : lines_of(read_file(task.path().string() + "/status")))
      if (line.starts_with("voluntary_ctxt_switches:")) sum += std::stol(line.substr(line.find(':') + 1));
  return sum;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a state directory that was moved away stays the daemon's, and the one at its old path another's") {
  Host host({"modules/alpha"});
  Process first(host.arguments(), host.options);
  REQUIRE(first.wait_for(" ready "));
  const std::string moved = host.state + ".moved";
  REQUIRE(eventually([&] { return ::access((host.state + "/status.json").c_str(), F_OK) == 0; }));
  std::filesystem::rename(host.state, moved);
  Process second(host.arguments(), host.options);
  REQUIRE(second.wait_for(" ready "));
  const auto pid_in = [](const std::string& directory, const Process& p) {
    return contains(read_file(directory + "/status.json"), "\"pid\":" + std::to_string(p.pid()) + ",");
  };
  REQUIRE(eventually([&] { return pid_in(host.state, second); }));
  first.signal(SIGTERM);
  CHECK(first.wait() == 0);
  CHECK(pid_in(host.state, second));
  CHECK(contains(read_file(moved + "/status.json"), "\"state\":\"stopped\""));
  second.signal(SIGTERM);
  CHECK(second.wait() == 0);
}

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

TEST_CASE("a refused file is degraded everywhere: log, status file, list, startup report") {
  Host host({"modules/alpha"});
  host.dir.write("plugins/bad.so", "this is no ELF file");
  const std::string report = host.dir / "report.json";
  Process p(host.arguments({"--startup-report", report}), host.options);
  REQUIRE(p.wait_for(" ready "));
  CHECK(contains(p.err(), "ready modules=2 not_running=1 "));
  CHECK(contains(p.err(), " degraded=true"));
  REQUIRE(eventually([&] { return contains(read_file(host.state + "/status.json"), "\"state\":\"degraded\""); }));
  CHECK(contains(host.run_command("list", {"--running"}).out, ", degraded since "));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK(contains(read_file(report), "\"outcome\": \"degraded\""));
}

TEST_CASE("a module that failed, and what it blocks, count as not running") {
  Host host({"modules/alpha", "modules/beta"});
  host.script("alpha", "fail: {init: error}");
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  CHECK(contains(r.err, "ready modules=3 not_running=2 "));
}

TEST_CASE("the supervisor is told when a module that was pending runs") {
  Host host({"modules/alpha"});
  host.script("alpha", "fail: {start: complete}, complete: {after: 1500ms}");
  Supervisor supervisor(host);
  Process p(host.arguments(), host.options);
  REQUIRE(eventually([&] { return contains(supervisor.text(), "READY=1\n"); }));
  CHECK(contains(supervisor.text(), "STATUS=1/2 modules running\n"));
  CHECK(eventually([&] { return contains(supervisor.text(), "STATUS=2/2 modules running\n"); }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("a startup report that cannot be written is refused before anything is loaded") {
  Host host({"modules/alpha"});
  host.dir.write("file", "");
  const std::string directory = host.dir.make_dir("directory.json");
  for (const std::string& path : {host.dir / "missing/r.json", host.dir / "file/r.svg", directory}) {
    CAPTURE(path);
    const Ran r = host.run_command("run", {"--startup-report", path});
    CHECK(r.exit == 73);
    CHECK(contains(r.err, "the startup report `" + path + "` cannot be written there"));
  }
  CHECK(host.trace().empty());
}

TEST_CASE("a boot that the plan ends has its startup report too") {
  Host host({"modules/alpha", "modules/orphan"});
  host.script("orphan", "", "required: true");
  const std::string report = host.dir / "report.json";
  CHECK(host.run_command("run", {"--startup-report", report}).exit == 69);
  const std::string json = read_file(report);
  CHECK(contains(json, "\"outcome\": \"failed\""));
  CHECK(contains(json, "\"phase\": \"discover\""));
  CHECK(contains(json, "\"phase\": \"plan\""));
  CHECK(contains(json, "\"module\": \"orphan\", \"required\": true, \"state\": \"blocked\""));
}

TEST_CASE("status: an idle daemon with the logger wakes up once per second") {
  Host host;
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for("ready modules=1"));
  // Not synchronization: the time is what is measured. What is left of the start may still run in the first window.
  long least = LONG_MAX;
  for (int window = 0; window < 5 && least > 5; ++window) {
    const long before = times_asleep(p.pid());
    std::this_thread::sleep_for(3s);
    least = std::min(least, times_asleep(p.pid()) - before);
  }
  CHECK(least <= 5);
  CHECK(least >= 2);  // it does tick
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}
