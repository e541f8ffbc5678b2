// Subscriptions come and go with their owners: visibility, unsubscribing, leaving, and release exactly once.
#include <atomic>
#include <set>

#include "kernel/services.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

EventOptions draining() {
  EventOptions out;
  out.drain = true;
  return out;
}

}  // namespace

TEST_CASE("events: hidden gets nothing, visible queues within the bound, callable is delivered") {
  Subscriber subscriber;
  EventHost host;
  Module publisher(host, "orders"), m(host, "billing", Reach::hidden);
  EventOptions options;
  options.queue_events = 5;
  subscriber.to(m, "orders.*", options);
  publisher.publish("orders.a", "0");
  CHECK(m.client.stats(subscriber.id)->queued == 0);
  m.reach(Reach::visible);
  for (int i = 1; i <= 8; ++i) publisher.publish("orders.a", std::to_string(i));
  CHECK(m.client.stats(subscriber.id)->queued == 5);
  CHECK(m.client.stats(subscriber.id)->dropped == 3);
  CHECK(subscriber.got.value() == 0);
  CHECK(host.pool.stats().ran == 0);
  m.reach(Reach::callable);
  REQUIRE(subscriber.got.reaches(5));
  publisher.publish("orders.a", "9");
  REQUIRE(subscriber.got.reaches(6));
  CHECK(m.leave().quiet);
  CHECK(subscriber.payloads() == numbers(4, 9));
  CHECK(subscriber.released.value() == 1);
}

TEST_CASE("events: a failed init leaves nothing") {
  Subscriber a, b;
  EventHost host;
  Module publisher(host, "orders"), m(host, "billing", Reach::hidden);
  a.to(m, "orders.>");
  b.to(m, "orders.*.x");
  m.publish("billing.last", "value", true);
  CHECK(m.leave().quiet);
  CHECK(a.released.value() == 1);
  CHECK(b.released.value() == 1);
  CHECK(host.events.subscriptions().empty());
  publisher.publish("orders.a.x");
  Subscriber late;
  late.to(publisher, "billing.last");
  CHECK(publisher.client.stats(late.id)->queued == 0);
  CHECK(code_of(m.client.publish({"billing.x", {}, {}, {}, false})) == Code::unavailable);
  CHECK(code_of(m.client.subscribe("billing.x", a.handler())) == Code::unavailable);
  CHECK(code_of(m.client.unsubscribe(a.id)) == Code::not_found);
  CHECK(publisher.leave().quiet);
  CHECK(late.got.value() == 0);
}

TEST_CASE("events: the next life of a module subscribes beside the present one, and stays when that leaves") {
  Subscriber one, two;
  EventHost host;
  Owner next("orders", 2, false);
  EventClient client = host.events.join(next, Permissions::of_plugin("orders", {}, std::nullopt));
  {
    Module m(host, "orders", Reach::callable, false);
    one.to(m, "orders.x");
    REQUIRE(client.subscribe("orders.x", two.handler()));
    m.publish("orders.x", "1");
    REQUIRE(one.got.reaches(1));
    next.set_reach(Reach::callable);
    host.events.owner_reach_changed(next);
    m.publish("orders.x", "2");
    REQUIRE(two.got.reaches(1));
  }
  REQUIRE(client.publish({"orders.x", "3", {}, {}, false}));
  REQUIRE(two.got.reaches(2));
  next.gate().advance(Gate::State::closed);
  CHECK(host.events.leave(next, soon()).quiet);
  CHECK(host.pool.leave(next, soon()).quiet);
  CHECK(two.payloads() == numbers(2, 3));
  CHECK(one.released.value() == 1);
  CHECK(two.released.value() == 1);
}

