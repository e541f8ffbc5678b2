#include "cycles.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

using namespace tenon::host;

namespace {

using Cycle = std::vector<std::uint32_t>;
using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

/// Every simple path from `start` over larger vertices that closes: the definition, without any cleverness.
void walk(const Edges& edges, Cycle& path, std::set<Cycle>& found) {
  for (const std::uint32_t w : edges.of(path.back())) {
    if (w == path.front() && path.size() > 1) found.insert(path);
    if (w <= path.front() || std::find(path.begin(), path.end(), w) != path.end()) continue;
    path.push_back(w);
    walk(edges, path, found);
    path.pop_back();
  }
}

std::set<Cycle> by_brute_force(const Edges& edges) {
  std::set<Cycle> found;
  for (std::uint32_t v = 0; v < edges.vertices(); ++v) {
    Cycle path{v};
    walk(edges, path, found);
  }
  return found;
}

std::set<Cycle> by_search(const Edges& edges, std::size_t limit) {
  std::set<Cycle> found;
  for (const auto& group : cyclic_groups(edges)) {
    const CycleList list = elementary_cycles(edges, group, limit);
    CHECK_FALSE(list.more);
    for (const Cycle& c : list.cycles) CHECK(found.insert(c).second);
  }
  return found;
}

}  // namespace

TEST_CASE("edges are sorted and unique") {
  const Edges edges(4, {{2, 3}, {0, 2}, {0, 1}, {0, 2}, {2, 0}});
  CHECK(std::vector<std::uint32_t>(edges.of(0).begin(), edges.of(0).end()) == std::vector<std::uint32_t>{1, 2});
  CHECK(edges.of(1).empty());
  CHECK(edges.of(2).size() == 2);
  CHECK(edges.has(2, 3));
  CHECK_FALSE(edges.has(3, 2));
  CHECK(edges.reversed().has(3, 2));
  CHECK(Edges().vertices() == 0);
}

TEST_CASE("a graph without cycles has no group, an edge to oneself is none") {
  CHECK(cyclic_groups(Edges(0, {})).empty());
  CHECK(cyclic_groups(Edges(3, {{0, 1}, {1, 2}, {0, 2}, {1, 1}})).empty());
}

TEST_CASE("groups come by smallest member, members ascending") {
  const Edges edges(7, {{5, 1}, {1, 5}, {6, 4}, {4, 2}, {2, 6}, {0, 5}, {1, 2}});
  CHECK(cyclic_groups(edges) == std::vector<Cycle>{{1, 5}, {2, 4, 6}});
}

TEST_CASE("all elementary cycles of random graphs, as brute force finds them") {
  std::mt19937 random(20240229);
  std::size_t total = 0;
  for (int round = 0; round < 400; ++round) {
    const std::uint32_t n = 2 + random() % 7;
    Pairs pairs;
    const std::uint32_t m = random() % (n * n);
    for (std::uint32_t k = 0; k < m; ++k) pairs.emplace_back(random() % n, random() % n);
    const Edges edges(n, pairs);
    const auto expected = by_brute_force(edges);
    total += expected.size();
    REQUIRE(by_search(edges, 100'000) == expected);
  }
  CHECK(total > 1000);
}

TEST_CASE("the limit is exact: `more` only if there is one more") {
  // A complete graph of 4 has 20 cycles.
  Pairs pairs;
  for (std::uint32_t a = 0; a < 4; ++a)
    for (std::uint32_t b = 0; b < 4; ++b)
      if (a != b) pairs.emplace_back(a, b);
  const Edges edges(4, pairs);
  const Cycle all{0, 1, 2, 3};
  CHECK(elementary_cycles(edges, all, 20).cycles.size() == 20);
  CHECK_FALSE(elementary_cycles(edges, all, 20).more);
  CHECK(elementary_cycles(edges, all, 19).cycles.size() == 19);
  CHECK(elementary_cycles(edges, all, 19).more);
  CHECK(elementary_cycles(edges, all, 0).more);
}

TEST_CASE("a cycle through 200 000 vertices needs no stack, and a dense group no time") {
  constexpr std::uint32_t n = 200'000;
  Pairs ring;
  for (std::uint32_t v = 0; v < n; ++v) ring.emplace_back(v, (v + 1) % n);
  const Edges edges(n, std::move(ring));
  const auto groups = cyclic_groups(edges);
  REQUIRE(groups.size() == 1);
  const CycleList list = elementary_cycles(edges, groups.front(), 16);
  REQUIRE(list.cycles.size() == 1);
  CHECK(list.cycles.front().size() == n);

  Pairs dense;
  for (std::uint32_t a = 0; a < 300; ++a)
    for (std::uint32_t b = 0; b < 300; ++b) dense.emplace_back(a, b);
  const Edges clique(300, std::move(dense));
  const CycleList some = elementary_cycles(clique, cyclic_groups(clique).front(), 16);
  CHECK(some.cycles.size() == 16);
  CHECK(some.more);
}

TEST_CASE("where paths double at every step the limit ends the search") {
  // 60 diamonds in a row, the end leads back into the first: 2^59 cycles. Vertex 0 is in a small cycle of its own.
  constexpr std::uint32_t diamonds = 60, last = 3 * diamonds;
  Pairs pairs;
  for (std::uint32_t a = 0; a < last; a += 3) {
    for (const std::uint32_t middle : {a + 1, a + 2}) {
      pairs.emplace_back(a, middle);
      pairs.emplace_back(middle, a + 3);
    }
  }
  pairs.emplace_back(last, 1);
  pairs.emplace_back(0, last + 1);
  pairs.emplace_back(last + 1, 0);
  const Edges edges(last + 2, std::move(pairs));
  const auto groups = cyclic_groups(edges);
  REQUIRE(groups.size() == 2);
  CHECK(elementary_cycles(edges, groups[0], 16).cycles == std::vector<Cycle>{{0, last + 1}});
  CHECK(elementary_cycles(edges, groups[1], 16).more);
}

TEST_CASE("dead ends inside a group are searched once") {
  // From 0 into 40 diamonds that lead back only to 1, which leads on only into them: every path through them is in vain for 0 -> 1 -> ... -> 0
  // until the single way home from the end.
  constexpr std::uint32_t diamonds = 40, first = 2, last = first + 3 * diamonds;
  Pairs pairs{{0, 1}, {1, first}, {1, 0}};
  for (std::uint32_t a = first; a < last; a += 3) {
    for (const std::uint32_t middle : {a + 1, a + 2}) {
      pairs.emplace_back(a, middle);
      pairs.emplace_back(middle, a + 3);
    }
  }
  pairs.emplace_back(last, 1);
  const Edges edges(last + 1, std::move(pairs));
  const auto groups = cyclic_groups(edges);
  REQUIRE(groups.size() == 1);
  const CycleList list = elementary_cycles(edges, groups.front(), 1);
  CHECK(list.cycles == std::vector<Cycle>{{0, 1}});  // all 2^40 ways from 1 through the diamonds end at 1, not at 0
  CHECK(list.more);
}
