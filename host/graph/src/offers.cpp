#include <algorithm>
#include <array>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "draft.hpp"

namespace tenon::host {
namespace {

std::string family_of(std::string_view id) { return std::string(id.substr(0, id.rfind('/'))); }

/// "log" of "tenon.log/1".
std::string_view name_of(std::string_view id) {
  constexpr std::string_view prefix = "tenon.";
  id = id.substr(0, id.rfind('/'));
  return id.starts_with(prefix) ? id.substr(prefix.size()) : id;
}

/// Names of what hosts do not serve yet: whoever writes one means it, however near it is to another name.
bool is_planned(std::string_view name) {
  constexpr std::array<std::string_view, 4> planned{"authn", "http", "rest_dispatch", "sql"};
  return is_known_capability(name) || std::find(planned.begin(), planned.end(), name) != planned.end();
}

/// What a missing capability means, in the words of someone who wants to use it.
std::string_view lacking(std::string_view capability) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> words{{{"grpc", "gRPC"},
                                                                                {"grpc_hub", "gRPC"},
                                                                                {"ingress", "REST host"},
                                                                                {"rest", "REST host"},
                                                                                {"rest_host", "REST host"},
                                                                                {"migrations", "migrations"}}};
  for (const auto& [word, text] : words)
    if (word == capability) return text;
  return {};
}

bool runtime_modules_only(std::string_view capability) {
  return capability == "system" || capability == "rest_host" || capability == "ingress" || capability == "grpc_hub";
}

bool has_capability(const DraftModule& m, std::string_view capability) {
  const auto& list = m.planned.candidate.manifest->capabilities;
  return std::any_of(list.begin(), list.end(), [&](const Named& c) { return c.name == capability; });
}

class OfferCheck {
 public:
  OfferCheck(PlanDraft& draft, const HostOffer& offer)
      : draft_(draft), offer_(offer), capabilities_(offer.capabilities.begin(), offer.capabilities.end()) {}

  void run() {
    for (std::uint32_t i = 0; i < draft_.modules.size(); ++i) {
      if (!draft_.modules[i].examined()) continue;
      const auto manifest = draft_.modules[i].planned.candidate.manifest;
      for (const InterfaceNeed& need : manifest->needs) check_need(i, need);
      std::unordered_set<std::string_view> seen;
      for (const Named& capability : manifest->capabilities)
        if (seen.insert(capability.name).second) check_capability(i, capability);
    }
    check_host({"rest", "rest_host", "REST host", "plan.rest_without_host", "plan.two_rest_hosts"});
    check_host({"grpc", "grpc_hub", "gRPC hub", "plan.grpc_without_hub", "plan.two_grpc_hubs"});
  }

 private:
  struct HostRule {
    std::string_view capability, host_capability, title, code_without, code_two;
  };

  void check_need(std::uint32_t i, const InterfaceNeed& need) {
    if (need.optional) return;
    const DraftModule& m = draft_.modules[i];
    const auto offered = std::find_if(offer_.interfaces.begin(), offer_.interfaces.end(), [&](const auto& o) { return o.id == need.id; });
    if (offered == offer_.interfaces.end()) {
      draft_.refuse(i, "plan.unknown_interface", need.where, subject(m) + " needs " + printable(need.id) + "; " + what_is_offered(need.id),
                    help_for(need.id));
    } else if (offered->runtime_only && !m.trusted()) {
      draft_.refuse(i, "plan.runtime_only_interface", need.where,
                    subject(m) + " needs " + printable(need.id) + ", which only RuntimeModules may use", "remove it from `needs`");
    }
  }

  [[nodiscard]] static std::string subject(const DraftModule& m) {
    return quoted(m) + ' ' + printable(m.planned.candidate.manifest->version.str());
  }

  [[nodiscard]] std::string what_is_offered(std::string_view id) const {
    const std::string family = family_of(id);
    std::vector<std::string_view> ids;
    for (const OfferedInterface& o : offer_.interfaces)
      if (family_of(o.id) == family) ids.emplace_back(o.id);
    std::string text = "this host " + offer_.host_version + " offers ";
    if (ids.empty()) return text + "no " + printable(family);
    std::sort(ids.begin(), ids.end());
    for (std::size_t k = 0; k < ids.size(); ++k) {
      if (k != 0) text += k + 1 == ids.size() ? " and " : ", ";
      text += ids[k];
    }
    return text;
  }

