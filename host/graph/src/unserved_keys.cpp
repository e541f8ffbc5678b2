// Keys of manifests that are valid and do nothing here: full manifests are written for hosts that serve more.
#include <algorithm>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "draft.hpp"

namespace tenon::host {
namespace {

/// Where `section: {key: ...}` stands.
Where place_of(const Manifest& manifest, std::string_view section, std::string_view key) {
  const Value* const value = manifest.document.find(section);
  const ValueMap* const map = value != nullptr ? value->as_map() : nullptr;
  const ValueMap::Member* const member = map != nullptr ? map->find_member(key) : nullptr;
  return member != nullptr ? member->key_where : manifest.name_where;
}

class Noter {
 public:
  Noter(PlanDraft& draft, const HostOffer& offer) : draft_(draft), offer_(offer) {}

  void run() {
    const bool routes = std::find(offer_.capabilities.begin(), offer_.capabilities.end(), "rest") != offer_.capabilities.end();
    for (std::uint32_t i = 0; i < draft_.modules.size(); ++i) {
      if (!draft_.modules[i].examined()) continue;
      const Manifest& manifest = *draft_.modules[i].planned.candidate.manifest;
      if (!routes && !manifest.permissions.http_routes.empty()) note(i, "permissions", "http", "serves no HTTP routes");
      for (const auto& [phase, duration] : manifest.timeouts)
        if (served_.find(phase) == nullptr)
          note(i, "timeouts", phase, phase == "migrate" ? "offers no migrations" : "has no phase `" + phase + '`');
    }
  }

 private:
  void note(std::uint32_t i, const std::string& section, const std::string& key, const std::string& why) {
    const DraftModule& m = draft_.modules[i];
    Diagnostic d;
    d.severity = Severity::note;
    d.code = "plan.key_without_effect";
    d.where = place_of(*m.planned.candidate.manifest, section, key);
    d.path = section + '.' + key;
    d.message = '`' + d.path + "` of " + quoted(m) + " has no effect: this host " + offer_.host_version + ' ' + why;
    d.help = "it does no harm; remove it unless the module is also for hosts that have it";
    d.module = m.name;
    draft_.findings.push_back({std::move(d), i});
  }

  PlanDraft& draft_;
  const HostOffer& offer_;
  PhaseTimeouts served_;
};

}  // namespace

void note_unserved_keys(PlanDraft& draft, const HostOffer& offer) { Noter(draft, offer).run(); }

}  // namespace tenon::host
