#include "graph/resolve.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>

#include "cycles.hpp"
#include "edges.hpp"

namespace tenon::host {
namespace {

using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

/// Works on ranks: positions in the list sorted by name. Whatever iterates in rank order is independent of the order of the input.
class Resolver {
 public:
  explicit Resolver(std::span<const GraphModule> modules) : input_(modules), n_(static_cast<std::uint32_t>(modules.size())) {}

  Resolution run() {
    rank();
    link();
    find_needed();
    block_cycles_of_requirements();
    report_cycles_with_after();
    spread_blocking();
    block_cycles_with_after();
    put_in_order();
    return finish();
  }

 private:
  [[nodiscard]] const GraphModule& at(std::uint32_t rank) const { return input_[index_of_[rank]]; }

  void rank() {
    index_of_.resize(n_);
    std::iota(index_of_.begin(), index_of_.end(), 0);
    std::sort(index_of_.begin(), index_of_.end(), [this](std::uint32_t a, std::uint32_t b) {
      const int order = input_[a].name.compare(input_[b].name);
      if (order != 0) return order < 0;
      const bool a_out = input_[a].standing != Standing::available, b_out = input_[b].standing != Standing::available;
      return a_out != b_out ? b_out : a < b;
    });
    by_name_.reserve(n_);
    for (std::uint32_t r = 0; r < n_; ++r) by_name_.emplace(at(r).name, r);
    own_problem_.assign(n_, 0);
    out_.assign(n_, 0);
    needed_.assign(n_, 0);
    cause_.assign(n_, no_module);
    root_.assign(n_, no_module);
    depth_.assign(n_, 0);
    cause_serves_.assign(n_, 0);
  }

  [[nodiscard]] std::uint32_t find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? no_module : found->second;
  }

  GraphProblem& problem(GraphProblemKind kind, std::uint32_t module, std::uint32_t entry, std::uint32_t target = no_module) {
    if (kind != GraphProblemKind::after_ignored) own_problem_[module] = 1;
    return problems_.emplace_back(GraphProblem{kind, module, entry, target, {}, {}});
  }

  /// Names become edges; what cannot is a problem of the module that said it.
  void link() {
    Pairs requirements, after, served_by;
    for (std::uint32_t r = 0; r < n_; ++r) {
      const GraphModule& module = at(r);
      if (module.standing == Standing::disabled) continue;
      for (std::uint32_t e = 0; e < module.requirements.size(); ++e) link_requirement(r, e, requirements);
      for (std::uint32_t e = 0; e < module.after.size(); ++e) link_after(r, e, after);
      for (const std::string_view name : module.served_by)
        if (const std::uint32_t host = find(name); host != no_module && host != r) served_by.emplace_back(r, host);
    }
    requires_ = Edges(n_, requirements);
    served_by_ = Edges(n_, served_by);
    // A module that is required as well is no longer "after, if present".
    std::erase_if(after, [this](const auto& edge) { return requires_.has(edge.first, edge.second); });
    after_ = Edges(n_, after);
  }

  void link_requirement(std::uint32_t r, std::uint32_t entry, Pairs& edges) {
    const GraphModule& module = at(r);
    const GraphRequirement& requirement = module.requirements[entry];
    if (requirement.name == module.name) {
      problem(GraphProblemKind::self_requirement, r, entry);
      return;
    }
    const std::uint32_t t = find(requirement.name);
    if (t == no_module) {
      problem(GraphProblemKind::unknown_requirement, r, entry);
      return;
    }
    const GraphModule& target = at(t);
    if (module.table_position != no_module && target.table_position == no_module) {
      problem(GraphProblemKind::requires_plugin, r, entry, t);
      return;
    }
    if (module.table_position != no_module && target.table_position >= module.table_position) {
      problem(GraphProblemKind::table_order, r, entry, t);
      return;
    }
    edges.emplace_back(r, t);
    if (target.standing == Standing::disabled)
      problem(GraphProblemKind::disabled_requirement, r, entry, t);
    else if (requirement.range != nullptr && target.version != nullptr && !requirement.range->contains(*target.version))
      problem(GraphProblemKind::version_mismatch, r, entry, t);
  }

