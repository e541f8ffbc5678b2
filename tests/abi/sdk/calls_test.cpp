#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <tenon/testing.hpp>
#include <thread>

using namespace std::chrono_literals;
using tenon::Deferred;
using tenon::Status;
using tenon::testing::Host;

namespace {

/// What start does is given by the test.
struct Late {
  using needs = tenon::needs<tenon::Log, tenon::Calls>;
  static inline std::function<Status(Late&, tenon::Call)> on_start;
  tenon::Ctx ctx;
  tenon::Log log{ctx};
  Deferred deferred;
  std::thread thread;
  std::string told;
  Status start(tenon::Call call) { return on_start(*this, call); }
  void stop() {
    if (thread.joinable()) thread.join();
  }
};

Status defer(Late& m, tenon::Call call) {
  m.deferred = call.defer().value();
  return Status::pending();
}

}  // namespace

TEST_CASE("a start completed by another thread") {
  Late::on_start = [](Late& m, tenon::Call call) {
    m.thread = std::thread([d = call.defer().value()]() mutable { CHECK(d.complete().ok()); });
    return Status::pending();
  };
  Host host = Host::of<Late>();
  REQUIRE(host.create().ok());
  const Status started = host.start();  // OK if the thread was faster
  CHECK((started.is_pending() || started.ok()));
  CHECK(host.completion().ok());
  CHECK(host.finish().empty());
}

TEST_CASE("a start that fails later says why") {
  Host host = Host::of<Late>();
  Late::on_start = defer;
  REQUIRE(host.create().ok());
  REQUIRE(host.start().is_pending());
  auto& m = host.object<Late>();
  CHECK(m.deferred);
  CHECK(m.deferred.complete(Status::unavailable("the port is taken")).ok());
  CHECK_FALSE(m.deferred);
  CHECK(host.completion().code() == TENON_UNAVAILABLE);
  CHECK(host.completion().message() == "the port is taken");
  CHECK(m.deferred.complete().code() == TENON_FAILED_PRECONDITION);  // the wrapper knows: the host never hears of it
  CHECK(host.finish().empty());
}

TEST_CASE("completed before the function has returned") {
  Late::on_start = [](Late&, tenon::Call call) {
    CHECK(call.defer().value().complete().ok());
    return Status::pending();
  };
  Host host = Host::of<Late>();
  REQUIRE(host.create().ok());
  CHECK(host.start().ok());
  CHECK(host.finish().empty());
}

TEST_CASE("a dropped deferred call completes by itself") {
  Host host = Host::of<Late>();
  Late::on_start = defer;
  REQUIRE(host.create().ok());
  REQUIRE(host.start().is_pending());
  host.object<Late>().deferred = Deferred();
  const Status status = host.completion();
  CHECK(status.code() == TENON_INTERNAL);
  CHECK(status.reason() == "DEFERRED_DROPPED");
  CHECK(host.finish().empty());
}

TEST_CASE("one that goes out of scope completes too") {
  Late::on_start = [](Late&, tenon::Call call) {
    { const auto gone = call.defer().value(); }
    return Status::pending();
  };
  Host host = Host::of<Late>();
  REQUIRE(host.create().ok());
  CHECK(host.start().reason() == "DEFERRED_DROPPED");
  CHECK(host.finish().empty());
}

TEST_CASE("dropped when nobody waits any more: CANCELLED") {
  Host host = Host::of<Late>();
  Late::on_start = defer;
  REQUIRE(host.create().ok());
  REQUIRE(host.start().is_pending());
  auto& m = host.object<Late>();
  CHECK_FALSE(m.deferred.cancelled());
  host.cancel();
  CHECK(m.deferred.cancelled());
  Deferred moved = std::move(m.deferred);
  CHECK(m.deferred.cancelled());  // an empty one: nobody waits
  moved = Deferred();
  CHECK(host.completion().code() == TENON_CANCELLED);
  CHECK(host.finish().empty());
}

TEST_CASE("an exception after defer: what start threw is its answer or the drop is, but one of them") {
  Late::on_start = [](Late&, tenon::Call call) -> Status {
    auto d = call.defer().value();
    throw std::runtime_error("half way");
  };
  Host host = Host::of<Late>();
  REQUIRE(host.create().ok());
  CHECK(host.start().code() == TENON_INTERNAL);
}

TEST_CASE("on_cancel runs exactly once") {
  Late::on_start = [](Late& m, tenon::Call call) {
    m.deferred = call.defer().value();
    CHECK(m.deferred.on_cancel([&m](tenon_status why) noexcept { m.told += why == TENON_CANCELLED ? "cancelled " : "ended "; }).ok());
    CHECK(m.deferred.on_cancel([](tenon_status) noexcept {}).code() == TENON_ALREADY_EXISTS);
    return Status::pending();
  };
  SUBCASE("when cancelled") {
    Host host = Host::of<Late>();
    REQUIRE(host.create().ok());
    REQUIRE(host.start().is_pending());
    host.cancel();
    host.cancel();
    CHECK(host.object<Late>().told == "cancelled ");
    CHECK(host.object<Late>().deferred.complete(Status::cancelled("gave up")).ok());
    CHECK(host.completion().code() == TENON_CANCELLED);
    CHECK(host.object<Late>().told == "cancelled ");
    CHECK(host.finish().empty());
  }
  SUBCASE("when ended") {
    Host host = Host::of<Late>();
    REQUIRE(host.create().ok());
    REQUIRE(host.start().is_pending());
    CHECK(host.object<Late>().deferred.complete().ok());
    CHECK(host.object<Late>().told.empty());  // never inside complete()
    CHECK(host.completion().ok());
    CHECK(host.object<Late>().told == "ended ");
    CHECK(host.finish().empty());
  }
}

