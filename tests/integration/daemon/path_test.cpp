// What the daemon refuses to load because of where it lies and who could have put it there.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_fixture.hpp"

using namespace tenon::test;

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
  if (::geteuid() != 0) {
    MESSAGE("needs root to give files away");
    return;
  }
  Host host({"modules/alpha"});
  REQUIRE(::chown((host.plugins + "/libalpha.so").c_str(), 12345, 12345) == 0);
  boot_and_stop(host);
  CHECK_FALSE(host.traced("alpha load constructor"));
}

TEST_CASE("a hard link is fine: the copy is what runs") {
  Host host({"modules/alpha"});
  REQUIRE(::link((host.plugins + "/libalpha.so").c_str(), (host.dir / "second_name").c_str()) == 0);
  boot_and_stop(host);
  CHECK(host.traced("alpha start enter"));
}

TEST_CASE("the state directory of another user: root becomes that user") {
  if (::geteuid() != 0) {
    MESSAGE("needs root");
    return;
  }
  Host host;
  for (std::string up = host.dir.path(); up.size() > 1; up = up.substr(0, up.rfind('/'))) {
    struct stat st {};
    if (::stat(up.c_str(), &st) == 0 && (st.st_mode & 0001U) != 0) continue;
    MESSAGE("needs a build tree that every user may enter: " << up);
    return;
  }
  host.state = host.dir.make_dir("state", 0700);
  REQUIRE(::chown(host.state.c_str(), 12345, 12345) == 0);
  const Ran r = boot_and_stop(host);
  CHECK(r.exit == 0);
  struct stat st {};
  REQUIRE(::stat((host.state + "/run.lock").c_str(), &st) == 0);
  CHECK(st.st_uid == 12345);
}
