// Who may provide what, who reaches it, replacing, shadows.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("container provide: an instance is reached by token, through the very pointers that were given") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  const Leased lease = orders.get("catalog.client/1");
  CHECK(lease.instance.table == &greeter);
  CHECK(lease.instance.self == &catalog.value);
  CHECK(call(lease) == 17);
  CHECK(orders.release(lease) == Code::ok);
  CHECK(orders.release(lease) == Code::not_found);
  CHECK(world.container.release(*orders.seat, 0) == Code::not_found);
  CHECK(world.container.release(*orders.seat, 0xFFFF'FFFF'FFFF'FFFF) == Code::not_found);
  Leased none;
  CHECK(orders.acquire("catalog.client/2", none) == Code::not_found);
  CHECK(orders.error.reason == "NO_PROVIDER");
  for (const char* bad : {"catalog.client", "catalog.client/0", "", "/1", "catalog..client/1", "catalog.client/1/1", "catalog.client/01"}) {
    CHECK(orders.acquire(bad, none) == Code::invalid_argument);
    CHECK(orders.error.reason == "BAD_TOKEN");
    const auto refused = catalog.instance(bad, catalog.value);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == "BAD_TOKEN");
  }
  CHECK(catalog.instance("catalog.client/1", catalog.value, "no key").error().reason == "BAD_KEY");
  CHECK(world.container.provide(*catalog.seat, {{"catalog.none/1"}}, {}).error().reason == "BAD_INSTANCE");
  const std::uint32_t too_small = 4;
  CHECK(world.container.provide(*catalog.seat, {{"catalog.none/1"}}, {&too_small, nullptr}).error().reason == "BAD_INSTANCE");
  CHECK(world.container.provide_factory(*catalog.seat, {{"catalog.none/1"}}, Lifetime::singleton, nullptr, nullptr).error().reason ==
        "NO_FACTORY");
}

TEST_CASE("container provide: the same again is the same registration, another one is refused and names who has it") {
  World world;
  Module catalog(world, "catalog"), other(world, "other");
  const auto id = catalog.instance("catalog.client/1", catalog.value);
  REQUIRE(id);
  CHECK(*world.container.provide(*catalog.seat, {{"catalog.client/1"}}, {&greeter, &catalog.value}) == *id);
  CHECK(catalog.instance("catalog.client/1", other.value).error().reason == "TAKEN");
  const auto taken = other.instance("catalog.client/1", other.value);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == Code::already_exists);
  CHECK(taken.error().message.find("`catalog` (generation 1)") != std::string::npos);
  CHECK(world.container.withdraw(*other.seat, *id) == Code::not_found);
  CHECK(world.container.withdraw(*catalog.seat, *id) == Code::ok);
  CHECK(world.container.withdraw(*catalog.seat, *id) == Code::not_found);
  CHECK(world.diary.gets("release catalog.client/1"));
}

TEST_CASE("container provide: keys let several providers of one interface live side by side") {
  World world;
  Module stripe(world, "stripe"), paypal(world, "paypal"), shop(world, "shop", {{"stripe", "paypal"}});
  paypal.value = 18;
  REQUIRE(stripe.instance("payments.gateway/1", stripe.value, "stripe"));
  REQUIRE(paypal.instance("payments.gateway/1", paypal.value, "paypal.eu"));
  CHECK(call(shop.get("payments.gateway/1", 0, "stripe")) == 17);
  CHECK(call(shop.get("payments.gateway/1", 0, "paypal.eu")) == 18);
  Leased none;
  CHECK(shop.acquire("payments.gateway/1", none) == Code::not_found);
  CHECK(shop.acquire("payments.gateway/1", none, 0, "paypal") == Code::not_found);
  CHECK(shop.leave().may_go());
}

