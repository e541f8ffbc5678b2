#include "daemon/state_dir.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "base/text.hpp"

namespace tenon::host {
namespace {

Error cannot_make(int err, const std::string& part) {
  Error e = Error::system(err, "cannot create the state directory `" + printable(part, 4096) + "`", ExitCode::cannot_create);
  e.message += "; give another one with --state-dir";
  return e;
}

Error no_lock(int err, const std::string& path) {
  return Error::system(err, "cannot create `run.lock` in the state directory `" + printable(path, 4096) + "`", ExitCode::cannot_create);
}

Result<void> make_directories(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      const int err = errno;
      struct stat st {};
      if (::stat(part.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) {  // read-only file systems refuse also what exists
        if (end == std::string::npos) return {};
        continue;
      }
      return cannot_make(err, part);
    }
    if (end == std::string::npos) return {};
  }
}

Result<void> become(uid_t uid, gid_t gid, const std::string& path) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)
    return Error::system(
        errno,
        "the state directory `" + printable(path, 4096) + "` belongs to uid " + std::to_string(uid) + ", and the daemon cannot become it",
        ExitCode::no_permission);
  return {};
}

// A look at who holds it (state_dir_holder) takes the lock for microseconds; another daemon for as long as it lives.
bool lock_soon(int fd) {
  for (int tries = 60;; --tries) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK || tries == 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// The directory is there. `become_owner`: as root, of one that belongs to somebody else.
Result<void> pin(const std::string& path, StateDir& out, bool become_owner) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr)
    return Error::system(errno, "cannot resolve the state directory `" + printable(path, 4096) + "`", ExitCode::cannot_create);
  out.path = resolved;
  out.fd.reset(::open(resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.fd)
    return Error::system(errno, "cannot open the state directory `" + printable(path, 4096) + "`",
                         errno == ENOTDIR ? ExitCode::cannot_create : ExitCode::no_permission);
  struct stat st {};
  if (::fstat(out.fd.get(), &st) != 0) return Error::system(errno, "cannot examine the state directory");
  if (st.st_uid != ::geteuid()) {
    if (::geteuid() != 0)
      return Error{Code::permission_denied,
                   "the state directory `" + printable(out.path, 4096) + "` belongs to uid " + std::to_string(st.st_uid) +
                       ", the daemon runs as uid " + std::to_string(::geteuid()) + "; chown it, or give another one with --state-dir",
                   "FOREIGN_STATE", 0, ExitCode::no_permission};
    if (become_owner)
      if (Result<void> changed = become(st.st_uid, st.st_gid, out.path); !changed) return changed.error();
  }
  if ((st.st_mode & 0022U) != 0)
    return Error{
        Code::permission_denied,
        "the state directory `" + printable(out.path, 4096) + "` is writable by others; run: chmod go-w " + printable(out.path, 4096),
        "UNSAFE_STATE", 0, ExitCode::no_permission};
  return {};
}

}  // namespace

Result<void> look_at_state_dir(const std::string& path) {
  std::string parent = "/";
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    struct stat st {};
    if (::stat(part.c_str(), &st) != 0) {
      // A link that leads nowhere is in the way.
      if (struct stat link{}; errno == ENOENT && ::lstat(part.c_str(), &link) == 0) return cannot_make(ENOENT, part);
      if (errno == ENOENT && ::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
      return cannot_make(errno, part);
    }
    if (end == std::string::npos) break;
    parent = part;
  }
  StateDir found;
  if (Result<void> pinned = pin(path, found, false); !pinned) return pinned;
  const UniqueFd lock(::openat(found.fd.get(), "run.lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (lock || (errno == ENOENT && ::faccessat(found.fd.get(), ".", W_OK | X_OK, AT_EACCESS) == 0)) return {};
  return no_lock(errno, found.path);
}

Result<StateDir> open_state_dir(const std::string& path) {
  if (Result<void> made = make_directories(path); !made) return made.error();
  StateDir out;
  if (Result<void> pinned = pin(path, out, true); !pinned) return pinned.error();
  out.lock.reset(::openat(out.fd.get(), "run.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.lock) return no_lock(errno, out.path);
  if (!lock_soon(out.lock.get())) {
    if (errno != EWOULDBLOCK) return Error::system(errno, "cannot lock the state directory");
    char pid[32] = {};
    const ssize_t n = ::pread(out.lock.get(), pid, sizeof pid - 1, 0);
    const std::string who = n > 1 ? " (pid " + printable(std::string_view(pid, static_cast<std::size_t>(n - 1)), 20) + ")" : std::string();
    return Error{Code::unavailable, "another tenond" + who + " uses the state directory `" + printable(out.path, 4096) + "`", "LOCKED", 0,
                 ExitCode::try_again};
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  // For the next one that is refused, and for state_dir_holder().
  if (::ftruncate(out.lock.get(), 0) != 0 || ::pwrite(out.lock.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
  return out;
}

Result<std::int64_t> state_dir_holder(const std::string& path) {
  const std::string file = path + "/run.lock";
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT) return std::int64_t{0};
    return Error::system(errno, "cannot open `" + printable(file, 4096) + "`", ExitCode::no_permission);
  }
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return std::int64_t{0};
  if (errno != EWOULDBLOCK) return Error::system(errno, "cannot examine `" + printable(file, 4096) + "`", ExitCode::os_error);
  char text[32];
  const ssize_t n = ::pread(fd.get(), text, sizeof text, 0);
  std::int64_t pid = 0;
  const auto [end, wrong] = std::from_chars(text, text + std::max<ssize_t>(n, 0), pid);
  return wrong == std::errc() && end != text + n && *end == '\n' && pid > 0 ? pid : -1;
}

}  // namespace tenon::host
