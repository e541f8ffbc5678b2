#include "sqlite_connection.hpp"

#include <cerrno>

#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr int busy_timeout_ms = 5000;

bool is_disk_full(int rc, int sys_errno) {
  if ((rc & 0xff) == SQLITE_FULL) return true;
  // The index of the WAL cannot grow: SQLite does not say why, and there is no other usual reason.
  if (rc == SQLITE_IOERR_SHMSIZE) return true;
  return (rc & 0xff) == SQLITE_IOERR && (sys_errno == ENOSPC || sys_errno == EDQUOT || sys_errno == EFBIG);
}

}  // namespace

Error sqlite_error(sqlite3* db, int rc, std::string_view doing, const std::string& shown) {
  const int sys_errno = db != nullptr ? sqlite3_system_errno(db) : 0;
  const std::string what = std::string(doing) + " `" + printable(shown, 4096) + "`: ";
  if (is_disk_full(rc, sys_errno))
    return {Code::resource_exhausted, what + "the disk is full", "STORAGE_FULL", sys_errno == 0 ? ENOSPC : sys_errno, ExitCode::io_error};
  const std::string said = printable(db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
  switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::data_loss, what + "it is damaged (" + said + ")", "STORAGE_CORRUPT", 0, ExitCode::data_error};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::unavailable, what + "another program holds it", "STORAGE_BUSY", 0, ExitCode::try_again};
    case SQLITE_NOMEM:
      return {Code::resource_exhausted, what + "no memory left", "OUT_OF_MEMORY", ENOMEM, ExitCode::os_error};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return {Code::unavailable, what + said, "STORAGE_CANNOT_OPEN", sys_errno, ExitCode::cannot_create};
    case SQLITE_IOERR:
      return {Code::unavailable, what + said, "STORAGE_IO", sys_errno, ExitCode::io_error};
    default:
      return {Code::internal, what + said, "STORAGE_SQL", 0, ExitCode::software};
  }
}

int SqliteStatement::prepare(sqlite3* db, std::string_view sql) {
  return sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
}

void SqliteStatement::bind_bytes(int index, std::string_view bytes) {
  // A null pointer would bind NULL.
  sqlite3_bind_blob64(statement_, index, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
}

void SqliteStatement::bind_text(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

int SqliteStatement::run() {
  const int rc = sqlite3_step(statement_);
  const int ended = sqlite3_reset(statement_);
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : ended;
}

std::string_view SqliteStatement::bytes(int column) {
  const void* const data = sqlite3_column_blob(statement_, column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

int SqliteConnection::open(const std::string& path, const char* vfs) {
  int rc = sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, vfs);
  if (rc != SQLITE_OK) return rc;
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, busy_timeout_ms);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_wal_autocheckpoint(db_, 0);
  return exec("PRAGMA mmap_size=0");
}

void SqliteConnection::close() { sqlite3_close_v2(std::exchange(db_, nullptr)); }

int SqliteConnection::read_text(const char* sql, std::string& out) {
  SqliteStatement statement;
  if (const int rc = statement.prepare(db_, sql); rc != SQLITE_OK) return rc;
  const int rc = statement.step();
  if (rc == SQLITE_ROW) out = statement.bytes(0);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int SqliteConnection::read_number(const char* sql, std::int64_t& out) {
  SqliteStatement statement;
  if (const int rc = statement.prepare(db_, sql); rc != SQLITE_OK) return rc;
  const int rc = statement.step();
  if (rc == SQLITE_ROW) out = statement.number(0);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

}  // namespace tenon::host
