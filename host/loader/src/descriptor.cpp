#include "loader/descriptor.hpp"

#include <algorithm>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_modules = 64, max_needs = 64, max_text = 256;
constexpr std::uint32_t known_flags = TENON_SERIAL;
constexpr std::uint32_t must_understand = 0xFFFFU;

// Fields that say something else than the manifest; told together.
using Lies = std::vector<std::string>;

Error lie(std::string message) { return {Code::failed_precondition, std::move(message), "DESCRIPTOR", 0, ExitCode::unavailable}; }

// What was found before the descriptor turned out to be unreadable is told with it.
Error lie(const Lies& lies, const Error& last) {
  std::string all;
  for (const std::string& l : lies) all += l + "; ";
  return lie(all + last.message);
}

Error lie(const Lies& lies) { return lie(Lies(lies.begin(), lies.end() - 1), lie(lies.back())); }

bool is_text(const MappedImage& image, tenon_str s) { return s.len == 0 || (s.len <= max_text && image.contains(s.ptr, s.len)); }

// The offset behind a member, as TENON_HAS counts.
#define TENON_END_OF(type, member) (offsetof(type, member) + sizeof(((type*)nullptr)->member))

// Under another name the only module of a file is still the one that is meant: its other fields are compared too.
Result<const tenon_module*> select(const tenon_entry& entry, const MappedImage& image, const std::string& name, Lies& lies) {
  std::string found;
  for (std::size_t i = 0; i < entry.module_count; ++i) {
    const tenon_module* module = entry.modules[i];
    if (module == nullptr || !image.contains(module, TENON_END_OF(tenon_module, lifecycle)) ||
        module->struct_size < TENON_END_OF(tenon_module, lifecycle) || !image.contains(module, module->struct_size))
      return lie("descriptor " + std::to_string(i) + " of the file is not inside the file, or too small");
    if (!is_text(image, module->name) || !is_text(image, module->version))
      return lie("name or version of descriptor " + std::to_string(i) + " is not inside the file");
    if (view(module->name) == name) return module;
    found += (found.empty() ? "`" : ", `") + printable(view(module->name), 63) + "`";
  }
  lies.push_back("field `name`: the manifest says `" + printable(name, 63) + "`, the file's descriptor says " + found);
  if (entry.module_count != 1) return lie(lies);
  return entry.modules[0];
}

Result<void> check_needs(const tenon_module& module, const MappedImage& image, const ExpectedDescriptor& expected, Lies& lies) {
  if (module.need_count > max_needs)
    return lie("the descriptor has " + std::to_string(module.need_count) + " needs; at most 64 are allowed");
  if (module.need_count != 0 && !image.contains(module.needs, module.need_count * sizeof(void*)))
    return lie("the descriptor's needs are not inside the file");
  std::vector<std::pair<std::string, bool>> actual;
  for (std::size_t i = 0; i < module.need_count; ++i) {
    const tenon_need* need = module.needs[i];
    if (need == nullptr || !image.contains(need, sizeof(tenon_need)) || need->struct_size < sizeof(tenon_need) || !is_text(image, need->id))
      return lie("need " + std::to_string(i) + " of the descriptor is not inside the file, or too small");
    const std::string id(view(need->id));
    actual.emplace_back(id, need->optional != 0);
    const auto& offered = offered_interfaces();
    const auto host = std::find_if(offered.begin(), offered.end(), [&id](const InterfaceInfo& x) { return x.id == id; });
    if (host != offered.end() && need->min_size > host->size && need->optional == 0)
      lies.push_back("field `needs`: it needs " + std::to_string(need->min_size) + " bytes of " + printable(id) +
                     ", this host's table has " + std::to_string(host->size) + ": it was written for a newer host");
  }
  std::vector<std::pair<std::string, bool>> said = expected.needs;
  std::sort(said.begin(), said.end());
  std::sort(actual.begin(), actual.end());
  if (said == actual) return {};
  const auto list = [](const std::vector<std::pair<std::string, bool>>& needs) {
    std::string out;
    for (const auto& [id, optional] : needs) out += (out.empty() ? "" : ", ") + printable(id) + (optional ? " (optional)" : "");
    return out.empty() ? std::string("nothing") : out;
  };
  lies.push_back("field `needs`: the manifest says " + list(said) + "; the descriptor says " + list(actual));
  return {};
}

