// The fake host reads schedules on its own: it must find what the real one finds.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include <random>
#include <string>

#include "kernel/schedule.hpp"
#include "tenon/testing/cron.hpp"

namespace {

using tenon::host::Schedule;
using tenon::testing::CronSchedule;

std::string random_field(std::mt19937& random, unsigned low, unsigned high) {
  const auto pick = [&](unsigned from, unsigned to) { return from + static_cast<unsigned>(random() % (to - from + 1)); };
  switch (random() % 5) {
    case 0:
    case 1:
      return "*";
    case 2:
      return "*/" + std::to_string(pick(1, high - low));
    case 3: {
      const unsigned from = pick(low, high), to = pick(from, high);
      return std::to_string(from) + "-" + std::to_string(to);
    }
    default:
      return std::to_string(pick(low, high)) + "," + std::to_string(pick(low, high));
  }
}

void compare(const std::string& text, std::int64_t from, bool local) {
  const auto real = Schedule::parse(text);
  bool parsed = true;
  try {
    const CronSchedule fake(text);
    if (real) {
      for (int i = 0; i < 6; ++i) {
        const std::int64_t next = real->next_after(from * 1'000'000'000, local ? tenon::host::Zone::local : tenon::host::Zone::utc);
        if (next > (from + std::int64_t{30} * 366 * 86400) * 1'000'000'000) break;
        const std::int64_t found = fake.next_after(from, local);
        REQUIRE_MESSAGE(found == next / 1'000'000'000, "`", text, "` after ", from);
        from = found;
      }
    }
  } catch (const std::invalid_argument&) {
    parsed = false;
  }
  CHECK_MESSAGE(parsed == static_cast<bool>(real), text);
}

}  // namespace

TEST_CASE("cron of the fake host: finds what the kernel finds") {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  std::mt19937 random(7);
  for (int i = 0; i < 150; ++i) {
    const std::string text = random_field(random, 0, 59) + " " + random_field(random, 0, 23) + " " + random_field(random, 1, 31) + " " +
                             random_field(random, 1, 12) + " " + random_field(random, 0, 7);
    compare(text, 1'700'000'000 + static_cast<std::int64_t>(random() % 100'000'000), i % 2 == 0);
  }
}

TEST_CASE("cron of the fake host: names, macros, daylight saving time, and what is refused") {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  for (const char* text :
       {"30 2 * * *", "0 * * * *", "*/15 2 * * *", "30 1-3 * * SUN", "0 3 29 mar *", "15 2,3 * OCT *", "@hourly", "@daily", "@weekly",
        "@monthly", "@yearly", "0 12 * JAN-MAR MON-FRI", "0 0 13 * FRI", "0 0 29 2 *", "5 4 * * FRI-SUN", "0 0 */2 * MON"}) {
    compare(text, 1'774'656'000, true);   // 2026-03-28, the day before the clocks go forward
    compare(text, 1'792'800'000, true);   // 2026-10-24, the day before they go back
    compare(text, 1'709'000'000, false);  // 2024-02-27
  }
  for (const char* text : {"", "* * * *", "* * * * * *", "60 * * * *", "* * 30 2 *", "* * 31 4,6 *", "1/2 * * * *", "*/61 * * * *",
                           "*/0 * * * *", "9-3 * * * *", "@often", "? * * * *", "1,,2 * * * *", "* * * * 8", "* * * FEBR *", "- * * * *"})
    compare(text, 1'709'000'000, false);
}

TEST_CASE("cron of the fake host: takes and refuses what the kernel does") {
  struct {
    unsigned low, high;
    const char *before, *behind;
  } constexpr fields[] = {
      {0, 59, "", " * * * *"}, {0, 23, "0 ", " * * *"}, {1, 31, "0 0 ", " * *"}, {1, 12, "0 0 1 ", " *"}, {0, 7, "0 0 * * ", ""}};
  for (const auto& f : fields) {
    const auto both = [&](const std::string& field) { compare(f.before + field + f.behind, 1'709'000'000, false); };
    for (unsigned step = 0; step <= f.high + 2; ++step) {
      const std::string behind = "/" + std::to_string(step);
      both("*" + behind);
      both(std::to_string(f.low) + "-" + std::to_string(f.high) + behind);
      both(std::to_string(f.low + 1) + "-" + std::to_string(f.low + 4) + behind);
      both(std::to_string(f.low + 1) + "-" + std::to_string(f.low + 1) + behind);
      both(std::to_string(f.low) + behind);
    }
    for (const char* field :
         {"*/1000", "1-1/99999999999", "00001", "0-0", "1-0", "5-5/2000", "99999999999", "*/", "-1", "*-3", "1-", "1,", ",1", "*5", "*,5"})
      both(field);
  }
  for (const char* text : {" @hourly ",
                           "@weekly ",
                           "  @daily",
                           "\t@monthly\t",
                           "@ daily",
                           "@daily x",
                           "@",
                           "@Daily",
                           "@reboot",
                           "  0\t5  *  * * ",
                           "05 07 * * *",
                           "0 0 29 2 */7",
                           "0 0 */31 * */7",
                           "0 0 31 2 MON",
                           "0 0 30,31 feb,Apr *",
                           "0 9 * * SUN-SUN",
                           "0 9 * * sun-mon",
                           "0 9 * * SAT-SUN",
                           "0 9 * * 5-7",
                           "0 9 * * 0-7",
                           "0 9 * * MON1",
                           "0 9 * * MON-",
                           "JAN * * * *",
                           "* * L * *",
                           "* * 15W * *",
                           "* * * * 5#2",
                           "0 0 31 4,5 *",
                           "   ",
                           "* * * *\n*"})
    compare(text, 1'709'000'000, false);
  compare(std::string(247, ' ') + "0 0 1 1 *", 1'709'000'000, false);
  compare(std::string(248, ' ') + "0 0 1 1 *", 1'709'000'000, false);
}
