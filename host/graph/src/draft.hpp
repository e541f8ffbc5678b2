// PlanDraft: the plan while it is being made. Every step adds findings and may take modules out; none removes what another has said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "graph/plan.hpp"
#include "graph/resolve.hpp"

namespace tenon::host {

struct DraftModule {
  PlannedModule planned;
  std::string name;                          ///< what others call it; a manifest that cannot be read leaves the file's name to go by
  std::uint32_t table_position = no_module;  ///< of RuntimeModules
  bool legitimate = false;                   ///< may carry its name; one that may not is refused and disturbs nobody
  bool duplicate = false;
  std::vector<std::string> served_by;  ///< its REST host, its gRPC hub

  [[nodiscard]] bool trusted() const { return table_position != no_module; }
  /// Its manifest takes part in the checks, so that everything wrong with it is said at once.
  [[nodiscard]] bool examined() const {
    return legitimate && !duplicate && planned.fate != Fate::disabled && planned.candidate.manifest != nullptr;
  }
};

/// A diagnostic and whose it is: an error of a module that no required module needs does not end the boot.
struct Finding {
  Diagnostic diagnostic;
  std::uint32_t module = no_module;  ///< no_module = of the host as a whole: always counts
};

struct PlanDraft {
  std::vector<DraftModule> modules;  ///< by name, RuntimeModules before plugins, then by path
  std::vector<Finding> findings;

  /// Adds an error about one module. `exit`: what it means for the process if the module is needed.
  Diagnostic& report(std::uint32_t module, std::string code, Where where, std::string message, std::string help, ExitCode exit);
  /// The same, and takes the module out with the message as its reason (the first reason stays).
  void refuse(std::uint32_t module, std::string code, Where where, std::string message, std::string help,
              ExitCode exit = ExitCode::unavailable);
};

/// Candidates + table + settings: who is who, trusted, required, disabled; names that are wrong, taken twice, or missing.
PlanDraft join(Discovery discovery, const BuiltinTable& builtins, const Config& config, const PlanOptions& options);

/// Interfaces and capabilities against what the host offers; one REST host, one gRPC hub.
void check_offers(PlanDraft& draft, const HostOffer& offer);

/// Notes on keys of manifests that have no effect here, because this host does not serve what they are about.
void note_unserved_keys(PlanDraft& draft, const HostOffer& offer);

/// What modules claim in `provides` and `permissions.http.routes`: twice the same, or in another module's name.
void check_claims(PlanDraft& draft, const BuiltinTable& builtins);

/// What plugins ask for and are granted. Grants that nobody can give are errors; what is asked for and not granted is a note, if
/// `notes` are wanted.
void grant_permissions(PlanDraft& draft, const BuiltinTable& builtins, const Config& config, bool notes);

/// Effective configuration of every examined module, computed on all cores.
void resolve_module_configs(PlanDraft& draft, const Config& config);

/// Problems of the graph as findings, and why each module that does not run does not.
void explain(PlanDraft& draft, const Resolution& resolution);

/// "nearest name" for help texts, out of all legitimate names. Comparing with every name costs time, so only the first few questions are
/// answered.
class Suggestions {
 public:
  explicit Suggestions(const PlanDraft& draft) : draft_(draft) {}
  /// "did you mean `x`?", or empty.
  std::string for_name(std::string_view name);

 private:
  const PlanDraft& draft_;
  std::vector<std::string_view> names_;  ///< made for the first question: most plans ask none
  int questions_left_ = 64;
};

/// "file:line:col", "file", or empty.
std::string place(const Where& where);
/// The file to name when two candidates must be told apart; fit for printing.
std::string file_of(const Candidate& candidate);
/// `name` in backticks, fit for printing.
std::string quoted(std::string_view name);
/// What it is called in messages: its own name as given, also if others know it by another.
inline std::string quoted(const DraftModule& module) { return quoted(module.name); }

}  // namespace tenon::host
