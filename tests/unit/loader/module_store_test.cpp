// The store: copies by content, and a directory that somebody else got into.
#include <thread>

#include "store_fixture.hpp"

using namespace tenon::host;
using tenon::test::mode_of;
using tenon::test::read_file;
using tenon::test::Store;
using tenon::test::TempDir;
namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody = 65534;

}  // namespace

TEST_CASE("store: a copy has the digest for its name, may be read and run, and not written") {
  const Store s;
  CHECK(s.store.directory() == s.state + "/modules");
  CHECK(mode_of(s.store.directory()) == 0700);
  const StoreRequest r = s.file("alpha", "some bytes");
  const std::string path = s.provided(r);
  CHECK(path == s.store.directory() + "/" + to_hex(r.digest) + ".so");
  CHECK(read_file(path) == "some bytes");
  CHECK(mode_of(path) == 0555);
  const auto before = fs::last_write_time(path);
  ::unlink(r.source_path.c_str());  // a whole copy needs no source
  CHECK(s.provided(r) == path);
  CHECK(fs::last_write_time(path) == before);
  CHECK(s.names().size() == 1);
}

TEST_CASE("store: one content is one copy, however many modules are in it") {
  const Store s;
  CHECK(s.provided(s.file("alpha", "same")) == s.provided(s.file("beta", "same")));
  CHECK(s.provided(s.file("gamma", "other")) != s.provided(s.file("alpha", "same")));
  CHECK(s.names().size() == 2);
}

TEST_CASE("store: a cached copy that is not what it says is copied again") {
  const Store s;
  const StoreRequest r = s.file("alpha", "the right bytes");
  const std::string path = s.provided(r);
  const auto replace = [&](const std::string& bytes, mode_t mode) {
    ::unlink(path.c_str());
    s.dir.write("state/modules/" + to_hex(r.digest) + ".so", bytes, mode);
  };
  SUBCASE("torn") { replace("the right", 0555); }
  SUBCASE("longer") { replace("the right bytes and more", 0555); }
  SUBCASE("corrupted, of the same size") { replace("the wrong bytes", 0555); }
  SUBCASE("empty") { replace("", 0555); }
  SUBCASE("whole, but writable") { replace("the right bytes", 0755); }
  SUBCASE("a symbolic link to the right bytes") {
    ::unlink(path.c_str());
    REQUIRE(::symlink(s.dir.write("elsewhere", "the right bytes", 0555).c_str(), path.c_str()) == 0);
  }
  SUBCASE("a link to nowhere") {
    ::unlink(path.c_str());
    REQUIRE(::symlink("/nonexistent", path.c_str()) == 0);
  }
  SUBCASE("a pipe") {
    ::unlink(path.c_str());
    REQUIRE(::mkfifo(path.c_str(), 0555) == 0);
  }
  SUBCASE("of another owner") {
    if (::geteuid() == 0) REQUIRE(::chown(path.c_str(), nobody, nobody) == 0);
  }
  CHECK(s.provided(r) == path);
  CHECK(fs::is_regular_file(fs::symlink_status(path)));
  CHECK(read_file(path) == "the right bytes");
  CHECK(mode_of(path) == 0555);
  struct stat st {};
  REQUIRE(::lstat(path.c_str(), &st) == 0);
  CHECK(st.st_uid == ::geteuid());
  CHECK(s.names().size() == 1);
}

TEST_CASE("store: a directory in place of a copy is an error that harms nobody") {
  const Store s;
  const StoreRequest r = s.file("alpha", "bytes");
  fs::create_directory(s.store.directory() + "/" + to_hex(r.digest) + ".so");
  CHECK(s.provided(r).find("cannot rename a file in the module store") != std::string::npos);
  CHECK(s.names().size() == 1);  // nothing half-made is left
}

TEST_CASE("store: a source that changed, vanished or is no file gives nothing") {
  const Store s;
  StoreRequest r = s.file("alpha", "examined");
  SUBCASE("changed") {
    s.dir.write("alpha", "replaced");
    const auto path = s.store.provide(r);
    REQUIRE_FALSE(path);
    CHECK(path.error().code == Code::aborted);
    CHECK(path.error().reason == "FILE_CHANGED");
    CHECK(path.error().message.find(r.source_path) != std::string::npos);
  }
  SUBCASE("vanished") {
    ::unlink(r.source_path.c_str());
    CHECK(s.provided(r).find("cannot open `" + r.source_path) == 0);
  }
  SUBCASE("a directory") {
    r.source_path = s.state;
    CHECK_FALSE(s.store.provide(r));
  }
  SUBCASE("a pipe that nobody writes") {
    r.source_path = s.dir / "pipe";
    REQUIRE(::mkfifo(r.source_path.c_str(), 0600) == 0);
    CHECK_FALSE(s.store.provide(r));
  }
  CHECK(s.names().empty());
}

TEST_CASE("store: a directory that is not ours alone") {
  const TempDir dir;
  const std::string path = dir / "modules";
  SUBCASE("too open: narrowed") {
    dir.make_dir("modules", 0777);
    CHECK(ModuleStore::open(dir.path()));
    CHECK(mode_of(path) == 0700);
  }
  SUBCASE("a symbolic link") {
    REQUIRE(::symlink(dir.make_dir("elsewhere", 0700).c_str(), path.c_str()) == 0);
    const auto opened = ModuleStore::open(dir.path());
    REQUIRE_FALSE(opened);
    CHECK(opened.error().exit == ExitCode::no_permission);
  }
  SUBCASE("a file") {
    dir.write("modules", "");
    CHECK_FALSE(ModuleStore::open(dir.path()));
  }
  SUBCASE("no parent") {
    const auto opened = ModuleStore::open(dir / "missing");
    REQUIRE_FALSE(opened);
    CHECK(opened.error().exit == ExitCode::cannot_create);
    CHECK(opened.error().message.find(dir / "missing/modules") != std::string::npos);
  }
  if (::geteuid() == 0) {
    SUBCASE("of another owner") {
      dir.make_dir("modules", 0700);
      REQUIRE(::chown(path.c_str(), nobody, nobody) == 0);
      const auto opened = ModuleStore::open(dir.path());
      REQUIRE_FALSE(opened);
      CHECK(opened.error().reason == "UNSAFE_STORE");
      CHECK(opened.error().exit == ExitCode::no_permission);
      CHECK(opened.error().message.find("it belongs to uid 65534") != std::string::npos);
    }
  }
}

