// What a module can rely on when it publishes and subscribes.
#include <atomic>
#include <map>
#include <thread>

#include "driver.hpp"

using namespace tenon::test;

namespace {

const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

}  // namespace

TEST_CASE("events: everything of an event arrives, in order, ids count up") {
  every_way([](Way way) {
    Listener l;
    auto d = started(way);
    REQUIRE(d->subscribe("orders.*", l).ok());
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 100; ++i)
      ids.push_back(d->publish({"orders.created", std::to_string(i), "text/plain", i % 2 == 0 ? trace : "", false}).id);
    REQUIRE(d->until([&] { return l.count() == 100; }));
    const auto seen = l.seen();
    for (std::size_t i = 0; i < 100; ++i) {
      CHECK(seen[i].payload == std::to_string(i));
      CHECK(seen[i].topic == "orders.created");
      CHECK(seen[i].content_type == "text/plain");
      CHECK(seen[i].traceparent == (i % 2 == 0 ? trace : ""));
      CHECK(seen[i].id == ids[i]);
      CHECK_FALSE(seen[i].retained);
      if (i != 0) CHECK(seen[i].id > seen[i - 1].id);
    }
  });
}

TEST_CASE("events: a pattern matches word by word") {
  every_way([](Way way) {
    std::map<std::string, Listener> listeners;
    auto d = started(way);
    const std::map<std::string, std::string> expected = {
        {"a.b", "a.b"},           {"a.*", "a.b a.c"}, {"*.b", "a.b b.b"}, {">", "a a.b a.c b.b a.b.c"},
        {"a.>", "a.b a.c a.b.c"}, {"a.*.c", "a.b.c"}, {"*", "a"},         {"b.c", ""}};
    for (const auto& [pattern, topics] : expected) REQUIRE(d->subscribe(pattern, listeners[pattern]).ok());
    for (const std::string topic : {"a", "a.b", "a.c", "b.b", "a.b.c"}) REQUIRE(d->publish({topic, topic, "", "", false}).ok());
    REQUIRE(d->until([&] { return listeners[">"].count() == 5; }));
    d->settle();
    for (const auto& e : expected) CHECK_MESSAGE(listeners[e.first].payloads() == e.second, e.first);
  });
}

TEST_CASE("events: what is wrong is refused, and changes nothing") {
  every_way([](Way way) {
    Listener l;
    auto d = started(way);
    REQUIRE(d->subscribe(">", l).ok());
    for (const std::string topic : {"", ".", "a.", ".a", "a..b", "a b", "a.*", ">", "\xc3\xa4"})
      CHECK(d->publish({topic, "", "", "", false}).status == invalid);
    CHECK(d->publish({std::string(256, 'a'), "", "", "", false}).status == invalid);
    CHECK(d->publish({"a", std::string(256 * 1024 + 1, 'x'), "", "", false}).status == invalid);
    CHECK(d->publish({"a", "", "text/\n", "", false}).status == invalid);
    CHECK(d->publish({"a", "", std::string(128, 'x'), "", false}).status == invalid);
    CHECK(d->publish({"a", "", "", "00-xyz", false}).status == invalid);
    CHECK(d->publish({"a", "", "", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false}).status == invalid);
    Listener other;
    for (const std::string pattern : {"", "a.", "a.>.b", "a*", "**"}) CHECK(d->subscribe(pattern, other).status == invalid);
    CHECK(d->subscribe("a", other, {7, 1024, 4096, false}).status == invalid);
    CHECK(d->subscribe("a", other, {0, 65537, 4096, false}).status == invalid);
    CHECK(d->subscribe("a", other, {0, 10, 1023, false}).status == invalid);
    CHECK(d->subscribe("a", other, {0, 10, 65ULL * 1024 * 1024, false}).status == invalid);
    REQUIRE(d->publish({"a", std::string(256 * 1024, 'x'), std::string(127, 'x'), trace, false}).ok());
    REQUIRE(d->until([&] { return l.count() == 1; }));
    CHECK(l.seen().front().payload.size() == 256 * 1024);
    d->leave();
    CHECK(l.released() == 1);
    CHECK(other.released() == 0);
    CHECK(other.count() == 0);
  });
}

