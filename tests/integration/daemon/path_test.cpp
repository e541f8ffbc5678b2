// What the daemon refuses to load because of where it lies and who could have put it there.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_fixture.hpp"
#include "skip.hpp"

using namespace tenon::test;

namespace {

// No account of this machine has them.
constexpr uid_t user = 61001, stranger = 61002;

}  // namespace

TEST_CASE("a symbolic link that leaves the plugins directory is refused, one inside is fine") {
  Host host({"modules/alpha"});
  const std::string outside = host.dir.copy(std::string(TENON_TEST_FIXTURES) + "/modules/libepsilon.so", "elsewhere/libepsilon.so");
  REQUIRE(::symlink(outside.c_str(), (host.plugins + "/libepsilon.so").c_str()) == 0);
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  CHECK_FALSE(host.traced("epsilon load constructor"));
  CHECK(host.traced("alpha start enter"));
}

TEST_CASE("a file writable by others, and a world-writable directory, are refused with the way to mend it") {
  Host host({"modules/alpha", "modules/epsilon"});
  ::chmod((host.plugins + "/libalpha.so").c_str(), 0666);
  const Ran one = boot_and_stop(host);
  CHECK(one.exit == 0);
  CHECK_FALSE(host.traced("alpha load constructor"));
  CHECK(host.traced("epsilon start enter"));
  CHECK(one.err.find("chmod") != std::string::npos);
  ::chmod(host.plugins.c_str(), 0777);
  const Ran all = host.run_command("check");
  CHECK(all.exit == 77);
}

TEST_CASE("a foreign owner is refused") {
  SKIP_UNLESS(::geteuid() == 0, "only root can give files away");
  Host host({"modules/alpha", "modules/epsilon"});
  REQUIRE(::chown((host.plugins + "/libalpha.so").c_str(), stranger, stranger) == 0);
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  CHECK(r.err.find("belongs to uid 61002") != std::string::npos);
  CHECK_FALSE(host.traced("alpha load constructor"));
  CHECK(host.traced("epsilon start enter"));
}

TEST_CASE("a hard link is fine: the copy is what runs") {
  Host host({"modules/alpha"});
  REQUIRE(::link((host.plugins + "/libalpha.so").c_str(), (host.dir / "second_name").c_str()) == 0);
  boot_and_stop(host);
  CHECK(host.traced("alpha start enter"));
}

TEST_CASE("the state directory of another user: root becomes that user") {
  SKIP_UNLESS(::geteuid() == 0, "only root can give files away and become somebody else");
  Host host({}, Tree::copy);
  host.state = host.dir.make_dir("state", 0700);
  REQUIRE(::chown(host.state.c_str(), user, user) == 0);
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  struct stat st {};
  REQUIRE(::stat((host.state + "/run.lock").c_str(), &st) == 0);
  CHECK(st.st_uid == user);
  CHECK(st.st_gid == user);
}

TEST_CASE("77: a status that is somebody else's") {
  SKIP_UNLESS(::geteuid() == 0, "it takes root to be two users");
  Host host({}, Tree::copy);
  CHECK(boot_and_stop(host).exit == 0);
  REQUIRE(::chmod(host.dir.path().c_str(), 0755) == 0);
  const Ran r = run(as_user(user, host.arguments({"--running"}, "list")), host.options);
  CHECK(r.exit == 77);
  CHECK(r.err.find("status.json`: Permission denied\n") != std::string::npos);
}

TEST_CASE("a clone made with umask 002 runs for the user it belongs to, and is refused by root until no group may write to it") {
  SKIP_UNLESS(::geteuid() == 0, "it takes root to be two users");
  Host host({"modules/alpha"}, Tree::copy);
  host.give_to(user, "u+rwX,g+rwX,o-w");
  host.options.umask_002 = true;
  const Ran theirs = boot_and_stop(as_user(user, host.arguments()), host.options);
  CHECK(theirs.exit == 0);
  CHECK(host.traced("alpha start enter"));
  // What the daemon makes itself is private whatever the umask.
  struct stat st {};
  REQUIRE(::stat(host.state.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777U) == 0700);
  REQUIRE(::stat((host.state + "/modules").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777U) == 0700);

  host.state = host.dir / "roots_state";
  const Ran ours = boot_and_stop(host);
  CHECK(ours.exit == 77);
  CHECK(ours.err.find("belongs to uid 61001, the owner of tenond") != std::string::npos);
  CHECK(ours.err.find("run `chmod g-w " + host.dir.path() + "`") != std::string::npos);
  // Mended, root may run it: the owner of the executable is trusted.
  host.give_to(user, "g-w");
  host.state = host.dir / "state_of_root";
  CHECK(boot_and_stop(host).exit == 0);
}

TEST_CASE("another user's group may not write to the tree, although that user could") {
  SKIP_UNLESS(::geteuid() == 0, "it takes root to be two users");
  Host host({"modules/alpha"}, Tree::copy);
  host.give_to(user, "u+rwX,go-w");
  const std::string library = host.plugins + "/libalpha.so";
  REQUIRE(::chown(library.c_str(), user, stranger) == 0);
  REQUIRE(::chmod(library.c_str(), 0664) == 0);
  const Ran r = boot_and_stop(as_user(user, host.arguments()), host.options);
  CHECK(r.exit == 0);
  CHECK_FALSE(host.traced("alpha load constructor"));
  CHECK(r.err.find("chmod g-w") != std::string::npos);
}

TEST_CASE("a plugins directory below sticky /tmp is fine, unless it is somebody else's") {
  struct stat st {};
  SKIP_UNLESS(::stat("/tmp", &st) == 0 && st.st_uid == 0 && (st.st_mode & S_ISVTX) != 0,
              "/tmp of this machine is not a sticky directory of root");
  Host host({"modules/alpha"}, Tree::copy);
  CHECK(boot_and_stop(host).exit == 0);
  CHECK(host.traced("alpha start enter"));
}

TEST_CASE("a sticky directory that everybody may write to is read if it is root's, and what others put into it is refused") {
  SKIP_UNLESS(::geteuid() == 0, "it takes root to be two users");
  Host host({"modules/alpha", "modules/epsilon"}, Tree::copy);
  REQUIRE(::chmod(host.plugins.c_str(), 01777) == 0);
  REQUIRE(::chown((host.plugins + "/libepsilon.so").c_str(), stranger, stranger) == 0);
  const Ran sticky = boot_and_stop(host);
  CHECK(sticky.exit == 0);
  CHECK(host.traced("alpha start enter"));
  CHECK_FALSE(host.traced("epsilon load constructor"));
  // Somebody else's directory, sticky or not.
  REQUIRE(::chown(host.plugins.c_str(), stranger, stranger) == 0);
  CHECK(host.run_command("check").exit == 77);
  REQUIRE(::chmod(host.plugins.c_str(), 0755) == 0);
  CHECK(host.run_command("check").exit == 77);
}
