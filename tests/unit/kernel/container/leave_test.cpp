// Leaving: pins, holders, wedged holders, order, exactly once.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("container leave: disposes singletons in reverse order of creation, releases everything once, nothing is left") {
  World world;
  {
    Module catalog(world, "catalog");
    REQUIRE(catalog.factory("catalog.outer/1", Lifetime::singleton, [&](Call&, std::uint64_t scope, TokenInstance&, Error& error) {
      Leased lease;
      return world.container.acquire(*catalog.seat, {"catalog.inner/1"}, scope, lease, error);
    }));
    REQUIRE(catalog.factory("catalog.inner/1", Lifetime::singleton));
    REQUIRE(catalog.factory("catalog.never/1", Lifetime::singleton));
    REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped));
    static_cast<void>(catalog.get("catalog.outer/1"));
    static_cast<void>(catalog.get("catalog.request/1", catalog.open()));
    CHECK(catalog.leave().may_go());
    Lines lines = world.diary.lines();
    REQUIRE(lines.size() == 10);
    CHECK(Lines(lines.begin() + 3, lines.begin() + 4) == Lines{"dispose catalog.request/1"});
    std::erase_if(lines, [](const std::string& line) { return line.rfind("dispose", 0) != 0; });
    CHECK(lines == Lines{"dispose catalog.request/1", "dispose catalog.outer/1", "dispose catalog.inner/1"});
    Leased lease;
    CHECK(catalog.acquire("catalog.inner/1", lease) == Code::unavailable);
    CHECK(catalog.error.reason == "LEAVING");
    CHECK(catalog.instance("catalog.new/1", catalog.value).error().reason == "LEAVING");
    CHECK_FALSE(world.container.open(*catalog.seat, 0, {ScopeKind::job, {}, {}, {}, no_deadline}));
  }
  const Container::Stats stats = world.container.stats();
  CHECK(stats.tokens + stats.instances + stats.scopes + stats.leases == 0);
}

TEST_CASE("container leave: waits for those who hold something, and names them when they do not let go") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}, true, false, 3});
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped));
  const Leased a = orders.get("catalog.client/1"), b = orders.get("catalog.client/1");
  const std::uint64_t scope = orders.open();
  static_cast<void>(orders.get("catalog.request/1", scope));
  const Container::Finished left = catalog.leave(in_ms(5));
  CHECK(left.quiet);
  CHECK_FALSE(left.may_go());
  REQUIRE(left.holders.size() == 2);
  CHECK(left.holders[0].module == "orders");
  CHECK(left.holders[0].generation == 3);
  CHECK(left.holders[0].token == "catalog.client/1");
  CHECK(left.holders[0].count == 2);
  CHECK_FALSE(left.holders[0].wedged);
  CHECK(left.holders[1].token == "catalog.request/1");
  CHECK(left.holders[1].count == 2);  // a lease, and the instance in its scope
  CHECK(call(a) == 17);
  CHECK(world.diary.count("release catalog.client/1") == 0);
  std::thread lets_go([&] {
    CHECK(orders.release(a) == Code::ok);
    CHECK(orders.close_scope(scope) == Code::ok);
    CHECK(orders.release(b) == Code::ok);
  });
  CHECK(world.container.finish(*catalog.seat, soon()).may_go());
  lets_go.join();
  CHECK(world.diary.count("release catalog.client/1") == 1);
  CHECK(world.diary.count("dispose catalog.request/1") == 1);
}

TEST_CASE("container leave: none is disposed while a younger one is held, it may stand on it") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  REQUIRE(catalog.factory("catalog.first/1", Lifetime::singleton));
  REQUIRE(catalog.factory("catalog.second/1", Lifetime::singleton));
  CHECK(orders.release(orders.get("catalog.first/1")) == Code::ok);
  const Leased kept = orders.get("catalog.second/1");
  CHECK_FALSE(catalog.leave(in_ms(2)).may_go());
  CHECK(world.diary.count("dispose catalog.first/1") == 0);
  CHECK(orders.release(kept) == Code::ok);
  CHECK(world.container.finish(*catalog.seat, soon()).may_go());
  CHECK(world.diary.count("dispose catalog.first/1") == 1);
}

