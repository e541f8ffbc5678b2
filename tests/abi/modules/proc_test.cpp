#include "proc.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sysmon;

TEST_CASE("stat of a real machine") {
  const auto parsed = parse_stat(
      "cpu  2218 10 1419 247984 739 1 63 2 5 6\n"
      "cpu0 615 0 612 124915 17 0 23 1 0 0\n"
      "cpu1 1603 10 806 123069 721 1 39 1 5 6\n"
      "intr 179958 0 0 0\nctxt 330496\nbtime 1700000000\nprocesses 5000\n");
  CHECK(parsed.problem.empty());
  REQUIRE(parsed.value.total);
  CHECK(parsed.value.total->user == 2218);
  CHECK(parsed.value.total->steal == 2);
  REQUIRE(parsed.value.cpus.size() == 2);
  CHECK(parsed.value.cpus[1].index == 1);
  CHECK(parsed.value.cpus[1].times.idle == 123069);
  CHECK(parsed.value.cpus[1].times.iowait == 721);
}

TEST_CASE("stat of old kernels, gaps and odd order") {
  auto parsed = parse_stat("cpu 1 2 3 4\ncpu7 1 2 3 4\ncpu3 1 2 3 4 5\n");
  CHECK(parsed.problem.empty());
  CHECK(parsed.value.total->iowait == 0);
  REQUIRE(parsed.value.cpus.size() == 2);
  CHECK(parsed.value.cpus[0].index == 3);  // sorted; CPUs 0-2 are offline
  CHECK(parsed.value.cpus[0].times.iowait == 5);
}

