// Text -> Schedule, with errors that say where, what was expected and what to write instead.
#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "kernel/schedule.hpp"

namespace tenon::host {
namespace {

constexpr std::array<std::string_view, 12> month_names = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct Field {
  std::string_view name;
  unsigned min, max;
  std::span<const std::string_view> words;
};
constexpr std::array<Field, 5> fields = {{{"minute", 0, 59, {}},
                                          {"hour", 0, 23, {}},
                                          {"day of month", 1, 31, {}},
                                          {"month", 1, 12, month_names},
                                          {"day of week", 0, 7, weekday_names}}};
constexpr std::string_view expected_fields = "minute, hour, day of month, month, day of week";

struct Shorthand {
  std::string_view word, schedule;
};
constexpr std::array<Shorthand, 7> shorthands = {{{"@yearly", "0 0 1 1 *"},
                                                  {"@annually", "0 0 1 1 *"},
                                                  {"@monthly", "0 0 1 * *"},
                                                  {"@weekly", "0 0 * * 0"},
                                                  {"@daily", "0 0 * * *"},
                                                  {"@midnight", "0 0 * * *"},
                                                  {"@hourly", "0 * * * *"}}};

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}
std::string quoted(std::string_view text) { return "`" + printable(text, 80) + "`"; }
std::string range_of(const Field& f) { return std::to_string(f.min) + "-" + std::to_string(f.max); }
unsigned longest_month(unsigned month) { return month == 2 ? 29 : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31; }

}  // namespace

class ScheduleParser {
 public:
  explicit ScheduleParser(std::string_view text) : text_(text) {}

  Result<Schedule> parse() {
    if (text_.size() > Schedule::max_length)
      return refusal("schedule of " + std::to_string(text_.size()) + " bytes: at most " + std::to_string(Schedule::max_length) +
                     " are read");
    std::size_t first = 0;
    while (first < text_.size() && is_blank(text_[first])) ++first;
    if (first < text_.size() && text_[first] == '@') return shorthand(first);
    if (auto ok = all_fields(); !ok) return ok.error();
    out_.text_ = text_;
    return out_;
  }

 private:
  static Error refusal(std::string message) { return {Code::invalid_argument, std::move(message), "BAD_SCHEDULE", 0, ExitCode::config}; }
  [[nodiscard]] Error at(std::size_t position, const Field& field, const std::string& what) const {
    return refusal("schedule " + quoted(text_) + ", character " + std::to_string(position + 1) + " (" + std::string(field.name) +
                   "): " + what);
  }

  Result<Schedule> shorthand(std::size_t first) {
    std::string_view word = text_.substr(first);
    while (is_blank(word.back())) word.remove_suffix(1);
    for (const Shorthand& s : shorthands)
      if (word == s.word) {
        Result<Schedule> out = ScheduleParser(s.schedule).parse();
        out->text_ = text_;
        return out;
      }
    std::string known;
    for (const Shorthand& s : shorthands) known += (known.empty() ? "" : " ") + std::string(s.word);
    const std::string instead = word == "@reboot"            ? "for once after each start use a task `after`"
                                : word.starts_with("@every") ? "for a fixed interval use a task `every`"
                                                             : "expected one of " + known + ", or five fields";
    return refusal("schedule " + quoted(text_) + ": " + quoted(word) + " is not offered, " + instead);
  }

