// Background loops: cancelled with their owner, and what becomes of one that ends by itself.
#include <thread>

#include "tasks_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("Loops: cancelled when the owner leaves, and what becomes of one that ends by itself") {
  Module owner("orders");
  Barrier barrier;
  std::atomic<bool> stay{false};
  Probe probe([&](Call& call) {
    CHECK(call.deadline_ns == no_deadline);
    if (stay) CHECK(call.wait_cancelled(no_deadline));
    return call.cancelled != 0 ? Code::ok : Code::internal;
  });
  World world;
  LoopOptions options;
  options.name = "poller";
  options.backoff_ns = s;
  options.max_backoff_ns = 4 * s;
  const auto settled = [&](std::uint64_t id, TaskState state) {
    const std::int64_t until = soon();
    while (world.status(id).state != state && monotonic_ns() < until) std::this_thread::yield();
    return world.status(id);
  };
  SUBCASE("it goes on") {
    stay = true;
    const auto id = id_of(world.tasks.loop(owner, probe.handler(), options));
    REQUIRE(probe.begun.reaches(1));
    CHECK(world.status(id).state == TaskState::running);
    CHECK(world.tasks.health(owner) == TaskHealth::ok);
    CHECK(world.pool.stats().own_threads == 1);
  }
  SUBCASE("ignore") {
    options.policy = LoopPolicy::ignore;
    const auto id = id_of(world.tasks.loop(owner, probe.handler(), options));
    REQUIRE(probe.released.reaches(1));
    const TaskStatus t = settled(id, TaskState::ended);
    CHECK(t.name == "poller");
    CHECK(t.last == Code::internal);
    CHECK(t.health == TaskHealth::ok);
    CHECK(world.tasks.cancel_wait(owner, id, soon()));  // forgets it
    CHECK_FALSE(world.knows(id));
  }
  SUBCASE("fail") {
    const auto id = id_of(world.tasks.loop(owner, probe.handler(), options));
    REQUIRE(probe.released.reaches(1));
    CHECK(settled(id, TaskState::ended).health == TaskHealth::failed);
    CHECK(world.tasks.health(owner) == TaskHealth::failed);
  }
  SUBCASE("restart, with pauses that double, and begin anew after a long run") {
    options.policy = LoopPolicy::restart;
    const auto id = id_of(world.tasks.loop(owner, probe.handler(), options));
    REQUIRE(probe.ran.reaches(1));
    int runs = 1;
    for (const std::int64_t pause : {1, 2, 4, 4}) {
      const TaskStatus t = world.waiting(id);
      CHECK(t.health == TaskHealth::degraded);
      CHECK(world.tasks.health(owner) == TaskHealth::degraded);
      CHECK(t.next_ns == world.clock.monotonic() + pause * s);
      CHECK(t.restarts == static_cast<std::uint64_t>(runs));
      CHECK(probe.released.value() == 0);
      stay = runs == 4;
      world.clock.advance(pause * s);
      REQUIRE(probe.begun.reaches(++runs));
    }
    CHECK(world.status(id).health == TaskHealth::ok);
  }
  world.leave(owner);
  CHECK(probe.released.value() == 1);
  CHECK(world.tasks.list().empty());
}

TEST_CASE("What the operator decided on loops: by name, else for all of them") {
  LoopDecisions decisions;
  CHECK(decision_on(decisions, "poll") == nullptr);
  decisions["poll"] = {LoopPolicy::ignore, "modules.orders.loops.poll"};
  CHECK(decision_on(decisions, "poll")->policy == LoopPolicy::ignore);
  CHECK(decision_on(decisions, "push") == nullptr);
  CHECK(decision_on(decisions, "") == nullptr);
  decisions["*"] = {LoopPolicy::restart, "modules.orders.loops.*"};
  CHECK(decision_on(decisions, "poll")->policy == LoopPolicy::ignore);
  CHECK(decision_on(decisions, "push")->policy == LoopPolicy::restart);
  CHECK(decision_on(decisions, "")->key == "modules.orders.loops.*");
}

TEST_CASE("The call given with a handler is not touched after the release, though the loop is still listed") {
  struct Box {
    Call call;
    Counter* released;
  };
  Module owner("orders");
  Counter released;
  World world;
  TaskHandler handler;
  handler.run = [](void*, Call&) noexcept { return Code::ok; };
  handler.release = [](void* data) noexcept {
    Counter* counter = static_cast<Box*>(data)->released;
    delete static_cast<Box*>(data);
    counter->add();
  };
  auto* box = new Box{{}, &released};
  handler.data = box;
  handler.call = &box->call;
  id_of(world.tasks.loop(owner, handler));
  REQUIRE(released.reaches(1));
  CHECK(world.tasks.list().size() == 1);
  world.tasks.drain(owner);
  world.leave(owner);
  CHECK(world.tasks.list().empty());
  CHECK(released.value() == 1);
}

TEST_CASE("A loop that ran for long begins again with the first pause") {
  Module owner("orders");
  Barrier barriers[2];
  std::atomic<int> run{0};
  Probe probe([&](Call& call) {
    const int n = run++;
    if (n == 2) barriers[0].pass();
    if (n > 2) CHECK(call.wait_cancelled(no_deadline));
    return Code::ok;
  });
  World world;
  LoopOptions options;
  options.policy = LoopPolicy::restart;
  options.max_backoff_ns = 4 * s;
  const auto id = id_of(world.tasks.loop(owner, probe.handler(), options));
  REQUIRE(probe.ran.reaches(1));
  world.waiting(id);
  world.clock.advance(s);
  REQUIRE(probe.ran.reaches(2));
  world.waiting(id);
  world.clock.advance(2 * s);
  REQUIRE(probe.begun.reaches(3));
  world.clock.advance(5 * s);
  barriers[0].open();
  REQUIRE(probe.ran.reaches(3));
  CHECK(world.waiting(id).next_ns == world.clock.monotonic() + s);
  world.leave(owner);
}
