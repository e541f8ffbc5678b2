// The fake host against threads of the module: what runs is waited for, and what it uses is there.
#include <doctest/doctest.h>

#include <atomic>
#include <tenon/testing.hpp>
#include <thread>

using namespace std::chrono_literals;
using tenon::Status;
using tenon::testing::Host;

namespace {

/// A loop that uses what stop takes away, and sees late that it should end.
struct Looping {
  using needs = tenon::needs<tenon::Tasks, tenon::Calls>;
  explicit Looping(tenon::Ctx ctx) : tasks(ctx) {}
  Status init() {
    return tasks
        .loop([this](tenon::Call call) {
          while (!call.wait_for(1h)) {
          }
          seen_cancelled = true;
          while (patient && !stopping) std::this_thread::yield();
          std::this_thread::sleep_for(10ms);
          ended = true;
        })
        .status();
  }
  void stop() {
    ended_before_stop = ended.load();
    stopping = true;
  }
  tenon::Tasks tasks;
  std::atomic<bool> patient{false}, seen_cancelled{false}, stopping{false}, ended{false};
  bool ended_before_stop = false;
};

}  // namespace

TEST_CASE("loops have ended when stop is called") {
  Host host = Host::of<Looping>();
  REQUIRE(host.boot().ok());
  CHECK(host.stop().ok());
  CHECK(host.object<Looping>().ended_before_stop);
  CHECK(host.finish().empty());
}

namespace {

/// A thread of the module's own that is the first to use what the host makes when it is asked.
struct Publishing {
  using needs = tenon::needs<tenon::Events, tenon::Services, tenon::Tasks, tenon::Leases, tenon::Calls>;
  explicit Publishing(tenon::Ctx ctx) : events(ctx), services(ctx), tasks(ctx), leases(ctx) {}
  void start() {
    thread = std::thread([this] {
      (void)events.publish("a.b", "x");
      (void)services.has("a.b");
      (void)tasks.post([] {});
      (void)leases.open({});
      done = true;
    });
  }
  void stop() { thread.join(); }
  tenon::Events events;
  tenon::Services services;
  tenon::Tasks tasks;
  tenon::Leases leases;
  std::thread thread;
  std::atomic<bool> done{false};
};

}  // namespace

TEST_CASE("a thread of the module may be the first to use an interface, while the test delivers") {
  Host host = Host::of<Publishing>();
  REQUIRE(host.boot().ok());
  while (!host.object<Publishing>().done) host.deliver();
  CHECK(host.stop().ok());
  CHECK(host.events().published().size() == 1);
  CHECK(host.finish().empty());
}

TEST_CASE("a loop that waits for stop is waited for half of the time only") {
  Host host = Host::of<Looping>();
  REQUIRE(host.boot().ok());
  auto& m = host.object<Looping>();
  m.patient = true;
  host.set_deadline(100ms);
  CHECK(host.stop().ok());
  CHECK(m.seen_cancelled);
  CHECK_FALSE(m.ended_before_stop);
  CHECK(m.ended);
  CHECK(host.finish().empty());
}
