// Watches directories for modules and manifests that appear, change or go (inotify).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/result.hpp"

namespace tenon::host {

/// Something that happened and has been quiet since.
struct DirectoryChange {
  enum class Kind : std::uint8_t {
    changed,  ///< a file was written, or put there under this name
    removed,  ///< a file was deleted or moved away
    rescan,   ///< look at the whole directory: it is there (again), or events were lost
    gone,     ///< the directory itself is not there any more
  };
  Kind kind;
  std::string directory;  ///< as given to add()
  std::string name;       ///< the file inside it; empty for rescan and gone
  friend bool operator==(const DirectoryChange&, const DirectoryChange&) = default;
};

/// True for the names that are looked at: *.so, *.yaml, *.yml, no dot-files.
bool is_watched_name(std::string_view name);

/// Reports a file once it was quiet for `quiet`, the last event deciding what happened to it. No thread and no clock inside:
/// poll fd() for reading and call on_readable(); at next_deadline() call take_due(). Not thread-safe.
///
/// A directory may be missing, be removed, replaced or re-created, also through a link in its path: what no event tells is found by
/// looking at the path again every `recheck`. A file created by open() counts once its writer closed it; links count at once.
class DirectoryWatch {
 public:
  struct Options {
    Nanos quiet = std::chrono::milliseconds(500);
    Nanos recheck = std::chrono::seconds(5);
    std::size_t max_pending = 4096;  ///< files waiting for quiet; beyond that their directories become one rescan each
  };

  static Result<DirectoryWatch> create(Options options);
  static Result<DirectoryWatch> create() { return create(Options{}); }

  /// Begins to watch at `now_ns`; what is in the directory already is not reported, so add first and scan then. A directory that is
  /// missing is waited for. Adding one twice does nothing. Fails where the kernel refuses (no permission, too many watches); the
  /// directory is not watched then.
  Result<void> add(std::string directory, std::int64_t now_ns);

  [[nodiscard]] int fd() const { return inotify_.get(); }
  /// Reads what is there, never blocks; call it again while fd() is readable.
  Result<void> on_readable(std::int64_t now_ns);
  /// When take_due() has something to do; no_deadline if nothing is watched.
  [[nodiscard]] std::int64_t next_deadline() const;
  /// Everything quiet at `now_ns`, sorted by directory (in the order of add) and name, a directory's own change first.
  std::vector<DirectoryChange> take_due(std::int64_t now_ns);
  /// Nothing is watched any more, nothing is due. A process that is about to end calls it early: the kernel lets go of watches after a grace period of
  /// its own (about 12 ms), which an exit would wait for.
  void forget();

 private:
  struct Directory {
    std::string path;
    int watch = -1;  ///< -1: not there
    dev_t device = 0;
    ino_t inode = 0;
  };
  struct Pending {
    std::int64_t due_ns;
    DirectoryChange::Kind kind;
  };
  /// Index into directories_ and name; an empty name is the directory itself.
  using Key = std::pair<std::size_t, std::string>;

  DirectoryWatch(Options options, UniqueFd inotify) : options_(options), inotify_(std::move(inotify)) {}

  enum class Attach : std::uint8_t { attached, missing };
  Result<Attach> attach(Directory& directory);
  void detach(std::size_t index, std::int64_t now_ns);
  void recheck(std::int64_t now_ns);
  void on_event(int watch, std::uint32_t mask, std::string_view name, std::int64_t now_ns);
  void on_file_event(std::size_t index, std::uint32_t mask, std::string_view name, std::int64_t now_ns);
  void note(std::size_t index, std::string_view name, DirectoryChange::Kind kind, std::int64_t now_ns);
  void rescan_all(std::int64_t now_ns);

  Options options_;
  UniqueFd inotify_;
  std::vector<Directory> directories_;
  std::map<Key, Pending> pending_;
  std::int64_t next_recheck_ns_ = no_deadline;
};

}  // namespace tenon::host
