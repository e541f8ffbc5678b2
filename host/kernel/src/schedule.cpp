#include "kernel/schedule.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <ctime>

namespace tenon::host {
namespace {

constexpr std::int64_t day_s = 86'400;
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t last_second = no_deadline / second_ns;  // in 2262

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Seconds east of UTC at an instant.
std::int64_t offset_at(std::int64_t utc, Zone zone) {
  if (zone == Zone::utc) return 0;
  const std::time_t t = utc;
  std::tm tm{};
  return localtime_r(&t, &tm) == nullptr ? 0 : tm.tm_gmtoff;
}

// The first instant in (lo, hi] whose offset is not that of lo; hi's is not.
std::int64_t change_of_offset(std::int64_t lo, std::int64_t hi, Zone zone) {
  const std::int64_t before = offset_at(lo, zone);
  while (hi - lo > 1) {
    const std::int64_t middle = lo + (hi - lo) / 2;
    (offset_at(middle, zone) == before ? lo : hi) = middle;
  }
  return hi;
}

// When the clock on the wall first shows `local`, or, if it never does, the first instant after it was skipped.
std::int64_t first_instant_of(std::int64_t local, Zone zone) {
  const std::int64_t before = offset_at(local - day_s, zone), after = offset_at(local + day_s, zone);
  const std::int64_t early = local - std::max(before, after), late = local - std::min(before, after);
  if (offset_at(early, zone) == local - early) return early;
  if (early == late || offset_at(late, zone) == local - late) return late;
  return change_of_offset(early, late, zone);
}

}  // namespace

bool Schedule::day_matches(unsigned day, unsigned weekday) const {
  const bool by_day = (days_ >> day & 1) != 0, by_weekday = (weekdays_ >> weekday & 1) != 0;
  return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

std::int64_t Schedule::first_match(std::int64_t local) const {
  using namespace std::chrono;
  const std::int64_t minute = floor_div(local + 59, 60);
  sys_days date{days{floor_div(minute, 1440)}};
  std::int64_t from = minute - floor_div(minute, 1440) * 1440;  // minutes of the day
  const sys_days last = date + days{146'097};                   // the calendar repeats
  while (date <= last) {
    const year_month_day civil{date};
    if ((months_ >> static_cast<unsigned>(civil.month()) & 1) == 0) {
      date = sys_days{(civil.year() / civil.month() + months{1}) / 1};
      from = 0;
      continue;
    }
    if (day_matches(static_cast<unsigned>(civil.day()), weekday{date}.c_encoding()))
      for (std::int64_t hour = from / 60; hour < 24; ++hour, from = hour * 60) {
        if ((hours_ >> hour & 1) == 0) continue;
        const std::uint64_t minutes = minutes_ >> (from - hour * 60);
        if (minutes != 0) return date.time_since_epoch().count() * day_s + (from + std::countr_zero(minutes)) * 60;
      }
    date += days{1};
    from = 0;
  }
  return no_deadline;
}

// Times of day: the first one whose first pass, or the end of the gap it lies in, is not over.
std::int64_t Schedule::next_named(std::int64_t from, Zone zone) const {
  for (std::int64_t local = first_match(from + offset_at(from - 1, zone)); local <= last_second; local = first_match(local + 60))
    if (const std::int64_t due = first_instant_of(local, zone); due >= from) return due;
  return no_deadline;
}

// Elapsed time: from one change of the offset to the next, whatever the wall clock has shown before.
std::int64_t Schedule::next_elapsed(std::int64_t from, Zone zone) const {
  while (from <= last_second) {
    const std::int64_t offset = offset_at(from, zone);
    const std::int64_t local = first_match(from + offset);
    if (local == no_deadline) break;
    const std::int64_t due = local - offset;
    const std::int64_t end = std::min(due, from + day_s);
    if (offset_at(end, zone) != offset)
      from = change_of_offset(from, end, zone);
    else if (end == due)
      return due;
    else
      from = std::max(end, due - day_s);  // the wall clock shows no matching time until then, whatever the zone does
  }
  return no_deadline;
}

std::int64_t Schedule::next_after(std::int64_t realtime_ns, Zone zone) const {
  const std::int64_t from = floor_div(realtime_ns, second_ns) + 1;
  const std::int64_t due = every_hour() ? next_elapsed(from, zone) : next_named(from, zone);
  return due > last_second ? no_deadline : due * second_ns;
}

}  // namespace tenon::host
