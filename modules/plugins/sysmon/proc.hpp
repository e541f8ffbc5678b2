// What /proc says: texts of stat, meminfo, loadavg and diskstats (proc(5), Documentation/admin-guide/iostats.rst) as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sysmon {

/// Times of one CPU in clock ticks. Guest times are contained in user and nice.
struct CpuTimes {
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
};

struct Cpu {
  std::uint32_t index = 0;
  CpuTimes times;
};

struct Stat {
  std::optional<CpuTimes> total;
  std::vector<Cpu> cpus;  ///< those online, by index
};

/// Bytes.
struct Memory {
  std::uint64_t total = 0, available = 0, swap_total = 0, swap_free = 0;
};

struct LoadAverage {
  double one = 0, five = 0, fifteen = 0;
  std::uint64_t running = 0, tasks = 0;
};

/// Counters of one block device since it appeared. Sectors are 512 bytes, always.
struct Disk {
  std::string name;
  std::uint64_t reads = 0, read_sectors = 0, writes = 0, written_sectors = 0;
  std::uint64_t busy_ms = 0;  ///< time with any request in flight; 32 bits in the kernel
};

/// What could be read, and the first thing that could not ("line 3: ..."; empty = all was well).
template <class T>
struct Parsed {
  T value;
  std::string problem;
};

Parsed<Stat> parse_stat(std::string_view text);
/// Empty value if total or any measure of what is available is missing.
Parsed<std::optional<Memory>> parse_meminfo(std::string_view text);
Parsed<std::optional<LoadAverage>> parse_loadavg(std::string_view text);
/// Whole disks in the order given: partitions, loop and RAM devices, and devices never used are left out.
Parsed<std::vector<Disk>> parse_diskstats(std::string_view text);

}  // namespace sysmon
