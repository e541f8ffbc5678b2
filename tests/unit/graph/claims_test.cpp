// What modules claim: services, events, routes.
#include <doctest/doctest.h>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("claims below one's own name and below nobody's are fine") {
  World w;
  w.plugin("orders").service("orders.create").service("billing.create").event("orders.>").route("/orders/{id}").route("/shop/orders");
  w.plugin("catalog").service("catalog.get").event("catalog.>").route("/shop/catalog");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "catalog,orders");
  CHECK(plan.diagnostics.error_count() == 0);
}

TEST_CASE("the same claim twice refuses both, naming both") {
  World w;
  SUBCASE("service") {
    w.plugin("a").service("billing.create");
    w.plugin("b").service("billing.create/1");
    const Plan plan = w.plan();
    REQUIRE(with_code(plan, "plan.duplicate_service").size() == 2);
    CHECK(fate_of(plan, "a") == "refused: the service `billing.create` is claimed by both `a` and `b`");
    CHECK(fate_of(plan, "b") == "refused: the service `billing.create/1` is claimed by both `a` and `b`");
  }
  SUBCASE("event") {
    w.plugin("a").event("billing.>");
    w.plugin("b").event("billing.>");
    CHECK(with_code(w.plan(), "plan.duplicate_event").size() == 2);
  }
  SUBCASE("route") {
    w.plugin("a").route("/shop/{id}/x");
    w.plugin("b").route("/shop/{key}/x");
    CHECK(with_code(w.plan(), "plan.duplicate_route").size() == 2);
  }
  CHECK(w.plan().planned == 0);
  CHECK(exit_of(w.plan()) == 0);
  w.require("a");
  CHECK(exit_of(w.plan()) == 69);
}

TEST_CASE("what differs is not the same claim") {
  World w;
  w.plugin("a").service("billing.create").service("billing.create").event("billing.a.*").route("/shop/{rest...}").route("/shop/{x}/y");
  w.plugin("b").service("billing.create/2").event("billing.>").route("/shop/{rest}").route("/shop/{x}/{y}");
  const Plan plan = w.plan();
  CHECK(plan.planned == 2);
  CHECK(plan.diagnostics.error_count() == 0);
}

TEST_CASE("three claimants are counted") {
  World w;
  for (const char* name : {"a", "b", "c"}) w.plugin(name).service("billing.create");
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "c") == "refused: the service `billing.create` is claimed by both `a` and `c` (and 1 more)");
}

TEST_CASE("a claim in another present module's name is an error of the claimant alone") {
  World w;
  w.plugin("catalog").service("catalog.get").event("catalog.price").route("/catalog/x");
  SUBCASE("service") { w.plugin("orders").service("catalog.get"); }
  SUBCASE("event") { w.plugin("orders").event("catalog.price"); }
  SUBCASE("route") { w.plugin("orders").route("/catalog/x"); }
  SUBCASE("service with a version") { w.plugin("orders").service("catalog/2"); }
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "catalog");
  CHECK(plan.diagnostics.error_count() == 1);
  CHECK(message(plan, "plan.foreign_prefix").ends_with(", which belongs to the module `catalog`"));
}

TEST_CASE("a module is present also when it is refused or disabled") {
  World w;
  w.plugin("catalog").broken("text relocations");
  w.plugin("pricing");
  w.disable("pricing");
  w.plugin("a").service("catalog.get");
  w.plugin("b").service("pricing.get");
  w.plugin("c").service("elsewhere.get");
  CHECK(order_of(w.plan()) == "c");
}

TEST_CASE("names of the host and of its table belong to nobody else") {
  World w;
  w.table = {{"presence", false}};
  w.plugin("a").event("tenon.module.state");
  w.plugin("b").service("presence.get");
  const Plan plan = w.plan();
  CHECK(plan.planned == 0);
  CHECK(fate_of(plan, "a") == "refused: `a` claims the event `tenon.module.state`, which belongs to the host");
  CHECK(fate_of(plan, "b") == "refused: `b` claims the service `presence.get`, which belongs to the module `presence`");
}

TEST_CASE("a claim on everything is a claim in everybody's name") {
  World w;
  w.plugin("a").event(">");
  w.plugin("b").event("*.price");
  w.plugin("c").route("/{rest...}");
  const Plan plan = w.plan();
  CHECK(plan.planned == 0);
  CHECK(fate_of(plan, "a") == "refused: `a` claims the event `>`, which belongs to every module");
}

TEST_CASE("who overreaches drags nobody along with the other claims") {
  World w;
  w.plugin("evil").service("catalog.get").service("billing.create");
  w.plugin("catalog").service("billing.create");
  CHECK(order_of(w.plan()) == "catalog");
}

TEST_CASE("a refused or disabled module claims nothing") {
  World w;
  w.plugin("a").service("billing.create");
  w.plugin("broken").service("billing.create").broken("text relocations");
  w.plugin("off").service("billing.create");
  w.disable("off");
  CHECK(order_of(w.plan()) == "a");
}

TEST_CASE("between a RuntimeModule and plugins the plugins give way") {
  World w;
  w.runtime("api").service("shared.get").service("orders.get");
  w.plugin("a").service("shared.get");
  w.plugin("b").service("shared.get");
  w.plugin("orders").service("orders.get");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "api");
  CHECK(exit_of(plan) == 0);
  CHECK(fate_of(plan, "b").starts_with("refused: the service `shared.get` is claimed by both `api` and `b`"));

  World two;
  two.runtime("api").service("shared.get");
  two.runtime("web").service("shared.get");
  CHECK(two.plan().planned == 0);
  CHECK(exit_of(two.plan()) == 69);
}
