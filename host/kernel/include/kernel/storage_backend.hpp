// StorageBackend: the seam between storage and what keeps its bytes. Whoever passes the conformance suite (tests/unit/kernel/storage) can stand behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/storage_types.hpp"

namespace tenon::host {

/// A namespace as the backend has it.
struct BackendSpace {
  NamespaceId id = 0;
  std::uint64_t bytes = 0;  ///< keys, types and values, and storage_entry_cost for each entry
  bool secret = false;      ///< as last set, also in an earlier life of the store
};

/// One transaction of a group, valid and with a known namespace.
struct BackendItem {
  const StorageTransaction* transaction = nullptr;
  std::uint64_t quota = 0;                           ///< of its namespace
  Result<std::uint64_t> outcome = std::uint64_t{0};  ///< out: its revision, or ABORTED (expectation), RESOURCE_EXHAUSTED (quota)
  std::uint64_t space_bytes = 0;                     ///< out: what its namespace holds after it
};

/// [writer]: only ever called by one thread at a time, the storage's. [any]: by any number of threads, at any time between open and close.
class StorageBackend {
 public:
  virtual ~StorageBackend() = default;

  /// Opens what is there or makes it. What is damaged or newer is refused, ExitCode::data_error, and stays untouched. [writer]
  virtual Result<void> open() = 0;
  /// The namespace of that name; a new one exists from its first put on. [writer]
  virtual Result<BackendSpace> space(std::string_view name) = 0;
  /// Remembers, over all lives of the store, whether a namespace is secret. [writer]
  virtual Result<void> set_secret(NamespaceId space, bool secret) = 0;
  /// Applies the group in order, each transaction whole or not at all, each seeing those before it. One that fails by itself says so in its
  /// outcome and harms no other. Returns an error if the group as a whole came to nothing. `durable`: after it returned, it is on disk, and so is
  /// everything committed before. Revisions grow with every transaction, over all namespaces and lives of the store. An entry whose time is up at
  /// `now_ns` (realtime) is not there for expectations. Over quota is a put only if it makes the namespace larger. [writer]
  virtual Result<void> commit(std::span<BackendItem> group, bool durable, std::int64_t now_ns) = 0;
  /// False if the key is not there. The value is copied only if `buffer` can take all of it: compare info.size. [any]
  virtual Result<bool> get(NamespaceId space, std::string_view key, std::int64_t now_ns, std::span<char> buffer, ValueInfo& info) = 0;
  /// The next batch; `out` is cleared first, the cursor advanced and, with the last batch, done. [any]
  virtual Result<void> scan(StorageCursor& cursor, std::int64_t now_ns, StorageBatch& out) = 0;
  /// At most `max` entries whose time is up, as transactions that reap them. [writer]
  virtual Result<std::vector<StorageTransaction>> expired(std::int64_t now_ns, std::size_t max) = 0;
  /// Housekeeping, between groups, when nobody waits for an answer. [writer]
  virtual void maintain() = 0;
  /// Everything committed is on disk afterwards; nothing may be called any more. [writer]
  virtual Result<void> close() = 0;
};

struct SqliteOptions {
  int directory = -1;              ///< descriptor of the directory, open as long as the backend; the file is only ever reached through it
  std::string name = "kernel.db";  ///< plain file name
  std::string shown;               ///< path for messages
  std::string vfs;                 ///< SQLite VFS below, empty = its default; tests put a shim there
  bool sync = true;  ///< false never waits for the disk and loses acknowledged writes with the power: only for the test that shows it
};

/// SQLite in WAL mode: one writing connection, up to eight reading ones.
std::unique_ptr<StorageBackend> sqlite_storage_backend(SqliteOptions options);

}  // namespace tenon::host
