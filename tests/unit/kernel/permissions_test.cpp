// Permissions: own, asked for, granted, and the sentence that says what is missing.
#include <doctest/doctest.h>

#include "kernel/permissions.hpp"

using namespace tenon::host;

namespace {

ServicePattern services(const char* text) { return *parse_service_pattern(text); }
ServiceName service(const char* text) { return *parse_service_name(text); }

PermissionSet asked() {
  PermissionSet s;
  s.service_calls = {services("catalog.*"), services("billing.charge/2")};
  s.service_provides = {services("shop.orders")};
  s.event_publishes = {"billing.order"};
  s.event_subscribes = {"catalog.price.*", "stock.>"};
  s.storage_namespaces = {"shared"};
  s.storage_max_bytes = 256ULL << 20U;
  return s;
}

void check_refused(const Result<void>& result, const char* reason, const std::string& message) {
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::permission_denied);
  CHECK(result.error().reason == reason);
  CHECK(result.error().message == message);
}

}  // namespace

TEST_CASE("what is its own needs nobody's leave") {
  const Permissions p = Permissions::of_plugin("orders", {}, PermissionSet{});
  CHECK(p.may_call(service("orders.create")));
  CHECK(p.may_register(service("orders.create/2")));
  CHECK(p.may_publish("orders.created"));
  CHECK(p.may_subscribe("orders.>"));
  CHECK(p.may_use_namespace("orders"));
  CHECK(p.storage_bytes() == 64ULL << 20U);
  CHECK_FALSE(p.may_use_namespace("orders.archive"));
  CHECK_FALSE(p.may_call(service("orders_eu.create")));
  CHECK_FALSE(p.may_publish("order.created"));
  CHECK_FALSE(p.may_subscribe(">"));
  CHECK_FALSE(p.may_subscribe("*.created"));
}

TEST_CASE("without a line of the operator, what is asked is granted only where the default says so") {
  const Permissions open = Permissions::of_plugin("orders", asked(), std::nullopt);
  CHECK(open.may_call(service("catalog.list")));
  CHECK(open.may_call(service("billing.charge/2")));
  CHECK_FALSE(open.may_call(service("billing.charge")));
  CHECK(open.may_register(service("shop.orders")));
  CHECK(open.may_publish("billing.order"));
  CHECK(open.may_subscribe("catalog.price.eur"));
  CHECK(open.may_use_namespace("shared"));
  CHECK(open.storage_bytes() == 256ULL << 20U);

  const Permissions closed = Permissions::of_plugin("orders", asked(), PermissionSet{});
  check_refused(closed.may_call(service("catalog.list")), "NOT_GRANTED",
                "`orders` may not call the service `catalog.list`: its manifest asks for it, and `modules.orders.grants.services.call: "
                "[\"catalog.list\"]` would grant it");
  check_refused(closed.may_register(service("shop.orders")), "NOT_GRANTED",
                "`orders` may not register the service `shop.orders`: its manifest asks for it, and "
                "`modules.orders.grants.services.provide: [\"shop.orders\"]` would grant it");
  CHECK_FALSE(closed.may_publish("billing.order"));
  CHECK_FALSE(closed.may_subscribe("stock.low"));
  CHECK_FALSE(closed.may_use_namespace("shared"));
  CHECK(closed.storage_bytes() == 64ULL << 20U);
}

TEST_CASE("a grant without the manifest's wish gives nothing") {
  PermissionSet granted;
  granted.service_calls = {services(">")};
  granted.event_publishes = {">"};
  granted.storage_namespaces = {"shared"};
  granted.storage_max_bytes = 1ULL << 40U;
  const Permissions p = Permissions::of_plugin("orders", {}, granted);
  check_refused(p.may_call(service("catalog.list")), "NOT_ASKED",
                "`orders` may not call the service `catalog.list`: missing `permissions.services.call: [\"catalog.list\"]` in its "
                "manifest");
  const Permissions neither = Permissions::of_plugin("orders", {}, PermissionSet{});
  check_refused(neither.may_call(service("catalog.list")), "NOT_ASKED",
                "`orders` may not call the service `catalog.list`: missing `permissions.services.call: [\"catalog.list\"]` in its "
                "manifest and `modules.orders.grants.services.call: [\"catalog.list\"]`");
  CHECK_FALSE(p.may_publish("billing.order"));
  CHECK_FALSE(p.may_use_namespace("shared"));
  CHECK(p.storage_bytes() == 64ULL << 20U);
}