TEST_CASE("events: what is below host and tenon is the host's, what is another's is denied") {
  every_way([](Way way) {
    Listener l;
    auto d = started(way, false);
    CHECK(d->publish({"tenon.module.state", "", "", "", false}).reason == "RESERVED");
    CHECK(d->publish({"tenon", "", "", "", false}).status == denied);
    CHECK(d->publish({"host.ready", "", "", "", false}).reason == "RESERVED");
    CHECK(d->publish({"foreign.topic", "", "", "", false}).status == denied);
    CHECK(d->subscribe("foreign.topic", l).status == denied);
    CHECK(d->subscribe("puppet.>", l).ok());
    CHECK(d->publish({"puppet.news", "mine", "", "", false}).ok());
    REQUIRE(d->until([&] { return l.count() == 1; }));
  });
}

TEST_CASE("events: before start they queue, before init has ended they do not come") {
  every_way([](Way way) {
    Listener early, late;
    auto d = make_event_driver(way, true, [&](EventDriver& init) {
      CHECK(init.subscribe("a.>", early).ok());
      CHECK(init.publish_as_other({"a.b", "hidden", "", "", false}).ok());
      return true;
    });
    CHECK(d->publish_as_other({"a.b", "1", "", "", false}).ok());
    CHECK(d->subscribe("a.*", late).ok());
    CHECK(d->publish({"a.b", "2", "", "", false}).ok());
    d->settle();
    CHECK(early.count() == 0);
    d->start();
    CHECK(d->publish_as_other({"a.b", "3", "", "", false}).ok());
    REQUIRE(d->until([&] { return early.count() == 3 && late.count() == 2; }));
    CHECK(early.payloads() == "1 2 3");
    CHECK(late.payloads() == "2 3");
  });
}

TEST_CASE("events: a full queue drops the oldest, or the newest, or refuses for all") {
  every_way([](Way way) {
    Listener oldest, newest, refusing, bystander;
    auto d = make_event_driver(way);  // not started: what comes stays queued
    const auto o = d->subscribe("t", oldest, {0, 3, 4096, false}), n = d->subscribe("t", newest, {1, 3, 4096, false});
    for (int i = 1; i <= 5; ++i) CHECK(d->publish({"t", std::to_string(i), "", "", false}).ok());
    Stats s;
    REQUIRE(d->stats(o.id, s).ok());
    CHECK(s.dropped == 2);
    CHECK(s.queued == 3);
    CHECK(s.queued_bytes == 6);
    REQUIRE(d->stats(n.id, s).ok());
    CHECK(s.dropped == 2);
    const auto r = d->subscribe("r", refusing, {2, 2, 4096, false});
    CHECK(d->subscribe("r", bystander).ok());
    CHECK(d->publish({"r", "1", "", "", false}).ok());
    CHECK(d->publish({"r", "2", "", "", false}).ok());
    const Answer full = d->publish({"r", "3", "", "", false});
    CHECK(full.status == exhausted);
    CHECK(full.reason == "QUEUE_FULL");
    d->start();
    REQUIRE(d->until([&] { return oldest.count() == 3 && newest.count() == 3 && refusing.count() == 2 && bystander.count() == 2; }));
    CHECK(oldest.payloads() == "3 4 5");
    CHECK(newest.payloads() == "1 2 3");
    CHECK(refusing.payloads() == "1 2");
    CHECK(bystander.payloads() == "1 2");
    REQUIRE(d->stats(r.id, s).ok());
    CHECK(s.dropped == 0);
    CHECK(d->publish({"r", "4", "", "", false}).ok());
    REQUIRE(d->until([&] { return bystander.count() == 3; }));
  });
}

