// Who offers what: names, duplicates, shadows, reach, permissions, handles, limits.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("services: what is offered is found and called, by name and by handle") {
  World world;
  Module orders(world), web(world, "web");
  CHECK_FALSE(world.services.has(*web.seat, "orders.create"));
  const auto id = orders.offer("orders.create", echo);
  REQUIRE(id);
  CHECK(world.services.has(*web.seat, "orders.create"));
  CHECK(world.services.has(*web.seat, "orders.create/1"));
  CHECK_FALSE(world.services.has(*web.seat, "orders.create/2"));
  for (const Outcome& out :
       {call(web, "orders.create", "a"), call(web, "orders.create/1", "a"), call(web, web.resolve("orders.create"), "a")}) {
    CHECK(out.code == Code::ok);
    CHECK(out.payload == "a");
    CHECK(out.content_type == "text/plain");
  }
  CHECK(world.services.remove(*orders.seat, *id) == Code::ok);
  CHECK_FALSE(world.services.has(*web.seat, "orders.create"));
  CHECK(call(web, "orders.create").code == Code::not_found);
  CHECK(orders.gets_released(1));
}

TEST_CASE("services: what is no code of the owner is released at once, but not while a handler runs") {
  World world;
  Module orders(world), web(world, "web");
  struct Data {
    Counter inside, go_on, released;
  } data;
  ServiceOffer offer;
  offer.name = "orders.create";
  offer.handle = [](void* d, ServiceCall&, const Request&, Reply&) {
    static_cast<Data*>(d)->inside.add();
    return static_cast<Data*>(d)->go_on.reaches(1) ? Code::ok : Code::internal;
  };
  offer.data = &data;
  offer.release = [](void* d) { static_cast<Data*>(d)->released.add(); };
  offer.release_at_once = true;
  const auto first = world.services.add(*orders.seat, offer);
  REQUIRE(first);
  std::thread caller([&] { CHECK(call(web, "orders.create").code == Code::ok); });
  CHECK(data.inside.reaches(1));
  CHECK(world.services.remove(*orders.seat, *first) == Code::ok);
  CHECK(data.released.value() == 0);
  data.go_on.add();
  caller.join();
  CHECK(data.released.reaches(1));
  const auto second = world.services.add(*orders.seat, offer);
  REQUIRE(second);
  CHECK(world.services.remove(*orders.seat, *second) == Code::ok);
  CHECK(data.released.value() == 2);  // nobody was inside
  const auto third = world.services.add(*orders.seat, offer);
  REQUIRE(third);
  CHECK(world.services.remove_wait(*orders.seat, *third, in_ms(5000)) == Code::ok);
  REQUIRE(world.services.add(*orders.seat, offer));
  CHECK(orders.leave().quiet);
  CHECK(data.released.value() == 4);
}

TEST_CASE("services: majors are different services") {
  World world;
  Module orders(world), web(world, "web");
  REQUIRE(orders.offer("orders.create",
                       [](ServiceCall& c, const Request&, Reply& r) { return r.assign(c.service()) ? Code::ok : Code::internal; }));
  REQUIRE(orders.offer("orders.create/2",
                       [](ServiceCall& c, const Request&, Reply& r) { return r.assign(c.service()) ? Code::ok : Code::internal; }));
  CHECK(call(web, "orders.create/1").payload == "orders.create");
  CHECK(call(web, "orders.create/2").payload == "orders.create/2");
  CHECK(call(web, "orders.create/3").code == Code::not_found);
}

TEST_CASE("services: hostile names and arguments") {
  World world;
  Module orders(world), web(world, "web");
  const std::string too_long(300, 'a');
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view("a..b"), std::string_view("a b"), std::string_view("a\0b", 3),
        std::string_view("a/0"), std::string_view("a/01"), std::string_view("a/1000000"), std::string_view("a/"), std::string_view("/1"),
        std::string_view("a/1/1"), std::string_view("orders.*"), std::string_view(">"), std::string_view("\xff"),
        std::string_view(too_long)}) {
    CAPTURE(name);
    const auto added = world.services.add(*orders.seat, {name, &run_function, nullptr, nullptr, {}});
    REQUIRE_FALSE(added);
    CHECK(added.error().code == Code::invalid_argument);
    CHECK(world.services.resolve(*web.seat, name).error().code == Code::invalid_argument);
    CHECK(call(web, name).code == Code::invalid_argument);
    CHECK_FALSE(world.services.has(*web.seat, name));
  }
  CHECK(world.services.add(*orders.seat, {"orders.a", nullptr, nullptr, nullptr, {}}).error().code == Code::invalid_argument);
  for (const std::uint64_t id :
       {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 32U, (std::uint64_t{1} << 32U) | 70000}) {
    CHECK(world.services.remove(*orders.seat, id) == Code::not_found);
    CHECK(world.services.remove_wait(*orders.seat, id, soon()) == Code::not_found);
    CHECK(world.services.release_handle(*orders.seat, id) == Code::not_found);
    CHECK(call(web, id).code == Code::not_found);
    CHECK(world.services.cancel(*web.seat, id) == Code::not_found);
    CHECK(complete(orders, id) == Code::not_found);
    CHECK(world.services.id_cancelled(*orders.seat, id));
    CHECK(world.services.on_cancel(
              *orders.seat, id, [](void*, Code) {}, nullptr) == Code::not_found);
  }
}

