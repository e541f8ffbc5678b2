// SqliteReaders: the connections that read.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sqlite_connection.hpp"

namespace tenon::host {

/// A connection that cannot write, with its statements.
struct SqliteReader {
  SqliteConnection connection;
  SqliteStatement get;
  SqliteStatement scan;
};

/// At most eight, made when first needed. Thread-safe; the lock is never held while SQL runs.
class SqliteReaders {
 public:
  /// Gives the connection back at the end of its scope.
  class Lease {
   public:
    Lease(SqliteReaders& pool, std::unique_ptr<SqliteReader> reader) : pool_(&pool), reader_(std::move(reader)) {}
    Lease(Lease&&) = default;
    ~Lease() {
      if (reader_) pool_->give_back(std::move(reader_));
    }
    SqliteReader* operator->() { return reader_.get(); }

   private:
    SqliteReaders* pool_;
    std::unique_ptr<SqliteReader> reader_;
  };

  SqliteReaders(std::string path, const char* vfs, std::string shown);
  /// Waits up to 5 s if all are in use: each reads one bounded batch, so that does not happen unless the disk stands still (UNAVAILABLE).
  Result<Lease> take();
  /// When nobody reads any more.
  void close();

 private:
  void give_back(std::unique_ptr<SqliteReader> reader);
  void give_up();  ///< the place of one that could not be made
  Result<std::unique_ptr<SqliteReader>> make() const;

  const std::string path_;
  const char* const vfs_;
  const std::string shown_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<SqliteReader>> idle_;  ///< with room for all there can be: giving one back needs no memory
  std::size_t made_ = 0;
};

}  // namespace tenon::host