TEST_CASE("events: the same handler again is the same subscription, with other options it is refused") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders"), other(host, "billing");
  const EventHandler handler = subscriber.handler();
  const std::uint64_t id = subscriber.to(m, "a");
  const auto again = m.client.subscribe("a", handler);
  REQUIRE(again);
  CHECK(again->id == id);
  CHECK(again->existed);
  CHECK(code_of(m.client.subscribe("a", handler, draining())) == Code::already_exists);
  CHECK(m.client.subscribe("b", handler)->id != id);
  CHECK(other.client.subscribe("a", handler)->id != id);
  // An adapter's data differs, what is behind it counts.
  EventHandler adapted = handler;
  int behind = 0, elsewhere = 0;
  adapted.function = [] {};
  adapted.function_data = &behind;
  Subscriber adapter_one, adapter_two;
  adapted.data = &adapter_one;
  const auto first = m.client.subscribe("a", adapted);
  adapted.data = &adapter_two;
  const auto second = m.client.subscribe("a", adapted);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(first->existed);
  CHECK(second->existed);
  CHECK(second->id == first->id);
  adapted.function_data = &elsewhere;
  CHECK_FALSE(m.client.subscribe("a", adapted)->existed);
  // Ended: a new one.
  REQUIRE(m.client.unsubscribe_wait(id, soon()));
  CHECK(m.client.subscribe("a", handler)->id != id);
  CHECK(m.leave().quiet);
  CHECK(other.leave().quiet);
  CHECK(subscriber.released.value() == 4);
}

TEST_CASE("events: limits of subscriptions per owner count those that are ending") {
  Subscriber subscriber;
  EventLimits limits;
  limits.subscriptions = 3;
  EventHost host(limits);
  Module m(host, "orders"), other(host, "billing");
  std::vector<std::uint64_t> ids;
  for (const char* topic : {"a", "b", "c"}) ids.push_back(subscriber.to(m, topic));
  const auto refused = m.client.subscribe("d", subscriber.handler());
  CHECK(code_of(refused) == Code::resource_exhausted);
  CHECK(refused.error().message == "`orders` has 3 subscriptions, more are not allowed");
  CHECK(other.client.subscribe("d", subscriber.handler()));
  REQUIRE(m.client.unsubscribe_wait(ids[1], soon()));
  CHECK(m.client.subscribe("d", subscriber.handler()));
}

TEST_CASE("events: numbers of subscriptions are never used twice, and work for their owner only") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders"), other(host, "billing");
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t id = subscriber.to(m, "a");
    CHECK(ids.insert(id).second);
    CHECK(code_of(other.client.unsubscribe(id)) == Code::not_found);
    CHECK(code_of(other.client.unsubscribe_wait(id, soon())) == Code::not_found);
    CHECK(code_of(other.client.stats(id)) == Code::not_found);
    CHECK(m.client.unsubscribe(id));
    CHECK(code_of(m.client.unsubscribe(id)) == Code::not_found);
    CHECK(code_of(m.client.unsubscribe_wait(id, soon())) == Code::not_found);
    CHECK(code_of(m.client.stats(id)) == Code::not_found);
    REQUIRE(subscriber.released.reaches(i + 1));
  }
  for (const std::uint64_t id :
       {std::uint64_t{0}, UINT64_MAX, std::uint64_t{1} << 32, std::uint64_t{0xffffffff}, std::uint64_t{7} << 32 | 5000})
    CHECK(code_of(m.client.unsubscribe(id)) == Code::not_found);
}

TEST_CASE("events: unsubscribing during a delivery returns at once, releases after it, and delivers nothing more") {
  Subscriber subscriber;
  Barrier barrier;
  EventHost host;
  Module m(host, "orders");
  subscriber.then = [&](const EventView&, Call& call) {
    barrier.pass();
    CHECK(call.cancelled == 0);  // the delivery goes on
  };
  subscriber.to(m, "a");
  m.publish("a", "1");
  REQUIRE(subscriber.got.reaches(1));
  m.publish("a", "2");
  REQUIRE(m.client.unsubscribe(subscriber.id));
  m.publish("a", "3");
  CHECK(subscriber.released.value() == 0);
  barrier.open();
  REQUIRE(subscriber.released.reaches(1));
  CHECK(m.leave().quiet);
  CHECK(subscriber.payloads() == numbers(1, 1));
  CHECK(subscriber.released.value() == 1);
}

