#include "discovery/path_safety.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.hpp"
#include "open_file.hpp"
#include "unsafe.hpp"
#include "walk.hpp"

namespace tenon::host {

namespace {

constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;

std::string quoted(const std::string& path) { return "`" + printable(path, 4096) + "`"; }

const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    default:
      return "not a file";
  }
}

Error not_a_file(const std::string& path, mode_t mode) {
  return Error{Code::failed_precondition, quoted(path) + " is " + kind_of(mode) + ", not a regular file", "NOT_A_FILE", 0,
               ExitCode::no_input};
}

Error open_error(int err, const std::string& path) {
  if (err == ENOENT) return Error{Code::not_found, quoted(path) + " does not exist", "NOT_FOUND", err, ExitCode::no_input};
  Error error = Error::system(err, "cannot open " + quoted(path), err == EACCES ? ExitCode::no_permission : ExitCode::io_error);
  if (err == EACCES) error.code = Code::permission_denied;
  return error;
}

/// `path` = `root.path` + "/" + `relative`, which holds no links. `parent` and `leaf`: the same by the last directory.
Result<UniqueFd> open_checked(const SafeRoot& root, const std::string& relative, int parent, const std::string& leaf,
                              const TrustedOwners& owners, const std::string& path) {
  struct stat status {};
  // Looked at before it is opened: opening a device can do things.
  if (::fstatat(parent, leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return open_error(errno, path);
  if (!S_ISREG(status.st_mode)) return not_a_file(path, status.st_mode);
  UniqueFd fd = open_resolved(root.fd.get(), relative, parent, leaf);
  if (!fd || ::fstat(fd.get(), &status) != 0) return open_error(errno, path);
  if (!S_ISREG(status.st_mode)) return not_a_file(path, status.st_mode);
  if (auto error = who_could_change(status, path, owners)) return *std::move(error);
  return fd;
}

}  // namespace

UniqueFd open_leaf(int parent, const std::string& leaf) { return UniqueFd(::openat(parent, leaf.c_str(), open_flags)); }

UniqueFd open_resolved(int root, const std::string& path, int parent, const std::string& leaf) {
  struct open_how how {};
  how.flags = open_flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  for (unsigned attempt = 0; attempt < 3; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;  // EAGAIN: something was renamed meanwhile
  }
  if (errno == ENOSYS || errno == EPERM || errno == EAGAIN) return open_leaf(parent, leaf);
  return {};
}

Result<SafeRoot> open_safe_root(const std::string& path, const TrustedOwners& owners, PathChecks checks) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return Error{Code::invalid_argument, quoted(path) + " is not the path of a directory", "NOT_A_DIRECTORY", 0, ExitCode::config};
  auto walked = walk_from_top(path, [&](const struct stat& status, const std::string& component) -> std::optional<Error> {
    if (checks == PathChecks::file_only) return std::nullopt;
    return who_could_change(status, component, owners);
  });
  if (!walked) return walked.error();
  if (!walked->is_directory)
    return Error{Code::failed_precondition, quoted(walked->path) + " is not a directory", "NOT_A_DIRECTORY", 0, ExitCode::config};
  struct stat status {};
  if (::fstat(walked->directory.get(), &status) != 0) return open_error(errno, walked->path);
  if (auto error = who_could_change(status, walked->path, owners)) return *std::move(error);
  return SafeRoot{std::move(walked->path), std::move(walked->directory)};
}

Result<UniqueFd> open_beneath(const SafeRoot& root, const std::string& name, const TrustedOwners& owners, PathChecks checks,
                              std::string* resolved_path) {
  if (name.empty() || name.find('\0') != std::string::npos)
    return Error{Code::invalid_argument, quoted(name) + " is not the name of a file", "NOT_A_FILE", 0, ExitCode::no_input};
  // The usual case: a file directly inside the root, whose directories were looked at when it was opened.
  struct stat status {};
  if (name.find('/') == std::string::npos && ::fstatat(root.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISREG(status.st_mode)) {
    const std::string path = join_path(root.path, name);
    if (resolved_path != nullptr) *resolved_path = path;
    return open_checked(root, name, root.fd.get(), name, owners, path);
  }
  auto walked =
      walk_beneath(root.fd.get(), root.path, name, [&](const struct stat& component, const std::string& path) -> std::optional<Error> {
        if (checks == PathChecks::file_only) return std::nullopt;
        return who_could_change(component, path, owners);
      });
  if (!walked) return walked.error();
  if (resolved_path != nullptr) *resolved_path = walked->path;
  if (walked->is_directory) return not_a_file(walked->path, S_IFDIR);
  const std::string relative = walked->path.substr(join_path(root.path, "").size());
  return open_checked(root, relative, walked->directory.get(), walked->leaf, owners, walked->path);
}

}  // namespace tenon::host
