#include "proc.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_set>

namespace sysmon {
namespace {

/// Walks over lines, and over words within a line.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}
  std::string_view next() {
    const auto begin = std::min(rest_.find_first_not_of(" \t\r"), rest_.size());
    const auto end = std::min(rest_.find_first_of(" \t\r", begin), rest_.size());
    const auto word = rest_.substr(begin, end - begin);
    rest_.remove_prefix(end);
    return word;
  }

 private:
  std::string_view rest_;
};

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const auto end = std::min(rest_.find('\n'), rest_.size());
    line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    return true;
  }
  [[nodiscard]] std::string problem(std::string_view what) const { return "line " + std::to_string(number_) + ": " + std::string(what); }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

template <class T>
bool number(std::string_view word, T& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size() && !word.empty();
}

void note(std::string& problem, std::string text) {
  if (problem.empty()) problem = std::move(text);
}

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

/// user nice system idle are there in every kernel, the others came one by one and may be absent.
bool read_times(Words& words, CpuTimes& t) {
  if (!number(words.next(), t.user) || !number(words.next(), t.nice) || !number(words.next(), t.system) || !number(words.next(), t.idle))
    return false;
  for (std::uint64_t* field : {&t.iowait, &t.irq, &t.softirq, &t.steal}) {
    const auto word = words.next();
    if (word.empty()) return true;
    if (!number(word, *field)) return false;
  }
  return true;
}

/// sda1 beside sda, nvme0n1p2 beside nvme0n1: digits behind the name of a disk, after a `p` if that name ends with a digit.
bool is_partition(std::string_view name, const std::unordered_set<std::string_view>& names) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  auto base = name;
  while (!base.empty() && is_digit(base.back())) base.remove_suffix(1);
  if (base.size() == name.size() || base.empty()) return false;
  if (!is_digit(base.back()) && names.count(base) != 0) return true;
  if (base.back() != 'p') return false;
  base.remove_suffix(1);
  return !base.empty() && is_digit(base.back()) && names.count(base) != 0;
}

}  // namespace

Parsed<Stat> parse_stat(std::string_view text) {
  Parsed<Stat> out;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    if (!starts_with(line, "cpu")) continue;
    Words words(line);
    const auto name = words.next();
    Cpu cpu;
    if (name != "cpu" && !number(name.substr(3), cpu.index)) {
      note(out.problem, lines.problem("expected `cpu` or `cpu<number>`"));
    } else if (!read_times(words, cpu.times)) {
      note(out.problem, lines.problem("expected at least four numbers behind the name of a CPU"));
    } else if (name == "cpu") {
      out.value.total = cpu.times;
    } else {
      out.value.cpus.push_back(cpu);
    }
  }
  auto& cpus = out.value.cpus;
  std::sort(cpus.begin(), cpus.end(), [](const Cpu& a, const Cpu& b) { return a.index < b.index; });
  const auto twice = std::adjacent_find(cpus.begin(), cpus.end(), [](const Cpu& a, const Cpu& b) { return a.index == b.index; });
  if (twice != cpus.end()) {
    note(out.problem, "cpu" + std::to_string(twice->index) + " is there twice");
    cpus.erase(std::unique(cpus.begin(), cpus.end(), [](const Cpu& a, const Cpu& b) { return a.index == b.index; }), cpus.end());
  }
  if (!out.value.total) note(out.problem, "there is no line `cpu`");
  return out;
}

Parsed<std::optional<Memory>> parse_meminfo(std::string_view text) {
  Parsed<std::optional<Memory>> out;
  std::optional<std::uint64_t> total, available, free, buffers, cached, swap_total, swap_free;
  const std::pair<std::string_view, std::optional<std::uint64_t>*> wanted[] = {
      {"MemTotal:", &total}, {"MemAvailable:", &available}, {"MemFree:", &free},      {"Buffers:", &buffers},
      {"Cached:", &cached},  {"SwapTotal:", &swap_total},   {"SwapFree:", &swap_free}};
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Words words(line);
    const auto key = words.next();
    for (const auto& [name, field] : wanted) {
      if (key != name) continue;
      std::uint64_t kib = 0;
      if (!number(words.next(), kib) || words.next() != "kB" || kib > UINT64_MAX / 1024) {
        note(out.problem, lines.problem("expected a number of kB"));
      } else {
        *field = kib * 1024;
      }
    }
  }
  // Before Linux 3.14 there is no MemAvailable; this is what people computed then.
  if (!available && free && buffers && cached) available = *free + *buffers + *cached;
  if (!total || !available) {
    note(out.problem, "`MemTotal` or `MemAvailable` is missing");
    return out;
  }
  out.value = Memory{*total, std::min(*available, *total), swap_total.value_or(0), std::min(swap_free.value_or(0), swap_total.value_or(0))};
  return out;
}

Parsed<std::optional<LoadAverage>> parse_loadavg(std::string_view text) {
  Parsed<std::optional<LoadAverage>> out;
  Words words(text.substr(0, text.find('\n')));
  LoadAverage l;
  for (double* field : {&l.one, &l.five, &l.fifteen}) {
    if (!number(words.next(), *field) || !(*field >= 0) || *field > 1e9) {
      out.problem = "expected three load averages";
      return out;
    }
  }
  const auto tasks = words.next();
  const auto slash = tasks.find('/');
  if (slash == std::string_view::npos || !number(tasks.substr(0, slash), l.running) || !number(tasks.substr(slash + 1), l.tasks)) {
    out.problem = "expected `running/tasks` behind the load averages";
    return out;
  }
  out.value = l;
  return out;
}

Parsed<std::vector<Disk>> parse_diskstats(std::string_view text) {
  Parsed<std::vector<Disk>> out;
  std::vector<Disk> all;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Words words(line);
    std::uint64_t major = 0, minor = 0, ignored = 0;
    const auto first = words.next();
    if (first.empty()) continue;
    Disk d;
    if (!number(first, major) || !number(words.next(), minor)) {
      note(out.problem, lines.problem("expected the numbers of a device"));
      continue;
    }
    d.name = words.next();
    if (starts_with(d.name, "loop") || starts_with(d.name, "ram")) continue;
    std::uint64_t* const fields[] = {&d.reads, &ignored,           &d.read_sectors, &ignored, &d.writes,
                                     &ignored, &d.written_sectors, &ignored,        &ignored, &d.busy_ms};
    if (d.name.empty() || d.name.size() > 64 ||
        !std::all_of(std::begin(fields), std::end(fields), [&](std::uint64_t* f) { return number(words.next(), *f); })) {
      note(out.problem, lines.problem("expected a name and at least ten counters"));
      continue;
    }
    all.push_back(std::move(d));
  }
  std::unordered_set<std::string_view> names;
  for (const Disk& d : all) names.insert(d.name);
  for (Disk& d : all) {
    if (d.reads + d.writes != 0 && !is_partition(d.name, names)) out.value.push_back(d);
  }
  return out;
}

}  // namespace sysmon