TEST_CASE("events: a handler can end its own subscription, but not wait for that") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders");
  Code waited = Code::ok, ended = Code::unknown;
  subscriber.then = [&](const EventView&, Call&) {
    waited = code_of(m.client.unsubscribe_wait(subscriber.id, soon()));
    CHECK(m.client.stats(subscriber.id));  // refused, so it is still there
    ended = code_of(m.client.unsubscribe(subscriber.id));
    CHECK(subscriber.released.value() == 0);
  };
  subscriber.to(m, "a");
  Barrier all_published;
  Subscriber gate;
  m.publish("a", "1");
  m.publish("a", "2");
  REQUIRE(subscriber.released.reaches(1));
  CHECK(waited == Code::failed_precondition);
  CHECK(ended == Code::ok);
  CHECK(m.leave().quiet);
  CHECK(subscriber.payloads() == numbers(1, 1));
  CHECK(subscriber.released.value() == 1);
}

TEST_CASE("events: a handler can wait for the end of another subscription") {
  Subscriber waiting, other;
  EventHost host;
  Module m(host, "orders");
  Code waited = Code::unknown;
  other.to(m, "b");
  waiting.then = [&](const EventView&, Call&) { waited = code_of(m.client.unsubscribe_wait(other.id, soon())); };
  waiting.to(m, "a");
  m.publish("a");
  REQUIRE(other.released.reaches(1));
  CHECK(m.leave().quiet);
  CHECK(waited == Code::ok);
}

TEST_CASE("events: waiting for an end has a deadline") {
  Subscriber subscriber;
  Barrier barrier;
  EventHost host;
  Module m(host, "orders");
  subscriber.then = [&](const EventView&, Call&) { barrier.pass(); };
  subscriber.to(m, "a");
  m.publish("a");
  REQUIRE(subscriber.got.reaches(1));
  CHECK(code_of(m.client.unsubscribe_wait(subscriber.id, monotonic_ns() + 1'000'000)) == Code::deadline_exceeded);
  CHECK(subscriber.released.value() == 0);
  barrier.open();
  REQUIRE(subscriber.released.reaches(1));
}

TEST_CASE("events: leaving drops what is queued and counts it, cancels the delivery that runs, and waits for it") {
  Subscriber subscriber;
  Barrier inside, out;
  EventHost host;
  Module m(host, "orders"), publisher(host, "billing");
  std::atomic<int> cancelled{0};
  subscriber.then = [&](const EventView&, Call& call) {
    inside.open();
    while (call.cancelled == 0) std::this_thread::yield();
    ++cancelled;
  };
  subscriber.to(m, "a");
  publisher.publish("a");
  inside.pass();
  for (int i = 0; i < 40; ++i) publisher.publish("a");
  const EventsLeft left = m.leave();
  CHECK(left.quiet);
  CHECK(left.discarded == 40);
  CHECK(cancelled == 1);
  CHECK(subscriber.got.value() == 1);
  CHECK(subscriber.released.value() == 1);
  publisher.publish("a");
  CHECK(host.events.subscriptions().empty());
}

