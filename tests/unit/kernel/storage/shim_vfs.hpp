// A VFS below SQLite that knows what has reached the disk, can lose the rest, and can fail on demand.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace tenon::host::test {

/// Registered with SQLite for its lifetime. Files are known by their last name. Thread-safe.
class ShimVfs {
 public:
  enum class Fault { none, write_error, full, short_write, sync_error, read_error, no_shared_memory, no_open };
  /// What the disk keeps of what was not synced when the power fails.
  enum class Unsynced { lost, some_of_it };

  ShimVfs();
  ~ShimVfs();
  ShimVfs(const ShimVfs&) = delete;
  ShimVfs& operator=(const ShimVfs&) = delete;
  [[nodiscard]] const std::string& name() const { return name_; }

  /// The power fails instead of the operation with this number (from 1): the image is taken, and nothing works any more.
  void cut_at(std::uint64_t operation) { cut_at_ = operation; }
  [[nodiscard]] bool is_cut() const { return dead_; }
  /// Writes, syncs, truncations and deletions so far.
  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  [[nodiscard]] std::uint64_t syncs() const { return syncs_; }
  /// Puts what the disk would have into a directory.
  void write_image(const std::string& directory, Unsynced unsynced, std::mt19937_64& random);

  /// From the `at`-th operation of that kind on (from 1, counted from now), `times` of them fail.
  void fail(Fault fault, std::uint64_t at, std::uint64_t times);
  void heal() { fail(Fault::none, 0, 0); }
  /// From now on, or no longer: writes and syncs do not return.
  void hang(bool on);
  /// Threads that wait for one.
  [[nodiscard]] int hanging() const { return hanging_; }
  /// Faults that happened since fail().
  [[nodiscard]] std::uint64_t faults() const { return faults_; }

 private:
  friend struct ShimFile;
  struct Change {
    bool truncates;
    sqlite3_int64 offset;
    std::string bytes;
  };
  struct Disk {
    std::string synced;
    std::vector<Change> pending;
    bool is_new = false;   ///< its name is not on disk yet
    bool deleted = false;  ///< and that is not on disk yet
  };

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags);
  static int remove(sqlite3_vfs* vfs, const char* path, int sync);
  /// Counts; true: the power is gone.
  bool step();
  bool strikes(Fault fault);
  void pass();  ///< waits while it hangs
  void synced(const std::string& file);
  static void apply(std::string& content, const Change& change);

  sqlite3_vfs vfs_{};
  sqlite3_vfs* const real_;
  std::string name_;
  std::mutex mutex_;
  std::map<std::string, Disk> disk_;
  std::uint64_t operations_ = 0, syncs_ = 0, cut_at_ = 0;
  bool dead_ = false;
  std::mutex hang_mutex_;
  std::condition_variable goes_on_;
  bool hangs_ = false;
  std::atomic<int> hanging_{0};
  Fault fault_ = Fault::none;
  std::uint64_t fault_at_ = 0, fault_times_ = 0, fault_seen_ = 0, faults_ = 0;
};

}  // namespace tenon::host::test
