// The order of the plan and of loading.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

std::string load_order_of(const Plan& plan) {
  std::string text;
  for (const std::uint32_t i : load_order(plan)) text += (text.empty() ? "" : ",") + plan.modules[i].candidate.name;
  return text;
}

/// A world with something of everything.
World mixed() {
  World w;
  w.runtime("zlog");
  w.runtime("api").needs_module("zlog");
  w.plugin("delta").needs_module("beta").after("gamma");
  w.plugin("gamma").needs_module("api");
  w.plugin("beta");
  w.plugin("alpha").needs_module("delta");
  w.plugin("loop_a").needs_module("loop_b");
  w.plugin("loop_b").needs_module("loop_a").after("alpha");
  w.plugin("twin").at("/a/libtwin.so");
  w.plugin("twin").at("/b/libtwin.so");
  w.plugin("lost").needs_module("twin").needs_module("ghost");
  w.plugin("claim_a").service("billing.x");
  w.plugin("claim_b").service("billing.x");
  w.plugin("off").needs_module("alpha");
  w.disable("off");
  w.plugin("needs_off").needs_module("off");
  w.plugin("api").at("/evil/libapi.so");
  w.settings("tpyo");
  w.settings("another");
  return w;
}

}  // namespace

TEST_CASE("planned modules first, in order, the others by name") {
  const Plan plan = mixed().plan();
  CHECK(order_of(plan) == "zlog,api,beta,gamma,delta,alpha");
  std::vector<std::string> others;
  for (std::size_t i = plan.planned; i < plan.modules.size(); ++i) others.push_back(plan.modules[i].candidate.name);
  CHECK(std::is_sorted(others.begin(), others.end()));
  CHECK(others.size() == 10);
  for (std::size_t i = 0; i < plan.modules.size(); ++i) {
    const PlannedModule& m = plan.modules[i];
    CHECK((m.fate == Fate::planned) == (i < plan.planned));
    CHECK(m.reason.empty() == (i < plan.planned));
    for (const auto* edges : {&m.requires_, &m.after}) {
      CHECK(std::is_sorted(edges->begin(), edges->end()));
      for (const std::uint32_t t : *edges)
        if (i < plan.planned) CHECK(t < i);
    }
  }
  const PlannedModule& delta = *find(plan, "delta");
  CHECK(delta.requires_ == std::vector<std::uint32_t>{2});
  CHECK(delta.after == std::vector<std::uint32_t>{3});
}

TEST_CASE("50 shuffles of the candidates give one plan") {
  const World w = mixed();
  const Plan reference = w.plan();
  std::mt19937 random(50);
  for (int round = 0; round < 50; ++round) {
    Discovery d = w.discovery();
    std::shuffle(d.candidates.begin(), d.candidates.end(), random);
    const Plan plan = make_plan(std::move(d), w.table, w.offer, w.config, {});
    REQUIRE(graph_json(plan) == graph_json(reference));
    REQUIRE(graph_text(plan) == graph_text(reference));
    REQUIRE(to_text(plan.diagnostics) == to_text(reference.diagnostics));
    REQUIRE(load_order(plan) == load_order(reference));
  }
}

TEST_CASE("load order: RuntimeModules, required plugins with what they require, the rest") {
  World w;
  w.runtime("logger");
  w.runtime("presence", false);
  w.plugin("a_optional");
  w.plugin("b_base");
  w.plugin("c_mid").needs_module("b_base").after("a_optional");
  w.plugin("d_required").needs_module("c_mid");
  w.plugin("e_optional").needs_module("d_required");
  w.require("d_required");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "logger,presence,a_optional,b_base,c_mid,d_required,e_optional");
  CHECK(load_order_of(plan) == "logger,presence,b_base,c_mid,d_required,a_optional,e_optional");
}

TEST_CASE("what is not planned is not loaded") {
  World w;
  w.plugin("a").broken("text relocations");
  w.plugin("b");
  CHECK(load_order_of(w.plan()) == "b");
  CHECK(load_order(World().plan()).empty());
}

TEST_CASE("5000 modules, a chain and a blocked chain: no stack, no quadratic text") {
  World w;
  for (int i = 0; i < 5000; ++i) {
    auto& m = w.plugin("m" + std::to_string(10'000 + i));
    if (i == 2500) m.needs_module("ghost");
    if (i != 0) m.needs_module("m" + std::to_string(10'000 + i - 1));
  }
  const Plan plan = w.plan();
  CHECK(plan.planned == 2500);
  for (const PlannedModule& m : plan.modules) CHECK(m.reason.size() < 400);
}
