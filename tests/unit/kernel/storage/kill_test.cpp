// kill -9 while it writes: what was acknowledged is there, nothing is half there, and the next life goes on from it.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

constexpr int default_kills = 200;
constexpr int writers = 3;

int kills() {
  const char* const wanted = std::getenv("TENON_STORAGE_KILLS");
  return wanted != nullptr ? std::max(1, std::atoi(wanted)) : default_kills;
}

/// A life of kill_writer; returns what it printed. Killed when it has printed so many lines and a bit more time has passed.
std::string write_until_killed(const std::string& directory, int lines, int microseconds) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl(TENON_KILL_WRITER, "kill_writer", directory.c_str(), std::to_string(writers).c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string out;
  char buffer[4096];
  bool killed = false;
  for (;;) {
    const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
    if (n <= 0) break;
    out.append(buffer, static_cast<std::size_t>(n));
    if (killed || std::count(out.begin(), out.end(), '\n') < lines) continue;
    if (microseconds > 0) ::usleep(static_cast<useconds_t>(microseconds));  // not to wait for anything: to hit another moment
    ::kill(child, SIGKILL);
    killed = true;
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK_MESSAGE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "it ended by itself: ", status);
  return out;
}

}  // namespace

TEST_CASE("kill: whenever the process is killed, what was acknowledged is there and nothing is half there") {
  StoreDir dir;
  std::mt19937_64 random(20'260'102);
  std::map<int, int> acknowledged;
  for (int life = 0; life < kills(); ++life) {
    const std::string out = write_until_killed(dir.path(), 1 + static_cast<int>(random() % 60), static_cast<int>(random() % 1500));
    for (std::size_t at = 0; at < out.size(); at = out.find('\n', at) + 1)
      acknowledged[std::stoi(out.substr(at))] = std::stoi(out.substr(out.find('.', at) + 1));
    // Looked at by another reader than the one that goes on: this one leaves by closing well, every other time.
    if (life % 2 != 0) continue;
    Store store(dir.sqlite());
    const NamespaceId ns = store.define("pairs");
    CHECK(state_all(store, ns) == scan_all(*store.storage, ns));
    for (int t = 0; t < writers; ++t) {
      const std::string counted = value_in(store, ns, "count." + std::to_string(t));
      const int count = counted.starts_with("<") ? 0 : std::stoi(counted);
      CHECK_MESSAGE(count >= acknowledged[t], "thread ", t, " in life ", life);
      for (int i = std::max(1, count - 25); i <= count + 2; ++i) {
        const std::string id = std::to_string(t) + "." + std::to_string(i);
        const std::string a = value_in(store, ns, "a." + id);
        CHECK(a == value_in(store, ns, "b." + id));
        CHECK((a != "<NOT_FOUND>") == (i <= count && i > count - 20));
      }
    }
    store.close();
  }
  CHECK(acknowledged.size() == writers);
}
