#include "cycles.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tenon::host {
namespace {

constexpr std::uint32_t unset = std::numeric_limits<std::uint32_t>::max();

/// A vertex on the explicit stack of a depth-first search.
struct Frame {
  std::uint32_t vertex;
  std::uint32_t next = 0;  ///< successor to look at next
  bool closed_cycle = false;
};

/// Component number of every vertex >= `lowest`, looking only at those (Tarjan, 1972).
std::vector<std::uint32_t> components(const Edges& edges, std::uint32_t lowest) {
  const auto n = static_cast<std::uint32_t>(edges.vertices());
  std::vector<std::uint32_t> component(n, unset), number(n, unset), low(n, 0), open;
  std::vector<Frame> stack;
  std::uint32_t next_number = 0, next_component = 0;
  for (std::uint32_t start = lowest; start < n; ++start) {
    if (number[start] != unset) continue;
    stack.push_back({start});
    number[start] = low[start] = next_number++;
    open.push_back(start);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const std::uint32_t v = frame.vertex;
      const auto successors = edges.of(v);
      if (frame.next < successors.size()) {
        const std::uint32_t w = successors[frame.next++];
        if (w < lowest) continue;
        if (number[w] == unset) {
          number[w] = low[w] = next_number++;
          open.push_back(w);
          stack.push_back({w});
        } else if (component[w] == unset) {
          low[v] = std::min(low[v], number[w]);
        }
        continue;
      }
      if (low[v] == number[v]) {
        std::uint32_t w = unset;
        do {
          w = open.back();
          open.pop_back();
          component[w] = next_component;
        } while (w != v);
        ++next_component;
      }
      stack.pop_back();
      if (!stack.empty()) low[stack.back().vertex] = std::min(low[stack.back().vertex], low[v]);
    }
  }
  return component;
}

std::vector<std::uint32_t> component_sizes(const std::vector<std::uint32_t>& component) {
  std::vector<std::uint32_t> size(component.size(), 0);
  for (const std::uint32_t c : component)
    if (c != unset) ++size[c];
  return size;
}

/// The edges between members of `group` (ascending), members renumbered 0.. in that order.
Edges inside(const Edges& edges, const std::vector<std::uint32_t>& group) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::uint32_t i = 0; i < group.size(); ++i)
    for (const std::uint32_t w : edges.of(group[i])) {
      const auto found = std::lower_bound(group.begin(), group.end(), w);
      if (found == group.end() || *found != w || w == group[i]) continue;
      pairs.emplace_back(i, static_cast<std::uint32_t>(found - group.begin()));
    }
  return {group.size(), pairs};
}

/// Johnson's search: all cycles through `start` inside its component of the vertices >= start.
class CyclesThrough {
 public:
  CyclesThrough(const Edges& edges, const std::vector<std::uint32_t>& component, std::uint32_t start)
      : edges_(edges), component_(component), start_(start), blocked_(edges.vertices(), 0), waiting_(edges.vertices()) {}

  /// Appends to `found` until it holds `limit`; false if there was one more.
  bool run(std::vector<std::vector<std::uint32_t>>& found, std::size_t limit) {
    enter(start_);
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      const auto successors = edges_.of(frame.vertex);
      if (frame.next == successors.size()) {
        leave();
        continue;
      }
      const std::uint32_t w = successors[frame.next++];
      if (!relevant(w)) continue;
      if (w == start_) {
        if (found.size() == limit) return false;
        std::vector<std::uint32_t>& path = found.emplace_back();
        for (const Frame& f : stack_) path.push_back(f.vertex);
        frame.closed_cycle = true;
      } else if (blocked_[w] == 0) {
        enter(w);
      }
    }
    return true;
  }

 private:
  [[nodiscard]] bool relevant(std::uint32_t w) const { return w >= start_ && component_[w] == component_[start_]; }

  void enter(std::uint32_t v) {
    blocked_[v] = 1;
    stack_.push_back({v});
  }

  /// A vertex that led to no cycle stays blocked until one of its successors is unblocked: what was searched in vain is not searched again.
  void leave() {
    const Frame frame = stack_.back();
    stack_.pop_back();
    if (frame.closed_cycle) {
      unblock(frame.vertex);
      if (!stack_.empty()) stack_.back().closed_cycle = true;
      return;
    }
    for (const std::uint32_t w : edges_.of(frame.vertex))
      if (relevant(w)) waiting_[w].push_back(frame.vertex);
  }

  void unblock(std::uint32_t vertex) {
    std::vector<std::uint32_t> todo{vertex};
    while (!todo.empty()) {
      const std::uint32_t v = todo.back();
      todo.pop_back();
      if (blocked_[v] == 0) continue;
      blocked_[v] = 0;
      todo.insert(todo.end(), waiting_[v].begin(), waiting_[v].end());
      waiting_[v].clear();
    }
  }

  const Edges& edges_;
  const std::vector<std::uint32_t>& component_;
  std::uint32_t start_;
  std::vector<std::uint8_t> blocked_;
  std::vector<std::vector<std::uint32_t>> waiting_;
  std::vector<Frame> stack_;
};

}  // namespace

std::vector<std::vector<std::uint32_t>> cyclic_groups(const Edges& edges) {
  const auto component = components(edges, 0);
  const auto size = component_sizes(component);
  std::vector<std::uint32_t> group_of(component.size(), unset);
  std::vector<std::vector<std::uint32_t>> groups;
  for (std::uint32_t v = 0; v < component.size(); ++v) {
    const std::uint32_t c = component[v];
    if (size[c] < 2) continue;
    if (group_of[c] == unset) {
      group_of[c] = static_cast<std::uint32_t>(groups.size());
      groups.emplace_back().reserve(size[c]);
    }
    groups[group_of[c]].push_back(v);
  }
  return groups;
}

CycleList elementary_cycles(const Edges& edges, const std::vector<std::uint32_t>& group, std::size_t limit) {
  const Edges local = inside(edges, group);
  CycleList list;
  // Each round finds at least one cycle, so there are at most limit + 1 rounds.
  for (std::uint32_t lowest = 0; lowest < group.size() && !list.more; ++lowest) {
    const auto component = components(local, lowest);
    const auto size = component_sizes(component);
    while (lowest < group.size() && size[component[lowest]] < 2) ++lowest;
    if (lowest == group.size()) break;
    list.more = !CyclesThrough(local, component, lowest).run(list.cycles, limit);
  }
  for (auto& cycle : list.cycles)
    for (std::uint32_t& v : cycle) v = group[v];
  return list;
}

}  // namespace tenon::host
