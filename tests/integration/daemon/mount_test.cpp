// File systems that do not let the daemon do what it wants. Each daemon runs in a mount namespace of its own.
#include <doctest/doctest.h>

#include "host_fixture.hpp"
#include "skip.hpp"

using namespace tenon::test;

namespace {

/// `mounts`: shell commands with the directory as $1, before the daemon is executed. An empty `mounts` is a question: may we?
std::vector<std::string> with_mounts(const std::string& directory, const std::string& mounts, const std::vector<std::string>& arguments) {
  std::vector<std::string> out = {
      "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", mounts + "\nshift\nexec \"$@\"", "sh", directory};
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

bool may_mount() {
  const TempDir dir;
  return run(with_mounts(dir.path(), "mount -t tmpfs none \"$1\"", {"/bin/true"})).exit == 0;
}

constexpr const char* reason = "it takes the right to mount in a namespace of one's own";

}  // namespace

TEST_CASE("71: a state directory on a noexec file system is named before anything is loaded, unless nothing is loaded from it") {
  SKIP_UNLESS(may_mount(), reason);
  const std::string noexec = "mount -t tmpfs -o noexec,mode=0700 none \"$1\"";
  Host host({"modules/alpha"});
  host.state = host.dir.make_dir("state", 0700);
  const Ran refused = boot_and_stop(with_mounts(host.state, noexec, host.arguments()), host.options);
  CHECK(refused.exit == 71);
  CHECK(refused.err.find("`" + host.state + "/modules` is on a file system mounted noexec") != std::string::npos);
  CHECK(refused.err.find("--state-dir") != std::string::npos);
  CHECK_FALSE(host.traced("alpha load constructor"));
  // RuntimeModules are loaded from where they are installed.
  CHECK(boot_and_stop(with_mounts(host.state, noexec, host.arguments({"--safe-mode"})), host.options).exit == 0);
}

TEST_CASE("73: a state directory on a read-only file system") {
  SKIP_UNLESS(may_mount(), reason);
  const std::string read_only = "mount -t tmpfs -o mode=0700 none \"$1\"\nmkdir -m 0700 \"$1/made\"\nmount -o remount,ro \"$1\"";
  Host host({"modules/alpha"});
  const std::string mounted = host.dir.make_dir("mounted", 0700);
  for (const char* inside : {"/made", "/new"}) {
    CAPTURE(inside);
    host.state = mounted + inside;
    const Ran r = boot_and_stop(with_mounts(mounted, read_only, host.arguments()), host.options);
    CHECK(r.exit == 73);
    CHECK(r.err.find("Read-only file system") != std::string::npos);
    CHECK(r.err.find(host.state) != std::string::npos);
  }
  CHECK_FALSE(host.traced("alpha load constructor"));
}

TEST_CASE("73: a state directory without space for the copy of a required module, an optional one is left out") {
  SKIP_UNLESS(may_mount(), reason);
  const std::string tiny = "mount -t tmpfs -o size=16k,mode=0700 none \"$1\"";
  Host host({"modules/alpha"});
  host.state = host.dir.make_dir("state", 0700);
  const Ran optional = boot_and_stop(with_mounts(host.state, tiny, host.arguments()), host.options);
  CHECK(optional.exit == 0);
  CHECK(optional.err.find("No space left on device") != std::string::npos);
  host.script("alpha", "", "required: true");
  CHECK(boot_and_stop(with_mounts(host.state, tiny, host.arguments()), host.options).exit == 73);
  CHECK_FALSE(host.traced("alpha load constructor"));
}

TEST_CASE("plugins and configuration on a read-only file system are all that the daemon needs") {
  SKIP_UNLESS(may_mount(), reason);
  Host host({"modules/alpha"});
  const Ran r = boot_and_stop(with_mounts(host.plugins, "mount --bind \"$1\" \"$1\"\nmount -o remount,bind,ro \"$1\"", host.arguments()),
                              host.options);
  CHECK(r.exit == 0);
  CHECK(host.traced("alpha start enter"));
}

TEST_CASE("list --running finds the status of a service from outside of it, without its environment") {
  SKIP_UNLESS(may_mount(), reason);
  Host host;
  host.state = "/var/lib/tenon";
  std::vector<std::string> arguments = {
      "/bin/sh", "-c",
      "RUNTIME_DIRECTORY=/run/tenon \"$@\" & pid=$!\n"
      "until grep -q '\"state\":\"running\"' /run/tenon/status.json; do kill -0 $pid || exit 9; done 2>/dev/null\n"
      "test ! -e /var/lib/tenon/status.json || exit 8\n"
      "program=$1 && shift 2 && \"$program\" list --running \"$@\"; told=$?\n"
      "kill $pid && wait $pid && exit $told",
      "sh"};
  for (const std::string& a : host.arguments()) arguments.push_back(a);
  const Ran r =
      run(with_mounts("-", "mount -t tmpfs -o mode=0755 none /var/lib\nmount -t tmpfs -o mode=0755 none /run\nmkdir /run/tenon", arguments),
          host.options);
  CAPTURE(r.err);
  CHECK(r.exit == 0);
  CHECK(r.out.find("logger") != std::string::npos);
  CHECK(r.out.find("health: ready") != std::string::npos);
}
