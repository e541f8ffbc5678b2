#include "daemon/state_dir.hpp"

#include <doctest/doctest.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "skip.hpp"
#include "temporary_directory.hpp"

using namespace tenon::host;
using tenon::test::TemporaryDirectory;

namespace {

constexpr uid_t stranger = 61002;

mode_t mode_of(const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_mode & 07777U;
}

Error refusal(const std::string& path) {
  const Result<StateDir> opened = open_state_dir(path);
  REQUIRE_FALSE(opened);
  return opened.error();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// True if `done` is, in a process of its own: it may give up its rights.
bool in_child(const std::function<bool()>& done) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(done() ? 0 : 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("the state directory is made with its parents, private, resolved, and locked with the pid in the lock") {
  const TemporaryDirectory directory;
  {
    const Result<StateDir> made = open_state_dir(directory / "a/b/state");
    REQUIRE(made);
    CHECK(made->path == directory / "a/b/state");
    CHECK(made->fd);
    for (const char* part : {"a", "a/b", "a/b/state"}) CHECK(mode_of(directory / part) == 0700);
    CHECK(mode_of(directory / "a/b/state/run.lock") == 0600);
    CHECK(directory.read("a/b/state/run.lock") == std::to_string(::getpid()) + "\n");
  }
  REQUIRE(::symlink("a/b/state", (directory / "link").c_str()) == 0);
  const Result<StateDir> again = open_state_dir(directory / "link");
  REQUIRE(again);
  CHECK(again->path == directory / "a/b/state");
}

TEST_CASE("a second one is told to try again and by whom it is held, and gets it when the first has gone") {
  const TemporaryDirectory directory;
  const std::string path = directory.make("state", 0700);
  {
    // An older, longer pid does not shine through.
    directory.write("state/run.lock", "123456789012345\n");
    const Result<StateDir> first = open_state_dir(path);
    REQUIRE(first);
    const Error error = refusal(path);
    CHECK(error.exit == ExitCode::try_again);
    CHECK(contains(error.message, "another tenond (pid " + std::to_string(::getpid()) + ") uses the state directory `" + path + "`"));
  }
  CHECK(open_state_dir(path));
}

TEST_CASE("who holds a state directory is answered by the lock, not by the number in it") {
  const TemporaryDirectory directory;
  const std::string path = directory.make("state", 0700);
  const auto holder = [&path] {
    const Result<std::int64_t> r = state_dir_holder(path);
    REQUIRE(r);
    return *r;
  };
  CHECK(holder() == 0);
  {
    const Result<StateDir> held = open_state_dir(path);
    REQUIRE(held);
    CHECK(holder() == ::getpid());
    for (const char* text : {"", "\n", "12", "x\n", "-7\n", "99999999999999999999\n"}) {
      CAPTURE(text);
      directory.write("state/run.lock", text);
      CHECK(holder() == -1);
    }
    directory.write("state/run.lock", std::to_string(::getpid()) + "\n");
  }
  CHECK(holder() == 0);  // although that process lives
  std::filesystem::remove(path + "/run.lock");
  REQUIRE(::symlink("../elsewhere", (path + "/run.lock").c_str()) == 0);
  CHECK_FALSE(state_dir_holder(path));
}

TEST_CASE("asking who holds it refuses nobody who wants it at that moment") {
  const TemporaryDirectory directory;
  const std::string path = directory.make("state", 0700);
  std::atomic<bool> over{false};
  std::thread asking([&] {
    while (!over) static_cast<void>(state_dir_holder(path));
  });
  int refused = 0;
  for (int i = 0; i < 300; ++i)
    if (!open_state_dir(path)) ++refused;
  over = true;
  asking.join();
  CHECK(refused == 0);
}

TEST_CASE("a directory others may write to is refused with the way to mend it") {
  const TemporaryDirectory directory;
  for (const mode_t mode : {0777, 0770, 0702, 01777}) {
    CAPTURE(mode);
    const std::string path = directory.make("state", mode);
    const Error error = refusal(path);
    CHECK(error.exit == ExitCode::no_permission);
    CHECK(contains(error.message, "run: chmod go-w " + path));
    CHECK_FALSE(std::filesystem::exists(path + "/run.lock"));
  }
  CHECK(open_state_dir(directory.make("state", 0755)));
}

TEST_CASE("what cannot be made, or is no directory, is refused with 73") {
  const TemporaryDirectory directory;
  directory.write("file", "");
  for (const char* path : {"file", "file/state"}) {
    CAPTURE(path);
    CHECK(refusal(directory / path).exit == ExitCode::cannot_create);
  }
  CHECK(contains(refusal(directory / "file/state").message, "give another one with --state-dir"));
  REQUIRE(::symlink("nowhere", (directory / "dangling").c_str()) == 0);
  CHECK(refusal(directory / "dangling").exit == ExitCode::cannot_create);
  for (const char* path : {"dangling", "dangling/state"}) {
    CAPTURE(path);
    const Result<void> looked = look_at_state_dir(directory / path);
    REQUIRE_FALSE(looked);
    CHECK(looked.error().exit == ExitCode::cannot_create);
  }
  // A hostile name is printable in the message.
  CHECK_FALSE(contains(refusal(directory / "file/\x1b[2J\n").message, "\x1b"));
}

TEST_CASE("a lock that is a link is not followed") {
  const TemporaryDirectory directory;
  const std::string path = directory.make("state", 0700);
  directory.write("elsewhere", "kept");
  REQUIRE(::symlink("../elsewhere", (path + "/run.lock").c_str()) == 0);
  CHECK(refusal(path).exit == ExitCode::cannot_create);
  CHECK(directory.read("elsewhere") == "kept");
}

TEST_CASE("the directory of another user is refused to a user, and root becomes that user") {
  SKIP_UNLESS(::geteuid() == 0, "only root can give files away");
  const TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string theirs = directory.make("theirs", 0700), ours = directory.make("ours", 0755);
  REQUIRE(::chown(theirs.c_str(), stranger, stranger) == 0);
  CHECK(in_child([&] {
    const Result<StateDir> opened = open_state_dir(theirs);
    return opened && ::geteuid() == stranger && ::getuid() == stranger && ::getegid() == stranger && ::getgroups(0, nullptr) == 0 &&
           ::setuid(0) != 0;
  }));
  CHECK(in_child([&] {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(stranger, stranger, stranger) != 0 || ::setresuid(stranger, stranger, stranger) != 0)
      return false;
    const Result<StateDir> opened = open_state_dir(ours);
    return !opened && opened.error().exit == ExitCode::no_permission && opened.error().reason == "FOREIGN_STATE" &&
           contains(opened.error().message, "belongs to uid 0, the daemon runs as uid 61002");
  }));
}