TEST_CASE("container provide: a plugin provides what is below its name, and other interfaces under its own key, the audit hears the rest") {
  std::vector<std::string> denied;
  Container::Options options;
  options.denied = [&](const ContainerSeat&, std::string_view token, const Error& error) {
    denied.push_back(error.reason + " " + std::string(token));
  };
  World world(options);
  Module plugin(world, "stripe", {{}, false}), trusted(world, "admin");
  CHECK(plugin.instance("stripe.client/1", plugin.value));
  CHECK(plugin.instance("stripe/1", plugin.value));
  CHECK(plugin.instance("payments.gateway/1", plugin.value, "stripe"));
  CHECK(plugin.instance("payments.gateway/1", plugin.value, "stripe.eu"));
  for (const auto& [token, key] : std::vector<std::pair<const char*, const char*>>{
           {"payments.gateway/1", ""}, {"payments.gateway/1", "paypal"}, {"stripes.client/1", ""}, {"x.y/1", "stripes"}}) {
    const auto refused = plugin.instance(token, plugin.value, key);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::permission_denied);
    CHECK(refused.error().reason == "FOREIGN_TOKEN");
  }
  CHECK(trusted.instance("payments.ledger/1", trusted.value));
  CHECK(trusted.instance("tenon.thing/1", trusted.value).error().code == Code::permission_denied);
  REQUIRE(denied.size() == 5);
  CHECK(denied[1] == "FOREIGN_TOKEN payments.gateway/1 (paypal)");
}

TEST_CASE("container acquire: another module's token needs `requires`, and the message names the line") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders"), web(world, "web", {{"catalog"}});
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  Leased none;
  for (int i = 0; i < 3; ++i) {
    CHECK(orders.acquire("catalog.client/1", none) == Code::failed_precondition);
    CHECK(orders.error.reason == "NOT_REQUIRED");
    CHECK(orders.error.message.find("`requires: [catalog]`") != std::string::npos);
    CHECK(web.release(web.get("catalog.client/1")) == Code::ok);  // what one may is not what the other may
  }
  CHECK(catalog.release(catalog.get("catalog.client/1")) == Code::ok);  // its own, without
}

TEST_CASE("container acquire: hidden until init, not given before start, not given by one that leaves, a module has its own all the time") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  catalog.owner.set_reach(Reach::visible);
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  REQUIRE(catalog.factory("catalog.made/1", Lifetime::singleton));
  Leased none;
  for (const char* token : {"catalog.client/1", "catalog.made/1"}) {
    CHECK(orders.acquire(token, none) == Code::unavailable);
    CHECK(orders.error.reason == "NOT_STARTED");
    CHECK(catalog.release(catalog.get(token)) == Code::ok);
    CHECK(orders.acquire(token, none) == Code::unavailable);  // made or not
  }
  catalog.owner.set_reach(Reach::callable);
  CHECK(orders.release(orders.get("catalog.client/1")) == Code::ok);
  catalog.owner.gate().advance(Gate::State::draining);
  CHECK(orders.acquire("catalog.client/1", none) == Code::unavailable);
  CHECK(orders.error.reason == "LEAVING");
  CHECK(catalog.instance("catalog.other/1", catalog.value).error().reason == "LEAVING");
  CHECK(catalog.release(catalog.get("catalog.client/1")) == Code::ok);  // stop() may need it
}

TEST_CASE("container acquire: what a module has registered in init is found by nobody until it is visible") {
  World world;
  Owner owner("catalog", 1, true);
  const auto seat = world.container.join(owner, {});
  Module orders(world, "orders", {{"catalog"}});
  REQUIRE(world.container.provide(*seat, {{"catalog.client/1"}}, {&greeter, nullptr}));
  Leased none;
  CHECK(orders.acquire("catalog.client/1", none) == Code::not_found);
  owner.gate().advance(Gate::State::draining);  // a failed init
  CHECK(world.container.leave(*seat, soon()));
  owner.gate().advance(Gate::State::closed);
  CHECK(world.container.finish(*seat, soon()).may_go());
  world.container.depart(*seat);
  CHECK(world.container.stats().tokens == 0);
  CHECK(world.container.stats().instances == 0);
}

