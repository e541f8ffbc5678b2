// What a thread of the module is in, on the fake host: the kind of callback, the call and its deadline, and the call's scope.
#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <tenon/testing.hpp>
#include <thread>

using namespace std::chrono_literals;
using tenon::Status;
using tenon::testing::Host;
using tenon::testing::ServiceAnswer;
using tenon::testing::ServiceRequest;

namespace {

struct Everywhere {
  using needs = tenon::needs<tenon::Calls, tenon::Check, tenon::Config, tenon::Events, tenon::Leases, tenon::Services, tenon::State,
                             tenon::Storage, tenon::Tasks>;
  explicit Everywhere(tenon::Ctx ctx)
      : check(ctx), config(ctx), events(ctx), leases(ctx), services(ctx), state(ctx), storage(ctx), tasks(ctx) {}
  void look(const std::string& where) {
    const std::lock_guard<std::mutex> lock(mutex);
    seen[where] = check.thread();
  }
  void ask() {
    tenon::Answer<> answer;
    (void)services.call("other.ask", tenon::Bytes("?"), answer);
  }
  void init() {
    look("init");
    (void)config.on_change("a", [this](std::string_view) { look("on_change"); }).value();
    (void)events.subscribe("a.b", [this](const tenon::Event&) { look("event"); }).value();
    (void)state.open("under_test").value().watch("", [this](const tenon::StateChanges&) { look("watch"); }).value();
    const auto answer = [this](const tenon::Request&, tenon::Reply&, tenon::Call call) {
      look("service");
      kind_of_service = leases.describe(leases.of(call).value()).value().kind;
    };
    (void)services.offer("mine.ask", answer).value();
    const auto limited = [this](tenon::Call call) {
      look("task");
      scope_of_task = leases.of(call).value();
      kind_of_task = leases.describe(scope_of_task).value().kind;
      ask();
    };
    (void)tasks.post(limited, {"limited", 1s}).value();
    (void)tasks
        .loop([this](tenon::Call call) {
          look("loop");
          ask();
          (void)call.wait_for(1h);
        })
        .value();
  }
  Status healthy() {
    look("health");
    return {};
  }
  static const void* query(std::string_view id) noexcept {
    static constexpr tenon::HealthChecks checks(tenon::required_check<Everywhere, &Everywhere::healthy>("healthy"));
    return id == TENON_HEALTH ? checks.table() : nullptr;
  }
  tenon::Check check;
  tenon::Config config;
  tenon::Events events;
  tenon::Leases leases;
  tenon::Services services;
  tenon::State state;
  tenon::Storage storage;
  tenon::Tasks tasks;
  std::mutex mutex;
  std::map<std::string, std::int32_t> seen;
  std::uint32_t kind_of_service = 0, kind_of_task = 0;
  tenon::Scope scope_of_task;
};

}  // namespace

TEST_CASE("a call a task makes is made in the call of the task, whatever else the module is in") {
  Host host = Host::of<Everywhere>();
  std::mutex mutex;
  std::vector<std::chrono::nanoseconds> timeouts;
  host.services().mock("other.ask", [&](const ServiceRequest& q) -> ServiceAnswer {
    const std::lock_guard<std::mutex> lock(mutex);
    timeouts.push_back(q.timeout);
    return "!";
  });
  REQUIRE(host.create().ok());
  REQUIRE(host.init().ok());
  host.set_deadline(2s);  // of start, and of what follows: a loop has none of its own
  REQUIRE(host.start().ok());
  while (host.services().called().empty()) std::this_thread::yield();
  CHECK(host.tasks().run() == 1);
  CHECK(host.stop().ok());
  REQUIRE(timeouts.size() == 2);
  CHECK(timeouts[0] > 2s);
  CHECK(timeouts[0] <= 5s);
  CHECK(timeouts[1] <= 1s);
  CHECK(host.finish().empty());
}

