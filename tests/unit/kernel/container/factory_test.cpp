// Factories: lifetimes, failures, circles, captive scopes, serial owners.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("container factory: a singleton is made at first use and stays, a transient is made for each lease and ends with it") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton));
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient));
  CHECK(world.diary.lines().empty());
  for (int i = 0; i < 3; ++i) CHECK(orders.release(orders.get("catalog.one/1")) == Code::ok);
  CHECK(world.diary.lines() == Lines{"make catalog.one/1"});
  const Leased a = orders.get("catalog.each/1"), b = orders.get("catalog.each/1");
  CHECK(world.diary.count("make catalog.each/1") == 2);
  CHECK(orders.release(a) == Code::ok);
  CHECK(world.diary.gets("dispose catalog.each/1", 1));
  CHECK(orders.release(b) == Code::ok);
  CHECK(world.diary.gets("dispose catalog.each/1", 2));
  CHECK(orders.release(b) == Code::not_found);
}

TEST_CASE("container factory: a failure is told with its reason, nothing is kept of it, and the next use tries again") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  int tries = 0;
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton, [&](Call&, std::uint64_t, TokenInstance& out, Error& error) -> Code {
    switch (++tries) {
      case 1:
        error = {Code::unavailable, "the database is not there", "NO_DATABASE", 0, ExitCode::unavailable};
        return Code::unavailable;
      case 2:
        throw std::runtime_error("no luck");
      case 3:
        return Code::not_found;
      case 4:
        out = {};
        return Code::ok;
      case 5:
        return static_cast<Code>(1000);
      default:
        return Code::ok;
    }
  }));
  Leased lease;
  const std::vector<std::pair<Code, std::string>> expected = {{Code::unavailable, "NO_DATABASE"},
                                                              {Code::internal, "EXCEPTION"},
                                                              {Code::not_found, "FACTORY_FAILED"},
                                                              {Code::internal, "BAD_INSTANCE"},
                                                              {Code::unknown, "FACTORY_FAILED"}};
  for (const auto& [code, reason] : expected) {
    CHECK(orders.acquire("catalog.one/1", lease) == code);
    CHECK(orders.error.reason == reason);
  }
  CHECK(orders.acquire("catalog.one/1", lease) == Code::ok);
  CHECK(tries == 6);
  CHECK(world.container.stats().instances == 1);
  CHECK(world.diary.count("dispose catalog.one/1") == 0);
  CHECK(orders.leave().may_go());
}

TEST_CASE("container factory: a circle is an error with the whole path, and the singletons can be made later") {
  World world;
  Module catalog(world, "catalog");
  bool with_circle = true;
  Error inner;
  const auto needs = [&](const char* token) {
    return [&, token](Call&, std::uint64_t scope, TokenInstance&, Error& error) -> Code {
      Leased lease;
      const Code code = with_circle ? world.container.acquire(*catalog.seat, {token}, scope, lease, error) : Code::ok;
      if (code != Code::ok) inner = error;
      return code;
    };
  };
  for (const Lifetime lifetime : {Lifetime::singleton, Lifetime::transient}) {
    with_circle = true;
    const auto a = catalog.factory("catalog.a/1", lifetime, needs("catalog.b/1"));
    const auto b = catalog.factory("catalog.b/1", lifetime, needs("catalog.c/1"));
    const auto c = catalog.factory("catalog.c/1", lifetime, needs("catalog.b/1"));
    REQUIRE((a && b && c));
    Leased lease;
    CHECK(catalog.acquire("catalog.a/1", lease) == Code::failed_precondition);
    CHECK(catalog.error.reason == "CYCLE");
    CHECK(catalog.error.message.find("`catalog.b/1` -> `catalog.c/1` -> `catalog.b/1`") != std::string::npos);
    with_circle = false;
    CHECK(catalog.acquire("catalog.a/1", lease) == Code::ok);
    CHECK(catalog.release(lease) == Code::ok);
    for (const auto& id : {a, b, c}) CHECK(world.container.withdraw_wait(*catalog.seat, *id, soon()) == Code::ok);
  }
  CHECK(inner.reason == "CYCLE");
}

