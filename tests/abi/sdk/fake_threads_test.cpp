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

namespace {

/// A thread of the module that ends what the test's thread is inside of.
struct Watching {
  using needs = tenon::needs<tenon::State>;
  explicit Watching(tenon::Ctx ctx) : state(ctx) {}
  void init() {
    space = state.open("under_test").value();
    id = space
             .watch("",
                    [this, text = std::string(64, 'x')](const tenon::StateChanges&) {
                      inside = true;
                      while (!late) std::this_thread::yield();
                      seen = text[63];
                    })
             .value();
  }
  void start() {
    thread = std::thread([this] {
      while (!inside) std::this_thread::yield();
      early = space.unwatch_wait(id, tenon::Clock::now()).code();
      late = true;
      again = space.unwatch_wait(id, tenon::Clock::now() + 30s).code();
    });
  }
  void stop() { thread.join(); }
  tenon::State state;
  tenon::StateSpace space;
  tenon_id id = 0;
  std::thread thread;
  std::atomic<bool> inside{false}, late{false};
  tenon_status early = TENON_OK, again = TENON_OK;
  char seen = ' ';
};

/// A thread of the module that waits until its watch is quiet.
struct Quiet : Watching {
  using Watching::Watching;
  void start() {
    thread = std::thread([this] {
      while (!inside) std::this_thread::yield();
      late = true;
      early = space.unwatch_wait(id, tenon::Clock::now() + 30s).code();
      seen_then = seen;
    });
  }
  char seen_then = ' ';
};

}  // namespace

TEST_CASE("a watch is released after the handler that runs, and unwatch_wait waits for it until its deadline") {
  SUBCASE("too short") {
    Host host = Host::of<Watching>();
    REQUIRE(host.boot().ok());
    host.storage().put("under_test", "k", "v");
    host.deliver();
    CHECK(host.stop().ok());
    CHECK(host.object<Watching>().early == TENON_DEADLINE_EXCEEDED);
    CHECK(host.object<Watching>().again == TENON_NOT_FOUND);
    CHECK(host.object<Watching>().seen == 'x');
    CHECK(host.finish().empty());
  }
  SUBCASE("long enough") {
    Host host = Host::of<Quiet>();
    REQUIRE(host.boot().ok());
    host.storage().put("under_test", "k", "v");
    host.deliver();
    CHECK(host.stop().ok());
    CHECK(host.object<Quiet>().early == TENON_OK);
    CHECK(host.object<Quiet>().seen_then == 'x');
    CHECK(host.finish().empty());
  }
}

namespace {

struct LogSink {
  static constexpr std::string_view id = TENON_LOG_SINK;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_log_sink, set_level);
};

/// Detaches in its second record; or a thread of it does while one runs.
struct Receiving {
  using needs = tenon::needs<LogSink>;
  struct Kept {
    Receiving* module;
    std::string last;
    ~Kept() { module->released_after = module->records.load(); }
  };
  explicit Receiving(tenon::Ctx c) : ctx(c), sink(c.require<tenon_log_sink>(LogSink::id)) {}
  static void record(void* data, const tenon_log_record* r) noexcept {
    auto& kept = *static_cast<Kept*>(data);
    Receiving& m = *kept.module;
    ++m.records;
    if (m.own_thread) {
      if (m.records == 2) m.inside = true;
      while (m.records == 2 && Host::from(m.ctx.raw()).log_sink().attached()) std::this_thread::yield();
    } else if (m.records == 2) {
      (void)m.sink->detach(m.ctx.raw(), m.id);
    }
    kept.last = tenon::view(r->message);
    m.written += kept.last;
  }
  Status init() {
    static constexpr tenon_log_receiver receiver = {sizeof(tenon_log_receiver), 0, &record, nullptr};
    return Status::of([&](tenon_error* e) {
      return sink->attach(
          ctx.raw(), &receiver, new Kept{this, {}}, [](void* data) noexcept { delete static_cast<Kept*>(data); }, &id, e);
    });
  }
  void start() {
    if (own_thread)
      thread = std::thread([this] {
        while (!inside) std::this_thread::yield();
        (void)sink->detach(ctx.raw(), id);
        written_at_return = written;
      });
  }
  void stop() {
    if (thread.joinable()) thread.join();
  }
  static inline bool own_thread = false;
  tenon::Ctx ctx;
  const tenon_log_sink* sink;
  tenon_id id = 0;
  std::thread thread;
  std::atomic<bool> inside{false};
  std::atomic<int> records{0}, released_after{0};
  std::string written, written_at_return;
};

}  // namespace