  void link_after(std::uint32_t r, std::uint32_t entry, Pairs& edges) {
    const GraphModule& module = at(r);
    if (module.after[entry] == module.name) {
      problem(GraphProblemKind::self_after, r, entry);
      return;
    }
    const std::uint32_t t = find(module.after[entry]);
    if (t == no_module) return;
    // The table alone orders RuntimeModules, and all of them come before the plugins.
    if (module.table_position != no_module && at(t).table_position >= module.table_position)
      problem(GraphProblemKind::after_ignored, r, entry, t);
    else
      edges.emplace_back(r, t);
  }

  void find_needed() {
    std::vector<std::uint32_t> todo;
    const auto need = [&](std::uint32_t r) {
      if (needed_[r] != 0) return;
      needed_[r] = 1;
      todo.push_back(r);
    };
    for (std::uint32_t r = 0; r < n_; ++r)
      if (at(r).required) need(r);
    while (!todo.empty()) {
      const std::uint32_t r = todo.back();
      todo.pop_back();
      for (const std::uint32_t t : requires_.of(r)) need(t);
      for (const std::uint32_t t : served_by_.of(r)) need(t);
    }
  }

  void report_cycles(const Edges& edges, const std::vector<std::uint32_t>& group) {
    CycleList list = elementary_cycles(edges, group, max_cycles);
    for (auto& cycle : list.cycles) {
      if (!reported_.insert(cycle).second) continue;
      GraphProblem p{GraphProblemKind::cycle, cycle.front(), 0, no_module, {}, {}};
      for (std::size_t i = 0; i < cycle.size(); ++i) p.path_after.push_back(requires_.has(cycle[i], cycle[(i + 1) % cycle.size()]) ? 0 : 1);
      p.path = std::move(cycle);
      cycles_.push_back(std::move(p));
    }
    if (list.more && unlisted_.insert(group).second)
      cycles_.push_back({GraphProblemKind::more_cycles, group.front(), 0, no_module, group, {}});
  }

  void block_cycles_of_requirements() {
    for (const auto& group : cyclic_groups(requires_)) {
      report_cycles(requires_, group);
      for (const std::uint32_t r : group) own_problem_[r] = 1;
    }
  }

  /// Also those that something else breaks for now: they would come to light only when that is mended.
  void report_cycles_with_after() {
    Pairs pairs;
    for (std::uint32_t r = 0; r < n_; ++r) {
      for (const std::uint32_t t : requires_.of(r)) pairs.emplace_back(r, t);
      for (const std::uint32_t t : after_.of(r)) pairs.emplace_back(r, t);
    }
    const Edges edges(n_, pairs);
    for (const auto& group : cyclic_groups(edges)) report_cycles(edges, group);
  }

  /// Breadth first from everything that does not run, so that the chain of causes kept is a shortest one.
  void spread_blocking() {
    if (dependents_.vertices() == 0) {
      dependents_ = requires_.reversed();
      served_ = served_by_.reversed();
    }
    std::vector<std::uint32_t> queue;
    for (std::uint32_t r = 0; r < n_; ++r) {
      if (out_[r] != 0 || (own_problem_[r] == 0 && at(r).standing == Standing::available)) continue;
      out_[r] = 1;
      root_[r] = r;
      queue.push_back(r);
    }
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const std::uint32_t r = queue[i];
      const auto block = [&](std::uint32_t dependent, bool serves) {
        if (out_[dependent] != 0) return;
        out_[dependent] = 1;
        cause_[dependent] = r;
        cause_serves_[dependent] = serves ? 1 : 0;
        root_[dependent] = root_[r];
        depth_[dependent] = depth_[r] + 1;
        queue.push_back(dependent);
      };
      for (const std::uint32_t dependent : dependents_.of(r)) block(dependent, false);
      for (const std::uint32_t dependent : served_.of(r)) block(dependent, true);
    }
  }

  [[nodiscard]] Edges edges_among_running() const {
    Pairs pairs;
    for (std::uint32_t r = 0; r < n_; ++r) {
      if (out_[r] != 0) continue;
      for (const std::uint32_t t : requires_.of(r)) pairs.emplace_back(r, t);
      for (const std::uint32_t t : after_.of(r))
        if (out_[t] == 0) pairs.emplace_back(r, t);
    }
    return {n_, pairs};
  }

