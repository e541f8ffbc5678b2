// Interfaces and capabilities against what the host offers.
#include <doctest/doctest.h>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("an interface of another major names both sides") {
  World w;
  w.offer.interfaces.push_back({"tenon.storage/1", false});
  w.plugin("orders", "1.4.0").interface("tenon.storage/2").interface("tenon.log/1");
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "orders") == "refused: `orders` 1.4.0 needs tenon.storage/2; this host 0.1.0 offers tenon.storage/1");
  CHECK(exit_of(plan) == 0);
  w.require("orders");
  CHECK(exit_of(w.plan()) == 69);
}

TEST_CASE("several majors are all listed, sorted") {
  World w;
  w.offer.interfaces.push_back({"tenon.storage/3", false});
  w.offer.interfaces.push_back({"tenon.storage/1", false});
  w.plugin("orders").interface("tenon.storage/2");
  CHECK(fate_of(w.plan(), "orders").ends_with("offers tenon.storage/1 and tenon.storage/3"));
}

TEST_CASE("an unknown interface: none of that name, or the nearest") {
  World w;
  w.plugin("a").interface("tenon.storage/1");
  w.plugin("b").interface("tenon.logs/1");
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "a") == "refused: `a` 1.0.0 needs tenon.storage/1; this host 0.1.0 offers no tenon.storage");
  CHECK(fate_of(plan, "b") == "refused: `b` 1.0.0 needs tenon.logs/1; this host 0.1.0 offers no tenon.logs");
  const auto found = with_code(plan, "plan.unknown_interface");
  REQUIRE(found.size() == 2);
  CHECK(found[1]->help == "did you mean tenon.log/1?");
}

TEST_CASE("another name is suggested only for what is likely a typing error") {
  struct Row {
    const char *need, *offered, *help;
  };
  const char* const use = "use a host that offers it, or declare the need `optional: true` if the module works without";
  for (const Row& row :
       {Row{"tenon.logs/1", "no tenon.logs", "did you mean tenon.log/1?"},
        Row{"tenon.servcies/2", "no tenon.servcies", "did you mean tenon.services/1?"}, Row{"tenon.services/2", "tenon.services/1", use},
        Row{"tenon.http/1", "no tenon.http", use}, Row{"tenon.sql/1", "no tenon.sql", use}, Row{"tenon.grpc/1", "no tenon.grpc", use},
        Row{"tenon.rest/1", "no tenon.rest", use}, Row{"tenon.system/1", "no tenon.system", use}, Row{"tenon.time/1", "no tenon.time", use},
        Row{"tenon.health/1", "no tenon.health", "modules have that table, not the host: declare the capability `health` instead"}}) {
    CAPTURE(row.need);
    World w;
    for (const char* id : {"tenon.services/1", "tenon.state/1", "tenon.lease/1", "tenon.tasks/1"})
      w.offer.interfaces.push_back({id, false});
    w.offer.capabilities.emplace_back("health");
    w.plugin("a").interface(row.need);
    const Plan plan = w.plan();
    const auto found = with_code(plan, "plan.unknown_interface");
    REQUIRE(found.size() == 1);
    CHECK(found[0]->message == std::string("`a` 1.0.0 needs ") + row.need + "; this host 0.1.0 offers " + row.offered);
    CHECK(found[0]->help == row.help);
  }
}

TEST_CASE("an optional need may be unmet") {
  World w;
  w.plugin("a").interface("tenon.storage/9", true).interface("tenon.log_sink/1", true);
  CHECK(order_of(w.plan()) == "a");
}

TEST_CASE("an interface for RuntimeModules only is refused to a plugin") {
  World w;
  w.runtime("logger").interface("tenon.log_sink/1");
  w.plugin("spy").interface("tenon.log_sink/1");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "logger");
  CHECK(fate_of(plan, "spy") == "refused: `spy` 1.0.0 needs tenon.log_sink/1, which only RuntimeModules may use");
}

TEST_CASE("capabilities this host does not serve are refused in a sentence") {
  struct Row {
    const char *capability, *words;
  };
  for (const Row& row : {Row{"grpc", "no gRPC"}, Row{"rest", "no REST host"}, Row{"migrations", "no migrations"},
                         Row{"health", "no `health`"}, Row{"reload", "no `reload`"}}) {
    World w;
    w.plugin("a").capability(row.capability).capability(row.capability);
    const Plan plan = w.plan();
    CHECK(message(plan, "plan.unserved_capability") ==
          std::string("`a` declares the capability `") + row.capability + "`; this host 0.1.0 offers " + row.words);
    CHECK(find(plan, "a")->fate == Fate::refused);
  }
  for (const Row& row : {Row{"grpc_hub", "no gRPC"}, Row{"rest_host", "no REST host"}, Row{"ingress", "no REST host"}}) {
    World w;
    w.runtime("api").capability(row.capability);
    const Plan plan = w.plan();
    CHECK(message(plan, "plan.unserved_capability").ends_with(row.words));
    CHECK(exit_of(plan) == 69);
  }
}

TEST_CASE("what is for RuntimeModules only is refused to plugins, served or not") {
  for (const char* capability : {"system", "rest_host", "ingress", "grpc_hub"})
    for (const bool served : {true, false}) {
      World w;
      if (served) w.offer.capabilities.emplace_back(capability);
      w.plugin("a").capability(capability);
      const Plan plan = w.plan();
      CHECK(message(plan, "plan.runtime_only_capability") ==
            std::string("`a` declares the capability `") + capability + "`, which only RuntimeModules may have");
      CHECK(plan.diagnostics.error_count() == 1);
    }
}

