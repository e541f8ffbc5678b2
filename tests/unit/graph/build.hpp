// Builds plans in memory: candidates, table, offer and configuration without files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/plan.hpp"

namespace tenon::host::test {

inline Version version(std::string_view text) {
  auto v = Version::parse(text);
  if (!v) throw std::runtime_error("bad version in a test: " + std::string(text));
  return *v;
}
inline VersionRange range(std::string_view text) {
  auto r = VersionRange::parse(text);
  if (!r) throw std::runtime_error("bad range in a test: " + std::string(text));
  return *r;
}

/// One candidate under construction. Every entry gets a line of its own in the manifest it pretends to come from.
class ModuleBuilder {
 public:
  ModuleBuilder(std::string name, std::string_view v, Origin origin) : manifest_(std::make_shared<Manifest>()) {
    const std::string dir = origin == Origin::runtime ? "/opt/lib/tenon/runtime/" : "/plugins/";
    auto source = std::make_shared<Source>();
    source->name = dir + name + ".yaml";
    manifest_->source = source;
    manifest_->name = name;
    manifest_->name_where = here(1);
    manifest_->version = version(v);
    manifest_->sdk = "1.0";
    candidate_.name = name;
    candidate_.origin = origin;
    candidate_.manifest_paths = {source->name};
    candidate_.file = LibraryFile{};
    candidate_.file->path = dir + "lib" + name + ".so";
  }

  ModuleBuilder& needs_module(std::string name, std::string_view versions = "") {
    manifest_->requirements.push_back({std::move(name), versions.empty() ? VersionRange() : range(versions), next()});
    return *this;
  }
  ModuleBuilder& after(std::string name) { return add(manifest_->after, std::move(name)); }
  ModuleBuilder& capability(std::string name) { return add(manifest_->capabilities, std::move(name)); }
  ModuleBuilder& service(std::string name) { return add(manifest_->provides.services, std::move(name)); }
  ModuleBuilder& event(std::string name) { return add(manifest_->provides.events, std::move(name)); }
  ModuleBuilder& route(std::string name) { return add(manifest_->permissions.http_routes, std::move(name)); }
  ModuleBuilder& calls(std::string pattern) { return add(manifest_->permissions.service_calls, std::move(pattern)); }
  ModuleBuilder& publishes(std::string pattern) { return add(manifest_->permissions.event_publishes, std::move(pattern)); }
  ModuleBuilder& subscribes(std::string pattern) { return add(manifest_->permissions.event_subscribes, std::move(pattern)); }
  ModuleBuilder& uses_namespace(std::string name) { return add(manifest_->permissions.storage_namespaces, std::move(name)); }
  ModuleBuilder& asks_bytes(std::uint64_t bytes) {
    manifest_->permissions.storage_max_bytes = bytes;
    return *this;
  }
  ModuleBuilder& interface(std::string id, bool optional = false) {
    manifest_->needs.push_back({std::move(id), optional, next()});
    return *this;
  }
  ModuleBuilder& timeout(std::string phase, std::chrono::nanoseconds duration) {
    manifest_->timeouts.emplace_back(std::move(phase), duration);
    return *this;
  }
  ModuleBuilder& schema(Value v) {
    v.set_where(next());
    for (auto& member : *v.as_map()) member.key_where = v.where();
    manifest_->config_schema = std::move(v);
    return *this;
  }
  ModuleBuilder& at(std::string path) {
    candidate_.file->path = std::move(path);
    return *this;
  }
  /// A finding of the gate.
  ModuleBuilder& broken(std::string message, std::string code = "elf.text_relocations") {
    candidate_.diagnostics.error(std::move(code), {}, std::move(message)).exit = ExitCode::unavailable;
    return *this;
  }
  [[nodiscard]] Candidate build() const {
    Candidate c = candidate_;
    c.manifest = std::make_shared<Manifest>(*manifest_);
    return c;
  }

 private:
  [[nodiscard]] Where here(std::uint32_t line) const { return {manifest_->source, line, 3, 1}; }
  Where next() { return here(++line_); }
  ModuleBuilder& add(std::vector<Named>& list, std::string name) {
    list.push_back({std::move(name), next()});
    return *this;
  }

  std::shared_ptr<Manifest> manifest_;
  Candidate candidate_;
  std::uint32_t line_ = 1;
};

/// Everything make_plan() needs.
class World {
 public:
  World() {
    offer.host_version = "0.1.0";
    offer.interfaces = {{"tenon.log/1", false}, {"tenon.config/1", false}, {"tenon.log_sink/1", true}};
    offer.capabilities = {"runnable", "system"};
    settings_source_ = std::make_shared<Source>(Source{"/etc/tenon/tenon.yaml", ""});
    config.effective = Value(ValueMap());
  }

