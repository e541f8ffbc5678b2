#include "daemon/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t status_limit = 512;

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string quoted(std::string_view text) { return "`" + printable(text) + "`"; }

struct Address {
  sockaddr_un name{};
  socklen_t length = 0;
};

Result<Address> make_address(const std::string& socket) {
  Address a;
  a.name.sun_family = AF_UNIX;
  const auto bad = [&](const char* why) {
    return Error{Code::invalid_argument, "the notify socket " + quoted(socket) + " " + why, "NOTIFY_SOCKET", 0, ExitCode::os_error};
  };
  if (socket.size() < 2 || (socket[0] != '/' && socket[0] != '@')) return bad("is neither an absolute path nor an @abstract name");
  // A path needs its terminating NUL, an abstract name does not have one.
  if (socket.size() + (socket[0] == '/' ? 1 : 0) > sizeof a.name.sun_path) return bad("is longer than a socket address can be");
  if (socket.find('\0') != std::string::npos) return bad("contains a NUL byte");
  std::memcpy(a.name.sun_path, socket.data(), socket.size());
  a.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  if (socket[0] == '@') {
    a.name.sun_path[0] = '\0';
  } else {
    ++a.length;
  }
  return a;
}

void append_status(std::string& lines, std::string_view text) {
  if (!lines.empty()) lines += '\n';
  lines += "STATUS=";
  lines += printable(text, status_limit);
}

}  // namespace

SupervisorEnvironment parse_supervisor_environment(const char* notify_socket, const char* watchdog_usec, const char* watchdog_pid,
                                                   pid_t self) {
  SupervisorEnvironment result;
  if (notify_socket != nullptr) result.socket = notify_socket;
  if (watchdog_usec == nullptr) return result;

  if (watchdog_pid != nullptr) {
    const auto pid = parse_unsigned(watchdog_pid);
    if (!pid || *pid == 0) {
      result.problems.push_back("WATCHDOG_PID is " + quoted(watchdog_pid) + ", a process id was expected; the watchdog is off");
      return result;
    }
    if (*pid != static_cast<std::uint64_t>(self)) return result;
  }
  const auto usec = parse_unsigned(watchdog_usec);
  constexpr std::uint64_t largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 1000;
  if (!usec || *usec == 0 || *usec > largest) {
    result.problems.push_back("WATCHDOG_USEC is " + quoted(watchdog_usec) + ", microseconds were expected; the watchdog is off");
    return result;
  }
  result.watchdog = std::chrono::microseconds(static_cast<std::int64_t>(*usec));
  return result;
}

SupervisorEnvironment take_supervisor_environment() {
  SupervisorEnvironment result =
      parse_supervisor_environment(std::getenv("NOTIFY_SOCKET"), std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"), ::getpid());
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
  return result;
}

Result<NotifySender> make_notify_sender(const std::string& socket) {
  Result<Address> address = make_address(socket);
  if (!address) return address.error();
  auto fd = std::make_shared<UniqueFd>(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!*fd) return Error::system(errno, "cannot open a socket for " + quoted(socket), ExitCode::os_error);
  // Addressed each time instead of connected: a supervisor that restarts binds a new socket to the old name.
  return NotifySender([fd, to = *address, socket](std::string_view datagram) -> Result<void> {
    ssize_t sent = -1;
    do {
      sent = ::sendto(fd->get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to.name),
                      to.length);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return {};
    const int error = errno;
    Error result = Error::system(error, "cannot notify the supervisor at " + quoted(socket), ExitCode::os_error);
    // A full queue; or nobody there, as while a supervisor starts again.
    if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOENT || error == ECONNREFUSED)
      result.code = Code::unavailable;
    return result;
  });
}

SupervisorNotifier SupervisorNotifier::connect(SupervisorEnvironment& environment) {
  if (environment.socket.empty()) return {};
  Result<NotifySender> sender = make_notify_sender(environment.socket);
  if (!sender) {
    environment.problems.push_back(sender.error().message);
    return {};
  }
  return SupervisorNotifier(std::move(*sender), environment.watchdog);
}

Result<void> SupervisorNotifier::ready(std::string_view status) { return send_state("READY=1", status); }

Result<void> SupervisorNotifier::reloading(std::int64_t monotonic_ns, std::string_view status) {
  return send_state("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_ns / 1000), status);
}

Result<void> SupervisorNotifier::stopping(std::string_view status) { return send_state("STOPPING=1", status); }

Result<void> SupervisorNotifier::status(std::string_view text) {
  std::string lines;
  append_status(lines, text);
  return send(lines);
}

Result<void> SupervisorNotifier::watchdog() { return send("WATCHDOG=1"); }

Result<void> SupervisorNotifier::extend_timeout(Nanos longer) {
  const std::int64_t ns = longer.count();
  if (ns <= 0) return {};
  return send("EXTEND_TIMEOUT_USEC=" + std::to_string(ns / 1000 + (ns % 1000 != 0 ? 1 : 0)));
}

Result<void> SupervisorNotifier::flush() {
  if (unsent_.empty()) return {};
  return send({});
}

Result<void> SupervisorNotifier::send_state(std::string lines, std::string_view status) {
  if (!active()) return {};
  if (!status.empty()) append_status(lines, status);
  unsent_ = std::move(lines);  // an older state that never went out is no longer true
  return send({});
}

Result<void> SupervisorNotifier::send(const std::string& lines) {
  if (!active()) return {};
  std::string datagram = unsent_;
  if (!datagram.empty() && !lines.empty()) datagram += '\n';
  datagram += lines;
  Result<void> result = send_(datagram);
  if (result || result.error().code != Code::unavailable) unsent_.clear();  // what will not pass is not worth keeping
  if (!result && on_problem && std::find(told_.begin(), told_.end(), result.error().message) == told_.end()) {
    told_.push_back(result.error().message);
    on_problem(result.error());
  }
  return result;
}

}  // namespace tenon::host
