// The pure core of the plan: names, versions and edges in; order, blocked modules and problems out. No manifests, no configuration, no text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "manifest/version.hpp"

namespace tenon::host {

/// "No such module": an index, or a position in the table of RuntimeModules.
inline constexpr std::uint32_t no_module = UINT32_MAX;

/// What is already known about a module before its edges are looked at.
enum class Standing : std::uint8_t {
  available,
  refused,   ///< out, but what it requires is known and checked all the same
  blocked,   ///< likewise; by a cause outside the graph (its configuration)
  disabled,  ///< not part of the graph: its own edges do not count
};

struct GraphRequirement {
  std::string_view name;
  const VersionRange* range = nullptr;  ///< null = any version
};

/// One vertex. Names are unique among available modules; of several others with one name the first given is the one found.
struct GraphModule {
  std::string_view name;
  const Version* version = nullptr;  ///< null = unknown, satisfies every range (such a module is refused anyway)
  std::vector<GraphRequirement> requirements;
  std::vector<std::string_view> after;
  std::vector<std::string_view> served_by;   ///< modules without which this one cannot run, wherever they stand in the order
  std::uint32_t table_position = no_module;  ///< RuntimeModules: place in the host's table
  bool required = false;
  Standing standing = Standing::available;
};

enum class GraphProblemKind : std::uint8_t {
  unknown_requirement,   ///< nobody is called that
  version_mismatch,      ///< `target` is there, in a version outside the range
  disabled_requirement,  ///< `target` is disabled
  self_requirement,
  self_after,
  table_order,      ///< a RuntimeModule requires one that stands later in the table
  requires_plugin,  ///< a RuntimeModule requires a plugin
  after_ignored,    ///< a RuntimeModule wants to come after something that always comes later: not an error
  cycle,            ///< `path`
  more_cycles,      ///< the component of `module` has more than max_cycles cycles; `path` = all its members by name
};

/// One problem. Indices are those of the input.
struct GraphProblem {
  GraphProblemKind kind;
  std::uint32_t module = no_module;  ///< of cycles: the smallest name in it
  std::uint32_t entry = 0;           ///< index into requirements, or into after for self_after and after_ignored
  std::uint32_t target = no_module;
  std::vector<std::uint32_t> path;       ///< of cycles, not closed: the last leads back to the first
  std::vector<std::uint8_t> path_after;  ///< edge from path[i] to the next is an `after` (1) or a requirement (0)
};

/// How one module came out of it.
struct GraphOutcome {
  bool planned = false;
  bool own_problem = false;              ///< blocked by a problem of its own (in Resolution::problems)
  bool needed = false;                   ///< required, or required by a needed module: its problems end the boot
  bool cause_serves = false;             ///< `cause` is one of served_by, not of the requirements
  std::uint32_t cause = no_module;       ///< blocked by this module, which is not planned itself
  std::uint32_t root = no_module;        ///< the end of the chain of causes
  std::uint32_t depth = 0;               ///< number of edges from here to `root`
  std::vector<std::uint32_t> requires_;  ///< found ones, deduplicated, ascending
  std::vector<std::uint32_t> after;      ///< found ones that are not in requires_; of a planned module planned ones only
};

struct Resolution {
  std::vector<GraphOutcome> outcomes;  ///< as the input
  std::vector<std::uint32_t> order;    ///< planned ones: RuntimeModules by table, then topological, ties by name
  std::vector<GraphProblem> problems;  ///< sorted by name of module; cycles last
};

/// Cycles listed per group of modules that reach each other.
inline constexpr std::size_t max_cycles = 16;

/// Resolves. Linear in modules and edges apart from sorting, no recursion; the result does not depend on the order of the input.
/// - A cycle of requirements is found whatever else is wrong with its members, disabled ones aside; all of them are blocked.
/// - `after` counts only between modules that would run, but a cycle that needs one is told whatever else is wrong with its members. Where a cycle needs an `after`, the members no required module needs are
///   blocked; only a cycle of needed modules alone blocks those.
/// - Everything that requires what does not run is blocked, by the shortest chain to a cause (ties by name).
Resolution resolve(std::span<const GraphModule> modules);

}  // namespace tenon::host
