#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <tenon/testing.hpp>

#include "sample.hpp"

using namespace std::chrono_literals;
using tenon::testing::Config;
using tenon::testing::Host;

namespace {

/// A /proc of our own.
class Proc {
 public:
  Proc() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sysmon.XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    tick(0);
    write("loadavg", "0.10 0.20 0.30 1/99 1\n");
    write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
  }
  ~Proc() { std::filesystem::remove_all(root_); }
  Proc(const Proc&) = delete;
  Proc& operator=(const Proc&) = delete;
  /// Atomically: a reader never sees half a file.
  void write(const std::string& name, const std::string& text) const {
    { std::ofstream(root_ / ".new") << text; }
    std::filesystem::rename(root_ / ".new", root_ / name);
  }
  /// Work done until now: 10 of 40 ticks busy on each CPU per unit, one read and two writes of a sector each.
  void tick(unsigned n) const {
    const auto cpu = std::to_string(10 * n) + " 0 0 " + std::to_string(30 * n) + " 0 0 0 0\n";
    write("stat", "cpu " + cpu + "cpu0 " + cpu + "cpu1 " + cpu);
    write("diskstats", "8 0 sda " + std::to_string(1 + n) + " 0 " + std::to_string(n) + " 0 " + std::to_string(2 * n) + " 0 " +
                           std::to_string(2 * n) + " 0 0 0 0\n");
  }
  void remove(const std::string& name) const { std::filesystem::remove(root_ / name); }
  [[nodiscard]] std::string path() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

Config config(const Proc& proc, const char* interval) { return {{"interval", interval}, {"history", 3}, {"proc_root", proc.path()}}; }

std::string value(const sysmon::Fields& sample, std::string_view key) {
  for (const auto& [k, v] : sample)
    if (k == key) return v;
  return "absent";
}

}  // namespace

TEST_CASE("one sample has everything") {
  const Proc proc;
  sysmon::Reader reader(proc.path(), [](const std::string& path, const std::string& problem) { FAIL(path << ": " << problem); });
  auto before = reader.read();
  proc.tick(1);
  auto after = reader.read();
  CHECK(after.files_read == 4);
  after.at = before.at + 1s;
  const auto sample = sysmon::fields_of(sysmon::use_between(before, after));
  CHECK(value(sample, "load1") == "0.10");
  CHECK(value(sample, "load15") == "0.30");
  CHECK(value(sample, "running") == "1");
  CHECK(value(sample, "tasks") == "99");
  CHECK(value(sample, "mem_total") == "1024000");
  CHECK(value(sample, "mem_available") == "256000");
  CHECK(value(sample, "mem_used") == "75.0");
  CHECK(value(sample, "swap_used") == "0.0");
  CHECK(value(sample, "cpu") == "25.0");
  CHECK(value(sample, "cpu_count") == "2");
  CHECK(value(sample, "cpu_each") == "0:25.0 1:25.0");
  CHECK(value(sample, "disk.sda") == "reads=1 writes=2 read_bytes=512 write_bytes=1024 busy=0.0");
}

TEST_CASE("a file that is missing, unreadable or malformed is reported once, and again after it was well") {
  const Proc proc;
  std::vector<std::string> warnings;
  sysmon::Reader reader(proc.path(), [&](const std::string& path, const std::string& problem) {
    warnings.push_back(path.substr(proc.path().size() + 1) + ": " + problem);
  });
  proc.remove("loadavg");
  (void)reader.read();
  auto sample = sysmon::fields_of(sysmon::use_between(reader.read(), reader.read()));
  CHECK(warnings == std::vector<std::string>{"loadavg: No such file or directory"});
  CHECK(value(sample, "load1") == "absent");
  CHECK(value(sample, "mem_used") == "75.0");

  proc.write("loadavg", "1 2 3 4/5 6\n");
  (void)reader.read();
  proc.write("loadavg", "nonsense\n");
  (void)reader.read();
  (void)reader.read();
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[1] == "loadavg: expected three load averages");

  proc.remove("stat");
  std::filesystem::create_directory(proc.path() + "/stat");
  (void)reader.read();
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[2] == "stat: Is a directory");
}

TEST_CASE("a fifo in place of a file does not block") {
  const Proc proc;
  proc.remove("stat");
  REQUIRE(mkfifo((proc.path() + "/stat").c_str(), 0600) == 0);
  int warnings = 0;
  sysmon::Reader reader(proc.path(), [&](const std::string&, const std::string&) { ++warnings; });
  CHECK_FALSE(reader.read().stat.total);
  CHECK(warnings == 1);
}

