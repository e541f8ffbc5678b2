#include "manifest/version.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <tuple>

#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_version_bytes = 255;
constexpr std::size_t max_range_bytes = 1024;
constexpr std::size_t max_comparisons = 16;
constexpr std::uint64_t max_number = std::numeric_limits<std::uint64_t>::max();

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_identifier_char(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'; }
bool is_numeric(std::string_view s) { return std::all_of(s.begin(), s.end(), is_digit); }

Error bad(std::string message, std::string reason) {
  Error e;
  e.code = Code::invalid_argument;
  e.message = std::move(message);
  e.reason = std::move(reason);
  e.exit = ExitCode::config;
  return e;
}

/// A version of which only the first `parts` of the three numbers were written.
struct Partial {
  Version version;
  int parts = 0;
};

/// What is wrong with `text` as MAJOR[.MINOR[.PATCH[-prerelease][+build]]] goes into `why`, as the end of a sentence.
std::optional<Partial> parse_partial(std::string_view text, std::string& why) {
  if (text.size() > max_version_bytes) {
    why = "it is longer than " + std::to_string(max_version_bytes) + " bytes";
    return std::nullopt;
  }
  Partial out;
  std::uint64_t* const numbers[] = {&out.version.major, &out.version.minor, &out.version.patch};
  static constexpr std::string_view number_names[] = {"major", "minor", "patch"};
  std::size_t i = 0;
  for (;;) {
    const std::size_t begin = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    const std::string_view digits = text.substr(begin, i - begin);
    const std::string_view name = number_names[out.parts];
    if (digits.empty()) {
      why = begin == 0 ? "it does not start with a number" : "the " + std::string(name) + " number is missing";
      return std::nullopt;
    }
    if (digits.size() > 1 && digits[0] == '0') {
      why = "the " + std::string(name) + " number has a leading zero";
      return std::nullopt;
    }
    if (std::from_chars(digits.data(), digits.data() + digits.size(), *numbers[out.parts]).ec != std::errc()) {
      why = "the " + std::string(name) + " number does not fit 64 bits";
      return std::nullopt;
    }
    ++out.parts;
    if (out.parts == 3 || i == text.size() || text[i] != '.') break;
    ++i;
  }
  if (i == text.size()) return out;
  if (out.parts < 3 || (text[i] != '-' && text[i] != '+')) {
    why = "`" + printable(text.substr(i, 1)) + "` is out of place";
    if (out.parts == 3 && text[i] == '.') why = "it has more than three numbers";
    return std::nullopt;
  }
  const bool has_prerelease = text[i] == '-';
  const std::size_t plus = text.find('+', i);
  const auto check_identifiers = [&why](std::string_view list, std::string_view what, bool leading_zeros) {
    for (std::string_view id : split(list, '.')) {
      if (id.empty() || !std::all_of(id.begin(), id.end(), is_identifier_char)) {
        why = id.empty()
                  ? "its " + std::string(what) + " part has an empty identifier"
                  : "its " + std::string(what) + " part `" + printable(id, 40) + "` has other characters than letters, digits and `-`";
        return false;
      }
      if (!leading_zeros && id.size() > 1 && id[0] == '0' && is_numeric(id)) {
        why = "the number `" + printable(id, 40) + "` in its " + std::string(what) + " part has a leading zero";
        return false;
      }
    }
    return true;
  };
  if (has_prerelease) {
    out.version.prerelease = text.substr(i + 1, plus == std::string_view::npos ? plus : plus - i - 1);
    if (!check_identifiers(out.version.prerelease, "prerelease", false)) return std::nullopt;
  }
  if (plus != std::string_view::npos) {
    out.version.build = text.substr(plus + 1);
    if (!check_identifiers(out.version.build, "build", true)) return std::nullopt;
  }
  return out;
}

std::strong_ordering compare_text(std::string_view a, std::string_view b) {
  const int c = a.compare(b);
  return c < 0 ? std::strong_ordering::less : c > 0 ? std::strong_ordering::greater : std::strong_ordering::equal;
}

/// Numeric identifiers have no leading zeros, so that the longer one is the greater, however many digits it has.
std::strong_ordering compare_identifiers(std::string_view a, std::string_view b) {
  const bool a_number = is_numeric(a), b_number = is_numeric(b);
  if (a_number != b_number) return a_number ? std::strong_ordering::less : std::strong_ordering::greater;
  if (a_number && a.size() != b.size()) return a.size() <=> b.size();
  return compare_text(a, b);
}

/// Takes the first identifier off a dotted list.
std::string_view take_identifier(std::string_view& list) {
  const std::size_t dot = list.find('.');
  const std::string_view id = list.substr(0, dot);
  list = dot == std::string_view::npos ? std::string_view() : list.substr(dot + 1);
  return id;
}

std::strong_ordering compare_prereleases(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return b.size() <=> a.size();  // a version without a prerelease is the greater
  while (!a.empty() && !b.empty()) {
    const std::string_view a_id = take_identifier(a), b_id = take_identifier(b);
    if (const auto c = compare_identifiers(a_id, b_id); c != 0) return c;
  }
  return a.size() <=> b.size();  // equal so far: more identifiers are greater
}

/// The first version behind all that begin with the numbers of `p`; nullopt if there is none in 64 bits.
std::optional<Version> after_prefix(const Partial& p) {
  Version v;
  v.major = p.version.major;
  if (p.parts == 2) {
    v.minor = p.version.minor;
    if (v.minor != max_number) {
      ++v.minor;
      return v;
    }
    v.minor = 0;
  }
  if (v.major == max_number) return std::nullopt;
  ++v.major;
  return v;
}

/// Where a comparison of `text` ends: an operator, spaces, and a version without spaces.
struct Split {
  std::string_view op, version, whole;
};

Split next_comparison(std::string_view& text) {
  const std::size_t op_end = std::min(text.find_first_not_of("<>=!~^"), text.size());
  const std::size_t begin = std::min(text.find_first_not_of(' ', op_end), text.size());
  const std::size_t end = std::min(text.find(' ', begin), text.size());
  const Split out{text.substr(0, op_end), text.substr(begin, end - begin), text.substr(0, end)};
  text.remove_prefix(end);
  return out;
}

}  // namespace

