// What plugins ask for, are granted, and lack.
#include <doctest/doctest.h>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

constexpr std::uint64_t mib = 1024 * 1024;

/// "services.call catalog.* missing, ..."; "none" if the plan says nothing about the module.
std::string rows_of(const Plan& plan, std::string_view name) {
  const PlannedModule* m = find(plan, name);
  REQUIRE(m != nullptr);
  if (!m->permissions) return "none";
  std::string out;
  for (const PermissionRow& row : permission_rows(*m->permissions))
    out += (out.empty() ? "" : ", ") + std::string(row.permission) + ' ' + row.what + ' ' + std::string(grant_state_name(row.state));
  return out;
}

std::string line_of(const Plan& plan, std::string_view name) {
  const PlannedModule* m = find(plan, name);
  REQUIRE(m != nullptr);
  REQUIRE(m->permissions);
  return granting_line(*m->permissions);
}

}  // namespace

TEST_CASE("what is a plugin's own is not asked for, and costs nothing") {
  World w;
  w.plugin("orders").service("orders.create").event("orders.>").calls("orders.*").publishes("orders.a").subscribes("orders.>");
  w.plugin("catalog").uses_namespace("catalog").asks_bytes(64 * mib);
  w.runtime("logger").service("logger.log").calls("anything");
  const Plan plan = w.plan();
  CHECK(plan.diagnostics.empty());
  for (const PlannedModule& m : plan.modules) CHECK(m.permissions == nullptr);
}

TEST_CASE("without a grant everything asked for is missing, and that is a note") {
  World w;
  w.plugin("orders")
      .calls("catalog.*")
      .service("shop.orders")
      .event("shop.order.*")
      .publishes("billing.order")
      .subscribes("catalog.price.*")
      .uses_namespace("catalog")
      .asks_bytes(256 * mib);
  w.require("orders");
  const Plan plan = w.plan();
  CHECK(plan.exit == ExitCode::ok);
  CHECK(plan.planned == 1);
  CHECK(rows_of(plan, "orders") ==
        "services.call catalog.* missing, services.provide shop.orders/1 missing, events.publish billing.order missing, "
        "events.publish shop.order.* missing, events.subscribe catalog.price.* missing, storage.namespaces catalog missing, "
        "storage.max_bytes 256MiB missing");
  const std::string line =
      "grants: {services: {call: [\"catalog.*\"], provide: [\"shop.orders/1\"]}, events: {publish: [\"billing.order\", "
      "\"shop.order.*\"], subscribe: [\"catalog.price.*\"]}, storage: {namespaces: [\"catalog\"], max_bytes: 256MiB}}";
  CHECK(line_of(plan, "orders") == line);
  const auto notes = with_code(plan, "plan.not_granted");
  REQUIRE(notes.size() == 1);
  CHECK(notes[0]->severity == Severity::note);
  CHECK(notes[0]->help == "to grant it, write below `modules.orders`: " + line);
  REQUIRE(find(plan, "orders")->permissions->granted);
  CHECK(find(plan, "orders")->permissions->granted->service_calls.empty());
}

TEST_CASE("permissions.default: manifest grants what is asked, unless the operator says which") {
  World w;
  w.config.host.grant_what_is_asked = true;
  w.plugin("orders").calls("catalog.*").asks_bytes(100 * mib);
  w.plugin("pricing").calls("catalog.*");
  w.grants("pricing");
  const Plan plan = w.plan();
  CHECK(rows_of(plan, "orders") == "services.call catalog.* granted, storage.max_bytes 100MiB granted");
  CHECK_FALSE(find(plan, "orders")->permissions->granted);
  CHECK(line_of(plan, "orders").empty());
  CHECK(rows_of(plan, "pricing") == "services.call catalog.* missing");
}

TEST_CASE("granted, partly, missing, unused") {
  World w;
  w.plugin("orders").calls("catalog.*").calls("a.b").calls("x.y/2").subscribes("m.>").subscribes("p.*.q").asks_bytes(256 * mib);
  GrantSettings& g = w.grants("orders");
  g.service_calls = {w.granted("catalog.get"), w.granted("a.>"), w.granted("x.y/1"), w.granted("zoo.*")};
  g.event_subscribes = {w.granted(">"), w.granted("k")};
  g.storage_max_bytes = 100 * mib;
  const Plan plan = w.plan();
  CHECK(rows_of(plan, "orders") ==
        "services.call catalog.* partly, services.call a.b granted, services.call x.y/2 missing, services.call x.y/1 unused, "
        "services.call zoo.* unused, events.subscribe m.> granted, events.subscribe p.*.q granted, events.subscribe k unused, "
        "storage.max_bytes 256MiB partly");
  CHECK(line_of(plan, "orders") ==
        "grants: {services: {call: [\"catalog.get\", \"a.>\", \"x.y/1\", \"zoo.*\", \"catalog.*\", \"x.y/2\"]}, events: {subscribe: "
        "[\">\", \"k\"]}, storage: {max_bytes: 256MiB}}");
  CHECK(plan.diagnostics.error_count() == 0);
}

TEST_CASE("what the plan says is what a running plugin may do") {
  World w;
  w.plugin("orders").calls("catalog.*").service("shop.list");
  w.grants("orders").service_calls = {w.granted("catalog.get")};
  const Plan plan = w.plan();
  const PlannedPermissions& p = *find(plan, "orders")->permissions;
  const Permissions permissions = Permissions::of_plugin("orders", p.asked, p.granted);
  CHECK(permissions.may_call({"catalog.get"}));
  CHECK_FALSE(permissions.may_call({"catalog.set"}));
  CHECK_FALSE(permissions.may_register({"shop.list"}));
  // With the line that `check` prints it may.
  w.grants("orders").service_provides = {w.granted("shop.list/1")};
  const Plan better = w.plan();
  const PlannedPermissions& q = *find(better, "orders")->permissions;
  CHECK(Permissions::of_plugin("orders", q.asked, q.granted).may_register({"shop.list"}));
}

