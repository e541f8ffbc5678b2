// Scopes: what is made in them, what they carry, in which order they end.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("container scope: one instance per scope, another one in a scope within, singletons from any depth") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped));
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton));
  REQUIRE(catalog.instance("catalog.given/1", catalog.value));
  const std::uint64_t a = orders.open(), b = orders.open(a), c = orders.open(b);
  static_cast<void>(orders.get("catalog.request/1", a));
  static_cast<void>(orders.get("catalog.request/1", a));
  CHECK(world.diary.count("make catalog.request/1") == 1);
  static_cast<void>(orders.get("catalog.request/1", c));
  CHECK(world.diary.count("make catalog.request/1") == 2);
  for (const std::uint64_t scope : {std::uint64_t{0}, a, b, c}) {
    CHECK(call(orders.get("catalog.one/1", scope)) == 17);
    CHECK(call(orders.get("catalog.given/1", scope)) == 17);
  }
  CHECK(world.diary.count("make catalog.one/1") == 1);
  CHECK(orders.close_scope(a) == Code::ok);  // b and c too
  CHECK(world.diary.count("dispose catalog.request/1") == 2);
  for (const std::uint64_t scope : {a, b, c}) CHECK(orders.close_scope(scope) == Code::not_found);
  CHECK(world.container.stats().leases == 2);  // those of the root
  CHECK(orders.leave().may_go());
}

TEST_CASE("container scope: disposes in reverse order of creation, across providers and inner scopes, and ends the leases in it") {
  World world;
  Module catalog(world, "catalog"), prices(world, "prices", {{"catalog"}}), orders(world, "orders", {{"catalog", "prices"}});
  REQUIRE(catalog.factory("catalog.db/1", Lifetime::scoped));
  REQUIRE(prices.factory("prices.list/1", Lifetime::scoped, [&](Call&, std::uint64_t scope, TokenInstance&, Error& error) {
    Leased lease;
    return world.container.acquire(*prices.seat, {"catalog.db/1"}, scope, lease, error);
  }));
  REQUIRE(catalog.factory("catalog.cache/1", Lifetime::scoped));
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient));
  const std::uint64_t scope = orders.open(), within = orders.open(scope);
  static_cast<void>(orders.get("prices.list/1", scope));
  static_cast<void>(orders.get("catalog.each/1", within));
  const Leased cache = orders.get("catalog.cache/1", scope);
  CHECK(orders.close_scope(scope) == Code::ok);
  CHECK(world.diary.lines() == Lines{"make prices.list/1", "make catalog.db/1", "make catalog.each/1", "make catalog.cache/1",
                                     "dispose catalog.cache/1", "dispose catalog.each/1", "dispose prices.list/1", "dispose catalog.db/1"});
  CHECK(orders.release(cache) == Code::not_found);
  CHECK(world.container.stats().leases == 0);
  CHECK(world.container.stats().scopes == 0);
  CHECK(world.container.stats().instances == 0);
}

TEST_CASE("container scope: a lease that is released early does not end a scoped instance, but a transient one") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped));
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient));
  const std::uint64_t scope = orders.open();
  CHECK(orders.release(orders.get("catalog.request/1", scope)) == Code::ok);
  CHECK(orders.release(orders.get("catalog.each/1", scope)) == Code::ok);
  CHECK(world.diary.gets("dispose catalog.each/1"));
  CHECK(world.diary.count("dispose catalog.request/1") == 0);
  static_cast<void>(orders.get("catalog.request/1", scope));
  CHECK(world.diary.count("make catalog.request/1") == 1);
  CHECK(orders.close_scope(scope) == Code::ok);
  CHECK(world.diary.count("dispose catalog.request/1") == 1);
  CHECK(world.diary.count("dispose catalog.each/1") == 1);
}

TEST_CASE("container scope: what it has of an offer that is withdrawn or replaced stays until it ends, and is ended once") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  const auto id = catalog.factory("catalog.request/1", Lifetime::scoped);
  REQUIRE(id);
  const std::uint64_t scope = orders.open();
  CHECK(orders.release(orders.get("catalog.request/1", scope)) == Code::ok);  // nobody holds it, but the scope
  SUBCASE("withdrawn") { CHECK(world.container.withdraw(*catalog.seat, *id) == Code::ok); }
  SUBCASE("withdrawn by who waits") { CHECK(world.container.withdraw_wait(*catalog.seat, *id, in_ms(20)) == Code::deadline_exceeded); }
  SUBCASE("replaced") { REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped, {}, "", true)); }
  // Whoever collects next leaves it alone too.
  int other = 1;
  const auto short_lived = catalog.instance("catalog.other/1", other);
  REQUIRE(short_lived);
  CHECK(world.container.withdraw_wait(*catalog.seat, *short_lived, soon()) == Code::ok);
  CHECK(world.diary.count("dispose catalog.request/1") == 0);
  CHECK(orders.close_scope(scope) == Code::ok);
  CHECK(world.diary.gets("dispose catalog.request/1"));
  CHECK(orders.leave().may_go());
  CHECK(catalog.leave().may_go());
  CHECK(world.diary.count("dispose catalog.request/1") == 1);
}

