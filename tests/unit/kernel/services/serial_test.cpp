// Serial owners: one callback at a time, and every way in which modules can wait for each other.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
SeatOptions serial(Strand& strand) {
  SeatOptions out;
  out.strand = &strand;
  return out;
}
}  // namespace

TEST_CASE("strand: one at a time, waiting is bounded") {
  Strand strand;
  CHECK(strand.holder() == nullptr);
  REQUIRE(strand.try_enter());
  CHECK(strand.holder() == &this_thread_frames());
  CHECK_FALSE(strand.try_enter());
  std::thread([&] { CHECK_FALSE(strand.enter(in_ms(5))); }).join();
  strand.leave();
  int inside = 0, most = 0, total = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 500; ++n) {
        REQUIRE(strand.enter(soon()));
        most = std::max(most, ++inside);
        ++total;
        --inside;
        strand.leave();
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(most == 1);
  CHECK(total == 2000);
}

TEST_CASE("serial: handlers and completions never overlap") {
  World world;
  Strand strand;
  Module orders(world, "orders", 1, serial(strand)), web(world, "web");
  std::atomic<int> inside{0}, most{0};
  const auto body = [&] {
    const int n = ++inside;
    if (n > most) most = n;
    std::this_thread::yield();
    --inside;
  };
  REQUIRE(orders.offer("orders.inline", [&](ServiceCall&, const Request&, Reply&) {
    body();
    return Code::ok;
  }));
  REQUIRE(orders.offer("orders.worker",
                       [&](ServiceCall&, const Request&, Reply&) {
                         body();
                         return Code::ok;
                       },
                       {true, false}));
  REQUIRE(web.offer("web.echo", echo));
  struct Shared {
    std::function<void()> body;
    Counter dones;
  } shared{body, {}};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      Error error;
      for (int n = 0; n < 100; ++n) {
        CHECK(call(web, "orders.inline", "", {soon(), {}}).code == Code::ok);
        CHECK(call(web, "orders.worker", "", {soon(), {}}).code == Code::ok);
        CHECK(world.services.call_async(
                  *orders.seat, std::string_view("web.echo"), {},
                  [](void* data, std::uint64_t, Code, Reply&, const Error&) {
                    static_cast<Shared*>(data)->body();
                    static_cast<Shared*>(data)->dones.add();
                  },
                  &shared, nullptr, error) == Code::ok);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(shared.dones.reaches(300));
  CHECK(most == 1);
}

TEST_CASE("serial: coming back by the same call chain is refused with the path") {
  World world;
  Strand strand;
  Module a(world, "a", 1, serial(strand)), b(world, "b"), web(world, "web");
  Outcome back;
  REQUIRE(
      a.offer("a.one", [&](ServiceCall&, const Request& q, Reply&) { return call(a, std::string("b.") + std::string(q.payload)).code; }));
  REQUIRE(a.offer("a.two", echo));
  const auto calls_back = [&](ServiceCall&, const Request&, Reply&) {
    back = call(b, "a.two", "", {soon(), {}});
    return Code::ok;
  };
  REQUIRE(b.offer("b.inline", calls_back));
  REQUIRE(b.offer("b.worker", calls_back, {true, false}));
  for (const char* way : {"inline", "worker"}) {
    CAPTURE(way);
    CHECK(call(web, "a.one", way, {soon(), {}}).code == Code::ok);
    CHECK(back.code == Code::failed_precondition);
    CHECK(back.error.reason == "REENTRANT");
    CHECK(back.error.message.find("`a.one` -> `b." + std::string(way) + "` -> `a.two`") != std::string::npos);
  }
  CHECK(call(web, "a.two", "x").payload == "x");  // free again
}

TEST_CASE("serial: a deferred call does not hold it") {
  World world;
  Strand strand;
  Module orders(world, "orders", 1, serial(strand)), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  REQUIRE(orders.offer("orders.now", echo));
  Outcome out;
  std::thread caller([&] { out = call(web, "orders.later", "", {soon(), {}}); });
  const std::uint64_t id = ids.next();
  CHECK(call(web, "orders.now", "x", {soon(), {}}).payload == "x");
  CHECK(complete(orders, id) == Code::ok);
  caller.join();
  CHECK(out.code == Code::ok);
}

TEST_CASE("serial: A to B against B to A ends by the deadline") {
  World world;
  Strand strand_a, strand_b;
  Module a(world, "a", 1, serial(strand_a)), b(world, "b", 1, serial(strand_b)), web(world, "web");
  Counter inside;
  REQUIRE(a.offer("a.leaf", echo));
  REQUIRE(b.offer("b.leaf", echo));
  REQUIRE(a.offer("a.to_b", [&](ServiceCall&, const Request&, Reply&) {
    inside.add();
    CHECK(inside.reaches(2));
    return call(a, "b.leaf").code;
  }));
  REQUIRE(b.offer("b.to_a", [&](ServiceCall&, const Request&, Reply&) {
    inside.add();
    CHECK(inside.reaches(2));
    return call(b, "a.leaf").code;
  }));
  Code one = Code::ok, two = Code::ok;
  const std::int64_t deadline = in_ms(100);
  std::thread first([&] { one = call(web, "a.to_b", "", {deadline, {}}).code; });
  std::thread second([&] { two = call(web, "b.to_a", "", {deadline, {}}).code; });
  first.join();
  second.join();
  CHECK(monotonic_ns() >= deadline);
  CHECK(one == Code::deadline_exceeded);
  CHECK(two == Code::deadline_exceeded);
  CHECK(call(web, "a.leaf").code == Code::ok);
  CHECK(call(web, "b.leaf").code == Code::ok);
}

TEST_CASE("serial: workers that wait for a turn are a queue: more calls than there are workers are taken, and come in their turn") {
  WorkerPool::Options workers;
  workers.threads = 2;
  workers.max_threads = 4;
  World world({}, workers);
  Strand strand;
  Module orders(world, "orders", 1, serial(strand)), web(world, "web");
  REQUIRE(orders.offer("orders.now", echo));
  std::deque<Async> calls(12);
  REQUIRE(strand.try_enter());  // some other callback of it
  for (Async& a : calls) {
    REQUIRE(a.start(web, std::string_view("orders.now"), "x", {soon(), {}}) == Code::ok);
    if (&a == &calls[5]) CHECK(becomes([&] { return world.pool.stats().stuck == 4; }));
  }
  strand.leave();
  for (Async& a : calls) CHECK(a.code() == Code::ok);
}

TEST_CASE("serial: who waits for the strand is told when the owner leaves") {
  World world;
  Strand strand;
  Module orders(world, "orders", 1, serial(strand)), web(world, "web");
  REQUIRE(orders.offer("orders.now", echo));
  REQUIRE(strand.try_enter());  // some other callback of it
  Outcome out;
  std::thread caller([&] { out = call(web, "orders.now", "", {soon(), {}}); });
  CHECK(becomes([&] { return metrics_of(world, "orders.now").in_flight == 1; }));
  orders.drain();
  caller.join();
  CHECK(out.code == Code::unavailable);
  CHECK(out.error.reason == "LEAVING");
  strand.leave();
}
