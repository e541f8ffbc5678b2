// Cron for tests: when a schedule is due, by the rules of tenon/tasks.h, found by looking at one minute after the other.
#ifndef TENON_TESTING_CRON_HPP
#define TENON_TESTING_CRON_HPP

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tenon {
inline namespace v1 {
namespace testing {

/// `CronSchedule("30 4 * * MON-FRI")`; throws std::invalid_argument.
class CronSchedule {
 public:
  explicit CronSchedule(std::string_view text) {
    constexpr std::pair<std::string_view, std::string_view> names[] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
        {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"}};
    if (text.size() > 256) throw std::invalid_argument("a schedule has at most 256 bytes");
    std::string_view word = text;
    skip_space(word);
    word = word.substr(0, word.find_last_not_of(" \t") + 1);
    for (const auto& [name, fields] : names)
      if (word == name) text = fields;
    constexpr std::string_view months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", days = "SUNMONTUEWEDTHUFRISAT";
    minutes_ = field(text, 0, 59, {}, 0);
    hours_ = field(text, 0, 23, {}, 0);
    any_day_ = next_is_star(text);
    days_ = field(text, 1, 31, {}, 0);
    months_ = field(text, 1, 12, months, 1);
    any_weekday_ = next_is_star(text);
    weekdays_ = field(text, 0, 7, days, 0);
    if ((weekdays_ & 0x80U) != 0) weekdays_ = (weekdays_ | 1U) & 0x7fU;
    skip_space(text);
    if (!text.empty()) throw std::invalid_argument("a schedule has five fields");
    constexpr std::array<std::uint64_t, 13> longest = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool exists = !any_day_ && !any_weekday_;
    for (std::uint64_t m = 1; m <= 12; ++m)
      for (std::uint64_t d = 1; d <= longest[m]; ++d) exists = exists || ((months_ >> m & days_ >> d) & 1U) != 0;
    if (!exists) throw std::invalid_argument("no year has such a date");
  }

  /// The first time after `seconds` (since 1970, UTC); INT64_MAX if none comes within 40 years.
  [[nodiscard]] std::int64_t next_after(std::int64_t seconds, bool local) const {
    std::int64_t t = (seconds / 60 + 1) * 60;
    const std::int64_t end = t + std::int64_t{40} * 366 * 86400;
    while (t < end) {
      const Fields now = fields(t, local);
      if (is_due(t, now, local)) return t;
      // Most days and hours are skipped as a whole; never over a change of the zone.
      if (!on_day(now)) {
        const std::int64_t midnight = t + (24 * 60 - now.hour * 60 - now.minute) * std::int64_t{60};
        if (fields(midnight, local).offset == now.offset) {
          t = midnight;
          continue;
        }
      }
      t += 60;
    }
    return INT64_MAX;
  }

 private:
  struct Fields {
    int minute, hour, day, month, weekday;
    std::int64_t offset;
  };
  static Fields fields(std::int64_t t, bool local) {
    const std::time_t time = t;
    std::tm tm{};
    if (local)
      ::localtime_r(&time, &tm);
    else
      ::gmtime_r(&time, &tm);
    return {tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon + 1, tm.tm_wday, local ? tm.tm_gmtoff : 0};
  }
  [[nodiscard]] bool on_day(const Fields& f) const {
    const bool day = (days_ >> f.day & 1U) != 0, weekday = (weekdays_ >> f.weekday & 1U) != 0;
    return (months_ >> f.month & 1U) != 0 && (any_day_ || any_weekday_ ? day && weekday : day || weekday);
  }
  [[nodiscard]] bool matches(const Fields& f) const {
    return (minutes_ >> f.minute & 1U) != 0 && (hours_ >> f.hour & 1U) != 0 && on_day(f);
  }
  [[nodiscard]] bool is_due(std::int64_t t, const Fields& now, bool local) const {
    if (!local || hours_ == 0xffffffU) return matches(now);
    const Fields before = fields(t - 60, true);
    // After a gap: what fell into it.
    for (std::int64_t skipped = t + before.offset; skipped < t + now.offset; skipped += 60)
      if (matches(fields(skipped, false))) return true;
    if (!matches(now)) return false;
    // The second pass of a repeated time?
    const std::int64_t earlier = fields(t - std::int64_t{3} * 3600, true).offset;
    return earlier <= now.offset || fields(t + now.offset - earlier, true).offset != earlier;
  }

  static void skip_space(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); }
  static bool next_is_star(std::string_view text) {
    skip_space(text);
    return !text.empty() && text.front() == '*';
  }
  static constexpr unsigned most = 1000;
  static unsigned value(std::string_view& text, unsigned low, unsigned high, std::string_view names, unsigned first) {
    if (text.size() >= 3 && !names.empty()) {
      std::string word(text.substr(0, 3));
      for (char& c : word) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      for (std::size_t i = 0; i < names.size(); i += 3)
        if (names.substr(i, 3) == word) {
          text.remove_prefix(3);
          return static_cast<unsigned>(i / 3) + first;
        }
    }
    unsigned out = 0;
    std::size_t n = 0;
    for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n) out = std::min(out * 10 + static_cast<unsigned>(text[n] - '0'), most);
    if (n == 0 || out < low || out > high) throw std::invalid_argument("a field of a schedule has a value that is none, or out of range");
    text.remove_prefix(n);
    return out;
  }
  static std::uint64_t field(std::string_view& text, unsigned low, unsigned high, std::string_view names, unsigned first) {
    skip_space(text);
    std::uint64_t out = 0;
    for (;;) {
      unsigned from = low, to = high;
      const bool star = !text.empty() && text.front() == '*';
      bool range = true;
      if (star) {
        text.remove_prefix(1);
        if (high == 7) to = 6;
      } else {
        from = to = value(text, low, high, names, first);
        range = !text.empty() && text.front() == '-';
        if (range) {
          text.remove_prefix(1);
          to = value(text, low, high, names, first);
          if (high == 7 && to == 0 && from > 0) to = 7;
        }
      }
      unsigned step = 1;
      if (!text.empty() && text.front() == '/') {
        text.remove_prefix(1);
        step = value(text, 1, most, {}, 0);
        if (!range) throw std::invalid_argument("a step needs a range or `*`");
      }
      if (to < from) throw std::invalid_argument("a range of a schedule runs backwards");
      const bool star_of_days = star && (high == 31 || high == 7);
      if (from != to && step > to - from + (star_of_days ? 1 : 0)) throw std::invalid_argument("a step is longer than its range");
      for (unsigned v = from; v <= to; v += step) out |= std::uint64_t{1} << v;
      if (text.empty() || text.front() != ',') break;
      text.remove_prefix(1);
    }
    if (!text.empty() && text.front() != ' ' && text.front() != '\t')
      throw std::invalid_argument("a field of a schedule has something behind it");
    return out;
  }

  std::uint64_t minutes_ = 0, hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
  bool any_day_ = false, any_weekday_ = false;
};

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