TEST_CASE("events: queues are bounded by bytes too") {
  every_way([](Way way) {
    Listener l;
    auto d = make_event_driver(way);
    const auto s = d->subscribe("t", l, {0, 1024, 1024, false});
    for (int i = 0; i < 10; ++i) CHECK(d->publish({"t", std::string(299, static_cast<char>('0' + i)), "", "", false}).ok());
    CHECK(d->publish({"t", std::string(5000, 'x'), "", "", false}).ok());  // can never fit, and costs nothing else its place
    Stats stats;
    REQUIRE(d->stats(s.id, stats).ok());
    CHECK(stats.queued == 3);
    CHECK(stats.queued_bytes == 900);
    CHECK(stats.dropped == 8);
    d->start();
    REQUIRE(d->until([&] { return l.count() == 3; }));
    CHECK(l.seen().front().payload[0] == '7');
  });
}

TEST_CASE("events: a retained value is there for who comes later, until it is forgotten") {
  every_way([](Way way) {
    Listener first, second, third;
    auto d = started(way);
    CHECK(d->publish({"s.a", "1", "", "", true}).ok());
    CHECK(d->publish({"s.a", "2", "", "", true}).ok());
    CHECK(d->publish_as_other({"s.b", "3", "", "", true}).ok());
    CHECK(d->publish({"s.a", "plain", "", "", false}).ok());
    CHECK(d->subscribe("s.*", first).ok());
    REQUIRE(d->until([&] { return first.count() == 2; }));
    CHECK(first.payloads() == "2 3");
    CHECK(first.seen()[0].retained);
    CHECK(d->publish({"s.a", "4", "", "", true}).ok());
    REQUIRE(d->until([&] { return first.count() == 3; }));
    CHECK_FALSE(first.seen()[2].retained);
    CHECK(d->forget("s.a").ok());
    CHECK(d->forget("s.a").status == not_found);
    CHECK(d->forget("s.b").status == not_found);  // another's
    CHECK(d->subscribe("s.>", second).ok());
    REQUIRE(d->until([&] { return second.count() == 1; }));
    CHECK(second.payloads() == "3");
  });
}

TEST_CASE("events: retained values have a bound") {
  every_way([](Way way) {
    Listener l;
    auto d = started(way);
    CHECK(d->subscribe("big.>", l).ok());
    for (int i = 0; i < 3; ++i) CHECK(d->publish({"big." + std::to_string(i), std::string(256 * 1024, 'x'), "", "", true}).ok());
    CHECK(d->publish({"big.3", std::string(255 * 1024, 'x'), "", "", true}).ok());
    const Answer over = d->publish({"big.4", std::string(1024, 'x'), "", "", true});
    CHECK(over.status == exhausted);
    CHECK(over.reason == "RETAINED_FULL");
    CHECK(d->publish({"big.0", "small", "", "", true}).ok());  // in place of a large one
    CHECK(d->publish({"big.4", std::string(1024, 'x'), "", "", true}).ok());
    REQUIRE(d->until([&] { return l.count() == 6; }));
  });
}

TEST_CASE("events: the same handler for the same pattern is one subscription") {
  every_way([](Way way) {
    Listener l;
    auto d = started(way);
    const Answer first = d->subscribe("t", l);
    CHECK(d->subscribe("t", l).id == first.id);
    CHECK(d->subscribe("t", l, {1, 1024, 4096, false}).status == already_exists);
    CHECK(d->subscribe("t.*", l).id != first.id);
    CHECK(d->publish({"t", "once", "", "", false}).ok());
    REQUIRE(d->until([&] { return l.count() == 1; }));
    d->settle();
    CHECK(l.payloads() == "once");
    d->leave();
    CHECK(l.released() == 2);
  });
}

TEST_CASE("events: a handler that fails is counted and harms nobody") {
  every_way([](Way way) {
    Listener failing, good;
    auto d = started(way);
    failing.then = [](const Seen& e) { return e.payload == "2" ? 13 : 0; };
    const Answer f = d->subscribe("t", failing);
    CHECK(d->subscribe("t", good).ok());
    for (int i = 1; i <= 3; ++i) CHECK(d->publish({"t", std::to_string(i), "", "", false}).ok());
    REQUIRE(d->until([&] { return failing.count() == 3 && good.count() == 3; }));
    d->settle();
    Stats s;
    REQUIRE(d->stats(f.id, s).ok());
    CHECK(s.delivered == 3);
    CHECK(s.failed == 1);
    CHECK(s.queued == 0);
  });
}

