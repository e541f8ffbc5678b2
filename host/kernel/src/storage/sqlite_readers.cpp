#include "sqlite_readers.hpp"

#include <chrono>
#include <new>

namespace tenon::host {
namespace {

constexpr std::size_t max_readers = 8;
constexpr std::chrono::seconds longest_wait{5};

}  // namespace

SqliteReaders::SqliteReaders(std::string path, const char* vfs, std::string shown)
    : path_(std::move(path)), vfs_(vfs), shown_(std::move(shown)) {
  idle_.reserve(max_readers);
}

Result<SqliteReaders::Lease> SqliteReaders::take() {
  {
    std::unique_lock lock(mutex_);
    if (!returned_.wait_for(lock, longest_wait, [&] { return !idle_.empty() || made_ < max_readers; }))
      return Error{Code::unavailable, "all connections that read `" + shown_ + "` have been busy for 5s", "STORAGE_BUSY"};
    if (!idle_.empty()) {
      // The one used last: its cache is warm.
      std::unique_ptr<SqliteReader> reader = std::move(idle_.back());
      idle_.pop_back();
      return Lease(*this, std::move(reader));
    }
    ++made_;
  }
  struct Place {
    SqliteReaders* of;
    ~Place() {
      if (of != nullptr) of->give_up();
    }
  } place{this};
  Result<std::unique_ptr<SqliteReader>> reader = make();
  if (!reader) return reader.error();
  place.of = nullptr;
  return Lease(*this, std::move(*reader));
}

void SqliteReaders::give_up() {
  {
    const std::lock_guard lock(mutex_);
    --made_;
  }
  returned_.notify_one();
}

void SqliteReaders::give_back(std::unique_ptr<SqliteReader> reader) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(reader));
  }
  returned_.notify_one();
}

Result<std::unique_ptr<SqliteReader>> SqliteReaders::make() const {
  auto reader = std::make_unique<SqliteReader>();
  SqliteConnection& c = reader->connection;
  int rc = c.open(path_, vfs_);
  if (rc == SQLITE_OK) rc = c.exec("PRAGMA query_only=1");
  if (rc == SQLITE_OK) rc = reader->get.prepare(c.get(), "SELECT revision, expires, type, value FROM entry WHERE ns=?1 AND key=?2");
  if (rc == SQLITE_OK)
    rc = reader->scan.prepare(c.get(),
                              "SELECT key, revision, expires, type, value FROM entry WHERE ns=?1 AND key>=?2 AND key<?3 ORDER BY key");
  if (rc != SQLITE_OK) return sqlite_error(c.get(), rc, "cannot read", shown_);
  return reader;
}

void SqliteReaders::close() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

}  // namespace tenon::host