TEST_CASE("container scope: in a factory whose scope's outer one was closed meanwhile, what is acquired for longer is refused") {
  World world;
  Module catalog(world, "catalog"), prices(world, "prices", {{"catalog"}}), orders(world, "orders", {{"prices"}});
  REQUIRE(catalog.factory("catalog.row/1", Lifetime::scoped));
  const std::uint64_t outer = orders.open(), inner = orders.open(outer);
  Code inside = Code::unknown;
  std::string reason;
  REQUIRE(prices.factory("prices.list/1", Lifetime::scoped, [&](Call&, std::uint64_t, TokenInstance&, Error& error) {
    CHECK(orders.close_scope(outer) == Code::ok);  // by anybody, while this runs
    const std::uint64_t own = prices.open();
    Leased lease;
    inside = world.container.acquire(*prices.seat, {"catalog.row/1"}, own, lease, error);
    reason = error.reason;
    CHECK(prices.close_scope(own) == Code::ok);
    return Code::ok;
  }));
  Leased lease;
  CHECK(orders.acquire("prices.list/1", lease, inner) == Code::failed_precondition);
  CHECK(orders.error.reason == "NO_SCOPE");
  CHECK(inside == Code::failed_precondition);
  CHECK(reason == "CAPTIVE_SCOPE");
}

TEST_CASE("container scope: one that is somebody else's is not found, and a factory has the one it makes something for") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  const std::uint64_t scope = orders.open();
  Code inside = Code::unknown;
  REQUIRE(catalog.factory("catalog.inner/1", Lifetime::scoped));
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped, [&](Call&, std::uint64_t in, TokenInstance&, Error& error) {
    CHECK(in == scope);
    CHECK(world.container.describe(*catalog.seat, in));
    CHECK(world.container.close(*catalog.seat, in) == Code::not_found);  // not its own
    CHECK_FALSE(world.container.open(*catalog.seat, in, {ScopeKind::job, {}, {}, {}, no_deadline}));
    Leased lease;
    inside = world.container.acquire(*catalog.seat, {"catalog.inner/1"}, in, lease, error);
    return inside;
  }));
  Leased lease;
  CHECK(catalog.acquire("catalog.request/1", lease, scope) == Code::not_found);
  CHECK(catalog.error.reason == "NO_SCOPE");
  CHECK_FALSE(world.container.describe(*catalog.seat, scope));
  CHECK(orders.acquire("catalog.request/1", lease, scope) == Code::ok);
  CHECK(inside == Code::ok);
  CHECK(catalog.close_scope(scope) == Code::not_found);
  CHECK(orders.close_scope(scope) == Code::ok);
}

TEST_CASE("container scope: carries request id, tenant, auth and deadline, an inner one has what it does not say itself") {
  World world;
  Module orders(world, "orders");
  const auto open = [&](std::uint64_t outer, ScopeContext context) {
    return world.container.open(*orders.seat, outer, std::move(context));
  };
  const auto outer = open(0, {ScopeKind::request, "r-1", "acme", "user:7", 1000});
  REQUIRE(outer);
  const auto inner = open(*outer, {ScopeKind::job, {}, "other", {}, 2000});
  REQUIRE(inner);
  const ScopeContext c = **world.container.describe(*orders.seat, *inner);
  CHECK(c.kind == ScopeKind::job);
  CHECK(c.request_id == "r-1");
  CHECK(c.tenant == "other");
  CHECK(c.auth == "user:7");
  CHECK(c.deadline_ns == 1000);
  CHECK((*world.container.describe(*orders.seat, 0))->kind == ScopeKind::root);
  const auto first = open(0, {ScopeKind::job, {}, {}, {}, no_deadline}), second = open(0, {ScopeKind::job, {}, {}, {}, no_deadline});
  const std::string a = (*world.container.describe(*orders.seat, *first))->request_id,
                    b = (*world.container.describe(*orders.seat, *second))->request_id;
  CHECK(a.size() == 16);
  CHECK(a != b);
  CHECK(open(0, {ScopeKind::root, {}, {}, {}, no_deadline}).error().reason == "BAD_KIND");
  CHECK(open(0, {ScopeKind::job, std::string(1025, 'x'), {}, {}, no_deadline}).error().reason == "TOO_LONG");
  CHECK(open(99999, {ScopeKind::job, {}, {}, {}, no_deadline}).error().reason == "NO_SCOPE");
  std::uint64_t deep = 0;
  int depth = 0;
  for (;; ++depth) {
    const auto next = open(deep, {ScopeKind::job, {}, {}, {}, no_deadline});
    if (!next) {
      CHECK(next.error().reason == "TOO_DEEP");
      break;
    }
    deep = *next;
  }
  CHECK(depth == 64);
}