TEST_CASE("services: what is below `host` and `tenon` nobody can offer, also not who may do everything") {
  Services::Options options;
  int denied = 0;
  options.denied = [&denied](const ServiceSeat&, std::string_view, const Error& error) { denied += error.reason == "RESERVED" ? 1 : 0; };
  World world(std::move(options));
  Module logger(world, "logger");
  for (const char* name : {"tenon", "tenon.stop", "tenon.stop/2", "host.stop"}) {
    const auto added = logger.offer(name, echo);
    REQUIRE_FALSE(added);
    CHECK(added.error().code == Code::permission_denied);
    CHECK(added.error().reason == "RESERVED");
  }
  CHECK(denied == 4);
  CHECK(logger.offer("tenonic.stop", echo));
}

TEST_CASE("services: the same offer again is the same id, another one is told who has the name") {
  World world;
  Module orders(world), shop(world, "shop");
  int data = 0;
  const ServiceHandler handler = [](void*, ServiceCall&, const Request&, Reply&) { return Code::ok; };
  const auto id = world.services.add(*orders.seat, {"orders.create", handler, &data, nullptr, {}});
  REQUIRE(id);
  CHECK(world.services.add(*orders.seat, {"orders.create/1", handler, &data, nullptr, {}}).value() == *id);
  CHECK(world.services.add(*orders.seat, {"orders.create", handler, nullptr, nullptr, {}}).error().code == Code::already_exists);
  const auto taken = world.services.add(*shop.seat, {"orders.create", handler, &data, nullptr, {}});
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Code::already_exists);
  CHECK(taken.error().message.find("`orders`") != std::string::npos);
  CHECK(world.services.remove(*shop.seat, *id) == Code::not_found);  // not its own
  CHECK(world.services.remove(*orders.seat, *id) == Code::ok);
  CHECK(world.services.remove(*orders.seat, *id) == Code::not_found);
  CHECK(world.services.add(*shop.seat, {"orders.create", handler, &data, nullptr, {}}));
}

TEST_CASE("services: a handle stands for the name, not for who offers it") {
  World world;
  Module web(world, "web"), other(world, "other");
  auto first = std::make_unique<Module>(world, "orders");
  REQUIRE(
      first->offer("orders.create", [](ServiceCall&, const Request&, Reply& r) { return r.assign("first") ? Code::ok : Code::internal; }));
  CHECK(world.services.resolve(*web.seat, "orders.nothing").error().code == Code::not_found);
  const std::uint64_t handle = web.resolve("orders.create");
  CHECK(call(web, handle).payload == "first");
  CHECK(call(other, handle).code == Code::not_found);  // of another caller
  CHECK(world.services.release_handle(*other.seat, handle) == Code::not_found);
  first->leave();
  first.reset();
  CHECK(call(web, handle).code == Code::not_found);
  Module second(world, "orders", 2);
  REQUIRE(
      second.offer("orders.create", [](ServiceCall&, const Request&, Reply& r) { return r.assign("second") ? Code::ok : Code::internal; }));
  CHECK(call(web, handle).payload == "second");
  CHECK(world.services.release_handle(*web.seat, handle) == Code::ok);
  CHECK(world.services.release_handle(*web.seat, handle) == Code::not_found);
  CHECK(call(web, handle).code == Code::not_found);
  const std::uint64_t again = web.resolve("orders.create");  // the same slot, another generation
  CHECK(again != handle);
  CHECK(call(web, handle).code == Code::not_found);
  CHECK(call(web, again).code == Code::ok);
}

