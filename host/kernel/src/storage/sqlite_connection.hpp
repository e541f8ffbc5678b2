// SqliteConnection, SqliteStatement: SQLite's objects with an owner, and its errors in our words.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace tenon::host {

/// What `rc` of the last call on `db` means. `doing`: "cannot write to". `shown`: the file, for people. `db` may be null.
Error sqlite_error(sqlite3* db, int rc, std::string_view doing, const std::string& shown);

/// A prepared statement, kept for as long as its connection. Used by one thread at a time.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement(SqliteStatement&& o) noexcept : statement_(std::exchange(o.statement_, nullptr)) {}
  SqliteStatement& operator=(SqliteStatement&& o) noexcept {
    std::swap(statement_, o.statement_);
    return *this;
  }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;
  ~SqliteStatement() { sqlite3_finalize(statement_); }

  int prepare(sqlite3* db, std::string_view sql);
  // Bound bytes must stay until the statement is reset.
  void bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }
  void bind_bytes(int index, std::string_view bytes);
  void bind_text(int index, std::string_view text);
  int step() { return sqlite3_step(statement_); }
  /// To its end, with no row expected: SQLITE_OK or what went wrong. Resets.
  int run();
  void reset() { sqlite3_reset(statement_); }
  [[nodiscard]] std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string_view bytes(int column);  ///< of a BLOB or text, until the next step

 private:
  sqlite3_stmt* statement_ = nullptr;
};

/// Resets at the end of its scope: a statement that is not reset holds a read transaction open.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(SqliteStatement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  SqliteStatement& statement_;
};

/// A connection to a file that exists. Used by one thread at a time. Closing it never writes to the file.
class SqliteConnection {
 public:
  SqliteConnection() = default;
  ~SqliteConnection() { close(); }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  int open(const std::string& path, const char* vfs);
  void close();
  [[nodiscard]] sqlite3* get() const { return db_; }
  int exec(const char* sql) { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); }
  /// The first column of the first row.
  int read_number(const char* sql, std::int64_t& out);
  int read_text(const char* sql, std::string& out);

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace tenon::host
