// SqliteWriter: the one connection that writes: groups of transactions, checkpoints.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/storage_backend.hpp"
#include "sqlite_connection.hpp"

namespace tenon::host {

/// Used by one thread at a time.
class SqliteWriter {
 public:
  SqliteWriter(std::string shown, bool sync) : shown_(std::move(shown)), sync_(sync) {}
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  [[nodiscard]] SqliteConnection& connection() { return db_; }
  /// After prepare_store: statements, and what is known of the namespaces.
  Result<void> start();
  BackendSpace space(std::string_view name);
  Result<void> set_secret(NamespaceId id, bool secret);
  Result<void> commit(std::span<BackendItem> group, bool durable, std::int64_t now_ns);
  Result<std::vector<StorageTransaction>> expired(std::int64_t now_ns, std::size_t max);
  void maintain();
  /// Everything into the file itself, the WAL removed. The last connection to close.
  Result<void> close();

 private:
  struct Space {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t revision = 0;
    bool secret = false;
    // While a group is applied: as it was before.
    bool touched = false;
    std::uint64_t bytes_before = 0, revision_before = 0;
  };
  /// What the statement being run found in place of its key; filled in by the SQL function `tenon_admit`.
  struct Found {
    bool any = false;
    std::uint64_t revision = 0;  ///< 0 if its time is up
    std::uint64_t bytes = 0;
  };

  static void admit(sqlite3_context* context, int count, sqlite3_value** values);
  int begin(bool durable);
  int apply_group(std::span<BackendItem> group);
  int apply(BackendItem& item);
  int apply_operations(const StorageTransaction& transaction, Space& space, std::uint64_t revision, std::optional<Error>& refused);
  int apply_one(const StorageTransaction::Operation& operation, NamespaceId id, std::uint64_t revision, Space& space, bool& conflict);
  int store_spaces();
  void forget_group();
  void checkpoint(int mode);
  Error failed(int rc, const char* doing);

  const std::string shown_;
  const bool sync_;
  SqliteConnection db_;
  SqliteStatement begin_, commit_, rollback_, savepoint_, undo_, release_;
  SqliteStatement put_, erase_, check_, clear_, store_space_, store_secret_, expired_;
  std::unordered_map<NamespaceId, Space> spaces_;
  std::vector<NamespaceId> touched_;
  std::uint64_t revision_ = 0;
  NamespaceId last_id_ = 0;
  std::int64_t now_ns_ = 0;
  std::optional<std::uint64_t> expected_;
  bool reaping_ = false;
  Found found_;
  bool waits_for_disk_ = true;     ///< as SQLite's `synchronous` is now
  bool unsynced_commits_ = false;  ///< committed without waiting, and nothing waited for since
  std::optional<Error> broken_;    ///< nothing can be written any more until the store is opened again
  int wal_pages_ = 0;
  int checkpointed_at_ = 0;
};

}  // namespace tenon::host