TEST_CASE("services: how far an offer reaches") {
  World world;
  Module orders(world), web(world, "web");
  orders.reach(Reach::hidden);  // only here: in life it moves forward
  REQUIRE(orders.offer("orders.create", echo));
  CHECK_FALSE(world.services.has(*web.seat, "orders.create"));
  CHECK(world.services.has(*orders.seat, "orders.create"));
  CHECK(call(web, "orders.create").code == Code::not_found);
  CHECK(world.services.resolve(*web.seat, "orders.create").error().code == Code::not_found);
  const std::uint64_t own = orders.resolve("orders.create");
  CHECK(call(orders, own).error.reason == "NOT_STARTED");
  orders.reach(Reach::visible);
  CHECK(world.services.has(*web.seat, "orders.create"));
  const std::uint64_t handle = web.resolve("orders.create");
  for (const Outcome& out : {call(web, "orders.create"), call(web, handle)}) {
    CHECK(out.code == Code::unavailable);
    CHECK(out.error.reason == "NOT_STARTED");
  }
  Async async;
  CHECK(async.start(web, handle) == Code::unavailable);
  orders.reach(Reach::callable);
  CHECK(call(web, handle).code == Code::ok);
  CHECK(call(orders, own).code == Code::ok);
}

TEST_CASE("services: a handle does not see a successor that is hidden") {
  World world;
  Module web(world, "web");
  auto first = std::make_unique<Module>(world, "orders");
  REQUIRE(first->offer("orders.create", echo));
  const std::uint64_t handle = web.resolve("orders.create");
  Module second(world, "orders", 2);
  second.reach(Reach::hidden);
  REQUIRE(second.offer("orders.create", echo));
  first.reset();
  CHECK(call(web, handle).code == Code::not_found);
  second.reach(Reach::callable);
  CHECK(call(web, handle).code == Code::ok);
}

TEST_CASE("services: the next generation registers in the shadow of this one") {
  World world;
  Module web(world, "web");
  const auto says = [](const char* what) {
    return [what](ServiceCall&, const Request&, Reply& r) { return r.assign(what) ? Code::ok : Code::internal; };
  };
  auto one = std::make_unique<Module>(world, "orders", 1);
  REQUIRE(one->offer("orders.create", says("one")));
  const std::uint64_t handle = web.resolve("orders.create");
  auto two = std::make_unique<Module>(world, "orders", 2);
  REQUIRE(two->offer("orders.create", says("two")));
  REQUIRE(two->offer("orders.list", says("two")));
  CHECK(call(web, handle).payload == "one");
  CHECK(call(web, "orders.list").payload == "two");
  {
    Module old(world, "orders", 0);
    CHECK(old.offer("orders.create", says("zero")).error().code == Code::already_exists);
    old.offered = 0;
  }
  SUBCASE("it takes over when the older one leaves") {
    one.reset();
    CHECK(call(web, handle).payload == "two");
    CHECK(call(web, "orders.create").payload == "two");
  }
  SUBCASE("it takes over when it is promoted, and the older one comes back if it leaves") {
    world.services.promote(*two->seat);
    CHECK(call(web, handle).payload == "two");
    two.reset();
    CHECK(call(web, handle).payload == "one");
    CHECK(call(web, "orders.list").code == Code::not_found);
  }
  SUBCASE("it goes without a trace") {
    two.reset();
    CHECK(call(web, handle).payload == "one");
  }
}

TEST_CASE("services: permissions are checked when registering and at every call") {
  std::vector<std::string> audit;
  Services::Options options;
  options.denied = [&audit](const ServiceSeat& who, std::string_view service, const Error& error) {
    audit.push_back(seat_module(who) + ": " + error.reason + " " + std::string(service));
  };
  World world(std::move(options));
  PermissionSet asked;
  asked.service_calls.push_back(*parse_service_pattern("orders.create"));
  Module orders(world), plugin(world, "shop", 1, {}, Permissions::of_plugin("shop", asked, asked));
  REQUIRE(orders.offer("orders.create", echo));
  REQUIRE(orders.offer("orders.delete", echo));
  for (int i = 0; i < 2; ++i) CHECK(call(plugin, "orders.create").code == Code::ok);
  CHECK(audit.empty());
  for (int i = 0; i < 2; ++i) {
    const Outcome out = call(plugin, "orders.delete");
    CHECK(out.code == Code::permission_denied);
    CHECK(out.error.message.find("`orders.delete`") != std::string::npos);
  }
  REQUIRE(audit.size() == 2);
  CHECK(audit[0].ends_with(" orders.delete"));
  CHECK(call(plugin, "orders.unknown").code == Code::permission_denied);  // does not even learn whether it is there
  CHECK(world.services.resolve(*plugin.seat, "orders.delete").error().code == Code::permission_denied);
  Async async;
  CHECK(async.start(plugin, std::string_view("orders.delete")) == Code::permission_denied);
  CHECK(plugin.offer("logger.log", echo).error().code == Code::permission_denied);
  CHECK(plugin.offer("tenon.x", echo).error().code == Code::permission_denied);
  CHECK(audit.size() == 7);
  CHECK(plugin.offer("shop.buy", echo));
  CHECK(call(plugin, "shop.buy").code == Code::ok);
  CHECK(metrics_of(world, "orders.delete").calls == 0);
}

