#include "settings.hpp"

#include <array>

#include "base/text.hpp"
#include "path.hpp"

namespace tenon::host {

std::chrono::nanoseconds* PhaseTimeouts::find(std::string_view phase) {
  const std::array<std::pair<std::string_view, std::chrono::nanoseconds*>, 8> all = {{{"load", &load},
                                                                                      {"create", &create},
                                                                                      {"pre_init", &pre_init},
                                                                                      {"init", &init},
                                                                                      {"post_init", &post_init},
                                                                                      {"start", &start},
                                                                                      {"stop", &stop},
                                                                                      {"destroy", &destroy}}};
  for (const auto& [name, value] : all)
    if (name == phase) return value;
  return nullptr;
}

}  // namespace tenon::host

namespace tenon::host::config_room {
namespace {

// Reading values that were checked: an absent one leaves `out` as it is.
void read(const Value* value, std::string& out) {
  if (value != nullptr && value->is_string()) out = *value->as_string();
}
void read(const Value* value, bool& out) {
  if (value != nullptr && value->as_bool() != nullptr) out = *value->as_bool();
}
template <class Integer>
void read_integer(const Value* value, Integer& out) {
  if (value != nullptr && value->as_integer() != nullptr) out = static_cast<Integer>(*value->as_integer());
}
void read(const Value* value, std::chrono::nanoseconds& out) {
  if (value == nullptr || !value->is_string()) return;
  if (const auto duration = parse_duration(*value->as_string())) out = *duration;
}
void read(const Value* value, std::vector<std::string>& out) {
  if (value == nullptr || !value->is_list()) return;
  out.clear();
  for (const Value& item : *value->as_list())
    if (item.is_string()) out.push_back(*item.as_string());
}

const Value* child(const Value* value, std::string_view key) { return value != nullptr ? value->find(key) : nullptr; }

int level_number(std::string_view word) {
  constexpr std::array<std::string_view, 6> words = {"trace", "debug", "info",
                                                     "warn",  "error", "fatal"};  // 0 10 20 30 40 50, as in the ABI
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == word) return static_cast<int>(i) * 10;
  return 20;
}

GrantSettings read_grants(const ValueMap::Member& member) {
  GrantSettings out;
  out.where = member.key_where.source ? member.key_where : member.value.where();
  const auto names = [](const Value* value, std::vector<Granted>& list) {
    if (value == nullptr || !value->is_list()) return;
    for (const Value& item : *value->as_list())
      if (item.is_string()) list.push_back({*item.as_string(), item.where()});
  };
  const Value *services = member.value.find("services"), *events = member.value.find("events"), *storage = member.value.find("storage");
  names(child(services, "call"), out.service_calls);
  names(child(services, "provide"), out.service_provides);
  names(child(events, "publish"), out.event_publishes);
  names(child(events, "subscribe"), out.event_subscribes);
  names(child(storage, "namespaces"), out.storage_namespaces);
  if (const Value* size = child(storage, "max_bytes"); size != nullptr && size->is_string())
    if (const auto bytes = parse_size(*size->as_string())) out.storage_max_bytes = *bytes;
  return out;
}

std::vector<LoopSetting> read_loops(const Value* loops, const std::string& path) {
  std::vector<LoopSetting> out;
  if (loops == nullptr || !loops->is_map()) return out;
  for (const ValueMap::Member& loop : *loops->as_map()) {
    std::string word;
    read(&loop.value, word);
    using Policy = LoopSetting::Policy;
    const Policy policy = word == "ignore" ? Policy::ignore : word == "restart" ? Policy::restart : Policy::fail;
    out.push_back({loop.key, policy, child_path(path, loop.key)});
  }
  return out;
}

ModuleSettings module_settings(const ValueMap::Member& member) {
  ModuleSettings out;
  out.where = member.key_where.source ? member.key_where : member.value.where();
  const Value* value = &member.value;
  if (const Value* enabled = child(value, "enabled"); enabled != nullptr && enabled->as_bool() != nullptr)
    out.enabled = *enabled->as_bool();
  if (const Value* required = child(value, "required")) {
    read(required, out.required);
    out.required_where = required->where();
  }
  if (const Value* config = child(value, "config")) out.config = *config;
  if (const Value* timeouts = child(value, "timeouts"); timeouts != nullptr && timeouts->is_map())
    for (const ValueMap::Member& timeout : *timeouts->as_map()) {
      std::chrono::nanoseconds duration{};
      read(&timeout.value, duration);
      out.timeouts.emplace_back(timeout.key, duration);
    }
  out.loops = read_loops(child(value, "loops"), child_path("modules", member.key) + ".loops");
  if (const ValueMap::Member* grants = value->is_map() ? value->as_map()->find_member("grants") : nullptr)
    out.grants = read_grants(*grants);
  const Value* database = child(value, "database");
  read(child(database, "server"), out.database_server);
  read(child(database, "url"), out.database_url);
  return out;
}

std::string variable(const ConfigInput& input, std::string_view name) {
  for (const auto& [key, value] : input.environment)
    if (key == name) return value;
  return {};
}

std::string first_of_list(std::string_view list) { return std::string(list.substr(0, list.find(':'))); }

}  // namespace

