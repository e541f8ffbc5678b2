// Standard error as target: terminals aside, what a daemon really has there, and readers that go away.
#include <sys/socket.h>

#include <array>

#include "log_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

struct Pipe {
  std::array<int, 2> fd{-1, -1};
  Pipe() { REQUIRE(pipe2(fd.data(), O_CLOEXEC) == 0); }
  ~Pipe() {
    for (int f : fd)
      if (f >= 0) close(f);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_reader() { close(std::exchange(fd[0], -1)); }
  /// All that is there now.
  std::string read_all() const {
    std::string out;
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    std::array<char, 65536> part{};
    for (ssize_t n = 0; (n = read(fd[0], part.data(), part.size())) > 0;) out.append(part.data(), static_cast<std::size_t>(n));
    return out;
  }
};

LogOptions to_stderr() {
  LogOptions options;
  options.rate = 0;
  return options;
}

}  // namespace

TEST_CASE("log stderr: each line at once, with journal priorities on request") {
  CapturedStderr captured;
  LogCore core;
  LogOptions options = to_stderr();
  REQUIRE(core.open(options));
  core.log(info, "one");
  CHECK(captured.lines().size() == 1);
  CHECK(captured.lines()[0].substr(23) == "Z INFO  host: one");
  options.journal_prefix = true;
  REQUIRE(core.open(options));
  core.log(error, "two\nlines");
  const auto lines = captured.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].substr(0, 3) == "<3>");
  CHECK(contains(lines[1], R"(ERROR host: two\nlines)"));
  CHECK(core.reopen());
}

TEST_CASE("log stderr: one write per line") {
  // A datagram socket keeps the borders of writes.
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0);
  {
    const StderrIs replaced(pair[1]);
    LogCore core;
    REQUIRE(core.open(to_stderr()));
    core.log(info, "one", {{"a", "b"}});
    core.log(info, "two");
  }
  std::array<char, 1000> data{};
  for (const char* expected : {"host: one a=b\n", "host: two\n"}) {
    const ssize_t n = recv(pair[0], data.data(), data.size(), MSG_DONTWAIT);
    REQUIRE(n > 0);
    CHECK(contains(std::string_view(data.data(), static_cast<std::size_t>(n)), expected));
  }
  close(pair[0]);
  close(pair[1]);
}

TEST_CASE("log stderr: it is closed") {
  LogCore core;
  {
    const StderrIs closed(-1);
    REQUIRE(core.open(to_stderr()));
    for (int i = 0; i < 100; ++i) core.log(warn, "nobody");
    core.tick(1'000'000'000);
    CHECK(core.crash_fd() == 2);
  }
  TempDir dir;
  REQUIRE(core.open(json_file(dir / "log")));
  core.flush();
  CHECK(contains(lines_of_file(dir / "log").at(0), "101 lines were lost (between seq 1 and 101)"));
}

TEST_CASE("log stderr: closed after the log was opened, and the number used by somebody else") {
  CapturedStderr captured;
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(to_stderr()));
  {
    const int database = open((dir / "database").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const StderrIs replaced(database);
    core.log(info, "not into the database");
    close(database);
  }
  CHECK(text_of(dir / "database").empty());
  CHECK(captured.lines().size() == 1);
}

TEST_CASE("log stderr: the reader of a pipe goes away, no signal, no crash") {
  Pipe pipe;
  LogCore core;
  {
    const StderrIs replaced(pipe.fd[1]);
    REQUIRE(core.open(to_stderr()));
    core.log(info, "read");
    CHECK(lines_of(pipe.read_all()).size() == 1);
    pipe.close_reader();
    for (int i = 0; i < 100; ++i) core.log(error, "unread");  // SIGPIPE is not ignored here
    core.tick(1);
  }
}

TEST_CASE("log stderr: a socket whose other end is closed") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  {
    const StderrIs replaced(pair[1]);
    LogCore core;
    REQUIRE(core.open(to_stderr()));
    core.log(info, "read");
    close(pair[0]);
    for (int i = 0; i < 100; ++i) core.log(error, "unread");
  }
  close(pair[1]);
}

TEST_CASE("log stderr: a reader that stopped reading does not stop the daemon, and finds whole lines when it goes on") {
  Pipe pipe;
  int socket[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket) == 0);
  int write_end = pipe.fd[1];
  SUBCASE("pipe, blocking") {}
  SUBCASE("pipe, non-blocking") { fcntl(write_end, F_SETFL, O_NONBLOCK); }
  SUBCASE("socket: the journal") {
    dup2(socket[0], pipe.fd[0]);
    write_end = socket[1];
  }
  LogCore core;
  {
    const StderrIs replaced(write_end);
    LogOptions options = to_stderr();
    options.format = LogOptions::Format::json;
    REQUIRE(core.open(options));
  }
  const std::string text(3000, 'x');
  for (int i = 0; i < 1000; ++i) core.log(info, text);  // waits once, not a thousand times
  std::string got;
  for (int i = 0; i < 3; ++i) {
    got += pipe.read_all();
    core.tick(i * 1'000'000'000LL);
  }
  core.log(info, "after");
  got += pipe.read_all();
  const auto lines = lines_of(got);
  std::uint64_t missing = 0, last = 0;
  for (const std::string& line : lines) {
    REQUIRE(line.front() == '{');
    REQUIRE(line.back() == '}');
    REQUIRE(seq_of(line) > last);
    missing += seq_of(line) - last - 1;
    last = seq_of(line);
  }
  CHECK(count_containing(lines, "after") == 1);
  CHECK(missing > 500);
  CHECK(count_containing(lines, "standard error can be written again; " + std::to_string(missing) + " lines were lost") == 1);
  close(socket[0]);
  close(socket[1]);
}

TEST_CASE("log stderr: a line larger than a pipe takes at once") {
  Pipe pipe;
  fcntl(pipe.fd[1], F_SETPIPE_SZ, 4096);
  const StderrIs replaced(pipe.fd[1]);
  LogCore core;
  REQUIRE(core.open(to_stderr()));
  core.log(info, std::string(10000, 'x'));  // returns, though nobody reads
  std::string got = pipe.read_all();
  CHECK(got.size() == 4096);
  for (int i = 0; i < 3; ++i) {
    core.tick(i);
    got += pipe.read_all();
  }
  CHECK(count_containing(lines_of(got), std::string(10000, 'x')) == 1);
}
