// What a manifest that is right becomes.
#include <chrono>

#include "support.hpp"

using namespace tenon::host;
using namespace std::chrono_literals;
using test::read;
using test::with;

namespace {

const char* const full = R"(
manifest: 1
sdk: "1.0"                      # of the SDK it was written with
name: orders
version: 1.4.2-rc.1+7
description: Order book
library: sub/liborders.so
requires:
  - logger
  - {name: catalog, version: ">=1.2 <2"}
  - logger
after: [pricing]
capabilities: [migrations, rest, runnable]
needs: [tenon.services/1, {id: tenon.storage/1, optional: true}, {id: tenon.log/2}]
provides:
  services: [orders.create, orders.get/2]
  events: ["orders.>"]
permissions:
  services: {call: ["catalog.*", pricing.get/1]}
  events: {publish: ["billing.order"], subscribe: ["catalog.price.*"]}
  storage: {namespaces: [shared], max_bytes: 256MiB}
  http: {routes: ["/shop/orders", "/shop/orders/{id}/{rest...}", "/"]}
config_schema: {type: object, properties: {page_size: {type: integer}}}
defaults: {page_size: 50}
timeouts: {start: 20s, stop: 10ms}
x-team: commerce
x-any: {a: [1]}
)";

std::vector<std::string> names(const std::vector<Named>& all) {
  std::vector<std::string> out;
  for (const Named& n : all) out.push_back(n.name);
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("manifest: every key") {
  const test::Read r = read(full);
  REQUIRE_MESSAGE(r.manifest, to_text(r.diagnostics));
  CHECK(r.diagnostics.empty());
  const Manifest& m = *r.manifest;
  CHECK(m.name == "orders");
  CHECK(m.name_where.line == 4);
  CHECK(m.name_where.column == 7);
  CHECK(m.name_where.length == 6);
  CHECK(m.version.str() == "1.4.2-rc.1+7");
  CHECK(m.sdk == "1.0");
  CHECK(m.description == "Order book");
  CHECK(m.library == "sub/liborders.so");
  CHECK(m.library_where.line == 7);
  REQUIRE(m.requirements.size() == 3);
  CHECK(m.requirements[0].name == "logger");
  CHECK(m.requirements[0].range.str() == "");
  CHECK(m.requirements[1].name == "catalog");
  CHECK(m.requirements[1].range.str() == ">=1.2 <2");
  CHECK(m.requirements[1].where.line == 10);
  CHECK(m.requirements[2].name == "logger");
  CHECK(names(m.after) == Strings{"pricing"});
  CHECK(names(m.capabilities) == Strings{"migrations", "rest", "runnable"});
  REQUIRE(m.needs.size() == 3);
  CHECK(m.needs[0].id == "tenon.services/1");
  CHECK_FALSE(m.needs[0].optional);
  CHECK(m.needs[1].id == "tenon.storage/1");
  CHECK(m.needs[1].optional);
  CHECK_FALSE(m.needs[2].optional);
  CHECK(names(m.provides.services) == Strings{"orders.create", "orders.get/2"});
  CHECK(names(m.provides.events) == Strings{"orders.>"});
  CHECK(names(m.permissions.service_calls) == Strings{"catalog.*", "pricing.get/1"});
  CHECK(names(m.permissions.event_publishes) == Strings{"billing.order"});
  CHECK(names(m.permissions.event_subscribes) == Strings{"catalog.price.*"});
  CHECK(names(m.permissions.storage_namespaces) == Strings{"shared"});
  CHECK(m.permissions.storage_max_bytes == 256ull * 1024 * 1024);
  CHECK(m.permissions.http_routes.size() == 3);
  REQUIRE(m.config_schema);
  CHECK(to_json(*m.config_schema) == R"({"type":"object","properties":{"page_size":{"type":"integer"}}})");
  CHECK(to_json(m.defaults) == R"({"page_size":50})");
  CHECK(m.timeouts == decltype(m.timeouts){{"start", 20s}, {"stop", 10ms}});
  CHECK(m.document.find("x-team")->as_string() != nullptr);
  CHECK(m.source->name == "m.yaml");
}

TEST_CASE("manifest: the least one") {
  const test::Read r = read(with(""));
  REQUIRE(r.manifest);
  CHECK(r.manifest->requirements.empty());
  CHECK(r.manifest->library.empty());
  CHECK_FALSE(r.manifest->config_schema);
  CHECK(r.manifest->defaults.is_null());
  CHECK_FALSE(r.manifest->permissions.storage_max_bytes);
}

TEST_CASE("manifest: corners that are allowed") {
  for (const char* more :
       {"requires: []\nafter: []\ncapabilities: []\nneeds: []\nprovides: {}\npermissions: {}\ntimeouts: {}\n", "config_schema: true\n",
        "config_schema: false\n", "config_schema: {}\ndefaults: {}\n", "defaults: {}\n",
        "requires: [{name: a}, {name: b, version: \"\"}]\n", "description: >\n  folded\n  text\n",
        "timeouts: {start: 2m, load: 10s, migrate: 20m}\n", "library: liba.so.1\n", "library: ./a.so\n", "library: a..b.so\n",
        "provides: {services: [a.b/1, a.b/2]}\n", "capabilities: [grpc, grpc_hub, health, ingress, reload, rest_host, system]\n",
        "requires: [orders]\n", "after: [a, a]\n", "critical: [name]\n", "needs: [tenon.log_sink/1, tenon.a.b/65535]\n", "x-y: ~\n"})
    CHECK_MESSAGE(read(with(more)).manifest, more);
  CHECK(read(with("description: >\n  folded\n  text\n")).manifest->description == "folded text");
}

TEST_CASE("manifest: a newer sdk turns unknown keys into warnings, unless they are critical") {
  const std::string newer = "manifest: 1\nsdk: \"1.3\"\nname: a\nversion: 1.0.0\nfuture: {x: 1}\n";
  test::Read r = read(newer, "1.2");
  CHECK(r.manifest);
  CHECK(test::brief(r.diagnostics) == "5:1+6 manifest.unknown_key (warning)");
  CHECK(r.diagnostics.items()[0].module == "a");
  CHECK(test::brief(read(newer, "1.3").diagnostics) == "5:1+6 manifest.unknown_key");
  CHECK(test::brief(read(newer, "1.10").diagnostics) == "5:1+6 manifest.unknown_key");
  CHECK(test::brief(read(newer, "2.0").diagnostics) == "5:1+6 manifest.unknown_key");
  CHECK(read(newer, "0.9").manifest);
  CHECK(test::brief(read(newer + "critical: [future]\n", "1.2").diagnostics) == "5:1+6 manifest.unknown_key");
  CHECK(read(newer + "critical: [name]\n", "1.2").manifest);
  // Only top-level keys are forgiven.
  CHECK(test::brief(read(newer + "provides: {future: 1}\n", "1.2").diagnostics) ==
        "5:1+6 manifest.unknown_key (warning); 6:12+6 manifest.unknown_key");
}

TEST_CASE("manifest: words") {
  for (const char* word : {"migrations", "rest", "rest_host", "ingress", "grpc", "grpc_hub", "health", "reload", "runnable", "system"})
    CHECK(is_known_capability(word));
  for (const char* word : {"", "Rest", "rest_", "storage", "runnabl"}) CHECK_FALSE(is_known_capability(word));
  for (const char* name : {"core", "host", "tenon", "grpc_hub", "directory"}) CHECK(is_reserved_module_name(name));
  for (const char* name : {"", "orders", "cor", "tenond", "logger"}) CHECK_FALSE(is_reserved_module_name(name));
}
