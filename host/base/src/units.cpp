#include <algorithm>
#include <array>
#include <limits>

#include "base/text.hpp"

namespace tenon::host {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 7> duration_units = {{{"d", 86'400'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};
constexpr std::array<Unit, 9> size_units = {{{"B", 1},
                                             {"kB", 1'000},
                                             {"MB", 1'000'000},
                                             {"GB", 1'000'000'000},
                                             {"TB", 1'000'000'000'000},
                                             {"KiB", 1ULL << 10U},
                                             {"MiB", 1ULL << 20U},
                                             {"GiB", 1ULL << 30U},
                                             {"TiB", 1ULL << 40U}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Error bad(std::string_view what, std::string_view text, std::string_view expected) {
  return {Code::invalid_argument,
          "`" + printable(text, 60) + "` is no " + std::string(what) + ": " + std::string(expected),
          {},
          0,
          ExitCode::config};
}

struct Number {
  std::uint64_t whole = 0, fraction = 0, fraction_scale = 1;
};

// Digits with an optional decimal part of at most 9 digits. Takes them off `text`.
bool take_number(std::string_view& text, Number& out) {
  std::size_t i = 0;
  for (; i < text.size() && is_digit(text[i]); ++i) {
    const auto digit = static_cast<std::uint64_t>(text[i] - '0');
    if (out.whole > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return false;
    out.whole = out.whole * 10 + digit;
  }
  if (i == 0) return false;
  if (i < text.size() && text[i] == '.') {
    const std::size_t first = ++i;
    for (; i < text.size() && is_digit(text[i]); ++i) {
      if (i - first >= 9) return false;
      out.fraction = out.fraction * 10 + static_cast<std::uint64_t>(text[i] - '0');
      out.fraction_scale *= 10;
    }
    if (i == first) return false;
  }
  text.remove_prefix(i);
  return true;
}

// whole * factor + fraction * factor, if it is a whole number that fits.
bool scale(const Number& n, std::uint64_t factor, std::uint64_t max, std::uint64_t& out) {
  __extension__ using Wide = unsigned __int128;
  const Wide fraction = static_cast<Wide>(n.fraction) * factor;
  if (fraction % n.fraction_scale != 0) return false;
  const Wide value = static_cast<Wide>(n.whole) * factor + fraction / n.fraction_scale;
  if (value > max) return false;
  out = static_cast<std::uint64_t>(value);
  return true;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  constexpr std::string_view expected = "expected a number with a unit, such as `250ms`, `5s`, `1h30m`";
  constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  if (rest.empty()) return bad("duration", text, expected);
  while (!rest.empty()) {
    Number number;
    if (!take_number(rest, number)) return bad("duration", text, expected);
    const std::size_t letters =
        static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), [](char c) { return is_digit(c) || c == '.'; }) - rest.begin());
    const std::string_view name = rest.substr(0, letters);
    std::size_t u = next_unit;  // units only descend, each at most once: "30m1h" and "1s2s" are typing errors
    while (u < duration_units.size() && duration_units[u].name != name) ++u;
    if (u == duration_units.size())
      return bad("duration", text, name.empty() ? "a unit is missing (ns us ms s m h d)" : "units are d h m s ms us ns, largest first");
    next_unit = u + 1;
    rest.remove_prefix(letters);
    std::uint64_t part = 0;
    if (!scale(number, duration_units[u].factor, max - total, part)) return bad("duration", text, "it is too long, or finer than 1 ns");
    total += part;
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

std::string format_duration(std::chrono::nanoseconds d) {
  std::string out;
  std::uint64_t rest = 0;
  if (d.count() < 0) {
    out = "-";
    rest = 0ULL - static_cast<std::uint64_t>(d.count());
  } else {
    rest = static_cast<std::uint64_t>(d.count());
  }
  if (rest == 0) return "0s";
  for (const Unit& unit : duration_units) {
    if (rest < unit.factor) continue;
    out += std::to_string(rest / unit.factor);
    out += unit.name;
    rest %= unit.factor;
  }
  return out;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest = text;
  Number number;
  if (!take_number(rest, number)) return bad("size", text, "expected a number with a unit, such as `100B`, `64KiB`, `16MiB`");
  const auto* unit = std::find_if(size_units.begin(), size_units.end(), [&rest](const Unit& u) { return u.name == rest; });
  if (unit == size_units.end())
    return bad("size", text,
               rest.empty() ? "a unit is missing (B kB MB GB TB KiB MiB GiB TiB)" : "units are B kB MB GB TB KiB MiB GiB TiB");
  std::uint64_t out = 0;
  if (!scale(number, unit->factor, std::numeric_limits<std::uint64_t>::max(), out))
    return bad("size", text, "it is too large, or no whole number of bytes");
  return out;
}

std::string format_size(std::uint64_t bytes) {
  for (std::size_t i = size_units.size(); i-- > 5;)
    if (bytes != 0 && bytes % size_units[i].factor == 0)
      return std::to_string(bytes / size_units[i].factor) + std::string(size_units[i].name);
  return std::to_string(bytes) + "B";
}

}  // namespace tenon::host
