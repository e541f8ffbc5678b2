#include <algorithm>
#include <memory>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "draft.hpp"

namespace tenon::host {
namespace {

class Joiner {
 public:
  Joiner(const BuiltinTable& builtins, const Config& config, const PlanOptions& options)
      : builtins_(builtins), config_(config), options_(options) {
    for (std::uint32_t i = 0; i < builtins.size(); ++i) table_.emplace(builtins[i].name, i);
  }

  PlanDraft run(Discovery discovery) {
    for (Diagnostic& d : discovery.diagnostics.items()) draft_.findings.push_back({std::move(d), no_module});
    take_in(std::move(discovery.candidates));
    for (std::uint32_t i = 0; i < draft_.modules.size(); ++i) {
      // Switched off comes first: what an operator does not want to run is not reported as broken on top.
      if (draft_.modules[i].legitimate) apply_settings(i);
      take_findings(i);
      if (!draft_.modules[i].legitimate) refuse_name(i);
    }
    refuse_duplicates();
    check_table();
    check_settings();
    return std::move(draft_);
  }

 private:
  [[nodiscard]] std::uint32_t position(const std::string& name) const {
    const auto found = table_.find(name);
    return found == table_.end() ? no_module : found->second;
  }

  /// A plugin may have any name that is neither reserved nor in the table, a RuntimeModule only one in the table.
  [[nodiscard]] bool may_be_called(Origin origin, const std::string& name) const {
    const bool in_table = position(name) != no_module;
    return origin == Origin::runtime ? in_table : !in_table && !is_reserved_module_name(name);
  }

  /// Said by a manifest, even if the rest of it could not be read; else the name is that of a file, which has a dot.
  static bool is_named(const Candidate& c) { return c.manifest != nullptr || is_module_name(c.name); }

  /// "orders" for "/x/liborders.so" or "orders.yaml": the name that a module whose manifest cannot be read most likely has. With it, a broken
  /// required module is reported as broken, not as missing.
  static std::string stem(std::string_view path) {
    std::string_view name = path.substr(path.find_last_of('/') + 1);
    name = name.substr(0, name.find('.'));
    if (name.starts_with("lib")) name.remove_prefix(3);
    return std::string(name);
  }

  void take_in(std::vector<Candidate> candidates) {
    std::unordered_set<std::string> taken;
    for (const Candidate& c : candidates)
      if (is_named(c)) taken.insert(c.name);
    draft_.modules.reserve(candidates.size());
    for (Candidate& c : candidates) {
      DraftModule m;
      m.name = c.name;
      if (!is_named(c)) {
        std::string likely = stem(c.name);
        if (is_module_name(likely) && may_be_called(c.origin, likely) && !taken.contains(likely)) m.name = std::move(likely);
      }
      m.legitimate = may_be_called(c.origin, m.name);
      if (c.origin == Origin::runtime) m.table_position = position(m.name);
      m.planned.trusted = m.trusted();
      m.planned.candidate = std::move(c);
      draft_.modules.push_back(std::move(m));
    }
    sort_modules();
  }

  /// Discovery has sorted already; a plan does not depend on it. Places are sorted, as modules are large.
  void sort_modules() {
    const auto key = [](const DraftModule& m) {
      return std::tuple(m.planned.candidate.origin, file_of(m.planned.candidate), std::string_view(m.planned.candidate.name));
    };
    std::vector<std::uint32_t> order(draft_.modules.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t i, std::uint32_t k) {
      const DraftModule &a = draft_.modules[i], &b = draft_.modules[k];
      return a.name != b.name ? a.name < b.name : key(a) < key(b);
    });
    std::vector<DraftModule> sorted;
    sorted.reserve(order.size());
    for (const std::uint32_t i : order) sorted.push_back(std::move(draft_.modules[i]));
    draft_.modules = std::move(sorted);
  }

  [[nodiscard]] const ModuleSettings* settings(const std::string& name) const {
    const auto found = config_.host.modules.find(name);
    return found == config_.host.modules.end() ? nullptr : &found->second;
  }

  static std::string said_at(const Where& where) {
    const std::string text = place(where);
    return text.empty() ? text : " (" + text + ")";
  }

  static LoopPolicy policy_of(LoopSetting::Policy policy) {
    switch (policy) {
      case LoopSetting::Policy::ignore:
        return LoopPolicy::ignore;
      case LoopSetting::Policy::restart:
        return LoopPolicy::restart;
      case LoopSetting::Policy::fail:
        break;
    }
    return LoopPolicy::fail;
  }

