// One look at /proc, what happened since the look before, and how that is told: as a log line and as JSON.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proc.hpp"
#include "usage.hpp"

namespace sysmon {

/// A snapshot; sections whose file could not be read are empty.
struct Snapshot {
  std::chrono::steady_clock::time_point at;
  Stat stat;
  std::optional<Memory> memory;
  std::optional<LoadAverage> load;
  std::vector<Disk> disks;
  int files_read = 0;
};

/// Reads the four files below `proc_root`. A file that is missing or malformed is reported once, and again only after it was well in between.
class Reader {
 public:
  /// Called with the file's path and what is wrong with it.
  using Warn = std::function<void(const std::string& path, const std::string& problem)>;
  Reader(std::string proc_root, Warn warn) : proc_root_(std::move(proc_root)), warn_(std::move(warn)) {}
  Snapshot read();

 private:
  bool file(const char* name, std::string& text);
  void report(const char* name, const std::string& problem);

  std::string proc_root_;
  Warn warn_;
  std::map<std::string, bool> bad_;
};

/// What happened between two snapshots. A section that could not be read is absent.
struct Use {
  std::optional<LoadAverage> load;
  std::optional<Memory> memory;
  std::optional<unsigned> cpu_permille;  ///< all CPUs together
  std::optional<std::size_t> cpu_count;
  std::vector<CpuUse> cpus;
  std::vector<DiskUse> disks;  ///< at most 40
  std::size_t disks_omitted = 0;
};
Use use_between(const Snapshot& before, const Snapshot& after);

/// Keys and values of the log line, in this order: load1 load5 load15 running tasks, mem_total mem_available mem_used swap_total swap_used, cpu (all
/// together) cpu_count cpu_each ("0:3.1 1:0.0"), disk.<name> ("reads=1 writes=2 read_bytes=512 write_bytes=1024 busy=0.4") and
/// disks_omitted. Percentages have one decimal.
using Fields = std::vector<std::pair<std::string, std::string>>;
Fields fields_of(const Use& use);

/// The same as a JSON object without line breaks, with "time" before it; cpu_each and disks are objects:
/// {"time":"2026-01-01T12:00:00.000Z","load1":0.10,...,"cpu_each":{"0":3.1},"disks":{"sda":{"reads":1,...,"busy":0.4}}}
std::string json_of(const Use& use, std::chrono::system_clock::time_point time);

}  // namespace sysmon
