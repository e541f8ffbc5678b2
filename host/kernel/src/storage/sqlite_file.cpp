#include "sqlite_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "kernel/storage_file.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t application_id = 0x54454e4f;  // "TENO"
constexpr std::int64_t schema_version = 1;
/// A file up to this size is checked at every start, as that takes milliseconds; a larger one when the last life did not end well.
constexpr std::int64_t always_checked_bytes = std::int64_t{4} << 20U;
// Both have the same length: on a full disk it can be overwritten, though nothing could be added.
constexpr std::string_view mark_open = "open\n";
constexpr std::string_view mark_closed = "shut\n";

// A namespace's row holds the last revision given in it, so that none is ever given twice; an entry's `expires` is 0 or realtime in nanoseconds.
constexpr const char* create_tables =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE namespace(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, revision INTEGER NOT NULL,"
    " secret INTEGER NOT NULL) STRICT;"
    "CREATE TABLE entry(ns INTEGER NOT NULL, key BLOB NOT NULL, revision INTEGER NOT NULL, expires INTEGER NOT NULL, type TEXT NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY(ns, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX entry_expires ON entry(expires) WHERE expires > 0;"
    "PRAGMA application_id=0x54454e4f;"
    "PRAGMA user_version=1;"
    "COMMIT";

std::string quoted(const SqliteOptions& options) { return "`" + printable(options.shown, 4096) + "`"; }

Error damaged(const SqliteOptions& options, const std::string& how) {
  return {Code::data_loss, "the store " + quoted(options) + " " + how + ": it was left as it is, restore it from a backup or move it away",
          "STORAGE_CORRUPT", 0, ExitCode::data_error};
}

Result<void> check_numbers(const SqliteOptions& options, std::int64_t id, std::int64_t version) {
  if (id != application_id) return damaged(options, "is a database of another program");
  if (version > schema_version)
    return Error{Code::failed_precondition,
                 "the store " + quoted(options) + " has schema " + std::to_string(version) + ", this host knows up to " +
                     std::to_string(schema_version) + ": run the newer version that wrote it",
                 "STORAGE_NEWER_SCHEMA", 0, ExitCode::data_error};
  if (version < 1) return damaged(options, "has no schema version");
  return {};
}

Result<void> check_version(SqliteConnection& db, const SqliteOptions& options, bool& is_new) {
  std::int64_t id = 0;
  std::int64_t version = 0;
  std::int64_t objects = 0;
  int rc = db.read_number("PRAGMA application_id", id);
  if (rc == SQLITE_OK) rc = db.read_number("PRAGMA user_version", version);
  if (rc == SQLITE_OK) rc = db.read_number("SELECT count(*) FROM sqlite_schema", objects);
  if (rc != SQLITE_OK) {
    const Error e = sqlite_error(db.get(), rc, "cannot read the store", options.shown);
    return e.code == Code::data_loss ? damaged(options, "is damaged (" + printable(sqlite3_errmsg(db.get())) + ")") : e;
  }
  is_new = id == 0 && version == 0 && objects == 0;
  if (is_new) return {};
  return check_numbers(options, id, version);
}

/// integrity_check calls a page damaged that could only not be read now. 0 if it is not that.
int reading_error(const std::string& found) {
  constexpr std::string_view says = "error code=";
  const std::size_t at = found.find(says);
  if (at == std::string::npos) return 0;
  const int rc = std::atoi(found.c_str() + at + says.size());
  return (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_NOMEM ? rc : 0;
}

Result<void> check_pages(SqliteConnection& db, const SqliteOptions& options, bool check_all) {
  std::int64_t pages = 0;
  std::int64_t page_size = 0;
  int rc = db.read_number("PRAGMA page_count", pages);
  if (rc == SQLITE_OK) rc = db.read_number("PRAGMA page_size", page_size);
  std::string found = "ok";
  if (rc == SQLITE_OK && (check_all || pages * page_size <= always_checked_bytes)) rc = db.read_text("PRAGMA integrity_check(1)", found);
  if (rc != SQLITE_OK) {
    const Error e = sqlite_error(db.get(), rc, "cannot check the store", options.shown);
    return e.code == Code::data_loss ? damaged(options, "is damaged (" + printable(sqlite3_errmsg(db.get())) + ")") : e;
  }
  if (const int error = reading_error(found); error != 0) return sqlite_error(nullptr, error, "cannot check the store", options.shown);
  if (found != "ok") return damaged(options, "is damaged (" + printable(found) + ")");
  std::int64_t ours = 0;
  std::int64_t all = 0;
  rc = db.read_number(
      "SELECT count(*) FROM sqlite_schema WHERE (type='table' AND name IN ('namespace','entry')) OR (type='index' AND "
      "name='entry_expires')",
      ours);
  if (rc == SQLITE_OK) rc = db.read_number("SELECT count(*) FROM sqlite_schema WHERE sql IS NOT NULL", all);
  if (rc != SQLITE_OK) return sqlite_error(db.get(), rc, "cannot read the store", options.shown);
  if (ours != 3 || all != 3) return damaged(options, "does not have the tables of a store");
  return {};
}

}  // namespace

Result<void> LifeMark::take(const SqliteOptions& options) {
  const std::string name = options.name + ".life";
  const std::string shown = "`" + printable(options.shown + ".life", 4096) + "`";
  UniqueFd fd(::openat(options.directory, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600));
  if (!fd) return Error::system(errno, "cannot open " + shown, ExitCode::cannot_create);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return Error{Code::unavailable, "the store " + quoted(options) + " is open already", "STORAGE_IN_USE", 0, ExitCode::try_again};
    return Error::system(errno, "cannot lock " + shown);
  }
  char text[8] = {};
  const ssize_t n = ::pread(fd.get(), text, sizeof text, 0);
  if (n < 0) return Error::system(errno, "cannot read " + shown);
  const std::string_view was(text, static_cast<std::size_t>(n));
  was_clean_ = was == mark_closed;
  was_unclean_ = !was.empty() && !was_clean_;
  const auto length = static_cast<ssize_t>(mark_open.size());
  if (was != mark_open && ::pwrite(fd.get(), mark_open.data(), mark_open.size(), 0) != length)
    return Error::system(errno != 0 ? errno : ENOSPC, "cannot write " + shown, ExitCode::cannot_create);
  if (::fsync(fd.get()) != 0 || ::fsync(options.directory) != 0) return Error::system(errno, "cannot sync " + shown);
  fd_ = std::move(fd);
  return {};
}

