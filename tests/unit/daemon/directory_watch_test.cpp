#include "daemon/directory_watch.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace tenon::host;
using Kind = DirectoryChange::Kind;

namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t second = 1'000 * ms;

/// A directory with a watch on it, and a clock that only the test moves. inotify delivers synchronously: what was done is readable.
struct Fixture {
  explicit Fixture(DirectoryWatch::Options options = {}) : watch(DirectoryWatch::create(options).value()) {
    std::string name = (fs::temp_directory_path() / "tenon-watch-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
    directory = root + "/plugins";
    fs::create_directory(directory);
  }
  ~Fixture() { fs::remove_all(root); }

  void start() { REQUIRE(watch.add(directory, now)); }
  bool readable() const {
    pollfd p{watch.fd(), POLLIN, 0};
    return ::poll(&p, 1, 0) == 1;
  }
  void read() {
    while (readable()) REQUIRE(watch.on_readable(now));
  }
  std::vector<DirectoryChange> after(std::int64_t ns) {
    read();
    now += ns;
    std::vector<DirectoryChange> due = watch.take_due(now);
    read();
    return due;
  }
  void write(const std::string& name) const { std::ofstream(directory + "/" + name) << "x"; }
  [[nodiscard]] DirectoryChange change(Kind kind, std::string name = {}) const { return {kind, directory, std::move(name)}; }

  std::string root, directory;
  std::int64_t now = 1'000 * second;
  DirectoryWatch watch;
};

using Changes = std::vector<DirectoryChange>;

}  // namespace

