#include "graph/resolve.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "build.hpp"

using namespace tenon::host;
using test::range;
using test::version;

namespace {

GraphModule module(std::string_view name, std::vector<std::string_view> requirements = {}, std::vector<std::string_view> after = {}) {
  GraphModule m;
  m.name = name;
  for (const auto r : requirements) m.requirements.push_back({r, nullptr});
  m.after = std::move(after);
  return m;
}

std::string order(const std::vector<GraphModule>& modules, const Resolution& r) {
  std::string text;
  for (const std::uint32_t i : r.order) text += (text.empty() ? "" : " ") + std::string(modules[i].name);
  return text;
}
std::string order(const std::vector<GraphModule>& modules) { return order(modules, resolve(modules)); }

std::string path(const std::vector<GraphModule>& modules, const GraphProblem& p) {
  std::string text;
  for (std::size_t i = 0; i < p.path.size(); ++i) {
    text += modules[p.path[i]].name;
    if (p.kind == GraphProblemKind::cycle) text += p.path_after[i] != 0 ? " ~> " : " -> ";
  }
  return text;
}
std::vector<std::string> cycles(const std::vector<GraphModule>& modules, const Resolution& r) {
  std::vector<std::string> list;
  for (const GraphProblem& p : r.problems)
    if (p.kind == GraphProblemKind::cycle) list.push_back(path(modules, p));
  return list;
}
std::vector<GraphProblemKind> kinds(const Resolution& r) {
  std::vector<GraphProblemKind> list;
  for (const GraphProblem& p : r.problems) list.push_back(p.kind);
  return list;
}
using Kinds = std::vector<GraphProblemKind>;
using enum GraphProblemKind;

}  // namespace

TEST_CASE("nothing resolves to nothing") {
  const Resolution r = resolve({});
  CHECK(r.order.empty());
  CHECK(r.problems.empty());
}

TEST_CASE("requirements come first, ties go by name") {
  CHECK(order({module("c"), module("a"), module("b")}) == "a b c");
  CHECK(order({module("a", {"z"}), module("b"), module("z")}) == "b z a");
  CHECK(order({module("d", {"b", "c"}), module("c", {"a"}), module("b", {"a"}), module("a")}) == "a b c d");
}

TEST_CASE("after orders what is present and nothing else") {
  CHECK(order({module("a", {}, {"b", "nobody"}), module("b")}) == "b a");
  std::vector<GraphModule> list{module("a", {}, {"b"}), module("b")};
  list[1].standing = Standing::disabled;
  CHECK(order(list) == "a");
  list[1].standing = Standing::refused;
  CHECK(order(list) == "a");
  const Resolution r = resolve(list);
  CHECK(r.outcomes[0].after.empty());
}

TEST_CASE("a duplicated requirement is one edge, and each of its ranges must hold") {
  const Version v = version("1.5.0");
  const VersionRange low = range(">=1"), high = range("<1.4");
  std::vector<GraphModule> list{module("a"), module("b")};
  list[1].version = &v;
  list[0].requirements = {{"b", &low}, {"b", &low}, {"b", nullptr}};
  Resolution r = resolve(list);
  CHECK(r.problems.empty());
  CHECK(r.outcomes[0].requires_ == std::vector<std::uint32_t>{1});
  list[0].requirements.push_back({"b", &high});
  r = resolve(list);
  REQUIRE(kinds(r) == Kinds{version_mismatch});
  CHECK(r.problems[0].entry == 3);
  CHECK(r.problems[0].target == 1);
  CHECK(order(list, r) == "b");
}

TEST_CASE("required as well as after is required") {
  const std::vector<GraphModule> list{module("a", {"b"}, {"b"}), module("b")};
  const Resolution r = resolve(list);
  CHECK(r.outcomes[0].requires_.size() == 1);
  CHECK(r.outcomes[0].after.empty());
}

TEST_CASE("blocking follows the shortest chain to a cause") {
  // d is refused; a reaches it over b in two steps and over x, y in three.
  std::vector<GraphModule> list{module("a", {"x", "b"}), module("b", {"d"}), module("x", {"y"}),
                                module("y", {"d"}),      module("d"),        module("free")};
  list[4].standing = Standing::refused;
  const Resolution r = resolve(list);
  CHECK(order(list, r) == "free");
  CHECK(r.outcomes[0].cause == 1);
  CHECK(r.outcomes[0].root == 4);
  CHECK(r.outcomes[0].depth == 2);
  CHECK(r.outcomes[2].depth == 2);
  CHECK(r.outcomes[4].cause == no_module);
  CHECK(r.problems.empty());
}