  /// An optional plugin that places itself around a required one must not end the boot: the members nobody needs go first, and only what
  /// is still a cycle then is one of needed modules. (Within a cycle of requirements either all members are needed or none is.)
  void block_cycles_with_after() {
    for (const bool only_unneeded : {true, false}) {
      const Edges edges = edges_among_running();
      const auto groups = cyclic_groups(edges);
      if (groups.empty()) return;
      for (const auto& group : groups) {
        report_cycles(edges, group);
        const bool all_needed = std::all_of(group.begin(), group.end(), [this](std::uint32_t r) { return needed_[r] != 0; });
        for (const std::uint32_t r : group)
          if (!only_unneeded || all_needed || needed_[r] == 0) own_problem_[r] = 1;
      }
      spread_blocking();
    }
  }

  void put_in_order() {
    std::vector<std::uint32_t> runtime;
    for (std::uint32_t r = 0; r < n_; ++r)
      if (out_[r] == 0 && at(r).table_position != no_module) runtime.push_back(r);
    std::sort(runtime.begin(), runtime.end(), [this](auto a, auto b) { return at(a).table_position < at(b).table_position; });
    order_ = std::move(runtime);

    const Edges edges = edges_among_running();
    const Edges followers = edges.reversed();
    std::vector<std::uint32_t> waits_for(n_, 0);
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
    for (std::uint32_t r = 0; r < n_; ++r) {
      if (out_[r] != 0 || at(r).table_position != no_module) continue;
      for (const std::uint32_t t : edges.of(r)) waits_for[r] += at(t).table_position == no_module ? 1 : 0;
      if (waits_for[r] == 0) ready.push(r);
    }
    while (!ready.empty()) {
      const std::uint32_t r = ready.top();
      ready.pop();
      order_.push_back(r);
      for (const std::uint32_t follower : followers.of(r))
        if (--waits_for[follower] == 0) ready.push(follower);
    }
  }

  /// Ranks become indices of the input.
  Resolution finish() {
    Resolution result;
    const auto index = [this](std::uint32_t r) { return r == no_module ? no_module : index_of_[r]; };
    result.outcomes.resize(n_);
    for (std::uint32_t r = 0; r < n_; ++r) {
      GraphOutcome& o = result.outcomes[index_of_[r]];
      o.planned = out_[r] == 0;
      o.own_problem = own_problem_[r] != 0;
      o.needed = needed_[r] != 0;
      o.cause_serves = cause_serves_[r] != 0;
      o.cause = index(cause_[r]);
      o.root = index(root_[r]);
      o.depth = depth_[r];
      for (const std::uint32_t t : requires_.of(r)) o.requires_.push_back(index_of_[t]);
      for (const std::uint32_t t : after_.of(r))
        if (!o.planned || out_[t] == 0) o.after.push_back(index_of_[t]);
      std::sort(o.requires_.begin(), o.requires_.end());
      std::sort(o.after.begin(), o.after.end());
    }
    for (const std::uint32_t r : order_) result.order.push_back(index_of_[r]);
    result.problems = std::move(problems_);
    result.problems.insert(result.problems.end(), std::make_move_iterator(cycles_.begin()), std::make_move_iterator(cycles_.end()));
    for (GraphProblem& p : result.problems) {
      p.module = index(p.module);
      p.target = index(p.target);
      for (std::uint32_t& r : p.path) r = index(r);
    }
    return result;
  }

  std::span<const GraphModule> input_;
  std::uint32_t n_;
  std::vector<std::uint32_t> index_of_;  ///< rank -> index of the input
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
  Edges requires_, after_, served_by_, dependents_, served_;
  std::vector<std::uint8_t> own_problem_, out_, needed_, cause_serves_;
  std::vector<std::uint32_t> cause_, root_, depth_, order_;
  std::vector<GraphProblem> problems_, cycles_;
  std::set<std::vector<std::uint32_t>> reported_, unlisted_;
};

}  // namespace

Resolution resolve(std::span<const GraphModule> modules) { return Resolver(modules).run(); }

}  // namespace tenon::host
