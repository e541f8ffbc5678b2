// The host's own metrics: what services, events, tasks, storage and modules do, as text that is read back strictly.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "exposition.hpp"
#include "kernel/kernel.hpp"
#include "memory_backend.hpp"

using namespace tenon::host;
using tenon::host::test::Parsed;

namespace {

struct Fixture {
  LogCore log;
  std::unique_ptr<Kernel> kernel;
  Owner orders{"orders", 1, true};
  std::shared_ptr<ServiceSeat> seat;

  Fixture() {
    prepare_gates();
    auto made = Kernel::make(log, {});
    REQUIRE(made);
    kernel = std::move(*made);
    REQUIRE(kernel->open_storage(test::memory_backend(std::make_shared<test::MemoryFile>())));
    orders.set_phase(Phase::run);
    orders.set_reach(Reach::callable);
    seat = kernel->services().join(orders, Permissions::all("orders"), {});
  }
  ~Fixture() {
    const std::int64_t until = monotonic_ns() + 10'000'000'000;
    orders.gate().advance(Gate::State::draining);
    CHECK(kernel->services().leave(*seat, until).quiet);
    CHECK(kernel->events().leave(orders, until).quiet);
    orders.gate().advance(Gate::State::closed);
    CHECK(kernel->tasks().leave(orders, until).quiet);
    CHECK(kernel->end(until));
    CHECK(kernel->close_storage(until));
  }
  void offer(const std::string& name, ServiceHandler handle) {
    ServiceOffer offer;
    offer.name = name;
    offer.handle = handle;
    REQUIRE(kernel->services().add(*seat, offer));
  }
  Code call(const std::string& name) {
    Reply reply;
    Error error;
    return kernel->services().call(*seat, name, {}, reply, error);
  }
  [[nodiscard]] Parsed read() const {
    const std::string text = kernel->metrics_text(monotonic_ns());
    try {
      return Parsed(text);
    } catch (const std::string& what) {
      FAIL(what << "\n" << text);
      throw;
    }
  }
  /// Until a sample has this value.
  [[nodiscard]] bool comes_to(const std::string& sample, double value) const {
    for (const std::int64_t until = monotonic_ns() + 10'000'000'000; monotonic_ns() < until; std::this_thread::yield()) {
      const Parsed now = read();
      if (const auto found = now.samples.find(sample); found != now.samples.end() && found->second == value) return true;
    }
    return false;
  }
};

Code fine(void*, ServiceCall&, const Request&, Reply&) { return Code::ok; }
Code broken(void*, ServiceCall&, const Request&, Reply&) { return Code::data_loss; }

}  // namespace

TEST_CASE("host metrics: calls, errors by code and durations of each method") {
  Fixture f;
  f.offer("orders.create", &fine);
  f.offer("orders.create/2", &broken);
  for (int i = 0; i < 600; ++i) CHECK(f.call("orders.create") == Code::ok);
  for (int i = 0; i < 3; ++i) CHECK(f.call("orders.create/2") == Code::data_loss);
  const Parsed p = f.read();
  const std::string create = "{method=\"create\",module=\"orders\",service=\"orders\"}";
  const std::string second = "{method=\"create/2\",module=\"orders\",service=\"orders\"}";
  CHECK(p.type.at("tenon_service_calls_total") == "counter");
  CHECK(p.samples.at("tenon_service_calls_total" + create) == 600);
  CHECK(p.samples.at("tenon_service_calls_total" + second) == 3);
  CHECK(p.samples.at("tenon_service_errors_total{code=\"DATA_LOSS\",method=\"create/2\",module=\"orders\",service=\"orders\"}") == 3);
  CHECK_FALSE(p.samples.contains("tenon_service_errors_total{code=\"OK\",method=\"create\",module=\"orders\",service=\"orders\"}"));
  CHECK(p.samples.at("tenon_service_calls_in_flight" + create) == 0);
  CHECK(p.samples.at("tenon_service_late_answers_total" + create) == 0);
  CHECK(p.type.at("tenon_service_duration_seconds") == "histogram");
  CHECK(p.samples.at("tenon_service_duration_seconds_count" + create) == 3);  // the 1st, the 257th and the 513th
  CHECK(p.samples.at("tenon_service_duration_seconds_count" + second) == 1);
}

TEST_CASE("host metrics: however many services there are, the text is bounded, and nothing is left out of the sum") {
  Fixture f;
  for (int i = 0; i < 700; ++i) f.offer("orders.method-" + std::to_string(i), &fine);
  for (int i = 0; i < 700; ++i) CHECK(f.call("orders.method-" + std::to_string(i)) == Code::ok);
  const Parsed p = f.read();
  int series = 0;
  double sum = 0;
  for (const auto& [key, value] : p.samples)
    if (key.starts_with("tenon_service_calls_total{")) {
      ++series;
      sum += value;
    }
  CHECK(series == 501);
  CHECK(sum == 700);
  CHECK(p.samples.at("tenon_service_calls_total{method=\"*\",module=\"host\",service=\"*\"}") == 200);
}