TEST_CASE("what a module is served by blocks it without ordering it") {
  std::vector<GraphModule> list{module("a"), module("host", {"late"}), module("late")};
  list[0].served_by = {"host", "a", "nobody"};
  CHECK(order(list) == "a late host");
  list[2].standing = Standing::refused;
  const Resolution r = resolve(list);
  CHECK(order(list, r).empty());
  CHECK(r.outcomes[0].cause == 1);
  CHECK(r.outcomes[0].cause_serves);
  CHECK_FALSE(r.outcomes[1].cause_serves);
}

TEST_CASE("mutual service is no cycle") {
  std::vector<GraphModule> list{module("a"), module("b", {"a"})};
  list[0].served_by = {"b"};
  CHECK(order(list) == "a b");
}

TEST_CASE("every problem of one module is found at once, in the order written") {
  const Version v = version("1.0.0");
  const VersionRange two = range(">=2");
  std::vector<GraphModule> list{module("a"), module("b"), module("off")};
  list[1].version = &v;
  list[2].standing = Standing::disabled;
  list[0].requirements = {{"ghost", nullptr}, {"a", nullptr}, {"b", &two}, {"off", nullptr}};
  list[0].after = {"a"};
  const Resolution r = resolve(list);
  CHECK(kinds(r) == Kinds{unknown_requirement, self_requirement, version_mismatch, disabled_requirement, self_after});
  CHECK(r.outcomes[0].own_problem);
}

TEST_CASE("problems of refused and blocked modules are found too, those of disabled ones are not") {
  for (const auto& [standing, expected] : {std::pair{Standing::refused, 1}, std::pair{Standing::blocked, 1},
                                           std::pair{Standing::available, 1}, std::pair{Standing::disabled, 0}}) {
    std::vector<GraphModule> list{module("a", {"ghost"})};
    list[0].standing = standing;
    const Resolution r = resolve(list);
    CHECK(r.problems.size() == static_cast<std::size_t>(expected));
    CHECK(r.order.empty());
  }
}

TEST_CASE("a requirement finds the available one of several with its name") {
  std::vector<GraphModule> list{module("a", {"b"}), module("b"), module("b")};
  list[1].standing = Standing::refused;
  const Resolution r = resolve(list);
  CHECK(order(list, r) == "b a");
  CHECK(r.outcomes[0].requires_ == std::vector<std::uint32_t>{2});
}

TEST_CASE("cycles are closed paths from the smallest name") {
  const std::vector<GraphModule> list{module("c", {"a"}), module("b", {"c"}), module("a", {"b"}), module("user", {"b"}), module("free")};
  const Resolution r = resolve(list);
  CHECK(cycles(list, r) == std::vector<std::string>{"a -> b -> c -> "});
  CHECK(order(list, r) == "free");
  CHECK(r.outcomes[0].own_problem);
  CHECK_FALSE(r.outcomes[3].own_problem);
  CHECK(r.outcomes[3].cause == 1);
}

TEST_CASE("every cycle is reported: several in one group, and several groups") {
  const std::vector<GraphModule> list{module("a", {"b", "c"}), module("b", {"a", "c"}), module("c", {"a"}), module("x", {"y"}),
                                      module("y", {"x"})};
  const Resolution r = resolve(list);
  CHECK(cycles(list, r) == std::vector<std::string>{"a -> b -> ", "a -> b -> c -> ", "a -> c -> ", "x -> y -> "});
}

TEST_CASE("a cycle is found behind other problems of its members") {
  std::vector<GraphModule> list{module("a", {"b", "ghost"}), module("b", {"a"})};
  list[1].standing = Standing::refused;
  const Resolution r = resolve(list);
  CHECK(kinds(r) == Kinds{unknown_requirement, cycle});
  list[1].standing = Standing::disabled;
  CHECK(kinds(resolve(list)) == Kinds{disabled_requirement, unknown_requirement});
}

TEST_CASE("a cycle through after blocks its members") {
  const std::vector<GraphModule> list{module("a", {"b"}), module("b", {}, {"a"}), module("c", {"a"})};
  const Resolution r = resolve(list);
  CHECK(cycles(list, r) == std::vector<std::string>{"a -> b ~> "});
  CHECK(order(list, r).empty());
}

TEST_CASE("after counts only between modules that would run") {
  std::vector<GraphModule> list{module("a", {"b"}), module("b", {}, {"c"}), module("c", {"a", "ghost"})};
  const Resolution r = resolve(list);
  CHECK(kinds(r) == Kinds{unknown_requirement, cycle});
  CHECK(order(list, r) == "b a");
}

