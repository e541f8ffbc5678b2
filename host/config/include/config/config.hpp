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
#include "base/result.hpp"
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
  /// Absolute: where relative paths begin, of `files` and in the settings, whatever directory the process is in when they are read. Empty = there.
  std::string directory{};
  std::optional<std::uint32_t> euid;  ///< effective uid for the default state directory; absent = that of the process
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

/// One setting below `modules.<name>.config` from the environment or the command line. Its text gets its type when the module's schema is known.
struct PendingSetting {
  std::vector<std::string> path;  ///< keys below `config`, as written; empty = the whole map
  std::string text;               ///< as given; meaningless if `value` is set
  std::optional<Value> value;     ///< already parsed, or null = unset
  Layer layer = Layer::environment;
  bool any_case = false;    ///< environment names match keys regardless of case
  bool privileged = false;  ///< may set locked paths
  SourceRef source;
};

/// One entry of a list of grants.
struct Granted {
  std::string text;
  Where where;
};

/// `modules.<name>.grants`: well-formed patterns and names; what they mean for which module is the plan's business.
struct GrantSettings {
  std::vector<Granted> service_calls, service_provides, event_publishes, event_subscribes, storage_namespaces;
  std::optional<std::uint64_t> storage_max_bytes;
  Where where;
};

/// One entry of `modules.<name>.loops`: what becomes of a background loop that ends by itself, whatever the module says.
struct LoopSetting {
  enum class Policy : std::uint8_t { ignore, restart, fail };
  std::string loop;  ///< its name; "*" = every loop that is not named
  Policy policy = Policy::fail;
  std::string key;  ///< as messages write it: "modules.orders.loops.poll"
};

/// `modules.<name>`
struct ModuleSettings {
  std::optional<bool> enabled;
  bool required = false;
  Where required_where, where;
  Value config;                         ///< operator's part from the files, neither expanded nor merged with manifest defaults; null = none
  std::vector<PendingSetting> pending;  ///< what environment and command line say about `config`, in the order they apply
  std::vector<std::pair<std::string, std::chrono::nanoseconds>> timeouts;
  std::vector<LoopSetting> loops;             ///< by name
  std::optional<GrantSettings> grants;        ///< absent: `permissions.default` decides
  std::string database_server, database_url;  ///< `database.server` names one of `database.servers`; at most one of both
};

/// `services.breaker`: when calls of a failing service are refused.
struct BreakerSettings {
  std::uint32_t failures = 5;
  std::chrono::nanoseconds window{std::chrono::seconds(60)}, open{std::chrono::seconds(30)};
  std::uint32_t successes = 2;
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
  bool grant_what_is_asked = false;        ///< permissions.default: manifest
  std::string audit_writer = "file";       ///< none | console | file
  std::string audit_path;                  ///< of `file`; not set: audit.log in the state directory
  std::optional<BreakerSettings> breaker;  ///< absent: off
  LogSettings log;
  unsigned parallelism = 1;  ///< lifecycle.parallelism, 1..64
  PhaseTimeouts timeouts;
  std::chrono::nanoseconds shutdown{std::chrono::seconds(30)};
  std::chrono::nanoseconds stop_total{std::chrono::seconds(15)};
  std::string storage_url = "sqlite:kernel.db";
  Where storage_url_where;
  std::chrono::nanoseconds storage_close{std::chrono::seconds(3)};  ///< lifecycle.timeouts.storage
  std::unordered_map<std::string, ModuleSettings> modules;
};

class Expander;

/// Immutable once loaded; shared by pointer. A reload makes a new one.
struct Config {
  HostSettings host;
  std::string directory;  ///< where relative paths begin; empty = wherever the process is
  /// The merged tree with the table's defaults, expanded; every leaf's where() is its provenance. `modules.<name>.config` stands in it as
  /// written: it is expanded and typed per module, by resolve_module_config.
  Value effective;
  /// Layer of each leaf, by dotted path (paths of maps and lists are not listed; a list is one leaf).
  struct Provenance {
    Layer layer;
    std::string source;  ///< "config/dev.yaml:12:3", "environment TENON__LOG__LEVEL", "--set", "default"
  };
  std::map<std::string, Provenance, std::less<>> provenance;
  std::vector<std::string> secret_paths;  ///< leaves to mask because of how they were expanded (file, cred) or named; sorted
  std::vector<std::string> locked;        ///< globs of locked paths, built-in ones first
  std::unordered_map<SourceRef, Layer> sources;
  /// The text of a source as messages may show it whose module's schema is not known: every value below `modules.<name>.config` is blanked.
  std::unordered_map<SourceRef, SourceRef> excerpts;
  std::shared_ptr<const Expander> expander;  ///< `${...}` for resolve_module_config
  /// Where a value with this where() comes from; a place in none of `sources` is a default.
  [[nodiscard]] Provenance provenance_of(const Where& where) const;
};

