// What a module can rely on when a subscription ends: by unsubscribe, with its module, by a failed init, in the middle of everything else.
#include <atomic>
#include <thread>

#include "driver.hpp"

using namespace tenon::test;

TEST_CASE("events: after unsubscribe nothing comes, also from within the handler, and release comes once") {
  every_way([](Way way) {
    Listener l;
    auto d = started(way);
    std::atomic<std::uint64_t> id{0};
    std::atomic<int> answered{-1};
    l.then = [&](const Seen&) {
      answered = d->unsubscribe(id).status;
      return 0;
    };
    Listener gate;  // keeps `id` from being needed before it is known
    const Answer s = d->subscribe("t", l);
    id = s.id;
    for (int i = 0; i < 10; ++i) CHECK(d->publish({"t", std::to_string(i), "", "", false}).ok());
    REQUIRE(d->until([&] { return l.released() == 1; }));
    CHECK(l.count() == 1);
    CHECK(answered == 0);
    CHECK(d->unsubscribe(id).status == not_found);
    CHECK(d->unsubscribe(0).status == not_found);
    CHECK(d->unsubscribe(UINT64_MAX).status == not_found);
    Stats stats;
    CHECK(d->stats(id, stats).status == not_found);
    CHECK(d->unsubscribe_wait(id).status == not_found);
    Listener again;
    const Answer next = d->subscribe("t", again);
    CHECK(next.id != s.id);
    CHECK(d->unsubscribe(s.id).status == not_found);  // the old number is not the new subscription
    CHECK(d->publish({"t", "new", "", "", false}).ok());
    REQUIRE(d->until([&] { return again.count() == 1; }));
    d->leave();
    CHECK(l.released() == 1);
  });
}

TEST_CASE("events: unsubscribe_wait returns when the handler is gone, and not within it") {
  every_way([](Way way) {
    Listener l;
    auto d = started(way);
    std::atomic<std::uint64_t> id{0};
    Answer inside;
    std::atomic<bool> asked{false};
    l.then = [&](const Seen&) {
      inside = d->unsubscribe_wait(id);
      asked = true;
      return 0;
    };
    id = d->subscribe("t", l).id;
    CHECK(d->publish({"t", "", "", "", false}).ok());
    REQUIRE(d->until([&] { return asked.load(); }));
    CHECK(inside.status == precondition);
    CHECK(inside.reason == "REENTRANT");
    CHECK(l.released() == 0);
    CHECK(d->unsubscribe_wait(id).ok());
    CHECK(l.released() == 1);
  });
}

TEST_CASE("events: leaving drains what asked for it, drops the rest, releases all, and forgets retained values") {
  every_way([](Way way) {
    Listener plain, drained;
    auto d = make_event_driver(way);
    CHECK(d->subscribe("t", plain).ok());
    CHECK(d->subscribe("t", drained, {0, 1024, 4096, true}).ok());
    d->start();
    std::atomic<bool> go{!d->concurrent()};
    const auto slow = [&](const Seen&) {
      while (!go) std::this_thread::yield();
      return 0;
    };
    plain.then = drained.then = slow;
    for (int i = 0; i < 200; ++i) CHECK(d->publish({"t", "x", "", "", false}).ok());
    if (d->concurrent()) REQUIRE(d->until([&] { return plain.count() == 1 && drained.count() == 1; }));
    std::thread opener([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      go = true;
    });
    Answer published, subscribed;
    Listener late;
    d->leave([&] {
      published = d->publish({"u", "", "", "", true});
      subscribed = d->subscribe("u", late);
    });
    opener.join();
    CHECK(published.ok());
    CHECK(subscribed.status == unavailable);
    CHECK(drained.count() == 200);
    CHECK(plain.count() < 200);
    CHECK(plain.released() == 1);
    CHECK(drained.released() == 1);
    CHECK(late.released() == 0);
  });
}

TEST_CASE("events: a failed init leaves nothing") {
  every_way([](Way way) {
    Listener l;
    auto d = make_event_driver(way, true, [&](EventDriver& init) {
      CHECK(init.subscribe(">", l).ok());
      return false;
    });
    CHECK(l.released() == 1);
    CHECK(d->publish_as_other({"a", "", "", "", false}).ok());
    CHECK(l.count() == 0);
  });
}

TEST_CASE("events: subscribing and unsubscribing in a storm loses no release and delivers nothing afterwards") {
  concurrent_ways([](Way way) {
    auto d = started(way);
    std::atomic<bool> stop{false};
    std::thread publisher([&] {
      while (!stop) static_cast<void>(d->publish({"storm", "x", "", "", false}));
    });
    constexpr int rounds = 150;
    std::vector<std::unique_ptr<Listener>> listeners[2];
    std::atomic<int> late{0}, failed{0};
    std::vector<std::thread> subscribers;
    for (int t = 0; t < 2; ++t)
      subscribers.emplace_back([&, t] {
        for (int i = 0; i < rounds; ++i) {
          Listener& l = *listeners[t].emplace_back(std::make_unique<Listener>());
          l.then = [&l, &late](const Seen&) {
            if (l.released() != 0) ++late;
            return 0;
          };
          const Answer s = d->subscribe(i % 2 == 0 ? "storm" : ">", l, {i % 3, 16, 4096, false});
          if (!s.ok()) ++failed;
          if (i % 2 == 0) std::this_thread::yield();
          if (t == 0) {
            if (!d->unsubscribe_wait(s.id).ok() || l.released() != 1) ++failed;
          } else if (!d->unsubscribe(s.id).ok()) {
            ++failed;
          }
        }
      });
    for (std::thread& s : subscribers) s.join();
    stop = true;
    publisher.join();
    d->leave();
    CHECK(late == 0);
    CHECK(failed == 0);
    for (const auto& list : listeners)
      for (const auto& l : list) CHECK(l->released() == 1);
  });
}

TEST_CASE("events: leaving in a storm of others releases everything once") {
  concurrent_ways([](Way way) {
    for (int round = 0; round < 5; ++round) {
      std::vector<Listener> listeners(8);
      auto d = started(way);
      for (std::size_t i = 0; i < listeners.size(); ++i)
        CHECK(d->subscribe(i % 2 == 0 ? "storm" : "*", listeners[i], {0, 64, 4096, i % 3 == 0}).ok());
      std::atomic<bool> stop{false};
      std::thread publisher([&] {
        while (!stop) static_cast<void>(d->publish_as_other({"storm", "x", "", "", false}));
      });
      REQUIRE(d->until([&] { return listeners[0].count() > 10; }));
      d->leave();
      std::vector<std::size_t> counts;
      for (const Listener& l : listeners) counts.push_back(l.count());
      for (const Listener& l : listeners) CHECK(l.released() == 1);
      std::this_thread::yield();
      stop = true;
      publisher.join();
      for (std::size_t i = 0; i < listeners.size(); ++i) CHECK(listeners[i].count() == counts[i]);
    }
  });
}
