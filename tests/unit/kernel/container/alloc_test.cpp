// Acquiring what is there and releasing it costs no memory and takes no lock. An executable of its own: operator new and locks are counted.
#include "counters.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("container alloc: acquire and release of an instance and of a made singleton allocate nothing and take no lock") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"logger", "catalog"}});
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  REQUIRE(catalog.instance("catalog.client/1", catalog.value, "second"));
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton));
  Error error;
  int good = 0;
  const auto use = [&](int n) {
    for (int i = 0; i < n; ++i)
      for (const Token& token :
           {Token{"catalog.client/1", {}, 0}, Token{"catalog.client/1", "second", sizeof(Greeter)}, Token{"catalog.one/1", {}, 0}}) {
        Leased lease;
        if (world.container.acquire(*orders.seat, token, 0, lease, error) == Code::ok && call(lease) == 17 &&
            world.container.release(*orders.seat, lease.id) == Code::ok)
          ++good;
      }
  };
  use(1);
  const tenon::test::Counts before = tenon::test::counts_here();
  use(1000);
  CHECK(good == 3003);
  const tenon::test::Counts after = tenon::test::counts_here();
  CHECK(after.allocations == before.allocations);
  CHECK(after.locks == before.locks);
  static_cast<void>(world.container.stats());
  CHECK(tenon::test::counts_here().locks > after.locks);  // they are counted
}
