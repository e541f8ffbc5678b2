// Bounds of queues: what is dropped, what is refused, and how it is told.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// A subscriber whose first delivery waits until it is let go.
struct Held : Subscriber {
  Barrier barrier;
  Held() {
    then = [this](const EventView&, Call&) { barrier.pass(); };
  }
  /// Publishes "0" on `topic`, and returns once the handler is inside with it: what comes then is queued.
  void hold(Module& publisher, std::string_view topic) {
    publisher.publish(topic, "0");
    REQUIRE(got.reaches(1));
  }
};

EventOptions bounded(std::uint32_t events, WhenFull when_full, std::uint64_t bytes = 4 * 1024 * 1024) {
  EventOptions out;
  out.queue_events = events;
  out.queue_bytes = bytes;
  out.when_full = when_full;
  return out;
}

}  // namespace

TEST_CASE("events: a full queue drops the oldest, by default beyond 1024") {
  Held held;
  EventHost host;
  Module m(host, "orders");
  held.to(m, "a");
  held.hold(m, "a");
  for (int i = 1; i <= 2000; ++i) m.publish("a", std::to_string(i));
  const auto stats = m.client.stats(held.id);
  REQUIRE(stats);
  CHECK(stats->queued == 1024);
  CHECK(stats->dropped == 976);
  held.barrier.open();
  REQUIRE(held.got.reaches(1025));
  CHECK(m.leave().quiet);
  std::vector<std::string> expected = numbers(977, 2000);
  expected.insert(expected.begin(), "0");
  CHECK(held.payloads() == expected);
}

TEST_CASE("events: a full queue drops the newest, if asked to") {
  Held held;
  EventHost host;
  Module m(host, "orders");
  held.to(m, "a", bounded(10, WhenFull::drop_newest));
  held.hold(m, "a");
  for (int i = 1; i <= 25; ++i) m.publish("a", std::to_string(i));
  CHECK(m.client.stats(held.id)->dropped == 15);
  held.barrier.open();
  REQUIRE(held.got.reaches(11));
  CHECK(m.leave().quiet);
  CHECK(held.payloads() == numbers(0, 10));
}

