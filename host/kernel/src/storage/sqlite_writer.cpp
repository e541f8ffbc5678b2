#include "sqlite_writer.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr int checkpoint_pages = 1000;
/// With readers always inside, a checkpoint that waits for nobody never lets the WAL begin anew. From this size on it waits for them.
constexpr int waiting_checkpoint_pages = 8 * checkpoint_pages;

using Kind = StorageTransaction::Kind;

std::uint64_t cost_of(const StorageTransaction::Operation& o) {
  return storage_entry_cost + o.key.size() + o.content_type.size() + o.value.size();
}

}  // namespace

/// tenon_admit(revision, expires, bytes): called with the entry that is in place. Says whether the statement may touch it, and remembers what it was:
/// so one statement reads, checks and writes.
void SqliteWriter::admit(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  auto& self = *static_cast<SqliteWriter*>(sqlite3_user_data(context));
  const std::int64_t expires = sqlite3_value_int64(values[1]);
  const bool over = expires != 0 && expires <= self.now_ns_;
  self.found_.any = true;
  self.found_.revision = over ? 0 : static_cast<std::uint64_t>(sqlite3_value_int64(values[0]));
  self.found_.bytes = static_cast<std::uint64_t>(sqlite3_value_int64(values[2]));
  const bool admitted = self.reaping_ ? over : !self.expected_ || *self.expected_ == self.found_.revision;
  sqlite3_result_int(context, admitted ? 1 : 0);
}