TEST_CASE("container factory: a scoped circle is found too") {
  World world;
  Module catalog(world, "catalog");
  REQUIRE(catalog.factory("catalog.a/1", Lifetime::scoped, [&](Call&, std::uint64_t scope, TokenInstance&, Error& error) {
    Leased lease;
    return world.container.acquire(*catalog.seat, {"catalog.a/1"}, scope, lease, error);
  }));
  Leased lease;
  CHECK(catalog.acquire("catalog.a/1", lease, catalog.open()) == Code::failed_precondition);
  CHECK(catalog.error.message.find("`catalog.a/1` -> `catalog.a/1`") != std::string::npos);
}

TEST_CASE("container factory: two threads that build what the other needs are told, neither hangs") {
  World world;
  Module catalog(world, "catalog");
  std::atomic<int> inside{0};
  const auto needs = [&](const char* token) {
    return [&, token](Call&, std::uint64_t scope, TokenInstance&, Error& error) {
      ++inside;
      CHECK(becomes([&] { return inside.load() >= 2; }));
      Leased lease;
      return world.container.acquire(*catalog.seat, {token}, scope, lease, error);
    };
  };
  REQUIRE(catalog.factory("catalog.a/1", Lifetime::singleton, needs("catalog.b/1")));
  REQUIRE(catalog.factory("catalog.b/1", Lifetime::singleton, needs("catalog.a/1")));
  std::array<Code, 2> codes{};
  std::array<Error, 2> errors{};
  {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 2; ++i)
      threads.emplace_back([&, i] {
        Leased lease;
        codes[i] = world.container.acquire(*catalog.seat, {i == 0 ? "catalog.a/1" : "catalog.b/1"}, 0, lease, errors[i]);
      });
    for (auto& t : threads) t.join();
  }
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(codes[i] == Code::failed_precondition);
    CHECK(errors[i].reason == "CYCLE");
    const bool path = errors[i].message.find("`catalog.a/1` -> `catalog.b/1` -> `catalog.a/1`") != std::string::npos ||
                      errors[i].message.find("`catalog.b/1` -> `catalog.a/1` -> `catalog.b/1`") != std::string::npos;
    CHECK(path);
  }
  CHECK(world.container.stats().instances == 0);
}

TEST_CASE("container factory: captive scopes are refused, however they are tried") {
  World world;
  Module catalog(world, "catalog");
  const std::uint64_t outer = catalog.open(), inner = catalog.open(outer);
  std::uint64_t asks_in = 0;
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped));
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient));
  const auto needs = [&](const char* token) {
    return [&, token](Call&, std::uint64_t scope, TokenInstance&, Error& error) {
      Leased lease;
      return world.container.acquire(*catalog.seat, {token}, asks_in == 0 ? scope : asks_in, lease, error);
    };
  };
  REQUIRE(catalog.factory("catalog.keeper/1", Lifetime::singleton, needs("catalog.request/1")));
  REQUIRE(catalog.factory("catalog.keeps_each/1", Lifetime::singleton, needs("catalog.each/1")));
  REQUIRE(catalog.factory("catalog.scoped/1", Lifetime::scoped, needs("catalog.request/1")));
  REQUIRE(catalog.factory("catalog.middle/1", Lifetime::transient, needs("catalog.request/1")));
  REQUIRE(catalog.factory("catalog.over_middle/1", Lifetime::singleton, needs("catalog.middle/1")));
  Leased lease;
  const auto refused = [&](const char* token, std::uint64_t scope, std::uint64_t asks) {
    asks_in = asks;
    const Code code = catalog.acquire(token, lease, scope);
    CHECK(code == Code::failed_precondition);
    CHECK(catalog.error.reason == "CAPTIVE_SCOPE");
  };
  refused("catalog.keeper/1", outer, 0);          // asked for in a scope, it is made in the root
  refused("catalog.keeper/1", outer, outer);      // with a number it got elsewhere
  refused("catalog.keeps_each/1", outer, outer);  // what ends with the scope
  refused("catalog.over_middle/1", outer, 0);
  refused("catalog.over_middle/1", outer, outer);
  refused("catalog.scoped/1", outer, inner);  // of a scope that ends earlier
  asks_in = outer;
  CHECK(catalog.acquire("catalog.scoped/1", lease, inner) == Code::ok);  // of one that ends later
  asks_in = 0;
  CHECK(catalog.acquire("catalog.middle/1", lease, inner) == Code::ok);
  CHECK(catalog.acquire("catalog.keeps_each/1", lease, inner) == Code::ok);
  CHECK(catalog.acquire("catalog.request/1", lease) == Code::failed_precondition);
  CHECK(catalog.error.reason == "NEEDS_SCOPE");
  CHECK(catalog.close_scope(outer) == Code::ok);
}

