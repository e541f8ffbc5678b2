// The rows of the table: every key of the host, what is known but not served, what is locked, and which sections are optional.
#include <array>

#include "key_table.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t hour = 3'600'000 * ms;
constexpr std::int64_t kib = 1024;
constexpr std::int64_t tib = kib * kib * kib * kib;
constexpr std::string_view levels = "trace|debug|info|warn|error|fatal";

using T = KeyType;

constexpr KeyRule timeout(std::string_view pattern, const char* fallback, std::string_view meaning) {
  return {pattern, T::duration, fallback, 10 * ms, hour, {}, false, nullptr, meaning};
}
constexpr KeyRule module_timeout(std::string_view pattern, const char* example, std::string_view meaning) {
  return {pattern, T::duration, nullptr, 10 * ms, hour, {}, false, example, meaning};
}

constexpr std::array rules = {
    KeyRule{"instance.name",
            T::text_name,
            "tenon",
            0,
            0,
            {},
            false,
            nullptr,
            "Name of this daemon in logs and status; letters, digits, _ and -."},
    KeyRule{"instance.environment", T::word, "production", 0, 0, "local|staging|production", false, nullptr,
            "local, staging or production. While this file says local it may also set the locked keys."},
    KeyRule{"paths.state",
            T::path,
            nullptr,
            0,
            0,
            {},
            false,
            "/var/lib/tenon",
            "State directory. Not set: $STATE_DIRECTORY, else /var/lib/tenon as root, else ${XDG_STATE_HOME:-~/.local/state}/tenon."},
    KeyRule{"paths.plugins",
            T::path_list,
            "[/usr/lib/tenon/plugins, /var/lib/tenon/plugins]",
            0,
            0,
            {},
            false,
            nullptr,
            "Directories plugins are found in: every *.so, *.yaml and *.yml directly inside."},
    KeyRule{"paths.manifests",
            T::path_list,
            "[/etc/tenon/manifests.d]",
            0,
            0,
            {},
            false,
            nullptr,
            "Directories with manifests of plugins that lie elsewhere."},
    KeyRule{"plugins.default_enabled",
            T::boolean,
            "true",
            0,
            0,
            {},
            false,
            nullptr,
            "Whether a plugin runs that modules.<name>.enabled says nothing about."},
    KeyRule{"security.path_checks", T::word, "strict", 0, 0, "strict|file_only", false, nullptr,
            "strict: owner and mode of every directory above a plugin count. file_only: those of the file alone, for containers."},
    KeyRule{"permissions.default", T::word, "none", 0, 0, "none|manifest", false, nullptr,
            "What a plugin without modules.<name>.grants may do beyond its own: none, or manifest for all that its manifest asks for."},
    KeyRule{"audit.writer", T::word, "file", 0, 0, "none|console|file", false, nullptr,
            "Where it is recorded who was denied what, which modules ran, and when: console is the log, file a chain of hashes that "
            "`tenond audit "
            "verify` checks."},
    KeyRule{"audit.path",
            T::path,
            nullptr,
            0,
            0,
            {},
            false,
            "/var/log/tenon/audit.log",
            "File of the audit log. Not set: audit.log in the state directory."},
    KeyRule{"log.level", T::word, "info", 0, 0, levels, true, nullptr,
            "Least level that is written: trace, debug, info, warn, error, fatal."},
    KeyRule{"log.format", T::word, "text", 0, 0, "text|json", true, nullptr, "text for people, json for one JSON object per line."},
    KeyRule{"log.modules.*", T::word, nullptr, 0, 0, levels, true, "debug", "Level of one module."},
    KeyRule{"log.rate",
            T::integer,
            "1000",
            0,
            1'000'000,
            {},
            true,
            nullptr,
            "Lines per second and module, drops are counted and reported; 0 = no limit."},
    KeyRule{"log.burst", T::integer, "5000", 1, 10'000'000, {}, true, nullptr, "Lines a module may write at once before the rate holds."},
    KeyRule{"log.file.path",
            T::path,
            nullptr,
            0,
            0,
            {},
            false,
            "/var/log/tenon/tenon.log",
            "File to log to. Not set: standard error, with priorities when that is the journal."},
    KeyRule{"log.file.max_size", T::size, "100MiB", 4 * kib, tib, {}, false, nullptr, "Size at which the file is rotated."},
    KeyRule{"log.file.max_files", T::integer, "5", 1, 1000, {}, false, nullptr, "Rotated files that are kept."},
    KeyRule{
        "lifecycle.parallelism", T::integer, "1", 1, 64, {}, false, nullptr, "How many modules may be in their start callback at once."},
    timeout("lifecycle.timeouts.load", "5s", "Loading the library of one module."),
    timeout("lifecycle.timeouts.create", "5s", "Constructing one module."),
    timeout("lifecycle.timeouts.pre_init", "10s", "Wiring of one RuntimeModule."),
    timeout("lifecycle.timeouts.init", "30s", "Registrations of one module."),
    timeout("lifecycle.timeouts.post_init", "10s", "Barrier of one RuntimeModule."),
    timeout("lifecycle.timeouts.start", "60s", "Until the start of one module is complete."),
    timeout("lifecycle.timeouts.stop", "5s", "Stopping one module."),
    timeout("lifecycle.timeouts.destroy", "2s", "Destroying one module."),
    timeout("lifecycle.timeouts.storage", "3s", "Closing the storage, after all modules are gone."),
    timeout("lifecycle.stop_total", "15s", "Stopping all modules together."),
    timeout("lifecycle.shutdown", "30s", "Everything from the signal to the end of the process."),
    KeyRule{"locked",
            T::glob_list,
            "[]",
            0,
            0,
            {},
            false,
            "[log.level, modules.*.config.**]",
            "Further paths to lock; * = one key, ** = any number of keys. Only adds to the built-in ones."},
    KeyRule{"services.breaker.failures",
            T::integer,
            "5",
            1,
            1'000'000,
            {},
            false,
            nullptr,
            "Failures of one provider within the window that open its breaker."},
    KeyRule{"services.breaker.window", T::duration, "60s", 10 * ms, hour, {}, false, nullptr, "Time in which failures are counted."},
    KeyRule{"services.breaker.open",
            T::duration,
            "30s",
            10 * ms,
            hour,
            {},
            false,
            nullptr,
            "Time for which an open breaker refuses calls; then it admits one at a time."},
    KeyRule{"services.breaker.successes",
            T::integer,
            "2",
            1,
            1'000'000,
            {},
            false,
            nullptr,
            "Calls that have to succeed one after the other until the breaker closes."},
    KeyRule{"storage.url",
            T::url,
            "sqlite:kernel.db",
            0,
            0,
            {},
            false,
            nullptr,
            "Where the host keeps what modules store: sqlite:FILE, a name in the state directory. Opened if a module needs it."},
    KeyRule{"database.servers.*.url",
            T::url,
            nullptr,
            0,
            0,
            {},
            false,
            "postgres://tenon:${cred:db}@db.example/tenon",
            "Database server modules may use. Checked and shown; not used yet."},
    KeyRule{"database.servers.*.admin_url",
            T::url,
            nullptr,
            0,
            0,
            {},
            false,
            "postgres://admin:${cred:db_admin}@db.example/tenon",
            "The same server, as the user who may change schemas. Checked and shown; not used yet."},
    KeyRule{
        "modules.*.enabled", T::boolean, nullptr, 0, 0, {}, false, "true", "Whether the module runs; not set: plugins.default_enabled."},
    KeyRule{"modules.*.required", T::boolean, nullptr, 0, 0, {}, false, "false", "true: the daemon does not run without it."},
    KeyRule{"modules.*.config",
            T::free_map,
            nullptr,
            0,
            0,
            {},
            false,
            "{page_size: 100}",
            "Settings of the module, by the config_schema of its manifest; those it declares live change on reload."},
    module_timeout("modules.*.timeouts.load", "5s", "Deadlines of this module alone, as in lifecycle.timeouts."),
    module_timeout("modules.*.timeouts.create", "5s", {}),
    module_timeout("modules.*.timeouts.pre_init", "10s", {}),
    module_timeout("modules.*.timeouts.init", "30s", {}),
    module_timeout("modules.*.timeouts.post_init", "10s", {}),
    module_timeout("modules.*.timeouts.start", "60s", {}),
    module_timeout("modules.*.timeouts.stop", "5s", {}),
    module_timeout("modules.*.timeouts.destroy", "2s", {}),
    KeyRule{"modules.*.loops.*", T::word, nullptr, 0, 0, "ignore|restart|fail", false, "restart",
            "ignore: health is not concerned. restart: it begins again after a pause, degraded meanwhile. fail: the module is unhealthy."},
    KeyRule{"modules.*.grants.services.call",
            T::service_list,
            nullptr,
            0,
            0,
            {},
            false,
            "[catalog.*]",
            "Services of others it may call; * = one word, > = all the rest, without /major any major."},
    KeyRule{"modules.*.grants.services.provide",
            T::service_list,
            nullptr,
            0,
            0,
            {},
            false,
            "[shop.orders]",
            "Services it may register outside its own name, which no module that is present has."},
    KeyRule{"modules.*.grants.events.publish", T::topic_list, nullptr, 0, 0, {}, false, "[billing.order]", "Topics it may publish to."},
    KeyRule{
        "modules.*.grants.events.subscribe", T::topic_list, nullptr, 0, 0, {}, false, "[catalog.price.*]", "Topics it may subscribe to."},
    KeyRule{"modules.*.grants.storage.namespaces",
            T::namespace_list,
            nullptr,
            0,
            0,
            {},
            false,
            "[catalog]",
            "Storage namespaces it may use besides its own."},
    KeyRule{"modules.*.grants.storage.max_bytes",
            T::size,
            nullptr,
            64 * kib* kib,
            tib,
            {},
            false,
            "256MiB",
            "How much its own namespace may hold; 64MiB without it."},
    KeyRule{"modules.*.database.server",
            T::module_name,
            nullptr,
            0,
            0,
            {},
            false,
            "main",
            "One of database.servers. Checked and shown; not used yet."},
    KeyRule{"modules.*.database.url",
            T::url,
            nullptr,
            0,
            0,
            {},
            false,
            "postgres://orders:${cred:orders_db}@db.example/orders",
            "A database of its own, instead of a server. Checked and shown; not used yet."},
};

