// What a supervisor is told, through a real notify socket.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "host_fixture.hpp"
#include "skip.hpp"

using namespace tenon::test;
using namespace std::chrono_literals;

namespace {

/// The supervisor's end. Messages stay in order; waiting for one keeps all that came before it.
class Supervisor {
 public:
  /// `again`: the name of an earlier one.
  explicit Supervisor(const std::string& again = {}) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    // Without a name the kernel chooses an abstract one that nobody has.
    socklen_t length = sizeof(sa_family_t);
    if (!again.empty()) {
      std::memcpy(name.sun_path + 1, again.data() + 1, again.size() - 1);
      length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + again.size());
    }
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&name), length) == 0);
    length = sizeof name;
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &length) == 0);
    name_ = "@" + std::string(name.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
    const timeval limit = {20, 0};
    REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  }
  ~Supervisor() { ::close(fd_); }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// The next message that contains `text`; empty when none comes.
  std::string wait_for(const std::string& text) {
    for (;;) {
      const std::string message = next(0);
      if (message.empty() || message.find(text) != std::string::npos) return message;
    }
  }
  std::string next(int flags) {
    char text[4096];
    const ssize_t n = ::recv(fd_, text, sizeof text, flags);
    if (n <= 0) return {};
    messages.emplace_back(text, static_cast<std::size_t>(n));
    return messages.back();
  }
  /// What has arrived by now.
  void drain() {
    while (!next(MSG_DONTWAIT).empty()) {
    }
  }
  std::vector<std::string> messages;

 private:
  int fd_;
  std::string name_;
};

}  // namespace

TEST_CASE("the watchdog is fed at least every half of its time, however short that is") {
  Supervisor supervisor;
  Host host;
  host.options.environment["NOTIFY_SOCKET"] = supervisor.name();
  host.options.environment["WATCHDOG_USEC"] = "400000";
  Process p(host.arguments(), host.options);
  REQUIRE_FALSE(supervisor.wait_for("READY=1").empty());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) REQUIRE_FALSE(supervisor.wait_for("WATCHDOG=1").empty());
  CHECK(std::chrono::steady_clock::now() - begin < 10 * 200ms * slow_factor());
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("a supervisor that cannot be reached is named once, and told the state when it can") {
  const std::string name = Supervisor().name();
  Host host;
  host.options.environment["NOTIFY_SOCKET"] = name;
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  REQUIRE(p.wait_for("the supervisor does not hear error="));
  Supervisor supervisor(name);
  CHECK_FALSE(supervisor.wait_for("READY=1").empty());
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  const std::string err = p.err();
  const std::size_t told = err.find("the supervisor does not hear");
  CHECK(err.find("`" + name + "`") != std::string::npos);
  CHECK(err.find("the supervisor does not hear", told + 1) == std::string::npos);
}

TEST_CASE("the supervisor hears of directories that take long to read, and of a stop meanwhile") {
  SKIP_UNLESS(slow_factor() == 1, "the runtime of a sanitizer wants to be loaded first");
  Supervisor supervisor;
  Host host({"modules/alpha"});
  host.options.environment["NOTIFY_SOCKET"] = supervisor.name();
  host.options.environment["LD_PRELOAD"] = std::string(TENON_TEST_FIXTURES) + "/libslow_open.so";
  host.options.environment["TENON_FIXTURE_OPEN_GATE"] = host.dir.write("gate", "");
  host.options.environment["TENON_FIXTURE_OPEN_NAME"] = "/";
  Process p(host.arguments(), host.options);
  CHECK_FALSE(supervisor.wait_for("STATUS=discover: ").empty());
  CHECK_FALSE(supervisor.wait_for("EXTEND_TIMEOUT_USEC=25000000").empty());
  CHECK_FALSE(supervisor.wait_for("STATUS=discover: ").empty());  // again
  p.signal(SIGTERM);
  CHECK_FALSE(supervisor.wait_for("STOPPING=1").empty());
  CHECK(p.wait() == 0);
}

TEST_CASE("a reload that ends while the daemon stops is dropped, and READY=1 does not follow STOPPING=1") {
  SKIP_UNLESS(slow_factor() == 1, "the runtime of a sanitizer wants to be loaded first");
  Supervisor supervisor;
  Host host({"modules/alpha"});
  host.script("alpha", "live_value: one, delay: {stop: 500ms}");
  const std::string gate = host.dir / "gate";
  host.options.environment["NOTIFY_SOCKET"] = supervisor.name();
  host.options.environment["LD_PRELOAD"] = std::string(TENON_TEST_FIXTURES) + "/libslow_open.so";
  host.options.environment["TENON_FIXTURE_OPEN_GATE"] = gate;
  Process p(host.arguments(), host.options);
  REQUIRE_FALSE(supervisor.wait_for("READY=1").empty());
  host.dir.write("gate", "");
  p.signal(SIGHUP);
  REQUIRE(eventually([&] { return ::access((gate + ".waiting").c_str(), F_OK) == 0; }));
  p.signal(SIGTERM);
  REQUIRE_FALSE(supervisor.wait_for("STOPPING=1").empty());
  const std::size_t stopping = supervisor.messages.size();
  REQUIRE(::unlink(gate.c_str()) == 0);
  CHECK(p.wait() == 0);
  supervisor.drain();
  for (std::size_t i = stopping; i < supervisor.messages.size(); ++i) CHECK(supervisor.messages[i].find("READY=1") == std::string::npos);
  CHECK(p.err().find("reload dropped") != std::string::npos);
  CHECK(p.err().find("reloaded") == std::string::npos);
}

TEST_CASE("the supervisor is asked for time at once when the stop begins, and when a longer deadline begins") {
  Supervisor supervisor;
  Host host({"modules/alpha"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nlifecycle: {shutdown: 40s}\n");
  // The first tick of the main loop falls into init.
  host.script("alpha", "delay: {init: 1500ms, start: 1500ms, stop: 100ms}", "timeouts: {init: 4s, start: 100s}");
  host.options.environment["NOTIFY_SOCKET"] = supervisor.name();
  Process p(host.arguments(), host.options);
  REQUIRE_FALSE(supervisor.wait_for("READY=1").empty());
  std::int64_t longest_us = 0;
  for (const std::string& message : supervisor.messages) {
    const std::size_t at = message.find("EXTEND_TIMEOUT_USEC=");
    if (at != std::string::npos) longest_us = std::max<std::int64_t>(longest_us, std::atoll(message.c_str() + at + 20));
  }
  CHECK(longest_us > 100'000'000);
  p.signal(SIGTERM);
  REQUIRE_FALSE(supervisor.wait_for("STOPPING=1").empty());
  const std::string next = supervisor.next(0);
  CAPTURE(next);
  CHECK(next.starts_with("EXTEND_TIMEOUT_USEC="));
  CHECK(std::atoll(next.c_str() + std::string("EXTEND_TIMEOUT_USEC=").size()) > 40'000'000);
  CHECK(p.wait() == 0);
}
