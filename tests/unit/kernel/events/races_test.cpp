// Storms: everything at once, and afterwards nothing is lost, delivered late or released twice.
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// Data of one subscription that notices being used after its release.
struct Watched {
  explicit Watched(std::atomic<int>& faults) : wrong(faults) {}
  std::atomic<int>& wrong;
  std::atomic<int> releases{0};
  std::atomic<bool> inside{false};
  std::atomic<bool> unsubscribed{false};
  EventHandler handler() {
    EventHandler out;
    out.data = this;
    out.deliver = [](void* data, const EventView& event, Call&) noexcept {
      auto& self = *static_cast<Watched*>(data);
      if (self.inside.exchange(true)) ++self.wrong;  // two at a time
      if (self.releases != 0) ++self.wrong;
      if (event.payload != event.topic) ++self.wrong;
      self.inside = false;
      return Code::ok;
    };
    out.release = [](void* data) noexcept {
      auto& self = *static_cast<Watched*>(data);
      if (self.inside) ++self.wrong;
      if (self.releases++ != 0) ++self.wrong;
    };
    return out;
  }
};

/// Threads that publish until they are stopped.
class Publishers {
 public:
  Publishers(EventClient client, int threads) {
    for (int t = 0; t < threads; ++t)
      threads_.emplace_back([this, client, t]() mutable {
        std::mt19937 random(static_cast<std::uint32_t>(t));
        while (!stop_) {
          const std::string topic = "storm.t" + std::to_string(random() % 4);
          const auto id = client.publish({topic, topic, {}, {}, random() % 64 == 0});
          if (!id && id.error().code != Code::unavailable && id.error().code != Code::resource_exhausted) ++wrong;
          ++published;
        }
      });
  }
  ~Publishers() {
    stop_ = true;
    for (std::thread& t : threads_) t.join();
  }
  void wait_for(long more) const {
    const long until = published + more;
    while (published < until) std::this_thread::yield();
  }
  std::atomic<long> published{0};
  std::atomic<int> wrong{0};

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("events: subscribing and unsubscribing in a storm of deliveries") {
  constexpr int threads = 3, rounds = 400;
  std::atomic<int> wrong{0};
  std::vector<std::unique_ptr<Watched>> all;
  for (int i = 0; i < threads * rounds; ++i) all.push_back(std::make_unique<Watched>(wrong));
  EventHost host;
  Module m(host, "orders"), publisher(host, "billing");
  {
    Publishers publishers(publisher.client, 2);
    std::vector<std::thread> subscribers;
    for (int t = 0; t < threads; ++t)
      subscribers.emplace_back([&, t] {
        for (int i = 0; i < rounds; ++i) {
          const char* patterns[] = {"storm.*", "storm.t1", ">", "storm.t2"};
          EventOptions options;
          options.when_full = static_cast<WhenFull>(i % 3);
          options.queue_events = 16;
          const auto made = m.client.subscribe(patterns[i % 4], all[static_cast<std::size_t>(t * rounds + i)]->handler(), options);
          if (!made) {
            ++wrong;
            continue;
          }
          publishers.wait_for(2);
          const auto ended = i % 2 == 0 ? m.client.unsubscribe_wait(made->id, soon()) : m.client.unsubscribe(made->id);
          if (!ended || (i % 2 == 0 && all[static_cast<std::size_t>(t * rounds + i)]->releases != 1)) ++wrong;
        }
      });
    for (std::thread& t : subscribers) t.join();
    CHECK(publishers.wrong == 0);
  }
  CHECK(m.leave().quiet);
  CHECK(wrong == 0);
  for (const auto& w : all) CHECK(w->releases == 1);
}

TEST_CASE("events: owners come and leave while others publish, and the module itself does") {
  std::atomic<int> wrong{0};
  std::vector<std::unique_ptr<Watched>> all;
  EventHost host;
  Module publisher(host, "billing");
  Publishers publishers(publisher.client, 2);
  for (int life = 0; life < 60; ++life) {
    Module m(host, "orders", Reach::hidden);
    for (int i = 0; i < 8; ++i) {
      all.push_back(std::make_unique<Watched>(wrong));
      EventOptions options;
      options.drain = i % 2 == 0;
      options.queue_events = 64;
      REQUIRE(m.client.subscribe(i % 3 == 0 ? "storm.>" : "storm.t3", all.back()->handler(), options));
    }
    m.reach(Reach::visible);
    publishers.wait_for(5);
    m.reach(Reach::callable);
    Publishers own(m.client, 1);
    publishers.wait_for(20);
    if (life % 3 != 0) m.owner.gate().advance(Gate::State::draining);
    if (life % 3 == 1) {
      CHECK(host.events.drain(m.owner, soon()).quiet);
      m.owner.gate().advance(Gate::State::closed);
    }
    CHECK(m.leave().quiet);
    // Nobody is inside, nothing of it is left.
    for (std::size_t i = all.size() - 8; i < all.size(); ++i) CHECK(all[i]->releases == 1);
    CHECK(host.events.subscriptions().empty());
    CHECK(own.wrong == 0);
  }
  CHECK(wrong == 0);
  CHECK(publishers.wrong == 0);
}

TEST_CASE("events: retained values and live ones meet without a gap, a repetition or a step back") {
  struct Last {
    int value = 0;
    bool wrong = false;
    Counter got;
  };
  EventHost host;
  Module m(host, "orders");
  std::atomic<bool> stop{false};
  m.publish("t", "1", true);
  std::thread publisher([&] {
    for (int i = 2; !stop; ++i)
      while (!stop && !m.client.publish({"t", std::to_string(i), {}, {}, true})) std::this_thread::yield();
  });
  for (int i = 0; i < 300; ++i) {
    Last last;
    EventHandler handler;
    handler.data = &last;
    handler.deliver = [](void* data, const EventView& event, Call&) noexcept {
      auto& self = *static_cast<Last*>(data);
      const int value = std::stoi(std::string(event.payload));
      if (self.value != 0 && value != self.value + 1) self.wrong = true;
      self.value = value;
      self.got.add();
      return Code::ok;
    };
    EventOptions options;
    options.when_full = WhenFull::refuse;  // nothing is dropped: what is refused is published again
    options.queue_events = 64;
    const auto made = m.client.subscribe("t", handler, options);
    REQUIRE(made);
    CHECK(last.got.reaches(5));
    REQUIRE(m.client.unsubscribe_wait(made->id, soon()));
    CHECK_FALSE(last.wrong);
  }
  stop = true;
  publisher.join();
}

TEST_CASE("events: every event to a refusing subscription is delivered or refused, none is lost") {
  constexpr int threads = 3;
  struct Sum {
    std::atomic<long> got{0};
  } sum;
  EventHost host;
  Module m(host, "orders");
  EventHandler handler;
  handler.data = &sum;
  handler.deliver = [](void* data, const EventView&, Call&) noexcept {
    ++static_cast<Sum*>(data)->got;
    return Code::ok;
  };
  EventOptions options;
  options.when_full = WhenFull::refuse;
  options.queue_events = 8;
  REQUIRE(m.client.subscribe("t", handler, options));
  options.queue_events = 5;
  REQUIRE(m.client.subscribe(">", handler, options));
  std::atomic<long> taken{0};
  std::vector<std::thread> publishers;
  for (int t = 0; t < threads; ++t)
    publishers.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i)
        if (m.client.publish({"t", "x", {}, {}, false})) ++taken;
    });
  for (std::thread& t : publishers) t.join();
  const std::int64_t deadline = soon();
  while (sum.got != 2 * taken && monotonic_ns() < deadline) std::this_thread::yield();
  CHECK(sum.got == 2 * taken);
  CHECK(taken > 0);
  CHECK(m.leave().discarded == 0);
  CHECK(sum.got == 2 * taken);
}

TEST_CASE("events: handlers that publish to each other go on without end, and stop when their owners leave") {
  struct Echo {
    EventClient client;
    const char* to = nullptr;
    std::atomic<long> got{0};
  };
  Echo a, b;
  EventHost host;
  Module m(host, "orders"), n(host, "billing");
  const auto echo = [](Echo& e, Module& module, const char* from, const char* to) {
    e.client = module.client;
    e.to = to;
    EventHandler handler;
    handler.data = &e;
    handler.deliver = [](void* data, const EventView& event, Call&) noexcept {
      auto& self = *static_cast<Echo*>(data);
      ++self.got;
      return code_of(self.client.publish({self.to, event.payload, {}, {}, false}));
    };
    REQUIRE(module.client.subscribe(from, handler));
  };
  echo(a, m, "ping", "pong");
  echo(b, n, "pong", "ping");
  m.publish("ping", "x");
  while (b.got < 500) std::this_thread::yield();
  CHECK(m.leave().quiet);
  CHECK(n.leave().quiet);
  const long after = a.got + b.got;
  CHECK(host.pool.leave(m.owner, soon()).quiet);
  CHECK(a.got + b.got == after);
}