TEST_CASE(
    "container factory: runs inside its owner's gate, with the deadline of the call that asks, and lends nothing to a service called from "
    "it") {
  World world;
  Services services(world.pool);
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  const auto seat = services.join(catalog.owner, Permissions::all("catalog"), {});
  const std::uint64_t scope = catalog.open();
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped));
  struct Handler {
    Module& catalog;
    std::uint64_t scope;
    Code code = Code::unknown;
  } handler{catalog, scope};
  REQUIRE(services.add(*seat, {"catalog.work",
                               [](void* data, ServiceCall&, const Request&, Reply&) {
                                 auto& h = *static_cast<Handler*>(data);
                                 Leased lease;
                                 h.code = h.catalog.acquire("catalog.request/1", lease, h.scope);
                                 return Code::ok;
                               },
                               &handler,
                               nullptr,
                               {}}));
  std::int64_t seen = 0;
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton, [&](Call& call, std::uint64_t, TokenInstance&, Error& error) {
    seen = deadline_of(call);
    CHECK(current_frame()->owner.load() == &catalog.owner);
    CHECK(current_frame()->call == &call);
    Reply reply;
    return services.call(*seat, "catalog.work", {}, reply, error);
  }));
  Call call;
  const std::int64_t deadline = soon();
  call.deadline_ns = deadline;
  {
    const GateEntry entry(orders.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
    REQUIRE(entry);
    CHECK(orders.release(orders.get("catalog.one/1")) == Code::ok);
  }
  CHECK(seen == deadline);
  CHECK(handler.code == Code::ok);  // a call of its own keeps nothing
  catalog.owner.gate().advance(Gate::State::draining);
  CHECK(services.leave(*seat, soon()).quiet);
}