TEST_CASE("a cycle through after is found behind other problems of its members, and blocks nothing by itself then") {
  const auto old = Version::parse("1.0.0");
  const auto range = VersionRange::parse(">5");
  std::vector<GraphModule> list{module("d", {"logger"}, {"e"}), module("e", {}, {"d"}), module("logger")};
  list[0].requirements[0].range = &*range;
  list[2].version = &*old;
  Resolution r = resolve(list);
  CHECK(kinds(r) == Kinds{version_mismatch, cycle});
  CHECK(cycles(list, r) == std::vector<std::string>{"d ~> e ~> "});
  CHECK(order(list, r) == "e logger");
  list[0] = module("d", {"d"}, {"e"});
  r = resolve(list);
  CHECK(kinds(r) == Kinds{self_requirement, cycle});
  list[1].standing = Standing::disabled;
  CHECK(kinds(resolve(list)) == Kinds{self_requirement});
}

TEST_CASE("an optional module that wraps itself around a required one goes alone") {
  std::vector<GraphModule> list{module("intruder", {"vital"}), module("vital", {"base"}, {"intruder"}), module("base"),
                                module("user", {"intruder"})};
  list[1].required = true;
  const Resolution r = resolve(list);
  CHECK(cycles(list, r) == std::vector<std::string>{"intruder -> vital ~> "});
  CHECK(order(list, r) == "base vital");
  CHECK_FALSE(r.outcomes[0].needed);
  CHECK(r.outcomes[2].needed);
  CHECK(r.outcomes[3].cause == 0);
}

TEST_CASE("a cycle of needed modules alone blocks them, also beside an optional one") {
  std::vector<GraphModule> list{module("p", {}, {"q", "extra"}), module("q", {"p"}), module("extra", {"q"})};
  list[0].required = list[1].required = true;
  const Resolution r = resolve(list);
  CHECK(cycles(list, r) == std::vector<std::string>{"extra -> q -> p ~> ", "p ~> q -> "});
  CHECK(order(list, r).empty());
  CHECK(r.outcomes[0].own_problem);
  CHECK(r.outcomes[1].own_problem);
}

TEST_CASE("more cycles than are listed are said to be there") {
  std::vector<std::string> names;
  for (char c = 'a'; c < 'k'; ++c) names.emplace_back(1, c);
  std::vector<GraphModule> list;
  for (const auto& n : names) {
    list.push_back(module(n));
    for (const auto& other : names)
      if (other != n) list.back().requirements.push_back({other, nullptr});
  }
  const Resolution r = resolve(list);
  CHECK(cycles(list, r).size() == max_cycles);
  CHECK(r.problems.back().kind == more_cycles);
  CHECK(r.problems.back().path.size() == names.size());
}

TEST_CASE("RuntimeModules keep the order of the table and stand before all plugins") {
  std::vector<GraphModule> list{module("a"), module("z", {}), module("m", {"z"}), module("plug", {"m"})};
  list[1].table_position = 0;
  list[2].table_position = 1;
  CHECK(order(list) == "z m a plug");
}

TEST_CASE("the table must satisfy the requirements of RuntimeModules") {
  std::vector<GraphModule> list{module("one", {"two"}), module("two"), module("plug")};
  list[0].table_position = 0;
  list[1].table_position = 1;
  Resolution r = resolve(list);
  CHECK(kinds(r) == Kinds{table_order});
  CHECK(order(list, r) == "two plug");
  list[0].requirements = {{"plug", nullptr}};
  CHECK(kinds(resolve(list)) == Kinds{requires_plugin});
  list[0].requirements = {};
  list[0].after = {"two", "plug", "nobody"};
  list[1].after = {"one"};
  r = resolve(list);
  CHECK(kinds(r) == Kinds{after_ignored, after_ignored});
  CHECK(order(list, r) == "one two plug");
  // Two that require each other are one violation of the table, not a cycle on top of it.
  list[0] = module("one", {"two"});
  list[0].table_position = 0;
  list[1].requirements = {{"one", nullptr}};
  CHECK(kinds(resolve(list)) == Kinds{table_order});
}

TEST_CASE("needed is what required modules require, all the way down") {
  std::vector<GraphModule> list{module("top", {"mid"}), module("mid", {"low"}, {"aside"}), module("low"), module("aside"), module("host")};
  list[0].required = true;
  list[2].served_by = {"host"};
  const Resolution r = resolve(list);
  CHECK(r.outcomes[0].needed);
  CHECK(r.outcomes[1].needed);
  CHECK(r.outcomes[2].needed);
  CHECK_FALSE(r.outcomes[3].needed);
  CHECK(r.outcomes[4].needed);
}

