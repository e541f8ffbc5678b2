#include "graph/plan.hpp"

#include <algorithm>
#include <utility>

#include "draft.hpp"

namespace tenon::host {
namespace {

Standing standing_of(const DraftModule& m) {
  switch (m.planned.fate) {
    case Fate::planned:
      return Standing::available;
    case Fate::refused:
      return Standing::refused;
    case Fate::blocked:
      return Standing::blocked;
    case Fate::disabled:
      break;
  }
  return Standing::disabled;
}

/// The draft as the core sees it. Views point into the draft.
std::vector<GraphModule> vertices(const PlanDraft& draft) {
  std::vector<GraphModule> list;
  list.reserve(draft.modules.size());
  for (const DraftModule& m : draft.modules) {
    GraphModule& v = list.emplace_back();
    v.name = m.name;
    v.table_position = m.table_position;
    v.required = m.planned.required;
    v.standing = standing_of(m);
    v.served_by.assign(m.served_by.begin(), m.served_by.end());
    const Manifest* manifest = m.planned.candidate.manifest.get();
    if (manifest == nullptr) continue;
    v.version = &manifest->version;
    if (!m.legitimate) continue;
    v.requirements.reserve(manifest->requirements.size());
    for (const Requirement& r : manifest->requirements) v.requirements.push_back({r.name, &r.range});
    for (const Named& a : manifest->after) v.after.emplace_back(a.name);
  }
  return list;
}

std::vector<std::uint32_t> renumbered(const std::vector<std::uint32_t>& indices, const std::vector<std::uint32_t>& place) {
  std::vector<std::uint32_t> list;
  list.reserve(indices.size());
  for (const std::uint32_t i : indices) list.push_back(place[i]);
  std::sort(list.begin(), list.end());
  return list;
}

/// Planned modules in their order, then the others by name.
void arrange(Plan& plan, PlanDraft& draft, const Resolution& resolution) {
  std::vector<std::uint32_t> order = resolution.order;
  plan.planned = order.size();
  for (std::uint32_t i = 0; i < draft.modules.size(); ++i)
    if (!resolution.outcomes[i].planned) order.push_back(i);
  std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(plan.planned), order.end(), [&draft](std::uint32_t a, std::uint32_t b) {
    return draft.modules[a].planned.candidate.name < draft.modules[b].planned.candidate.name;
  });
  std::vector<std::uint32_t> place(order.size());
  for (std::uint32_t k = 0; k < order.size(); ++k) place[order[k]] = k;
  plan.modules.reserve(order.size());
  for (const std::uint32_t i : order) {
    PlannedModule& m = plan.modules.emplace_back(std::move(draft.modules[i].planned));
    m.requires_ = renumbered(resolution.outcomes[i].requires_, place);
    m.after = renumbered(resolution.outcomes[i].after, place);
  }
}

}  // namespace

std::string_view fate_name(Fate fate) {
  switch (fate) {
    case Fate::planned:
      return "planned";
    case Fate::refused:
      return "refused";
    case Fate::blocked:
      return "blocked";
    case Fate::disabled:
      break;
  }
  return "disabled";
}

Plan make_plan(Discovery discovery, const BuiltinTable& builtins, const HostOffer& offer, const Config& config,
               const PlanOptions& options) {
  PlanDraft draft = join(std::move(discovery), builtins, config, options);
  check_offers(draft, offer);
  if (options.notes) note_unserved_keys(draft, offer);
  check_claims(draft, builtins);
  grant_permissions(draft, builtins, config, options.notes);
  resolve_module_configs(draft, config);
  const Resolution resolution = resolve(vertices(draft));
  explain(draft, resolution);

  Plan plan;
  for (Finding& f : draft.findings) {
    // Whatever is wrong with a module that nobody needs: the boot goes on without it.
    if (f.module != no_module && !resolution.outcomes[f.module].needed) f.diagnostic.exit = ExitCode::ok;
    plan.diagnostics.add(std::move(f.diagnostic));
  }
  plan.diagnostics.sort();
  hide_module_values(config.excerpts, plan.diagnostics);
  plan.exit = plan.diagnostics.exit_code();
  arrange(plan, draft, resolution);
  return plan;
}

std::vector<std::uint32_t> load_order(const Plan& plan) {
  std::vector<std::uint8_t> first(plan.planned, 0);
  for (std::size_t i = plan.planned; i-- > 0;) {
    const PlannedModule& m = plan.modules[i];
    if (m.required || m.trusted) first[i] = 1;
    // Requirements stand before who requires them: one pass from the end reaches all of them.
    if (first[i] != 0)
      for (const std::uint32_t r : m.requires_) first[r] = 1;
  }
  std::vector<std::uint32_t> order;
  order.reserve(plan.planned);
  for (const std::uint8_t part : {1, 0})
    for (std::uint32_t i = 0; i < plan.planned; ++i)
      if (first[i] == part) order.push_back(i);
  return order;
}

}  // namespace tenon::host
