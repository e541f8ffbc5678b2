// Opening below a root: what leads out, what could be changed by others, what is no file.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>

#include "directory.hpp"
#include "open_file.hpp"
#include "skip.hpp"

using namespace tenon::host;

namespace {

SafeRoot root_of(const Directory& directory, const std::string& name = {}) {
  auto root = open_safe_root(directory.path(name), this_user(), PathChecks::strict);
  REQUIRE_MESSAGE(root, (root ? "" : root.error().message));
  return std::move(*root);
}

Result<UniqueFd> open_in(const SafeRoot& root, const std::string& name, std::string* path = nullptr,
                         const TrustedOwners& owners = this_user(), PathChecks checks = PathChecks::strict) {
  return open_beneath(root, name, owners, checks, path);
}

Error error_of(const SafeRoot& root, const std::string& name) {
  auto fd = open_in(root, name);
  REQUIRE_FALSE(fd);
  return fd.error();
}

std::string content(const UniqueFd& fd) {
  const auto bytes = read_all(fd.get(), 1000, "test");
  REQUIRE(bytes);
  return std::string(bytes->view());
}

TrustedOwners nobody_else() {
  TrustedOwners owners;
  owners.effective_uid = 61001, owners.effective_gid = 61001;
  return owners;
}

}  // namespace

