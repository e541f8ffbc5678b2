// An owner leaves: nothing of it is reachable, everything it owed is answered, every callback due was made.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("leave: without a trace") {
  World world;
  Module web(world, "web");
  {
    Module orders(world);
    for (int i = 0; i < 100; ++i) REQUIRE(orders.offer("orders.s" + std::to_string(i), echo));
    const std::uint64_t handle = orders.resolve("orders.s1");
    CHECK(orders.leave().quiet);
    CHECK(orders.releases.value() == 100);  // when leave returns, not some time later
    CHECK(orders.offer("orders.late", echo).error().code == Code::unavailable);
    CHECK(world.services.resolve(*orders.seat, "orders.s1").error().code == Code::unavailable);
    CHECK(call(orders, handle).code == Code::not_found);
    CHECK(call(orders, "orders.s1").code == Code::unavailable);
    Async async;
    CHECK(async.start(orders, std::string_view("orders.s1")) == Code::unavailable);
    CHECK(world.services.leave(*orders.seat, soon()).quiet);  // again
  }
  CHECK(world.services.metrics().empty());
  CHECK_FALSE(world.services.has(*web.seat, "orders.s1"));
}

TEST_CASE("leave: what it was to answer ends UNAVAILABLE, on_cancel comes first or in leave") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Async async;
  Outcome sync;
  std::thread caller([&] { sync = call(web, "orders.later", "", {soon(), {}}); });
  REQUIRE(async.start(web, std::string_view("orders.later"), "", {soon(), {}}) == Code::ok);
  std::uint64_t id[2] = {ids.next(), ids.next()};
  struct Ended {
    Counter times;
    std::atomic<Code> why{Code::unknown};
  } ended[2];
  for (int i = 0; i < 2; ++i)
    CHECK(world.services.on_cancel(
              *orders.seat, id[i],
              [](void* data, Code why) {
                static_cast<Ended*>(data)->why = why;
                static_cast<Ended*>(data)->times.add();
              },
              &ended[i]) == Code::ok);
  orders.drain();
  for (Ended& e : ended) {
    CHECK(e.times.reaches(1));
    CHECK(e.why == Code::cancelled);
  }
  CHECK(async.dones.value() == 0);  // asked to end; it still may answer
  CHECK(complete(orders, id[0], Code::ok, "last word") == Code::ok);
  const Services::Left left = orders.leave();
  CHECK(left.quiet);
  CHECK(left.answered == 1);
  caller.join();
  const Code codes[2] = {sync.code, async.code()};
  CHECK(((codes[0] == Code::ok && codes[1] == Code::unavailable) || (codes[1] == Code::ok && codes[0] == Code::unavailable)));
  CHECK(complete(orders, id[1]) == Code::not_found);
  for (Ended& e : ended) CHECK(e.times.value() == 1);
}

TEST_CASE("leave: what it waits for ends CANCELLED, and is delivered before leave returns") {
  World world;
  Module orders(world);
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Async async[5];
  {
    Module web(world, "web");
    for (Async& a : async) REQUIRE(a.start(web, std::string_view("orders.later"), "", {soon(), {}}) == Code::ok);
    for (int i = 0; i < 3; ++i) ids.next();
    const Services::Left left = web.leave();
    CHECK(left.quiet);
    CHECK(left.cancelled == 5);
    for (Async& a : async) {
      CHECK(a.dones.value() == 1);
      CHECK(a.outcome.code == Code::cancelled);
    }
  }
  CHECK(orders.leave().quiet);
  for (Async& a : async) CHECK(a.dones.value() == 1);
}

TEST_CASE("leave: queued calls end without being run") {
  WorkerPool::Options workers;
  workers.threads = workers.max_threads = 1;
  World world({}, workers);
  Module other(world, "other"), web(world, "web");
  Counter inside, go_on;
  REQUIRE(other.offer("other.block", [&](ServiceCall&, const Request&, Reply&) {
    inside.add();
    return go_on.reaches(1) ? Code::ok : Code::internal;
  }));
  Async blocking, queued;
  REQUIRE(blocking.start(web, std::string_view("other.block"), "", {soon(), {}}) == Code::ok);
  CHECK(inside.reaches(1));
  std::atomic<int> ran{0};
  {
    Module orders(world);
    REQUIRE(orders.offer("orders.count", [&](ServiceCall&, const Request&, Reply&) {
      ++ran;
      return Code::ok;
    }));
    REQUIRE(queued.start(web, std::string_view("orders.count"), "", {soon(), {}}) == Code::ok);
    const Services::Left left = orders.leave();
    CHECK(left.quiet);
    CHECK(left.answered == 1);
  }
  go_on.add();
  CHECK(queued.code() == Code::unavailable);
  CHECK(blocking.code() == Code::ok);
  CHECK(ran == 0);
}

TEST_CASE("leave: a handler that does not come back in time is not quiet") {
  World world;
  Module orders(world), web(world, "web");
  Counter inside, go_on;
  REQUIRE(orders.offer("orders.stuck", [&](ServiceCall&, const Request&, Reply&) {
    inside.add();
    return go_on.reaches(1) ? Code::ok : Code::internal;
  }));
  std::thread caller([&] { call(web, "orders.stuck"); });
  CHECK(inside.reaches(1));
  orders.drain();
  CHECK_FALSE(world.services.leave(*orders.seat, in_ms(20)).quiet);
  CHECK(orders.releases.value() == 0);
  go_on.add();
  caller.join();
  CHECK(orders.leave().quiet);
  CHECK(orders.releases.value() == 1);
}

TEST_CASE("leave: a wedged owner is not entered any more") {
  World world;
  Module orders(world);
  REQUIRE(orders.offer("orders.create", echo));
  orders.owner.wedge();
  CHECK(orders.leave().quiet);
  CHECK(orders.releases.value() == 0);
  orders.offered = 0;
}