TEST_CASE("services: limits of one module") {
  Services::Options options;
  options.max_registrations = 2;
  options.max_handles = 2;
  World world(std::move(options));
  Module orders(world), web(world, "web");
  REQUIRE(orders.offer("orders.a", echo));
  const auto b = orders.offer("orders.b", echo);
  REQUIRE(b);
  CHECK(orders.offer("orders.c", echo).error().code == Code::resource_exhausted);
  CHECK(world.services.remove(*orders.seat, *b) == Code::ok);
  CHECK(orders.offer("orders.c", echo));
  const std::uint64_t first = web.resolve("orders.a");
  web.resolve("orders.a");
  CHECK(world.services.resolve(*web.seat, "orders.a").error().code == Code::resource_exhausted);
  CHECK(world.services.release_handle(*web.seat, first) == Code::ok);
  web.resolve("orders.c");
}

TEST_CASE("services: many names come and go") {
  World world;
  Module orders(world), web(world, "web");
  std::vector<std::uint64_t> ids;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) ids.push_back(orders.offer("orders.s" + std::to_string(i), echo).value());
    for (int i = 0; i < 1000; ++i) CHECK(call(web, std::string_view("orders.s" + std::to_string(i)), "x").payload == "x");
    for (std::size_t i = 0; i < 1000; i += 2) CHECK(world.services.remove(*orders.seat, ids[i]) == Code::ok);
    for (int i = 0; i < 1000; ++i)
      CHECK(call(web, std::string_view("orders.s" + std::to_string(i))).code == (i % 2 == 0 ? Code::not_found : Code::ok));
    for (std::size_t i = 1; i < 1000; i += 2) CHECK(world.services.remove(*orders.seat, ids[i]) == Code::ok);
    ids.clear();
  }
  CHECK(orders.gets_released(3000));
  CHECK(world.services.metrics().empty());
}

TEST_CASE("services: removing and waiting") {
  World world;
  Module orders(world), web(world, "web");
  Counter inside, go_on;
  std::uint64_t id = 0;
  Code from_inside = Code::ok;
  id = orders
           .offer("orders.create",
                  [&](ServiceCall&, const Request&, Reply&) {
                    from_inside = world.services.remove_wait(*orders.seat, id, soon());
                    inside.add();
                    return go_on.reaches(1) ? Code::ok : Code::internal;
                  })
           .value();
  std::thread caller([&] { CHECK(call(web, "orders.create").code == Code::ok); });
  CHECK(inside.reaches(1));
  CHECK(from_inside == Code::failed_precondition);
  CHECK(world.services.remove_wait(*orders.seat, id, in_ms(20)) == Code::deadline_exceeded);
  CHECK(orders.releases.value() == 0);
  CHECK(call(web, "orders.create").code == Code::not_found);  // nothing new
  const auto second = orders.offer("orders.list", echo);
  CHECK(world.services.remove_wait(*orders.seat, *second, soon()) == Code::ok);
  CHECK(orders.releases.value() == 1);
  go_on.add();
  caller.join();
  CHECK(orders.gets_released(2));
}

TEST_CASE("services: a service may remove itself") {
  World world;
  Module orders(world), web(world, "web");
  std::uint64_t id = 0;
  id = orders.offer("orders.once", [&](ServiceCall&, const Request&, Reply&) { return world.services.remove(*orders.seat, id); }).value();
  CHECK(call(web, "orders.once").code == Code::ok);
  CHECK(call(web, "orders.once").code == Code::not_found);
  CHECK(orders.gets_released(1));
}