void check_capabilities(const tenon_module& module, const ExpectedDescriptor& expected, Lies& lies) {
  const auto declared = [&expected](std::string_view word) {
    return std::find(expected.capabilities.begin(), expected.capabilities.end(), word) != expected.capabilities.end();
  };
  const tenon_lifecycle& life = *module.lifecycle;
  const bool runs = TENON_HAS(&life, start);
  const bool system = TENON_HAS(&life, pre_init) || TENON_HAS(&life, post_init);
  const auto compare = [&](std::string_view word, bool has, std::string_view what) {
    if (declared(word) == has) return;
    lies.push_back(has ? "field `capabilities`: the descriptor has " + std::string(what) + ", but the manifest does not declare `" +
                             std::string(word) + "`"
                       : "field `capabilities`: the manifest declares `" + std::string(word) + "`, but the descriptor has no " +
                             std::string(what));
  };
  compare("runnable", runs, "`start`");
  compare("system", system, "`pre_init` or `post_init`");
  const bool asks = TENON_HAS(&module, query);
  // query touches no module state and may be called before create.
  constexpr std::pair<std::string_view, std::string_view> tables[] = {
      {"migrations", "tenon.migrations/1"}, {"rest", "tenon.rest/1"},    {"rest_host", "tenon.rest_host/1"},
      {"ingress", "tenon.ingress/1"},       {"grpc", "tenon.grpc/1"},    {"grpc_hub", "tenon.grpc_hub/1"},
      {"health", "tenon.health/1"},         {"reload", "tenon.reload/1"}};
  for (const auto& [word, id] : tables) compare(word, asks && module.query(c_str(id)) != nullptr, "table " + std::string(id));
}

/// The one capability table this host serves. Its members are constant data of a stranger, followed later without looking.
void check_health(const tenon_module& module, const MappedImage& image, Lies& lies) {
  if (!TENON_HAS(&module, query)) return;
  const auto* table = static_cast<const tenon_health*>(module.query(c_str(TENON_HEALTH)));
  if (table == nullptr) return;
  const auto wrong = [&lies](std::string_view what) { lies.push_back("table " TENON_HEALTH ": " + std::string(what)); };
  if (!image.contains(table, sizeof(std::uint32_t)) || table->struct_size < TENON_END_OF(tenon_health, check_count) ||
      !image.contains(table, table->struct_size))
    return wrong("it is not inside the file, or too small");
  if (table->check_count == 0 || table->check_count > Health::max_checks) return wrong("it has not 1 to 64 checks");
  if (!image.contains(table->checks, table->check_count * sizeof(void*))) return wrong("its list of checks is not inside the file");
  for (std::size_t i = 0; i < table->check_count; ++i) {
    const tenon_health_check* check = table->checks[i];
    const std::string which = "check " + std::to_string(i) + " ";
    if (check == nullptr || !image.contains(check, sizeof(std::uint32_t)) || check->struct_size < TENON_END_OF(tenon_health_check, check) ||
        !image.contains(check, check->struct_size))
      return wrong(which + "is not inside the file, or too small");
    if (!is_text(image, check->name)) return wrong(which + "has a name that is not inside the file");
  }
  if (const Result<void> ok = examine_checks(health_checks_of(*table)); !ok) wrong(ok.error().message);
}

}  // namespace

Result<const tenon_module*> bind_descriptor(const tenon_entry& entry, const MappedImage& image, const ExpectedDescriptor& expected) {
  if (!image.contains(&entry, sizeof(tenon_entry))) return lie("`tenon_entry_v1` is too small");
  if (entry.magic != TENON_MAGIC) return lie("`tenon_entry_v1` has no TENON-V1 magic: it is something else with this name");
  if (entry.struct_size < sizeof(tenon_entry))
    return lie("`tenon_entry_v1` says it has " + std::to_string(entry.struct_size) + " bytes, expected at least " +
               std::to_string(sizeof(tenon_entry)));
  if (entry.abi_major != TENON_ABI_MAJOR)
    return lie("`tenon_entry_v1` says ABI " + std::to_string(entry.abi_major) + "." + std::to_string(entry.abi_minor) + "; this host has " +
               std::to_string(TENON_ABI_MAJOR) + "." + std::to_string(TENON_ABI_MINOR));
  if (entry.module_count == 0 || entry.module_count > max_modules)
    return lie("`tenon_entry_v1` says it has " + std::to_string(entry.module_count) + " modules, expected 1 to 64");
  if (!image.contains(entry.modules, entry.module_count * sizeof(void*))) return lie("the list of modules is not inside the file");

  Lies lies;
  const auto selected = select(entry, image, expected.name, lies);
  if (!selected) return selected.error();
  const tenon_module& module = **selected;
  if (view(module.version) != expected.version)
    lies.push_back("field `version`: the manifest says " + expected.version + ", the descriptor says " +
                   printable(view(module.version), 63));
  if (const std::uint32_t unknown = module.flags & must_understand & ~known_flags; unknown != 0)
    return lie(lies, lie("the descriptor has flags this host does not understand (bits " + std::to_string(unknown) +
                         "): it was written for a newer host"));
  if (module.lifecycle == nullptr || !image.contains(module.lifecycle, sizeof(std::uint32_t) * 2) ||
      module.lifecycle->struct_size < TENON_END_OF(tenon_lifecycle, create) ||
      !image.contains(module.lifecycle, module.lifecycle->struct_size))
    return lie(lies, lie("the descriptor has no lifecycle table inside the file"));
  if (Result<void> r = check_needs(module, image, expected, lies); !r) return lie(lies, r.error());
  check_capabilities(module, expected, lies);
  check_health(module, image, lies);
  if (!lies.empty()) return lie(lies);
  return &module;
}

}  // namespace tenon::host
