// What the sources of configuration say, gathered in the order in which it applies: files, environment, command line, super environment.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.hpp"
#include "locked.hpp"
#include "path.hpp"

namespace tenon::host::config_room {

/// One value at one path of the tree. A file is one setting at the root. Checked against the table.
struct Setting {
  Path path;
  Value value;              ///< null = unset
  bool privileged = false;  ///< may set locked paths
  bool first_file = false;  ///< may set `instance.environment`
};

struct Gathered {
  std::vector<Setting> settings;
  std::unordered_map<std::string, std::vector<PendingSetting>> pending;  ///< by module: what waits for its schema
  std::unordered_map<SourceRef, Layer> sources;
  std::unordered_map<SourceRef, SourceRef> excerpts;  ///< as in Config
};

/// A path and a text, as environment and command line give them.
struct TextSetting {
  Path path;
  std::string text;
  std::vector<std::string> items;  ///< of a repeatable option: elements of a list; then `text` is meaningless
  bool is_list = false;
  std::string label;  ///< "environment TENON__LOG__LEVEL", "--set log.level"
  Layer layer = Layer::environment;
  bool any_case = false;
};

/// Types the text by the table, checks it, and adds it; what lies in `modules.<name>.config` is added to `pending`.
void add_text(TextSetting setting, Gathered& gathered, Diagnostics& diagnostics);

/// Layer 2: the files and their directories.
void gather_files(const ConfigInput& input, Gathered& gathered, Diagnostics& diagnostics);
/// Layer 3 (`TENON__`) or layer 5 (`TENON_SUPER__`).
void gather_environment(const ConfigInput& input, Layer layer, Gathered& gathered, Diagnostics& diagnostics);
/// Layer 4: --set in the order given, then the dedicated options.
void gather_command_line(const ConfigInput& input, Gathered& gathered, Diagnostics& diagnostics);

/// Parses YAML from a source named `name`; neither the excerpts of diagnostics nor the places in the value show secrets.
std::optional<Value> parse_masked(const std::string& name, std::string text, bool flow, Diagnostics& diagnostics);

/// The source of a parsed file with every value below `modules.<name>.config` blanked; null if there is none.
SourceRef without_module_values(const Value& tree);

/// True if the text holds a password in a URL that is not the result of an expansion.
bool has_literal_password(std::string_view text);

}  // namespace tenon::host::config_room