TEST_CASE("container acquire: a table that is too small for the one who asks is refused, naming both sides") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  REQUIRE(catalog.factory("catalog.made/1", Lifetime::transient));
  Leased lease;
  Error error;
  for (const char* token : {"catalog.client/1", "catalog.made/1"}) {
    CHECK(world.container.acquire(*orders.seat, {token, {}, sizeof(Greeter)}, 0, lease, error) == Code::ok);
    CHECK(orders.release(lease) == Code::ok);
    CHECK(world.container.acquire(*orders.seat, {token, {}, sizeof(Greeter) + 8}, 0, lease, error) == Code::failed_precondition);
    CHECK(error.reason == "TABLE_TOO_SMALL");
    CHECK(error.message.find("`orders` needs 24 bytes") != std::string::npos);
    CHECK(error.message.find("`catalog` offers 16") != std::string::npos);
  }
  CHECK(world.diary.gets("dispose catalog.made/1", 2));
}

TEST_CASE("container replace: who holds the old instance keeps it until it releases it, others get the new one") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  int second = 18;
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  const Leased old = orders.get("catalog.client/1");
  REQUIRE(catalog.instance("catalog.client/1", second, "", true));
  CHECK(call(old) == 17);
  const Leased fresh = orders.get("catalog.client/1");
  CHECK(call(fresh) == 18);
  CHECK(world.diary.count("release catalog.client/1") == 0);
  CHECK(orders.release(old) == Code::ok);
  CHECK(world.diary.gets("release catalog.client/1"));
  CHECK(world.container.stats().tokens == 1);
  CHECK(orders.release(fresh) == Code::ok);
}

TEST_CASE("container replace: a singleton that is replaced is disposed after its last lease, then its factory is released") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.factory("catalog.client/1", Lifetime::singleton));
  const Leased one = orders.get("catalog.client/1"), two = orders.get("catalog.client/1");
  REQUIRE(catalog.factory("catalog.client/1", Lifetime::singleton, {}, "", true));
  CHECK(orders.release(one) == Code::ok);
  CHECK(world.container.stats().instances == 1);
  CHECK(orders.release(two) == Code::ok);
  CHECK(world.diary.gets("release catalog.client/1"));
  CHECK(world.diary.lines() == Lines{"make catalog.client/1", "dispose catalog.client/1", "release catalog.client/1"});
  CHECK(orders.release(orders.get("catalog.client/1")) == Code::ok);
  CHECK(world.diary.count("make catalog.client/1") == 2);
}

TEST_CASE("container withdraw_wait: waits for the last lease and for release, inside its own callbacks it is refused") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  const auto id = catalog.instance("catalog.client/1", catalog.value);
  REQUIRE(id);
  const Leased lease = orders.get("catalog.client/1");
  std::uint64_t made_id = 0;
  Code inside = Code::ok;
  const auto made = catalog.factory("catalog.made/1", Lifetime::singleton, [&](Call&, std::uint64_t, TokenInstance&, Error&) {
    inside = world.container.withdraw_wait(*catalog.seat, made_id, soon());
    return Code::ok;
  });
  REQUIRE(made);
  made_id = *made;
  CHECK(orders.release(orders.get("catalog.made/1")) == Code::ok);
  CHECK(inside == Code::failed_precondition);
  CHECK(world.container.withdraw_wait(*catalog.seat, *made, soon()) == Code::ok);
  CHECK(world.diary.count("release catalog.made/1") == 1);

  std::thread other([&] {
    CHECK(becomes([&] {
      Leased none;
      const Code code = orders.acquire("catalog.client/1", none);
      if (code == Code::ok) CHECK(orders.release(none) == Code::ok);
      return code == Code::not_found;
    }));
    CHECK(orders.release(lease) == Code::ok);
  });
  CHECK(world.container.withdraw_wait(*catalog.seat, *id, soon()) == Code::ok);
  CHECK(catalog.releases == 2);
  other.join();
  const auto again = catalog.instance("catalog.client/1", catalog.value);
  REQUIRE(again);
  const Leased kept = orders.get("catalog.client/1");
  CHECK(world.container.withdraw_wait(*catalog.seat, *again, in_ms(1)) == Code::deadline_exceeded);
  CHECK(orders.release(kept) == Code::ok);
}

