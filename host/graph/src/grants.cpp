// Permissions of plugins: what the manifest asks for, what the operator grants, what nobody can grant.
#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "draft.hpp"

namespace tenon::host {
namespace {

constexpr const char* only_host_publishes = "which only the host publishes";
constexpr const char* belongs_to_host = "which belongs to the host";

class Granter {
 public:
  Granter(PlanDraft& draft, const BuiltinTable& builtins, const Config& config, bool notes)
      : draft_(draft), config_(config), notes_(notes) {
    for (const DraftModule& m : draft.modules)
      if (m.legitimate) present_.insert(m.name);
    for (const BuiltinModule& b : builtins) present_.insert(b.name);
  }

  void run() {
    for (std::uint32_t i = 0; i < draft_.modules.size(); ++i) {
      const DraftModule& m = draft_.modules[i];
      if (!m.examined()) continue;
      const auto settings = config_.host.modules.find(m.name);
      const GrantSettings* grants = settings != config_.host.modules.end() && settings->second.grants ? &*settings->second.grants : nullptr;
      if (m.trusted()) {
        if (grants != nullptr) refuse_for_runtime(m, grants->where);
        continue;
      }
      if (grants != nullptr && !check(i, *grants)) continue;
      grant(i, grants);
    }
  }

 private:
  void refuse_for_runtime(const DraftModule& m, const Where& where) {
    Diagnostic& d = draft_.report(no_module, "plan.runtime_grants", where,
                                  "`modules." + m.name + ".grants` cannot be set: the RuntimeModule " + quoted(m) + " may do everything",
                                  "remove the key", ExitCode::config);
    d.module = m.name;
    d.path = "modules." + m.name + ".grants";
  }

  /// False if it grants what no configuration can.
  bool check(std::uint32_t i, const GrantSettings& grants) {
    bool ok = true;
    const std::string& own = draft_.modules[i].name;
    for (const Granted& g : grants.service_provides) {
      const std::string_view word = first_word(g.text);
      if (word == own) continue;
      if (word == "*" || word == ">")
        ok = refuse(i, "services.provide", g, "which stands for services of every module");
      else if (is_reserved_module_name(word))
        ok = refuse(i, "services.provide", g, belongs_to_host);
      else if (present_.contains(word))
        ok = refuse(i, "services.provide", g, "which belongs to the module " + quoted(word));
    }
    for (const Granted& g : grants.event_publishes)
      if (is_reserved_module_name(first_word(g.text))) ok = refuse(i, "events.publish", g, only_host_publishes);
    for (const Granted& g : grants.storage_namespaces)
      if (is_reserved_module_name(first_word(g.text))) ok = refuse(i, "storage.namespaces", g, belongs_to_host);
    return ok;
  }

  static std::string_view first_word(std::string_view name) { return name.substr(0, name.find_first_of("./")); }

  bool refuse(std::uint32_t i, const std::string& key, const Granted& grant, const std::string& whose) {
    PlannedModule& planned = draft_.modules[i].planned;
    const std::string path = "modules." + draft_.modules[i].name + ".grants." + key;
    std::string message = "`" + path + "` grants " + quoted(grant.text) + ", " + whose;
    if (planned.fate == Fate::planned) {
      planned.fate = Fate::blocked;
      planned.reason = message;
    }
    draft_.report(i, "plan.impossible_grant", grant.where, std::move(message), "remove it", ExitCode::config).path = path;
    return false;
  }

  /// Names in the module's own name need no permission.
  static std::vector<ServicePattern> services(const std::vector<Named>& names, const std::string& own) {
    std::vector<ServicePattern> out;
    for (const Named& n : names)
      if (auto pattern = parse_service_pattern(n.name); pattern && !has_prefix(pattern->pattern, own)) out.push_back(std::move(*pattern));
    return out;
  }
  static std::vector<std::string> topics(const std::vector<Named>& names, const std::string& own) {
    std::vector<std::string> out;
    for (const Named& n : names)
      if (!has_prefix(n.name, own)) out.push_back(n.name);
    return out;
  }

  /// Nobody can be granted services of others: who claims some is refused, and gets no advice to have them granted.
  [[nodiscard]] bool is_anothers(std::string_view name) const {
    const std::string_view word = first_word(name);
    return word == "*" || word == ">" || present_.contains(word) || is_reserved_module_name(word);
  }

  [[nodiscard]] PermissionSet asked_by(const Manifest& manifest, const std::string& own) const {
    PermissionSet out;
    out.service_calls = services(manifest.permissions.service_calls, own);
    out.service_provides = services(manifest.provides.services, own);
    std::erase_if(out.service_provides, [this](const ServicePattern& p) { return is_anothers(p.pattern); });
    for (ServicePattern& p : out.service_provides)
      if (p.major == 0) p.major = 1;  // `x.y` is `x.y/1`
    out.event_publishes = topics(manifest.permissions.event_publishes, own);
    for (std::string& topic : topics(manifest.provides.events, own))
      if (!is_anothers(topic) && std::find(out.event_publishes.begin(), out.event_publishes.end(), topic) == out.event_publishes.end())
        out.event_publishes.push_back(std::move(topic));
    out.event_subscribes = topics(manifest.permissions.event_subscribes, own);
    for (const Named& n : manifest.permissions.storage_namespaces)
      if (n.name != own) out.storage_namespaces.push_back(n.name);
    if (manifest.permissions.storage_max_bytes.value_or(0) > Permissions::own_storage_bytes)
      out.storage_max_bytes = manifest.permissions.storage_max_bytes;
    return out;
  }