  void apply_settings(std::uint32_t i) {
    DraftModule& m = draft_.modules[i];
    const ModuleSettings* s = settings(m.name);
    PhaseTimeouts& timeouts = m.planned.timeouts = config_.host.timeouts;
    const auto apply = [&timeouts](const auto& list) {
      for (const auto& [phase, duration] : list)
        if (auto* timeout = timeouts.find(phase)) *timeout = duration;
    };
    if (m.planned.candidate.manifest != nullptr) apply(m.planned.candidate.manifest->timeouts);
    if (s != nullptr) apply(s->timeouts);
    if (s != nullptr)
      for (const LoopSetting& l : s->loops) m.planned.loops.emplace(l.loop, LoopDecision{policy_of(l.policy), l.key});
    if (m.trusted())
      apply_to_runtime(i, s);
    else
      apply_to_plugin(i, s);
  }

  void apply_to_runtime(std::uint32_t i, const ModuleSettings* s) {
    DraftModule& m = draft_.modules[i];
    m.planned.required = builtins_[m.table_position].required;
    if (s == nullptr) return;
    if (s->required && !m.planned.required)
      setting_error(m, "required", s->required_where,
                    "`modules." + m.name + ".required` cannot be set: whether the RuntimeModule " + quoted(m) +
                        " is required stands in the host's table",
                    "remove the key");
    if (s->enabled.value_or(true)) return;
    if (m.planned.required)
      setting_error(m, "enabled", s->where,
                    "`modules." + m.name + ".enabled` is false, but the RuntimeModule " + quoted(m) + " is required and cannot be disabled",
                    "remove the key");
    else
      disable(m, "`modules." + m.name + ".enabled` is false" + said_at(s->where));
  }

  void setting_error(const DraftModule& m, const std::string& key, const Where& where, std::string message, std::string help) {
    Diagnostic& d = draft_.report(no_module, "plan.runtime_" + key, where, std::move(message), std::move(help), ExitCode::config);
    d.module = m.name;
    d.path = "modules." + m.name + '.' + key;
  }

  void apply_to_plugin(std::uint32_t i, const ModuleSettings* s) {
    DraftModule& m = draft_.modules[i];
    if (options_.safe_mode) {
      disable(m, "safe mode");
      return;
    }
    m.planned.required = s != nullptr && s->required;
    const bool said = s != nullptr && s->enabled.has_value();
    if (said ? *s->enabled : config_.host.plugins_default_enabled) return;
    disable(m, said ? "`modules." + m.name + ".enabled` is false" + said_at(s->where) : "`plugins.default_enabled` is false");
    if (!m.planned.required) return;
    draft_
        .report(i, "plan.required_disabled", s->required_where, quoted(m) + " is required, but disabled: " + m.planned.reason,
                "set `modules." + m.name + ".enabled: true`, or remove `required`", ExitCode::unavailable)
        .path = "modules." + m.name;
  }

  static void disable(DraftModule& m, std::string reason) {
    m.planned.fate = Fate::disabled;
    m.planned.reason = std::move(reason);
  }

  /// Wrong text is 78, unsafe directories of the host itself are 77, any other reason to refuse a file makes the module unavailable.
  static ExitCode meaning(const Diagnostic& d, Origin origin) {
    if (d.exit == ExitCode::no_permission) return origin == Origin::runtime ? d.exit : ExitCode::unavailable;
    if (d.exit != ExitCode::config) return ExitCode::unavailable;
    const bool text = d.where.line != 0 || d.code.starts_with("manifest.") || d.code.starts_with("yaml.");
    return text ? ExitCode::config : ExitCode::unavailable;
  }

  void take_findings(std::uint32_t i) {
    DraftModule& m = draft_.modules[i];
    const SourceRef file =
        m.planned.candidate.diagnostics.empty() ? nullptr : std::make_shared<Source>(Source{file_of(m.planned.candidate), {}});
    for (const Diagnostic& found : m.planned.candidate.diagnostics.items()) {
      Finding f{found, i};
      if (f.diagnostic.module.empty()) f.diagnostic.module = m.name;
      if (f.diagnostic.where.source == nullptr) f.diagnostic.where.source = file;  // else nobody could tell whose it is
      if (found.severity == Severity::error) {
        f.diagnostic.exit = meaning(found, m.planned.candidate.origin);
        if (m.planned.fate == Fate::planned) {
          m.planned.fate = Fate::refused;
          m.planned.reason = found.message;
        }
      }
      draft_.findings.push_back(std::move(f));
    }
    if (m.planned.candidate.manifest == nullptr && m.planned.fate == Fate::planned)
      draft_.refuse(i, "plan.no_manifest", {}, quoted(m) + " (" + file_of(m.planned.candidate) + ") has no manifest",
                    "a module needs a manifest: beside its library, in a manifests directory, or inside it");
  }

  static Where name_place(const Candidate& c) { return c.manifest != nullptr ? c.manifest->name_where : Where{}; }