TEST_CASE("container shadow: the next generation is reached by itself only, until the old one leaves or it is promoted") {
  World world;
  auto old = std::make_unique<Module>(world, "catalog");
  Module orders(world, "orders", {{"catalog"}});
  Module fresh(world, "catalog", {{}, true, false, 2});
  fresh.value = 18;
  REQUIRE(old->instance("catalog.client/1", old->value));
  const Leased kept = orders.get("catalog.client/1");
  REQUIRE(fresh.instance("catalog.client/1", fresh.value));
  CHECK(old->instance("catalog.second/1", old->value));
  CHECK(fresh.instance("catalog.third/1", fresh.value));
  CHECK(old->instance("catalog.third/1", old->value).error().reason == "TAKEN");  // an older one gets no place behind a younger
  CHECK(call(fresh.get("catalog.client/1")) == 18);
  CHECK(call(orders.get("catalog.client/1")) == 17);
  SUBCASE("promoted") {
    world.container.promote(*fresh.seat);
    CHECK(call(orders.get("catalog.client/1")) == 18);
    CHECK(call(old->get("catalog.client/1")) == 17);
    CHECK(call(kept) == 17);
    REQUIRE(world.container.holders(*old->seat).size() == 1);
  }
  SUBCASE("the old one leaves") {
    CHECK(orders.leave().may_go());
    old.reset();
    Module web(world, "web", {{"catalog"}});
    CHECK(call(web.get("catalog.client/1")) == 18);
    CHECK(web.leave().may_go());
  }
  if (!orders.gone) CHECK(orders.leave().may_go());
}

TEST_CASE("container limits: tokens, scopes and leases of one module end somewhere, and it says so") {
  Container::Options options;
  options.max_tokens = 2;
  options.max_scopes = 2;
  World world(options);
  Module catalog(world, "catalog");
  REQUIRE(catalog.instance("catalog.one/1", catalog.value));
  REQUIRE(catalog.instance("catalog.two/1", catalog.value));
  CHECK(catalog.instance("catalog.three/1", catalog.value).error().reason == "TOO_MANY_TOKENS");
  const std::uint64_t scope = catalog.open();
  static_cast<void>(catalog.open());
  CHECK(world.container.open(*catalog.seat, 0, {ScopeKind::job, {}, {}, {}, no_deadline}).error().reason == "TOO_MANY_SCOPES");
  CHECK(catalog.close_scope(scope) == Code::ok);
  Leased lease;
  Code code = Code::ok;
  std::size_t held = 0;
  while ((code = catalog.acquire("catalog.one/1", lease)) == Code::ok) ++held;
  CHECK(held == 65536);
  CHECK(code == Code::resource_exhausted);
  CHECK(catalog.error.reason == "TOO_MANY_LEASES");
  CHECK(world.container.stats().leases == held);
  CHECK(catalog.leave().may_go());
  CHECK(world.container.stats().leases == 0);
}

TEST_CASE("container tokens: hundreds come and go, and each is found while it is there") {
  World world;
  Module catalog(world, "catalog");
  std::vector<std::uint64_t> ids;
  Leased lease;
  for (int round = 0; round < 3; ++round) {
    ids.clear();
    for (int i = 0; i < 300; ++i) ids.push_back(*catalog.instance(("catalog.t" + std::to_string(i) + "/1").c_str(), catalog.value));
    for (int i = 0; i < 300; ++i) {
      CHECK(catalog.acquire(("catalog.t" + std::to_string(i) + "/1").c_str(), lease) == Code::ok);
      CHECK(catalog.release(lease) == Code::ok);
    }
    for (int i = 0; i < 300; i += 2) CHECK(world.container.withdraw(*catalog.seat, ids[static_cast<std::size_t>(i)]) == Code::ok);
    for (int i = 0; i < 300; ++i)
      CHECK((catalog.acquire(("catalog.t" + std::to_string(i) + "/1").c_str(), lease) == Code::ok) == (i % 2 == 1));
    for (int i = 1; i < 300; i += 2) CHECK(world.container.withdraw(*catalog.seat, ids[static_cast<std::size_t>(i)]) == Code::ok);
  }
}
