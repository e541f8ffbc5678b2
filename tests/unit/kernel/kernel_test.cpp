// The kernel as a whole: what its tick tells the log, and when it wants the next one.
#include "kernel/kernel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/gate.hpp"
#include "waiting.hpp"

using namespace tenon::host;

namespace {

/// Lines about drops, as "dropped other_queues".
struct Lines {
  std::mutex mutex;
  std::vector<std::string> text;
  void operator()(const LogRecordView& r) {
    if (r.message != "a full queue dropped events") return;
    std::string line;
    for (const LogField& f : r.fields)
      if (f.key == "dropped" || f.key == "other_queues") line += (line.empty() ? "" : " ") + std::string(f.value);
    const std::lock_guard lock(mutex);
    text.push_back(line);
  }
};

}  // namespace

TEST_CASE("kernel: a million events into full queues write at most one line per second, however many queues there are") {
  LogCore log;
  Lines lines;
  const std::uint64_t receiver = log.add_receiver([&lines](const LogRecordView& r) { lines(r); });
  auto made = Kernel::make(log, {});
  REQUIRE(made);
  Kernel& kernel = **made;
  Owner module("orders", 1, true);  // visible, not callable: everything stays queued
  module.set_reach(Reach::visible);
  EventClient client = kernel.events().join(module, Permissions::all("orders"));
  std::vector<int> data(5);
  for (int& d : data) {
    EventHandler handler;
    handler.deliver = [](void*, const EventView&, Call&) noexcept { return Code::ok; };
    handler.data = &d;
    REQUIRE(client.subscribe("a.*", handler));
  }
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t now = 1000 * second;
  const std::int64_t begin = now;
  for (int i = 0; i < 1'000'000; ++i) {
    if (!client.publish({"a.b", "x", {}, {}, false})) FAIL("refused");
    if (i % 5000 == 0) kernel.tick(now += second / 100);
  }
  REQUIRE(now - begin == 2 * second);
  kernel.tick(now + second);
  CHECK(lines.text.size() <= 4);
  REQUIRE(lines.text.size() >= 2);
  std::uint64_t told = 0;
  for (const std::string& line : lines.text) {
    told += std::stoull(line);
    CHECK(line.substr(line.find(' ') + 1) == "4");
  }
  CHECK(told == 1'000'000 - 1024);
  log.remove_receiver(receiver);
  module.gate().advance(Gate::State::closed);
  CHECK(kernel.events().leave(module, monotonic_ns() + second).quiet);
  CHECK(kernel.workers().leave(module, monotonic_ns() + second).quiet);
  CHECK(kernel.end(monotonic_ns() + second));
}

TEST_CASE("kernel: a tick is wanted soon while handlers run, once per second else, and the first work after that rouses") {
  prepare_gates();
  LogCore log;
  auto made = Kernel::make(log, {});
  REQUIRE(made);
  Kernel& kernel = **made;
  std::atomic<int> roused{0};
  kernel.on_rouse([&roused] { ++roused; });
  Owner module("orders", 1, true);
  module.set_reach(Reach::callable);
  tenon::test::Counter inside, go;
  struct Latches {
    tenon::test::Counter& inside;
    tenon::test::Counter& go;
  } latches{inside, go};
  Job job;
  job.data = &latches;
  job.run = [](void* data) noexcept {
    auto& l = *static_cast<Latches*>(data);
    l.inside.add();
    CHECK(l.go.reaches(1));
  };

  std::int64_t now = monotonic_ns();
  CHECK(kernel.tick(now) == now + Kernel::idle_tick_ns);
  CHECK(roused == 0);
  REQUIRE(kernel.workers().post(module, job));
  REQUIRE(kernel.workers().post(module, job));
  CHECK(roused == 1);
  REQUIRE(inside.reaches(2));
  now += Kernel::tick_ns;
  CHECK(kernel.tick(now) == now + Kernel::tick_ns);
  REQUIRE(kernel.workers().post(module, job));
  CHECK(roused == 1);  // it was not told that it may sleep
  go.add();
  CHECK(tenon::test::becomes([&] { return kernel.workers().rest(); }));
  kernel.on_rouse({});
  REQUIRE(kernel.workers().post(module, job));
  CHECK(roused == 1);

  HealthCheck check;
  check.name = "database";
  check.interval_ns = 300'000'000;
  check.run = [](void*, Call&, Error&) noexcept { return Code::ok; };
  REQUIRE(kernel.health().join(module, {check}));
  kernel.health().started(module);
  kernel.tick(monotonic_ns());  // asks it
  CHECK(tenon::test::becomes([&] {
    now = monotonic_ns();
    const std::int64_t next = kernel.tick(now);
    return next > now + Kernel::tick_ns && next <= now + check.interval_ns;  // idle, but for the check
  }));
  module.gate().advance(Gate::State::draining);
  kernel.health().drain(module);
  module.gate().advance(Gate::State::closed);
  kernel.health().leave(module);
  CHECK(kernel.workers().leave(module, tenon::test::soon()).quiet);
  CHECK(kernel.end(tenon::test::soon()));
}

