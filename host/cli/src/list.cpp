#include <unistd.h>

#include <csignal>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "daemon/state_dir.hpp"
#include "table.hpp"

namespace tenon::host {
namespace {

ExitCode list_planned(const Options& options) {
  const Planned planned = plan_for(options);
  if (!planned.config) return planned.exit;
  if (options.json)
    return print("{\"format\":1,\"exit\":0,\"findings\":" + to_json(planned.diagnostics) + ",\"modules\":" + modules_json(planned.plan) +
                 "}\n");
  std::vector<TableRow> rows = {{"MODULE", "VERSION", "KIND", "REQUIRED", "FATE", "REASON"}};
  for (const PlannedModule& m : planned.plan.modules)
    rows.push_back({printable(m.candidate.name, 255), m.candidate.manifest ? m.candidate.manifest->version.str() : "-",
                    m.trusted ? "runtime" : "plugin", m.required ? "yes" : "no", std::string(fate_name(m.fate)), m.reason});
  return print(table(rows));
}

// Where $RUNTIME_DIRECTORY says, as for the daemon. Who asks about a service stands outside of it: its RuntimeDirectory= has the name of its
// StateDirectory=.
std::string status_path(const HostSettings& host) {
  constexpr std::string_view states = "/var/lib/";
  const bool is_told = !host.runtime_dir_status.empty() && host.runtime_dir_status != host.state_dir;
  if (!is_told && host.state_dir.starts_with(states)) {
    const std::string supervised = "/run/" + host.state_dir.substr(states.size()) + "/status.json";
    if (::access(supervised.c_str(), F_OK) == 0) return supervised;
  }
  return (is_told ? host.runtime_dir_status : host.state_dir) + "/status.json";
}

ExitCode list_running(const Options& options) {
  ConfigInput input = options.config;
  add_process_environment(input);
  Diagnostics diagnostics;
  const std::shared_ptr<const Config> config = load_config(input, diagnostics);
  if (!config) return fail(options, diagnostics, diagnostics.exit_code());
  const std::string path = status_path(config->host);
  const Result<std::string> text = read_text_file(path, 64ULL * 1024 * 1024);
  if (!text && text.error().code == Code::not_found)
    return fail(options, "list.no_status", text.error().message + "; is a daemon running with this state directory?", {},
                ExitCode::unavailable);
  if (!text)
    return fail(options, "list.no_status", text.error().message, {},
                text.error().code == Code::permission_denied ? ExitCode::no_permission : text.error().exit);
  const nlohmann::json status = nlohmann::json::parse(*text, nullptr, false);
  if (!status.is_object() || !status.contains("pid") || !status["pid"].is_number_integer() || !status.contains("modules") ||
      !status["modules"].is_array())
    return fail(options, "list.status_file", "`" + path + "` is not a status file of tenond", {}, ExitCode::data_error);
  const auto pid = status["pid"].get<std::int64_t>();
  if (pid <= 0 || pid > std::numeric_limits<pid_t>::max())
    return fail(options, "list.status_file", "`" + path + "` is not a status file of tenond", {}, ExitCode::data_error);
  const std::string writer = "the daemon that wrote `" + path + "` (pid " + std::to_string(pid) + ") is gone";
  if (const Result<std::int64_t> holder = state_dir_holder(config->host.state_dir); !holder) {
    // Somebody else's daemon, whose lock is not for us: the process table is the next best witness.
    if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return fail(options, "list.gone", writer, {}, ExitCode::unavailable);
  } else if (*holder == 0) {
    return fail(options, "list.gone", writer, {}, ExitCode::unavailable);
  } else if (*holder != pid) {
    return fail(options, "list.not_yet", writer + "; the one that runs now has not written it yet", "ask again", ExitCode::unavailable);
  }
  if (options.json) return print(*text);
  const auto word = [](const nlohmann::json& object, const char* key) {
    return object.is_object() && object.contains(key) && object[key].is_string() ? printable(object[key].get<std::string>(), 1000)
                                                                                 : std::string();
  };
  std::vector<TableRow> rows = {{"MODULE", "VERSION", "KIND", "STATE", "SINCE", "REASON"}};
  for (const nlohmann::json& m : status["modules"])
    rows.push_back({word(m, "name"), word(m, "version"), word(m, "kind"), word(m, "state"), word(m, "since"), word(m, "reason")});
  std::string health;
  if (const auto h = status.find("health"); h != status.end() && h->is_object()) {
    const auto flag = [&h](const char* key) { return h->contains(key) && (*h)[key].is_boolean() && (*h)[key].get<bool>(); };
    health = std::string("health: ") + (flag("ready") ? "ready" : "not ready") + (flag("degraded") ? ", degraded" : "") + "\n";
    std::vector<TableRow> checks = {{"MODULE", "CHECK", "REQUIRED", "STATE", "SINCE", "WHY"}};
    if (h->contains("checks") && (*h)["checks"].is_array())
      for (const nlohmann::json& c : (*h)["checks"]) {
        const bool required = c.is_object() && c.contains("required") && c["required"].is_boolean() && c["required"].get<bool>();
        checks.push_back(
            {word(c, "module"), word(c, "check"), required ? "yes" : "no", word(c, "state"), word(c, "since"), word(c, "why")});
      }
    if (checks.size() > 1) health += table(checks);
  }
  return print("pid " + std::to_string(pid) + ", " + word(status, "state") + " since " + word(status, "started") + "\n" + table(rows) +
               health);
}

}  // namespace

ExitCode run_list(const Options& options) { return options.running ? list_running(options) : list_planned(options); }

}  // namespace tenon::host