  Result<void> all_fields() {
    std::size_t count = 0;
    std::array<std::pair<std::size_t, std::size_t>, fields.size()> spans;
    for (std::size_t p = 0; p < text_.size();) {
      if (is_blank(text_[p])) {
        ++p;
        continue;
      }
      std::size_t end = p;
      while (end < text_.size() && !is_blank(text_[end])) ++end;
      if (count < spans.size()) spans[count] = {p, end};
      ++count;
      p = end;
    }
    if (count != fields.size())
      return refusal("schedule " + quoted(text_) + ": " + std::to_string(count) + (count == 1 ? " field" : " fields") + ", expected 5 (" +
                     std::string(expected_fields) + (count == 6 ? "); seconds are not offered" : ")"));
    std::array<std::uint64_t, fields.size()> sets{};
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (auto ok = field(fields[i], spans[i].first, spans[i].second, sets[i]); !ok) return ok;
    out_.minutes_ = sets[0];
    out_.hours_ = static_cast<std::uint32_t>(sets[1]);
    out_.days_ = static_cast<std::uint32_t>(sets[2]);
    out_.months_ = static_cast<std::uint32_t>(sets[3]);
    out_.weekdays_ = static_cast<std::uint32_t>((sets[4] | sets[4] >> 7) & 0x7f);
    out_.any_day_ = text_[spans[2].first] == '*';
    out_.any_weekday_ = text_[spans[4].first] == '*';
    return possible(spans[2].first);
  }

