// The store: copies by content, and a directory that somebody else got into.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "loader/module_store.hpp"
#include "process.hpp"

using namespace tenon::host;
using tenon::test::read_file;
using tenon::test::TempDir;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0 ? st.st_mode & 07777U : 0;
}

struct Store {
  TempDir dir;
  std::string state = dir.make_dir("state", 0700);
  ModuleStore store = [this] {
    auto opened = ModuleStore::open(state);
    REQUIRE(opened);
    return std::move(*opened);
  }();

  StoreRequest file(const std::string& name, const std::string& bytes) const {
    const std::string path = dir.write(name, bytes);
    return {name, path, bytes.size(), sha256(std::as_bytes(std::span(bytes.data(), bytes.size())))};
  }
  std::string provided(const StoreRequest& r) const {
    const auto path = store.provide(r);
    if (!path) return path.error().message;
    return *path;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& e : fs::directory_iterator(store.directory())) out.push_back(e.path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
  }
};

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

namespace {

std::string boot_id() {
  std::string id = read_file("/proc/sys/kernel/random/boot_id");
  return id.substr(0, id.find('\n'));
}

// A line of the index as the store writes it for the file as it is now.
std::string index_line(const StoreRequest& r, const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return to_hex(r.digest) + " " + r.name + " " + std::to_string(st.st_ino) + " " +
         std::to_string(std::int64_t{st.st_ctim.tv_sec} * 1'000'000'000 + st.st_ctim.tv_nsec) + "\n";
}

// Other bytes of the same size, in the same file.
void falsify(const std::string& path) {
  const std::string bytes(read_file(path).size(), '!');
  ::chmod(path.c_str(), 0755);
  std::ofstream(path, std::ios::binary) << bytes;
  ::chmod(path.c_str(), 0555);
}

}  // namespace

TEST_CASE("store: a copy is hashed once per boot, and again after any change of the file") {
  const Store s;
  const StoreRequest r = s.file("alpha", "the right bytes");
  const std::string path = s.provided(r);
  REQUIRE(s.store.keep({r}));
  const std::string index = s.store.directory() + "/index";
  CHECK(read_file(index) == "boot " + boot_id() + "\n" + index_line(r, path));
  const auto provided_at_next_start = [&] {
    auto next = ModuleStore::open(s.state);
    REQUIRE(next);
    const auto provided = next->provide(r);
    REQUIRE(provided);
    CHECK(*provided == path);
    REQUIRE(next->keep({r}));
    return read_file(path);
  };

  SUBCASE("a change shows in the ctime") {
    falsify(path);
    CHECK(provided_at_next_start() == "the right bytes");
    CHECK(read_file(index) == "boot " + boot_id() + "\n" + index_line(r, path));
  }
  SUBCASE("another file in its place shows in the inode") {
    s.dir.write("state/modules/other", std::string(r.size, '!'));
    ::chmod((s.state + "/modules/other").c_str(), 0555);
    ::rename((s.state + "/modules/other").c_str(), path.c_str());
    CHECK(provided_at_next_start() == "the right bytes");
  }
  SUBCASE("a mode that would let somebody write is never right") {
    ::chmod(path.c_str(), 0755);
    s.dir.write("state/modules/index", "boot " + boot_id() + "\n" + index_line(r, path), 0600);
    CHECK(provided_at_next_start() == "the right bytes");
    CHECK(mode_of(path) == 0555);
  }
  SUBCASE("what was hashed in this boot is not hashed again") {
    falsify(path);
    s.dir.write("state/modules/index", "boot " + boot_id() + "\n" + index_line(r, path), 0600);
    CHECK(provided_at_next_start() == "!!!!!!!!!!!!!!!");
  }
  SUBCASE("what was hashed in another boot is") {
    falsify(path);
    s.dir.write("state/modules/index", "boot 00000000-0000-0000-0000-000000000000\n" + index_line(r, path), 0600);
    CHECK(provided_at_next_start() == "the right bytes");
  }
  SUBCASE("so is what stands in an index without a boot, or with words too many") {
    falsify(path);
    std::string line = index_line(r, path);
    SUBCASE("no boot") { s.dir.write("state/modules/index", line, 0600); }
    SUBCASE("words too many") {
      line.insert(line.size() - 1, " 1");
      s.dir.write("state/modules/index", "boot " + boot_id() + "\n" + line, 0600);
    }
    SUBCASE("no number") {
      line.insert(line.size() - 1, "x");
      s.dir.write("state/modules/index", "boot " + boot_id() + "\n" + line, 0600);
    }
    CHECK(provided_at_next_start() == "the right bytes");
  }
}

TEST_CASE("store: the digest of a file that was stored before is found by comparing") {
  const Store s;
  const std::string bytes(100'000, 'x');
  StoreRequest r = s.file("alpha", bytes);
  struct stat st {};
  REQUIRE(::stat(r.source_path.c_str(), &st) == 0);
  r.device = st.st_dev;
  r.inode = st.st_ino;
  const std::string path = s.provided(r);
  REQUIRE(s.store.keep({r}));
  const std::string index = s.store.directory() + "/index";
  const auto known = [&](const std::string& now, std::uint64_t inode) -> std::optional<Digest> {
    const auto looked = ModuleStore::look(s.state);
    REQUIRE(looked);
    return looked->digest_of(r.device, inode, std::as_bytes(std::span(now)));
  };
  CHECK(known(bytes, r.inode) == r.digest);
  CHECK_FALSE(known(bytes, r.inode + 1));                                              // of another file: nothing is searched for
  CHECK_FALSE(s.store.digest_of(r.device, r.inode, std::as_bytes(std::span(bytes))));  // forgotten by keep()

  SUBCASE("one other byte, first or last, or another size") {
    std::string other = bytes;
    other.front() = 'y';
    CHECK_FALSE(known(other, r.inode));
    other = bytes;
    other.back() = 'y';
    CHECK_FALSE(known(other, r.inode));
    CHECK_FALSE(known(bytes + "x", r.inode));
    CHECK_FALSE(known(bytes.substr(1), r.inode));
    CHECK_FALSE(known("", r.inode));
  }
  SUBCASE("a copy that was changed since it was hashed proves nothing") {
    falsify(path);
    CHECK_FALSE(known(std::string(bytes.size(), '!'), r.inode));
    CHECK_FALSE(known(bytes, r.inode));
  }
  SUBCASE("nor one that was hashed in another boot, is gone, or whose line is no such line") {
    std::string text = read_file(index);
    SUBCASE("boot") { text.replace(5, 8, "00000000"); }
    SUBCASE("gone") { ::unlink(path.c_str()); }
    SUBCASE("a word too many") { text.insert(text.size() - 1, " 1"); }
    SUBCASE("a word less") { text.erase(text.rfind(' '), text.size() - 1 - text.rfind(' ')); }
    s.dir.write("state/modules/index", text, 0600);
    CHECK_FALSE(known(bytes, r.inode));
  }
  SUBCASE("opening after looking does not read again, and provides") {
    auto looked = ModuleStore::look(s.state);
    REQUIRE(looked);
    ::unlink(index.c_str());
    const auto opened = ModuleStore::open(s.state, std::move(looked));
    REQUIRE(opened);
    CHECK(opened->digest_of(r.device, r.inode, std::as_bytes(std::span(bytes))) == r.digest);
    const auto provided = opened->provide(r);
    REQUIRE(provided);
    CHECK(*provided == path);
  }
}

TEST_CASE("store: looking makes nothing, and believes only a directory that is ours alone") {
  const TempDir dir;
  CHECK_FALSE(ModuleStore::look(dir.path()));
  CHECK_FALSE(fs::exists(dir.path() + "/modules"));
  const std::string modules = dir.make_dir("modules", 0700);
  CHECK(ModuleStore::look(dir.path()));
  ::chmod(modules.c_str(), 0770);
  CHECK_FALSE(ModuleStore::look(dir.path()));
  fs::remove(modules);
  REQUIRE(::symlink("/tmp", modules.c_str()) == 0);
  CHECK_FALSE(ModuleStore::look(dir.path()));
}
