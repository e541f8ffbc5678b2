#include "reload.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"

namespace tenon::host {

std::vector<std::string> restart_would(const Plan& plan, const std::vector<RunningModule>& modules) {
  std::vector<std::string> out;
  std::unordered_map<std::string_view, const RunningModule*> running;
  for (const RunningModule& m : modules) running.emplace(m.name, &m);
  // A file that says no name any more stands under its own: the running module it was is found by that.
  const auto of_nameless = [&modules](const Candidate& c) {
    return std::find_if(modules.begin(), modules.end(), [&c](const RunningModule& m) {
      return !c.manifest && (c.file ? c.file->path == m.path : m.path.ends_with("/" + c.name));
    });
  };
  std::unordered_map<std::string_view, bool> seen;  // true: it goes on
  for (const PlannedModule& p : plan.modules) {
    const Candidate& c = p.candidate;
    const auto now = running.find(c.name);
    if (p.fate == Fate::planned) seen[c.name] = true;
    if (p.fate != Fate::planned) {
      const auto was = now == running.end() ? of_nameless(c) : modules.end();
      if (was != modules.end() && !seen.contains(was->name)) {
        seen[was->name] = false;
        out.push_back("running `" + was->name + "` would not run any more: its file or manifest changed and is " +
                      std::string(fate_name(p.fate)) + ": " + p.reason);
      } else if (now == running.end()) {
        out.push_back("`" + printable(c.name) + "` would not run: " + std::string(fate_name(p.fate)) + ": " + p.reason);
      } else if (!seen.contains(c.name)) {
        seen[c.name] = false;
        out.push_back("running `" + c.name + "` would not run any more: " + std::string(fate_name(p.fate)) + ": " + p.reason);
      } else if (seen[c.name] && c.file && c.file->path != now->second->path) {  // another file that took the name of one that goes on
        out.push_back("`" + printable(c.file->path, 4096) + "` would not run: " + std::string(fate_name(p.fate)) + ": " + p.reason);
      }
      continue;
    }
    const std::string version = c.manifest ? c.manifest->version.str() : std::string();
    if (now == running.end())
      out.push_back("`" + c.name + "` " + version + " would be loaded");
    else if (c.file && c.file->digest != now->second->digest)
      out.push_back("`" + c.name + "` " + now->second->version + " would be replaced by " + version +
                    " (another file); the running one is not touched");
  }
  for (const RunningModule& m : modules)
    if (!seen.contains(m.name))
      out.push_back("running `" + m.name + "` would be gone: its file or manifest was removed; the running one is not touched");
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());  // of several files with one name
  return out;
}

ReloadOutcome compute_reload(const ConfigInput& input, const BootOptions& boot, const Config& running,
                             const std::vector<RunningModule>& modules) {
  ReloadOutcome out;
  Diagnostics diagnostics;
  const auto [valid, next] = load_config_as_far_as_possible(input, diagnostics);
  if (!next) {
    out.errors = std::move(diagnostics);
    return out;
  }
  const Plan plan = prepare_plan(*next, boot);
  if (!valid) out.errors = std::move(diagnostics);
  // A module that runs must stay valid with the new text; what concerns others only is reported as "would not run".
  std::unordered_map<std::string_view, std::uint32_t> index;
  for (std::uint32_t i = 0; i < modules.size(); ++i) index.emplace(modules[i].name, i);
  for (const Diagnostic& d : plan.diagnostics.items())
    if (d.severity == Severity::error && (plan.exit != ExitCode::ok || (index.contains(d.module) && d.path.starts_with("modules."))))
      out.errors.add(d);
  if (plan.exit != ExitCode::ok && out.errors.empty())
    out.errors.error("reload.plan", {}, "the directories as they are now would not let the daemon start", "run `tenond check`");
  out.errors.sort();
  if (!out.errors.empty()) return out;
  for (const Diagnostics* found : {&std::as_const(diagnostics), &plan.diagnostics})
    for (const Diagnostic& d : found->items())
      if (d.severity == Severity::warning) out.warnings.add(d);

  out.diff = diff_config(running, *next);
  out.next = apply_reload(running, *next);
  for (const std::string& key : out.diff.needs_restart)
    out.needs_restart.push_back("`" + key + "` changed and takes effect after a restart");
  for (const PlannedModule& p : plan.modules) {
    const auto found = index.find(p.candidate.name);
    if (p.fate != Fate::planned || found == index.end()) continue;
    const RunningModule& module = modules[found->second];
    // With another file its schema may differ too: the running instance keeps what it has.
    if (!p.candidate.file || p.candidate.file->digest != module.digest) continue;
    ModuleReload change = diff_module_config(*module.config, p.config);
    for (const std::string& path : change.needs_restart)
      out.needs_restart.push_back("`modules." + module.name + ".config." + path +
                                  "` is not declared live and takes effect after a restart");
    if (change.applied.empty()) continue;
    ConfigChange live;
    drop_places(change.config.value);
    live.next = change.config.value;
    live.paths = std::move(change.applied);
    out.modules.push_back({found->second, std::move(live), std::move(change.config)});
  }
  out.restart_would = restart_would(plan, modules);
  return out;
}

std::vector<std::string> RestartNews::news(std::set<std::string>& told, const std::vector<std::string>& sentences) {
  std::vector<std::string> out;
  for (const std::string& sentence : sentences)
    if (!told.contains(sentence)) out.push_back(sentence);
  told = {sentences.begin(), sentences.end()};
  return out;
}

std::vector<std::string> RestartNews::new_modules(const std::vector<std::string>& sentences, std::vector<std::string>* withdrawn) {
  const std::set<std::string> now(sentences.begin(), sentences.end());
  for (const std::string& sentence : modules_)
    if (withdrawn != nullptr && !now.contains(sentence) && !at_start_.contains(sentence)) withdrawn->push_back(sentence);
  std::vector<std::string> out = news(modules_, sentences);
  // What ceased and comes again is a change, told again.
  std::erase_if(at_start_, [this](const std::string& sentence) { return !modules_.contains(sentence); });
  return out;
}

bool RestartNews::any() const {
  return !keys_.empty() ||
         std::any_of(modules_.begin(), modules_.end(), [this](const std::string& sentence) { return !at_start_.contains(sentence); });
}

}  // namespace tenon::host