TEST_CASE("of both, the narrower one counts") {
  PermissionSet granted;
  granted.service_calls = {services("catalog.list/1")};
  granted.event_subscribes = {"catalog.price.eur", "stock.*"};
  granted.storage_max_bytes = 128ULL << 20U;
  const Permissions p = Permissions::of_plugin("orders", asked(), granted);
  CHECK(p.may_call(service("catalog.list")));
  CHECK_FALSE(p.may_call(service("catalog.list/2")));
  CHECK_FALSE(p.may_call(service("catalog.get")));
  CHECK(p.may_subscribe("catalog.price.eur"));
  // The whole pattern must be allowed: some of its topics are not enough.
  CHECK_FALSE(p.may_subscribe("catalog.price.*"));
  CHECK(p.may_subscribe("stock.*"));
  CHECK_FALSE(p.may_subscribe("stock.>"));
  CHECK(p.storage_bytes() == 128ULL << 20U);
}

TEST_CASE("a RuntimeModule may do everything") {
  const Permissions p = Permissions::all("logger");
  CHECK(p.may_call(service("orders.create")));
  CHECK(p.may_register(service("orders.create")));
  CHECK(p.may_publish("orders.created"));
  CHECK(p.may_subscribe(">"));
  CHECK(p.may_use_namespace("orders"));
  CHECK(p.storage_bytes() == UINT64_MAX);
}

TEST_CASE("what is the host's is no module's, whatever was granted, and nothing is suggested that would grant it") {
  PermissionSet wide;
  wide.service_provides = {services(">"), services("*.x"), services("host.x")};
  wide.event_publishes = {">", "*.x", "host.x"};
  wide.storage_namespaces = {"host", "tenon"};
  for (const Permissions& p :
       {Permissions::of_plugin("orders", wide, wide), Permissions::of_plugin("orders", {}, PermissionSet{}), Permissions::all("orders")}) {
    check_refused(p.may_publish("host.x"), "RESERVED", "`orders` may not publish `host.x`: it belongs to the host, and cannot be granted");
    check_refused(p.may_publish("tenon"), "RESERVED", "`orders` may not publish `tenon`: it belongs to the host, and cannot be granted");
    check_refused(p.may_register(service("tenon.x/2")), "RESERVED",
                  "`orders` may not register the service `tenon.x/2`: it belongs to the host, and cannot be granted");
    CHECK_FALSE(p.may_register(service("host")));
  }
  const Permissions p = Permissions::of_plugin("orders", wide, wide);
  check_refused(p.may_use_namespace("host"), "RESERVED",
                "`orders` may not use the storage namespace `host`: it belongs to the host, and cannot be granted");
  // Below the other reserved words a plugin may nothing, whatever was granted, and a RuntimeModule may.
  PermissionSet all = wide;
  all.storage_namespaces = {"core", "core.x", "directory", "grpc_hub"};
  for (const Permissions& q : {Permissions::of_plugin("orders", all, all), Permissions::of_plugin("orders", all, std::nullopt),
                               Permissions::of_plugin("orders", {}, PermissionSet{})}) {
    for (const std::string word : {"core", "directory", "grpc_hub"}) {
      CAPTURE(word);
      const std::string because = "`: it belongs to the host, and cannot be granted";
      check_refused(q.may_register(service((word + ".x/2").c_str())), "RESERVED",
                    "`orders` may not register the service `" + word + ".x/2" + because);
      check_refused(q.may_publish(word + ".x"), "RESERVED", "`orders` may not publish `" + word + ".x" + because);
      check_refused(q.may_use_namespace(word), "RESERVED", "`orders` may not use the storage namespace `" + word + because);
    }
    CHECK_FALSE(q.may_use_namespace("core.x"));
  }
  const Permissions trusted = Permissions::all("logger");
  CHECK(trusted.may_register(service("directory.list")));
  CHECK(trusted.may_publish("grpc_hub.up"));
  CHECK(trusted.may_use_namespace("core"));
  CHECK(p.may_publish("cores.x"));
  CHECK(p.may_publish("hosts.x"));
  CHECK(p.may_publish("a.x"));
  CHECK(p.may_register(service("tenonic.x")));
}

TEST_CASE("what a module says is shown harmlessly") {
  const Permissions p = Permissions::of_plugin("orders", {}, PermissionSet{});
  const Result<void> refused = p.may_use_namespace("x\n\x1b[31m");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find('\n') == std::string::npos);
  CHECK(refused.error().message.find('\x1b') == std::string::npos);
}