TEST_CASE("events: a handler may publish") {
  every_way([](Way way) {
    Listener first, second;
    auto d = started(way);
    first.then = [&](const Seen& e) { return d->publish({"second", e.payload + "!", "", e.traceparent, false}).status; };
    CHECK(d->subscribe("first", first).ok());
    CHECK(d->subscribe("second", second).ok());
    CHECK(d->publish({"first", "hello", "", trace, false}).ok());
    REQUIRE(d->until([&] { return second.count() == 1; }));
    CHECK(second.seen().front().payload == "hello!");
    CHECK(second.seen().front().traceparent == trace);
  });
}

TEST_CASE("events: what a handler publishes goes on with the trace of its event") {
  every_way([](Way way) {
    Listener first, second, third;
    auto d = started(way);
    const std::string other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    first.then = [&](const Seen& e) { return d->publish({"second", e.payload, "", "", false}).status; };
    second.then = [&](const Seen& e) { return d->publish({"third", e.payload, "", e.payload == "b" ? other : "", false}).status; };
    REQUIRE(d->subscribe("first", first).ok());
    REQUIRE(d->subscribe("second", second).ok());
    REQUIRE(d->subscribe("third", third).ok());
    for (const auto& [payload, traceparent] : {std::pair<std::string, std::string>{"a", trace}, {"b", trace}, {"c", ""}})
      REQUIRE(d->publish({"first", payload, "", traceparent, false}).ok());
    REQUIRE(d->until([&] { return third.count() == 3; }));
    for (const Seen& e : second.seen()) CHECK(e.traceparent == (e.payload == "c" ? "" : trace));
    for (const Seen& e : third.seen()) CHECK(e.traceparent == (e.payload == "a" ? trace : e.payload == "b" ? other : ""));
    REQUIRE(d->publish({"third", "outside", "", "", false}).ok());  // no handler runs on this thread
    REQUIRE(d->until([&] { return third.count() == 4; }));
    CHECK(third.seen().back().traceparent.empty());
    d->leave();
  });
}

TEST_CASE("events: a subscriber that hangs holds up nobody else, and publish does not wait for it") {
  concurrent_ways([](Way way) {
    Listener hanging, good;
    auto d = started(way);
    std::atomic<bool> go{false};
    hanging.then = [&](const Seen&) {
      while (!go) std::this_thread::yield();
      return 0;
    };
    const Answer h = d->subscribe("t", hanging, {0, 10, 4096, false});
    CHECK(d->subscribe("t", good).ok());
    for (int i = 0; i < 500; ++i) CHECK(d->publish({"t", "", "", "", false}).ok());
    CHECK(d->until([&] { return good.count() == 500; }));
    Stats s;
    CHECK(d->stats(h.id, s).ok());
    CHECK(s.dropped >= 500 - 10 - 32);
    go = true;
    d->settle();
  });
}

TEST_CASE("events: each thread's events stay in its order, in a storm of four") {
  concurrent_ways([](Way way) {
    constexpr int threads = 4, each = 3000;
    Listener l;
    auto d = started(way);
    CHECK(d->subscribe("storm.*", l, {0, 65'536, 16ULL * 1024 * 1024, false}).ok());
    std::vector<std::thread> publishers;
    std::atomic<int> failed{0};
    for (int t = 0; t < threads; ++t)
      publishers.emplace_back([&, t] {
        for (int i = 0; i < each; ++i)
          if (!d->publish({"storm." + std::to_string(t), std::to_string(i), "", "", false}).ok()) ++failed;
      });
    for (std::thread& p : publishers) p.join();
    REQUIRE(d->until([&] { return l.count() == threads * each; }));
    CHECK(failed == 0);
    std::map<std::string, int> next;
    int wrong = 0;
    for (const Seen& s : l.seen()) wrong += s.payload != std::to_string(next[s.topic]++) ? 1 : 0;
    CHECK(wrong == 0);
  });
}
