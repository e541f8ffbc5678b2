#include <algorithm>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "draft.hpp"

namespace tenon::host {
namespace {

class Explainer {
 public:
  Explainer(PlanDraft& draft, const Resolution& resolution) : draft_(draft), resolution_(resolution), suggest_(draft) {}

  void run() {
    for (const GraphProblem& p : resolution_.problems) {
      if (p.kind == GraphProblemKind::cycle)
        tell_cycle(p);
      else if (p.kind == GraphProblemKind::more_cycles)
        tell_more_cycles(p);
      else if (p.kind == GraphProblemKind::self_after || p.kind == GraphProblemKind::after_ignored)
        tell_after(p);
      else
        tell_requirement(p);
    }
    for (std::uint32_t i = 0; i < draft_.modules.size(); ++i)
      if (resolution_.outcomes[i].cause != no_module) tell_blocked(i);
  }

 private:
  DraftModule& module(std::uint32_t i) { return draft_.modules[i]; }
  [[nodiscard]] std::string name(std::uint32_t i) const { return quoted(draft_.modules[i]); }

  /// The first reason stays. A module that is refused anyway keeps that.
  void block(std::uint32_t i, const std::string& reason) {
    PlannedModule& planned = module(i).planned;
    if (planned.fate != Fate::planned) return;
    planned.fate = Fate::blocked;
    planned.reason = reason;
  }

  /// `predicate` follows the name of the module.
  void tell(const GraphProblem& p, std::string code, const Where& where, const std::string& predicate, std::string help, ExitCode exit) {
    block(p.module, predicate);
    draft_.report(p.module, std::move(code), where, name(p.module) + ' ' + predicate, std::move(help), exit);
  }

  void tell_requirement(const GraphProblem& p) {
    const Requirement& r = module(p.module).planned.candidate.manifest->requirements[p.entry];
    const std::string requires_it = "requires " + quoted(r.name);
    switch (p.kind) {
      case GraphProblemKind::unknown_requirement: {
        if (is_reserved_module_name(r.name)) {
          tell(p, "graph.unknown_requirement", r.where, requires_it + ", which is a reserved name that no module has",
               "remove it from `requires`; interfaces of the host are named in `needs`", ExitCode::unavailable);
          break;
        }
        std::string help = suggest_.for_name(r.name);
        if (help.empty()) help = "install " + quoted(r.name) + ", or remove it from `requires`";
        tell(p, "graph.unknown_requirement", r.where, requires_it + ", but no module of that name was found", std::move(help),
             ExitCode::unavailable);
        break;
      }
      case GraphProblemKind::version_mismatch: {
        const Candidate& found = module(p.target).planned.candidate;
        tell(p, "graph.version_mismatch", r.where,
             requires_it + ' ' + printable(r.range.str()) + ", found " + printable(found.manifest->version.str()) + " in " + file_of(found),
             "install a version of " + quoted(r.name) + " that fits, or change the range", ExitCode::unavailable);
        break;
      }
      case GraphProblemKind::disabled_requirement:
        tell(p, "graph.disabled_requirement", r.where, requires_it + ", which is disabled: " + module(p.target).planned.reason,
             "enable " + quoted(r.name) + ", or disable " + name(p.module) + " too", ExitCode::unavailable);
        break;
      case GraphProblemKind::self_requirement:
        tell(p, "graph.self_requirement", r.where, "requires itself", "remove it from its own `requires`", ExitCode::config);
        break;
      case GraphProblemKind::table_order:
        tell(p, "graph.table_order", r.where,
             "is a RuntimeModule and requires " + quoted(r.name) + ", which stands after it in the host's table",
             "the table of RuntimeModules must satisfy their requirements: this is a bug in the host", ExitCode::software);
        break;
      default:
        tell(p, "graph.requires_plugin", r.where,
             "is a RuntimeModule and requires " + quoted(r.name) + ", which is not in the host's table",
             "a RuntimeModule may only require RuntimeModules: this is a bug in the host", ExitCode::software);
        break;
    }
  }

  void tell_after(const GraphProblem& p) {
    const Named& after = module(p.module).planned.candidate.manifest->after[p.entry];
    if (p.kind == GraphProblemKind::self_after) {
      tell(p, "graph.self_after", after.where, "is to come after itself", "remove it from its own `after`", ExitCode::config);
      return;
    }
    Diagnostic d;
    d.severity = Severity::warning;
    d.code = "graph.after_ignored";
    d.message = name(p.module) + " is a RuntimeModule and cannot come after " + quoted(after.name) + ", as the host's table decides";
    d.help = "remove it from `after`";
    d.where = after.where;
    d.module = module(p.module).name;
    draft_.findings.push_back({std::move(d), p.module});
  }

