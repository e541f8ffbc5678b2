// The rules of ownership and mode, over made-up file statuses.
#include <limits.h>
#include <stdlib.h>

#include "directory.hpp"
#include "skip.hpp"
#include "unsafe.hpp"

using namespace tenon::host;

namespace {

struct stat status_of(mode_t mode, uid_t uid, gid_t gid) {
  struct stat status {};
  status.st_mode = mode, status.st_uid = uid, status.st_gid = gid;
  return status;
}

constexpr uid_t user = 1000, stranger = 1001;
constexpr gid_t group = 1000, other_group = 50;

TrustedOwners as_user() { return {user, group, false, 0}; }
TrustedOwners as_root() { return {0, 0, false, 0}; }

std::string reason(mode_t mode, uid_t uid, gid_t gid, const TrustedOwners& owners) {
  const auto error = who_could_change(status_of(mode, uid, gid), "/x", owners);
  return error ? error->reason : "";
}

}  // namespace

TEST_CASE("owners") {
  CHECK(as_user().trusts(0));
  CHECK(as_user().trusts(user));
  CHECK_FALSE(as_user().trusts(stranger));
  CHECK_FALSE(as_root().trusts(user));
  const TrustedOwners with_executable{0, 0, true, user};
  CHECK(with_executable.trusts(user));
  CHECK_FALSE(with_executable.trusts(stranger));
  for (const mode_t kind : {S_IFREG, S_IFDIR, S_IFLNK}) {
    CHECK(reason(kind | 0644, user, group, as_user()).empty());
    CHECK(reason(kind | 0644, 0, 0, as_user()).empty());
    CHECK(reason(kind | 0644, stranger, group, as_user()) == "UNTRUSTED_OWNER");
    CHECK(reason(kind | 0644, user, group, as_root()) == "UNTRUSTED_OWNER");
  }
}

TEST_CASE("a clone made with umask 002 is fine for its user") {
  CHECK(reason(S_IFDIR | 0775, user, group, as_user()).empty());
  CHECK(reason(S_IFREG | 0664, user, group, as_user()).empty());
  CHECK(reason(S_IFDIR | 02775, user, group, as_user()).empty());
}

TEST_CASE("group writable by another group") {
  CHECK(reason(S_IFDIR | 0775, user, other_group, as_user()) == "GROUP_WRITABLE");
  CHECK(reason(S_IFREG | 0664, 0, other_group, as_user()) == "GROUP_WRITABLE");
  CHECK(reason(S_IFDIR | 0775, 0, group, as_root()) == "GROUP_WRITABLE");
  CHECK(reason(S_IFDIR | 0775, 0, 0, as_root()).empty());
  CHECK(reason(S_IFDIR | 0775, 0, 0, as_user()).empty());
  // Root started with another group as the effective one: its members are not root.
  CHECK(reason(S_IFDIR | 0775, 0, group, {0, group, false, 0}) == "GROUP_WRITABLE");
  const auto error = who_could_change(status_of(S_IFDIR | 02775, 0, other_group), "/usr/local/lib", as_root());
  REQUIRE(error);
  CHECK(error->message == "`/usr/local/lib` is writable by its group, gid 50 (mode 2775, uid 0): run `chmod g-w /usr/local/lib`");
}

TEST_CASE("writable by everyone") {
  CHECK(reason(S_IFREG | 0666, 0, 0, as_root()) == "WORLD_WRITABLE");
  CHECK(reason(S_IFDIR | 0777, 0, 0, as_root()) == "WORLD_WRITABLE");
  CHECK(reason(S_IFDIR | 01777, 0, 0, as_root()).empty());
  CHECK(reason(S_IFDIR | 01777, user, group, as_user()) == "WORLD_WRITABLE");
  CHECK(reason(S_IFREG | 01666, 0, 0, as_root()) == "WORLD_WRITABLE");
  CHECK(reason(S_IFLNK | 0777, 0, 0, as_root()).empty());
}

TEST_CASE("hostile names are printable in messages") {
  const auto error = who_could_change(status_of(S_IFREG | 0666, 0, 0), "/x\x1b[2J\n", as_root());
  REQUIRE(error);
  CHECK(error->message.find('\x1b') == std::string::npos);
  CHECK(error->message.find('\n') == std::string::npos);
}

TEST_CASE("an executable that is not there, or our own, adds nobody to trust") {
  const Directory directory;
  directory.make("bin");
  directory.write("bin/tenond", "x", 0755);
  CHECK_FALSE(TrustedOwners::of_process(directory.path("absent")).has_executable_owner);
  // Its owner is this user anyway.
  CHECK_FALSE(TrustedOwners::of_process(directory.path("bin/tenond")).has_executable_owner);
}

TEST_CASE("another owner of the executable is trusted while nobody else could have changed it") {
  SKIP_UNLESS(::geteuid() == 0, "only root can give files away");
  const Directory directory;
  directory.make("bin");
  directory.write("bin/tenond", "x", 0755);
  for (const char* name : {"", "bin", "bin/tenond"}) REQUIRE(::chown(directory.path(name).c_str(), user, group) == 0);
  TrustedOwners owners = TrustedOwners::of_process(directory.path("bin/tenond"));
  CHECK(owners.has_executable_owner);
  CHECK(owners.executable_owner == user);
  CHECK(owners.trusts(user));
  directory.mode("bin", 0777);
  owners = TrustedOwners::of_process(directory.path("bin/tenond"));
  CHECK_FALSE(owners.has_executable_owner);
  CHECK_FALSE(owners.trusts(user));
  // Said of his files, so that nobody gives them to root where a mode has to be mended.
  const auto error = who_could_change(status_of(S_IFREG | 0644, user, group), "/x/a.so", owners);
  REQUIRE(error);
  CHECK(error->message == "`/x/a.so` belongs to uid 1000, the owner of tenond, who is trusted only while nobody else can change tenond: `" +
                              directory.path("bin") + "` is writable by everyone (mode 0777, uid 1000): run `chmod o-w " +
                              directory.path("bin") + "`");
  CHECK(who_could_change(status_of(S_IFREG | 0644, stranger, group), "/x/a.so", owners)
            ->message.find("the owner of tenond, who is trusted") == std::string::npos);
  directory.mode("bin", 0775);  // writable by group 1000 while we are root
  CHECK_FALSE(TrustedOwners::of_process(directory.path("bin/tenond")).has_executable_owner);
  directory.mode("bin", 0755);
  directory.mode("bin/tenond", 0757);
  CHECK_FALSE(TrustedOwners::of_process(directory.path("bin/tenond")).has_executable_owner);
  directory.mode("bin/tenond", 0755);
  REQUIRE(::chown(directory.path("bin").c_str(), stranger, group) == 0);
  CHECK_FALSE(TrustedOwners::of_process(directory.path("bin/tenond")).has_executable_owner);
}
