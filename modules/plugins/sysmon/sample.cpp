#include "sample.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sysmon {
namespace {

constexpr std::size_t max_file = 4U << 20U;  // /proc/stat of the largest machines has less
constexpr std::size_t max_disks = 40;        // the host takes 64 pairs

}  // namespace

bool Reader::file(const char* name, std::string& text) {
  // Not blocking: below a proc_root of tests or containers there may be anything.
  const int fd = ::open((proc_root_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  text.clear();
  int error = fd < 0 ? errno : 0;
  while (error == 0 && text.size() <= max_file) {
    const std::size_t had = text.size();
    text.resize(had + (16U << 10U));
    const ssize_t n = ::read(fd, text.data() + had, text.size() - had);
    text.resize(had + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n == 0) break;
    if (n < 0 && errno != EINTR) error = errno;
  }
  if (fd >= 0) ::close(fd);
  if (error == 0 && text.size() > max_file) error = EFBIG;
  if (error != 0) report(name, std::generic_category().message(error));
  return error == 0;
}

void Reader::report(const char* name, const std::string& problem) {
  bool& bad = bad_[name];
  if (!problem.empty() && !bad) warn_(proc_root_ + "/" + name, problem);
  bad = !problem.empty();
}

Snapshot Reader::read() {
  Snapshot s;
  std::string text;
  s.at = std::chrono::steady_clock::now();
  const auto section = [&](const char* name, auto parse, auto& out) {
    if (!file(name, text)) return;
    auto parsed = parse(text);
    report(name, parsed.problem);
    out = std::move(parsed.value);
    ++s.files_read;
  };
  section("stat", parse_stat, s.stat);
  section("meminfo", parse_meminfo, s.memory);
  section("loadavg", parse_loadavg, s.load);
  section("diskstats", parse_diskstats, s.disks);
  return s;
}

Use use_between(const Snapshot& before, const Snapshot& after) {
  Use use;
  use.load = after.load;
  use.memory = after.memory;
  if (before.stat.total && after.stat.total) {
    use.cpu_permille = busy_permille(*before.stat.total, *after.stat.total);
    use.cpu_count = after.stat.cpus.size();
    use.cpus = cpu_use(before.stat.cpus, after.stat.cpus);
  }
  use.disks = disk_use(before.disks, after.disks, after.at - before.at);
  if (use.disks.size() > max_disks) {
    use.disks_omitted = use.disks.size() - max_disks;
    use.disks.erase(use.disks.begin() + max_disks, use.disks.end());
  }
  return use;
}

}  // namespace sysmon
