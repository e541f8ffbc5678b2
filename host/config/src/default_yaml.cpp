// config/tenon.yaml: every key of the table once, with its meaning and its default.
#include <array>

#include "base/text.hpp"
#include "config/config.hpp"
#include "key_table.hpp"
#include "locked.hpp"
#include "value_check.hpp"

namespace tenon::host {
namespace {

using namespace config_room;

constexpr std::size_t width = 110;

struct Line {
  std::size_t depth = 0;
  std::string text;
  bool active = false;
  bool comment = false;  // explains the next key
  bool section = false;
};

// A name for `*`.
std::string_view example_name(std::string_view section) {
  return section == "database.servers" ? "main" : section == "modules.*.loops" ? "poll" : "orders";
}

void explain(std::vector<Line>& lines, std::size_t depth, std::string_view text) {
  if (text.empty()) return;
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) lines.push_back({depth, "##" + line, false, true, false});
    line.clear();
  };
  for (std::string_view word : split(text, ' ')) {
    if (2 * depth + 2 + line.size() + 1 + word.size() > width) flush();
    line.append(" ").append(word);
  }
  flush();
}

// A locked key cannot stand in the file of a production installation; the environment is decided by that very file.
bool can_stand(const KeyRule& rule) { return !is_built_in_locked(rule.pattern) || rule.pattern == "instance.environment"; }

std::string meaning_of(const KeyRule& rule) {
  std::string out(rule.meaning);
  if (out.empty()) return out;
  const bool bounded = rule.type == KeyType::integer || rule.type == KeyType::duration || rule.type == KeyType::size;
  const bool of_a_phase = rule.pattern.find(".timeouts.") != std::string_view::npos;
  if (bounded && !of_a_phase) {
    std::string bounds = describe(rule);
    out += " " + std::string(1, static_cast<char>(bounds[0] - 'a' + 'A')) + bounds.substr(1) + ".";
  }
  if (rule.live) out += " Changes on reload.";
  if (!can_stand(rule)) {
    std::vector<std::string> path;
    std::string before;
    for (std::string_view word : split(rule.pattern, '.')) {
      path.emplace_back(word == "*" ? example_name(before) : word);
      before += (before.empty() ? "" : ".") + std::string(word);
    }
    const std::string variable = super_variable(path);
    out += " Locked: set " + variable.substr(1, variable.size() - 2) + ".";
  }
  return out;
}

// Lines of the table in order; a section is opened when its first key comes.
std::vector<Line> make_lines() {
  std::vector<Line> lines;
  std::vector<std::string> open;
  for (const KeyRule& rule : key_rules()) {
    std::vector<std::string> path;
    std::string prefix;
    std::vector<std::string> sections;
    for (std::string_view word : split(rule.pattern, '.')) {
      path.emplace_back(word == "*" ? example_name(prefix) : word);
      prefix += (prefix.empty() ? "" : ".") + std::string(word);
      sections.push_back(prefix);
    }
    std::size_t common = 0;
    while (common < open.size() && common + 1 < path.size() && open[common] == path[common]) ++common;
    open.resize(common);
    for (std::size_t i = common; i + 1 < path.size(); ++i) {
      if (i == 0) lines.push_back({});
      explain(lines, i, section_meaning(sections[i]));
      lines.push_back({i, path[i] + ":", false, false, true});
      open.push_back(path[i]);
    }
    const std::size_t depth = path.size() - 1;
    if (depth == 0) lines.push_back({});
    explain(lines, depth, meaning_of(rule));
    const bool optional = is_of_optional_section(rule.pattern);
    const bool active = rule.fallback != nullptr && can_stand(rule) && !optional;
    const char* value = rule.fallback != nullptr && (active || rule.example == nullptr) ? rule.fallback : rule.example;
    const bool quote = std::string_view(value).find(':') != std::string_view::npos && value[0] != '{' && value[0] != '[';
    const std::string mark = quote ? "\"" : "";
    lines.push_back({depth, path.back() + ": " + mark + value + mark, active, false, false});
  }
  return lines;
}

// A section is active if something in it is; an explanation goes with the key below it.
void settle(std::vector<Line>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].section) continue;
    for (std::size_t k = i + 1; k < lines.size() && !lines[i].active && (lines[k].comment || lines[k].depth > lines[i].depth); ++k)
      lines[i].active = lines[k].active;
  }
}

}  // namespace

std::string default_config_yaml() {
  std::vector<Line> lines = make_lines();
  settle(lines);
  std::string out =
      "## Configuration of tenond: every key once, with its default. Generated from the table the check uses.\n"
      "##\n"
      "## Lines with ## explain; lines with a single # are keys that are not set: they have no default, may not stand\n"
      "## in this file, or are examples. Durations and sizes need a unit (250ms, 5s, 1h30m; 64KiB, 100MiB).\n"
      "## Text may contain ${VAR}, ${VAR:-default}, ${file:/path} and ${cred:name}; $${ stands for ${.\n"
      "## Every key can also be set by the environment (TENON__LOG__LEVEL=debug) or the command line\n"
      "## (--set log.level=debug). Locked keys: only by TENON_SUPER__... or, while instance.environment in the first\n"
      "## file is local, in that file.\n";
  std::size_t inactive_from = std::string::npos;  // depth of the outermost section that is not set
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    if (line.text.empty()) {
      inactive_from = std::string::npos;
      out += "\n";
      continue;
    }
    if (!line.comment && inactive_from != std::string::npos && line.depth <= inactive_from) inactive_from = std::string::npos;
    if (line.comment) {
      std::size_t key = i;
      while (lines[key].comment) ++key;
      if (inactive_from != std::string::npos && lines[key].depth <= inactive_from) inactive_from = std::string::npos;
    }
    const std::size_t sign = inactive_from != std::string::npos ? inactive_from : line.depth;
    const bool commented = inactive_from != std::string::npos || (!line.active && !line.comment);
    out.append(sign * 2, ' ');
    if (commented) out += "# ";
    out.append((line.depth - sign) * 2, ' ');
    out += line.text + "\n";
    if (line.section && !line.active && inactive_from == std::string::npos) inactive_from = line.depth;
  }
  return out;
}

}  // namespace tenon::host