TEST_CASE("tenon.check tells [control] and [worker] callbacks apart") {
  Host host = Host::of<Everywhere>({{"a", 1}});
  REQUIRE(host.boot().ok());
  auto& m = host.object<Everywhere>();
  CHECK(host.change("a", 2).ok());
  CHECK(host.events().publish("a.b", "x").ok());
  host.events().deliver();
  host.storage().put("under_test", "k", "v");
  host.deliver();
  CHECK(host.services().call("mine.ask", "").status.ok());
  host.tasks().run();
  CHECK(host.check_health("healthy").ok());
  const auto space = m.storage.open("under_test").value();
  tenon::StorageTransaction transaction;
  transaction.put("a", "b");
  REQUIRE(space.commit_async(transaction, [&m](tenon::Result<std::uint64_t>) noexcept { m.look("committed"); }).ok());
  host.deliver();
  m.look("test");
  CHECK(host.stop().ok());
  const std::map<std::string, std::int32_t> expected = {{"init", TENON_THREAD_CONTROL},   {"on_change", TENON_THREAD_CONTROL},
                                                        {"event", TENON_THREAD_WORKER},   {"watch", TENON_THREAD_WORKER},
                                                        {"service", TENON_THREAD_WORKER}, {"task", TENON_THREAD_WORKER},
                                                        {"health", TENON_THREAD_WORKER},  {"committed", TENON_THREAD_WORKER},
                                                        {"loop", TENON_THREAD_WORKER},    {"test", TENON_THREAD_OTHER}};
  CHECK(m.seen == expected);
  CHECK(host.finish().empty());
}

TEST_CASE("the scope of a call of a service is that of a request, of a job elsewhere") {
  Host host = Host::of<Everywhere>();
  REQUIRE(host.boot().ok());
  CHECK(host.services().call("mine.ask", "").status.ok());
  host.tasks().run();
  CHECK(host.object<Everywhere>().kind_of_service == TENON_SCOPE_REQUEST);
  CHECK(host.object<Everywhere>().kind_of_task == TENON_SCOPE_JOB);
  auto& m = host.object<Everywhere>();
  CHECK(m.leases.describe(m.scope_of_task).status().code() == TENON_NOT_FOUND);  // it has ended with the task
  CHECK(host.finish().empty());
}

namespace {

struct Table {
  std::uint32_t struct_size, reserved;
};
constexpr Table table{sizeof(Table), 0};
constexpr tenon::Token<Table> token{"mine.thing/1"};

/// Makes a thing when a service is called; that asks somebody else.
struct Making {
  using needs = tenon::needs<tenon::Calls, tenon::Container, tenon::Leases, tenon::Services>;
  explicit Making(tenon::Ctx ctx) : container(ctx), leases(ctx), services(ctx) {}
  void init() {
    const auto make = [this](tenon::Scope, tenon::Call call) -> tenon::Result<std::unique_ptr<int>> {
      deadline = call.deadline();
      tenon::Answer<> answer;
      (void)services.call("other.ask", tenon::Bytes("?"), answer);
      return std::make_unique<int>(1);
    };
    (void)container.provide_factory(token, tenon::Lifetime::transient, &table, make).value();
    const auto acquire = [this](const tenon::Request&, tenon::Reply&, tenon::Call call) {
      of_acquirer = call.deadline();
      (void)leases.acquire(token).value();
    };
    (void)services.offer("mine.make", acquire).value();
  }
  tenon::Container container;
  tenon::Leases leases;
  tenon::Services services;
  tenon::Clock::time_point deadline, of_acquirer;
};

}  // namespace

TEST_CASE("a factory has the deadline of the call something is made for, or of 5 s") {
  Host host = Host::of<Making>();
  std::chrono::nanoseconds timeout{};
  host.services().mock("other.ask", [&](const ServiceRequest& q) -> ServiceAnswer {
    timeout = q.timeout;
    return "!";
  });
  REQUIRE(host.boot().ok());
  const auto& m = host.object<Making>();
  ServiceRequest q;
  q.timeout = 2s;
  REQUIRE(host.services().call("mine.make", "", q).status.ok());
  CHECK(m.deadline == m.of_acquirer);
  CHECK(timeout <= 2s);
  const auto before = tenon::Clock::now();
  const auto lease = host.container().acquire(token);
  REQUIRE(lease.ok());
  CHECK(m.deadline >= before + 5s);
  CHECK(m.deadline <= tenon::Clock::now() + 5s);
  CHECK(host.container().release(lease->id).ok());
  CHECK(host.finish().empty());
}

