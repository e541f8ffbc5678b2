// The file of a store before and around SQLite: who may have it, whether it is whole, and whether the last life ended well.
#pragma once

#include <string>

#include "base/file.hpp"
#include "base/result.hpp"
#include "kernel/storage_backend.hpp"
#include "sqlite_connection.hpp"

namespace tenon::host {

/// `<name>.life`: locked while a store is open, and says whether it was closed. One owner per file, in this process too. What is written there is
/// on disk before the store is touched.
class LifeMark {
 public:
  Result<void> take(const SqliteOptions& options);
  [[nodiscard]] bool was_unclean() const { return was_unclean_; }
  /// There was a last life, and it closed the store.
  [[nodiscard]] bool was_clean() const { return was_clean_; }
  /// Call when everything is on disk. Failing only costs a check at the next start.
  void closed_cleanly();

 private:
  UniqueFd fd_;
  bool was_unclean_ = false, was_clean_ = false;
};

/// Makes the file (0600, empty), or checks that it is ours alone. Never opens one that exists: closing a descriptor would drop SQLite's locks.
/// `was_clean`: of the LifeMark, so that a file that was emptied is not taken for a new one.
Result<void> prepare_store_file(const SqliteOptions& options, bool was_clean);

/// Brings a connection just opened to a store of this version: checks what is there before anything is written, makes the tables in an
/// empty file. `check_all`: look at every page even if the file is large.
Result<void> prepare_store(SqliteConnection& writer, const SqliteOptions& options, bool check_all);

}  // namespace tenon::host
