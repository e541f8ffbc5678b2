// Storage: what modules keep. Namespaces of key -> bytes with content type and revision, written by one thread in groups, read by all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/storage_backend.hpp"
#include "kernel/storage_types.hpp"

namespace tenon::host {

class State;

/// INVALID_ARGUMENT `NAMESPACE_NAME`, saying what a name is.
Result<void> check_namespace_name(std::string_view name);

struct NamespaceOptions {
  enum class Durability : std::uint8_t {
    full,    ///< acknowledged = on disk
    normal,  ///< acknowledged = survives the end of the process, not the power's; never half-written, never out of order
  };
  std::uint64_t quota = storage_default_quota;
  Durability durability = Durability::full;
  bool secret = false;  ///< never mirrored in the state; the store remembers it
};

struct StorageOptions {
  std::function<std::int64_t()> clock = realtime_ns;  ///< for times to live, which outlast the process
  /// Where completions of commit_async are run. Empty: on the writer's thread, without a lock; then they must be short, as everybody waits.
  std::function<void(std::function<void()>)> executor = {};
  State* state = nullptr;  ///< kept equal to what is committed; must outlive the storage
  /// Queued at most; a single namespace may take a quarter of it. Beyond: RESOURCE_EXHAUSTED.
  std::size_t max_queued = 4096;
  std::size_t max_queued_bytes = std::size_t{64} << 20U;
};

struct StorageStatistics {
  std::uint64_t committed = 0, refused = 0, failed = 0;  ///< transactions; refused: conflict or quota
  std::uint64_t groups = 0;                              ///< written together, each with at most one wait for the disk
  std::uint64_t expired = 0;                             ///< entries removed since their time was up
  std::size_t queued = 0;
  bool disk_full = false;  ///< the last write failed for want of space; reads go on, the next write tries again
};

/// What a namespace holds and may hold, as counted for its quota.
struct StorageUsage {
  std::uint64_t bytes = 0, quota = 0;
  bool secret = false;
};

/// Thread-safe. What comes from commit is final: OK = committed (and on disk, if the namespace is `full`); ABORTED, INVALID_ARGUMENT,
/// RESOURCE_EXHAUSTED = nothing was changed. But where the disk or the memory gave out while it was written (STORAGE_FULL, OUT_OF_MEMORY, and
/// UNAVAILABLE with STORAGE_IO): nothing was changed, unless the process ends before the next commit: then it may be there, whole.
/// DEADLINE_EXCEEDED: not known yet.
class Storage {
 public:
  using Completion = std::function<void(Result<std::uint64_t>)>;

  /// Opens the backend and starts the writer. Errors carry the exit code the process should end with.
  static Result<std::unique_ptr<Storage>> open(std::unique_ptr<StorageBackend> backend, StorageOptions options = {});
  ~Storage();  ///< as close()
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  /// Refuses new work, finishes what is queued, closes the backend. Nobody may be reading any more. Idempotent.
  Result<void> close();

  /// Makes a namespace usable (dotted words, at most 255 bytes) and mirrors it, unless it is secret; again with other options changes those.
  /// Waits for the writer; DEADLINE_EXCEEDED: it will be done later.
  Result<NamespaceId> define(const std::string& name, const NamespaceOptions& options = {}, std::int64_t deadline_ns = no_deadline);
  /// The same for whom it does not belong to: as it was defined, else with default options, and secret if the store says so.
  Result<NamespaceId> use(const std::string& name, std::int64_t deadline_ns = no_deadline);
  [[nodiscard]] Result<NamespaceId> find(std::string_view name) const;
  [[nodiscard]] Result<StorageUsage> usage(NamespaceId space) const;
  /// Of all namespaces that are in use, by name.
  [[nodiscard]] std::vector<std::pair<std::string, StorageUsage>> usages() const;