TEST_CASE("a wait ends when the call is cancelled") {
  bool cancelled = false;
  Late::on_start = [&](Late&, tenon::Call call) {
    CHECK(call.deadline() == tenon::Clock::time_point::max());
    cancelled = call.wait_for(1h) && call.cancelled();
    return Status::cancelled("stopped waiting");
  };
  Host host = Host::of<Late>();
  REQUIRE(host.create().ok());
  std::thread other([&] { host.cancel(); });  // before start or while it waits: both end it
  CHECK(host.start().code() == TENON_CANCELLED);
  other.join();
  CHECK(cancelled);
}

TEST_CASE("a wait ends at its time, and at the call's deadline") {
  const auto before = tenon::Clock::now();
  Late::on_start = [&](Late&, tenon::Call call) {
    CHECK(call.deadline() >= before + 50ms);
    CHECK_FALSE(call.cancelled());
    CHECK_FALSE(call.wait_for(1ms));
    CHECK(call.wait_until(tenon::Clock::time_point::max()));
    CHECK(call.cancelled());
    return Status();
  };
  Host host = Host::of<Late>();
  host.set_deadline(50ms);
  REQUIRE(host.create().ok());
  CHECK(host.start().ok());
  CHECK(tenon::Clock::now() >= before + 50ms);
}

TEST_CASE("reserve gives memory up to 64 KiB per call") {
  Late::on_start = [](Late&, tenon::Call call) {
    CHECK(call.reserve(60'000) != nullptr);
    CHECK(call.reserve(5'537) == nullptr);
    std::uint8_t* rest = call.reserve(5'536);
    REQUIRE(rest != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(rest) % 16 == 0);
    CHECK(call.reserve(1) == nullptr);
    return Status();
  };
  Host host = Host::of<Late>();
  REQUIRE(host.create().ok());
  CHECK(host.start().ok());
}

TEST_CASE("a body given to complete is released") {
  static int released = 0;
  Host host = Host::of<Late>();
  Late::on_start = defer;
  REQUIRE(host.create().ok());
  REQUIRE(host.start().is_pending());
  const auto body = [] { return tenon::Blob({nullptr, 0, [](void*) noexcept { ++released; }, nullptr}); };
  auto& m = host.object<Late>();
  CHECK(m.deferred.complete(Status(), body()).ok());
  CHECK(released == 1);
  CHECK(m.deferred.complete(Status(), body()).code() == TENON_FAILED_PRECONDITION);
  CHECK(released == 2);
}

namespace {

/// A host that is short of memory: `refusals` times the call stays open.
struct Short {
  static inline const tenon_calls* real = nullptr;
  static inline int refusals = 0, asked = 0;
  static tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_blob* body) noexcept {
    ++asked;
    if (refusals-- <= 0) return real->complete(ctx, id, status, error, body);
    if (body != nullptr && body->release != nullptr) body->release(body->owner);
    return TENON_RESOURCE_EXHAUSTED;
  }
  static inline tenon_calls table{};
  static void into(Host& host, int times) {
    Host other = Host::of<Late>();  // what the fake has itself
    real = static_cast<const tenon_calls*>(other.ctx()->host->query(other.ctx(), TENON_STR(TENON_CALLS)));
    table = *real;
    table.complete = &complete;
    refusals = times;
    asked = 0;
    host.provide(TENON_CALLS, &table);
  }
};

}  // namespace

TEST_CASE("a call that could not be ended for want of memory is still held") {
  Late::on_start = defer;
  Host host = Host::of<Late>();
  Short::into(host, 1);
  REQUIRE(host.create().ok());
  REQUIRE(host.start().is_pending());
  auto& d = host.object<Late>().deferred;
  SUBCASE("and completed again") {
    CHECK(d.complete(Status(), tenon::Blob()).code() == TENON_RESOURCE_EXHAUSTED);
    CHECK(d);
    CHECK_FALSE(d.cancelled());
    CHECK(d.complete().ok());
    CHECK_FALSE(d);
    CHECK(host.completion().ok());
  }
  SUBCASE("and dropped") {
    CHECK(d.complete().code() == TENON_RESOURCE_EXHAUSTED);
    d = Deferred();
    CHECK(host.completion().reason() == "DEFERRED_DROPPED");
  }
  SUBCASE("and dropped without the words for it") {
    d = Deferred();
    CHECK(Short::asked == 2);
    CHECK(host.completion().code() == TENON_INTERNAL);
  }
  CHECK(host.finish().empty());
}