TEST_CASE("container scope: where the disposer of a serial module cannot run at once, the rest follows on workers in the same order") {
  World world;
  Module serial(world, "serial", {{}, true, true}), plain(world, "plain"), orders(world, "orders", {{"serial", "plain"}});
  REQUIRE(plain.factory("plain.first/1", Lifetime::scoped));
  REQUIRE(serial.factory("serial.second/1", Lifetime::scoped));
  REQUIRE(plain.factory("plain.third/1", Lifetime::scoped));
  const std::uint64_t scope = orders.open();
  for (const char* token : {"plain.first/1", "serial.second/1", "plain.third/1"}) static_cast<void>(orders.get(token, scope));
  REQUIRE(serial.strand.try_enter());
  CHECK(orders.close_scope(scope) == Code::ok);  // waits for nobody
  CHECK(world.diary.count("dispose plain.third/1") == 1);
  CHECK(world.diary.count("dispose serial.second/1") == 0);
  CHECK(world.diary.count("dispose plain.first/1") == 0);
  serial.strand.leave();
  CHECK(world.diary.gets("dispose plain.first/1"));
  Lines lines = world.diary.lines();
  lines.erase(lines.begin(), lines.begin() + 3);
  CHECK(lines == Lines{"dispose plain.third/1", "dispose serial.second/1", "dispose plain.first/1"});
}

TEST_CASE("container call scope: made when it is asked for, once, and ends with the call") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped));
  Call call;
  call.deadline_ns = 12345;
  {
    const CallScope unused(world.container, orders.seat, ScopeKind::request, call);
    CHECK(world.container.stats().scopes == 0);
  }
  {
    CallScope scope(world.container, orders.seat, ScopeKind::job, call);
    const auto id = scope.id(nullptr);
    REQUIRE(id);
    CHECK(*scope.id(nullptr) == *id);
    CHECK((*world.container.describe(*orders.seat, *id))->deadline_ns == 12345);
    CHECK((*world.container.describe(*orders.seat, *id))->kind == ScopeKind::job);
    static_cast<void>(orders.get("catalog.request/1", *id));
  }
  CHECK(world.diary.lines() == Lines{"make catalog.request/1", "dispose catalog.request/1"});
  std::uint64_t kept = 0;
  {
    CallScope scope(world.container, orders.seat, ScopeKind::request, call);
    CHECK(scope.id(nullptr));
    kept = scope.keep();
  }
  CHECK(orders.close_scope(kept) == Code::ok);
}

TEST_CASE("container call scope: what a RuntimeModule says goes on to the calls within, what a plugin says stays its own") {
  World world;
  Module api(world, "api"), plugin(world, "plugin", {{}, false}), inner(world, "inner");
  const auto inside = [&](Module& m, const ScopeContext* said, auto&& then) {
    Call call;
    const GateEntry entry(m.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
    CallScope scope(world.container, m.seat, ScopeKind::request, call);
    const auto id = scope.id(said);
    REQUIRE(id);
    then(**world.container.describe(*m.seat, *id));
  };
  const ScopeContext said{ScopeKind::request, "r-1", "acme", "user:7", no_deadline};
  const ScopeContext forged{ScopeKind::request, "r-2", "evil", "root", no_deadline};
  inside(api, &said, [&](const ScopeContext& outer) {
    CHECK(outer.auth == "user:7");
    inside(plugin, &forged, [&](const ScopeContext& own) {
      CHECK(own.auth == "root");
      inside(inner, nullptr, [&](const ScopeContext& c) {
        CHECK(c.request_id == "r-1");
        CHECK(c.tenant == "acme");
        CHECK(c.auth == "user:7");
      });
    });
    inside(plugin, nullptr, [&](const ScopeContext& own) { CHECK(own.auth == "user:7"); });
  });
  inside(plugin, &forged, [&](const ScopeContext&) {
    inside(inner, nullptr, [&](const ScopeContext& c) {
      CHECK(c.auth.empty());
      CHECK(c.tenant.empty());
      CHECK(c.request_id != "r-2");
    });
  });
  inside(plugin, nullptr, [&](const ScopeContext& own) {  // the number the host has made goes on
    inside(inner, nullptr, [&](const ScopeContext& c) { CHECK(c.request_id == own.request_id); });
  });
  inside(inner, nullptr, [&](const ScopeContext& c) { CHECK(c.auth.empty()); });
}