TEST_CASE("events: drain delivers what is queued while the gate is draining, and nothing new") {
  Subscriber keeps, drops;
  Barrier barrier;
  EventHost host;
  Module m(host, "orders"), publisher(host, "billing");
  keeps.then = drops.then = [&](const EventView&, Call&) { barrier.pass(); };
  keeps.to(m, "a", draining());
  drops.to(m, "a");
  publisher.publish("a", "0");
  REQUIRE(keeps.got.reaches(1));
  REQUIRE(drops.got.reaches(1));
  for (int i = 1; i <= 300; ++i) publisher.publish("a", std::to_string(i));
  m.owner.gate().advance(Gate::State::draining);
  std::thread late([&] {
    CHECK(keeps.got.reaches(2));  // the drain has begun
    publisher.publish("a", "late");
  });
  std::thread opener([&] {
    // The drain has stopped the other one, so that nothing of its queue is left.
    while (m.client.stats(drops.id)->queued != 0) std::this_thread::yield();
    barrier.open();
  });
  const EventsLeft drained = host.events.drain(m.owner, soon());
  late.join();
  opener.join();
  CHECK(drained.quiet);
  CHECK(drained.discarded == 300);
  CHECK(drained.delivered >= 300);
  CHECK(keeps.payloads() == numbers(0, 300));
  CHECK(code_of(m.client.subscribe("b", keeps.handler())) == Code::unavailable);
  CHECK(m.client.publish({"orders.last.words", {}, {}, {}, false}));
  m.owner.gate().advance(Gate::State::closed);
  const EventsLeft left = m.leave();
  CHECK(left.quiet);
  CHECK(left.discarded == 0);
  CHECK(keeps.released.value() == 1);
  CHECK(drops.released.value() == 1);
  CHECK(drops.got.value() == 1);
}

TEST_CASE("events: a drain that does not end in time drops the rest") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders");
  subscriber.then = [&](const EventView&, Call& call) {
    while (call.cancelled == 0) std::this_thread::yield();
  };
  subscriber.to(m, "a", draining());
  m.publish("a");
  REQUIRE(subscriber.got.reaches(1));
  for (int i = 0; i < 9; ++i) m.publish("a");
  const EventsLeft drained = host.events.drain(m.owner, monotonic_ns() + 2'000'000);
  CHECK_FALSE(drained.quiet);
  CHECK(drained.discarded == 9);
  CHECK(m.leave().quiet);
  CHECK(subscriber.got.value() == 1);
}

TEST_CASE("events: what was never callable is not drained") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders", Reach::visible);
  subscriber.to(m, "a", draining());
  m.publish("a");
  const EventsLeft left = m.leave();
  CHECK(left.quiet);
  CHECK(left.discarded == 1);
  CHECK(subscriber.got.value() == 0);
  CHECK(subscriber.released.value() == 1);
}

TEST_CASE("events: a handler that does not come back makes leaving not quiet, a wedged owner is not entered any more") {
  Subscriber subscriber;
  Barrier barrier;
  EventHost host;
  Module m(host, "orders");
  subscriber.then = [&](const EventView&, Call&) { barrier.pass(); };
  subscriber.to(m, "a");
  m.publish("a", "1");
  REQUIRE(subscriber.got.reaches(1));
  CHECK_FALSE(host.events.leave(m.owner, monotonic_ns() + 1'000'000).quiet);
  m.owner.wedge();
  barrier.open();
  CHECK(m.leave().quiet);
  CHECK(subscriber.released.value() == 0);
}

TEST_CASE("events: a release that the pool did not take comes with the next tick, or when the owner leaves") {
  Subscriber first, second;
  EventHost host;
  Module m(host, "orders");
  first.to(m, "a");
  second.to(m, "b");
  CHECK(host.pool.shutdown(soon()));
  m.publish("a");
  REQUIRE(m.client.unsubscribe(first.id));
  host.events.tick(1);
  CHECK(first.released.value() == 0);
  const EventsLeft left = m.leave();
  CHECK(left.quiet);
  CHECK(first.released.value() == 1);
  CHECK(second.released.value() == 1);
  CHECK(first.got.value() == 0);
}