TEST_CASE("container depart: the leases of one that was destroyed end by force, its own factory's transients too") {
  World world;
  Module catalog(world, "catalog");
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient));
  Leased forgotten;
  std::shared_ptr<ContainerSeat> seat;
  {
    Module orders(world, "orders", {{"catalog"}});
    seat = orders.seat;
    forgotten = orders.get("catalog.client/1");
    static_cast<void>(orders.get("catalog.each/1"));
    orders.close();
    catalog.close();  // in the daemon all stop, then all are destroyed
    CHECK(world.container.finish(*orders.seat, soon()).may_go());
    CHECK(call(forgotten) == 17);  // destroy may use what it has
    CHECK(world.container.holders(*catalog.seat).size() == 2);
  }
  CHECK(world.container.holders(*catalog.seat).empty());
  CHECK(world.diary.count("dispose catalog.each/1") == 0);
  CHECK(world.container.finish(*catalog.seat, soon()).may_go());
  CHECK(world.diary.count("dispose catalog.each/1") == 1);
  CHECK(world.container.release(*seat, forgotten.id) == Code::not_found);
  Leased lease;
  Error error;
  CHECK(world.container.acquire(*seat, {"catalog.client/1"}, 0, lease, error) == Code::unavailable);
}

TEST_CASE("container leave: a wedged holder is not waited for, and its provider is leaked, not wedged") {
  World world;
  const auto catalog = std::make_unique<Module>(world, "catalog"),
             orders = std::make_unique<Module>(world, "orders", ModuleOptions{{"catalog"}});
  REQUIRE(catalog->instance("catalog.client/1", catalog->value));
  REQUIRE(catalog->factory("catalog.one/1", Lifetime::singleton));
  const Leased a = orders->get("catalog.client/1");
  CHECK(orders->release(orders->get("catalog.one/1")) == Code::ok);
  orders->owner.wedge();
  const std::int64_t began = monotonic_ns();
  const Container::Finished left = catalog->leave();
  CHECK(monotonic_ns() - began < 5'000'000'000);
  CHECK(left.quiet);
  REQUIRE(left.holders.size() == 1);
  CHECK(left.holders[0].wedged);
  CHECK(call(a) == 17);
  CHECK(world.diary.count("dispose catalog.one/1") == 1);
  CHECK(world.diary.count("release catalog.client/1") == 0);
  // In the daemon both stay for ever. Here they end.
  orders->gone = true;
  world.container.depart(*orders->seat);
  CHECK(world.container.finish(*catalog->seat, soon()).may_go());
}

TEST_CASE("container leave: a factory that runs is asked to end, and waited for, one that does not come back wedges its owner") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  Latch inside, go;
  bool asked = false;
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton, [&](Call& call, std::uint64_t, TokenInstance&, Error&) {
    inside.open();
    asked = call.wait_cancelled(soon());
    go.wait();
    return Code::ok;
  }));
  Code code = Code::unknown;
  Leased lease;
  std::thread maker([&] { code = orders.acquire("catalog.one/1", lease); });
  inside.wait();
  catalog.owner.gate().advance(Gate::State::draining);
  world.container.drain(*catalog.seat);
  CHECK_FALSE(world.container.leave(*catalog.seat, in_ms(2)));
  go.open();
  maker.join();
  CHECK(asked);
  CHECK(code == Code::ok);  // it was made after all, and is held
  CHECK(world.container.holders(*catalog.seat).size() == 1);
  CHECK(orders.release(lease) == Code::ok);
  CHECK(catalog.leave().may_go());
  CHECK(world.diary.count("dispose catalog.one/1") == 1);
}

TEST_CASE("container leave: on the strand of a serial module, which another thread is on, until the deadline") {
  World world;
  Module serial(world, "serial", {{}, true, true});
  REQUIRE(serial.factory("serial.one/1", Lifetime::singleton));
  CHECK(serial.release(serial.get("serial.one/1")) == Code::ok);
  Latch on, off;
  std::thread other([&] {
    REQUIRE(serial.strand.try_enter());
    on.open();
    off.wait();
    serial.strand.leave();
  });
  on.wait();
  CHECK_FALSE(serial.leave(in_ms(20)).quiet);
  CHECK(world.diary.count("dispose serial.one/1") == 0);
  off.open();
  other.join();
  CHECK(world.container.finish(*serial.seat, soon()).may_go());
  CHECK(world.diary.count("dispose serial.one/1") == 1);
}

TEST_CASE("container leave: a disposer that throws ends what it was called for, once") {
  World world;
  Module catalog(world, "catalog");
  static int calls;
  calls = 0;
  REQUIRE(world.container.provide_factory(
      *catalog.seat, {{"catalog.one/1"}, nullptr, [](void*) { throw std::runtime_error("no"); }}, Lifetime::singleton,
      [](void*, Call&, std::uint64_t, TokenInstance& out, Error&) {
        out = {&greeter, nullptr};
        return Code::ok;
      },
      [](void*, const TokenInstance&) {
        ++calls;
        throw std::runtime_error("no");
      }));
  static_cast<void>(catalog.get("catalog.one/1"));
  CHECK(catalog.leave().may_go());
  CHECK(calls == 1);
}
