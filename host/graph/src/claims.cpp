#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "draft.hpp"

namespace tenon::host {
namespace {

struct Kind {
  std::string_view word, code;
};
constexpr Kind service{"service", "plan.duplicate_service"}, event{"event", "plan.duplicate_event"}, route{"route", "plan.duplicate_route"};

/// `x.y` is `x.y/1`.
std::string service_key(std::string_view name) {
  std::string key(name);
  if (key.find('/') == std::string::npos) key += "/1";
  return key;
}

/// Names of parameters do not tell routes apart: `/a/{id}` and `/a/{key}` are one.
std::string route_key(std::string_view path) {
  std::string key;
  while (!path.empty()) {
    const std::size_t open = path.find('{');
    const std::size_t close = open == std::string_view::npos ? open : path.find('}', open);
    if (close == std::string_view::npos) break;
    key += path.substr(0, open);
    key += path.substr(open, close - open).ends_with("...") ? "{...}" : "{}";
    path.remove_prefix(close + 1);
  }
  return key.append(path);
}

class ClaimCheck {
 public:
  ClaimCheck(PlanDraft& draft, const BuiltinTable& builtins) : draft_(draft) {
    for (const DraftModule& m : draft.modules)
      if (m.legitimate) owners_.insert(m.name);
    for (const BuiltinModule& b : builtins) owners_.insert(b.name);
  }

  void run() {
    for (std::uint32_t i = 0; i < draft_.modules.size(); ++i) {
      const DraftModule& m = draft_.modules[i];
      // What is refused will not claim anything, and must not drag others along.
      if (!m.examined() || m.planned.fate != Fate::planned) continue;
      const auto manifest = m.planned.candidate.manifest;
      for (const Named& s : manifest->provides.services) claim(service, i, s, first_word(s.name, '.'), service_key(s.name));
      for (const Named& e : manifest->provides.events) claim(event, i, e, first_word(e.name, '.'), e.name);
      for (const Named& r : manifest->permissions.http_routes) {
        const std::string_view path = std::string_view(r.name).substr(r.name.starts_with('/') ? 1 : 0);
        claim(route, i, r, first_word(path, '/'), route_key(r.name));
      }
    }
    for (const auto* claims : {&services_, &events_, &routes_}) check_duplicates(*claims);
  }

 private:
  struct Claim {
    std::uint32_t module;
    const Named* what;
    Kind kind;
  };
  /// Who claims a name first, and the names that more than one claims: in order, so that findings are.
  struct Claims {
    std::unordered_map<std::string, Claim> first;
    std::map<std::string, std::vector<Claim>> contested;
  };

  static std::string_view first_word(std::string_view name, char separator) {
    return name.substr(0, name.find_first_of(separator == '.' ? "./" : "/"));
  }

  [[nodiscard]] bool is_owned(std::string_view prefix) const { return owners_.contains(prefix) || is_reserved_module_name(prefix); }

  void claim(Kind kind, std::uint32_t i, const Named& what, std::string_view prefix, std::string key) {
    const DraftModule& m = draft_.modules[i];
    const bool own = prefix == m.name || m.trusted();
    const bool everybodys = kind.word == route.word ? prefix.starts_with('{') : prefix == "*" || prefix == ">";
    if (!own && (everybodys || is_owned(prefix))) {
      const std::string whose = everybodys ? "every module" : is_reserved_module_name(prefix) ? "the host" : "the module " + quoted(prefix);
      draft_.refuse(i, "plan.foreign_prefix", what.where,
                    quoted(m) + " claims the " + std::string(kind.word) + ' ' + quoted(what.name) + ", which belongs to " + whose,
                    kind.word == route.word ? "choose a route below `/" + m.name + "/`" : "choose a name below `" + m.name + ".`");
      overreaching_.insert(i);
      return;
    }
    Claims& claims = kind.word == service.word ? services_ : kind.word == event.word ? events_ : routes_;
    const auto [mine, fresh] = claims.first.try_emplace(std::move(key), Claim{i, &what, kind});
    if (fresh) return;
    std::vector<Claim>& list = claims.contested[mine->first];
    if (list.empty()) list.push_back(mine->second);
    if (list.back().module != i) list.push_back({i, &what, kind});
  }

  /// Between a RuntimeModule and a plugin the plugin gives way: nothing from outside disturbs a RuntimeModule.
  void check_duplicates(const Claims& claims) {
    for (const auto& [key, all] : claims.contested) {
      std::vector<const Claim*> list, runtime;
      for (const Claim& c : all)
        if (!overreaching_.contains(c.module)) list.push_back(&c);
      if (list.size() < 2) continue;
      for (const Claim* c : list)
        if (draft_.modules[c->module].trusted()) runtime.push_back(c);
      const auto& rivals = runtime.empty() ? list : runtime;
      for (const Claim* c : list) {
        if (rivals.size() == 1 && rivals.front() == c) continue;
        const Claim* rival = rivals.front() != c ? rivals.front() : rivals[1];
        const auto [a, b] = std::minmax(c->module, rival->module);
        std::string message = "the " + std::string(c->kind.word) + ' ' + quoted(c->what->name) + " is claimed by both " +
                              quoted(draft_.modules[a]) + " and " + quoted(draft_.modules[b]);
        if (list.size() > 2) message += " (and " + std::to_string(list.size() - 2) + " more)";
        draft_.refuse(c->module, std::string(c->kind.code), c->what->where, std::move(message),
                      "each " + std::string(c->kind.word) + " has one owner: remove the claim from all modules but one, or disable them");
      }
    }
  }

  PlanDraft& draft_;
  std::unordered_set<std::string_view> owners_;
  std::unordered_set<std::uint32_t> overreaching_;  ///< refused for a claim in another's name: their other claims harm nobody
  Claims services_, events_, routes_;
};

}  // namespace

void check_claims(PlanDraft& draft, const BuiltinTable& builtins) { ClaimCheck(draft, builtins).run(); }

}  // namespace tenon::host