TEST_CASE("store: a directory that cannot be written") {
  const Store s;
  const StoreRequest r = s.file("alpha", "bytes");
  const bool root = ::geteuid() == 0;
  ::chmod(s.store.directory().c_str(), 0555);
  if (root) REQUIRE(::seteuid(nobody) == 0);
  const auto path = s.store.provide(r);
  const auto kept = s.store.keep({r});
  if (root) REQUIRE(::seteuid(0) == 0);
  ::chmod(s.store.directory().c_str(), 0700);
  REQUIRE_FALSE(path);
  CHECK(path.error().exit == ExitCode::cannot_create);
  CHECK_FALSE(kept);
  CHECK(s.names().empty());
}

TEST_CASE("store: many at once, of one content and of several") {
  const Store s;
  std::vector<StoreRequest> requests;
  for (int i = 0; i < 6; ++i)
    requests.push_back(s.file("module_" + std::to_string(i), std::string(100'000, static_cast<char>('a' + i % 3))));
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const auto& r = requests[static_cast<std::size_t>((i + t) % 6)];
        const auto path = s.store.provide(r);
        REQUIRE(path);
        CHECK(read_file(*path).size() == 100'000);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(s.names().size() == 3);
}

TEST_CASE("store: kept are what is used and the last three of each name, the rest goes") {
  const Store s;
  std::vector<StoreRequest> versions;
  for (int i = 0; i < 6; ++i) {
    versions.push_back(s.file("alpha", "version " + std::to_string(i)));
    REQUIRE(s.store.provide(versions.back()));
    REQUIRE(s.store.keep({versions.back()}));
  }
  const StoreRequest beta = s.file("beta", "beta");
  REQUIRE(s.store.provide(beta));
  REQUIRE(s.store.keep({versions[5], beta}));
  const auto there = [&](const StoreRequest& r) { return fs::exists(s.store.directory() + "/" + to_hex(r.digest) + ".so"); };
  for (std::size_t i = 0; i < 6; ++i) CHECK(there(versions[i]) == (i >= 3));
  CHECK(there(beta));
  CHECK(mode_of(s.store.directory() + "/index") == 0600);
  const auto before = fs::last_write_time(s.store.directory() + "/index");
  REQUIRE(s.store.keep({versions[5], beta}));
  CHECK(fs::last_write_time(s.store.directory() + "/index") == before);  // nothing changed, nothing written
  REQUIRE(s.store.keep({}));                                             // nothing is used: still the last three
  CHECK(there(versions[3]));
}

TEST_CASE("store: an old version in use stays, and a copy two modules share stays for either") {
  const Store s;
  std::vector<StoreRequest> versions;
  for (int i = 0; i < 6; ++i) {
    versions.push_back(s.file("alpha", "version " + std::to_string(i)));
    REQUIRE(s.store.provide(versions.back()));
  }
  StoreRequest shared = versions[0];
  shared.name = "beta";
  REQUIRE(s.store.keep({versions[0], shared}));
  for (std::size_t i = 1; i < 6; ++i) REQUIRE(s.store.keep({versions[i], versions[1]}));
  for (std::size_t i = 0; i < 6; ++i) {
    CAPTURE(i);
    CHECK(fs::exists(s.store.directory() + "/" + to_hex(versions[i].digest) + ".so") == (i != 2));
  }
}

TEST_CASE("store: an index full of nonsense removes nothing but what it names") {
  const Store s;
  const StoreRequest r = s.file("alpha", "bytes");
  const std::string path = s.provided(r);
  s.dir.write("victim.so", "precious");
  s.dir.write("state/modules/foreign.so", "of the operator");
  std::string index =
      "../../victim alpha\n" + std::string(64, 'g') + " alpha\n" + std::string(63, 'a') + " alpha\n" + std::string("\0\xff\n", 3);
  for (int i = 0; i < 8; ++i) index += std::string(63, 'a') + std::to_string(i) + " alpha\n";
  index += std::string(64, 'b') + " ../alpha\n";
  s.dir.write("state/modules/index", index, 0600);
  REQUIRE(s.store.keep({r}));
  CHECK(read_file(s.dir / "victim.so") == "precious");
  CHECK(fs::exists(s.store.directory() + "/foreign.so"));
  CHECK(fs::exists(path));
  CHECK(read_file(s.store.directory() + "/index").find("\n" + to_hex(r.digest) + " alpha ") != std::string::npos);
}

TEST_CASE("store: what an interrupted copy left behind is removed by the next start") {
  const Store s;
  const StoreRequest r = s.file("alpha", "bytes");
  const std::string path = s.provided(r);
  s.dir.write("state/modules/.incoming-0123456789abcdef-4711", "half a mod", 0600);
  s.dir.write("state/modules/.hidden", "of the operator", 0600);
  REQUIRE(ModuleStore::open(s.state));
  CHECK(s.names() == std::vector<std::string>{".hidden", fs::path(path).filename().string()});
}