TEST_CASE("a plain file is opened and its path known") {
  const Directory directory;
  directory.make("sub");
  directory.write("a", "one");
  directory.write("sub/b", "two");
  const SafeRoot root = root_of(directory);
  CHECK(root.path == directory.path());
  std::string path;
  auto fd = open_in(root, "a", &path);
  REQUIRE(fd);
  CHECK(content(*fd) == "one");
  CHECK(path == directory.path("a"));
  for (const char* name : {"sub/b", "./sub//b", "sub/../sub/./b"}) {
    fd = open_in(root, name, &path);
    REQUIRE(fd);
    CHECK(content(*fd) == "two");
    CHECK(path == directory.path("sub/b"));
  }
  CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("links inside the root are followed") {
  const Directory directory;
  directory.make("versions");
  directory.make("deep");
  directory.write("versions/lib.so.1", "content");
  directory.link("versions/lib.so.1", "lib.so");
  directory.link("lib.so", "again.so");
  directory.link("../versions", "deep/up");
  const SafeRoot root = root_of(directory);
  for (const char* name : {"lib.so", "again.so", "deep/up/lib.so.1"}) {
    std::string path;
    const auto fd = open_in(root, name, &path);
    REQUIRE_MESSAGE(fd, name);
    CHECK(content(*fd) == "content");
    CHECK(path == directory.path("versions/lib.so.1"));
  }
}

TEST_CASE("no way leads out of the root") {
  const Directory directory;
  directory.make("root");
  directory.make("root/sub");
  directory.write("secret", "secret");
  directory.write("root/inside", "inside");
  directory.link("../secret", "root/relative");
  directory.link(directory.path("secret"), "root/absolute");
  directory.link(directory.path("root/inside"), "root/absolute_inside");
  directory.link("..", "root/up");
  directory.link("../../secret", "root/sub/far");
  const SafeRoot root = root_of(directory, "root");
  for (const char* name :
       {"../secret", "sub/../../secret", "relative", "absolute", "absolute_inside", "up/secret", "sub/far", "/etc/passwd", "..", "up"}) {
    CAPTURE(name);
    const Error error = error_of(root, name);
    CHECK(error.code == Code::permission_denied);
    CHECK(error.reason == "ESCAPES");
    CHECK(error.exit == ExitCode::no_permission);
    CHECK(contains(error.message, "must lie inside `" + directory.path("root") + "`"));
  }
  CHECK(contains(error_of(root, "absolute").message, "is or leads through a link to `" + directory.path("secret") + "`"));
}

TEST_CASE("file_only does not let links out either") {
  const Directory directory;
  directory.make("root");
  directory.write("secret", "secret");
  directory.link("../secret", "root/relative");
  const SafeRoot root = root_of(directory, "root");
  const auto fd = open_in(root, "relative", nullptr, this_user(), PathChecks::file_only);
  REQUIRE_FALSE(fd);
  CHECK(fd.error().reason == "ESCAPES");
}

TEST_CASE("links that go nowhere or in circles") {
  const Directory directory;
  directory.link("nothing", "dangling");
  directory.link("round", "circle");
  directory.link("circle", "round");
  directory.link("self/x", "self");
  const SafeRoot root = root_of(directory);
  CHECK(error_of(root, "dangling").code == Code::not_found);
  CHECK(contains(error_of(root, "dangling").message, directory.path("nothing")));
  CHECK(error_of(root, "circle").reason == "TOO_MANY_LINKS");
  CHECK(error_of(root, "self").reason == "TOO_MANY_LINKS");
  CHECK(error_of(root, "absent").code == Code::not_found);
  CHECK(error_of(root, "absent/x").code == Code::not_found);
}

TEST_CASE("names that are none") {
  const Directory directory;
  directory.write("a", "one");
  const SafeRoot root = root_of(directory);
  CHECK(error_of(root, "").code == Code::invalid_argument);
  CHECK(error_of(root, std::string("a\0b", 3)).code == Code::invalid_argument);
  CHECK(error_of(root, "a/").reason == "NOT_A_DIRECTORY");
  CHECK(error_of(root, "a/b").reason == "NOT_A_DIRECTORY");
  CHECK(error_of(root, ".").reason == "NOT_A_FILE");
  CHECK_FALSE(open_in(root, std::string(300, 'x')));
  CHECK_FALSE(open_in(root, std::string(5000, 'x')));
}

TEST_CASE("what is no regular file is refused at once") {
  const Directory directory;
  directory.make("directory.so");
  REQUIRE(::mkfifo(directory.path("fifo.so").c_str(), 0644) == 0);
  directory.link("fifo.so", "to_fifo.so");
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, directory.path("socket.so").c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const SafeRoot root = root_of(directory);
  const auto refused = [&](const char* name, const char* kind) {
    const Error error = error_of(root, name);
    CHECK(error.reason == "NOT_A_FILE");
    CHECK(contains(error.message, kind));
  };
  refused("directory.so", "is a directory, not a regular file");
  refused("fifo.so", "is a FIFO, not a regular file");
  refused("to_fifo.so", "is a FIFO, not a regular file");
  refused("socket.so", "is a socket, not a regular file");
}

TEST_CASE("a device is refused without being opened") {
  const Directory directory;
  SKIP_UNLESS(::mknod(directory.path("device.so").c_str(), S_IFCHR | 0644, makedev(1, 3)) == 0, "it takes the right to make devices");
  const Error error = error_of(root_of(directory), "device.so");
  CHECK(error.reason == "NOT_A_FILE");
  CHECK(contains(error.message, "is a device, not a regular file"));
}

TEST_CASE("a file or directory that everyone can write is refused with the command that mends it") {
  const Directory directory;
  directory.make("open");
  directory.write("open/a", "x");
  directory.write("b", "x");
  const SafeRoot root = root_of(directory);
  directory.mode("b", 0666);
  Error error = error_of(root, "b");
  CHECK(error.reason == "WORLD_WRITABLE");
  CHECK(contains(error.message, "(mode 0666, uid " + std::to_string(::geteuid()) + "): run `chmod o-w " + directory.path("b") + "`"));
  directory.mode("open", 0777);
  error = error_of(root, "open/a");
  CHECK(contains(error.message, "chmod o-w " + directory.path("open") + "`"));
  CHECK(open_in(root, "open/a", nullptr, this_user(), PathChecks::file_only));
  const auto as_root = open_safe_root(directory.path("open"), this_user(), PathChecks::strict);
  REQUIRE_FALSE(as_root);
  CHECK(as_root.error().code == Code::permission_denied);
  CHECK(as_root.error().exit == ExitCode::no_permission);
  CHECK_FALSE(open_safe_root(directory.path("open"), this_user(), PathChecks::file_only));
}

TEST_CASE("every component of a root is looked at, unless file_only") {
  const Directory directory;
  directory.make("a");
  directory.make("a/b");
  directory.make("a/b/c");
  directory.mode("a", 0777);
  const auto strict = open_safe_root(directory.path("a/b/c"), this_user(), PathChecks::strict);
  REQUIRE_FALSE(strict);
  CHECK(contains(strict.error().message, "`" + directory.path("a") + "` is writable by everyone"));
  CHECK(open_safe_root(directory.path("a/b/c"), this_user(), PathChecks::file_only));
}

TEST_CASE("a root is resolved once") {
  const Directory directory;
  directory.make("real");
  directory.link("real", "link");
  directory.link(directory.path("link"), "absolute");
  directory.write("file", "x");
  for (const char* name : {"link", "absolute", "real/", "real/../real/.", "link/"}) {
    const auto root = open_safe_root(directory.path(name), this_user(), PathChecks::strict);
    REQUIRE_MESSAGE(root, name);
    CHECK(root->path == directory.path("real"));
  }
  CHECK(open_safe_root(directory.path("absent"), this_user(), PathChecks::strict).error().code == Code::not_found);
  CHECK(open_safe_root(directory.path("file"), this_user(), PathChecks::strict).error().reason == "NOT_A_DIRECTORY");
  CHECK(open_safe_root("", this_user(), PathChecks::strict).error().code == Code::invalid_argument);
  const auto top = open_safe_root("/", this_user(), PathChecks::strict);
  REQUIRE(top);
  CHECK(top->path == "/");
  std::string path;
  CHECK(open_in(*top, "etc/passwd", &path));
  CHECK(path == "/etc/passwd");
}

TEST_CASE("a relative root is taken from the working directory") {
  const auto root = open_safe_root(".", this_user(), PathChecks::file_only);
  REQUIRE(root);
  CHECK(root->path == std::filesystem::current_path());
}

TEST_CASE("a sticky directory of root may be on the way") {
  struct stat status {};
  REQUIRE(::stat("/tmp", &status) == 0);
  SKIP_UNLESS(status.st_uid == 0 && (status.st_mode & S_ISVTX) != 0, "/tmp of this machine is not a sticky directory of root");
  const Directory directory;
  CHECK(open_safe_root(directory.path(), this_user(), PathChecks::strict));
  // Not when somebody else's directory lies in it.
  const auto foreign = open_safe_root(directory.path(), nobody_else(), PathChecks::strict);
  if (::geteuid() == 0) {
    CHECK(foreign);  // root's own
    REQUIRE(::chown(directory.path().c_str(), 61002, 61002) == 0);
    const auto other = open_safe_root(directory.path(), nobody_else(), PathChecks::strict);
    REQUIRE_FALSE(other);
    CHECK(other.error().reason == "UNTRUSTED_OWNER");
  } else {
    REQUIRE_FALSE(foreign);
    CHECK(foreign.error().reason == "UNTRUSTED_OWNER");
  }
}

TEST_CASE("files and links of strangers are refused") {
  SKIP_UNLESS(::geteuid() == 0, "only root can give files away");
  const Directory directory;
  directory.make("sub");
  directory.write("a", "x");
  directory.write("sub/b", "x");
  directory.link("sub/b", "link");
  const SafeRoot root = root_of(directory);
  REQUIRE(::chown(directory.path("a").c_str(), 61002, 0) == 0);
  const Error error = error_of(root, "a");
  CHECK(error.reason == "UNTRUSTED_OWNER");
  CHECK(contains(error.message, "belongs to uid 61002"));
  CHECK(contains(error.message, "run `chown root " + directory.path("a") + "`"));
  REQUIRE(::chown(directory.path("a").c_str(), 65534, 0) == 0);
  CHECK(contains(error_of(root, "a").message, "security.path_checks: file_only"));
  CHECK(open_in(root, "link"));
  REQUIRE(::lchown(directory.path("link").c_str(), 61002, 0) == 0);
  CHECK(contains(error_of(root, "link").message, "`" + directory.path("link") + "` belongs to uid 61002"));
  TrustedOwners with_executable = this_user();
  with_executable.has_executable_owner = true, with_executable.executable_owner = 61002;
  CHECK(open_in(root, "link", nullptr, with_executable));
}

TEST_CASE("a hard link is a file like others") {
  const Directory directory;
  directory.write("a", "x");
  REQUIRE(::link(directory.path("a").c_str(), directory.path("b").c_str()) == 0);
  CHECK(open_in(root_of(directory), "b"));
}

TEST_CASE("without openat2 the same files are opened step by step") {
  const Directory directory;
  directory.write("a", "x");
  directory.link("a", "link");
  const SafeRoot root = root_of(directory);
  const UniqueFd plain = open_leaf(root.fd.get(), "a");
  REQUIRE(plain);
  CHECK(content(plain) == "x");
  CHECK_FALSE(open_leaf(root.fd.get(), "link"));
  CHECK_FALSE(open_resolved(root.fd.get(), "link", root.fd.get(), "link"));
  CHECK_FALSE(open_resolved(root.fd.get(), "../etc/passwd", root.fd.get(), "absent"));
  CHECK(open_resolved(root.fd.get(), "a", root.fd.get(), "a"));
}

TEST_CASE("a kernel or a filter without openat2 changes nothing") {
  const Directory directory;
  directory.make("root");
  directory.make("root/sub");
  directory.write("secret", "x");
  directory.write("root/sub/a", "x");
  directory.link("sub/a", "root/inside");
  directory.link("../secret", "root/outside");
  const SafeRoot root = root_of(directory, "root");
  for (const int err : {ENOSYS, EPERM}) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      sock_filter program[] = {
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(err)),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      };
      const sock_fprog filter{4, program};
      if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(77);
      const bool blocked = ::syscall(SYS_openat2, -1, "", nullptr, 0) == -1 && errno == err;
      const auto escaped = open_in(root, "outside");
      const bool good = blocked && open_in(root, "sub/a") && open_in(root, "inside") && !escaped && escaped.error().reason == "ESCAPES";
      ::_exit(good ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("a file without permission to read") {
  const Directory directory;
  directory.write("a", "x");
  directory.mode("a", 0000);
  const SafeRoot root = root_of(directory);
  if (::geteuid() != 0) {
    CHECK(error_of(root, "a").code == Code::permission_denied);
    return;
  }
  // Root reads everything, so it becomes somebody else, whom it still trusts.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setresgid(61001, 61001, 61001) != 0 || ::setresuid(61001, 61001, 61001) != 0) ::_exit(2);
    const auto opened = open_in(root, "a");
    ::_exit(!opened && opened.error().code == Code::permission_denied ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
