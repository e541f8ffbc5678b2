// The storage under the real daemon: when it is opened, what is refused and with which code, a full disk, and what a kill leaves behind.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

bool contains(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

/// A host whose module has kept something.
void keep_something(const Host& host) {
  const Ran r = boot_and_stop(host);
  REQUIRE_MESSAGE(r.exit == 0, r.err);
  REQUIRE(std::filesystem::exists(host.state + "/kernel.db"));
}

std::size_t count(const Host& host, const std::string& prefix) {
  std::size_t n = 0;
  for (const std::string& line : host.trace()) n += line.starts_with(prefix) ? 1 : 0;
  return n;
}

long last_kept(const Host& host) {
  long out = -1;
  for (const std::string& line : host.trace())
    if (line.starts_with("kept ")) out = std::atol(line.c_str() + 5);
  return out;
}

}  // namespace

TEST_CASE("storage: it is opened if a module needs it, kept from one life to the next, and closed") {
  Host host({"storage/keeper"});
  keep_something(host);
  const std::size_t acknowledged = count(host, "ack ");  // none, if it was stopped at once
  CHECK_FALSE(std::filesystem::exists(host.state + "/kernel.db-wal"));
  struct stat file {};
  REQUIRE(::stat((host.state + "/kernel.db").c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  CHECK(boot_and_stop(host).exit == 0);
  CHECK(host.traced("kept 0 same"));
  CHECK(count(host, "kept ") == 2);
  CHECK(last_kept(host) == static_cast<long>(acknowledged));
  Host without({"modules/alpha"});
  CHECK(boot_and_stop(without).exit == 0);
  CHECK_FALSE(std::filesystem::exists(without.state + "/kernel.db"));
}

TEST_CASE("storage: `storage.url` may name another file, and nothing this host does not serve") {
  Host host({"storage/keeper"});
  host.configure("instance: {environment: local}\npaths: {manifests: []}\nstorage: {url: \"sqlite:other.db\"}\n");
  CHECK(boot_and_stop(host).exit == 0);
  CHECK(std::filesystem::exists(host.state + "/other.db"));
  for (const char* url : {"postgres://u:secret@h/db", "sqlite:/tmp/kernel.db", "sqlite:sub/kernel.db", "sqlite:run.lock"}) {
    host.configure(std::string("instance: {environment: local}\npaths: {manifests: []}\nstorage: {url: \"") + url + "\"}\n");
    for (const char* command : {"check", "run"}) {
      const Ran r = host.run_command(command);
      CAPTURE(url);
      CHECK(r.exit == 78);
      CHECK(contains(r.err, "storage.url"));
      CHECK_FALSE(contains(r.err, "secret"));
    }
  }
}

TEST_CASE("65: a damaged store is refused, told together with what else is wrong, and stays as it is") {
  Host host({"storage/keeper"});
  keep_something(host);
  std::string damaged = read_file(host.state + "/kernel.db");
  REQUIRE(damaged.size() > 8192);
  for (std::size_t i = 100; i < 4096; ++i) damaged[i] = static_cast<char>(i);
  host.dir.write("state/kernel.db", damaged, 0600);
  host.script("missing", "", "required: true");
  const Ran r = host.run_command("run");
  CHECK(r.exit == 65);
  CHECK(contains(r.err, "kernel.db"));
  CHECK(contains(r.err, "is damaged"));
  CHECK(contains(r.err, "`missing`"));
  CHECK(read_file(host.state + "/kernel.db") == damaged);
}

TEST_CASE("65: a store of a newer version is refused") {
  Host host({"storage/keeper"});
  keep_something(host);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((host.state + "/kernel.db").c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "PRAGMA journal_mode=DELETE; PRAGMA user_version=99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  const std::string before = read_file(host.state + "/kernel.db");
  const Ran r = host.run_command("run");
  CHECK(r.exit == 65);
  CHECK(contains(r.err, "schema 99"));
  CHECK(read_file(host.state + "/kernel.db") == before);
}

TEST_CASE("check exits as the boot would, with the same words, where the store does not let it start, and touches nothing") {
  Host host({"storage/keeper"});
  keep_something(host);
  const std::string file = host.state + "/kernel.db", whole = read_file(file);
  const auto put = [&](std::string text, mode_t mode = 0600) {
    std::filesystem::remove_all(file);
    host.dir.write("state/kernel.db", text, mode);
    ::chmod(file.c_str(), mode);
  };
  const auto with = [&whole](std::size_t at, std::string_view bytes) { return std::string(whole).replace(at, bytes.size(), bytes); };
  const auto listing = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(host.state)) names.push_back(entry.path().string());
    std::sort(names.begin(), names.end());
    return names;
  };
  const auto agree = [&](const char* what, int exit) {
    CAPTURE(what);
    const std::vector<std::string> before = listing();
    const Ran check = host.run_command("check");
    CHECK(check.exit == exit);
    CHECK(listing() == before);
    const std::size_t at = check.err.find("error: ");
    REQUIRE_MESSAGE(at != std::string::npos, check.err);
    const std::string said = check.err.substr(at + 7, check.err.find(" [daemon.not_started]") - at - 7);
    const Ran boot = host.run_command("run");
    CHECK(boot.exit == exit);
    CHECK_MESSAGE(contains(boot.err, said), said, boot.err);
  };
  CHECK(host.run_command("check").exit == 0);
  put("");
  agree("empty", 65);
  put(with(0, "XX"));
  agree("magic", 65);
  put(whole.substr(0, whole.size() / 2));
  agree("half", 65);
  put(whole.substr(0, 100));
  agree("100 bytes", 65);
  put(with(60, std::string_view("\0\0\0\x63", 4)));
  agree("newer schema", 65);
  put(with(68, "none"));
  agree("another program's", 65);
  put(whole, 0666);
  agree("mode", 77);
  std::filesystem::rename(file, host.state + "/x.db");
  std::filesystem::create_symlink("x.db", file);
  agree("symbolic link", 77);
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  agree("directory", 77);
  std::filesystem::remove(file);
  CHECK(host.run_command("check").exit == 0);
  put(whole);
  CHECK(host.run_command("check").exit == 0);
  // What no module needs is not looked at.
  put("no store");
  CHECK(host.run_command("check", {"--set", "modules.keeper.enabled=false"}).exit == 0);
  put(whole);
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  CHECK(host.run_command("check").exit == 0);
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("75: the store is in use") {
  Host host({"storage/keeper"});
  keep_something(host);
  const int fd = ::open((host.state + "/kernel.db.life").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::flock(fd, LOCK_EX | LOCK_NB) == 0);
  const Ran r = host.run_command("run");
  CHECK(r.exit == 75);
  CHECK(contains(r.err, "is open already"));
  ::close(fd);
  CHECK(boot_and_stop(host).exit == 0);
}

TEST_CASE("73: the store cannot be made") {
  Host host({"storage/keeper"});
  host.dir.make_dir("state/kernel.db.life", 0700);
  ::chmod(host.state.c_str(), 0700);
  const Ran r = host.run_command("run");
  CHECK(r.exit == 73);
  CHECK(contains(r.err, "kernel.db.life"));
}

TEST_CASE("storage: on a full disk the module is told, reads go on, and nothing acknowledged is lost") {
  Host host({"storage/keeper"});
  host.options.environment["KEEPER_PAIRS"] = "1000";
  host.options.environment["KEEPER_VALUE"] = "200000";
  std::vector<std::string> limited = {"/usr/bin/prlimit", "--fsize=8388608"};
  for (const std::string& argument : host.arguments()) limited.push_back(argument);
  Process p(limited, host.options);
  REQUIRE_MESSAGE(p.wait_for(" ready "), p.err());
  REQUIRE(eventually([&] { return host.traced("read OK") || host.traced("read failed"); }));
  CHECK(host.traced("refused STORAGE_FULL"));
  CHECK(host.traced("read OK"));
  CHECK(p.wait_for("the disk of the storage is full"));
  p.signal(SIGTERM);
  p.wait();
  const std::size_t acknowledged = count(host, "ack ");
  CHECK(acknowledged > 3);
  host.options.environment["KEEPER_PAIRS"] = "1";
  const Ran again = boot_and_stop(host);
  CHECK_MESSAGE(again.exit == 0, again.err);
  CHECK(static_cast<std::size_t>(last_kept(host)) >= acknowledged);
  CHECK(count(host, "broken") == 0);
  CHECK(eventually([&] { return count(host, "ack ") == acknowledged + 1; }));
}

// More than these few: TENON_STORAGE_KILLS=200.
TEST_CASE("storage: after kill -9 everything acknowledged is there, nothing is half-written, and the state is the storage") {
  const char* wanted = std::getenv("TENON_STORAGE_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 5;
  Host host({"storage/keeper"});
  host.options.environment["KEEPER_PAIRS"] = "1000000";
  std::mt19937 random(4711);
  for (int i = 0; i < kills; ++i) {
    Process p(host.arguments(), host.options);
    REQUIRE_MESSAGE(p.wait_for(" ready "), p.err());
    const std::size_t before = count(host, "ack ");
    const std::size_t more = 1 + random() % 60;
    REQUIRE(eventually([&] { return count(host, "ack ") >= before + more; }));
    p.signal(SIGKILL);
    CHECK(p.wait() == 128 + SIGKILL);
    REQUIRE(count(host, "broken") == 0);
    const auto acknowledged = static_cast<long>(count(host, "ack "));
    host.options.environment["KEEPER_PAIRS"] = "0";
    REQUIRE(boot_and_stop(host).exit == 0);
    host.options.environment["KEEPER_PAIRS"] = "1000000";
    CHECK(last_kept(host) >= acknowledged);
    REQUIRE(last_kept(host) <= acknowledged + 1);
    REQUIRE(count(host, "broken") == 0);
    // What was committed and not traced counts from now on.
    for (long n = acknowledged; n < last_kept(host); ++n) {
      const int fd = ::open(host.trace_file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
      const std::string line = "ack " + std::to_string(n) + "\n";
      REQUIRE(::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
      ::close(fd);
    }
  }
}
