// Config: five layers merged into one immutable value in which every leaf knows its source.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"

namespace tenon::host {

/// Layers, later wins.
enum class Layer : std::uint8_t { defaults, file, environment, command_line, super };

/// Everything configuration is made from; a value, so that tests and reloads use the same code.
struct ConfigInput {
  std::vector<std::string> files;                                ///< --config, in order; each followed by its `<path>.d/*.yaml`
  bool files_given = false;                                      ///< false: `files` is the default path, whose absence is not an error
  std::vector<std::pair<std::string, std::string>> environment;  ///< NAME, value: all of the process, unfiltered
  std::vector<std::string> sets;                                 ///< --set PATH=VALUE
  /// The dedicated options, as (path, value, how it was written, e.g. "--log-level").
  struct Option {
    std::string path, value, flag;
  };
  std::vector<Option> options;
  std::string credentials_dir;  ///< $CREDENTIALS_DIRECTORY, empty = none
};

/// Deadlines of the lifecycle, by phase; defaults of lifecycle.md.
struct PhaseTimeouts {
  std::chrono::nanoseconds load{std::chrono::seconds(5)}, create{std::chrono::seconds(5)}, pre_init{std::chrono::seconds(10)},
      init{std::chrono::seconds(30)}, post_init{std::chrono::seconds(10)}, start{std::chrono::seconds(60)}, stop{std::chrono::seconds(5)},
      destroy{std::chrono::seconds(2)};
  /// The member named `phase`; nullptr if there is none.
  std::chrono::nanoseconds* find(std::string_view phase);
};

struct LogFileSettings {
  std::string path;
  std::uint64_t max_size = 100ull * 1024 * 1024;
  std::uint32_t max_files = 5;
};

struct LogSettings {
  int level = 20;               ///< TENON_LEVEL_*
  std::string format = "text";  ///< text | json
  std::unordered_map<std::string, int> modules;
  std::uint32_t rate = 1000;  ///< lines per second and module; 0 = no limit
  std::uint32_t burst = 5000;
  std::optional<LogFileSettings> file;  ///< absent = stderr (journald when connected to it)
};

/// `modules.<name>`
struct ModuleSettings {
  std::optional<bool> enabled;
  bool required = false;
  Where required_where, where;
  Value config;  ///< operator's part, unmerged with manifest defaults; null = none
  std::vector<std::pair<std::string, std::chrono::nanoseconds>> timeouts;
};

/// The host's own settings, typed and checked.
struct HostSettings {
  std::string instance_name = "tenon";
  std::string environment = "production";  ///< local | staging | production
  std::string state_dir;                   ///< resolved by the rule of manifest-and-config.md; may not exist yet
  std::string runtime_dir_status;          ///< directory of status.json ($RUNTIME_DIRECTORY, else the state directory)
  std::vector<std::string> plugin_dirs, manifest_dirs;
  bool plugins_default_enabled = true;
  bool path_checks_file_only = false;
  LogSettings log;
  unsigned parallelism = 1;  ///< lifecycle.parallelism, 1..64
  PhaseTimeouts timeouts;
  std::chrono::nanoseconds shutdown{std::chrono::seconds(30)};
  std::chrono::nanoseconds stop_total{std::chrono::seconds(15)};
  std::unordered_map<std::string, ModuleSettings> modules;
};

/// Immutable once loaded; shared by pointer. A reload makes a new one.
struct Config {
  HostSettings host;
  Value effective;  ///< the merged tree, expanded; every leaf's where() is its provenance
  /// Layer of each leaf, by dotted path (paths of maps and lists are not listed; a list is one leaf).
  struct Provenance {
    Layer layer;
    std::string source;  ///< "config/dev.yaml:12:3", "environment TENON__LOG__LEVEL", "--set", "default"
  };
  std::map<std::string, Provenance, std::less<>> provenance;
  std::vector<std::string> secret_paths;  ///< leaves to mask because of how they were expanded (file, cred) or named
};

/// Reads all layers; every error of one run is reported together. Null if there was an error. `modules.<name>.config` values from
/// environment and --set are typed by the module's schema, which is not known yet: they are kept as text and typed by
/// `apply_module_schema`. Reads files, writes nothing.
std::shared_ptr<const Config> load_config(const ConfigInput& input, Diagnostics& diagnostics);

/// Effective configuration of one module: manifest defaults, operator's layers, text typed by the schema, schema defaults filled
/// in, validated. No schema = takes no configuration (any given value is an error). Errors name path, place, expectation. nullopt on errors.
/// Thread-safe.
class Schema;
struct ModuleConfig {
  Value value;                           ///< a map
  std::shared_ptr<const Schema> schema;  ///< null if the manifest has none
};
std::optional<ModuleConfig> resolve_module_config(const std::string& module, const std::optional<Value>& schema,
                                                  const Value& manifest_defaults, const Config& config, Diagnostics& diagnostics);

/// The effective configuration with provenance per leaf, secrets masked as "***". `module_configs`: resolved ones, shown in place of the raw text.
std::string config_to_text(const Config& config, const std::vector<std::pair<std::string, const ModuleConfig*>>& module_configs);
std::string config_to_json(const Config& config, const std::vector<std::pair<std::string, const ModuleConfig*>>& module_configs);

/// config/tenon.yaml as generated from the same table the check uses.
std::string default_config_yaml();

}  // namespace tenon::host
