// Schedule: when a cron task is due. Five fields as in cron(8), and the next time after a given one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tenon::host {

/// The clock a schedule is read by: UTC, or local time of the host as the C library knows it (TZ, /etc/localtime) when it is first asked.
enum class Zone : std::uint8_t { utc, local };

/// `minute hour day-of-month month day-of-week`, or @yearly @annually @monthly @weekly @daily @midnight @hourly.
///
/// A field is a list (`,`) of `*`, values, ranges `a-b`, and ranges with a step (`*/n`, `a-b/n`). Months and days of the week may be names of three letters
/// (JAN, mon); Sunday is 0 or 7, and may end a range (`FRI-SUN`). Day of month and day of week: as in cron(8), if neither field begins with `*`, a day
/// matches that fits one of them, otherwise it must fit both. Refused, with position and what was expected: `?`, `L`, `W`, `#`, seconds, backward
/// ranges, steps on a single value or longer than their field, and dates that no year has.
///
/// A change to and from daylight saving time (any jump of the zone): a schedule with every hour in its hour field goes by elapsed time: it runs in both passes of a
/// repeated hour, and nothing is made up for a skipped one. Any other names times of day: what falls into skipped time runs once at the first instant
/// after the gap, and what falls into repeated time runs in its first pass only.
class Schedule {
 public:
  static constexpr std::size_t max_length = 256;
  /// INVALID_ARGUMENT `BAD_SCHEDULE`.
  static Result<Schedule> parse(std::string_view text);

  /// The first time it is due after `realtime_ns` (a whole second), or `no_deadline` if that lies beyond what the clock can show.
  [[nodiscard]] std::int64_t next_after(std::int64_t realtime_ns, Zone zone) const;

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  friend class ScheduleParser;
  [[nodiscard]] bool every_hour() const { return hours_ == (1U << 24) - 1; }
  [[nodiscard]] bool day_matches(unsigned day, unsigned weekday) const;
  /// The first matching local time at or after `local` (seconds as if it were UTC), or `no_deadline` if none comes within 400 years.
  [[nodiscard]] std::int64_t first_match(std::int64_t local) const;
  [[nodiscard]] std::int64_t next_named(std::int64_t from, Zone zone) const;
  [[nodiscard]] std::int64_t next_elapsed(std::int64_t from, Zone zone) const;

  std::string text_;
  std::uint64_t minutes_ = 0;
  std::uint32_t hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;  ///< bit n = value n; Sunday is bit 0
  bool any_day_ = false, any_weekday_ = false;                      ///< the field begins with `*`
};

}  // namespace tenon::host
