#include "usage.hpp"

#include <algorithm>
#include <unordered_map>

namespace sysmon {
namespace {

std::uint64_t risen(std::uint64_t before, std::uint64_t after) { return after > before ? after - before : 0; }

/// The difference of a counter; `fell` counts those that were smaller than before.
std::uint64_t difference(std::uint64_t before, std::uint64_t after, int& fell, bool& impossible) {
  if (after >= before) return after - before;
  ++fell;
  constexpr std::uint64_t half = std::uint64_t{1} << 31U;
  const std::uint64_t wrapped = (std::uint64_t{1} << 32U) - before + after;
  if (before >= 2 * half || wrapped >= half) impossible = true;
  return wrapped;
}

unsigned permille(double part, double whole) {
  return whole <= 0 ? 0 : static_cast<unsigned>(std::clamp(part / whole * 1000 + 0.5, 0.0, 1000.0));
}

}  // namespace

std::optional<unsigned> busy_permille(const CpuTimes& before, const CpuTimes& after) {
  std::uint64_t busy = 0;
  for (auto field : {&CpuTimes::user, &CpuTimes::nice, &CpuTimes::system, &CpuTimes::irq, &CpuTimes::softirq, &CpuTimes::steal})
    busy += risen(before.*field, after.*field);
  const std::uint64_t idle = risen(before.idle, after.idle) + risen(before.iowait, after.iowait);
  const double all = static_cast<double>(busy) + static_cast<double>(idle);
  if (all <= 0) return std::nullopt;
  return permille(static_cast<double>(busy), all);
}

std::vector<CpuUse> cpu_use(const std::vector<Cpu>& before, const std::vector<Cpu>& after) {
  std::vector<CpuUse> out;
  auto old = before.begin();
  for (const Cpu& cpu : after) {  // both are sorted by index
    while (old != before.end() && old->index < cpu.index) ++old;
    if (old == before.end() || old->index != cpu.index) continue;
    if (const auto use = busy_permille(old->times, cpu.times)) out.push_back({cpu.index, *use});
  }
  return out;
}

std::vector<DiskUse> disk_use(const std::vector<Disk>& before, const std::vector<Disk>& after, std::chrono::nanoseconds elapsed) {
  std::unordered_map<std::string_view, const Disk*> old;
  for (const Disk& d : before) old.emplace(d.name, &d);
  std::vector<DiskUse> out;
  for (const Disk& d : after) {
    const auto found = old.find(d.name);
    if (found == old.end()) continue;
    const Disk& b = *found->second;
    int fell = 0;
    bool impossible = false;
    const auto delta = [&](std::uint64_t Disk::*field) { return difference(b.*field, d.*field, fell, impossible); };
    const std::uint64_t reads = delta(&Disk::reads), writes = delta(&Disk::writes), read_sectors = delta(&Disk::read_sectors),
                        written_sectors = delta(&Disk::written_sectors), busy_ms = delta(&Disk::busy_ms);
    constexpr std::uint64_t most = UINT64_MAX / 512;
    if (fell > 1 || impossible || read_sectors > most || written_sectors > most) continue;
    const double milliseconds = std::chrono::duration<double, std::milli>(elapsed).count();
    out.push_back({d.name, reads, writes, read_sectors * 512, written_sectors * 512, permille(static_cast<double>(busy_ms), milliseconds)});
  }
  return out;
}

}  // namespace sysmon
