// Schedules: what is understood and refused, known next times, and all due times against an oracle that looks at every minute.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kernel/schedule.hpp"

using namespace tenon::host;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

/// "2024-02-29 23:59" or "... 23:59:30" as UTC seconds.
std::int64_t utc(const char* text) {
  std::tm tm{};
  REQUIRE(std::sscanf(text, "%d-%d-%d %d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) >= 5);
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  return timegm(&tm);
}
std::string show(std::int64_t seconds) {
  const std::time_t t = seconds;
  std::tm tm{};
  char out[64];
  gmtime_r(&t, &tm);
  std::strftime(out, sizeof out, tm.tm_sec == 0 ? "%Y-%m-%d %H:%M" : "%Y-%m-%d %H:%M:%S", &tm);
  return out;
}
Schedule parsed(std::string_view text) {
  auto s = Schedule::parse(text);
  REQUIRE_MESSAGE(s, text, ": ", s ? "" : s.error().message);
  return *s;
}
std::string next(std::string_view schedule, const char* after, Zone zone = Zone::utc) {
  return show(parsed(schedule).next_after(utc(after) * second_ns, zone) / second_ns);
}
std::string refusal(std::string_view text) {
  const auto s = Schedule::parse(text);
  if (s) return "accepted";
  CHECK(s.error().code == Code::invalid_argument);
  CHECK(s.error().reason == "BAD_SCHEDULE");
  return s.error().message;
}

/// The process's local time for one test case. POSIX rules: no database of zones is needed.
struct LocalZone {
  explicit LocalZone(const char* rule) {
    setenv("TZ", rule, 1);
    tzset();
  }
  ~LocalZone() {
    unsetenv("TZ");
    tzset();
  }
  LocalZone(const LocalZone&) = delete;
  LocalZone& operator=(const LocalZone&) = delete;
};
constexpr const char* berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
constexpr const char* new_york = "EST5EDT,M3.2.0,M11.1.0";
constexpr const char* lord_howe = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";  // half an hour
constexpr const char* havana = "CST5CDT,M3.2.0/0,M11.1.0/1";               // at midnight: the day begins at one, or twice
constexpr const char* day_lost = "<-10>10<+14>-14,J364/0,J60/0";           // 30 December does not exist, as in Samoa 2011

// --- the oracle: naive sets, every minute looked at ---
struct Naive {
  std::set<int> field[5];
  bool star[5];
  explicit Naive(std::string text) {
    const char* words[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
    for (int i = 0; i < 12; ++i)
      for (std::size_t p; (p = text.find(words[i])) != std::string::npos;) text.replace(p, 3, std::to_string(i + 1));
    const char* days[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
    for (int i = 0; i < 7; ++i)
      for (std::size_t p; (p = text.find(days[i])) != std::string::npos;) text.replace(p, 3, std::to_string(i));
    const int least[] = {0, 0, 1, 1, 0}, most[] = {59, 23, 31, 12, 6};
    std::size_t p = 0;
    for (int f = 0; f < 5; ++f) {
      const std::string part = text.substr(p, text.find(' ', p) - p);
      p += part.size() + 1;
      star[f] = part[0] == '*';
      for (std::size_t q = 0; q <= part.size();) {
        const std::string one = part.substr(q, part.find(',', q) - q);
        q += one.size() + 1;
        int low = least[f], high = most[f], step = 1;
        if (one[0] != '*' && std::sscanf(one.c_str(), "%d-%d", &low, &high) == 1) high = low;
        if (const auto slash = one.find('/'); slash != std::string::npos) step = std::stoi(one.substr(slash + 1));
        for (int v = low; v <= high; v += step) field[f].insert(f == 4 ? v % 7 : v);
      }
    }
  }
  [[nodiscard]] bool day(const std::tm& t) const {
    const bool d = field[2].count(t.tm_mday) != 0, w = field[4].count(t.tm_wday) != 0;
    return field[3].count(t.tm_mon + 1) != 0 && (star[2] || star[4] ? d && w : d || w);
  }
  [[nodiscard]] bool matches(const std::tm& t) const { return field[0].count(t.tm_min) != 0 && field[1].count(t.tm_hour) != 0 && day(t); }
};

/// What the wall clock shows, minute by minute, from two days before a window on.
struct Minute {
  std::int64_t at;
  std::tm shown;
  bool again;                    ///< it has shown that before
  std::vector<std::tm> skipped;  ///< what it did not show between the minute before and this one, and never had
};
std::vector<Minute> minutes_of(std::int64_t from, std::int64_t to) {
  std::vector<Minute> out;
  std::set<std::int64_t> shown;
  std::int64_t before = 0;
  for (std::int64_t t = from - 2 * 86400; t < to; t += 60) {
    const std::time_t time = t;
    Minute m{t, {}, false, {}};
    localtime_r(&time, &m.shown);
    std::tm copy = m.shown;
    const std::int64_t wall = timegm(&copy);
    m.again = !shown.insert(wall).second;
    for (std::time_t skipped = before + 60; before != 0 && skipped < wall; skipped += 60)
      if (shown.count(skipped) == 0) gmtime_r(&skipped, &m.skipped.emplace_back());
    before = wall;
    out.push_back(std::move(m));
  }
  return out;
}

/// All due times from `from` on, as the contract of Schedule says it.
std::vector<std::int64_t> oracle(const Naive& n, const std::vector<Minute>& minutes, std::int64_t from) {
  std::vector<std::int64_t> out;
  const bool every_hour = n.field[1].size() == 24;
  for (const Minute& m : minutes) {
    if (m.at < from) continue;
    bool due = n.matches(m.shown) && (every_hour || !m.again);
    if (!every_hour) due = due || std::any_of(m.skipped.begin(), m.skipped.end(), [&n](const std::tm& t) { return n.matches(t); });
    if (due) out.push_back(m.at);
  }
  return out;
}

std::vector<std::int64_t> due_times(const Schedule& s, std::int64_t from, std::int64_t to, Zone zone) {
  std::vector<std::int64_t> out;
  for (std::int64_t t = s.next_after((from - 1) * second_ns, zone); t < to * second_ns; t = s.next_after(t, zone))
    out.push_back(t / second_ns);
  return out;
}

const std::vector<std::string> many = {
    "* * * * *",         "*/5 * * * *",  "0 * * * *",      "30 * * * *",         "15,45 * * * *",    "59 * * * *",
    "0 0 * * *",         "0 1 * * *",    "30 1 * * *",     "0 2 * * *",          "30 2 * * *",       "59 2 * * *",
    "0 3 * * *",         "*/10 2 * * *", "*/15 0-3 * * *", "0 */2 * * *",        "17 1-23/2 * * *",  "0 0,12 * * *",
    "* 2 * * *",         "30 23 * * *",  "30 0 * * *",     "0 0 1 * *",          "0 12 30 * *",      "0 6 31 12 *",
    "0 9 * * MON-FRI",   "0 9 * * 6,0",  "0 9 * * 7",      "*/20 8-18 * * 1-5",  "0 0 13 * FRI",     "0 0 */2 * SUN",
    "5 4 1-7 * *",       "0 0 1,15 * 3", "30 4 1,15 * 5",  "*/30 * * OCT,MAR *", "15 10 * NOV SUN",  "0 1-5,22-23 * * *",
    "7-37/10 */6 * * *", "0 0 29 2 *",   "0 0 28-31 * *",  "23 0-20/2 * * *",    "0 22 * * 1-5",     "0 0-22 * * *",
    "*/7 * 30,31 * *",   "0 * 30 12 *",  "30 2 * 3 SUN",   "59 23 31 12 *",      "1 1 */10 */2 */3", "0,1,2 0-23 * * *"};

void compare(const char* rule, const char* around) {
  const LocalZone zone(rule);
  const std::int64_t from = utc(around) - 3 * 86400, to = from + 8 * 86400;
  const std::vector<Minute> minutes = minutes_of(from, to);
  for (const std::string& text : many) {
    const std::vector<std::int64_t> expected = oracle(Naive(text), minutes, from);
    const std::vector<std::int64_t> found = due_times(parsed(text), from, to, Zone::local);
    const auto differ = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
    CHECK_MESSAGE(expected == found, text, " in ", rule, ": expected ",
                  differ.first == expected.end() ? std::string("nothing") : show(*differ.first), ", found ",
                  differ.second == found.end() ? std::string("nothing") : show(*differ.second));
  }
}

}  // namespace

TEST_CASE("Known schedules: the next time after a given one") {
  struct Case {
    const char *schedule, *after, *next;
  };
  const Case cases[] = {
      {"* * * * *", "2024-01-01 00:00", "2024-01-01 00:01"},
      {"* * * * *", "2024-01-01 00:00:59", "2024-01-01 00:01"},
      {"* * * * *", "2023-12-31 23:59:59", "2024-01-01 00:00"},
      {"*/15 * * * *", "2024-01-01 00:15", "2024-01-01 00:30"},
      {"*/15 * * * *", "2024-01-01 00:46", "2024-01-01 01:00"},
      {"7-59/15 * * * *", "2024-01-01 00:52", "2024-01-01 01:07"},
      {"59 23 31 12 *", "2024-12-31 23:58", "2024-12-31 23:59"},
      {"59 23 31 12 *", "2024-12-31 23:59", "2025-12-31 23:59"},
      {"0 0 29 2 *", "2023-03-01 00:00", "2024-02-29 00:00"},
      {"0 0 29 2 *", "2024-02-29 00:00", "2028-02-29 00:00"},
      {"0 0 29 2 *", "2096-02-29 00:00", "2104-02-29 00:00"},    // 2100 is no leap year
      {"0 0 29 2 *", "1999-03-01 00:00", "2000-02-29 00:00"},    // 2000 is one
      {"0 0 29 2 */7", "2024-03-01 00:00", "2032-02-29 00:00"},  // 29 February and a Sunday
      {"0 0 31 * *", "2024-01-31 00:00", "2024-03-31 00:00"},
      {"0 0 31 * *", "2024-03-31 00:00", "2024-05-31 00:00"},
      {"0 0 30 * *", "2023-01-30 00:00", "2023-03-30 00:00"},
      {"0 0 31 4,5 *", "2024-01-01 00:00", "2024-05-31 00:00"},
      {"0 9 * * MON-FRI", "2024-06-14 09:00", "2024-06-17 09:00"},  // Friday to Monday
      {"0 9 * * 1-5", "2024-06-15 12:00", "2024-06-17 09:00"},
      {"0 9 * * 0", "2024-06-14 00:00", "2024-06-16 09:00"},
      {"0 9 * * 7", "2024-06-14 00:00", "2024-06-16 09:00"},
      {"0 9 * * FRI-SUN", "2024-06-16 09:00", "2024-06-21 09:00"},
      {"0 9 * * 5-7", "2024-06-15 09:00", "2024-06-16 09:00"},
      {"0 0 13 * 5", "2024-06-13 00:00", "2024-06-14 00:00"},  // the 13th or a Friday
      {"0 0 13 * 5", "2024-06-11 00:00", "2024-06-13 00:00"},
      {"0 0 */2 * MON", "2024-06-02 00:00", "2024-06-03 00:00"},  // begins with *: both must fit
      {"0 0 */2 * MON", "2024-06-03 00:00", "2024-06-17 00:00"},
      {"0 12 1-7 * */7", "2024-06-01 00:00", "2024-06-02 12:00"},  // the first Sunday of the month
      {"0 12 1-7 * */7", "2024-06-02 12:00", "2024-07-07 12:00"},
      {"30 4 1,15 * 5", "2024-06-15 04:30", "2024-06-21 04:30"},
      {"0 0 1 JAN *", "2024-01-01 00:00", "2025-01-01 00:00"},
      {"0 0 1 jan,Jul *", "2024-01-01 00:00", "2024-07-01 00:00"},
      {"0 0 1 */3 *", "2024-02-01 00:00", "2024-04-01 00:00"},
      {"0 8-18/2 * * *", "2024-02-01 18:00", "2024-02-02 08:00"},
      {"5,10,20-22 * * * *", "2024-02-01 00:10", "2024-02-01 00:20"},
      {"5,10,20-22 * * * *", "2024-02-01 00:22", "2024-02-01 01:05"},
      {"  0\t5  *  * * ", "2024-02-01 00:00", "2024-02-01 05:00"},
      {"05 07 * * *", "2024-02-01 00:00", "2024-02-01 07:05"},
      {"@yearly", "2024-01-01 00:00", "2025-01-01 00:00"},
      {"@annually", "2024-01-01 00:00", "2025-01-01 00:00"},
      {"@monthly", "2024-01-01 00:00", "2024-02-01 00:00"},
      {"@weekly", "2024-06-14 00:00", "2024-06-16 00:00"},
      {"@daily", "2024-02-28 00:00", "2024-02-29 00:00"},
      {"@midnight", "2023-02-28 00:00", "2023-03-01 00:00"},
      {" @hourly ", "2024-02-28 23:00", "2024-02-29 00:00"},
      {"0 0 1 1 *", "1969-06-01 00:00", "1970-01-01 00:00"},
      {"30 12 * * *", "1960-02-28 12:30:01", "1960-02-29 12:30"},
  };
  for (const Case& c : cases) CHECK_MESSAGE(next(c.schedule, c.after) == c.next, std::string(c.schedule), " after ", std::string(c.after));
}

TEST_CASE("A schedule beyond what the clock can show is never due") {
  CHECK(parsed("0 0 1 1 *").next_after(INT64_MAX - second_ns, Zone::utc) == no_deadline);
  CHECK(parsed("* * * * *").next_after(INT64_MAX - second_ns, Zone::utc) == no_deadline);
  CHECK(parsed("* * * * *").next_after(INT64_MIN, Zone::utc) > INT64_MIN);
  CHECK(parsed("* * * * *").next_after(-1, Zone::utc) == 0);
  CHECK(parsed("* * * * *").next_after(0, Zone::utc) == 60 * second_ns);
}

TEST_CASE("What is refused says where, what was expected, and what to write") {
  const char* f = "minute, hour, day of month, month, day of week";
  CHECK(refusal("") == std::string("schedule ``: 0 fields, expected 5 (") + f + ")");
  CHECK(refusal("5") == std::string("schedule `5`: 1 field, expected 5 (") + f + ")");
  CHECK(refusal("0 0 * * * *") == std::string("schedule `0 0 * * * *`: 6 fields, expected 5 (") + f + "); seconds are not offered");
  CHECK(refusal("60 * * * *") == "schedule `60 * * * *`, character 1 (minute): `60` is out of range, expected `*` or 0-59");
  CHECK(refusal("0 24 * * *") == "schedule `0 24 * * *`, character 3 (hour): `24` is out of range, expected `*` or 0-23");
  CHECK(refusal("0 0 0 * *") == "schedule `0 0 0 * *`, character 5 (day of month): `0` is out of range, expected `*` or 1-31");
  CHECK(refusal("0 0 * 13 *") == "schedule `0 0 * 13 *`, character 7 (month): `13` is out of range, expected `*` or 1-12 or JAN-DEC");
  CHECK(refusal("0 0 * * 8") == "schedule `0 0 * * 8`, character 9 (day of week): `8` is out of range, expected `*` or 0-7 or SUN-SAT");
  CHECK(refusal("99999999999999999999 * * * *").find("is out of range") != std::string::npos);
  CHECK(refusal("* * * FOO *") == "schedule `* * * FOO *`, character 7 (month): `FOO` is unknown, expected `*` or 1-12 or JAN-DEC");
  CHECK(refusal("* * * * MONDAY") ==
        "schedule `* * * * MONDAY`, character 9 (day of week): `MONDAY` has more than three letters, write `MON`");
  CHECK(refusal("JAN * * * *") == "schedule `JAN * * * *`, character 1 (minute): `JAN` is unknown, expected `*` or 0-59");
  CHECK(refusal("* * ? * *") == "schedule `* * ? * *`, character 5 (day of month): `?` is not offered, write `*`");
  CHECK(refusal("* * L * *") == "schedule `* * L * *`, character 5 (day of month): `L` is not offered, expected `*` or 1-31");
  CHECK(refusal("* * 15W * *") ==
        "schedule `* * 15W * *`, character 7 (day of month): `W` is not offered; expected values, ranges and steps like `1-5`, `*/2`, "
        "joined by `,`");
  CHECK(refusal("* * * * 5#2").find("`#` is not offered") != std::string::npos);
  CHECK(refusal("5/15 * * * *") == "schedule `5/15 * * * *`, character 2 (minute): a step needs `*` or a range, write `5-59/15`");
  CHECK(refusal("*/0 * * * *") == "schedule `*/0 * * * *`, character 3 (minute): a step of 0 never moves on, expected 1 or more");
  CHECK(refusal("*/ * * * *") == "schedule `*/ * * * *`, character 3 (minute): a step is a number, like `*/2`");
  CHECK(refusal("*/-5 * * * *") == "schedule `*/-5 * * * *`, character 3 (minute): a step is a number, like `*/2`");
  CHECK(refusal("*/90 * * * *") ==
        "schedule `*/90 * * * *`, character 3 (minute): a step of 90 is longer than its range and only hits its first value, write `0`");
  CHECK(refusal("* * * * */8").find("write `0`") != std::string::npos);
  CHECK(refusal("0 22-2 * * *") == "schedule `0 22-2 * * *`, character 3 (hour): the range goes backwards, write `22-23,0-2`");
  CHECK(refusal("0 0 * * FRI-MON") ==
        "schedule `0 0 * * FRI-MON`, character 9 (day of week): the range goes backwards, write `FRI-SAT,SUN-MON`");
  CHECK(refusal("0 0 * * 7-1") == "schedule `0 0 * * 7-1`, character 9 (day of week): the range goes backwards, write `0-1`");
  CHECK(refusal("0 0 * * 7/2") == "schedule `0 0 * * 7/2`, character 10 (day of week): a step needs `*` or a range, write `0-6/2`");
  CHECK(refusal("0 0 * 7-1 *") == "schedule `0 0 * 7-1 *`, character 7 (month): the range goes backwards, write `7-12,1-1`");
  CHECK(refusal("0 0 * NOV-FEB *") == "schedule `0 0 * NOV-FEB *`, character 7 (month): the range goes backwards, write `NOV-DEC,JAN-FEB`");
  CHECK(refusal("1, * * * *") == "schedule `1, * * * *`, character 3 (minute): a value is missing, expected `*` or 0-59");
  CHECK(refusal(",1 * * * *") == "schedule `,1 * * * *`, character 1 (minute): a value is missing, expected `*` or 0-59");
  CHECK(refusal("1- * * * *") == "schedule `1- * * * *`, character 3 (minute): a value is missing, expected `*` or 0-59");
  CHECK(refusal("1..5 * * * *") ==
        "schedule `1..5 * * * *`, character 2 (minute): `..5` is unexpected; expected `*` or 0-59, or after one of them `-`, `/` or `,`");
  CHECK(refusal("-5 * * * *").find("`-5` is unexpected") != std::string::npos);
  CHECK(refusal("* * * * *\n").find("`\\n` is unexpected") != std::string::npos);
  CHECK(refusal("0 0 30 2 *") == "schedule `0 0 30 2 *`, character 5 (day of month): never due, because FEB never has that day");
  CHECK(refusal("0 0 31 2,4,6,9,11 *") ==
        "schedule `0 0 31 2,4,6,9,11 *`, character 5 (day of month): never due, because FEB, APR, JUN, SEP and NOV never have that day");
  CHECK(refusal("0 0 30 2 */2").find("never due") != std::string::npos);
  CHECK(refusal("0 0 30 2 MON") == "accepted");  // Mondays in February
  CHECK(refusal("0 0 31 2,3 *") == "accepted");
  CHECK(refusal("@reboot") == "schedule `@reboot`: `@reboot` is not offered, for once after each start use a task `after`");
  CHECK(refusal("@every 5m") == "schedule `@every 5m`: `@every 5m` is not offered, for a fixed interval use a task `every`");
  CHECK(refusal("@fortnightly") ==
        "schedule `@fortnightly`: `@fortnightly` is not offered, expected one of @yearly @annually @monthly @weekly @daily @midnight "
        "@hourly, or five fields");
  CHECK(refusal(std::string(257, '*')) == "schedule of 257 bytes: at most 256 are read");
  CHECK(refusal("\x1b[31m * * * *").find('\x1b') == std::string::npos);
}

TEST_CASE("No text makes the parser fail in another way than by refusing") {
  std::mt19937 random(1);
  const std::string letters = "0123456789*/-,?@ \tLWMONJAN#\n\xff";
  const std::vector<std::string> words = {"*", "*/2", "5", "1-5", "JAN", "MON-FRI", "0", "31", "2", "29-31", "*/30", "1,2,30"};
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    if (i % 2 == 0)
      for (std::size_t n = random() % 24; n > 0; --n) text += letters[random() % letters.size()];
    else
      for (int n = 0; n < 5; ++n) text += words[random() % words.size()] + (random() % 50 == 0 ? "," : " ");
    if (const auto s = Schedule::parse(text)) {
      ++accepted;
      const std::int64_t due = s.value().next_after(0, Zone::utc);
      if (due <= 0 || due == no_deadline) FAIL_CHECK(text, " is due at ", due);
    }
  }
  CHECK(accepted > 0);
}

TEST_CASE("UTC: a sequence of due times from random days on is that of the oracle") {
  const LocalZone zone("UTC0");
  std::mt19937 random(7);
  for (int i = 0; i < 3; ++i) {
    const std::int64_t from = utc("1990-01-01 00:00") + static_cast<std::int64_t>(random() % (60 * 365)) * 86400;
    const std::int64_t to = from + 35 * 86400;
    const std::vector<Minute> minutes = minutes_of(from, to);
    for (const std::string& text : many) {
      const bool equal = oracle(Naive(text), minutes, from) == due_times(parsed(text), from, to, i % 2 == 0 ? Zone::utc : Zone::local);
      CHECK_MESSAGE(equal, text, " from ", show(from));
    }
  }
}

TEST_CASE("Rare days: the next one is that of an oracle that looks at each day") {
  for (const char* text : {"0 0 29 2 *", "0 0 29 2 */7", "0 0 31 12 */6", "15 3 30 4,6 *", "0 0 1 1 *", "0 * 29 2 *", "0 0 */31 * */7"}) {
    const Naive naive(text);
    const Schedule schedule = parsed(text);
    for (std::int64_t from = utc("1971-01-01 00:00"); from < utc("2110-01-01 00:00"); from += 211 * 86400) {
      std::int64_t day = from;
      std::tm tm{};
      do {
        day += 86400;
        const std::time_t t = day;
        gmtime_r(&t, &tm);
      } while (!naive.day(tm));
      const std::int64_t expected = day + *naive.field[1].begin() * 3600 + *naive.field[0].begin() * 60;
      CHECK(show(schedule.next_after((from + 86399) * second_ns, Zone::utc) / second_ns) == show(expected));
    }
  }
}

TEST_CASE("Daylight saving time: as the oracle has it, around every kind of change") {
  SUBCASE("Berlin, spring") { compare(berlin, "2024-03-31 00:00"); }
  SUBCASE("Berlin, autumn") { compare(berlin, "2024-10-27 00:00"); }
  SUBCASE("New York, spring") { compare(new_york, "2024-03-10 00:00"); }
  SUBCASE("New York, autumn") { compare(new_york, "2024-11-03 00:00"); }
  SUBCASE("Lord Howe, half an hour, spring") { compare(lord_howe, "2024-10-06 00:00"); }
  SUBCASE("Lord Howe, half an hour, autumn") { compare(lord_howe, "2024-04-07 00:00"); }
  SUBCASE("Havana, midnight, spring") { compare(havana, "2024-03-10 00:00"); }
  SUBCASE("Havana, midnight, autumn") { compare(havana, "2024-11-03 00:00"); }
  SUBCASE("a day that does not exist") { compare(day_lost, "2024-12-30 00:00"); }
}

TEST_CASE("Daylight saving time in words: skipped runs once after the gap, repeated runs once, hourly goes on") {
  const LocalZone zone(berlin);
  // 31 March 2024: 02:00 becomes 03:00 at 01:00 UTC.
  CHECK(next("30 2 * * *", "2024-03-30 02:00", Zone::local) == "2024-03-31 01:00");
  CHECK(next("30 2 * * *", "2024-03-31 01:00", Zone::local) == "2024-04-01 00:30");
  CHECK(next("*/10 2 * * *", "2024-03-31 00:59", Zone::local) == "2024-03-31 01:00");
  CHECK(next("*/10 2 * * *", "2024-03-31 01:00", Zone::local) == "2024-04-01 00:00");
  CHECK(next("30 * * * *", "2024-03-31 00:30", Zone::local) == "2024-03-31 01:30");
  // 27 October 2024: 03:00 becomes 02:00 at 01:00 UTC.
  CHECK(next("30 2 * * *", "2024-10-26 12:00", Zone::local) == "2024-10-27 00:30");
  CHECK(next("30 2 * * *", "2024-10-27 00:30", Zone::local) == "2024-10-28 01:30");
  CHECK(next("30 2 * * *", "2024-10-27 01:10", Zone::local) == "2024-10-28 01:30");  // asked in the second pass
  CHECK(next("30 * * * *", "2024-10-27 00:30", Zone::local) == "2024-10-27 01:30");
  CHECK(next("30 2 * * *", "2024-10-26 12:00", Zone::utc) == "2024-10-27 02:30");
}

TEST_CASE("The text is kept as it was given") {
  CHECK(parsed(" 0 5 * * MON ").text() == " 0 5 * * MON ");
  CHECK(parsed("@daily").text() == "@daily");
}