Result<Version> Version::parse(std::string_view text) {
  std::string why;
  std::optional<Partial> p = parse_partial(text, why);
  if (p && p->parts != 3) why = "it has fewer than three numbers";
  if (p && p->parts == 3) return std::move(p->version);
  return bad("`" + printable(text, 80) + "` is not a version: " + why, "BAD_VERSION");
}

std::string Version::str() const {
  std::string out = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  if (!prerelease.empty()) out += "-" + prerelease;
  if (!build.empty()) out += "+" + build;
  return out;
}

std::strong_ordering operator<=>(const Version& a, const Version& b) {
  if (const auto c = std::tie(a.major, a.minor, a.patch) <=> std::tie(b.major, b.minor, b.patch); c != 0) return c;
  return compare_prereleases(a.prerelease, b.prerelease);
}

Result<VersionRange> VersionRange::parse(std::string_view text) {
  VersionRange out;
  out.text_ = text;
  if (text.size() > max_range_bytes)
    return bad("the version range is longer than " + std::to_string(max_range_bytes) + " bytes", "BAD_RANGE");
  std::size_t written = 0;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) break;
    if (++written > max_comparisons)
      return bad("the version range has more than " + std::to_string(max_comparisons) + " comparisons", "BAD_RANGE");
    const Split c = next_comparison(text);
    const auto refuse = [&c](const std::string& why) {
      return bad("`" + printable(c.whole, 80) + "` is not a comparison of versions: " + why, "BAD_RANGE");
    };
    if (c.op != "" && c.op != "=" && c.op != ">" && c.op != ">=" && c.op != "<" && c.op != "<=")
      return refuse("`" + printable(c.op, 20) + "` is not an operator");
    if (c.version.empty()) return refuse("no version follows `" + std::string(c.op) + "`");
    std::string why;
    std::optional<Partial> p = parse_partial(c.version, why);
    if (!p) return refuse(why);
    out.add(c.op, std::move(p->version), p->parts);
  }
  const auto key = [](const Comparison& c) {
    return std::tie(c.op, c.version.major, c.version.minor, c.version.patch, c.version.prerelease);
  };
  std::sort(out.all_.begin(), out.all_.end(), [&](const Comparison& a, const Comparison& b) { return key(a) < key(b); });
  out.all_.erase(std::unique(out.all_.begin(), out.all_.end(), [&](const Comparison& a, const Comparison& b) { return key(a) == key(b); }),
                 out.all_.end());
  return out;
}

void VersionRange::add(std::string_view op, Version version, int parts) {
  version.build.clear();  // plays no part in precedence
  if (parts == 3 || op == ">=" || op == "<") {
    all_.push_back({op == ">=" ? Op::ge : op == "<" ? Op::lt : op == ">" ? Op::gt : op == "<=" ? Op::le : Op::eq, std::move(version)});
    return;
  }
  std::optional<Version> next = after_prefix({version, parts});
  if (op == "<=") {
    if (next) all_.push_back({Op::lt, std::move(*next)});  // else every version is meant
    return;
  }
  if (op == ">") {
    if (!next) {  // no version is meant: none precedes 0.0.0-0
      next.emplace();
      next->prerelease = "0";
      all_.push_back({Op::lt, std::move(*next)});
    } else {
      all_.push_back({Op::ge, std::move(*next)});
    }
    return;
  }
  // "=1.2": from the least version with this prefix (the prerelease "0" precedes all others) to the least of the next prefix.
  version.prerelease = "0";
  all_.push_back({Op::ge, std::move(version)});
  if (next) {
    next->prerelease = "0";
    all_.push_back({Op::lt, std::move(*next)});
  }
}

bool VersionRange::contains(const Version& v) const {
  return std::all_of(all_.begin(), all_.end(), [&v](const Comparison& c) {
    const auto order = v <=> c.version;
    switch (c.op) {
      case Op::gt:
        return order > 0;
      case Op::ge:
        return order >= 0;
      case Op::lt:
        return order < 0;
      case Op::le:
        return order <= 0;
      case Op::eq:
        break;
    }
    return order == 0;
  });
}

bool operator==(const VersionRange& a, const VersionRange& b) {
  return std::equal(
      a.all_.begin(), a.all_.end(), b.all_.begin(), b.all_.end(),
      [](const VersionRange::Comparison& x, const VersionRange::Comparison& y) { return x.op == y.op && x.version == y.version; });
}

}  // namespace tenon::host
