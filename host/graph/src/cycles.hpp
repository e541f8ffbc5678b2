// Strongly connected components and the elementary cycles in them. Iterative: a chain of any length fits the stack.
#pragma once

#include <cstdint>
#include <vector>

#include "edges.hpp"

namespace tenon::host {

/// Every group of at least two vertices that reach each other; members ascending, groups by smallest member. Edges from a vertex to itself
/// do not count.
std::vector<std::vector<std::uint32_t>> cyclic_groups(const Edges& edges);

struct CycleList {
  std::vector<std::vector<std::uint32_t>>
      cycles;         ///< each from its smallest vertex, not closed; in order of discovery, which the input alone decides
  bool more = false;  ///< there are more than `limit`
};

/// The first `limit` elementary cycles inside one group of cyclic_groups() (Johnson, 1975). Cost: (limit + 1) x (vertices + edges).
CycleList elementary_cycles(const Edges& edges, const std::vector<std::uint32_t>& group, std::size_t limit);

}  // namespace tenon::host