void fill_settings(const Value& tree, std::unordered_map<std::string, std::vector<PendingSetting>>&& pending, HostSettings& out) {
  const Value* instance = tree.find("instance");
  read(child(instance, "name"), out.instance_name);
  read(child(instance, "environment"), out.environment);
  read(child(tree.find("paths"), "plugins"), out.plugin_dirs);
  read(child(tree.find("paths"), "manifests"), out.manifest_dirs);
  read(child(tree.find("plugins"), "default_enabled"), out.plugins_default_enabled);
  std::string checks;
  read(child(tree.find("security"), "path_checks"), checks);
  out.path_checks_file_only = checks == "file_only";
  fill_log(tree, out.log);
  std::string grant;
  read(child(tree.find("permissions"), "default"), grant);
  out.grant_what_is_asked = grant == "manifest";
  read(child(tree.find("audit"), "writer"), out.audit_writer);
  read(child(tree.find("audit"), "path"), out.audit_path);

  if (const Value* breaker = child(tree.find("services"), "breaker"); breaker != nullptr && breaker->is_map()) {
    BreakerSettings& to = out.breaker.emplace();
    read_integer(child(breaker, "failures"), to.failures);
    read(child(breaker, "window"), to.window);
    read(child(breaker, "open"), to.open);
    read_integer(child(breaker, "successes"), to.successes);
  }

  const Value* lifecycle = tree.find("lifecycle");
  read_integer(child(lifecycle, "parallelism"), out.parallelism);
  read(child(lifecycle, "stop_total"), out.stop_total);
  read(child(lifecycle, "shutdown"), out.shutdown);
  if (const Value* timeouts = child(lifecycle, "timeouts"); timeouts != nullptr && timeouts->is_map())
    for (const ValueMap::Member& timeout : *timeouts->as_map())
      if (std::chrono::nanoseconds* duration = out.timeouts.find(timeout.key)) read(&timeout.value, *duration);

  read(child(child(lifecycle, "timeouts"), "storage"), out.storage_close);
  if (const Value* url = child(tree.find("storage"), "url")) {
    read(url, out.storage_url);
    out.storage_url_where = url->where();
  }

  if (const Value* modules = tree.find("modules"); modules != nullptr && modules->is_map())
    for (const ValueMap::Member& member : *modules->as_map()) out.modules.emplace(member.key, module_settings(member));
  for (auto& [module, settings] : pending) {
    if (settings.empty()) continue;
    ModuleSettings& target = out.modules[module];
    if (!target.where.source) target.where = {settings.front().source, 0, 0, 1};
    target.pending = std::move(settings);
  }
}

void fill_log(const Value& tree, LogSettings& out) {
  const Value* log = tree.find("log");
  out = {};
  std::string level;
  read(child(log, "level"), level);
  out.level = level_number(level);
  read(child(log, "format"), out.format);
  read_integer(child(log, "rate"), out.rate);
  read_integer(child(log, "burst"), out.burst);
  if (const Value* modules = child(log, "modules"); modules != nullptr && modules->is_map())
    for (const ValueMap::Member& member : *modules->as_map())
      if (member.value.is_string()) out.modules[member.key] = level_number(*member.value.as_string());
  const Value* file = child(log, "file");
  if (file == nullptr) return;
  LogFileSettings settings;
  read(child(file, "path"), settings.path);
  if (const Value* size = child(file, "max_size"); size != nullptr && size->is_string())
    if (const auto bytes = parse_size(*size->as_string())) settings.max_size = *bytes;
  read_integer(child(file, "max_files"), settings.max_files);
  out.file = std::move(settings);
}

std::string begun_at(const std::string& directory, const std::string& path) {
  return directory.empty() || path.empty() || path.starts_with('/') ? path : directory + '/' + path;
}

void fill_directories(const Value& tree, const ConfigInput& input, HostSettings& out, Diagnostics& diagnostics) {
  StateDirSources sources;
  const Value* configured = child(tree.find("paths"), "state");
  read(configured, sources.configured);
  sources.state_directory = variable(input, "STATE_DIRECTORY");
  sources.root = *input.euid == 0;
  sources.xdg_state_home = variable(input, "XDG_STATE_HOME");
  sources.home = variable(input, "HOME");
  if (Result<std::string> directory = resolve_state_dir(sources)) {
    out.state_dir = std::move(*directory);
  } else {
    diagnostics.error("config.no_state_directory", {}, directory.error().message, "say `--state-dir DIRECTORY`").exit =
        directory.error().exit;
  }
  out.state_dir = begun_at(input.directory, out.state_dir);
  if (out.log.file) out.log.file->path = begun_at(input.directory, out.log.file->path);
  out.audit_path = begun_at(input.directory, out.audit_path);
  for (std::vector<std::string>* directories : {&out.plugin_dirs, &out.manifest_dirs})
    for (std::string& directory : *directories) directory = begun_at(input.directory, directory);
  if (out.audit_path.empty()) out.audit_path = out.state_dir + "/audit.log";
  out.runtime_dir_status = first_of_list(variable(input, "RUNTIME_DIRECTORY"));
  if (out.runtime_dir_status.empty()) out.runtime_dir_status = out.state_dir;
}

}  // namespace tenon::host::config_room
