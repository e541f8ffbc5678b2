// How a sample is told: as the fields of a log line, and as JSON.
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "sample.hpp"

namespace sysmon {
namespace {

constexpr std::size_t max_cpu_text = 8U << 10U;  // the host cuts a line at 16 KiB

std::string percent(unsigned permille) { return std::to_string(permille / 10) + "." + std::to_string(permille % 10); }

std::string decimal(double value) {
  char out[32];
  const auto end = std::to_chars(out, out + sizeof out, value, std::chars_format::fixed, 2).ptr;
  return {out, end};
}

unsigned used_permille(std::uint64_t used, std::uint64_t total) {
  return total == 0 ? 0 : static_cast<unsigned>(static_cast<double>(used) / static_cast<double>(total) * 1000 + 0.5);
}

/// Load and memory: numbers in both forms.
Fields numbers_of(const Use& use) {
  Fields out;
  if (use.load) {
    const LoadAverage& l = *use.load;
    out.insert(out.end(), {{"load1", decimal(l.one)},
                           {"load5", decimal(l.five)},
                           {"load15", decimal(l.fifteen)},
                           {"running", std::to_string(l.running)},
                           {"tasks", std::to_string(l.tasks)}});
  }
  if (use.memory) {
    const Memory& m = *use.memory;
    out.insert(out.end(), {{"mem_total", std::to_string(m.total)},
                           {"mem_available", std::to_string(m.available)},
                           {"mem_used", percent(used_permille(m.total - m.available, m.total))},
                           {"swap_total", std::to_string(m.swap_total)},
                           {"swap_used", percent(used_permille(m.swap_total - m.swap_free, m.swap_total))}});
  }
  if (use.cpu_permille) out.emplace_back("cpu", percent(*use.cpu_permille));
  if (use.cpu_count) out.emplace_back("cpu_count", std::to_string(*use.cpu_count));
  return out;
}

std::array<std::pair<const char*, std::string>, 5> numbers_of(const DiskUse& d) {
  return {{{"reads", std::to_string(d.reads)},
           {"writes", std::to_string(d.writes)},
           {"read_bytes", std::to_string(d.read_bytes)},
           {"write_bytes", std::to_string(d.written_bytes)},
           {"busy", percent(d.busy_permille)}}};
}

/// CPUs as `item(index, percent)`, joined by `separator`, within the bound.
template <class Item>
std::string joined_cpus(const Use& use, char separator, Item item) {
  std::string out;
  for (const CpuUse& cpu : use.cpus) {
    std::string one = out.empty() ? "" : std::string(1, separator);
    one += item(std::to_string(cpu.index), percent(cpu.permille));
    if (out.size() + one.size() > max_cpu_text) break;
    out += one;
  }
  return out;
}

/// The names of disks are the kernel's: what is not printable ASCII is told as the byte it is.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte >= 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string utc(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char out[64];
  const std::size_t n = std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(out + n, sizeof out - n, ".%03dZ", static_cast<int>(ms % 1000));
  return out;
}

}  // namespace

Fields fields_of(const Use& use) {
  Fields out = numbers_of(use);
  std::string each = joined_cpus(use, ' ', [](const std::string& index, const std::string& share) { return index + ":" + share; });
  if (!each.empty()) out.emplace_back("cpu_each", std::move(each));
  for (const DiskUse& d : use.disks) {
    std::string text;
    for (const auto& [key, value] : numbers_of(d)) text += (text.empty() ? "" : " ") + std::string(key) + "=" + value;
    out.emplace_back("disk." + d.name, std::move(text));
  }
  if (use.disks_omitted != 0) out.emplace_back("disks_omitted", std::to_string(use.disks_omitted));
  return out;
}

std::string json_of(const Use& use, std::chrono::system_clock::time_point time) {
  std::string out = R"({"time":")" + utc(time) + '"';
  for (const auto& [key, value] : numbers_of(use)) out += ",\"" + key + "\":" + value;
  const std::string each =
      joined_cpus(use, ',', [](const std::string& index, const std::string& share) { return '"' + index + "\":" + share; });
  if (!each.empty()) out += R"(,"cpu_each":{)" + each + '}';
  if (!use.disks.empty()) {
    std::string disks;
    for (const DiskUse& d : use.disks) {
      std::string one;
      for (const auto& [key, value] : numbers_of(d)) one += (one.empty() ? "\"" : ",\"") + std::string(key) + "\":" + value;
      disks += (disks.empty() ? "" : ",") + quoted(d.name) + ":{" + one + '}';
    }
    out += R"(,"disks":{)" + disks + '}';
  }
  if (use.disks_omitted != 0) out += R"(,"disks_omitted":)" + std::to_string(use.disks_omitted);
  return out + '}';
}

}  // namespace sysmon