TEST_CASE("host metrics: modules by state, storage, state, threads") {
  Fixture f;
  std::uint64_t running = 1;
  f.kernel->count_modules_by([&running] { return std::map<std::string, std::uint64_t>{{"refused", 1}, {"running", running}}; });
  running = 2;  // looked at when somebody asks
  const auto space = f.kernel->storage()->define("orders");
  REQUIRE(space);
  REQUIRE(f.kernel->storage()->put(*space, "key", "value"));
  CHECK_FALSE(f.kernel->storage()->erase(*space, "key", 99));  // a conflict
  const Parsed p = f.read();
  CHECK(p.samples.at("tenon_modules{module=\"host\",state=\"running\"}") == 2);
  CHECK(p.samples.at("tenon_modules{module=\"host\",state=\"refused\"}") == 1);
  CHECK_FALSE(p.samples.contains("tenon_modules{module=\"host\",state=\"loaded\"}"));
  CHECK(p.samples.at("tenon_storage_transactions_total{module=\"host\",outcome=\"committed\"}") == 1);
  CHECK(p.samples.at("tenon_storage_transactions_total{module=\"host\",outcome=\"refused\"}") == 1);
  CHECK(p.samples.at("tenon_storage_transactions_total{module=\"host\",outcome=\"failed\"}") == 0);
  CHECK(p.samples.at("tenon_storage_bytes{module=\"host\",namespace=\"orders\"}") > 8);
  CHECK(p.samples.at("tenon_storage_disk_full{module=\"host\"}") == 0);
  CHECK(p.samples.at("tenon_state_watches{module=\"host\"}") == 0);
  CHECK(p.samples.contains("tenon_uptime_seconds{module=\"host\"}"));
  CHECK(p.samples.contains("tenon_worker_threads{module=\"host\",state=\"idle\"}"));
}

TEST_CASE("host metrics: events and tasks are counted beyond the end of a subscription and of a task") {
  Fixture f;
  EventClient client = f.kernel->events().join(f.orders, Permissions::all("orders"));
  EventHandler handler;
  handler.deliver = [](void*, const EventView&, Call&) noexcept { return Code::ok; };
  const auto subscribed = client.subscribe("orders.>", handler, {});
  REQUIRE(subscribed);
  for (int i = 0; i < 5; ++i) REQUIRE(client.publish({"orders.created", "x", {}, {}, false}));
  CHECK(f.comes_to("tenon_events_delivered_total{module=\"orders\"}", 5));
  REQUIRE(client.unsubscribe_wait(subscribed->id, monotonic_ns() + 10'000'000'000));
  // One whose queue is too small for the events that come before it may have them.
  f.orders.set_reach(Reach::visible);
  f.kernel->events().owner_reach_changed(f.orders);
  EventOptions small;
  small.queue_events = 1;
  const auto full = client.subscribe("orders.>", handler, small);
  REQUIRE(full);
  for (int i = 0; i < 4; ++i) REQUIRE(client.publish({"orders.created", "x", {}, {}, false}));
  CHECK(f.read().samples.at("tenon_events_dropped_total{module=\"orders\"}") == 3);
  CHECK(f.read().samples.at("tenon_events_queued{module=\"orders\"}") == 1);
  CHECK(f.read().samples.at("tenon_events_delivered_total{module=\"orders\"}") == 5);
  f.orders.set_reach(Reach::callable);
  f.kernel->events().owner_reach_changed(f.orders);

  TaskHandler task;
  task.run = [](void*, Call&) noexcept { return Code::internal; };
  REQUIRE(f.kernel->tasks().post(f.orders, task));
  REQUIRE(f.kernel->tasks().after(f.orders, 3'600'000'000'000, task));
  CHECK(f.comes_to("tenon_task_runs_total{kind=\"post\",module=\"orders\"}", 1));
  CHECK(f.comes_to("tenon_tasks{kind=\"post\",module=\"orders\"}", 0));
  const Parsed p = f.read();
  CHECK(p.samples.at("tenon_task_failures_total{kind=\"post\",module=\"orders\"}") == 1);
  CHECK(p.samples.at("tenon_task_runs_total{kind=\"post\",module=\"orders\"}") == 1);
  CHECK(p.samples.at("tenon_tasks{kind=\"after\",module=\"orders\"}") == 1);
}
