// The file target: rotation, opening again, and everything that goes wrong with files.
#include <sys/resource.h>
#include <sys/stat.h>

#include "log_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

LogOptions rotating(const std::string& path, std::uint64_t max_size, std::uint32_t max_files) {
  LogOptions options = json_file(path);
  options.file.max_size = max_size;
  options.file.max_files = max_files;
  return options;
}

void log_lines(LogCore& core, int n, std::string_view text = "a line") {
  for (int i = 0; i < n; ++i) core.log(info, text);
}

/// The file size the kernel allows, while this lives: a disk that is full at an exact byte.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    set(bytes);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  void lift() { REQUIRE(setrlimit(RLIMIT_FSIZE, &before_) == 0); }
  void set(rlim_t bytes) {
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }

 private:
  rlimit before_{};
  IgnoredSignal ignored_{SIGXFSZ};
};

}  // namespace

TEST_CASE("log file: appends to what is there, and others may not read it") {
  TempDir dir;
  const mode_t umask_before = umask(0);
  {
    LogCore core;
    REQUIRE(core.open(json_file(dir / "log")));
    core.log(info, "one");
  }
  umask(umask_before);
  {
    LogCore core;
    REQUIRE(core.open(json_file(dir / "log")));
    core.log(info, "two");
  }
  CHECK(lines_of_file(dir / "log").size() == 2);
  struct stat status {};
  REQUIRE(stat((dir / "log").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0640);
}

TEST_CASE("log file: programs the daemon starts do not inherit it") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  int descriptors = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) != dir / "log") continue;
    ++descriptors;
    CHECK((fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(descriptors == 2);  // the file, and the one for crashes
}

TEST_CASE("log file: rotation by size keeps whole lines, and so many files") {
  TempDir dir;
  {
    LogCore core;
    REQUIRE(core.open(rotating(dir / "app.log", 1000, 3)));
    log_lines(core, 100);
  }
  std::uint64_t next = 100;
  for (const char* name : {"app.log", "app.1.log", "app.2.log", "app.3.log"}) {
    CAPTURE(name);
    const auto lines = lines_of_file(dir / name);
    REQUIRE_FALSE(lines.empty());
    CHECK(text_of(dir / name).size() <= 1000);
    CHECK(seq_of(lines.back()) == next);
    CHECK(seq_of(lines.front()) == next + 1 - lines.size());
    next -= lines.size();
  }
  CHECK_FALSE(std::filesystem::exists(dir / "app.4.log"));
}

TEST_CASE("log file: rotation without old files, and with a line larger than the limit") {
  TempDir dir;
  {
    LogCore core;
    REQUIRE(core.open(rotating(dir / "log", 500, 0)));
    log_lines(core, 20);
    core.log(info, std::string(2000, 'x'));
    core.log(info, "last");
  }
  const auto lines = lines_of_file(dir / "log");
  REQUIRE(lines.size() == 1);
  CHECK(contains(lines[0], "last"));
  CHECK_FALSE(std::filesystem::exists(dir / "log.1"));
}

TEST_CASE("log file: a file already over the limit rotates with the first line") {
  TempDir dir;
  std::ofstream(dir / "log") << std::string(999, 'o') << '\n';
  {
    LogCore core;
    REQUIRE(core.open(rotating(dir / "log", 500, 2)));
    core.log(info, "new");
  }
  CHECK(text_of(dir / "log.1").size() == 1000);
  CHECK(lines_of_file(dir / "log").size() == 1);
}

TEST_CASE("log file: opened again after logrotate moved it, nothing is lost") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  log_lines(core, 10);
  REQUIRE(rename((dir / "log").c_str(), (dir / "log.1").c_str()) == 0);
  log_lines(core, 10);
  REQUIRE(core.reopen());
  log_lines(core, 10);
  core.flush();
  const auto old_lines = lines_of_file(dir / "log.1"), new_lines = lines_of_file(dir / "log");
  REQUIRE(old_lines.size() == 20);
  REQUIRE(new_lines.size() == 10);
  CHECK(seq_of(old_lines.back()) == 20);
  CHECK(seq_of(new_lines.front()) == 21);
}

TEST_CASE("log file: truncated by somebody else (copytruncate)") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(rotating(dir / "log", 2000, 1)));
  log_lines(core, 15);
  core.flush();
  REQUIRE(truncate((dir / "log").c_str(), 0) == 0);
  log_lines(core, 5);
  core.flush();
  const std::string text = text_of(dir / "log");
  CHECK(text[0] == '{');  // no hole before it
  CHECK(lines_of(text).size() == 5);
}