  /// "a -> b ~> c -> a". With more than `most` members the middle is left out.
  [[nodiscard]] std::string closed_path(const GraphProblem& p, std::size_t most) const {
    const std::size_t n = p.path.size();
    const std::size_t head = n <= most ? n : most / 2;
    std::string text;
    for (std::size_t i = 0; i < n; ++i) {
      if (i >= head && i + 2 < n && n > most) {
        text += "... (" + std::to_string(n - 2 - head) + " more) -> ";
        i = n - 3;
        continue;
      }
      text += printable(draft_.modules[p.path[i]].name);
      text += p.path_after[i] != 0 ? " ~> " : " -> ";
    }
    return text + printable(draft_.modules[p.path.front()].name);
  }

  [[nodiscard]] Where edge_place(std::uint32_t from, std::uint32_t to) const {
    const auto& manifest = draft_.modules[from].planned.candidate.manifest;
    if (manifest == nullptr) return {};
    const std::string& target = draft_.modules[to].name;
    for (const Requirement& r : manifest->requirements)
      if (r.name == target) return r.where;
    for (const Named& a : manifest->after)
      if (a.name == target) return a.where;
    return manifest->name_where;
  }

  /// A cycle ends the boot only if nobody in it can be left out.
  [[nodiscard]] std::uint32_t answerable(const std::vector<std::uint32_t>& members) const {
    for (const std::uint32_t i : members)
      if (!resolution_.outcomes[i].needed) return i;
    return members.front();
  }

  void tell_cycle(const GraphProblem& p) {
    const bool after = std::find(p.path_after.begin(), p.path_after.end(), 1) != p.path_after.end();
    for (const std::uint32_t i : p.path)
      if (resolution_.outcomes[i].own_problem) block(i, "is part of the cycle `" + closed_path(p, 12) + "`");
    draft_.report(p.module, "graph.cycle", edge_place(p.path[0], p.path[1]), "cycle in the graph: `" + closed_path(p, 64) + "`",
                  std::string("read `->` as \"requires\"") + (after ? ", `~>` as \"comes after\"" : "") + "; remove one of these edges",
                  ExitCode::config);
    draft_.findings.back().module = answerable(p.path);
  }

  void tell_more_cycles(const GraphProblem& p) {
    std::string names;
    constexpr std::size_t shown = 8;
    for (std::size_t k = 0; k < std::min(shown, p.path.size()); ++k) names += (k == 0 ? "" : ", ") + name(p.path[k]);
    if (p.path.size() > shown) names += " and " + std::to_string(p.path.size() - shown) + " more";
    const std::string more = "further cycles between " + names;
    for (const std::uint32_t i : p.path)
      if (resolution_.outcomes[i].own_problem) block(i, "is part of " + more);
    Diagnostic& d =
        draft_.report(p.module, "graph.more_cycles", {}, more + " are not listed: only the first " + std::to_string(max_cycles) + " are",
                      "mend the listed ones first", ExitCode::config);
    const auto& manifest = module(p.module).planned.candidate.manifest;
    if (manifest != nullptr) d.where = manifest->name_where;
    draft_.findings.back().module = answerable(p.path);
  }

  /// "requires `b`, which requires `c`, which is refused: ...": the whole chain if it is short, else its beginning and its end.
  [[nodiscard]] std::string why_blocked(std::uint32_t i) const {
    constexpr std::uint32_t whole = 5, beginning = 3;
    constexpr std::size_t longest_reason = 600;
    const GraphOutcome* o = &resolution_.outcomes[i];
    const std::uint32_t root = o->root, depth = o->depth;
    const auto hop = [&](const GraphOutcome& from) { return (from.cause_serves ? "is served by " : "requires ") + name(from.cause); };
    std::string text = hop(*o);
    for (std::uint32_t hops = 1; hops < depth; ++hops) {
      if (depth > whole && hops == beginning) {
        text += ", which requires " + std::to_string(depth - beginning - 1) + " more in a row down to " + name(root);
        break;
      }
      o = &resolution_.outcomes[o->cause];
      text += ", which " + hop(*o);
    }
    const PlannedModule& last = draft_.modules[root].planned;
    return text + ", which is " + std::string(fate_name(last.fate)) + ": " + printable(last.reason, longest_reason);
  }

  void tell_blocked(std::uint32_t i) {
    const std::string reason = why_blocked(i);
    block(i, reason);
    draft_.report(i, "graph.blocked", edge_place(i, resolution_.outcomes[i].cause), name(i) + " is blocked: " + reason, {},
                  ExitCode::unavailable);
  }

  PlanDraft& draft_;
  const Resolution& resolution_;
  Suggestions suggest_;
};

}  // namespace

void explain(PlanDraft& draft, const Resolution& resolution) { Explainer(draft, resolution).run(); }

}  // namespace tenon::host
