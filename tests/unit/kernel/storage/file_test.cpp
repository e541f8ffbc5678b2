// The file: whose it is, what is refused, and that what is refused is not touched.
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

Error refusal(const SqliteOptions& options) {
  auto opened = Storage::open(sqlite_storage_backend(options));
  REQUIRE_FALSE(opened);
  return opened.error();
}

void run_sql(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

/// A store with some content, closed well.
void fill(const StoreDir& dir, int rows) {
  Store store(dir.sqlite());
  const NamespaceId ns = store.define("orders");
  StorageTransaction t(ns);
  for (int i = 0; i < rows; ++i) t.put("key." + std::to_string(10'000 + i), std::string(100, static_cast<char>('a' + i % 26)));
  REQUIRE(store.storage->commit(std::move(t)));
  store.close();
}

/// Refused with 65 naming the file, and every file as it was.
Error refused_untouched(const StoreDir& dir) {
  const std::string before = bytes_of(dir / "kernel.db");
  const std::string wal = bytes_of(dir / "kernel.db-wal");
  for (int again = 0; again < 2; ++again) {
    const Error e = refusal(dir.sqlite());
    CHECK(e.exit == ExitCode::data_error);
    CHECK(e.message.find("`" + dir / "kernel.db" + "`") != std::string::npos);
    CHECK(bytes_of(dir / "kernel.db") == before);
    CHECK(bytes_of(dir / "kernel.db-wal") == wal);
  }
  return refusal(dir.sqlite());
}

/// A life that ends without closing: its files, taken while it lives.
void leave_unclean(const StoreDir& from, const StoreDir& to, int rows) {
  Store store(from.sqlite());
  const NamespaceId ns = store.define("orders");
  for (int i = 0; i < rows; ++i) REQUIRE(store.storage->put(ns, "key." + std::to_string(10'000 + i), std::string(100, 'v')));
  for (const char* const name : {"kernel.db", "kernel.db-wal", "kernel.db.life"}) std::filesystem::copy(from / name, to / name);
}

}  // namespace

TEST_CASE("store file: one that was emptied is damaged, one that was removed is made anew") {
  StoreDir dir;
  fill(dir, 10);
  REQUIRE(::truncate((dir / "kernel.db").c_str(), 0) == 0);
  CHECK(refused_untouched(dir).message.find("is empty, though it was closed") != std::string::npos);
  std::filesystem::remove(dir / "kernel.db");
  { Store store(dir.sqlite()); }
  fill(dir, 1);
}

TEST_CASE("store file: what a first life left that was killed at its beginning is no damage") {
  StoreDir dir;
  for (const char* const name : {"kernel.db", "kernel.db.life"}) {
    std::ofstream(dir / name) << (std::string_view(name) == "kernel.db" ? "" : "open\n");
    REQUIRE(::chmod((dir / name).c_str(), 0600) == 0);
  }
  fill(dir, 1);
}

TEST_CASE("store file: is made for its owner alone, with all that belongs to it") {
  StoreDir dir;
  const mode_t mask = ::umask(0);
  {
    Store store(dir.sqlite());
    REQUIRE(store.storage->put(store.define("orders"), "a", "1"));
    for (const char* const name : {"kernel.db", "kernel.db-wal", "kernel.db-shm", "kernel.db.life"}) {
      struct stat s {};
      REQUIRE(::stat((dir / name).c_str(), &s) == 0);
      CHECK_MESSAGE((s.st_mode & 0777U) == 0600U, name);
    }
    store.close();
  }
  ::umask(mask);
  // Closed, it is one file and its mark.
  CHECK_FALSE(std::filesystem::exists(dir / "kernel.db-wal"));
  CHECK(bytes_of(dir / "kernel.db.life") == "shut\n");
}

TEST_CASE("store file: only one has it, in this process too") {
  StoreDir dir;
  Store store(dir.sqlite());
  REQUIRE(store.storage->put(store.define("orders"), "a", "1"));
  const Error e = refusal(dir.sqlite());
  CHECK(e.reason == "STORAGE_IN_USE");
  CHECK(e.exit == ExitCode::try_again);
  CHECK(e.message == "the store `" + dir / "kernel.db" + "` is open already");
  CHECK(store.storage->put(store.define("orders"), "a", "2"));
  store.reopen();
  CHECK(value_in(store, store.define("orders"), "a") == "2");
}

TEST_CASE("store file: is reached through the directory's descriptor, whatever becomes of its path") {
  StoreDir dir;
  const std::string state = dir / "state";
  REQUIRE(::mkdir(state.c_str(), 0700) == 0);
  const UniqueFd fd(::open(state.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  Store store(SqliteOptions{fd.get(), "kernel.db", state + "/kernel.db", {}, true});
  const NamespaceId ns = store.define("orders");
  REQUIRE(store.storage->put(ns, "a", "1"));
  std::filesystem::rename(state, dir / "moved");
  REQUIRE(::mkdir(state.c_str(), 0700) == 0);
  CHECK(store.storage->put(ns, "a", "2"));
  CHECK(value_in(store, ns, "a") == "2");  // the first reading connection, opened only now
  store.reopen();
  CHECK(value_in(store, store.define("orders"), "a") == "2");
  CHECK(std::filesystem::is_empty(state));
}

TEST_CASE("store file: what is not ours alone is refused") {
  StoreDir dir;
  fill(dir, 1);
  const auto unsafe = [&](const char* what) {
    const Error e = refusal(dir.sqlite());
    CHECK(e.reason == "STORAGE_UNSAFE");
    CHECK(e.exit == ExitCode::no_permission);
    CHECK_MESSAGE(e.message.find(what) != std::string::npos, e.message);
  };
  ::chmod((dir / "kernel.db").c_str(), 0640);
  unsafe("can be opened by other users");
  ::chmod((dir / "kernel.db").c_str(), 0600);
  REQUIRE(::link((dir / "kernel.db").c_str(), (dir / "second").c_str()) == 0);
  unsafe("second name");
  std::filesystem::remove(dir / "kernel.db");
  REQUIRE(::symlink("second", (dir / "kernel.db").c_str()) == 0);
  unsafe("is not a regular file");
  std::filesystem::remove(dir / "kernel.db");
  REQUIRE(::mkfifo((dir / "kernel.db").c_str(), 0600) == 0);
  unsafe("is not a regular file");
  std::filesystem::remove(dir / "kernel.db");
  std::filesystem::rename(dir / "second", dir / "kernel.db");
  CHECK(Storage::open(sqlite_storage_backend(dir.sqlite())));
}

TEST_CASE("store file: damage is refused, and the file left as it is") {
  StoreDir dir;
  fill(dir, 2000);
  const std::string good = bytes_of(dir / "kernel.db");
  REQUIRE(good.size() > 40 * 4096U);
  std::string bad = good;
  SUBCASE("not a database") { bad = "this is no database\n" + std::string(5000, 'x'); }
  SUBCASE("the header") { bad.replace(0, 16, 16, '\xff'); }
  SUBCASE("cut off") { bad.resize(bad.size() / 2); }
  SUBCASE("cut within a page") { bad.resize(5000); }
  SUBCASE("a page of zeros") { bad.replace(8 * 4096, 4096, 4096, '\0'); }
  SUBCASE("a page of noise") {
    for (std::size_t i = 0; i < 4096; ++i) bad[10 * 4096 + i] = static_cast<char>(i * 131 % 251);
  }
  write_bytes(dir / "kernel.db", bad);
  const Error e = refused_untouched(dir);
  CHECK(e.code == Code::data_loss);
  CHECK(e.reason == "STORAGE_CORRUPT");
  CHECK(e.message.find("restore it from a backup") != std::string::npos);
  write_bytes(dir / "kernel.db", good);
  CHECK(Storage::open(sqlite_storage_backend(dir.sqlite())));
}

TEST_CASE("store file: a large file is looked at when the last life did not end well") {
  StoreDir dir;
  {
    Store store(dir.sqlite());
    const NamespaceId ns = store.define("orders");
    for (int i = 0; i < 8; ++i) REQUIRE(store.storage->put(ns, "key." + std::to_string(i), std::string(storage_max_value, 'x')));
    store.close();
  }
  std::string bad = bytes_of(dir / "kernel.db");
  REQUIRE(bad.size() > 4U << 20U);
  bad.replace(bad.size() - 300 * 4096, 4, "\x7f\xff\xff\xff");  // the link from one overflow page to the next
  write_bytes(dir / "kernel.db", bad);
  write_bytes(dir / "kernel.db.life", "open\n");
  CHECK(refused_untouched(dir).reason == "STORAGE_CORRUPT");
}

TEST_CASE("store file: after a life that did not end well everything is there, checked and mirrored") {
  StoreDir dir;
  StoreDir left;
  leave_unclean(dir, left, 50);
  CHECK(bytes_of(left / "kernel.db.life") == "open\n");
  Store store(left.sqlite());
  const NamespaceId ns = store.define("orders");
  CHECK(scan_all(*store.storage, ns).size() == 50);
  CHECK(state_all(store, ns) == scan_all(*store.storage, ns));
}

TEST_CASE("store file: damage beside a WAL is refused, and neither is touched") {
  StoreDir dir;
  StoreDir left;
  fill(dir, 3000);
  leave_unclean(dir, left, 20);
  SUBCASE("a page of the file that the WAL does not have") {
    std::string bad = bytes_of(left / "kernel.db");
    for (std::size_t page = 20; page < 30; ++page) bad.replace(page * 4096, 4096, 4096, '\xee');
    write_bytes(left / "kernel.db", bad);
  }
  SUBCASE("the file emptied: SQLite would delete the WAL") { write_bytes(left / "kernel.db", ""); }
  ::chmod((left / "kernel.db").c_str(), 0600);
  REQUIRE(bytes_of(left / "kernel.db-wal").size() > 4096);
  CHECK(refused_untouched(left).code == Code::data_loss);
}

TEST_CASE("store file: a torn end of the WAL is what a power failure leaves, and only costs what was not acknowledged") {
  StoreDir dir;
  StoreDir left;
  leave_unclean(dir, left, 50);
  std::string wal = bytes_of(left / "kernel.db-wal");
  wal.resize(wal.size() - 3000);
  write_bytes(left / "kernel.db-wal", wal);
  Store store(left.sqlite());
  const NamespaceId ns = store.define("orders");
  CHECK(scan_all(*store.storage, ns).size() == 49);
}

TEST_CASE("store file: another schema or program is refused") {
  StoreDir dir;
  fill(dir, 1);
  SUBCASE("newer") {
    run_sql(dir / "kernel.db", "PRAGMA user_version=2");
    const Error e = refused_untouched(dir);
    CHECK(e.reason == "STORAGE_NEWER_SCHEMA");
    CHECK(e.message == "the store `" + dir / "kernel.db" + "` has schema 2, this host knows up to 1: run the newer version that wrote it");
  }
  SUBCASE("no version") {
    run_sql(dir / "kernel.db", "PRAGMA user_version=0");
    CHECK(refused_untouched(dir).message.find("has no schema version") != std::string::npos);
  }
  SUBCASE("another program's") {
    run_sql(dir / "kernel.db", "PRAGMA application_id=1");
    CHECK(refused_untouched(dir).message.find("another program") != std::string::npos);
  }
  SUBCASE("a table is missing") {
    run_sql(dir / "kernel.db", "DROP TABLE entry");
    CHECK(refused_untouched(dir).message.find("does not have the tables") != std::string::npos);
  }
  SUBCASE("something was added that would run") {
    run_sql(dir / "kernel.db", "CREATE TRIGGER t AFTER INSERT ON namespace BEGIN DELETE FROM entry; END");
    CHECK(refused_untouched(dir).message.find("does not have the tables") != std::string::npos);
  }
}

TEST_CASE("store file: a directory that cannot be written, and one that is not there") {
  StoreDir dir;
  SqliteOptions options = dir.sqlite();
  options.directory = 4095;
  CHECK(refusal(options).exit == ExitCode::cannot_create);
}