TEST_CASE("events: bytes bound a queue too, and one event larger than all of it drops nothing else") {
  Held oldest, newest;
  EventHost host;
  Module m(host, "orders");
  oldest.to(m, "a", bounded(1000, WhenFull::drop_oldest, 10'000));
  newest.to(m, "a", bounded(1000, WhenFull::drop_newest, 10'000));
  oldest.hold(m, "a");
  REQUIRE(newest.got.reaches(1));
  const std::string big(3000, 'b'), huge(20'000, 'h');
  for (int i = 0; i < 5; ++i) m.publish("a", big);
  for (Held* h : {&oldest, &newest}) {
    CHECK(m.client.stats(h->id)->queued == 3);
    CHECK(m.client.stats(h->id)->queued_bytes == 3 * 3001);
    CHECK(m.client.stats(h->id)->dropped == 2);
  }
  m.publish("a", huge);
  for (Held* h : {&oldest, &newest}) {
    CHECK(m.client.stats(h->id)->queued == 3);
    CHECK(m.client.stats(h->id)->dropped == 3);
  }
  // Several small ones make room for one.
  for (int i = 0; i < 900; ++i) m.publish("a", "0123456789");
  m.publish("a", std::string(9000, 'x'));
  const EventStats stats = *m.client.stats(oldest.id);
  CHECK(stats.queued_bytes <= 10'000);
  CHECK(stats.queued == 1 + (10'000 - 9001) / 11);
  oldest.barrier.open();
  newest.barrier.open();
}

TEST_CASE("events: if one refusing queue is full nobody gets the event, and no place stays taken") {
  Held refusing, other_refusing;
  Subscriber plain;
  EventHost host;
  Module m(host, "orders"), billing(host, "billing");
  other_refusing.to(m, "a.>", bounded(100, WhenFull::refuse));
  refusing.to(billing, "a.*", bounded(3, WhenFull::refuse));
  plain.to(m, "a.b");
  refusing.hold(m, "a.b");
  REQUIRE(other_refusing.got.reaches(1));
  for (int i = 1; i <= 3; ++i) m.publish("a.b", std::to_string(i));
  for (int i = 0; i < 200; ++i) {
    const auto refused = m.client.publish({"a.b", "no", {}, {}, i % 2 == 0});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::resource_exhausted);
    CHECK(refused.error().reason == "QUEUE_FULL");
    CHECK(refused.error().message == "the queue of `billing` for `a.*` is full and refuses more, so nobody got the event on `a.b`");
  }
  CHECK(m.client.stats(other_refusing.id)->queued == 3);
  m.publish("a.x.y", "only the other one");  // its places were all given back
  CHECK(m.client.stats(other_refusing.id)->queued == 4);
  REQUIRE(plain.got.reaches(4));
  refusing.barrier.open();
  REQUIRE(refusing.got.reaches(4));
  m.publish("a.b", "again");
  REQUIRE(refusing.got.reaches(5));
  other_refusing.barrier.open();
  REQUIRE(other_refusing.got.reaches(6));
  REQUIRE(plain.got.reaches(5));
  CHECK(billing.client.stats(refusing.id)->dropped == 0);
  CHECK(m.leave().quiet);
  CHECK(plain.payloads() == std::vector<std::string>{"0", "1", "2", "3", "again"});
}

TEST_CASE("events: a million events into a full queue are reported at most once per second") {
  Held held;
  EventHost host;
  Module m(host, "orders");
  held.to(m, "a.*");
  held.hold(m, "a.b");
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t now = 1000 * second;
  const std::int64_t begin = now;
  for (int i = 0; i < 1'000'000; ++i) {
    if (!m.client.publish({"a.b", "x", {}, {}, false})) FAIL("refused");
    if (i % 4000 == 0) host.events.tick(now += second / 100);  // 2.5 seconds, a hundred ticks each
  }
  REQUIRE(now - begin == 5 * second / 2);
  host.events.tick(now + second);
  CHECK(host.drops.size() <= 4);
  CHECK(host.drops.size() >= 3);
  std::uint64_t told = 0;
  for (const EventDrops& d : host.drops) {
    told += d.count;
    CHECK(d.owner == "orders");
    CHECK(d.generation == 1);
    CHECK(d.pattern == "a.*");
    CHECK(d.id == held.id);
    CHECK(d.total == told);
  }
  CHECK(told == 1'000'000 - 1024);
  host.drops.clear();
  host.events.tick(now + 5 * second);
  CHECK(host.drops.empty());
  held.barrier.open();
}

TEST_CASE("events: drops of a subscription that has ended, and of an owner that has left, are still reported") {
  Held first, second;
  EventHost host;
  Module m(host, "orders"), n(host, "billing");
  first.to(m, "a", bounded(1, WhenFull::drop_oldest));
  second.to(n, "b", bounded(1, WhenFull::drop_oldest));
  first.hold(m, "a");
  second.hold(m, "b");
  for (int i = 0; i < 3; ++i) {
    m.publish("a");
    m.publish("b");
  }
  first.barrier.open();
  second.barrier.open();
  REQUIRE(m.client.unsubscribe_wait(first.id, soon()));
  CHECK(n.leave().quiet);
  host.events.tick(1);
  REQUIRE(host.drops.size() == 2);
  for (const EventDrops& d : host.drops) {
    CHECK(d.id == 0);
    CHECK(d.pattern.empty());
    CHECK(d.count == 2);
    CHECK(d.total == 2);
  }
}

TEST_CASE("events: slow, failing and never returning subscribers harm nobody else") {
  Held stuck;
  Subscriber failing, good;
  failing.answer = Code::internal;
  WorkerPool::Options options;
  options.threads = 2;
  EventHost host({}, options);
  Module m(host, "orders"), bad(host, "bad", Reach::callable, false, {{}, {}, {}, {">"}, {}, {}});
  stuck.to(bad, "a");
  failing.to(bad, "a");
  good.to(m, "a");
  stuck.hold(m, "a");
  for (int i = 1; i <= 500; ++i) m.publish("a", std::to_string(i));
  REQUIRE(good.got.reaches(501));
  REQUIRE(failing.got.reaches(501));
  // Counted by the job, after the handler has returned.
  REQUIRE(m.client.unsubscribe_wait(good.id, soon()));
  EventStats stats{};
  do {
    stats = *bad.client.stats(failing.id);
  } while (stats.failed < 501);
  CHECK(stats.delivered == 501);
  CHECK(good.payloads() == numbers(0, 500));
  CHECK(stuck.payloads().size() == 1);
  stuck.barrier.open();
}