  // A date no year has. Only a day of month can be one; beside a day of week it is not the only way to match.
  [[nodiscard]] Result<void> possible(std::size_t position) const {
    if (!any_day_restricts()) return {};
    std::vector<std::string_view> names;
    for (unsigned month = 1; month <= 12; ++month) {
      if ((out_.months_ >> month & 1) == 0) continue;
      const std::uint64_t has = (std::uint64_t{2} << longest_month(month)) - 1;
      if ((out_.days_ & has) != 0) return {};
      names.push_back(month_names[month - 1]);
    }
    std::string all;
    for (std::size_t i = 0; i < names.size(); ++i) all.append(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ").append(names[i]);
    return at(position, fields[2], "never due, because " + all + (names.size() == 1 ? " never has that day" : " never have that day"));
  }
  [[nodiscard]] bool any_day_restricts() const { return !out_.any_day_ && out_.any_weekday_; }

  Result<void> field(const Field& f, std::size_t begin, std::size_t end, std::uint64_t& set) {
    position_ = begin;
    end_ = end;
    for (;;) {
      if (auto ok = element(f, set); !ok) return ok;
      if (position_ == end_) return {};
      if (text_[position_] != ',') return at(position_, f, unexpected(f));
      ++position_;
    }
  }

  // What to say about a character that cannot stand where it does.
  [[nodiscard]] std::string unexpected(const Field& f) const {
    const std::string_view rest = text_.substr(position_, end_ - position_);
    switch (rest[0]) {
      case '?':
        return "`?` is not offered, write `*`";
      case 'L':
      case 'W':
      case '#':
        return quoted(rest.substr(0, 1)) + " is not offered; expected values, ranges and steps like `1-5`, `*/2`, joined by `,`";
      default:
        return quoted(rest) + " is unexpected; " + expectation(f) + ", or after one of them `-`, `/` or `,`";
    }
  }
  static std::string expectation(const Field& f) {
    std::string out = "expected `*` or " + range_of(f);
    if (!f.words.empty()) out += " or " + std::string(f.words.front()) + "-" + std::string(f.words.back());
    return out;
  }

  struct Number {
    unsigned value = 0;
    bool is_word = false;
  };
  Result<Number> value(const Field& f) {
    const std::size_t begin = position_;
    if (begin == end_ || text_[begin] == ',') return at(begin, f, "a value is missing, " + expectation(f));
    const auto run = [&](bool (*is)(char)) {
      while (position_ < end_ && is(text_[position_])) ++position_;
      return text_.substr(begin, position_ - begin);
    };
    if (is_digit(text_[begin])) {
      const std::string_view digits = run(&is_digit);
      unsigned v = 0;
      for (const char c : digits) v = std::min(v * 10 + static_cast<unsigned>(c - '0'), 1000U);
      if (v < f.min || v > f.max) return at(begin, f, quoted(digits) + " is out of range, " + expectation(f));
      return Number{v, false};
    }
    if (!is_letter(text_[begin])) return at(begin, f, unexpected(f));
    const std::string_view letters = run(&is_letter);
    const std::string name = upper(letters);
    for (std::size_t i = 0; i < f.words.size(); ++i) {
      if (name == f.words[i]) return Number{f.min + static_cast<unsigned>(i), true};
      if (name.size() > 3 && name.starts_with(f.words[i]))
        return at(begin, f, quoted(letters) + " has more than three letters, write `" + std::string(f.words[i]) + "`");
    }
    if (name == "L" || name == "W" || name == "LW") {
      position_ = begin;
      return at(begin, f, "`" + name + "` is not offered, " + expectation(f));
    }
    return at(begin, f, quoted(letters) + " is unknown, " + expectation(f));
  }

  Result<void> element(const Field& f, std::uint64_t& set) {
    const std::size_t begin = position_;
    const bool is_weekday = f.max == 7;
    unsigned low = f.min, high = is_weekday ? 6 : f.max;
    bool single = false;
    if (position_ < end_ && text_[position_] == '*') {
      ++position_;
    } else {
      const auto from = value(f);
      if (!from) return from.error();
      low = high = from.value().value;
      single = true;
      if (position_ < end_ && text_[position_] == '-') {
        ++position_;
        single = false;
        const auto to = value(f);
        if (!to) return to.error();
        high = to.value().value;
        if (is_weekday && high == 0 && low > 0) high = 7;  // FRI-SUN
        if (high < low && is_weekday && low == 7)          // of the week: the Sunday it begins with
          return at(begin, f, "the range goes backwards, write `0-" + text(f, high, to.value().is_word) + "`");
        if (high < low) {
          const std::string first = text(f, low, from.value().is_word), last = text(f, high, to.value().is_word);
          return at(begin, f,
                    "the range goes backwards, write `" + first + "-" + text(f, is_weekday ? 6 : f.max, from.value().is_word) + "," +
                        text(f, f.min, to.value().is_word) + "-" + last + "`");
        }
      }
    }
    unsigned step = 1;
    if (position_ < end_ && text_[position_] == '/') {
      const std::size_t slash = position_++;
      if (single)
        return at(slash, f,
                  "a step needs `*` or a range, write `" + std::to_string(is_weekday && low == 7 ? 0 : low) + "-" +
                      std::to_string(is_weekday ? 6 : f.max) + std::string(text_.substr(slash, end_ - slash)) + "`");
      if (auto ok = step_of(f, low, high, step); !ok) return ok;
    }
    for (unsigned v = low; v <= high; v += step) set |= std::uint64_t{1} << v;
    return {};
  }

  Result<void> step_of(const Field& f, unsigned low, unsigned high, unsigned& step) {
    const std::size_t begin = position_;
    while (position_ < end_ && is_digit(text_[position_])) ++position_;
    const std::string_view digits = text_.substr(begin, position_ - begin);
    if (digits.empty()) return at(begin, f, "a step is a number, like `*/2`");
    step = 0;
    for (const char c : digits) step = std::min(step * 10 + static_cast<unsigned>(c - '0'), 1000U);
    if (step == 0) return at(begin, f, "a step of 0 never moves on, expected 1 or more");
    // Beside a day of the month, `*/7` is how cron says "and a Sunday": in fields of days it has a use.
    const bool is_day = f.max == 31 || f.max == 7;
    if (high != low && step > high - low + (is_day && text_[begin - 2] == '*' ? 1 : 0))
      return at(begin, f,
                "a step of " + std::string(digits) + " is longer than its range and only hits its first value, write `" +
                    std::to_string(low) + "`");
    return {};
  }

  static std::string text(const Field& f, unsigned v, bool as_word) {
    return as_word ? std::string(f.words[(v - f.min) % f.words.size()]) : std::to_string(v);
  }

  std::string_view text_;
  std::size_t position_ = 0, end_ = 0;
  Schedule out_;
};

Result<Schedule> Schedule::parse(std::string_view text) { return ScheduleParser(text).parse(); }

}  // namespace tenon::host