/// Reads all layers; every error of one run is reported together. Null if there was an error. `modules.<name>.config` values from
/// environment and --set are typed by the module's schema, which is not known yet: they are kept as text and typed by
/// resolve_module_config. Reads files, writes nothing.
std::shared_ptr<const Config> load_config(const ConfigInput& input, Diagnostics& diagnostics);

/// What there is of a configuration that may have errors.
struct LoadedConfig {
  bool valid = false;
  /// Valid: as load_config. Else what is left without the settings that are wrong, only to find out what else is wrong; null if nothing can be
  /// found with it, because it is not known which directories to look into, and how.
  std::shared_ptr<const Config> config;
};
LoadedConfig load_config_as_far_as_possible(const ConfigInput& input, Diagnostics& diagnostics);

/// Makes messages that point into the configuration show its `excerpts`.
void hide_module_values(const std::unordered_map<SourceRef, SourceRef>& excerpts, Diagnostics& diagnostics);

/// Effective configuration of one module: manifest defaults, operator's layers, text typed by the schema, schema defaults filled
/// in, validated. No schema = takes no configuration (any given value is an error). Errors name path, place, expectation. nullopt on errors.
/// Thread-safe.
class Schema;
struct ModuleConfig {
  Value value;                            ///< a map
  std::shared_ptr<const Schema> schema;   ///< null if the manifest has none
  std::vector<std::string> secret_paths;  ///< below `config`: leaves expanded from files and credentials; sorted
};
std::optional<ModuleConfig> resolve_module_config(const std::string& module, const std::optional<Value>& schema,
                                                  const Value& manifest_defaults, const Config& config, Diagnostics& diagnostics);

/// The effective configuration with provenance per leaf, secrets masked as "***". `module_configs`: what is known of each module. A resolved
/// configuration is shown in place of the raw text; one with a null `value` only lends its schema, to tell what is secret in the raw text.
/// Where there is no schema, or two modules have one name, every value is masked.
/// `not_in_force`: the modules that do not run, with the reason in words; their `config` is marked with it.
using NotInForce = std::map<std::string, std::string, std::less<>>;
std::string config_to_text(const Config& config, const std::vector<std::pair<std::string, const ModuleConfig*>>& module_configs,
                           const NotInForce& not_in_force = {});
std::string config_to_json(const Config& config, const std::vector<std::pair<std::string, const ModuleConfig*>>& module_configs,
                           const NotInForce& not_in_force = {});

/// What a reload changes in the host's own settings, and whose module configuration may have changed.
struct ReloadDiff {
  std::vector<std::string> applied;        ///< live keys that change at once; sorted
  std::vector<std::string> needs_restart;  ///< changed, but not declared live, or locked: keep their old value; sorted
  std::vector<std::string> modules;        ///< modules whose `config` has to be resolved again; sorted
  [[nodiscard]] bool empty() const { return applied.empty() && needs_restart.empty() && modules.empty(); }
};
ReloadDiff diff_config(const Config& running, const Config& next);
/// The Config to switch to: `next` in its live keys and in `modules.<name>.config`, `running` in everything else.
std::shared_ptr<const Config> apply_reload(const Config& running, const Config& next);

/// The same for one module: leaves that differ, by what its schema says about `live`. Paths are below `config`.
struct ModuleReload {
  std::vector<std::string> applied, needs_restart;
  ModuleConfig config;  ///< the running one with the live changes
};
ModuleReload diff_module_config(const ModuleConfig& running, const ModuleConfig& next);

/// What decides on the state directory, in this order; empty = not given.
struct StateDirSources {
  std::string configured;       ///< --state-dir or `paths.state`
  std::string state_directory;  ///< $STATE_DIRECTORY: the first of a list separated by colons
  bool root = false;            ///< effective uid 0: /var/lib/tenon
  std::string xdg_state_home;   ///< $XDG_STATE_HOME, ignored unless absolute
  std::string home;             ///< $HOME: ~/.local/state/tenon
};
/// The directory; it may not exist. Error: cannot_create, if nothing decides.
Result<std::string> resolve_state_dir(const StateDirSources& sources);

/// config/tenon.yaml as generated from the same table the check uses.
std::string default_config_yaml();

}  // namespace tenon::host