  /// The nearest name only if it is likely to be meant. Names are short: with what all ids have in common, `tenon.sql/1` is near `tenon.log/1`.
  [[nodiscard]] std::string help_for(std::string_view id) const {
    const std::string_view name = name_of(id);
    if (capabilities_.contains(name) && name != "runnable" && !runtime_modules_only(name))  // the others are the names of tables
      return "modules have that table, not the host: declare the capability `" + std::string(name) + "` instead";
    std::vector<std::string_view> ids, names;
    for (const OfferedInterface& o : offer_.interfaces) ids.emplace_back(o.id);
    std::sort(ids.begin(), ids.end());
    std::transform(ids.begin(), ids.end(), std::back_inserter(names), name_of);
    const auto close = is_planned(name) ? std::nullopt : nearest(name, names);
    if (close && *close != name)
      return "did you mean " + std::string(ids[std::find(names.begin(), names.end(), *close) - names.begin()]) + "?";
    return "use a host that offers it, or declare the need `optional: true` if the module works without";
  }

  void check_capability(std::uint32_t i, const Named& capability) {
    const DraftModule& m = draft_.modules[i];
    if (runtime_modules_only(capability.name) && !m.trusted()) {
      draft_.refuse(i, "plan.runtime_only_capability", capability.where,
                    quoted(m) + " declares the capability " + quoted(capability.name) + ", which only RuntimeModules may have",
                    "remove it from `capabilities`");
    } else if (!capabilities_.contains(capability.name)) {
      const std::string_view words = lacking(capability.name);
      const std::string missing = words.empty() ? "no " + quoted(capability.name) : "no " + std::string(words);
      draft_.refuse(
          i, "plan.unserved_capability", capability.where,
          quoted(m) + " declares the capability " + quoted(capability.name) + "; this host " + offer_.host_version + " offers " + missing,
          "use a host that serves it, or remove it from `capabilities`");
    }
  }

  /// Modules with `capability` are served by the one module with `host_capability`; they cannot run if it does not.
  void check_host(const HostRule& rule) {
    if (!capabilities_.contains(rule.capability) && !capabilities_.contains(rule.host_capability)) return;
    std::vector<std::uint32_t> hosts, users;
    for (std::uint32_t i = 0; i < draft_.modules.size(); ++i) {
      const DraftModule& m = draft_.modules[i];
      if (!m.examined()) continue;
      if (m.trusted() && has_capability(m, rule.host_capability)) hosts.push_back(i);
      if (has_capability(m, rule.capability)) users.push_back(i);
    }
    const std::string title(rule.title);
    if (hosts.size() > 1) {
      std::string names;
      for (const std::uint32_t i : hosts) names += (names.empty() ? "" : " and ") + quoted(draft_.modules[i]);
      for (const std::uint32_t i : hosts)
        draft_.refuse(i, std::string(rule.code_two), place_of(i, rule.host_capability),
                      names + " are both a " + title + "; there can be only one", "disable all but one", ExitCode::config);
    }
    for (const std::uint32_t i : users) {
      if (!hosts.empty()) {
        draft_.modules[i].served_by.push_back(draft_.modules[hosts.front()].name);
      } else if (capabilities_.contains(rule.capability)) {
        draft_.refuse(
            i, std::string(rule.code_without), place_of(i, rule.capability),
            quoted(draft_.modules[i]) + " declares the capability `" + std::string(rule.capability) + "`, but there is no " + title,
            "enable or install the module that is the " + title, ExitCode::config);
      }
    }
  }

  [[nodiscard]] Where place_of(std::uint32_t i, std::string_view capability) const {
    for (const Named& c : draft_.modules[i].planned.candidate.manifest->capabilities)
      if (c.name == capability) return c.where;
    return {};
  }

  PlanDraft& draft_;
  const HostOffer& offer_;
  std::unordered_set<std::string_view> capabilities_;
};

}  // namespace

void check_offers(PlanDraft& draft, const HostOffer& offer) { OfferCheck(draft, offer).run(); }

}  // namespace tenon::host