TEST_CASE("events: what the pool refuses for now is delivered after the next tick") {
  Subscriber blocker, subscriber;
  Barrier barrier;
  WorkerPool::Options options;
  options.threads = 1;
  options.max_threads = 4;  // an untrusted owner may hold one
  EventHost host({}, options);
  Module m(host, "orders", Reach::callable, false);
  blocker.then = [&](const EventView&, Call&) {
    const Blocking blocking;  // the only thread the owner may have waits inside a host function
    barrier.pass();
  };
  blocker.to(m, "orders.a");
  subscriber.to(m, "orders.b");
  m.publish("orders.a");
  REQUIRE(blocker.got.reaches(1));
  while (host.pool.stats().stuck == 0) std::this_thread::yield();
  m.publish("orders.b", "1");
  m.publish("orders.b", "2");
  CHECK(host.pool.stats().refused == 1);  // the second one did not try
  host.events.tick(1);
  CHECK(host.pool.stats().refused == 2);
  CHECK(subscriber.got.value() == 0);
  barrier.open();
  while (host.pool.stats().stuck != 0) std::this_thread::yield();
  while (subscriber.got.value() < 2) host.events.tick(2);
  CHECK(m.leave().quiet);
  CHECK(subscriber.payloads() == numbers(1, 2));
}

TEST_CASE("events: all subscriptions can be listed") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders", Reach::visible), other(host, "billing", Reach::visible);
  subscriber.to(m, "b.>");
  subscriber.to(m, "a.*");
  subscriber.to(other, "c");
  m.publish("c", "12345");
  const auto all = host.events.subscriptions();
  REQUIRE(all.size() == 3);
  CHECK(all[0].owner == "billing");
  CHECK(all[0].stats.queued == 1);
  CHECK(all[0].stats.queued_bytes == 6);
  CHECK(all[1].pattern == "b.>");
  CHECK(all[2].pattern == "a.*");
}

TEST_CASE("events: each delivery has its own deadline, also of those that were queued together") {
  Subscriber subscriber;
  EventLimits limits;
  limits.handler_ns = 40'000'000;
  EventHost host(limits);
  Module publisher(host, "orders"), m(host, "billing", Reach::visible);
  std::atomic<int> early{0}, late{0};
  Counter ended;
  subscriber.then = [&](const EventView&, Call& call) {
    if (is_cancelled(call)) ++early;
    if (call.wait_cancelled(soon()) && is_cancelled(call)) ++late;
    ended.add();
  };
  subscriber.to(m, "orders.*");
  for (int i = 0; i < 3; ++i) publisher.publish("orders.a");
  m.reach(Reach::callable);
  REQUIRE(ended.reaches(3));
  CHECK(m.leave().quiet);
  CHECK(early == 0);
  CHECK(late == 3);
}

TEST_CASE("events: a worker is overdue by the event it is at, not by those before it") {
  Subscriber subscriber;
  EventLimits limits;
  limits.handler_ns = 40'000'000;
  EventHost host(limits);
  Module publisher(host, "orders"), m(host, "billing", Reach::visible);
  Counter begun, let_go;
  int number = 0;
  subscriber.then = [&](const EventView&, Call&) {
    const int mine = ++number;
    const std::int64_t end = monotonic_ns() + 15'000'000;  // more than the coarse clock's step, and than what is shared with those before
    begun.add();
    CHECK(let_go.reaches(mine));
    while (monotonic_ns() < end) std::this_thread::yield();
  };
  subscriber.to(m, "orders.*");
  for (int i = 0; i < 2; ++i) publisher.publish("orders.a");
  m.reach(Reach::callable);
  REQUIRE(begun.reaches(1));
  const std::int64_t first = monotonic_ns();
  CHECK(host.pool.tick(first).empty());
  CHECK(host.pool.tick(first + 30'000'000).empty());
  let_go.add();
  REQUIRE(begun.reaches(2));
  CHECK(host.pool.tick(first + 60'000'000).empty());
  CHECK(host.pool.tick(first + 120'000'000).size() == 1);  // the second one by itself
  let_go.add();
  CHECK(m.leave().quiet);
}