TEST_CASE("chains of 100 000 modules need no stack: planned, blocked, and closed to a cycle") {
  constexpr std::size_t n = 100'000;
  std::vector<std::string> names(n);
  std::vector<GraphModule> list(n);
  for (std::size_t i = 0; i < n; ++i) names[i] = "m" + std::to_string(1'000'000 + i);
  for (std::size_t i = 0; i < n; ++i) {
    list[i].name = names[i];
    if (i != 0) list[i].requirements = {{names[i - 1], nullptr}};
  }
  Resolution r = resolve(list);
  REQUIRE(r.order.size() == n);
  CHECK(r.order.front() == 0);
  CHECK(std::is_sorted(r.order.begin(), r.order.end()));

  list[0].requirements = {{"ghost", nullptr}};
  r = resolve(list);
  CHECK(r.order.empty());
  CHECK(r.outcomes[n - 1].root == 0);
  CHECK(r.outcomes[n - 1].depth == n - 1);

  list[0].requirements = {{names[n - 1], nullptr}};
  r = resolve(list);
  REQUIRE(r.problems.size() == 1);
  CHECK(r.problems[0].path.size() == n);
}

namespace {

/// What must hold of every resolution, whatever the graph.
void check_invariants(const std::vector<GraphModule>& modules, const Resolution& r) {
  std::vector<std::size_t> place(modules.size(), SIZE_MAX);
  for (std::size_t k = 0; k < r.order.size(); ++k) place[r.order[k]] = k;
  std::map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < modules.size(); ++i) by_name[modules[i].name] = i;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const GraphOutcome& o = r.outcomes[i];
    REQUIRE(o.planned == (place[i] != SIZE_MAX));
    for (const std::uint32_t t : o.requires_)
      if (o.planned) REQUIRE(place[t] < place[i]);
    for (const std::uint32_t t : o.after)
      if (o.planned) REQUIRE(place[t] < place[i]);
    if (o.planned) {
      REQUIRE_FALSE(o.own_problem);
      for (const auto& q : modules[i].requirements) REQUIRE(by_name.contains(q.name));
    } else if (modules[i].standing == Standing::available && !o.own_problem) {
      REQUIRE(o.cause != no_module);  // there is always a reason
      REQUIRE_FALSE(r.outcomes[o.cause].planned);
      REQUIRE(r.outcomes[o.root].cause == no_module);
    }
  }
}

}  // namespace

TEST_CASE("random graphs: what is planned can run, what is not has a reason, and the order of the input does not matter") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t n = 1 + random() % 14;
    std::vector<std::string> names(n);
    for (std::size_t i = 0; i < n; ++i) names[i] = std::string(1, static_cast<char>('a' + i));
    const std::string ghost = "ghost";
    std::vector<GraphModule> list(n);
    for (std::size_t i = 0; i < n; ++i) {
      list[i].name = names[i];
      list[i].required = random() % 6 == 0;
      list[i].standing = random() % 8 == 0 ? static_cast<Standing>(1 + random() % 3) : Standing::available;
      const auto any = [&]() -> std::string_view { return random() % 40 == 0 ? ghost : names[random() % n]; };
      for (std::size_t k = random() % 3; k > 0; --k) list[i].requirements.push_back({any(), nullptr});
      for (std::size_t k = random() % 3; k > 0; --k) list[i].after.push_back(any());
    }
    const Resolution reference = resolve(list);
    check_invariants(list, reference);
    const std::string expected = order(list, reference);
    for (int shuffle = 0; shuffle < 5; ++shuffle) {
      std::vector<std::size_t> permutation(n);
      for (std::size_t i = 0; i < n; ++i) permutation[i] = i;
      std::shuffle(permutation.begin(), permutation.end(), random);
      std::vector<GraphModule> shuffled;
      for (const std::size_t i : permutation) shuffled.push_back(list[i]);
      const Resolution r = resolve(shuffled);
      REQUIRE(order(shuffled, r) == expected);
      REQUIRE(cycles(shuffled, r) == cycles(list, reference));
      REQUIRE(kinds(r) == kinds(reference));
      for (std::size_t k = 0; k < n; ++k) {
        const GraphOutcome &a = r.outcomes[k], &b = reference.outcomes[permutation[k]];
        REQUIRE(a.depth == b.depth);
        REQUIRE((a.cause == no_module ? "" : shuffled[a.cause].name) == (b.cause == no_module ? "" : list[b.cause].name));
      }
    }
  }
}

TEST_CASE("a random acyclic graph is planned whole") {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    const std::size_t n = 60;
    std::vector<std::string> names(n);
    for (std::size_t i = 0; i < n; ++i) names[i] = "m" + std::to_string(random() % 1'000'000) + "_" + std::to_string(i);
    std::vector<GraphModule> list(n);
    for (std::size_t i = 0; i < n; ++i) {
      list[i].name = names[i];
      for (std::size_t k = 0; i != 0 && k < 3; ++k) list[i].requirements.push_back({names[random() % i], nullptr});
      if (i != 0) list[i].after.push_back(names[random() % i]);
    }
    const Resolution r = resolve(list);
    REQUIRE(r.order.size() == n);
    check_invariants(list, r);
  }
}
