// Which shared libraries, in which versions, this machine's dynamic loader would find.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tenon::host {

/// Where the dynamic loader looks for a library without '/' in its name, in this order: `first`, the cache, `last`.
struct LibrarySearch {
  std::vector<std::string> first;  ///< LD_LIBRARY_PATH
  std::string cache_file;          ///< /etc/ld.so.cache
  std::vector<std::string> last;   ///< default directories
  /// As this process was started (LD_LIBRARY_PATH is ignored in secure execution, as the loader does).
  static LibrarySearch of_process();
};

/// A library of this machine.
struct InstalledLibrary {
  std::string path;
  bool versioned = false;             ///< it defines symbol versions at all
  std::vector<std::string> versions;  ///< names it defines, sorted
};

/// Answers from the file system, each name looked up once and then remembered; make a new one to see the machine as it is now. Thread-safe.
class NeededLibraries {
 public:
  explicit NeededLibraries(LibrarySearch search = LibrarySearch::of_process());
  ~NeededLibraries();
  NeededLibraries(const NeededLibraries&) = delete;
  NeededLibraries& operator=(const NeededLibraries&) = delete;

  /// The library the loader would take for `name`; null if there is none for this machine. Valid as long as this object.
  const InstalledLibrary* find(std::string_view name);
  /// The directories and files searched, for a message.
  [[nodiscard]] std::string searched() const;

 private:
  [[nodiscard]] std::unique_ptr<InstalledLibrary> look_up(const std::string& name) const;

  LibrarySearch search_;
  std::string cache_;  ///< bytes of the cache file, empty if it cannot be read
  std::shared_mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<InstalledLibrary>> known_;  ///< null: not found
};

}  // namespace tenon::host
