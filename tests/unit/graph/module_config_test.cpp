// Wrong configuration of a module is that module's trouble.
#include <doctest/doctest.h>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

Value map(std::vector<std::pair<std::string, Value>> members) {
  ValueMap m;
  for (auto& [key, value] : members) m.set(key, std::move(value));
  return Value(std::move(m));
}
Value text(const char* s) { return Value(std::string(s)); }
Value page_size_schema() { return map({{"type", text("object")}, {"properties", map({{"page_size", map({{"type", text("integer")}})}})}}); }

}  // namespace

TEST_CASE("the effective configuration arrives in the plan") {
  World w;
  w.plugin("orders").schema(page_size_schema());
  w.configure("orders", "page_size", Value(std::int64_t{100}));
  const Plan plan = w.plan();
  REQUIRE(order_of(plan) == "orders");
  const Value* v = plan.modules[0].config.value.find("page_size");
  REQUIRE(v != nullptr);
  CHECK(*v == Value(std::int64_t{100}));
}

TEST_CASE("a wrong configuration blocks that plugin and who requires it, and no other") {
  World w;
  w.plugin("orders");  // takes none
  w.configure("orders", "page_size", Value(std::int64_t{100}));
  w.plugin("shop").needs_module("orders");
  w.plugin("free");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "free");
  CHECK(fate_of(plan, "orders").starts_with("blocked: its configuration is wrong: "));
  CHECK(fate_of(plan, "shop").starts_with("blocked: requires `orders`, which is blocked: its configuration is wrong: "));
  CHECK(exit_of(plan) == 0);
  w.require("orders");
  CHECK(exit_of(w.plan()) == 78);
  w.settings("orders").required = false;
  w.require("shop");
  CHECK(exit_of(w.plan()) == 78);
}

TEST_CASE("a required key that nobody gives blocks the plugin, and is missing where the manifest asks for it") {
  World w;
  w.plugin("orders").schema(map({{"required", Value(ValueList{text("a")})}}));
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "orders") == "blocked: its configuration is wrong: in `modules.orders.config`: `a` is missing");
  const auto missing = with_code(plan, "config.required");
  REQUIRE(missing.size() == 1);
  CHECK(missing[0]->where.source != nullptr);
  CHECK(missing[0]->where.line != 0);
  CHECK(missing[0]->help == "set `modules.orders.config.a`");
}

TEST_CASE("a schema that does not compile refuses the module") {
  World w;
  w.plugin("orders").schema(map({{"broken", Value(true)}}));
  const Plan plan = w.plan();
  CHECK(find(plan, "orders")->fate == Fate::refused);
  CHECK(exit_of(plan) == 0);
  w.require("orders");
  CHECK(exit_of(w.plan()) == 78);
}

TEST_CASE("configuration is checked also where something else is wrong, but not of disabled modules") {
  World w;
  w.plugin("a").needs_module("ghost");
  w.plugin("b");
  w.disable("b");
  for (const char* name : {"a", "b"}) w.configure(name, "x", Value(true));
  const Plan plan = w.plan();
  std::size_t about_a = 0, about_b = 0;
  for (const Diagnostic& d : plan.diagnostics.items()) {
    about_a += d.module == "a" ? 1 : 0;
    about_b += d.module == "b" ? 1 : 0;
  }
  CHECK(about_a == 2);
  CHECK(about_b == 0);
}

TEST_CASE("hundreds of modules are checked on all cores with the same result every time") {
  World w;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "m" + std::to_string(1000 + i);
    auto& m = w.plugin(name);
    if (i % 3 != 0) m.schema(page_size_schema());
    if (i % 2 == 0) w.configure(name, "page_size", Value(std::int64_t{i}));
  }
  const Plan reference = w.plan();
  CHECK(reference.planned == 250);  // of every six one is configured without taking configuration
  for (int round = 0; round < 5; ++round) {
    const Plan plan = w.plan();
    CHECK(order_of(plan) == order_of(reference));
    CHECK(to_text(plan.diagnostics) == to_text(reference.diagnostics));
  }
  for (std::size_t i = 0; i < reference.planned; ++i) {
    const PlannedModule& m = reference.modules[i];
    const int n = std::stoi(m.candidate.name.substr(1)) - 1000;
    const Value* v = m.config.value.find("page_size");
    CHECK((v != nullptr) == (n % 2 == 0));
    if (v != nullptr) CHECK(*v == Value(std::int64_t{n}));
  }
}
