// Retained values: the last one of a topic, for whoever subscribes later.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("events: a new subscriber gets retained values first, in the order of publishing, marked as such") {
  Subscriber early, late;
  EventHost host;
  Module m(host, "orders");
  early.to(m, "t.>");
  m.publish("t.b", "old", true);
  m.publish("t.c", "1", true);
  m.publish("t.b", "2", true);
  m.publish("t.c", "not kept");
  m.publish("other", "elsewhere", true);
  REQUIRE(early.got.reaches(4));
  Module n(host, "billing", Reach::visible);
  std::vector<bool> retained;
  late.then = [&](const EventView& event, Call&) { retained.push_back(event.retained); };
  late.to(n, "t.*");
  m.publish("t.a", "3");
  n.reach(Reach::callable);
  REQUIRE(late.got.reaches(3));
  CHECK(n.leave().quiet);
  CHECK(late.payloads() == numbers(1, 3));
  CHECK(retained == std::vector<bool>{true, true, false});
}

TEST_CASE("events: retained values come when an owner becomes visible, before what is published then") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders"), n(host, "billing", Reach::hidden);
  subscriber.to(n, "t");
  m.publish("t", "hidden", true);
  m.publish("t", "1", true);
  CHECK(n.client.stats(subscriber.id)->queued == 0);
  n.reach(Reach::visible);
  CHECK(n.client.stats(subscriber.id)->queued == 1);
  m.publish("t", "2", true);
  n.reach(Reach::callable);
  REQUIRE(subscriber.got.reaches(2));
  CHECK(n.leave().quiet);
  CHECK(subscriber.payloads() == numbers(1, 2));
}

TEST_CASE("events: a retained value can be taken back by its owner only, and dies with it") {
  EventHost host;
  Module m(host, "orders"), n(host, "billing");
  const auto seen = [&](std::string_view topic) {
    Subscriber subscriber;
    Module reader(host, "reader", Reach::visible);
    subscriber.to(reader, topic);
    return reader.client.stats(subscriber.id)->queued;
  };
  m.publish("a", "1", true);
  m.publish("b", "2", true);
  CHECK(seen(">") == 2);
  CHECK(seen("a") == 1);
  CHECK(code_of(n.client.forget("a")) == Code::not_found);
  CHECK(code_of(m.client.forget("nothing")) == Code::not_found);
  CHECK(m.client.forget("a"));
  CHECK(code_of(m.client.forget("a")) == Code::not_found);
  CHECK(seen(">") == 1);
  // Another owner's value takes the place, and is that owner's.
  n.publish("b", "3", true);
  CHECK(code_of(m.client.forget("b")) == Code::not_found);
  CHECK(m.leave().quiet);
  CHECK(seen("b") == 1);
  CHECK(n.leave().quiet);
  CHECK(seen(">") == 0);
}

TEST_CASE("events: retained values have a bound per owner, and what is over it goes nowhere") {
  Subscriber subscriber;
  EventLimits limits;
  limits.retained_bytes = 1000;
  EventHost host(limits);
  Module m(host, "orders"), n(host, "billing");
  subscriber.to(m, ">");
  const std::string big(935, 'x');  // with the topic and 64 bytes 1000
  m.publish("a", big, true);
  const auto refused = m.client.publish({"b", {}, {}, {}, true});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "RETAINED_FULL");
  m.publish("a", std::string(934, 'y'), true);  // replaced, not added
  CHECK(code_of(m.client.publish({"b", {}, {}, {}, true})) == Code::resource_exhausted);
  n.publish("a", "z", true);  // the place is another's now
  m.publish("b", std::string(900, 'x'), true);
  REQUIRE(subscriber.got.reaches(4));
  m.publish("c", "not retained");
  REQUIRE(subscriber.got.reaches(5));
  CHECK(m.leave().quiet);
  CHECK(subscriber.got.value() == 5);
}

TEST_CASE("events: the default bound of retained values is 1 MiB") {
  EventHost host;
  Module m(host, "orders");
  const std::string big(250 * 1024, 'x');
  for (const char* topic : {"a", "b", "c", "d"}) m.publish(topic, big, true);
  CHECK(code_of(m.client.publish({"e", big, {}, {}, true})) == Code::resource_exhausted);
  CHECK(m.client.publish({"e", "small", {}, {}, true}));
}

TEST_CASE("events: more retained values than a queue holds are dropped by its policy, those published since are not") {
  EventHost host;
  Module m(host, "orders");
  for (int i = 1; i <= 20; ++i) m.publish("t.x" + std::to_string(i), std::to_string(i), true);
  for (const WhenFull policy : {WhenFull::drop_oldest, WhenFull::drop_newest, WhenFull::refuse}) {
    Subscriber subscriber;
    Module n(host, "billing", Reach::visible);
    EventOptions options;
    options.queue_events = 5;
    options.when_full = policy;
    subscriber.to(n, "t.*", options);
    const EventStats stats = *n.client.stats(subscriber.id);
    CHECK(stats.queued == 5);
    CHECK(stats.dropped == 15);
    n.reach(Reach::callable);
    REQUIRE(subscriber.got.reaches(5));
    CHECK(n.leave().quiet);
    CHECK(subscriber.payloads() == (policy == WhenFull::drop_oldest ? numbers(16, 20) : numbers(1, 5)));
  }
}

TEST_CASE("events: a refused event is not retained") {
  EventHost host;
  Subscriber full, late;
  Module m(host, "orders"), n(host, "billing", Reach::visible), reader(host, "reader", Reach::visible);
  EventOptions options;
  options.queue_events = 1;
  options.when_full = WhenFull::refuse;
  full.to(n, "t", options);
  m.publish("t", "1", true);
  CHECK(code_of(m.client.publish({"t", "2", {}, {}, true})) == Code::resource_exhausted);
  late.to(reader, "t");
  reader.reach(Reach::callable);
  REQUIRE(late.got.reaches(1));
  CHECK(reader.leave().quiet);
  CHECK(late.payloads() == numbers(1, 1));
}
