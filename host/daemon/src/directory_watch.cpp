#include "daemon/directory_watch.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/text.hpp"

namespace tenon::host {
namespace {

using Kind = DirectoryChange::Kind;

constexpr std::uint32_t file_events = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr std::uint32_t self_events = IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t watch_flags = IN_ONLYDIR | IN_EXCL_UNLINK;
// One call handles a bounded number of events, so that a flood of them does not hold up the caller's loop.
constexpr std::size_t buffer_size = 64 * 1024;

/// Of a path that is missing, or is (or leads through) something that is no directory.
bool means_missing(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

/// A new name of something complete: a link, or a further name of a file. A plain new file is complete when its writer closes it.
bool is_created_complete(const std::string& directory, std::string_view name) {
  struct stat status {};
  if (::lstat((directory + "/" + std::string(name)).c_str(), &status) != 0) return false;
  return S_ISLNK(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink > 1);
}

}  // namespace

bool is_watched_name(std::string_view name) {
  if (name.empty() || name.front() == '.') return false;
  return name.ends_with(".so") || name.ends_with(".yaml") || name.ends_with(".yml");
}

Result<DirectoryWatch> DirectoryWatch::create(Options options) {
  UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return Error::system(errno, "cannot watch directories", ExitCode::os_error);
  return DirectoryWatch(options, std::move(inotify));
}

Result<void> DirectoryWatch::add(std::string directory, std::int64_t now_ns) {
  const auto same = [&](const Directory& d) { return d.path == directory; };
  if (std::any_of(directories_.begin(), directories_.end(), same)) return {};
  Directory added;
  added.path = std::move(directory);
  const Result<Attach> attached = attach(added);
  if (!attached) return attached.error();
  directories_.push_back(std::move(added));
  if (next_recheck_ns_ == no_deadline) next_recheck_ns_ = now_ns + options_.recheck.count();
  return {};
}

Result<DirectoryWatch::Attach> DirectoryWatch::attach(Directory& directory) {
  const auto refused = [&](int error) {
    Error result = Error::system(error, "cannot watch the directory `" + printable(directory.path) + "`", ExitCode::os_error);
    if (error == ENOSPC) {
      result.code = Code::resource_exhausted;
      result.message += " (limit fs.inotify.max_user_watches)";
    }
    return result;
  };
  // Through a descriptor, so that the directory watched is the one whose identity is kept, whatever happens to the path meanwhile.
  const UniqueFd handle(::open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!handle || ::fstat(handle.get(), &status) != 0) {
    if (means_missing(errno)) return Attach::missing;
    return refused(errno);
  }
  const std::string by_descriptor = "/proc/self/fd/" + std::to_string(handle.get());
  const int watch = ::inotify_add_watch(inotify_.get(), by_descriptor.c_str(), file_events | self_events | watch_flags);
  if (watch < 0) {
    if (errno == ENOENT) return Attach::missing;  // removed in between
    return refused(errno);
  }
  directory.watch = watch;
  directory.device = status.st_dev;
  directory.inode = status.st_ino;
  return Attach::attached;
}

Result<void> DirectoryWatch::on_readable(std::int64_t now_ns) {
  alignas(inotify_event) std::array<char, buffer_size> buffer;
  const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return {};
    return Error::system(errno, "cannot read the changes of the watched directories", ExitCode::os_error);
  }
  const auto size = static_cast<std::size_t>(got);
  for (std::size_t at = 0; at + sizeof(inotify_event) <= size;) {
    inotify_event event;
    std::memcpy(&event, buffer.data() + at, sizeof event);
    at += sizeof event;
    const std::size_t length = std::min<std::size_t>(event.len, size - at);
    const char* name = buffer.data() + at;
    on_event(event.wd, event.mask, {name, ::strnlen(name, length)}, now_ns);
    at += length;
  }
  return {};
}

void DirectoryWatch::on_event(int watch, std::uint32_t mask, std::string_view name, std::int64_t now_ns) {
  if ((mask & IN_Q_OVERFLOW) != 0) return rescan_all(now_ns);
  for (std::size_t i = 0; i < directories_.size(); ++i) {  // two paths to one directory share a watch
    if (directories_[i].watch != watch) continue;
    if ((mask & (self_events | IN_IGNORED | IN_UNMOUNT)) != 0) {
      detach(i, now_ns);
    } else if ((mask & IN_ISDIR) == 0) {
      on_file_event(i, mask, name, now_ns);
    }
  }
}

void DirectoryWatch::on_file_event(std::size_t index, std::uint32_t mask, std::string_view name, std::int64_t now_ns) {
  if (!is_watched_name(name)) return;
  if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
    note(index, name, Kind::removed, now_ns);
  } else if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0) {
    note(index, name, Kind::changed, now_ns);
  } else if ((mask & IN_CREATE) != 0 && is_created_complete(directories_[index].path, name)) {
    note(index, name, Kind::changed, now_ns);
  }
}