TEST_CASE("a file without end is given up") {
  const Proc proc;
  proc.write("meminfo", std::string(5U << 20U, '\n'));
  std::string told;
  sysmon::Reader reader(proc.path(), [&](const std::string&, const std::string& problem) { told = problem; });
  CHECK_FALSE(reader.read().memory);
  CHECK(told == "File too large");
}

TEST_CASE("many CPUs and disks fit into one line") {
  sysmon::Snapshot before, after;
  before.at = {};
  after.at = before.at + 1s;
  before.stat.total = sysmon::CpuTimes{};
  after.stat.total = sysmon::CpuTimes{};
  after.stat.total->user = 1;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    before.stat.cpus.push_back({i, {}});
    after.stat.cpus.push_back({i, {}});
    after.stat.cpus.back().times.user = 1;
  }
  for (int i = 0; i < 100; ++i) {
    before.disks.push_back({"disk" + std::to_string(i), 1, 0, 0, 0, 0});
    after.disks.push_back({"disk" + std::to_string(i), 2, 0, 0, 0, 0});
  }
  const auto sample = sysmon::fields_of(sysmon::use_between(before, after));
  CHECK(sample.size() <= TENON_LOG_MAX_KV);
  CHECK(value(sample, "cpu_count") == "5000");
  CHECK(value(sample, "disks_omitted") == "60");
  std::size_t bytes = 0;
  for (const auto& [k, v] : sample) bytes += k.size() + v.size();
  CHECK(bytes < TENON_LOG_MAX_BYTES);
}

TEST_CASE("the module samples at its interval and stops promptly") {
  const Proc proc;
  Host host(tenon_entry_v1, config(proc, "10ms"));
  REQUIRE(host.boot().ok());
  REQUIRE(host.wait_for_log("sample", 2));
  proc.tick(3);
  REQUIRE(host.wait_for_log("sample", host.log().size() + 2));
  const auto before = tenon::Clock::now();
  CHECK(host.stop().ok());
  CHECK(tenon::Clock::now() - before < 10s);
  bool seen = false;
  for (const auto& line : host.log()) seen = seen || line.field("disk.sda").rfind("reads=3 writes=6 ", 0) == 0;
  CHECK(seen);
  CHECK(host.finish().empty());
}

TEST_CASE("a new interval works at once, one out of bounds not at all") {
  const Proc proc;
  Host host(tenon_entry_v1, config(proc, "1h"));
  REQUIRE(host.boot().ok());
  CHECK_FALSE(host.wait_for_log("sample", 1, 20ms));
  const auto refused = host.change("interval", "1ms");
  CHECK(refused.code() == TENON_INVALID_ARGUMENT);
  CHECK(refused.message() == "`interval` has to be between 10ms and 24h");
  CHECK_FALSE(host.wait_for_log("sample", 1, 20ms));
  CHECK(host.change("interval", "25h").code() == TENON_INVALID_ARGUMENT);
  CHECK(host.change("interval", "10ms").ok());
  CHECK(host.wait_for_log("sample", 2));
  const auto before = tenon::Clock::now();
  CHECK(host.change("interval", "1h").ok());
  CHECK(host.stop().ok());
  CHECK(tenon::Clock::now() - before < 10s);
  CHECK(host.finish().empty());
}

TEST_CASE("one warning per broken file, samples go on") {
  const Proc proc;
  proc.write("meminfo", "broken\n");
  Host host(tenon_entry_v1, config(proc, "10ms"));
  REQUIRE(host.boot().ok());
  REQUIRE(host.wait_for_log("sample", 3));
  REQUIRE(host.stop().ok());
  std::size_t warnings = 0;
  for (const auto& line : host.log()) {
    if (line.level != TENON_LEVEL_WARN) continue;
    ++warnings;
    CHECK(line.field("path") == proc.path() + "/meminfo");
    CHECK(line.field("problem") == "`MemTotal` or `MemAvailable` is missing");
  }
  CHECK(warnings == 1);
}

TEST_CASE("a proc_root with nothing in it fails start") {
  Host host(tenon_entry_v1, {{"interval", "1s"}, {"history", 3}, {"proc_root", "/nonexistent"}});
  const auto status = host.boot();
  CHECK(status.code() == TENON_UNAVAILABLE);
  CHECK(status.message() == "none of the files below `proc_root` can be read");
  CHECK(host.finish().empty());  // stop and destroy after a failed start
}

TEST_CASE("the real /proc") {
  Host host(tenon_entry_v1, {{"interval", "50ms"}, {"history", 3}, {"proc_root", "/proc"}});
  REQUIRE(host.boot().ok());
  REQUIRE(host.wait_for_log("sample", 2));
  REQUIRE(host.stop().ok());
  for (const auto& line : host.log()) {
    CHECK(line.message == "sample");
    CHECK(std::stod(line.field("mem_total")) > 0);
    CHECK(std::stol(line.field("cpu_count")) == sysconf(_SC_NPROCESSORS_ONLN));
  }
}

