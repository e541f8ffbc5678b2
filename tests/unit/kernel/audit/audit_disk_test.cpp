// The audit log on a disk that refuses: what is said to be durable is, what is not is told.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;
using tenon::test::read_file;
namespace fs = std::filesystem;

namespace {

/// What the disk has been asked for, and what it refuses.
struct Disk {
  std::mutex mutex;
  std::vector<ino_t> synced;              ///< by fdatasync
  std::atomic<int> note_failures{0};      ///< so many fsync fail
  ino_t refused = 0;                      ///< the next fdatasync of this file fails
  std::atomic<bool> appends_only{false};  ///< nothing that was written can be taken back

  bool has_synced(ino_t file) {
    const std::lock_guard lock(mutex);
    return std::find(synced.begin(), synced.end(), file) != synced.end();
  }
};
Disk disk;

/// A disk that is full when a file has this size.
class LargestFile {
 public:
  explicit LargestFile(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~LargestFile() { CHECK(::setrlimit(RLIMIT_FSIZE, &before_) == 0); }
  LargestFile(const LargestFile&) = delete;
  LargestFile& operator=(const LargestFile&) = delete;

 private:
  rlimit before_{};
};

ino_t inode_of(const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_ino;
}

}  // namespace

// In place of the C library's, for the whole test program.
extern "C" int fdatasync(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return -1;
  {
    const std::lock_guard lock(disk.mutex);
    disk.synced.push_back(st.st_ino);
    if (std::exchange(disk.refused, disk.refused == st.st_ino ? 0 : disk.refused) == st.st_ino) {
      errno = EIO;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int fsync(int fd) {
  if (disk.note_failures == 0) return static_cast<int>(::syscall(SYS_fsync, fd));
  --disk.note_failures;
  errno = EIO;
  return -1;
}

extern "C" int ftruncate(int fd, off_t size) noexcept {
  if (!disk.appends_only) return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
  errno = EPERM;
  return -1;
}

TEST_CASE("audit: a note is on the disk before it takes the place of the one before") {
  const AuditFile f;
  const auto log = f.open();
  log->record(event("a"));
  log->flush();
  log->record(event("b"));
  disk.note_failures = 1;
  log->flush();
  CHECK(disk.note_failures == 0);
  CHECK(read_file(f.path + ".head").starts_with("1 "));
  CHECK(f.verify().ok());
  log->flush();
  CHECK(read_file(f.path + ".head").starts_with("2 "));
  CHECK(::access((f.path + ".head.synced").c_str(), F_OK) != 0);
}

TEST_CASE("audit: several torn lines are one tear, whether the record that should tell of the first is torn by a crash or by the disk") {
  const AuditFile whole;
  whole.write(3);
  const std::string text = whole.text();
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  for (const std::string& torn :
       {text.substr(last, 100) + "\n" + text.substr(last, 30), text.substr(last, 5) + "\n", std::string("\n\n{"),
        text.substr(last, 7) + "\n" + std::string(50, '\0') + "\n" + text.substr(last, 1), std::string(20, '\0') + "\n"}) {
    const AuditFile f;
    f.dir.write("audit.log", text.substr(0, last) + torn, 0600);
    CHECK_FALSE(f.verify().ok());
    f.write(1);
    const AuditReport report = f.verify();
    CHECK_MESSAGE(report.ok(), report.findings[0].what);
    CHECK(report.records == 4);
    CHECK(f.text().find(R"("meta":{"bytes":")" + std::to_string(torn.size()) + "\"}") != std::string::npos);
  }
  // Not what a tear leaves.
  for (const std::string& other : {std::string("a remark\n"), text.substr(last + 1)}) {
    const AuditFile f;
    f.dir.write("audit.log", text.substr(0, last) + other, 0600);
    AuditOptions options;
    options.writer = AuditWriter::file;
    options.path = f.path;
    const auto refused = AuditLog::open(std::move(options));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == "AUDIT_CHANGED");
  }

  for (const bool unended : {false, true}) {
    const AuditFile f;
    f.write(1);
    if (unended) f.dir.write("audit.log", f.text().substr(0, f.text().size() - 1), 0600);
    const auto log = f.open();
    disk.appends_only = true;
    for (const rlim_t room : {rlim_t{40}, rlim_t{1}, rlim_t{60}}) {
      const rlim_t full = f.text().size() + room;
      const LargestFile limit(full);
      log->record(event("lost"));
      CHECK(f.text().size() == full);
    }
    disk.appends_only = false;
    log->record(event("kept"));
    CHECK(log->lost() == 3);
    const AuditReport report = f.verify();
    CHECK_MESSAGE(report.ok(), report.findings[0].what);
    CHECK(report.records == 4);
    CHECK(f.text().find(R"("meta":{"bytes":")" + std::to_string(unended ? 100 : 101) + "\"}") != std::string::npos);
  }
}

TEST_CASE("audit: a disk without room loses records, says how many, and goes on") {
  const AuditFile f;
  f.write(1);
  const auto size = static_cast<rlim_t>(f.text().size());
  const auto log = f.open();
  for (rlim_t room : {rlim_t{0}, rlim_t{1}, rlim_t{100}}) {
    const LargestFile limit(size + room);
    log->record(event("lost"));
    CHECK(f.text().size() == size);  // what fitted was taken back
  }
  CHECK(log->lost() == 3);
  log->record(event("kept"));
  log->tick();
  const AuditReport report = f.verify();
  CHECK(report.ok());
  CHECK(report.records == 3);
  CHECK(f.lines()[1].find(R"("type":"audit.lost")") != std::string::npos);
  CHECK(f.lines()[1].find(R"("records":"3")") != std::string::npos);
}

TEST_CASE("audit: losses are told outside the file while they last, at most each minute, and their end, though nobody records anything") {
  const AuditFile f;
  f.write(1);
  const auto size = static_cast<rlim_t>(f.text().size());
  std::int64_t now = 1'790'000'000'000'000'000;
  std::vector<std::string> told;
  AuditOptions options;
  options.writer = AuditWriter::file;
  options.path = f.path;
  options.clock = [&now] { return now; };
  options.console = [&](const AuditEvent& e) {
    CHECK(e.target == f.path);
    std::string line = std::string(e.level) + " " + std::string(e.type);
    for (const auto& [key, value] : e.meta) line.append(" ").append(key).append("=").append(value);
    told.push_back(line);
  };
  auto opened = AuditLog::open(std::move(options));
  REQUIRE(opened);
  AuditLog& log = **opened;
  const auto heard = [&] { return std::exchange(told, {}); };
  using Lines = std::vector<std::string>;
  {
    const LargestFile limit(size);
    log.record(event("a"));
    log.record(event("b"));
    log.tick();
    CHECK(heard() == Lines{"error audit.lost records=2 in_all=2 error=File too large"});
    log.record(event("c"));
    log.tick();
    now += 59'000'000'000;
    log.tick();
    CHECK(heard().empty());
    now += 1'000'000'000;
    log.tick();
    CHECK(heard() == Lines{"error audit.lost records=1 in_all=3 error=File too large"});
    log.record(event("d"));
    log.tick();
    CHECK(heard().empty());
  }
  log.tick();
  CHECK(heard() == Lines{"error audit.lost records=1 in_all=4 error=File too large", "info audit.written_again lost_in_all=4"});
  log.tick();
  CHECK(heard().empty());
  CHECK(f.verify().ok());
  REQUIRE(f.lines().size() == 2);
  CHECK(f.lines()[1].find(R"("records":"4")") != std::string::npos);
  // At the end of the process, too.
  {
    const LargestFile limit(static_cast<rlim_t>(f.text().size()));
    log.record(event("e"));
    log.flush();
    CHECK(heard() == Lines{"error audit.lost records=1 in_all=5 error=File too large"});
    log.record(event("f"));
    log.tick();
    CHECK(heard().empty());
    log.flush();
    CHECK(heard() == Lines{"error audit.lost records=1 in_all=6 error=File too large"});
  }
}

TEST_CASE("audit: what was written before a file was rotated is made durable there") {
  const AuditFile f;
  const auto log = f.open();
  log->record(event("a"));
  const std::string old = f.path + ".1";
  fs::rename(f.path, old);
  disk.synced.clear();
  log->flush();
  CHECK(disk.has_synced(inode_of(old)));
  CHECK(disk.has_synced(inode_of(f.path)));
  disk.synced.clear();
  log->record(event("b"));
  log->flush();
  CHECK_FALSE(disk.has_synced(inode_of(old)));
  CHECK(f.verify().ok());
}

TEST_CASE("audit: what the disk has refused to keep is told once, and never noted as written") {
  const AuditFile f;
  const auto log = f.open();
  const auto head = [&f] { return read_file(f.path + ".head"); };
  const auto told = [&f] {
    const auto lines = f.lines();
    return std::count_if(lines.begin(), lines.end(),
                         [](const auto& l) { return l.find(R"("type":"audit.unsynced")") != std::string::npos; });
  };
  log->record(event("a"));
  log->flush();
  CHECK(head().starts_with("1 "));
  log->record(event("b"));
  log->record(event("c"));
  disk.refused = inode_of(f.path);
  log->flush();
  CHECK(log->lost() == 2);
  CHECK(told() == 1);
  CHECK(f.lines().back().find(R"("meta":{"records":"2","error":"Input/output error"})") != std::string::npos);
  log->flush();
  log->record(event("d"));
  log->flush();
  CHECK(log->lost() == 2);
  CHECK(head().starts_with("1 "));  // nothing behind the records that may be gone
  log->record(event("e"));
  disk.refused = inode_of(f.path);
  log->flush();
  CHECK(log->lost() == 3);
  CHECK(told() == 1);
  CHECK(f.verify().ok());
  // In another file all is well again.
  log->record(event("f"));
  const std::string old = f.path + ".1";
  fs::rename(f.path, old);
  log->flush();
  CHECK(head().starts_with("8 "));
  // Refused when it is not at its place any more: told in the next one, which can be trusted.
  log->record(event("g"));
  disk.refused = inode_of(f.path);
  fs::rename(f.path, old);
  log->flush();
  CHECK(log->lost() == 4);
  CHECK(told() == 1);
  log->flush();
  CHECK(head().starts_with("11 "));
  CHECK(f.verify().ok());
}