  /// NOT_FOUND, or info; the value is copied if `buffer` can take all of it, else OUT_OF_RANGE with info.size.
  Result<void> get(NamespaceId space, std::string_view key, std::span<char> buffer, ValueInfo& info);
  struct Stored {
    std::string value;
    ValueInfo info;
  };
  Result<Stored> get(NamespaceId space, std::string_view key);
  /// The next batch of at most 256 rows or 64 KiB (one row is always whole); the last one sets cursor.done.
  Result<void> scan(StorageCursor& cursor, StorageBatch& out);

  /// Returns the revision of the transaction. Waits until it is acknowledged, or `deadline_ns` (monotonic) has come. Not from a completion that runs
  /// on the writer's thread (FAILED_PRECONDITION).
  Result<std::uint64_t> commit(StorageTransaction transaction, std::int64_t deadline_ns = no_deadline);
  /// Returns at once. If it returns an error, `done` is not called, otherwise exactly once, in the order of commits.
  Result<void> commit_async(StorageTransaction transaction, Completion done);
  Result<std::uint64_t> put(NamespaceId space, std::string_view key, std::string_view value, const PutOptions& options = {});
  Result<std::uint64_t> erase(NamespaceId space, std::string_view key, std::optional<std::uint64_t> expected = std::nullopt);
  Result<std::uint64_t> clear(NamespaceId space);

  /// Removes what has expired; returns how many entries. Until then it takes space, but nobody sees it.
  Result<std::size_t> expire();
  /// The same without waiting: for whoever must not wait for a disk. Call about once a second. [any]
  void expire_soon();

  [[nodiscard]] StorageStatistics statistics() const;
  /// Monotonic time since when the writer has been at one group; 0 = it waits for work. For the watchdog.
  [[nodiscard]] std::int64_t busy_since_ns() const { return busy_since_ns_.load(std::memory_order_relaxed); }

 private:
  struct Space {
    std::string name;
    NamespaceOptions options;
    std::size_t queued = 0, queued_bytes = 0;
    std::uint64_t bytes = 0;
  };
  struct Job {
    StorageTransaction transaction{0};
    Completion done;
    bool on_writer = false;        ///< `done` is the storage's own
    std::function<void()> action;  ///< instead of a transaction
    std::uint64_t quota = 0;
    bool durable = false;
  };

  Storage(std::unique_ptr<StorageBackend> backend, StorageOptions options);
  Result<void> enqueue(StorageTransaction transaction, Completion done, bool on_writer);
  Result<void> post_to_writer(std::function<void()> action);
  Result<void> run_on_writer(std::function<void()> action, std::int64_t deadline_ns);
  Result<NamespaceId> define_or_use(const std::string& name, std::optional<NamespaceOptions> options, std::int64_t deadline_ns);
  Result<NamespaceId> define_on_writer(const std::string& name, std::optional<NamespaceOptions> options);
  Result<std::size_t> expire_batch();
  Result<void> mirror(NamespaceId id);
  void write_until_closed();
  bool take_group(std::vector<Job>& group);
  void write_group(std::vector<Job>& group);
  void apply_to_state(const StorageTransaction& transaction, std::uint64_t revision, std::int64_t now_ns);
  Result<void> commit_items(std::span<BackendItem> items, bool durable, std::int64_t now_ns);
  void answer(Job& job, Result<std::uint64_t> outcome);

  const std::unique_ptr<StorageBackend> backend_;
  const StorageOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Job> queue_;
  std::size_t queued_bytes_ = 0;
  bool closing_ = false;
  std::map<NamespaceId, Space> spaces_;
  std::map<std::string, NamespaceId, std::less<>> names_;

  std::mutex close_mutex_;
  bool closed_ = false;
  Result<void> close_result_;
  std::atomic<std::int64_t> busy_since_ns_{0};
  std::atomic<std::uint64_t> committed_{0}, refused_{0}, failed_{0}, groups_{0}, expired_{0};
  std::atomic<bool> disk_full_{false}, expiring_{false};
  std::thread writer_;
  std::thread::id writer_id_;
};

}  // namespace tenon::host