TEST_CASE("container factory: whoever waits for another's factory gives up at its deadline, or when it is cancelled") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  Latch inside, go;
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton, [&](Call&, std::uint64_t, TokenInstance&, Error&) {
    inside.open();
    go.wait();
    return Code::ok;
  }));
  std::thread maker([&] {
    Leased lease;
    Error error;
    CHECK(world.container.acquire(*catalog.seat, {"catalog.one/1"}, 0, lease, error) == Code::ok);
  });
  inside.wait();
  Leased lease;
  {
    Call call;
    call.deadline_ns = in_ms(1);
    const GateEntry entry(orders.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
    CHECK(orders.acquire("catalog.one/1", lease) == Code::deadline_exceeded);
  }
  {
    Call call;
    call.cancel();
    const GateEntry entry(orders.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
    CHECK(orders.acquire("catalog.one/1", lease) == Code::cancelled);
  }
  go.open();
  maker.join();
  CHECK(world.diary.count("make catalog.one/1") == 1);
}

TEST_CASE(
    "container serial: callbacks of a serial module do not overlap, its own calls may make its own, others in the same chain may not") {
  World world;
  Services services(world.pool);
  Module catalog(world, "catalog", {{}, true, true}), orders(world, "orders", {{"catalog"}});
  const auto seat = services.join(catalog.owner, Permissions::all("catalog"), {&catalog.strand, {}});
  const auto orders_seat = services.join(orders.owner, Permissions::all("orders"), {});
  std::atomic<int> inside{0};
  bool overlapped = false;
  const auto alone = [&](Call&, std::uint64_t, TokenInstance&, Error&) {
    overlapped = overlapped || ++inside != 1;
    std::this_thread::yield();
    --inside;
    return Code::ok;
  };
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient, alone));
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton));
  {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 50; ++n) {
          Leased lease;
          Error error;
          CHECK(world.container.acquire(*orders.seat, {"catalog.each/1"}, 0, lease, error) == Code::ok);
        }
      });
    for (auto& t : threads) t.join();
  }
  CHECK_FALSE(overlapped);

  struct Context {
    Services& services;
    const std::shared_ptr<ServiceSeat>& seat;
    Module &catalog, &orders;
    Code own = Code::unknown, through_other = Code::unknown;
    Error error;
  } context{services, seat, catalog, orders, {}, {}, {}};
  REQUIRE(services.add(*orders_seat, {"orders.ask",
                                      [](void* data, ServiceCall&, const Request&, Reply&) {
                                        auto& c = *static_cast<Context*>(data);
                                        Leased lease;
                                        c.through_other =
                                            c.orders.world.container.acquire(*c.orders.seat, {"catalog.one/1"}, 0, lease, c.error);
                                        return Code::ok;
                                      },
                                      &context,
                                      nullptr,
                                      {}}));
  REQUIRE(services.add(*seat, {"catalog.run",
                               [](void* data, ServiceCall&, const Request&, Reply&) {
                                 auto& c = *static_cast<Context*>(data);
                                 Reply reply;
                                 Error error;
                                 CHECK(c.services.call(*c.seat, "orders.ask", {}, reply, error) == Code::ok);
                                 Leased lease;
                                 c.own = c.catalog.acquire("catalog.one/1", lease);
                                 return Code::ok;
                               },
                               &context,
                               nullptr,
                               {}}));
  Reply reply;
  Error error;
  CHECK(services.call(*orders_seat, "catalog.run", {}, reply, error) == Code::ok);
  CHECK(context.through_other == Code::failed_precondition);
  CHECK(context.error.reason == "REENTRANT");
  CHECK(context.own == Code::ok);
  for (const auto& s : {seat, orders_seat}) {
    (s == seat ? catalog : orders).owner.gate().advance(Gate::State::draining);
    CHECK(services.leave(*s, soon()).quiet);
  }
  CHECK(orders.leave().may_go());
}

TEST_CASE("container serial: a circle through the turn of a serial module is found") {
  World world;
  Module serial(world, "serial", {{"plain"}, true, true}), plain(world, "plain", {{"serial"}});  // both ways, as no graph lets it
  Latch building, on_strand;
  REQUIRE(plain.factory("plain.one/1", Lifetime::singleton, [&](Call&, std::uint64_t, TokenInstance&, Error& error) {
    building.open();
    on_strand.wait();
    Leased lease;
    return world.container.acquire(*plain.seat, {"serial.each/1"}, 0, lease, error);  // waits for its turn
  }));
  REQUIRE(serial.factory("serial.each/1", Lifetime::transient));
  Code first = Code::ok, second = Code::ok;
  Error first_error, second_error;
  std::thread a([&] {
    Leased lease;
    first = world.container.acquire(*plain.seat, {"plain.one/1"}, 0, lease, first_error);
  });
  building.wait();
  std::thread b([&] {
    REQUIRE(serial.strand.try_enter());
    {
      Call call;
      const GateEntry entry(serial.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
      on_strand.open();
      Leased lease;
      second = world.container.acquire(*serial.seat, {"plain.one/1"}, 0, lease, second_error);  // waits for the one who waits
    }
    serial.strand.leave();
  });
  a.join();
  b.join();
  const bool found = first_error.reason == "CYCLE" || second_error.reason == "CYCLE";
  CHECK(found);
  CHECK(serial.leave(soon()).may_go());
}