void DirectoryWatch::note(std::size_t index, std::string_view name, Kind kind, std::int64_t now_ns) {
  pending_.insert_or_assign({index, std::string(name)}, Pending{now_ns + options_.quiet.count(), kind});
  if (pending_.size() > options_.max_pending + directories_.size()) rescan_all(now_ns);
}

void DirectoryWatch::rescan_all(std::int64_t now_ns) {
  if (directories_.empty()) return;
  const std::int64_t due = now_ns + options_.quiet.count();
  std::map<Key, Pending> kept;
  for (std::size_t i = 0; i < directories_.size(); ++i) {
    // A rescan that waits already is not put off: a flood that never ends still gets one every quiet time.
    const auto waiting = pending_.find({i, {}});
    if (waiting != pending_.end()) {
      kept.insert(*waiting);
    } else if (directories_[i].watch >= 0) {
      kept.insert({{i, {}}, Pending{due, Kind::rescan}});
    }
  }
  pending_ = std::move(kept);
  // What happened to a directory itself may be among the lost events.
  next_recheck_ns_ = std::min(next_recheck_ns_, due);
}

void DirectoryWatch::detach(std::size_t index, std::int64_t now_ns) {
  Directory& directory = directories_[index];
  const int watch = std::exchange(directory.watch, -1);
  const auto uses = [&](const Directory& d) { return d.watch == watch; };
  // Fails where the kernel has dropped the watch by itself, which is as good.
  if (watch >= 0 && std::none_of(directories_.begin(), directories_.end(), uses)) ::inotify_rm_watch(inotify_.get(), watch);
  pending_.erase(pending_.lower_bound({index, {}}), pending_.lower_bound({index + 1, {}}));
  const std::int64_t due = now_ns + options_.quiet.count();
  pending_.insert_or_assign({index, {}}, Pending{due, Kind::gone});
  // If it is replaced, then within the quiet time: gone and back again is one rescan.
  next_recheck_ns_ = std::min(next_recheck_ns_, due);
}

void DirectoryWatch::forget() {
  for (const Directory& directory : directories_)
    if (directory.watch >= 0) ::inotify_rm_watch(inotify_.get(), directory.watch);  // fails for the second path to one directory
  directories_.clear();
  pending_.clear();
  next_recheck_ns_ = no_deadline;
}

void DirectoryWatch::recheck(std::int64_t now_ns) {
  next_recheck_ns_ = now_ns + options_.recheck.count();
  for (std::size_t i = 0; i < directories_.size(); ++i) {
    Directory& directory = directories_[i];
    if (directory.watch >= 0) {
      struct stat status {};
      const bool same = ::stat(directory.path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_dev == directory.device &&
                        status.st_ino == directory.inode;
      if (same) continue;
      detach(i, now_ns);
    }
    const Result<Attach> attached = attach(directory);
    // Found again: the caller scans it. Files that come later are reported in their own time.
    if (attached && *attached == Attach::attached) pending_.insert_or_assign({i, {}}, Pending{now_ns, Kind::rescan});
  }
}

std::int64_t DirectoryWatch::next_deadline() const {
  std::int64_t next = next_recheck_ns_;
  for (const auto& [key, pending] : pending_) next = std::min(next, pending.due_ns);
  return next;
}

std::vector<DirectoryChange> DirectoryWatch::take_due(std::int64_t now_ns) {
  if (next_recheck_ns_ <= now_ns) recheck(now_ns);
  std::vector<DirectoryChange> due;
  for (auto at = pending_.begin(); at != pending_.end();) {
    if (at->second.due_ns > now_ns) {
      ++at;
      continue;
    }
    due.push_back({at->second.kind, directories_[at->first.first].path, at->first.second});
    at = pending_.erase(at);
  }
  return due;
}

}  // namespace tenon::host