TEST_CASE("a malformed stat gives what can be read and says what cannot") {
  auto parsed = parse_stat("cpu 1 2 3 4\ncpu0 1 2 x 4\ncpu1 1 2 3 4\ncpuX 1 2 3 4\n");
  CHECK(parsed.problem == "line 2: expected at least four numbers behind the name of a CPU");
  CHECK(parsed.value.total);
  CHECK(parsed.value.cpus.size() == 1);
  CHECK(parse_stat("cpuX 1 2 3 4\ncpu 1 1 1 1").problem == "line 1: expected `cpu` or `cpu<number>`");
  CHECK(parse_stat("").problem == "there is no line `cpu`");
  CHECK(parse_stat("cpu").problem == "line 1: expected at least four numbers behind the name of a CPU");
  CHECK_FALSE(parse_stat("cpu -1 2 3 4").value.total);
  CHECK_FALSE(parse_stat("cpu 99999999999999999999 2 3 4").value.total);
  parsed = parse_stat("cpu 1 2 3 4\ncpu0 1 1 1 1\ncpu0 2 2 2 2\n");
  CHECK(parsed.problem == "cpu0 is there twice");
  CHECK(parsed.value.cpus.size() == 1);
  CHECK(parse_stat(std::string(100'000, 'c')).value.cpus.empty());
  CHECK(parse_stat(std::string("cpu 1 2 3 4\n\0\0\0", 15)).value.total);
}

TEST_CASE("meminfo") {
  auto parsed = parse_meminfo(
      "MemTotal:       16000 kB\nMemFree:  1000 kB\nMemAvailable:    8000 kB\nSwapTotal: 500 kB\nSwapFree: 100 kB\nHugePages_Total: 0\n");
  CHECK(parsed.problem.empty());
  REQUIRE(parsed.value);
  CHECK(parsed.value->total == 16000U * 1024);
  CHECK(parsed.value->available == 8000U * 1024);
  CHECK(parsed.value->swap_total == 500U * 1024);
  CHECK(parsed.value->swap_free == 100U * 1024);
  // Before Linux 3.14.
  parsed = parse_meminfo("MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 20 kB\n");
  CHECK(parsed.problem.empty());
  CHECK(parsed.value->available == 35U * 1024);
  CHECK(parsed.value->swap_total == 0);
}

TEST_CASE("a malformed meminfo") {
  CHECK(parse_meminfo("").problem == "`MemTotal` or `MemAvailable` is missing");
  CHECK_FALSE(parse_meminfo("MemTotal: 100 kB\n").value);
  auto parsed = parse_meminfo("MemTotal: x kB\nMemAvailable: 1 kB\n");
  CHECK(parsed.problem == "line 1: expected a number of kB");
  CHECK_FALSE(parsed.value);
  CHECK(parse_meminfo("MemTotal: 100\nMemAvailable: 1 kB\n").problem == "line 1: expected a number of kB");
  CHECK_FALSE(parse_meminfo("MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB\n").value);
  // Numbers that cannot be are brought into order, so that percentages stay percentages.
  parsed = parse_meminfo("MemTotal: 100 kB\nMemAvailable: 200 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n");
  CHECK(parsed.value->available == 100U * 1024);
  CHECK(parsed.value->swap_free == 1024);
}

TEST_CASE("loadavg") {
  const auto parsed = parse_loadavg("0.52 1.50 20.00 3/812 12345\n");
  CHECK(parsed.problem.empty());
  REQUIRE(parsed.value);
  CHECK(parsed.value->one == 0.52);
  CHECK(parsed.value->fifteen == 20.0);
  CHECK(parsed.value->running == 3);
  CHECK(parsed.value->tasks == 812);
  for (const char* bad : {"", "1", "1 2", "1 2 3", "1 2 3 4", "1 2 3 a/b", "x 2 3 1/2", "-1 2 3 1/2", "nan 2 3 1/2", "inf 2 3 1/2",
                          "1,0 2 3 1/2", "1 2 3 /"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_loadavg(bad).value);
    CHECK_FALSE(parse_loadavg(bad).problem.empty());
  }
}

TEST_CASE("diskstats: whole disks that were used") {
  const auto parsed = parse_diskstats(
      "   7       0 loop0 5 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
      "   1       0 ram0 5 0 5 0 0 0 0 0 0 0 0\n"
      " 254       0 vda 31148 8236 3992922 16409 21448 8214 884352 2815 0 8732 20066 5310 32 195224 828 851 12\n"
      " 254       1 vda1 31000 8236 3992922 16409 21448 8214 884352 2815 0 8732 20066\n"
      " 259       0 nvme0n1 10 0 80 1 20 0 160 2 0 3 3\n"
      " 259       1 nvme0n1p1 10 0 80 1 20 0 160 2 0 3 3\n"
      " 179       0 mmcblk0 1 0 8 1 0 0 0 0 0 1 1\n"
      " 179       1 mmcblk0p2 1 0 8 1 0 0 0 0 0 1 1\n"
      "   9       0 md0 1 0 8 0 0 0 0 0 0 0 0\n"
      " 253       0 dm-0 1 0 8 0 0 0 0 0 0 0 0\n"
      " 253       1 dm-1 0 0 0 0 0 0 0 0 0 0 0\n"
      "  11       0 sr0 0 0 0 0 0 0 0 0 0 0 0\n"
      "   8      16 sdb1 4 0 4 0 0 0 0 0 0 0 0\n");
  CHECK(parsed.problem.empty());
  std::string names;
  for (const Disk& d : parsed.value) names += d.name + " ";
  CHECK(names == "vda nvme0n1 mmcblk0 md0 dm-0 sdb1 ");  // a partition whose disk is not there counts for itself
  CHECK(parsed.value[0].reads == 31148);
  CHECK(parsed.value[0].read_sectors == 3992922);
  CHECK(parsed.value[0].writes == 21448);
  CHECK(parsed.value[0].written_sectors == 884352);
  CHECK(parsed.value[0].busy_ms == 8732);
}

TEST_CASE("malformed diskstats") {
  auto parsed = parse_diskstats("8 0 sda 1 2 3\n8 16 sdb 1 0 8 1 0 0 0 0 0 1 1\n");
  CHECK(parsed.problem == "line 1: expected a name and at least ten counters");
  CHECK(parsed.value.size() == 1);
  CHECK(parse_diskstats("x y sda 1\n").problem == "line 1: expected the numbers of a device");
  CHECK(parse_diskstats("8 0\n").problem == "line 1: expected a name and at least ten counters");
  CHECK_FALSE(parse_diskstats("8 0 " + std::string(65, 'd') + " 1 0 8 1 0 0 0 0 0 1 1\n").problem.empty());
  CHECK(parse_diskstats("").value.empty());
  CHECK(parse_diskstats("\n\n   \n").problem.empty());
}