TEST_CASE("kernel: a module that is denied again and again writes at most ten lines per second and a sum, others are told all the same") {
  LogCore log;
  std::vector<std::pair<std::string, std::string>> told;  // module, and how often
  const std::uint64_t receiver = log.add_receiver([&told](const LogRecordView& r) {
    std::string module, times = "1";
    for (const LogField& f : r.fields) {
      if (f.key == "module") module = f.value;
      if (f.key == "times") times = f.value;
    }
    if (r.message.starts_with("denied")) told.emplace_back(module, times);
  });
  auto made = Kernel::make(log, {});
  REQUIRE(made);
  Kernel& kernel = **made;
  constexpr std::int64_t second = 1'000'000'000;
  const Error error{Code::permission_denied, "no", "NOT_ASKED", 0, ExitCode::no_permission};
  const auto times = [&told](const std::string& module) {
    std::uint64_t all = 0;
    for (const auto& [name, n] : told)
      if (name == module) all += std::stoull(n);
    return all;
  };
  std::int64_t now = 1000 * second;
  kernel.tick(now);
  for (int i = 0; i < 100'000; ++i) kernel.denied("greedy", "service", "orders.create", error);
  CHECK(told.size() == Kernel::denials_per_second);
  kernel.denied("honest", "service", "orders.create", error);
  CHECK(times("honest") == 1);
  kernel.tick(now + second / 2);
  CHECK(told.size() == Kernel::denials_per_second + 1);
  kernel.tick(now += second);
  CHECK(told.size() == Kernel::denials_per_second + 2);
  CHECK(times("greedy") == 100'000);
  kernel.denied("greedy", "service", "orders.create", error);  // a new second
  CHECK(times("greedy") == 100'001);
  for (int i = 0; i < 20; ++i) kernel.denied("greedy", "service", "orders.create", error);
  CHECK(kernel.end(tenon::test::soon()));
  CHECK(times("greedy") == 100'021);  // the end tells the rest
  log.remove_receiver(receiver);
}

TEST_CASE("kernel: a trace goes on from a call to an event, from that to another call, and from there to the next event") {
  prepare_gates();
  LogCore log;
  auto made = Kernel::make(log, {});
  REQUIRE(made);
  Kernel& kernel = **made;
  struct Shop {
    explicit Shop(Kernel& k) : kernel(k) {}
    Kernel& kernel;
    Owner owner{"shop", 1, true};
    EventClient events = kernel.events().join(owner, Permissions::all("shop"));
    std::shared_ptr<ServiceSeat> seat = kernel.services().join(owner, Permissions::all("shop"), {});
    std::mutex mutex;
    std::vector<std::string> seen;
    tenon::test::Counter ended;
    void note(std::string_view where, std::string_view trace) {
      const std::lock_guard lock(mutex);
      seen.push_back(std::string(where) + " " + std::string(trace));
    }
  } shop(kernel);
  shop.owner.set_reach(Reach::callable);
  kernel.events().owner_reach_changed(shop.owner);
  kernel.services().owner_reach_changed(*shop.seat);
  const auto handle = [](void* data, ServiceCall& c, const Request&, Reply&) {
    auto& s = *static_cast<Shop*>(data);
    s.note(c.service(), c.trace_parent());
    const bool buy = c.service() == "shop.buy";
    return s.events.publish({buy ? "shop.bought" : "shop.shipped", {}, {}, {}, false}) ? Code::ok : Code::internal;
  };
  for (const char* name : {"shop.buy", "shop.ship"}) {
    ServiceOffer offer;
    offer.name = name;
    offer.handle = handle;
    offer.data = &shop;
    REQUIRE(kernel.services().add(*shop.seat, offer));
  }
  EventHandler on_event;
  on_event.data = &shop;
  on_event.deliver = [](void* data, const EventView& e, Call&) noexcept {
    auto& s = *static_cast<Shop*>(data);
    s.note(e.topic, e.traceparent);
    if (e.topic == "shop.bought") {
      Reply reply;
      Error error;
      if (s.kernel.services().call(*s.seat, "shop.ship", {}, reply, error) != Code::ok) return error.code;
    } else {
      s.ended.add();
    }
    return Code::ok;
  };
  REQUIRE(shop.events.subscribe("shop.*", on_event));
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto buy = [&](std::string_view with) {
    Reply reply;
    Error error;
    return kernel.services().call(*shop.seat, "shop.buy", {}, reply, error, {no_deadline, with});
  };
  REQUIRE(buy(trace) == Code::ok);
  REQUIRE(shop.ended.reaches(1));
  REQUIRE(buy({}) == Code::ok);  // nothing of the first is left on any thread
  REQUIRE(shop.ended.reaches(2));
  const std::vector<std::string> expected = {"shop.buy " + trace, "shop.bought " + trace, "shop.ship " + trace, "shop.shipped " + trace,
                                             "shop.buy ",         "shop.bought ",         "shop.ship ",         "shop.shipped "};
  CHECK(shop.seen == expected);
  CHECK(buy("no trace") == Code::invalid_argument);

  shop.owner.gate().advance(Gate::State::draining);
  CHECK(kernel.services().leave(*shop.seat, tenon::test::soon()).quiet);
  CHECK(kernel.events().leave(shop.owner, tenon::test::soon()).quiet);
  shop.owner.gate().advance(Gate::State::closed);
  CHECK(kernel.workers().leave(shop.owner, tenon::test::soon()).quiet);
  CHECK(kernel.end(tenon::test::soon()));
}
