#include "usage.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace sysmon;

namespace {

CpuTimes times(std::uint64_t user, std::uint64_t idle, std::uint64_t iowait = 0) {
  CpuTimes t;
  t.user = user;
  t.idle = idle;
  t.iowait = iowait;
  return t;
}

Disk disk(std::string name, std::uint64_t reads, std::uint64_t read_sectors, std::uint64_t writes, std::uint64_t written_sectors,
          std::uint64_t busy_ms) {
  return {std::move(name), reads, read_sectors, writes, written_sectors, busy_ms};
}

}  // namespace

TEST_CASE("busy is what is not idle and not waiting") {
  CHECK(busy_permille(times(0, 0), times(25, 75)) == 250U);
  CHECK(busy_permille(times(0, 0), times(0, 100)) == 0U);
  CHECK(busy_permille(times(0, 0), times(100, 0)) == 1000U);
  CHECK(busy_permille(times(0, 0, 0), times(50, 0, 50)) == 500U);
  CpuTimes all = times(1, 4);
  all.nice = all.system = all.irq = all.softirq = all.steal = 1;
  CHECK(busy_permille({}, all) == 600U);
  CHECK_FALSE(busy_permille(times(5, 5), times(5, 5)));  // no time passed
}

TEST_CASE("counters of a CPU that fall count as no change") {
  CHECK(busy_permille(times(100, 100, 50), times(110, 110, 40)) == 500U);  // iowait does fall
  CHECK(busy_permille(times(1000, 1000), times(10, 1100)) == 0U);
  CHECK_FALSE(busy_permille(times(1000, 1000), times(0, 0)));
  CHECK(busy_permille({}, times(UINT64_MAX, UINT64_MAX)) == 500U);
}

TEST_CASE("CPUs come and go") {
  const std::vector<Cpu> before = {{0, times(0, 0)}, {1, times(0, 0)}, {2, times(0, 0)}};
  const std::vector<Cpu> after = {{0, times(50, 50)}, {2, times(0, 100)}, {3, times(100, 0)}};
  const auto use = cpu_use(before, after);
  REQUIRE(use.size() == 2);
  CHECK(use[0].index == 0);
  CHECK(use[0].permille == 500);
  CHECK(use[1].index == 2);
  CHECK(cpu_use({}, after).empty());
  CHECK(cpu_use(before, {}).empty());
}

TEST_CASE("disks: differences, bytes and busy time") {
  const auto use = disk_use({disk("sda", 10, 100, 20, 200, 1000)}, {disk("sda", 15, 110, 22, 300, 1250)}, 1s);
  REQUIRE(use.size() == 1);
  CHECK(use[0].reads == 5);
  CHECK(use[0].writes == 2);
  CHECK(use[0].read_bytes == 5120);
  CHECK(use[0].written_bytes == 51200);
  CHECK(use[0].busy_permille == 250);
}

TEST_CASE("disks that come, go, or are replaced under their name") {
  const auto a = disk("sda", 10, 10, 10, 10, 10), b = disk("sdb", 10, 10, 10, 10, 10);
  CHECK(disk_use({a}, {b}, 1s).empty());
  CHECK(disk_use({a, b}, {b}, 1s).size() == 1);
  CHECK(disk_use({}, {}, 1s).empty());
  CHECK(disk_use({disk("sda", 1000, 1000, 1000, 1000, 1000)}, {disk("sda", 1, 1, 1, 1, 1)}, 1s).empty());
  // Just below the 32-bit boundary, and all at once: replaced all the same.
  constexpr std::uint64_t high = UINT32_MAX - 10;
  CHECK(disk_use({disk("sda", high, high, high, high, high)}, {disk("sda", 5, 5, 5, 5, 5)}, 1s).empty());
}

TEST_CASE("one counter that wraps at 32 bits") {
  constexpr std::uint64_t high = UINT32_MAX - 10;
  auto use = disk_use({disk("sda", 10, 10, 10, 10, high)}, {disk("sda", 11, 10, 10, 10, 89)}, 1s);
  REQUIRE(use.size() == 1);
  CHECK(use[0].busy_permille == 100);  // 11 to the boundary, 89 behind it
  use = disk_use({disk("sda", high, 10, 10, 10, 5)}, {disk("sda", 20, 10, 10, 10, 5)}, 1s);
  REQUIRE(use.size() == 1);
  CHECK(use[0].reads == 31);
  // One counter that fell, and not near the boundary: no wrap.
  CHECK(disk_use({disk("sda", 1000, 10, 10, 10, 5)}, {disk("sda", 20, 10, 10, 10, 5)}, 1s).empty());
  CHECK(disk_use({disk("sda", 10, std::uint64_t{1} << 33U, 10, 10, 5)}, {disk("sda", 10, 20, 10, 10, 5)}, 1s).empty());
}

TEST_CASE("nothing overflows, and busy stays within its bounds") {
  auto use = disk_use({disk("sda", 0, 0, 0, 0, 0)}, {disk("sda", UINT64_MAX, 0, 0, 0, 5000)}, 1s);
  REQUIRE(use.size() == 1);
  CHECK(use[0].busy_permille == 1000);
  CHECK(disk_use({disk("sda", 0, 0, 0, 0, 0)}, {disk("sda", 0, UINT64_MAX, 0, 0, 0)}, 1s).empty());
  use = disk_use({disk("sda", 0, 0, 0, 0, 0)}, {disk("sda", 0, 0, 0, 0, 5)}, 0s);
  CHECK(use.at(0).busy_permille == 0);
}