  ModuleBuilder& plugin(std::string name, std::string_view v = "1.0.0") { return add(std::move(name), v, Origin::plugin); }
  /// A candidate in the runtime directory and, unless it is to be a stranger there, a row of the table.
  ModuleBuilder& runtime(std::string name, bool required = true, bool in_table = true) {
    if (in_table) table.push_back({name, required});
    return add(std::move(name), "0.1.0", Origin::runtime);
  }
  /// A file whose manifest cannot be read.
  void unreadable(std::string file_name, Origin origin, Diagnostic d) {
    Candidate c;
    c.name = std::move(file_name);
    c.origin = origin;
    c.manifest_paths = {"/plugins/" + c.name};
    c.diagnostics.add(std::move(d));
    raw.push_back(std::move(c));
  }
  ModuleSettings& settings(const std::string& name) {
    auto [it, added] = config.host.modules.try_emplace(name);
    if (added) it->second.where = it->second.required_where = {settings_source_, ++settings_line_, 5, 1};
    return it->second;
  }
  void require(const std::string& name) { settings(name).required = true; }
  void disable(const std::string& name) { settings(name).enabled = false; }
  /// `modules.<name>.grants`, for the test to fill.
  GrantSettings& grants(const std::string& name) {
    ModuleSettings& s = settings(name);
    if (!s.grants) s.grants.emplace().where = settings_place();
    return *s.grants;
  }
  Granted granted(std::string text) { return {std::move(text), settings_place()}; }
  /// `modules.<name>.config.<key>`, as the file would give it.
  void configure(const std::string& name, const std::string& key, Value value) {
    ModuleMapper mapper{config.effective};
    value.set_where({settings_source_, ++settings_line_, 7, 1});
    mapper.set({"modules", name, "config"}, key, value);
    ModuleSettings& s = settings(name);
    if (!s.config.is_map()) s.config = Value(ValueMap());
    s.config.as_map()->set(key, value);
    config.provenance["modules." + name + ".config." + key] = {Layer::file, "/etc/tenon/tenon.yaml"};
  }

  [[nodiscard]] Discovery discovery() const {
    Discovery d;
    for (const auto& m : modules) d.candidates.push_back(m->build());
    d.candidates.insert(d.candidates.end(), raw.begin(), raw.end());
    return d;
  }
  [[nodiscard]] Plan plan(bool safe_mode = false) const { return make_plan(discovery(), table, offer, config, {safe_mode}); }

  BuiltinTable table;
  HostOffer offer;
  Config config;
  std::vector<std::unique_ptr<ModuleBuilder>> modules;
  std::vector<Candidate> raw;

 private:
  struct ModuleMapper {
    Value& root;
    void set(const std::vector<std::string>& path, const std::string& key, const Value& value) {
      Value* at = &root;
      for (const std::string& step : path) {
        Value* next = at->as_map()->find(step);
        at = next != nullptr ? next : &at->as_map()->set(step, Value(ValueMap()));
      }
      at->as_map()->set(key, value);
    }
  };
  ModuleBuilder& add(std::string name, std::string_view v, Origin origin) {
    modules.push_back(std::make_unique<ModuleBuilder>(std::move(name), v, origin));
    return *modules.back();
  }

  Where settings_place() { return {settings_source_, ++settings_line_, 9, 1}; }

  SourceRef settings_source_;
  std::uint32_t settings_line_ = 0;
};

inline const PlannedModule* find(const Plan& plan, std::string_view name) {
  for (const PlannedModule& m : plan.modules)
    if (m.candidate.name == name) return &m;
  return nullptr;
}
/// "planned", or "blocked: why".
inline std::string fate_of(const Plan& plan, std::string_view name) {
  const PlannedModule* m = find(plan, name);
  if (m == nullptr) return "absent";
  std::string text(fate_name(m->fate));
  return m->reason.empty() ? text : text + ": " + m->reason;
}
/// Names of the planned modules in order, with commas.
inline std::string order_of(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.planned; ++i) text += (i == 0 ? "" : ",") + plan.modules[i].candidate.name;
  return text;
}
inline std::vector<const Diagnostic*> with_code(const Plan& plan, std::string_view code) {
  std::vector<const Diagnostic*> list;
  for (const Diagnostic& d : plan.diagnostics.items())
    if (d.code == code) list.push_back(&d);
  return list;
}
/// The only message with this code; or says how many there are.
inline std::string message(const Plan& plan, std::string_view code) {
  const auto list = with_code(plan, code);
  return list.size() == 1 ? list.front()->message : std::to_string(list.size()) + " diagnostics with " + std::string(code);
}
inline int exit_of(const Plan& plan) { return static_cast<int>(plan.exit); }

}  // namespace tenon::host::test