TEST_CASE("a log receiver that detaches is released when its record has returned, and gets no more") {
  SUBCASE("inside a record") {
    Receiving::own_thread = false;
    Host host = Host::of<Receiving>();
    REQUIRE(host.boot().ok());
    for (const char* text : {"one ", "two ", "three "}) host.log_sink().write({"orders", text});
    CHECK(host.object<Receiving>().written == "one two ");
    CHECK(host.object<Receiving>().released_after == 2);
    CHECK(host.finish().empty());
  }
  SUBCASE("inside a record that is replayed") {
    Receiving::own_thread = false;
    Host host = Host::of<Receiving>();
    for (const char* text : {"one ", "two ", "three "}) host.log_sink().write({"orders", text});
    REQUIRE(host.boot().ok());
    CHECK(host.object<Receiving>().written == "one two ");
    CHECK(host.finish().empty());
  }
  SUBCASE("on another thread") {
    Receiving::own_thread = true;
    Host host = Host::of<Receiving>();
    REQUIRE(host.boot().ok());
    for (const char* text : {"one ", "two ", "three "}) host.log_sink().write({"orders", text});
    CHECK(host.stop().ok());
    CHECK(host.object<Receiving>().written == "one two ");
    CHECK(host.object<Receiving>().written_at_return == "one two ");
    CHECK(host.finish().empty());
  }
}

namespace {

/// Another thread is in `record` when the module is ended; the release takes its time, and uses the module.
struct Ending {
  using needs = tenon::needs<LogSink>;
  explicit Ending(tenon::Ctx c) : ctx(c), sink(c.require<tenon_log_sink>(LogSink::id)) {}
  ~Ending() { releasing_at_end = releasing.load(); }
  static void record(void* data, const tenon_log_record*) noexcept {
    auto& m = *static_cast<Ending*>(data);
    if (detach_inside) (void)m.sink->detach(m.ctx.raw(), m.id);
    inside = true;
    while (Host::from(m.ctx.raw()).log_sink().attached()) std::this_thread::yield();
  }
  static void release(void*) noexcept {
    releasing = true;
    std::this_thread::sleep_for(50ms);
    releasing = false;
    ++released;
  }
  Status init() {
    static constexpr tenon_log_receiver receiver = {sizeof(tenon_log_receiver), 0, &record, nullptr};
    return Status::of([&](tenon_error* e) { return sink->attach(ctx.raw(), &receiver, this, &release, &id, e); });
  }
  static inline bool detach_inside = false;
  static inline std::atomic<bool> inside{false}, releasing{false}, releasing_at_end{false};
  static inline std::atomic<int> released{0};
  tenon::Ctx ctx;
  const tenon_log_sink* sink;
  tenon_id id = 0;
};

}  // namespace

TEST_CASE("a module is not destroyed while its log receiver is released") {
  SUBCASE("that the host detaches") { Ending::detach_inside = false; }
  SUBCASE("that detaches inside a record") { Ending::detach_inside = true; }
  Ending::inside = Ending::releasing_at_end = false;
  Ending::released = 0;
  Host host = Host::of<Ending>();
  REQUIRE(host.boot().ok());
  std::thread other([&] { host.log_sink().write({"orders", "one"}); });
  while (!Ending::inside) std::this_thread::yield();
  CHECK(host.finish().empty());
  CHECK_FALSE(Ending::releasing_at_end);
  CHECK(Ending::released == 1);
  other.join();
}

namespace {

/// A loop that writes what it has when it should end, and waits for it; or when stop tells it.
struct Flushing {
  using needs = tenon::needs<tenon::Storage, tenon::Tasks, tenon::Calls>;
  explicit Flushing(tenon::Ctx ctx) : storage(ctx), tasks(ctx) {}
  Status init() {
    space = storage.open("under_test").value();
    return tasks
        .loop([this](tenon::Call call) {
          while (!call.wait_for(1h)) {
          }
          while (patient && !stopping) std::this_thread::yield();
          tenon::StorageTransaction transaction;
          transaction.put("k", "v");
          std::atomic<bool> done{false};
          if (!space.commit_async(transaction, [&done](tenon::Result<std::uint64_t>) noexcept { done = true; }).ok()) return;
          while (!done) std::this_thread::yield();
          flushed = true;
        })
        .status();
  }
  void stop() {
    flushed_before_stop = flushed.load();
    stopping = true;
  }
  tenon::Storage storage;
  tenon::Tasks tasks;
  tenon::StorageSpace space;
  std::atomic<bool> patient{false}, stopping{false}, flushed{false};
  bool flushed_before_stop = false;
};

}  // namespace

TEST_CASE("a loop that flushes at its end hears that it is written") {
  Host host = Host::of<Flushing>();
  REQUIRE(host.boot().ok());
  auto& m = host.object<Flushing>();
  SUBCASE("when it is cancelled") {
    CHECK(host.stop().ok());
    CHECK(m.flushed_before_stop);
  }
  SUBCASE("when stop has told it") {
    m.patient = true;
    host.set_deadline(20ms);
    CHECK(host.stop().ok());
    CHECK_FALSE(m.flushed_before_stop);
  }
  CHECK(m.flushed);
  CHECK(host.finish().empty());
}