TEST_CASE("grants that nobody can give") {
  World w;
  w.runtime("logger");
  w.plugin("orders");
  w.plugin("catalog");
  w.disable("catalog");
  const auto refused = [&](auto GrantSettings::*list, const char* text) {
    w.grants("orders") = {};
    (w.grants("orders").*list) = {w.granted(text)};
    const Plan plan = w.plan();
    const auto found = with_code(plan, "plan.impossible_grant");
    CHECK(exit_of(plan) == 0);
    if (found.empty()) {
      CHECK(fate_of(plan, "orders") == "planned");
      return std::string();
    }
    CHECK(found[0]->where.source != nullptr);
    CHECK(fate_of(plan, "orders") == "blocked: " + found[0]->message);
    return found[0]->message;
  };
  const auto provides = &GrantSettings::service_provides;
  CHECK(refused(provides, "logger.log") ==
        "`modules.orders.grants.services.provide` grants `logger.log`, which belongs to the module `logger`");
  CHECK(refused(provides, "catalog.*") ==
        "`modules.orders.grants.services.provide` grants `catalog.*`, which belongs to the module `catalog`");
  CHECK(refused(provides, "tenon.x/1") == "`modules.orders.grants.services.provide` grants `tenon.x/1`, which belongs to the host");
  CHECK(refused(provides, "*.x") == "`modules.orders.grants.services.provide` grants `*.x`, which stands for services of every module");
  CHECK(refused(provides, ">") != "");
  CHECK(refused(provides, "orders.x") == "");
  CHECK(refused(provides, "shop.x") == "");
  CHECK(refused(&GrantSettings::event_publishes, "tenon.module.state") ==
        "`modules.orders.grants.events.publish` grants `tenon.module.state`, which only the host publishes");
  CHECK(refused(&GrantSettings::event_publishes, "catalog.price") == "");
  CHECK(refused(&GrantSettings::event_subscribes, "tenon.>") == "");
  CHECK(refused(&GrantSettings::storage_namespaces, "tenon") ==
        "`modules.orders.grants.storage.namespaces` grants `tenon`, which belongs to the host");
  CHECK(refused(&GrantSettings::storage_namespaces, "catalog") == "");
  // Of a required plugin it ends the boot.
  w.grants("orders").service_provides = {w.granted("logger.log")};
  w.require("orders");
  CHECK(exit_of(w.plan()) == 78);
}

TEST_CASE("what nobody can grant is not granted because it is asked for either, and not advised") {
  World w;
  w.plugin("orders").publishes("host.x").publishes("tenon.module.>").publishes("a.b").uses_namespace("host").uses_namespace("core.x");
  w.plugin("wide").publishes(">").publishes("host.x");
  w.grants("wide").event_publishes = {w.granted(">")};
  for (const bool by_default : {true, false}) {
    CAPTURE(by_default);
    w.config.host.grant_what_is_asked = by_default;
    const Plan plan = w.plan();
    CHECK(plan.planned == 2);
    CHECK(plan.diagnostics.error_count() == 0);
    CHECK(rows_of(plan, "orders") == (by_default ? "events.publish a.b granted" : "events.publish a.b missing"));
    CHECK(line_of(plan, "orders") == (by_default ? "" : "grants: {events: {publish: [\"a.b\"]}}"));
    const PlannedPermissions& p = *find(plan, "orders")->permissions;
    const Permissions permissions = Permissions::of_plugin("orders", p.asked, p.granted);
    CHECK_FALSE(permissions.may_publish("host.x"));
    CHECK_FALSE(permissions.may_use_namespace("host"));
    CHECK(static_cast<bool>(permissions.may_publish("a.b")) == by_default);
    CHECK(rows_of(plan, "wide") == "events.publish > granted");
    const auto told = with_code(plan, "plan.impossible_permission");
    REQUIRE(told.size() == 5);
    for (const Diagnostic* d : told) {
      CHECK(d->severity == Severity::warning);
      CHECK(d->where.source != nullptr);
    }
    CHECK(told[0]->message ==
          "`orders` asks for `events.publish` `host.x`, which only the host publishes: it is not granted, and cannot be");
    CHECK(told[2]->message == "`orders` asks for `storage.namespaces` `host`, which belongs to the host: it is not granted, and cannot be");
  }
}

TEST_CASE("what is claimed in another's name is not advised to be granted") {
  World w;
  w.runtime("logger");
  w.plugin("catalog");
  w.plugin("orders").service("host.x").service("core.x").service("logger.log/2").service("catalog.get").service("shop.x");
  w.plugin("pricing").event("tenon.x").event("catalog.price").event(">").event("shop.y");
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "orders").starts_with("refused: "));
  CHECK(rows_of(plan, "orders") == "services.provide shop.x/1 missing");
  CHECK(line_of(plan, "orders") == "grants: {services: {provide: [\"shop.x/1\"]}}");
  CHECK(line_of(plan, "pricing") == "grants: {events: {publish: [\"shop.y\"]}}");
}

TEST_CASE("a RuntimeModule has nothing to be granted") {
  World w;
  w.runtime("logger");
  w.grants("logger").service_calls = {w.granted("a.b")};
  const Plan plan = w.plan();
  REQUIRE(with_code(plan, "plan.runtime_grants").size() == 1);
  CHECK(exit_of(plan) == 78);
}