void LifeMark::closed_cleanly() {
  if (!fd_) return;
  if (::pwrite(fd_.get(), mark_closed.data(), mark_closed.size(), 0) == static_cast<ssize_t>(mark_closed.size())) ::fsync(fd_.get());
  fd_.reset();
}

namespace {

bool has_beside(const SqliteOptions& options, const char* ending) {
  struct stat st {};
  return ::fstatat(options.directory, (options.name + ending).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

Result<void> check_store_file(const SqliteOptions& options, uid_t owner, bool was_clean, bool is_made, struct stat& file) {
  if (::fstatat(options.directory, options.name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0)
    return Error::system(errno, "cannot examine the store " + quoted(options));
  const auto unsafe = [&](const std::string& why) {
    return Error{Code::permission_denied, "the store " + quoted(options) + " " + why, "STORAGE_UNSAFE", 0, ExitCode::no_permission};
  };
  if (!S_ISREG(file.st_mode)) return unsafe("is not a regular file: move it away");
  if (file.st_uid != owner) return unsafe("belongs to another user: give it to the user the daemon runs as");
  if ((file.st_mode & 0077U) != 0) return unsafe("can be opened by other users: `chmod 600` it, and see who could have changed it");
  if (file.st_nlink != 1) return unsafe("has a second name (hard link): remove that");
  // SQLite would delete the WAL, and with it everything committed lately.
  if (file.st_size == 0 && has_beside(options, "-wal"))
    return damaged(options, "is empty, but `" + printable(options.name) + "-wal` beside it is not");
  // What was closed well has tables. (A first life that was killed may have left an empty file.)
  if (file.st_size == 0 && was_clean && !is_made) return damaged(options, "is empty, though it was closed as a whole one");
  return {};
}

/// The first bytes of a database, as far as they say that it is none, as SQLite would (sqlite.org/fileformat.html, 1.3).
Result<void> check_header(const SqliteOptions& options, const std::array<unsigned char, 108>& header, off_t size) {
  const auto number = [&header](std::size_t at, std::size_t bytes) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < bytes; ++i) out = out << 8U | header[at + i];
    return out;
  };
  constexpr std::string_view magic("SQLite format 3\0", 16);
  const std::uint32_t page_size = number(16, 2) == 1 ? 65536 : number(16, 2);
  const bool is_database = std::equal(magic.begin(), magic.end(), header.begin()) && header[19] <= 2 && header[21] == 64 &&
                           header[22] == 32 && header[23] == 32 && page_size >= 512 && (page_size & (page_size - 1)) == 0;
  if (!is_database) return damaged(options, "is damaged (file is not a database)");
  const std::uint32_t pages = number(24, 4) == number(92, 4) ? number(28, 4) : 0;  // else it is an old one, and does not count
  if (pages > (static_cast<std::uint64_t>(size) + page_size - 1) / page_size)
    return damaged(options, "is damaged (database disk image is malformed)");
  const std::uint32_t id = number(68, 4), version = number(60, 4);
  const bool has_tables = (header[100] == 13 || header[100] == 5) && number(103, 2) != 0;
  if (id == 0 && version == 0 && !has_tables) return {};  // a new one, or one whose pages have to be read
  return check_numbers(options, static_cast<std::int32_t>(id), static_cast<std::int32_t>(version));
}

}  // namespace

Result<void> prepare_store_file(const SqliteOptions& options, bool was_clean) {
  bool is_made = false;
  {
    const UniqueFd made(::openat(options.directory, options.name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made && errno != EEXIST) return Error::system(errno, "cannot create the store " + quoted(options), ExitCode::cannot_create);
    is_made = bool(made);
  }
  struct stat file {};
  return check_store_file(options, ::geteuid(), was_clean, is_made, file);
}

Result<void> look_at_store(const SqliteOptions& options, std::uint32_t owner) {
  const std::string life_name = options.name + ".life";
  const UniqueFd life(::openat(options.directory, life_name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
  if (!life && errno != ENOENT)
    return Error::system(errno, "cannot open `" + printable(options.shown + ".life", 4096) + "`", ExitCode::cannot_create);
  char text[8] = {};
  const ssize_t n = life ? ::pread(life.get(), text, sizeof text, 0) : 0;
  const bool was_clean = n > 0 && std::string_view(text, static_cast<std::size_t>(n)) == mark_closed;
  struct stat file {};
  if (::fstatat(options.directory, options.name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return {};
  if (Result<void> r = check_store_file(options, owner, was_clean, false, file); !r) return r;
  // What a log beside the file says counts more than the file.
  if (file.st_size == 0 || has_beside(options, "-wal") || has_beside(options, "-journal")) return {};
  const UniqueFd fd(::openat(options.directory, options.name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
  std::array<unsigned char, 108> header{};  // a file that is shorter is read as if zeros followed
  if (!fd || ::pread(fd.get(), header.data(), header.size(), 0) < 0) return {};
  return check_header(options, header, file.st_size);
}

Result<void> prepare_store(SqliteConnection& writer, const SqliteOptions& options, bool check_all) {
  bool is_new = false;
  if (Result<void> r = check_version(writer, options, is_new); !r) return r;
  if (!is_new)
    if (Result<void> r = check_pages(writer, options, check_all); !r) return r;
  std::string mode;
  int rc = writer.read_text("PRAGMA journal_mode=WAL", mode);
  if (rc == SQLITE_OK && mode != "wal")
    return Error{Code::unavailable, "the store " + quoted(options) + " cannot be written ahead (journal mode `" + printable(mode) + "`)",
                 "STORAGE_CANNOT_OPEN", 0, ExitCode::cannot_create};
  if (rc == SQLITE_OK && is_new) rc = writer.exec(create_tables);
  if (rc != SQLITE_OK) return sqlite_error(writer.get(), rc, "cannot prepare the store", options.shown);
  return {};
}

}  // namespace tenon::host