constexpr std::string_view no_phase = "it has no such phase";
constexpr std::array unserved = {
    UnservedKey{"modules.*.grants.http", "modules have no routes yet"},
    UnservedKey{"lifecycle.timeouts.migrate", "it runs no migrations"},
    UnservedKey{"lifecycle.timeouts.rest", no_phase},
    UnservedKey{"lifecycle.timeouts.grpc", no_phase},
    UnservedKey{"lifecycle.timeouts.spawn", no_phase},
    UnservedKey{"lifecycle.timeouts.open", no_phase},
    UnservedKey{"lifecycle.timeouts.drain", no_phase},
    UnservedKey{"lifecycle.timeouts.call", "a call without a deadline of its own has 5s"},
    UnservedKey{"modules.*.timeouts.migrate", "it runs no migrations"},
    UnservedKey{"modules.*.timeouts.rest", no_phase},
    UnservedKey{"modules.*.timeouts.grpc", no_phase},
    UnservedKey{"modules.*.timeouts.spawn", no_phase},
    UnservedKey{"modules.*.timeouts.open", no_phase},
    UnservedKey{"modules.*.timeouts.drain", no_phase},
    UnservedKey{"cluster", "it runs on one machine"},
};

struct Section {
  std::string_view name, meaning;
};
constexpr std::array sections = {
    Section{"lifecycle.timeouts",
            "Deadlines per module and phase, 10ms to 1h. A module that misses one has failed; from the first third of it on a warning "
            "names it."},
    Section{"services.breaker",
            "Circuit breakers: calls of a service that has failed several times are refused with CIRCUIT_OPEN for a while. Without "
            "this section there are none; `breaker: {}` takes all defaults."},
    Section{"database", "Databases of modules."},
    Section{
        "modules.*.loops",
        "What becomes of background loops that end by themselves, by their names in the module; \"*\" = of every one that is not named. "
        "Wins over what the module says."},
    Section{"modules.*.grants", "What a plugin may do beyond its own, as far as its manifest asks for it; see `tenond check`."},
    Section{"modules", "One entry per module, by its name."},
};

constexpr std::array<std::string_view, 8> locked_globs = {
    "instance.environment",
    "locked",
    "storage.url",
    "database.**.url",
    "modules.*.database.url",
    "security.**",
    "modules.api.config.**.tls.**",
    "modules.api.config.iam.**",
};

/// Names that modules give.
constexpr std::array<std::string_view, 1> loop_sections = {"modules.*.loops"};

/// Logging goes to standard error, and services have no breakers, without them.
constexpr std::array<std::string_view, 3> optional_sections = {"log.file", "services", "services.breaker"};

}  // namespace

std::span<const KeyRule> key_rules() { return rules; }
std::span<const UnservedKey> unserved_keys() { return unserved; }
std::span<const std::string_view> optional_section_names() { return optional_sections; }
std::span<const std::string_view> loop_section_names() { return loop_sections; }
std::span<const std::string_view> built_in_locked() { return locked_globs; }

std::string_view section_meaning(std::string_view section) {
  for (const Section& s : sections)
    if (s.name == section) return s.meaning;
  return {};
}

}  // namespace tenon::host::config_room