TEST_CASE("served capabilities pass") {
  World w;
  w.runtime("logger").capability("system").capability("runnable");
  w.plugin("a").capability("runnable");
  CHECK(order_of(w.plan()) == "logger,a");
}

TEST_CASE("keys of a manifest that this host does not serve are noted, and nothing more") {
  World w;
  w.plugin("a").route("/shop").route("/stock").timeout("start", std::chrono::seconds(2)).timeout("migrate", std::chrono::seconds(3));
  w.plugin("b").timeout("drain", std::chrono::seconds(1)).capability("runnable");
  w.plugin("off").route("/off");
  w.disable("off");
  for (const char* name : {"a", "b"}) w.require(name);
  Plan plan = w.plan();
  CHECK(order_of(plan) == "a,b");
  CHECK(exit_of(plan) == 0);
  const auto notes = with_code(plan, "plan.key_without_effect");
  CHECK(notes.size() == plan.diagnostics.items().size());
  REQUIRE(notes.size() == 3);
  CHECK(notes[0]->message == "`permissions.http` of `a` has no effect: this host 0.1.0 serves no HTTP routes");
  CHECK(notes[1]->message == "`timeouts.migrate` of `a` has no effect: this host 0.1.0 offers no migrations");
  CHECK(notes[2]->message == "`timeouts.drain` of `b` has no effect: this host 0.1.0 has no phase `drain`");
  for (const Diagnostic* d : notes) CHECK(d->severity == Severity::note);
  CHECK(notes[0]->path == "permissions.http");
  CHECK(notes[2]->module == "b");

  PlanOptions quiet;
  quiet.notes = false;
  CHECK(make_plan(w.discovery(), w.table, w.offer, w.config, quiet).diagnostics.empty());
  w.offer.capabilities.emplace_back("rest");
  CHECK(with_code(w.plan(), "plan.key_without_effect").size() == 2);
}

TEST_CASE("the note on a key points at the key") {
  World w;
  Diagnostics found;
  const auto source = std::make_shared<Source>(Source{
      "a.yaml",
      "manifest: 1\nsdk: \"1.0\"\nname: a\nversion: 1.0.0\npermissions:\n  http: {routes: [/shop]}\ntimeouts: {start: 2s, migrate: 3s}\n"});
  auto manifest = read_manifest(source, "1.0", found);
  REQUIRE(manifest);
  Candidate c;
  c.name = "a";
  c.manifest = std::make_shared<const Manifest>(std::move(*manifest));
  w.raw.push_back(std::move(c));
  const auto plan = w.plan();
  const auto notes = with_code(plan, "plan.key_without_effect");
  REQUIRE(notes.size() == 2);
  CHECK(notes[0]->where.line == 6);
  CHECK(notes[0]->where.column == 3);
  CHECK(notes[1]->where.line == 7);
  CHECK(notes[1]->where.column == 23);
}

namespace {

World with_rest() {
  World w;
  for (const char* c : {"rest", "rest_host", "grpc", "grpc_hub"}) w.offer.capabilities.emplace_back(c);
  return w;
}

}  // namespace

TEST_CASE("rest needs the one REST host") {
  World w = with_rest();
  w.plugin("a").capability("rest");
  Plan plan = w.plan();
  CHECK(fate_of(plan, "a") == "refused: `a` declares the capability `rest`, but there is no REST host");
  CHECK(exit_of(plan) == 0);
  w.require("a");
  CHECK(exit_of(w.plan()) == 78);

  w.runtime("api", false).capability("rest_host").capability("rest");
  plan = w.plan();
  CHECK(order_of(plan) == "api,a");
  CHECK(exit_of(plan) == 0);
}

TEST_CASE("a REST host that does not run takes the modules it serves with it") {
  World w = with_rest();
  w.runtime("first").capability("rest");
  w.runtime("api", false).capability("rest_host").broken("text relocations");
  w.plugin("a").capability("rest");
  w.plugin("b").needs_module("a");
  const Plan plan = w.plan();
  CHECK(plan.planned == 0);
  CHECK(fate_of(plan, "first") == "blocked: is served by `api`, which is refused: text relocations");
  CHECK(fate_of(plan, "b") == "blocked: requires `a`, which is served by `api`, which is refused: text relocations");
  CHECK(exit_of(plan) == 69);  // `first` is required
}

TEST_CASE("a disabled REST host is none") {
  World w = with_rest();
  w.runtime("api", false).capability("rest_host");
  w.disable("api");
  w.plugin("a").capability("rest");
  CHECK(fate_of(w.plan(), "a") == "refused: `a` declares the capability `rest`, but there is no REST host");
}

TEST_CASE("there can be only one REST host and one gRPC hub") {
  World w = with_rest();
  w.runtime("api").capability("rest_host");
  w.runtime("web", false).capability("rest_host");
  w.runtime("hub_a", false).capability("grpc_hub");
  w.runtime("hub_b", false).capability("grpc_hub");
  w.plugin("user").capability("rest");
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "web") == "refused: `api` and `web` are both a REST host; there can be only one");
  CHECK(fate_of(plan, "hub_a") == "refused: `hub_a` and `hub_b` are both a gRPC hub; there can be only one");
  CHECK(with_code(plan, "plan.two_rest_hosts").size() == 2);
  CHECK(fate_of(plan, "user").starts_with("blocked: is served by `api`, which is refused"));
  CHECK(exit_of(plan) == 78);
}

TEST_CASE("gRPC needs its hub") {
  World w = with_rest();
  w.plugin("a").capability("grpc");
  CHECK(fate_of(w.plan(), "a") == "refused: `a` declares the capability `grpc`, but there is no gRPC hub");
  w.require("a");
  CHECK(exit_of(w.plan()) == 78);
}
