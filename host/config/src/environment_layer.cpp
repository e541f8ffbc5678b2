#include <algorithm>

#include "base/text.hpp"
#include "layers.hpp"
#include "tree_check.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::string_view ours = "TENON__", super = "TENON_SUPER__";

// The words between double underscores; empty if one of them is.
Path words_of(std::string_view name) {
  Path out;
  for (;;) {
    const std::size_t end = name.find("__");
    out.emplace_back(name.substr(0, end));
    if (out.back().empty()) return {};
    if (end == std::string_view::npos) return out;
    name.remove_prefix(end + 2);
  }
}

Where place(const std::string& name) { return {std::make_shared<const Source>(Source{"environment " + printable(name), {}}), 0, 0, 1}; }

// A name that was meant to be ours: TENON_LOG__LEVEL.
bool is_near_miss(const std::string& name) {
  return name.starts_with("TENON_") && !name.starts_with(ours) && !name.starts_with(super) && name.find("__") != std::string::npos;
}

struct Variable {
  Path lower_case;  // what it stands for, whatever the case it is written in
  TextSetting setting;
};

}  // namespace

void gather_environment(const ConfigInput& input, Layer layer, Gathered& gathered, Diagnostics& diagnostics) {
  const std::string_view prefix = layer == Layer::super ? super : ours;
  Diagnostics found;
  std::vector<Variable> variables;
  for (const auto& [name, value] : input.environment) {
    if (layer == Layer::environment && is_near_miss(name))
      found.warning("config.unknown_variable", place(name), "`" + printable(name) + "` is ignored: it is no variable of tenond",
                    "settings begin with `TENON__`: `TENON__" + printable(std::string_view(name).substr(6)) + "`");
    if (!name.starts_with(prefix)) continue;
    Path words = words_of(std::string_view(name).substr(prefix.size()));
    if (words.empty()) {
      found.error("config.variable_name", place(name), "`" + printable(name) + "` has an empty part between `__`",
                  "write it like `" + std::string(prefix) + "LOG__LEVEL`");
      continue;
    }
    Variable v;
    for (const std::string& word : words) v.lower_case.push_back(to_lower(word));
    v.setting.path = std::move(words);
    v.setting.text = value;
    v.setting.label = "environment " + name;
    v.setting.layer = layer;
    v.setting.any_case = true;
    variables.push_back(std::move(v));
  }
  // By name, so that the order of the environment does not matter: a map comes before what is set below it.
  std::stable_sort(variables.begin(), variables.end(), [](const Variable& a, const Variable& b) { return a.lower_case < b.lower_case; });
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (i > 0 && variables[i].lower_case == variables[i - 1].lower_case) {
      const std::string name = variables[i].setting.label.substr(12);
      found.error("config.ambiguous", place(name),
                  "`" + printable(name) + "` and `" + printable(std::string_view(variables[i - 1].setting.label).substr(12)) +
                      "` set the same key: names match regardless of case",
                  "unset one of them");
      continue;
    }
    const bool twice = i + 1 < variables.size() && variables[i].lower_case == variables[i + 1].lower_case;
    TextSetting setting = twice ? variables[i].setting : std::move(variables[i].setting);
    add_text(std::move(setting), gathered, found);
  }
  append_limited(diagnostics, std::move(found), {std::make_shared<const Source>(Source{"environment", {}}), 0, 0, 1});
}

}  // namespace tenon::host::config_room