TEST_CASE("a sample as JSON has the same keys, and names of disks cannot break it") {
  sysmon::Use use;
  CHECK(sysmon::json_of(use, {}) == R"({"time":"1970-01-01T00:00:00.000Z"})");
  use.load = sysmon::LoadAverage{0.1, 0.25, 3, 1, 99};
  use.memory = sysmon::Memory{1000, 250, 0, 0};
  use.cpu_permille = 250;
  use.cpu_count = 2;
  use.cpus = {{0, 31}, {1, 1000}};
  use.disks = {{"sda", 1, 2, 512, 1024, 4}, {"a\"\\\n\xff", 0, 0, 0, 0, 0}};
  use.disks_omitted = 3;
  CHECK(sysmon::json_of(use, std::chrono::system_clock::time_point(1'767'268'800'042ms)) ==
        R"({"time":"2026-01-01T12:00:00.042Z","load1":0.10,"load5":0.25,"load15":3.00,"running":1,"tasks":99,)"
        R"("mem_total":1000,"mem_available":250,"mem_used":75.0,"swap_total":0,"swap_used":0.0,"cpu":25.0,"cpu_count":2,)"
        R"("cpu_each":{"0":3.1,"1":100.0},"disks":{"sda":{"reads":1,"writes":2,"read_bytes":512,"write_bytes":1024,"busy":0.4},)"
        R"("a\"\\\u000a\u00ff":{"reads":0,"writes":0,"read_bytes":0,"write_bytes":0,"busy":0.0}},"disks_omitted":3})");
}

TEST_CASE("each sample is published, the last one kept, and of the history no more than configured") {
  const Proc proc;
  Host host(tenon_entry_v1, config(proc, "10ms"));
  host.storage().put("sysmon", "history.00000000000000000007", "an old one");
  host.storage().put("sysmon", "history.other", "not a sample");
  REQUIRE(host.boot().ok());
  REQUIRE(host.wait_for_log("sample", 6));
  REQUIRE(host.stop().ok());
  const auto events = host.events().published();
  REQUIRE(events.size() >= 5);
  CHECK(events.back().topic == "sysmon.sample");
  CHECK(events.back().content_type == "application/json");
  CHECK(events.back().retain);
  const auto last = host.storage().get("sysmon", "last");
  REQUIRE(last);
  CHECK(last->value == events.back().payload);
  CHECK(last->content_type == "application/json");
  CHECK(last->value.rfind(R"({"time":"2)", 0) == 0);
  auto keys = host.storage().keys("sysmon");
  CHECK(keys.size() <=
        2 + 3 + events.size());  // the fake tells the outcome of commits at the end of a phase, so that old ones stay until then
  CHECK(std::find(keys.begin(), keys.end(), "history.00000000000000000007") == keys.end());
  CHECK(std::find(keys.begin(), keys.end(), "history.other") != keys.end());
  CHECK(std::find(keys.begin(), keys.end(), "history.00000000000000000008") == keys.end());
  CHECK(host.finish().empty());
}

TEST_CASE("a history can be switched off, and a value out of bounds is refused") {
  const Proc proc;
  Config all = config(proc, "10ms");
  all.set("history", 0);
  Host host(tenon_entry_v1, all);
  host.storage().put("sysmon", "history.00000000000000000001", "an old one");
  REQUIRE(host.boot().ok());
  CHECK(host.change("history", 100'001).code() == TENON_INVALID_ARGUMENT);
  REQUIRE(host.wait_for_log("sample", 3));
  REQUIRE(host.stop().ok());
  CHECK(host.storage().keys("sysmon") == std::vector<std::string>{"last"});
  CHECK(host.finish().empty());
}

TEST_CASE("a full disk costs the history and nothing else, and is told once") {
  const Proc proc;
  Host host(tenon_entry_v1, config(proc, "10ms"));
  host.storage().set_disk_full(true);
  REQUIRE(host.boot().ok());
  REQUIRE(host.wait_for_log("sample", 4));
  host.deliver();
  REQUIRE(host.stop().ok());
  std::size_t told = 0;
  for (const auto& line : host.log()) {
    if (line.level != TENON_LEVEL_WARN) continue;
    ++told;
    CHECK(line.message == "samples cannot be kept in storage; going on without it");
    CHECK(line.field("reason") == "STORAGE_FULL");
  }
  CHECK(told == 1);
  CHECK_FALSE(host.events().published().empty());
  CHECK(host.finish().empty());
}