  void refuse_name(std::uint32_t i) {
    const DraftModule& m = draft_.modules[i];
    const Candidate& c = m.planned.candidate;
    // A file that says no name of its own has none to object to; it is refused already.
    if (!is_named(c)) return;
    const Where where = name_place(c);
    if (c.origin == Origin::runtime)
      draft_.refuse(i, "plan.not_in_table", where, quoted(m) + " (" + file_of(c) + ") is not in this host's table of RuntimeModules",
                    "the runtime directory holds only what came with the host; plugins belong into a plugins directory");
    else if (position(m.name) != no_module)
      draft_.refuse(i, "plan.reserved_name", where,
                    quoted(m) + " (" + file_of(c) + ") is the name of a RuntimeModule of this host; a plugin cannot have it",
                    "choose another name");
    else
      draft_.refuse(i, "plan.reserved_name", where, quoted(m) + " (" + file_of(c) + ") is a reserved name; a plugin cannot have it",
                    "choose another name");
  }

  void refuse_duplicates() {
    auto& modules = draft_.modules;
    for (std::uint32_t first = 0; first < modules.size();) {
      std::uint32_t end = first;
      std::vector<std::uint32_t> same;
      for (; end < modules.size() && modules[end].name == modules[first].name; ++end)
        if (modules[end].legitimate && is_named(modules[end].planned.candidate)) same.push_back(end);
      first = end;
      if (same.size() < 2) continue;
      for (const std::uint32_t i : same) modules[i].duplicate = true;
      if (modules[same.front()].planned.fate == Fate::disabled) continue;
      std::string files;
      constexpr std::size_t shown = 8;
      for (std::size_t k = 0; k < std::min(same.size(), shown); ++k)
        files += (k == 0 ? "" : k + 1 == same.size() ? " and " : ", ") + file_of(modules[same[k]].planned.candidate);
      if (same.size() > shown) files += " and " + std::to_string(same.size() - shown) + " more";
      for (const std::uint32_t i : same)
        draft_.refuse(i, "plan.duplicate_name", name_place(modules[i].planned.candidate),
                      std::to_string(same.size()) + " candidates are named " + quoted(modules[i]) + ": " + files, "remove all but one",
                      ExitCode::config);
    }
  }

  void check_table() {
    std::vector<bool> present(builtins_.size(), false);
    for (const DraftModule& m : draft_.modules)
      if (m.trusted()) present[m.table_position] = true;
    for (std::uint32_t i = 0; i < builtins_.size(); ++i) {
      const BuiltinModule& builtin = builtins_[i];
      if (present[i] || table_.at(builtin.name) != i) continue;
      if (builtin.required) {
        draft_
            .report(no_module, "plan.runtime_missing", {},
                    "the RuntimeModule `" + builtin.name + "` is required, but not in the runtime directory",
                    "the installation is incomplete: install this host again", ExitCode::unavailable)
            .module = builtin.name;
      } else {
        Diagnostic d;
        d.severity = Severity::note;
        d.code = "plan.runtime_missing";
        d.message = "the optional RuntimeModule `" + builtin.name + "` is not in the runtime directory";
        d.module = builtin.name;
        draft_.findings.push_back({std::move(d), no_module});
      }
    }
  }

  /// `modules.<name>` that is nobody's.
  void check_settings() {
    std::unordered_set<std::string_view> known;
    for (const DraftModule& m : draft_.modules)
      if (m.legitimate) known.insert(m.name);
    std::vector<const std::string*> names;
    for (const auto& [name, s] : config_.host.modules)
      if (!known.contains(name) && position(name) == no_module) names.push_back(&name);
    std::sort(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a < *b; });
    Suggestions suggest(draft_);
    for (const std::string* name : names) {
      const ModuleSettings& s = config_.host.modules.at(*name);
      const bool fatal = s.required && !options_.safe_mode;
      Diagnostic d;
      d.severity = fatal ? Severity::error : Severity::warning;
      d.code = fatal ? "plan.required_missing" : "plan.unknown_module";
      d.message = fatal ? quoted(*name) + " is required by the configuration, but no module of that name was found"
                        : "`modules." + printable(*name) + "` configures a module that was not found";
      d.help = suggest.for_name(*name);
      if (d.help.empty())
        d.help = fatal ? "put its library into a plugins directory, or remove `required`" : "install the module, or remove the key";
      d.where = fatal ? s.required_where : s.where;
      d.module = *name;
      d.path = "modules." + *name;
      d.exit = ExitCode::unavailable;
      draft_.findings.push_back({std::move(d), no_module});
    }
  }

  const BuiltinTable& builtins_;
  const Config& config_;
  const PlanOptions& options_;
  std::unordered_map<std::string, std::uint32_t> table_;
  PlanDraft draft_;
};

}  // namespace

PlanDraft join(Discovery discovery, const BuiltinTable& builtins, const Config& config, const PlanOptions& options) {
  return Joiner(builtins, config, options).run(std::move(discovery));
}

}  // namespace tenon::host
