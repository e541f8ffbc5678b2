#include "daemon/notify.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"

using namespace tenon::host;

namespace {

/// A supervisor's receiving end: a real datagram socket.
class Supervisor {
 public:
  explicit Supervisor(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    REQUIRE(static_cast<bool>(fd_));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, name.data(), name.size());
    auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    if (name[0] == '@') {
      address.sun_path[0] = '\0';
    } else {
      ++length;
    }
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  }
  std::optional<std::string> receive() {
    std::array<char, 4096> buffer;
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return std::nullopt;
    return std::string(buffer.data(), static_cast<std::size_t>(got));
  }

 private:
  UniqueFd fd_;
};

struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon-notify-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

SupervisorNotifier notifier_for(const std::string& socket) {
  SupervisorEnvironment environment{socket, Nanos{0}, {}};
  SupervisorNotifier notifier = SupervisorNotifier::connect(environment);
  CHECK(environment.problems.empty());
  return notifier;
}

std::string abstract_name() { return "@tenon/notify-test/" + std::to_string(::getpid()); }

void check_conversation(Supervisor& supervisor, const std::string& socket) {
  SupervisorNotifier notifier = notifier_for(socket);
  REQUIRE(notifier.active());
  CHECK(notifier.ready("12 modules"));
  CHECK(supervisor.receive() == "READY=1\nSTATUS=12 modules");
  CHECK(notifier.ready());
  CHECK(supervisor.receive() == "READY=1");
  CHECK(notifier.status("init 3/12"));
  CHECK(supervisor.receive() == "STATUS=init 3/12");
  CHECK(notifier.watchdog());
  CHECK(supervisor.receive() == "WATCHDOG=1");
  CHECK(notifier.reloading(1234567899, "reload"));
  CHECK(supervisor.receive() == "RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reload");
  CHECK(notifier.extend_timeout(std::chrono::seconds(10)));
  CHECK(supervisor.receive() == "EXTEND_TIMEOUT_USEC=10000000");
  CHECK(notifier.stopping());
  CHECK(supervisor.receive() == "STOPPING=1");
  CHECK_FALSE(supervisor.receive().has_value());
}

}  // namespace