Result<void> SqliteWriter::start() {
  sqlite3* const db = db_.get();
  int rc = sqlite3_create_function_v2(db, "tenon_admit", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY, this, admit, nullptr, nullptr, nullptr);
  const auto prepare = [&](SqliteStatement& statement, std::string_view sql) {
    if (rc == SQLITE_OK) rc = statement.prepare(db, sql);
  };
  prepare(begin_, "BEGIN IMMEDIATE");
  prepare(commit_, "COMMIT");
  prepare(rollback_, "ROLLBACK");
  prepare(savepoint_, "SAVEPOINT one");
  prepare(undo_, "ROLLBACK TO one");
  prepare(release_, "RELEASE one");
  prepare(put_,
          "INSERT INTO entry(ns, key, revision, expires, type, value) VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(ns, key) DO UPDATE SET"
          " revision=excluded.revision, expires=excluded.expires, type=excluded.type, value=excluded.value"
          " WHERE tenon_admit(entry.revision, entry.expires, length(entry.type) + length(entry.value))");
  prepare(erase_, "DELETE FROM entry WHERE ns=?1 AND key=?2 AND tenon_admit(revision, expires, length(type) + length(value))");
  prepare(check_, "SELECT tenon_admit(revision, expires, 0) FROM entry WHERE ns=?1 AND key=?2");
  prepare(clear_, "DELETE FROM entry WHERE ns=?1");
  prepare(store_space_,
          "INSERT INTO namespace(id, name, bytes, revision, secret) VALUES(?1, ?2, ?3, ?4, ?5)"
          " ON CONFLICT(id) DO UPDATE SET bytes=excluded.bytes, revision=excluded.revision, secret=excluded.secret");
  prepare(store_secret_, "UPDATE namespace SET secret=?2 WHERE id=?1");
  prepare(expired_, "SELECT ns, key FROM entry WHERE expires > 0 AND expires <= ?1 ORDER BY expires LIMIT ?2");
  SqliteStatement spaces;
  prepare(spaces, "SELECT id, name, bytes, revision, secret FROM namespace");
  while (rc == SQLITE_OK && (rc = spaces.step()) == SQLITE_ROW) {
    const auto id = static_cast<NamespaceId>(spaces.number(0));
    Space& s = spaces_[id];
    s.name = spaces.bytes(1);
    s.bytes = static_cast<std::uint64_t>(spaces.number(2));
    s.revision = static_cast<std::uint64_t>(spaces.number(3));
    s.secret = spaces.number(4) != 0;
    revision_ = std::max(revision_, s.revision);
    last_id_ = std::max(last_id_, id);
    rc = SQLITE_OK;
  }
  if (rc != SQLITE_DONE) return failed(rc, "cannot read the store");
  if (!sync_) rc = db_.exec("PRAGMA synchronous=OFF");
  // So that one burst does not keep its space for ever.
  if (rc == SQLITE_DONE || rc == SQLITE_OK) rc = db_.exec("PRAGMA journal_size_limit=16777216");
  if (rc != SQLITE_OK) return failed(rc, "cannot prepare the store");
  sqlite3_wal_hook(
      db,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteWriter*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  return {};
}

Error SqliteWriter::failed(int rc, const char* doing) {
  Error e = sqlite_error(db_.get(), rc, doing, shown_);
  if (e.code == Code::data_loss) broken_ = e;
  // What was committed without waiting may be gone although the kernel calls it written: then anything behind it in the WAL would be lost with it.
  if ((rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC) && unsynced_commits_) {
    e = {Code::unavailable, e.message + ": nothing is written any more until the daemon is started again", "STORAGE_SYNC_FAILED",
         e.sys_errno};
    broken_ = e;
  }
  return e;
}

BackendSpace SqliteWriter::space(std::string_view name) {
  for (const auto& [id, space] : spaces_)
    if (space.name == name) return {id, space.bytes, space.secret};
  spaces_[++last_id_].name = name;
  return {last_id_, 0, false};
}

/// A namespace that has no row yet gets one with its first put.
Result<void> SqliteWriter::set_secret(NamespaceId id, bool secret) {
  if (broken_) return *broken_;
  Space& space = spaces_[id];
  if (space.revision != 0) {
    int rc = begin(true);
    if (rc == SQLITE_OK) {
      store_secret_.bind(1, id);
      store_secret_.bind(2, secret ? 1 : 0);
      rc = store_secret_.run();
    }
    if (rc == SQLITE_OK) rc = commit_.run();
    if (rc != SQLITE_OK) {
      Error error = failed(rc, "cannot write");
      if (sqlite3_get_autocommit(db_.get()) == 0) rollback_.run();
      return error;
    }
    unsynced_commits_ = false;
  }
  space.secret = secret;
  return {};
}

Result<void> SqliteWriter::commit(std::span<BackendItem> group, bool durable, std::int64_t now_ns) {
  if (broken_) return *broken_;
  now_ns_ = now_ns;
  const std::uint64_t revision_before = revision_;
  int rc = begin(durable);
  if (rc == SQLITE_OK) rc = apply_group(group);
  if (rc == SQLITE_OK) rc = store_spaces();
  if (rc == SQLITE_OK) rc = commit_.run();
  if (rc == SQLITE_OK) {
    for (const NamespaceId id : touched_) spaces_[id].touched = false;
    touched_.clear();
    unsynced_commits_ = !durable;
    return {};
  }
  Error error = failed(rc, "cannot write");
  if (sqlite3_get_autocommit(db_.get()) == 0) rollback_.run();
  forget_group();
  revision_ = revision_before;
  // A WAL that can begin anew needs no space it does not have already.
  if (error.reason == "STORAGE_FULL") checkpoint(SQLITE_CHECKPOINT_RESTART);
  return error;
}

int SqliteWriter::begin(bool durable) {
  if (sync_ && durable != waits_for_disk_) {
    if (const int rc = db_.exec(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"); rc != SQLITE_OK) return rc;
    waits_for_disk_ = durable;
  }
  return begin_.run();
}

int SqliteWriter::apply_group(std::span<BackendItem> group) {
  for (BackendItem& item : group)
    if (const int rc = apply(item); rc != SQLITE_OK) return rc;
  return SQLITE_OK;
}

int SqliteWriter::apply(BackendItem& item) {
  const StorageTransaction& transaction = *item.transaction;
  Space& space = spaces_[transaction.space()];
  if (!space.touched) {
    space.touched = true;
    space.bytes_before = space.bytes;
    space.revision_before = space.revision;
    touched_.push_back(transaction.space());
  }
  // A savepoint makes SQLite copy each page before it is changed: only where the transaction could be refused.
  const bool may_be_refused =
      transaction.has_expectations() || space.bytes + transaction.bytes() + transaction.size() * storage_entry_cost > item.quota;
  const std::uint64_t bytes_before = space.bytes;
  int rc = may_be_refused ? savepoint_.run() : SQLITE_OK;
  std::optional<Error> refused;
  if (rc == SQLITE_OK) rc = apply_operations(transaction, space, revision_ + 1, refused);
  if (rc != SQLITE_OK) return rc;
  if (!refused && space.bytes > item.quota && space.bytes > bytes_before)
    refused = Error{Code::resource_exhausted,
                    "the namespace `" + space.name + "` would hold " + format_size(space.bytes) + ", its quota is " +
                        format_size(item.quota) + ": delete from it, or grant it a larger `max_bytes`",
                    "STORAGE_QUOTA"};
  if (refused) {
    item.outcome = std::move(*refused);
    space.bytes = bytes_before;
    rc = undo_.run();
  } else {
    item.outcome = ++revision_;
    space.revision = revision_;
  }
  item.space_bytes = space.bytes;
  return rc == SQLITE_OK && may_be_refused ? release_.run() : rc;
}

int SqliteWriter::apply_operations(const StorageTransaction& transaction, Space& space, std::uint64_t revision,
                                   std::optional<Error>& refused) {
  for (std::size_t i = 0; i < transaction.size(); ++i) {
    const StorageTransaction::Operation operation = transaction[i];
    bool conflict = false;
    if (const int rc = apply_one(operation, transaction.space(), revision, space, conflict); rc != SQLITE_OK) return rc;
    if (!conflict) continue;
    refused = Error{Code::aborted,
                    "`" + printable(operation.key) + "` in the namespace `" + space.name + "` has revision " +
                        std::to_string(found_.revision) + ", not " + std::to_string(operation.expected.value_or(0)) + ": read it again",
                    "STORAGE_CONFLICT"};
    return SQLITE_OK;
  }
  return SQLITE_OK;
}

int SqliteWriter::apply_one(const StorageTransaction::Operation& o, NamespaceId id, std::uint64_t revision, Space& space, bool& conflict) {
  if (o.kind == Kind::clear) {
    clear_.bind(1, id);
    space.bytes = 0;
    return clear_.run();
  }
  found_ = {};
  expected_ = o.expected;
  reaping_ = o.kind == Kind::reap;
  SqliteStatement& statement = o.kind == Kind::put ? put_ : o.kind == Kind::check ? check_ : erase_;
  statement.bind(1, id);
  statement.bind_bytes(2, o.key);
  if (o.kind == Kind::put) {
    statement.bind(3, static_cast<std::int64_t>(revision));
    statement.bind(4, o.expires_at(now_ns_));
    statement.bind_text(5, o.content_type);
    statement.bind_bytes(6, o.value);
  }
  if (const int rc = statement.run(); rc != SQLITE_OK) return rc;
  conflict = o.expected && *o.expected != found_.revision;
  if (conflict || o.kind == Kind::check) return SQLITE_OK;
  const bool gone = found_.any && (o.kind != Kind::reap || found_.revision == 0);
  if (gone) space.bytes -= std::min(space.bytes, storage_entry_cost + o.key.size() + found_.bytes);
  if (o.kind == Kind::put) space.bytes += cost_of(o);
  return SQLITE_OK;
}

int SqliteWriter::store_spaces() {
  for (const NamespaceId id : touched_) {
    const Space& space = spaces_[id];
    store_space_.bind(1, id);
    store_space_.bind_text(2, space.name);
    store_space_.bind(3, static_cast<std::int64_t>(space.bytes));
    store_space_.bind(4, static_cast<std::int64_t>(space.revision));
    store_space_.bind(5, space.secret ? 1 : 0);
    if (const int rc = store_space_.run(); rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}

void SqliteWriter::forget_group() {
  for (const NamespaceId id : touched_) {
    Space& space = spaces_[id];
    space.bytes = space.bytes_before;
    space.revision = space.revision_before;
    space.touched = false;
  }
  touched_.clear();
}

Result<std::vector<StorageTransaction>> SqliteWriter::expired(std::int64_t now_ns, std::size_t max) {
  std::vector<StorageTransaction> out;
  const ResetAtEnd end(expired_);
  expired_.bind(1, now_ns);
  expired_.bind(2, static_cast<std::int64_t>(max));
  int rc = SQLITE_ROW;
  while ((rc = expired_.step()) == SQLITE_ROW) {
    const auto id = static_cast<NamespaceId>(expired_.number(0));
    auto mine = std::find_if(out.begin(), out.end(),
                             [&](const StorageTransaction& t) { return t.space() == id && t.size() < storage_max_operations; });
    if (mine == out.end()) mine = out.emplace(out.end(), id);
    mine->reap(expired_.bytes(1));
  }
  if (rc != SQLITE_DONE) return failed(rc, "cannot read");
  return out;
}

void SqliteWriter::maintain() {
  if (broken_ || wal_pages_ < checkpointed_at_ + checkpoint_pages) {
    if (wal_pages_ < checkpointed_at_) checkpointed_at_ = 0;  // it began anew
    return;
  }
  checkpoint(wal_pages_ >= waiting_checkpoint_pages ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
  checkpointed_at_ = wal_pages_;
}

void SqliteWriter::checkpoint(int mode) {
  // What fails here (a full disk) is tried again: the WAL keeps everything until then. Unless it breaks the writer, see failed().
  const int rc = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, mode, nullptr, nullptr);
  if (rc != SQLITE_OK && rc != SQLITE_BUSY) (void)failed(rc, "cannot write");
}

Result<void> SqliteWriter::close() {
  if (db_.get() == nullptr) return {};
  int rc = SQLITE_OK;
  if (!broken_) {
    if (sync_) rc = db_.exec("PRAGMA synchronous=FULL");
    if (rc == SQLITE_OK) rc = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    if (rc == SQLITE_OK) sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  }
  Result<void> out;
  if (broken_) out = *broken_;
  if (rc != SQLITE_OK) out = failed(rc, "cannot close");
  for (SqliteStatement* s : {&begin_, &commit_, &rollback_, &savepoint_, &undo_, &release_, &put_, &erase_, &check_, &clear_, &store_space_,
                             &store_secret_, &expired_})
    *s = SqliteStatement();
  db_.close();
  return out;
}

}  // namespace tenon::host