namespace {

/// Everything it has registered sees where it is released.
struct Released {
  using needs =
      tenon::needs<tenon::Calls, tenon::Check, tenon::Config, tenon::Container, tenon::Events, tenon::Services, tenon::State, tenon::Tasks>;
  struct Last {
    Released* module;
    const char* what;
    Last(Released* m, const char* w) : module(m), what(w) {}
    ~Last() { seen[what] = module->check.thread(); }
  };
  explicit Released(tenon::Ctx ctx) : check(ctx), config(ctx), container(ctx), events(ctx), services(ctx), state(ctx), tasks(ctx) {}
  std::shared_ptr<Last> last(const char* what) { return std::make_shared<Last>(this, what); }
  void init() {
    (void)config.on_change("a", [l = last("on_change")](std::string_view) {}).value();
    event = events.subscribe("a.b", [l = last("event")](const tenon::Event&) {}).value();
    service = services.offer("mine.ask", [l = last("service")](const tenon::Request&, tenon::Reply&) {}).value();
    space = state.open("under_test").value();
    watch = space.watch("", [l = last("watch")](const tenon::StateChanges&) {}).value();
    task = tasks.every(1h, [l = last("task")] {}).value();
    const auto make = [this, l = last("factory")](tenon::Scope) -> tenon::Result<std::unique_ptr<Last>> {
      return std::make_unique<Last>(this, "disposed");
    };
    factory = container.provide_factory(token, tenon::Lifetime::transient, &table, make).value();
  }
  tenon::Check check;
  tenon::Config config;
  tenon::Container container;
  tenon::Events events;
  tenon::Services services;
  tenon::State state;
  tenon::Tasks tasks;
  tenon_id event = 0, service = 0, watch = 0, task = 0, factory = 0;
  tenon::StateSpace space;
  static inline std::map<std::string, std::int32_t> seen;
};

}  // namespace

TEST_CASE("tenon.check: what is released is so on a worker, but for on_change") {
  Host host = Host::of<Released>({{"a", 1}});
  Released::seen.clear();
  const Status booted = host.boot();
  INFO(booted.message());
  REQUIRE(booted.ok());
  auto& m = host.object<Released>();
  const auto lease = host.container().acquire(token);
  REQUIRE(lease.ok());
  CHECK(host.container().release(lease->id).ok());
  std::map<std::string, std::int32_t> expected = {{"disposed", TENON_THREAD_WORKER}};
  CHECK(Released::seen == expected);
  for (const char* what : {"event", "service", "watch", "task", "factory"}) expected[what] = TENON_THREAD_WORKER;
  SUBCASE("as it ends them") {
    CHECK(m.events.unsubscribe(m.event).ok());
    CHECK(m.services.withdraw(m.service).ok());
    CHECK(m.space.unwatch(m.watch).ok());
    CHECK(m.tasks.cancel(m.task).ok());
    CHECK(m.container.withdraw(m.factory).ok());
    host.deliver();
    CHECK(Released::seen == expected);
  }
  SUBCASE("as it leaves") {}
  CHECK(host.finish().empty());
  expected["on_change"] = TENON_THREAD_OTHER;
  CHECK(Released::seen == expected);
}

namespace {

/// A serial module whose releases wait for the end of something else.
struct Serial {
  static constexpr std::uint32_t flags = TENON_SERIAL;
  using needs = tenon::needs<tenon::Calls, tenon::Events, tenon::Tasks>;
  struct Last {
    Serial* module;
    ~Last() { in_release = module->tasks.cancel_wait(module->task, tenon::Clock::now() + 1s).code(); }
  };
  explicit Serial(tenon::Ctx ctx) : events(ctx), tasks(ctx) {}
  void init() {
    task = tasks.every(1h, [] {}).value();
    const auto handler = [this, last = std::shared_ptr<Last>(new Last{this})](const tenon::Event&) {
      in_handler = tasks.cancel_wait(task, tenon::Clock::now() + 1s).code();
    };
    subscription = events.subscribe("a.b", handler).value();
  }
  tenon::Events events;
  tenon::Tasks tasks;
  tenon_id task = 0, subscription = 0;
  static inline tenon_status in_handler = TENON_OK, in_release = TENON_UNKNOWN;
};

}  // namespace

TEST_CASE("a release is no turn of a serial module: it may wait") {
  Host host = Host::of<Serial>();
  REQUIRE(host.boot().ok());
  CHECK(host.events().publish("a.b", "x").ok());
  host.events().deliver();
  CHECK(host.object<Serial>().events.unsubscribe(host.object<Serial>().subscription).ok());
  host.deliver();
  CHECK(Serial::in_handler == TENON_FAILED_PRECONDITION);
  CHECK(Serial::in_release == TENON_OK);
  CHECK(host.finish().empty());
}
