#include "sample.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <system_error>

#include "usage.hpp"

namespace sysmon {
namespace {

constexpr std::size_t max_file = 4U << 20U;      // /proc/stat of the largest machines has less
constexpr std::size_t max_cpu_text = 8U << 10U;  // the host cuts a line at 16 KiB
constexpr std::size_t max_disks = 40;            // the host takes 64 pairs

std::string percent(unsigned permille) { return std::to_string(permille / 10) + "." + std::to_string(permille % 10); }

std::string decimal(double value) {
  char out[32];
  const auto end = std::to_chars(out, out + sizeof out, value, std::chars_format::fixed, 2).ptr;
  return {out, end};
}

unsigned used_permille(std::uint64_t used, std::uint64_t total) {
  return total == 0 ? 0 : static_cast<unsigned>(static_cast<double>(used) / static_cast<double>(total) * 1000 + 0.5);
}

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

Sample make_sample(const Snapshot& before, const Snapshot& after) {
  Sample out;
  if (after.load) {
    const LoadAverage& l = *after.load;
    out.insert(out.end(), {{"load1", decimal(l.one)},
                           {"load5", decimal(l.five)},
                           {"load15", decimal(l.fifteen)},
                           {"running", std::to_string(l.running)},
                           {"tasks", std::to_string(l.tasks)}});
  }
  if (after.memory) {
    const Memory& m = *after.memory;
    out.insert(out.end(), {{"mem_total", std::to_string(m.total)},
                           {"mem_available", std::to_string(m.available)},
                           {"mem_used", percent(used_permille(m.total - m.available, m.total))},
                           {"swap_total", std::to_string(m.swap_total)},
                           {"swap_used", percent(used_permille(m.swap_total - m.swap_free, m.swap_total))}});
  }
  if (before.stat.total && after.stat.total) {
    if (const auto all = busy_permille(*before.stat.total, *after.stat.total)) out.emplace_back("cpu", percent(*all));
    out.emplace_back("cpu_count", std::to_string(after.stat.cpus.size()));
    std::string each;
    for (const CpuUse& use : cpu_use(before.stat.cpus, after.stat.cpus)) {
      std::string one = (each.empty() ? "" : " ") + std::to_string(use.index) + ":" + percent(use.permille);
      if (each.size() + one.size() > max_cpu_text) break;
      each += one;
    }
    if (!each.empty()) out.emplace_back("cpu_each", std::move(each));
  }
  std::size_t disks = 0;
  for (const DiskUse& d : disk_use(before.disks, after.disks, after.at - before.at)) {
    if (++disks > max_disks) continue;
    out.emplace_back("disk." + d.name, "reads=" + std::to_string(d.reads) + " writes=" + std::to_string(d.writes) +
                                           " read_bytes=" + std::to_string(d.read_bytes) +
                                           " write_bytes=" + std::to_string(d.written_bytes) + " busy=" + percent(d.busy_permille));
  }
  if (disks > max_disks) out.emplace_back("disks_omitted", std::to_string(disks - max_disks));
  return out;
}

}  // namespace sysmon
