#include "walk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "base/text.hpp"

namespace tenon::host {

namespace {

constexpr unsigned max_links = 40;  // as the kernel

std::string quoted(const std::string& path) { return "`" + printable(path, 4096) + "`"; }

Error system_error(int err, const std::string& path) {
  Error error =
      Error::system(err, "cannot examine " + quoted(path), err == EACCES || err == EPERM ? ExitCode::no_permission : ExitCode::os_error);
  if (err == ENOENT) return Error{Code::not_found, quoted(path) + " does not exist", "NOT_FOUND", err, ExitCode::no_input};
  if (err == EACCES || err == EPERM) error.code = Code::permission_denied;
  return error;
}

class Walker {
 public:
  Walker(std::string base_path, bool confined, const LookAt& look_at)
      : base_path_(std::move(base_path)), confined_(confined), look_at_(look_at) {}

  Result<Walked> run(UniqueFd base, std::string_view name) {
    name_ = name;
    stack_.push_back({std::move(base), base_path_});
    if (name.starts_with('/') && confined_) return escapes("is an absolute path");
    push(name);
    while (!pending_.empty()) {
      const std::string component = std::move(pending_.back());
      pending_.pop_back();
      if (component == ".") continue;
      if (component == "..") {
        if (stack_.size() > 1) {
          stack_.pop_back();
        } else if (confined_) {
          return escapes("leads out of it by `..`");
        }
        continue;
      }
      auto leaf = enter(component);
      if (!leaf) return leaf.error();
      if (*leaf) return Walked{join_path(top().path, component), false, std::move(top().fd), component};
    }
    return Walked{top().path, true, std::move(top().fd), {}};
  }

 private:
  struct Directory {
    UniqueFd fd;
    std::string path;
  };
  Directory& top() { return stack_.back(); }

  /// The components of `path` become the next ones to enter. A trailing '/' asks for a directory.
  void push(std::string_view path) {
    if (path.ends_with('/')) pending_.emplace_back(".");
    const auto parts = split(path, '/');
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
      if (!part->empty()) pending_.emplace_back(*part);
  }

  Error escapes(const std::string& how) const {
    return Error{Code::permission_denied,
                 "`" + printable(name_, 4096) + "` " + how + ", but must lie inside " + quoted(base_path_) +
                     ": copy the file there, or use a relative link inside it",
                 "ESCAPES", 0, ExitCode::no_permission};
  }

  /// True: `component` is a file, the end of the walk.
  Result<bool> enter(const std::string& component) {
    const std::string path = join_path(top().path, component);
    struct stat status {};
    if (::fstatat(top().fd.get(), component.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return system_error(errno, path);
    if (S_ISLNK(status.st_mode)) return follow(component, path, status);
    if (!S_ISDIR(status.st_mode)) {
      if (pending_.empty()) return true;
      return Error{Code::failed_precondition, quoted(path) + " is not a directory", "NOT_A_DIRECTORY", ENOTDIR, ExitCode::no_input};
    }
    UniqueFd fd(::openat(top().fd.get(), component.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd || ::fstat(fd.get(), &status) != 0) return system_error(errno, path);
    if (auto error = look_at_(status, path)) return *std::move(error);
    stack_.push_back({std::move(fd), path});
    return false;
  }

  Result<bool> follow(const std::string& component, const std::string& path, const struct stat& status) {
    if (auto error = look_at_(status, path)) return *std::move(error);
    if (++links_ > max_links)
      return Error{Code::failed_precondition, quoted(path) + " is a link that leads through too many links", "TOO_MANY_LINKS", ELOOP,
                   ExitCode::no_input};
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(top().fd.get(), component.c_str(), target.data(), target.size());
    if (length < 0) return system_error(errno, path);
    const std::string_view text(target.data(), static_cast<std::size_t>(length));
    if (text.starts_with('/')) {
      if (confined_) return escapes("is or leads through a link to " + quoted(std::string(text)));
      stack_.resize(1);
    }
    push(text);
    return false;
  }

  std::string base_path_, name_;
  bool confined_;
  const LookAt& look_at_;
  std::vector<Directory> stack_;
  std::vector<std::string> pending_;  ///< last is next
  unsigned links_ = 0;
};

}  // namespace

std::string join_path(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

Result<Walked> walk_from_top(const std::string& path, const LookAt& look_at) {
  std::string absolute = path;
  if (!path.starts_with('/')) {
    std::array<char, PATH_MAX> directory{};
    if (::getcwd(directory.data(), directory.size()) == nullptr) return system_error(errno, ".");
    absolute = join_path(directory.data(), path);
  }
  UniqueFd top(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!top || ::fstat(top.get(), &status) != 0) return system_error(errno, "/");
  if (auto error = look_at(status, "/")) return *std::move(error);
  return Walker("/", false, look_at).run(std::move(top), absolute);
}

Result<Walked> walk_beneath(int base, const std::string& base_path, std::string_view name, const LookAt& look_at) {
  UniqueFd start(::fcntl(base, F_DUPFD_CLOEXEC, 0));
  if (!start) return system_error(errno, base_path);
  return Walker(base_path, true, look_at).run(std::move(start), name);
}

}  // namespace tenon::host
