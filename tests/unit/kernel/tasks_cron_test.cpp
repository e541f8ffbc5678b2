// Tasks by the wall clock: due, missed, and the clock set back and forth.
#include "tasks_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
constexpr std::int64_t day_ns = 24 * hour;
}  // namespace

TEST_CASE("cron: due by the wall clock, missed ones are counted") {
  Module owner("orders");
  std::atomic<bool> hold{false};
  Barrier barrier;
  Probe probe([&](Call&) {
    if (hold) barrier.pass();
    return Code::ok;
  });
  Probe yearly;
  World world;
  id_of(world.tasks.cron(owner, schedule("0 0 1 1 *"), Zone::utc, yearly.handler()));
  world.clock.set_realtime(a_midnight + 30 * s);
  const auto id = id_of(world.tasks.cron(owner, schedule("*/10 * * * *"), Zone::utc, probe.handler()));
  world.clock.settle();
  CHECK(world.status(id).next_ns == a_midnight + 10 * minute);
  world.clock.advance(10 * minute - 30 * s);
  REQUIRE(probe.ran.reaches(1));
  hold = true;
  CHECK(world.waiting(id).next_ns == a_midnight + 20 * minute);
  world.clock.advance(10 * minute);
  REQUIRE(probe.begun.reaches(2));
  world.clock.advance(35 * minute);  // 30, 40 and 50 pass meanwhile
  barrier.open();
  REQUIRE(probe.ran.reaches(2));
  CHECK(world.waiting(id).missed == 3);
  CHECK(world.waiting(id).next_ns == a_midnight + hour);
  world.leave(owner);
}

TEST_CASE("cron: the wall clock is set") {
  Module owner("orders");
  Probe probe;
  World world;
  const auto id = id_of(world.tasks.cron(owner, schedule("0 12 * * *"), Zone::utc, probe.handler()));
  world.clock.settle();
  CHECK(world.status(id).next_ns == a_midnight + 12 * hour);
  SUBCASE("over a due time by less than three hours: it runs at once, once") {
    world.clock.set_realtime(a_midnight + 14 * hour);
    REQUIRE(probe.ran.reaches(1));
    CHECK(world.waiting(id).next_ns == a_midnight + day_ns + 12 * hour);
    CHECK(world.status(id).missed == 0);
  }
  SUBCASE("over a due time by more: it is missed") {
    world.clock.set_realtime(a_midnight + 3 * day_ns + 16 * hour);
    CHECK(world.waiting(id).next_ns == a_midnight + 4 * day_ns + 12 * hour);
    CHECK(world.status(id).missed == 4);
    CHECK(probe.ran.value() == 0);
  }
  SUBCASE("back by a little after it ran: it does not run again that day") {
    world.clock.advance(12 * hour);
    REQUIRE(probe.ran.reaches(1));
    world.waiting(id);
    world.clock.set_realtime(a_midnight + 10 * hour);
    CHECK(world.status(id).next_ns == a_midnight + day_ns + 12 * hour);
  }
  SUBCASE("back by a lot: the new time counts") {
    world.clock.advance(12 * hour);
    REQUIRE(probe.ran.reaches(1));
    world.waiting(id);
    world.clock.set_realtime(a_midnight - 5 * day_ns);
    CHECK(world.status(id).next_ns == a_midnight - 5 * day_ns + 12 * hour);
    world.clock.advance(12 * hour);
    REQUIRE(probe.ran.reaches(2));
  }
  SUBCASE("forth, short of the due time: only the wait is shorter") {
    world.clock.set_realtime(a_midnight + 11 * hour);
    CHECK(world.status(id).next_ns == a_midnight + 12 * hour);
    world.clock.advance(hour);
    REQUIRE(probe.ran.reaches(1));
  }
  world.leave(owner);
}

TEST_CASE("A schedule that is never due again waits for ever") {
  Module owner("orders");
  Probe probe;
  World world;
  id_of(world.tasks.cron(owner, schedule("* * * * *"), Zone::utc, probe.handler()));
  world.clock.set_realtime(INT64_MAX - s);
  CHECK(world.tasks.list()[0].next_ns == no_deadline);
  world.leave(owner);
}
