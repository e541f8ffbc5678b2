// Events and tasks through the C++ wrapper, on the fake host.
#include <doctest/doctest.h>
#include <tenon/testing.hpp>

#include <memory>
#include <stdexcept>

namespace {

using namespace std::chrono_literals;

/// Counts orders, tells the stock, and reports at half past four.
class Shop {
 public:
  using needs = tenon::needs<tenon::Calls, tenon::Events, tenon::Tasks>;
  explicit Shop(tenon::Ctx ctx) : events(ctx), tasks(ctx) {}
  tenon::Status init() {
    auto orders = events.subscribe("orders.*", [this, alive = alive](tenon::Event e, tenon::Call call) -> tenon::Status {
      deadline_known = call.deadline() != tenon::Clock::time_point::max();
      if (e.text() == "bad") throw std::runtime_error("no such order");
      if (e.text() == "worse") return tenon::Status::invalid_argument("worse than bad");
      seen += std::string(e.topic()) + "=" + std::string(e.text()) + (e.retained() ? "! " : " ");
      tenon::Publish more;
      more.retain = true;
      more.content_type = "text/plain";
      more.traceparent = e.traceparent();
      return events.publish("shop.stock", std::to_string(--stock), more).status();
    });
    if (!orders.ok()) return orders.status();
    subscription = *orders;
    tenon::Task named;
    named.name = "report";
    auto report = tasks.cron(
        "30 4 * * MON-FRI", [this] { ++reports; }, tenon::Zone::utc, named);
    if (!report.ok()) return report.status();
    auto tick = tasks.every(10ms, [this](tenon::Call) -> tenon::Status {
      if (++ticks == 2) throw std::logic_error("second tick");
      return {};
    });
    if (!tick.ok()) return tick.status();
    ticker = *tick;
    return {};
  }
  tenon::Events events;
  tenon::Tasks tasks;
  tenon_id subscription = 0, ticker = 0;
  std::string seen;
  int stock = 10, reports = 0, ticks = 0;
  bool deadline_known = false;
  std::shared_ptr<int> alive = std::make_shared<int>(0);
};

tenon::testing::Host shop() { return tenon::testing::Host::of<Shop>(); }

}  // namespace

TEST_CASE("events in C++: handlers get the event and their call, what they publish is captured") {
  tenon::testing::Host host = shop();
  tenon::Publish retained;
  retained.retain = true;
  REQUIRE(host.events().publish("orders.eu", "first", retained).ok());
  REQUIRE(host.boot().ok());
  Shop& module = host.object<Shop>();
  host.set_deadline(5s);
  REQUIRE(host.events().publish("orders.us", "second").ok());
  CHECK(host.events().deliver() == 2);
  CHECK(module.seen == "orders.eu=first! orders.us=second ");
  CHECK(module.deadline_known);
  const auto published = host.events().published("shop.>");
  REQUIRE(published.size() == 2);
  CHECK(published[1].payload == "8");
  CHECK(published[1].content_type == "text/plain");
  CHECK(published[1].retain);
  CHECK(host.finish().empty());
}

TEST_CASE("events in C++: what a handler throws or returns is its failure, and the lambda goes with the subscription") {
  tenon::testing::Host host = shop();
  REQUIRE(host.boot().ok());
  Shop& module = host.object<Shop>();
  CHECK(module.alive.use_count() == 2);
  for (const char* text : {"bad", "worse", "good"}) REQUIRE(host.events().publish("orders.eu", text).ok());
  CHECK(host.events().deliver() == 3);
  const auto failures = host.events().failures();
  REQUIRE(failures.size() == 2);
  CHECK(failures[0].reason() == "CPP_EXCEPTION");
  CHECK(failures[0].message() == "no such order");
  CHECK(failures[1].code() == TENON_INVALID_ARGUMENT);
  const auto stats = module.events.stats(module.subscription);
  REQUIRE(stats.ok());
  CHECK(stats->delivered == 3);
  CHECK(stats->failed == 2);
  CHECK(module.events.unsubscribe(module.subscription).ok());
  CHECK(module.events.unsubscribe(module.subscription).code() == TENON_NOT_FOUND);
  host.deliver();
  CHECK(module.alive.use_count() == 1);
  CHECK(module.events.publish("tenon.mine", "").status().reason() == "RESERVED");
  CHECK(module.events.forget("shop.none").code() == TENON_NOT_FOUND);
  CHECK(host.finish().empty());
}

TEST_CASE("tasks in C++: the clock is moved by hand, and what falls due runs at its time") {
  tenon::testing::Host host = shop();
  host.tasks().set_time("2026-02-27T04:29:59Z");  // a Friday
  REQUIRE(host.boot().ok());
  Shop& module = host.object<Shop>();
  CHECK(host.tasks().run() == 0);
  CHECK(host.tasks().advance(25ms) == 2);
  CHECK(module.ticks == 2);
  REQUIRE(host.tasks().failures().size() == 1);
  CHECK(host.tasks().failures()[0].message() == "second tick");
  CHECK(module.tasks.status(module.ticker)->failures == 1);
  CHECK(module.tasks.cancel(module.ticker).ok());
  CHECK(host.tasks().advance(975ms) == 1);
  CHECK(module.reports == 1);
  CHECK(host.tasks().advance(48h) == 0);  // the weekend
  CHECK(host.tasks().advance(24h) == 1);
  CHECK(host.tasks().list().size() == 1);
  CHECK(host.tasks().list()[0].name == "report");
  CHECK(module.tasks.cron("no schedule", [] {}).status().reason() == "BAD_SCHEDULE");
  bool looped = false;
  auto loop = module.tasks.loop([&looped](tenon::Call call) {
    while (!call.wait_for(1h)) {
    }
    looped = true;
  });
  REQUIRE(loop.ok());
  CHECK(module.tasks.cancel_wait(*loop, tenon::Clock::now() + 10s).ok());
  CHECK(looped);
  CHECK(host.finish().empty());
}