  /// Takes out of what is asked what no configuration can grant, so that neither `permissions.default: manifest` nor a wide grant does.
  void drop_impossible(std::uint32_t i, PermissionSet& asked) {
    const auto is_reserved = [](const std::string& name) { return is_reserved_module_name(first_word(name)); };
    std::erase_if(asked.event_publishes, is_reserved);
    std::erase_if(asked.storage_namespaces, is_reserved);
    const auto tell = [&](const std::vector<Named>& names, const std::string& key, const std::string& whose) {
      for (const Named& n : names) {
        if (!is_reserved(n.name)) continue;
        Diagnostic d;
        d.severity = Severity::warning;
        d.code = "plan.impossible_permission";
        d.where = n.where;
        d.message =
            quoted(draft_.modules[i]) + " asks for `" + key + "` " + quoted(n.name) + ", " + whose + ": it is not granted, and cannot be";
        d.help = "remove it from the manifest";
        d.module = draft_.modules[i].name;
        d.path = "permissions." + key;
        draft_.findings.push_back({std::move(d), i});
      }
    };
    const auto& permissions = draft_.modules[i].planned.candidate.manifest->permissions;
    tell(permissions.event_publishes, "events.publish", only_host_publishes);
    tell(permissions.storage_namespaces, "storage.namespaces", belongs_to_host);
  }

  static PermissionSet granted_by(const GrantSettings& grants) {
    PermissionSet out;
    const auto patterns = [](const std::vector<Granted>& from, std::vector<ServicePattern>& to) {
      for (const Granted& g : from)
        if (auto pattern = parse_service_pattern(g.text)) to.push_back(std::move(*pattern));
    };
    const auto names = [](const std::vector<Granted>& from, std::vector<std::string>& to) {
      for (const Granted& g : from) to.push_back(g.text);
    };
    patterns(grants.service_calls, out.service_calls);
    patterns(grants.service_provides, out.service_provides);
    names(grants.event_publishes, out.event_publishes);
    names(grants.event_subscribes, out.event_subscribes);
    names(grants.storage_namespaces, out.storage_namespaces);
    out.storage_max_bytes = grants.storage_max_bytes;
    return out;
  }

  static bool says_nothing(const PermissionSet& s) {
    return s.service_calls.empty() && s.service_provides.empty() && s.event_publishes.empty() && s.event_subscribes.empty() &&
           s.storage_namespaces.empty() && !s.storage_max_bytes;
  }

  void grant(std::uint32_t i, const GrantSettings* grants) {
    DraftModule& m = draft_.modules[i];
    PlannedPermissions permissions;
    permissions.asked = asked_by(*m.planned.candidate.manifest, m.name);
    drop_impossible(i, permissions.asked);
    if (grants != nullptr)
      permissions.granted = granted_by(*grants);
    else if (!config_.host.grant_what_is_asked)
      permissions.granted.emplace();
    if (says_nothing(permissions.asked) && (grants == nullptr || says_nothing(*permissions.granted))) return;
    m.planned.permissions = std::make_shared<const PlannedPermissions>(std::move(permissions));
    if (notes_ && m.planned.fate == Fate::planned) tell_missing(i);
  }

  void tell_missing(std::uint32_t i) {
    const DraftModule& m = draft_.modules[i];
    std::string missing;
    for (const PermissionRow& row : permission_rows(*m.planned.permissions)) {
      if (row.state != GrantState::missing && row.state != GrantState::partly) continue;
      missing += (missing.empty() ? "" : ", ") + std::string(row.permission) + " `" + printable(row.what) + "`";
    }
    if (missing.empty()) return;
    Diagnostic d;
    d.severity = Severity::note;
    d.code = "plan.not_granted";
    d.message = quoted(m) + " asks for what it is not granted, and will be denied: " + printable(missing, 600);
    d.help = "to grant it, write below `modules." + m.name + "`: " + granting_line(*m.planned.permissions);
    d.module = m.name;
    d.path = "modules." + m.name + ".grants";
    draft_.findings.push_back({std::move(d), i});
  }

  PlanDraft& draft_;
  const Config& config_;
  const bool notes_;
  std::unordered_set<std::string_view> present_;
};

}  // namespace

void grant_permissions(PlanDraft& draft, const BuiltinTable& builtins, const Config& config, bool notes) {
  Granter(draft, builtins, config, notes).run();
}

}  // namespace tenon::host