TEST_SUITE("directory_watch") {
  TEST_CASE("names that are looked at") {
    for (const char* name : {"a.so", "orders.yaml", "orders.yml", "a.b.so"}) CHECK_MESSAGE(is_watched_name(name), name);
    for (const char* name : {"", ".so", ".a.so", ".yaml", "a.so.1", "a.SO", "so", "a.txt", "a.yaml~", "a.so.tmp"})
      CHECK_FALSE_MESSAGE(is_watched_name(name), name);
  }

  TEST_CASE("a written file is reported once it was quiet for 500 ms") {
    Fixture f;
    f.start();
    f.write("a.so");
    CHECK(f.after(499 * ms).empty());
    CHECK(f.watch.next_deadline() == f.now + 1 * ms);
    CHECK(f.after(1 * ms) == Changes{f.change(Kind::changed, "a.so")});
    CHECK(f.after(10 * second).empty());
  }

  TEST_CASE("every write begins the quiet time anew, for its own file only") {
    Fixture f;
    f.start();
    f.write("a.so");
    f.write("b.so");
    CHECK(f.after(400 * ms).empty());
    f.write("a.so");
    CHECK(f.after(100 * ms) == Changes{f.change(Kind::changed, "b.so")});
    CHECK(f.after(399 * ms).empty());
    CHECK(f.after(1 * ms) == Changes{f.change(Kind::changed, "a.so")});
  }

  TEST_CASE("a file that is still open is not reported") {
    Fixture f;
    f.start();
    UniqueFd open(::open((f.directory + "/a.so").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    REQUIRE(::write(open.get(), "x", 1) == 1);
    CHECK(f.after(2 * second).empty());
    CHECK(::write(open.get(), "x", 1) == 1);
    open.reset();
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "a.so")});
  }

  TEST_CASE("what was there before is not reported") {
    Fixture f;
    f.write("a.so");
    f.start();
    CHECK(f.after(10 * second).empty());
  }

  TEST_CASE("moving in, moving away and deleting") {
    Fixture f;
    f.write("old.so");
    f.write("gone.yaml");
    f.start();
    std::ofstream(f.root + "/new.so") << "x";
    fs::rename(f.root + "/new.so", f.directory + "/new.so");
    fs::rename(f.directory + "/old.so", f.root + "/old.so");
    fs::remove(f.directory + "/gone.yaml");
    CHECK(f.after(500 * ms) ==
          Changes{f.change(Kind::removed, "gone.yaml"), f.change(Kind::changed, "new.so"), f.change(Kind::removed, "old.so")});
  }

  TEST_CASE("the last event of a file decides") {
    Fixture f;
    f.write("a.so");
    f.start();
    fs::remove(f.directory + "/a.so");
    f.write("a.so");
    f.write("b.so");
    fs::remove(f.directory + "/b.so");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "a.so"), f.change(Kind::removed, "b.so")});
  }

  TEST_CASE("renaming a file over another one is one change") {
    Fixture f;
    f.write("a.so");
    f.start();
    f.write(".a.so.tmp");
    fs::rename(f.directory + "/.a.so.tmp", f.directory + "/a.so");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "a.so")});
  }

  TEST_CASE("symbolic and hard links are noticed though nobody writes them") {
    Fixture f;
    std::ofstream(f.root + "/real.so") << "x";
    f.start();
    fs::create_symlink("../real.so", f.directory + "/soft.so");
    fs::create_hard_link(f.root + "/real.so", f.directory + "/hard.so");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "hard.so"), f.change(Kind::changed, "soft.so")});
  }

  TEST_CASE("dot-files, other endings and subdirectories are ignored") {
    Fixture f;
    f.start();
    f.write(".hidden.so");
    f.write("notes.txt");
    fs::create_directory(f.directory + "/dir.so");
    fs::rename(f.directory + "/dir.so", f.root + "/dir.so");
    CHECK(f.after(10 * second).empty());
  }

  TEST_CASE("two directories are told apart, and two paths to one directory both report") {
    Fixture f;
    f.start();
    const std::string other = f.root + "/other";
    const std::string link = f.root + "/link";
    fs::create_directory(other);
    fs::create_symlink("plugins", link);
    REQUIRE(f.watch.add(other, f.now));
    REQUIRE(f.watch.add(link, f.now));
    REQUIRE(f.watch.add(f.directory, f.now));  // again: nothing twice
    f.write("a.so");
    std::ofstream(other + "/b.so") << "x";
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "a.so"), {Kind::changed, other, "b.so"}, {Kind::changed, link, "a.so"}});
  }

  TEST_CASE("a missing directory is waited for") {
    Fixture f;
    fs::remove(f.directory);
    f.start();
    CHECK(f.watch.next_deadline() == f.now + 5 * second);
    CHECK(f.after(5 * second).empty());
    fs::create_directory(f.directory);
    f.write("early.so");
    CHECK(f.after(5 * second) == Changes{f.change(Kind::rescan)});
    f.write("late.so");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "late.so")});
  }

  TEST_CASE("a directory that goes is reported, and again when it is back") {
    Fixture f;
    f.write("a.so");
    f.start();
    fs::remove_all(f.directory);
    CHECK(f.after(499 * ms).empty());
    CHECK(f.after(1 * ms) == Changes{f.change(Kind::gone)});
    CHECK(f.after(5 * second).empty());
    fs::create_directory(f.directory);
    CHECK(f.after(5 * second) == Changes{f.change(Kind::rescan)});
    f.write("b.so");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "b.so")});
  }

  TEST_CASE("a directory that is replaced is one rescan") {
    Fixture f;
    f.start();
    SUBCASE("removed and created") {
      fs::remove_all(f.directory);
      fs::create_directory(f.directory);
    }
    SUBCASE("moved away and another one moved in") {
      fs::create_directory(f.root + "/next");
      fs::rename(f.directory, f.root + "/previous");
      fs::rename(f.root + "/next", f.directory);
    }
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::rescan)});
    f.write("a.so");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "a.so")});
  }

  TEST_CASE("files of a directory that was moved away are nobody's business") {
    Fixture f;
    f.start();
    fs::rename(f.directory, f.root + "/previous");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::gone)});
    std::ofstream(f.root + "/previous/a.so") << "x";
    CHECK(f.after(10 * second).empty());
  }

  TEST_CASE("a link in the path that is turned to another directory is found by looking again") {
    Fixture f;
    fs::create_directory(f.root + "/next");
    fs::create_symlink("plugins", f.root + "/current");
    const std::string current = f.root + "/current";
    REQUIRE(f.watch.add(current, f.now));
    fs::create_symlink("next", f.root + "/current.new");
    fs::rename(f.root + "/current.new", current);
    CHECK(f.after(5 * second) == Changes{{Kind::rescan, current, {}}});
    std::ofstream(f.root + "/next/a.so") << "x";
    f.write("not_any_more.so");
    CHECK(f.after(500 * ms) == Changes{{Kind::changed, current, "a.so"}});
  }

  TEST_CASE("a directory replaced by a file is gone") {
    Fixture f;
    f.start();
    fs::remove_all(f.directory);
    std::ofstream(f.directory) << "x";
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::gone)});
    CHECK(f.after(60 * second).empty());
  }

  TEST_CASE("a file in place of the directory is not an error of add") {
    Fixture f;
    fs::remove(f.directory);
    std::ofstream(f.directory) << "x";
    f.start();
    CHECK(f.after(60 * second).empty());
  }

  TEST_CASE("lost events become a rescan") {
    Fixture f;
    f.start();
    std::ifstream limit_file("/proc/sys/fs/inotify/max_queued_events");
    long limit = 0;
    limit_file >> limit;
    REQUIRE(limit > 0);
    REQUIRE(limit < 10'000'000);
    // Two files in turn: equal events in a row would be merged by the kernel.
    const UniqueFd directory(::open(f.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (long i = 0; i < limit + 100; ++i)
      UniqueFd(::openat(directory.get(), (i & 1) != 0 ? "a.so" : "b.so", O_CREAT | O_WRONLY | O_CLOEXEC, 0644)).reset();
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::rescan)});
    f.write("c.so");
    CHECK(f.after(500 * ms) == Changes{f.change(Kind::changed, "c.so")});
  }

  TEST_CASE("more files than may wait become a rescan, and a flood does not put it off for ever") {
    DirectoryWatch::Options options;
    options.max_pending = 10;
    Fixture f(options);
    f.start();
    for (int i = 0; i < 50; ++i) f.write("a" + std::to_string(i) + ".so");
    CHECK(f.after(400 * ms).empty());
    for (int i = 0; i < 50; ++i) f.write("b" + std::to_string(i) + ".so");
    const Changes due = f.after(100 * ms);
    REQUIRE(due.size() == 1);
    CHECK(due[0] == f.change(Kind::rescan));
  }

  TEST_CASE("the kernel's limits bound one read, not what is seen") {
    Fixture f;
    f.start();
    const std::size_t many = 3000;
    const std::string long_name(200, 'n');
    for (std::size_t i = 0; i < many; ++i) f.write(long_name + std::to_string(i) + ".so");
    REQUIRE(f.watch.on_readable(f.now));
    CHECK(f.readable());
    CHECK(f.after(500 * ms).size() == many);
  }

  TEST_CASE("reading when nothing happened does nothing") {
    Fixture f;
    CHECK(f.watch.next_deadline() == no_deadline);
    CHECK(f.watch.on_readable(f.now));
    CHECK(f.watch.take_due(f.now).empty());
    f.start();
    CHECK(f.watch.on_readable(f.now));
    CHECK(f.after(0).empty());
  }

  TEST_CASE("what is forgotten is neither reported nor looked for again") {
    Fixture f;
    f.start();
    f.write("a.so");
    f.read();
    REQUIRE(f.watch.next_deadline() != no_deadline);
    f.watch.forget();
    CHECK(f.watch.next_deadline() == no_deadline);
    f.write("b.so");
    CHECK(f.readable());
    f.read();  // that the watch is gone
    CHECK(f.watch.next_deadline() == no_deadline);
    CHECK(f.after(3600 * second).empty());
  }

  TEST_CASE("a directory that may not be read is an error of add") {
    Fixture f;
    REQUIRE(::chmod(f.directory.c_str(), 0) == 0);
    const bool root = ::geteuid() == 0;  // may read everything, so become somebody else meanwhile
    if (root) REQUIRE(::seteuid(65534) == 0);
    const Result<void> refused = f.watch.add(f.directory, f.now);
    if (root) REQUIRE(::seteuid(0) == 0);
    REQUIRE(::chmod(f.directory.c_str(), 0700) == 0);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(f.directory) != std::string::npos);
  }
}