TEST_CASE("log file: opening again fails, the old one stays and says so") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  log_lines(core, 3);
  REQUIRE(rename((dir / "log").c_str(), (dir / "moved").c_str()) == 0);
  REQUIRE(mkdir((dir / "log").c_str(), 0700) == 0);
  const auto reopened = core.reopen();
  REQUIRE_FALSE(reopened);
  CHECK(reopened.error().sys_errno == EISDIR);
  log_lines(core, 3);
  core.flush();
  auto lines = lines_of_file(dir / "moved");
  REQUIRE(lines.size() == 7);
  CHECK(contains(lines[3], R"("level":"error")"));
  CHECK(contains(lines[3], "Is a directory; the log goes on in the file that was open"));
  REQUIRE(rmdir((dir / "log").c_str()) == 0);
  REQUIRE(core.reopen());
  log_lines(core, 1);
  core.flush();
  CHECK(seq_of(lines_of_file(dir / "log").at(0)) == 8);
}

TEST_CASE("log file: what cannot be a log file is refused at once") {
  TempDir dir;
  LogCore core;
  CHECK(contains(core.open(json_file(dir.path().string())).error().message, "Is a directory"));
  CHECK(contains(core.open(json_file(dir / "missing/log")).error().message, "No such file or directory"));
  CHECK(contains(core.open(json_file("")).error().message, "No such file or directory"));
  CHECK_FALSE(core.open(json_file(dir / std::string(300, 'x'))));
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(core.open(json_file(dir / "fifo")));  // without a reader
  const int reader = open((dir / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  CHECK(contains(core.open(json_file(dir / "fifo")).error().message, "neither a file nor a device"));
  close(reader);
  const std::string hostile = dir / "a\nb/log";
  CHECK(contains(core.open(json_file(hostile)).error().message, R"(a\nb/log)"));
  CHECK(core.open(json_file("/dev/null")));
}

TEST_CASE("log file: a directory that cannot be written") {
  TempDir dir;
  const Unprivileged user(dir);
  REQUIRE(chmod(dir.path().c_str(), 0500) == 0);
  LogCore core;
  const auto opened = core.open(json_file(dir / "log"));
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::permission_denied);
}

TEST_CASE("log file: rotation in a directory that cannot be written: the file grows, keeps everything, says so once") {
  TempDir dir;
  const Unprivileged user(dir);
  LogCore core;
  REQUIRE(core.open(rotating(dir / "log", 1000, 2)));
  REQUIRE(chmod(dir.path().c_str(), 0500) == 0);
  log_lines(core, 50);
  core.tick(1'000'000'000);
  log_lines(core, 50);
  core.tick(2'000'000'000);
  auto lines = lines_of_file(dir / "log");
  CHECK(lines.size() == 101);
  for (std::size_t i = 0; i < lines.size(); ++i) REQUIRE(seq_of(lines[i]) == i + 1);
  CHECK(count_containing(lines, "cannot be rotated: Permission denied; it grows beyond its limit") == 1);
  CHECK_FALSE(std::filesystem::exists(dir / "log.1"));

  REQUIRE(chmod(dir.path().c_str(), 0700) == 0);
  log_lines(core, 1);
  core.flush();
  CHECK(lines_of_file(dir / "log.1").size() == 101);
  CHECK(count_containing(lines_of_file(dir / "log"), "is rotated again") == 1);
}

TEST_CASE("log file: rotation onto something that cannot be replaced") {
  TempDir dir;
  REQUIRE(mkdir((dir / "log.1").c_str(), 0700) == 0);
  LogCore core;
  REQUIRE(core.open(rotating(dir / "log", 500, 1)));
  log_lines(core, 50);
  core.flush();
  const auto lines = lines_of_file(dir / "log");
  CHECK(lines.size() == 51);
  CHECK(count_containing(lines, "cannot be rotated: Is a directory") == 1);
}

TEST_CASE("log file: the file was removed: rotation makes a new one") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(rotating(dir / "log", 500, 1)));
  log_lines(core, 3);
  REQUIRE(unlink((dir / "log").c_str()) == 0);
  log_lines(core, 5);
  core.flush();
  CHECK_FALSE(lines_of_file(dir / "log").empty());
}

TEST_CASE("log file: a full device: never a crash, said once on standard error, counted") {
  CapturedStderr captured;
  {
    LogCore core;
    REQUIRE(core.open(json_file("/dev/full")));
    std::vector<std::string> seen;
    const auto handle = core.add_receiver([&seen](const LogRecordView& record) { seen.emplace_back(record.message); });
    for (int i = 0; i < 2000; ++i) core.log(i % 10 == 0 ? warn : info, "a line");
    for (int i = 1; i < 4; ++i) core.tick(i * 1'000'000'000LL);
    CHECK_FALSE(core.reopen().operator bool() == false);
    CHECK(seen.size() == 2001);
    CHECK(count_containing(seen, "the log file `/dev/full` cannot be written: No space left on device") == 1);
    core.remove_receiver(handle);
    TempDir dir;
    REQUIRE(core.open(json_file(dir / "log")));  // the operator gives it another file
    core.flush();
    const auto lines = lines_of_file(dir / "log");
    CHECK(contains(lines.at(0), "`/dev/full` was given up while it could not be written; 2001 lines were lost (between seq 1 and 2001)"));
  }
  const auto lines = captured.lines();
  REQUIRE(lines.size() == 1);
  CHECK(contains(lines[0], "ERROR host: the log file `/dev/full` cannot be written: No space left on device"));
}

TEST_CASE("log file: a disk that fills in the middle of a line and recovers: every line whole, none twice, losses named") {
  TempDir dir;
  CapturedStderr captured;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  {
    FileSizeLimit limit(1000);
    log_lines(core, 20);
    core.tick(1'000'000'000);
    CHECK(text_of(dir / "log").size() == 1000);  // torn for now
    core.tick(2'000'000'000);
    SUBCASE("before the buffer is full nothing is lost") {
      limit.set(1033);
      core.tick(3'000'000'000);
      limit.lift();
      core.tick(4'000'000'000);
      const auto lines = lines_of_file(dir / "log");
      REQUIRE(lines.size() == 22);
      for (std::size_t i = 0; i < lines.size(); ++i) CHECK(seq_of(lines[i]) == i + 1);
      CHECK(count_containing(lines, "can be written again; nothing was lost") == 1);
    }
    SUBCASE("then lines are lost, and the seq shows which") {
      log_lines(core, 2000);
      limit.lift();
      core.tick(3'000'000'000);
      log_lines(core, 1, "after");
      core.flush();
      const auto lines = lines_of_file(dir / "log");
      REQUIRE(count_containing(lines, "can be written again; ") == 1);
      std::uint64_t missing = 0, first_missing = 0, last_missing = 0;
      for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::uint64_t before = seq_of(lines[i - 1]), now = seq_of(lines[i]);
        REQUIRE(now > before);
        if (now == before + 1) continue;
        if (first_missing == 0) first_missing = before + 1;
        last_missing = now - 1;
        missing += now - before - 1;
      }
      CHECK(missing > 1000);
      CHECK(count_containing(lines, std::to_string(missing) + " lines were lost (between seq " + std::to_string(first_missing) + " and " +
                                        std::to_string(last_missing) + ")") == 1);
      CHECK(contains(lines.back(), "after"));
    }
  }
}

TEST_CASE("log file: a reload while the disk is full loses nothing that was kept, and takes the new level") {
  TempDir dir;
  const std::string path = dir / "log";
  LogCore core;
  REQUIRE(core.open(json_file(path)));
  log_lines(core, 10);
  core.flush();
  {
    FileSizeLimit full(std::filesystem::file_size(path));
    log_lines(core, 5, "kept");
    const CapturedStderr ignored;
    LogOptions again = json_file(path);
    again.level = debug;
    REQUIRE(core.open(again));
    core.log(debug, "kept");
    full.lift();
    core.tick(1);
  }
  core.flush();
  const std::vector<std::string> lines = lines_of_file(path);
  CHECK(count_containing(lines, "\"kept\"") == 6);
  CHECK(count_containing(lines, "were lost") == 0);
}

TEST_CASE("log file: opened again elsewhere, what was kept goes there") {
  TempDir dir;
  CapturedStderr captured;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  {
    FileSizeLimit limit(0);
    log_lines(core, 20);
    core.tick(1'000'000'000);
    REQUIRE(rename((dir / "log").c_str(), (dir / "full").c_str()) == 0);
    REQUIRE(core.reopen());
  }
  core.flush();
  const auto lines = lines_of_file(dir / "log");
  CHECK(lines.size() == 22);
  CHECK(text_of(dir / "full").empty());
}
