// What the store remembers from one start to the next: which copies were hashed, and of which files they are.
#include <fstream>

#include "store_fixture.hpp"

using namespace tenon::host;
using tenon::test::mode_of;
using tenon::test::read_file;
using tenon::test::Store;
using tenon::test::TempDir;
namespace fs = std::filesystem;

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