TEST_SUITE("notify") {
  TEST_CASE("messages arrive at a socket in the file system") {
    const TemporaryDirectory directory;
    const std::string socket = directory.path + "/notify";
    Supervisor supervisor(socket);
    check_conversation(supervisor, socket);
  }

  TEST_CASE("messages arrive at an abstract socket") {
    const std::string socket = abstract_name();
    Supervisor supervisor(socket);
    check_conversation(supervisor, socket);
  }

  TEST_CASE("a supervisor that restarts hears the next message") {
    const TemporaryDirectory directory;
    const std::string socket = directory.path + "/notify";
    SupervisorNotifier notifier;
    {
      Supervisor first(socket);
      notifier = notifier_for(socket);
      CHECK(notifier.watchdog());
    }
    std::filesystem::remove(socket);
    const Result<void> nobody = notifier.watchdog();
    REQUIRE_FALSE(nobody);
    CHECK(nobody.error().message.find(socket) != std::string::npos);
    Supervisor second(socket);
    CHECK(notifier.watchdog());
    CHECK(second.receive() == "WATCHDOG=1");
  }

  TEST_CASE("a full queue neither blocks nor loses the state") {
    const TemporaryDirectory directory;
    const std::string socket = directory.path + "/notify";
    Supervisor supervisor(socket);
    SupervisorNotifier notifier = notifier_for(socket);
    int sent = 0;
    while (notifier.watchdog()) REQUIRE(++sent < 1'000'000);
    CHECK_FALSE(notifier.pending());  // a sign of life is not worth keeping

    const Result<void> ready = notifier.ready("up");
    REQUIRE_FALSE(ready);
    CHECK(ready.error().code == Code::unavailable);
    CHECK(notifier.pending());
    CHECK_FALSE(notifier.flush());

    for (int i = 0; i < sent; ++i) CHECK(supervisor.receive() == "WATCHDOG=1");
    CHECK(notifier.watchdog());
    CHECK_FALSE(notifier.pending());
    CHECK(supervisor.receive() == "READY=1\nSTATUS=up\nWATCHDOG=1");
    CHECK(notifier.flush());
    CHECK_FALSE(supervisor.receive().has_value());
  }

  TEST_CASE("of several states that could not be sent the last one counts") {
    bool full = true;
    std::vector<std::string> got;
    SupervisorNotifier notifier([&](std::string_view datagram) -> Result<void> {
      if (full) return Error{Code::unavailable, "full", {}, 0, ExitCode::os_error};
      got.emplace_back(datagram);
      return {};
    });
    CHECK_FALSE(notifier.ready());
    CHECK_FALSE(notifier.stopping("bye"));
    full = false;
    CHECK(notifier.flush());
    CHECK(got == std::vector<std::string>{"STOPPING=1\nSTATUS=bye"});
  }

  TEST_CASE("a state is not kept for a supervisor that is gone") {
    SupervisorNotifier notifier([](std::string_view) -> Result<void> {
      return Error{Code::unknown, "refused", {}, 0, ExitCode::os_error};
    });
    CHECK_FALSE(notifier.ready());
    CHECK_FALSE(notifier.pending());
  }

  TEST_CASE("a state waits for a supervisor that is not there yet") {
    for (const bool abandoned : {false, true}) {  // ENOENT, ECONNREFUSED
      CAPTURE(abandoned);
      const TemporaryDirectory directory;
      const std::string path = directory.path + "/notify";
      if (abandoned) static_cast<void>(Supervisor(path));
      SupervisorNotifier notifier = notifier_for(path);
      CHECK_FALSE(notifier.ready("up"));
      CHECK(notifier.pending());
      CHECK_FALSE(notifier.flush());
      CHECK(notifier.pending());
      std::filesystem::remove(path);
      Supervisor late(path);
      CHECK(notifier.flush());
      CHECK_FALSE(notifier.pending());
      CHECK(late.receive() == "READY=1\nSTATUS=up");
    }
  }

  TEST_CASE("what keeps messages from arriving is told once for each reason") {
    std::string reason = "one";
    std::vector<std::string> told;
    SupervisorNotifier notifier([&](std::string_view) -> Result<void> {
      if (reason.empty()) return {};
      return Error{Code::unavailable, reason, {}, 0, ExitCode::os_error};
    });
    CHECK_FALSE(notifier.ready());  // nobody listens
    notifier.on_problem = [&told](const Error& why) { told.push_back(why.message); };
    for (const char* next : {"one", "one", "two", "", "one", "two"}) {
      reason = next;
      static_cast<void>(notifier.watchdog());
    }
    CHECK(told == std::vector<std::string>{"one", "two"});
  }

  TEST_CASE("without a supervisor every call succeeds") {
    SupervisorNotifier notifier;
    CHECK_FALSE(notifier.active());
    CHECK(notifier.watchdog_interval() == Nanos{0});
    CHECK(notifier.ready("x"));
    CHECK(notifier.reloading(1));
    CHECK(notifier.stopping());
    CHECK(notifier.status("x"));
    CHECK(notifier.watchdog());
    CHECK(notifier.extend_timeout(std::chrono::seconds(1)));
    CHECK(notifier.flush());
    CHECK_FALSE(notifier.pending());
  }

  TEST_CASE("a status cannot smuggle in a second line") {
    std::vector<std::string> got;
    SupervisorNotifier notifier([&](std::string_view datagram) -> Result<void> {
      got.emplace_back(datagram);
      return {};
    });
    CHECK(notifier.status("a\nREADY=1\x1b[31m \xff"));
    CHECK(notifier.ready(std::string(100'000, 'x')));
    REQUIRE(got.size() == 2);
    CHECK(got[0].find('\n') == std::string::npos);
    CHECK(got[0].find('\x1b') == std::string::npos);
    CHECK(got[0].find('\xff') == std::string::npos);
    CHECK(got[1].size() < 1000);
    CHECK(got[1].starts_with("READY=1\nSTATUS=xxx"));
  }

  TEST_CASE("time that is asked for is rounded up, and never zero") {
    std::vector<std::string> got;
    SupervisorNotifier notifier([&](std::string_view datagram) -> Result<void> {
      got.emplace_back(datagram);
      return {};
    });
    CHECK(notifier.extend_timeout(Nanos{1}));
    CHECK(notifier.extend_timeout(Nanos{2001}));
    CHECK(notifier.extend_timeout(Nanos{0}));
    CHECK(notifier.extend_timeout(Nanos{-5}));
    CHECK(got == std::vector<std::string>{"EXTEND_TIMEOUT_USEC=1", "EXTEND_TIMEOUT_USEC=3"});
  }

  TEST_CASE("socket names that cannot be used are refused with a reason") {
    for (const std::string& name :
         {std::string(), std::string("/"), std::string("@"), std::string("relative/path"), std::string("vsock:2:1234"),
          "/" + std::string(107, 'a'), "@" + std::string(108, 'a'), std::string("/a\0b", 4)}) {
      CAPTURE(name);
      const Result<NotifySender> sender = make_notify_sender(name);
      REQUIRE_FALSE(sender);
      CHECK(sender.error().code == Code::invalid_argument);
    }
    CHECK(make_notify_sender("/" + std::string(106, 'a')));
    CHECK(make_notify_sender("@" + std::string(107, 'a')));

    SupervisorEnvironment environment{"nonsense", Nanos{1}, {}};
    const SupervisorNotifier notifier = SupervisorNotifier::connect(environment);
    CHECK_FALSE(notifier.active());
    CHECK(notifier.watchdog_interval() == Nanos{0});
    REQUIRE(environment.problems.size() == 1);
    CHECK(environment.problems[0].find("`nonsense`") != std::string::npos);
  }

  TEST_CASE("the environment of a supervisor is understood") {
    const auto parse = [](const char* socket, const char* usec, const char* pid) {
      return parse_supervisor_environment(socket, usec, pid, 4711);
    };
    CHECK(parse(nullptr, nullptr, nullptr).socket.empty());
    CHECK(parse("/run/n", nullptr, nullptr).socket == "/run/n");
    CHECK(parse("/run/n", nullptr, nullptr).watchdog == Nanos{0});
    CHECK(parse("/run/n", "30000000", nullptr).watchdog == std::chrono::seconds(30));
    CHECK(parse("/run/n", "30000000", "4711").watchdog == std::chrono::seconds(30));
    CHECK(parse("/run/n", "30000000", "4712").watchdog == Nanos{0});
    CHECK(parse("/run/n", "30000000", "4712").problems.empty());
    for (const char* bad :
         {"", "0", "-1", "+1", "1s", " 1", "1.5", "18446744073709551615", "9223372036854775807", "99999999999999999999999"}) {
      CAPTURE(bad);
      const SupervisorEnvironment environment = parse("/run/n", bad, "4711");
      CHECK(environment.watchdog == Nanos{0});
      CHECK(environment.problems.size() == 1);
    }
    for (const char* bad : {"", "0", "-4711", "4711x"}) {
      CAPTURE(bad);
      const SupervisorEnvironment environment = parse("/run/n", "1000", bad);
      CHECK(environment.watchdog == Nanos{0});
      CHECK(environment.problems.size() == 1);
    }
  }

  TEST_CASE("children inherit nothing of the supervisor's variables") {
    REQUIRE(::setenv("NOTIFY_SOCKET", "@x", 1) == 0);
    REQUIRE(::setenv("WATCHDOG_USEC", "2000000", 1) == 0);
    REQUIRE(::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1) == 0);
    SupervisorEnvironment environment = take_supervisor_environment();
    CHECK(environment.socket == "@x");
    CHECK(environment.watchdog == std::chrono::seconds(2));
    CHECK(SupervisorNotifier::connect(environment).watchdog_interval() == std::chrono::seconds(2));
    CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
    CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
    CHECK(std::getenv("WATCHDOG_PID") == nullptr);
    CHECK(take_supervisor_environment().socket.empty());
  }
}
