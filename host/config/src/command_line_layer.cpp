#include <algorithm>

#include "base/text.hpp"
#include "key_table.hpp"
#include "layers.hpp"
#include "tree_check.hpp"

namespace tenon::host::config_room {
namespace {

// What of a malformed --set can be shown: the part that looks like a path. The rest may be a secret.
std::string path_like(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && end < 100 &&
         (text[end] == '.' || text[end] == '_' || text[end] == '-' || (lower(text[end]) >= 'a' && lower(text[end]) <= 'z') ||
          (text[end] >= '0' && text[end] <= '9')))
    ++end;
  return std::string(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

Where place(const std::string& name) { return {std::make_shared<const Source>(Source{name, {}}), 0, 0, 1}; }

void add_set(const std::string& text, Gathered& gathered, Diagnostics& diagnostics) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    diagnostics
        .error("config.set_syntax", place("--set"), "`--set " + path_like(text) + "` has no `=`",
               "write `--set PATH=VALUE`: `--set log.level=debug`")
        .exit = ExitCode::usage;
    return;
  }
  const std::string_view path = std::string_view(text).substr(0, equals);
  TextSetting setting;
  for (std::string_view key : split(path, '.')) {
    if (key.empty()) {
      diagnostics
          .error("config.set_syntax", place("--set"), "`--set " + printable(path) + "=` has an empty key in its path",
                 "write `--set PATH=VALUE` with keys joined by single dots: `--set log.level=debug`")
          .exit = ExitCode::usage;
      return;
    }
    setting.path.emplace_back(key);
  }
  setting.text = text.substr(equals + 1);
  setting.label = "--set " + printable(path);
  setting.layer = Layer::command_line;
  add_text(std::move(setting), gathered, diagnostics);
}

}  // namespace

void gather_command_line(const ConfigInput& input, Gathered& gathered, Diagnostics& diagnostics) {
  Diagnostics found;
  for (const std::string& text : input.sets) add_set(text, gathered, found);

  // Options that may be repeated make a list; of the others the last one counts.
  std::vector<TextSetting> options;
  for (const ConfigInput::Option& option : input.options) {
    const KeyRule* rule = rule_at(option.path);
    const bool list = rule != nullptr && rule->type == KeyType::path_list;
    const auto same = std::find_if(options.begin(), options.end(), [&](const TextSetting& s) { return join_path(s.path) == option.path; });
    const bool first_time = same == options.end();
    TextSetting& setting = first_time ? options.emplace_back() : *same;
    if (first_time)
      for (std::string_view key : split(option.path, '.')) setting.path.emplace_back(key);
    setting.is_list = list;
    if (list)
      setting.items.push_back(option.value);
    else
      setting.text = option.value;
    setting.label = option.flag;
    setting.layer = Layer::command_line;
  }
  for (TextSetting& setting : options) add_text(std::move(setting), gathered, found);
  append_limited(diagnostics, std::move(found), place("command line"));
}

}  // namespace tenon::host::config_room
