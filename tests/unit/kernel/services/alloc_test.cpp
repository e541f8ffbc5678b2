// An inline call costs no memory and takes no lock. An executable of its own: operator new and locks are counted.
#include "counters.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("services alloc: an inline call allocates nothing and takes no lock, by handle and by name, nested, with a deadline, refused") {
  World world;
  Module orders(world), web(world, "web");
  std::uint64_t inner = 0;
  REQUIRE(world.services.add(
      *orders.seat, {"orders.inner",
                     [](void*, ServiceCall&, const Request& q, Reply& r) { return r.assign(q.payload) ? Code::ok : Code::internal; },
                     nullptr,
                     nullptr,
                     {}}));
  inner = orders.resolve("orders.inner");
  struct Outer {
    Module* orders;
    std::uint64_t inner;
  } outer{&orders, inner};
  REQUIRE(world.services.add(*orders.seat, {"orders.outer",
                                            [](void* data, ServiceCall&, const Request& q, Reply& r) {
                                              auto& o = *static_cast<Outer*>(data);
                                              Error error;
                                              return o.orders->world.services.call(*o.orders->seat, o.inner, q, r, error);
                                            },
                                            &outer,
                                            nullptr,
                                            {}}));
  const std::uint64_t handle = web.resolve("orders.inner"), nested = web.resolve("orders.outer");
  char in[64] = {}, out[64];
  Error error;
  int good = 0;
  const auto calls = [&](int n) {
    for (int i = 0; i < n; ++i) {
      Reply reply{std::span<char>(out)};
      const Request request{{in, sizeof in}, "text/plain", {}};
      good += world.services.call(*web.seat, handle, request, reply, error) == Code::ok ? 1 : 0;
      good += world.services.call(*web.seat, handle, request, reply, error, {in_ms(60'000), {}}) == Code::ok ? 1 : 0;
      good += world.services.call(*web.seat, std::string_view("orders.inner"), request, reply, error) == Code::ok ? 1 : 0;
      good += world.services.call(*web.seat, nested, request, reply, error) == Code::ok ? 1 : 0;
    }
  };
  calls(1);  // the counters of this thread
  const tenon::test::Counts before = tenon::test::counts_here();
  good = 0;
  calls(1000);
  const tenon::test::Counts after = tenon::test::counts_here();
  CHECK(after.allocations == before.allocations);
  CHECK(after.locks == before.locks);
  CHECK(good == 4000);
  // The counters do count.
  Module third(world, "third");
  CHECK(tenon::test::counts_here().allocations > after.allocations);
  CHECK(world.services.has(*web.seat, "orders.inner"));
  CHECK(tenon::test::counts_here().locks > after.locks);
}
