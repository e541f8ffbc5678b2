// What happened between two looks at /proc.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "proc.hpp"

namespace sysmon {

/// Share of the time a CPU was not idle, in permille, 0..1000. Counters that fell (idle and iowait do, and CPUs come back from hot-plug) count
/// as no change; nullopt if no time passed at all.
std::optional<unsigned> busy_permille(const CpuTimes& before, const CpuTimes& after);

struct CpuUse {
  std::uint32_t index;
  unsigned permille;
};

/// CPUs present in both; those that appeared get their first value next time, those that vanished none.
std::vector<CpuUse> cpu_use(const std::vector<Cpu>& before, const std::vector<Cpu>& after);

struct DiskUse {
  std::string name;
  std::uint64_t reads, writes, read_bytes, written_bytes;
  unsigned busy_permille;
};

/// Disks present in both, in the order of `after`. One counter that fell across the 32-bit boundary has wrapped; anything else that fell means
/// that the device was replaced under its name: it gets its next value next time.
std::vector<DiskUse> disk_use(const std::vector<Disk>& before, const std::vector<Disk>& after, std::chrono::nanoseconds elapsed);

}  // namespace sysmon
