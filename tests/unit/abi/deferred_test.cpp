// Calls that outlive their function: exactly one end, whoever brings it.
#include <optional>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// Somebody who waits for a deferred call.
struct Waiter {
  std::vector<Outcome> outcomes;
  std::function<void(Outcome)> callback() {
    return [this](Outcome o) { outcomes.push_back(std::move(o)); };
  }
};

/// What on_cancel was told, and on which thread.
struct Ended {
  Counter count;
  tenon_status why = -1;
  std::thread::id thread;
};
void ended(void* data, tenon_status why) noexcept {
  auto* e = static_cast<Ended*>(data);
  e->why = why;
  e->thread = std::this_thread::get_id();
  e->count.add();
}

struct Deferring {
  World world;
  Instance instance{world.host, options_of("orders")};
  const tenon_calls& calls = table_of<tenon_calls>(instance, TENON_CALLS);
  Waiter waiter;
  tenon_id id = 0;

  Outcome start(const Instance::Callback& callback) {
    return instance.enter(Phase::start, no_deadline, Gate::State::open, waiter.callback(), callback);
  }
  /// A call that is deferred and pending.
  void pend() {
    REQUIRE(start([this](tenon_call* call, tenon_error*) -> tenon_status {
              REQUIRE(calls.defer(call, &id) == TENON_OK);
              return TENON_PENDING;
            }).kind == Outcome::Kind::deferred);
  }
};

}  // namespace

TEST_CASE("deferred: completed once, by any thread, later ones are stale") {
  Deferring d;
  d.pend();
  CHECK(d.id != 0);
  CHECK(d.instance.deferred_count() == 1);
  CHECK(d.calls.id_cancelled(d.instance.ctx(), d.id) == 0);
  std::thread([&] { CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_OK); }).join();
  REQUIRE(d.waiter.outcomes.size() == 1);
  CHECK(d.waiter.outcomes[0].kind == Outcome::Kind::done);
  CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
  CHECK(d.calls.id_cancelled(d.instance.ctx(), d.id) == 1);
  CHECK(d.waiter.outcomes.size() == 1);
  CHECK(d.instance.deferred_count() == 0);
  const tenon_id first = d.id;
  d.pend();
  CHECK(d.id != first);  // a stale id never means another call
  CHECK(d.calls.complete(d.instance.ctx(), first, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
  CHECK(d.instance.deferred_count() == 1);
}

TEST_CASE("deferred: an error is passed on, statuses that are no end are not believed") {
  Deferring d;
  tenon_error e = fresh_error();
  std::strcpy(e.reason, "PORT_TAKEN");
  std::strcpy(e.message, "port 80 is taken");
  struct {
    tenon_status status;
    Code code;
  } const cases[] = {{TENON_ABORTED, Code::aborted}, {TENON_PENDING, Code::internal}, {77, Code::unknown}, {-5, Code::unknown}};
  for (const auto& c : cases) {
    d.pend();
    CHECK(d.calls.complete(d.instance.ctx(), d.id, c.status, &e, nullptr) == TENON_OK);
    CHECK(d.waiter.outcomes.back().error.code == c.code);
    CHECK(d.waiter.outcomes.back().error.reason == "PORT_TAKEN");
    CHECK(d.waiter.outcomes.back().error.message == "port 80 is taken");
  }
  d.pend();
  CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_ABORTED, nullptr, nullptr) == TENON_OK);
  CHECK(d.waiter.outcomes.back().error.message == "returned ABORTED without a message");
}

TEST_CASE("deferred: completed before the function returned") {
  Deferring d;
  const Outcome o = d.start([&](tenon_call* call, tenon_error*) -> tenon_status {
    CHECK(d.calls.defer(call, &d.id) == TENON_OK);
    CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_OK);
    CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_ABORTED, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(d.calls.id_cancelled(d.instance.ctx(), d.id) == 1);
    CHECK(d.calls.on_cancel(d.instance.ctx(), d.id, &ended, nullptr) == TENON_NOT_FOUND);
    return TENON_PENDING;
  });
  CHECK(o.kind == Outcome::Kind::done);  // told by the return,
  CHECK(d.waiter.outcomes.empty());      // and so not once more
  CHECK(d.instance.deferred_count() == 0);
}

TEST_CASE("deferred: a function that defers and returns something else has ended the call with that") {
  Deferring d;
  Ended told;
  const Outcome o = d.start([&](tenon_call* call, tenon_error*) -> tenon_status {
    tenon_id again = 0;
    CHECK(d.calls.defer(call, &d.id) == TENON_OK);
    CHECK(d.calls.defer(call, &again) == TENON_OK);
    CHECK(again == d.id);
    CHECK(d.calls.on_cancel(d.instance.ctx(), d.id, &ended, &told) == TENON_OK);
    return TENON_UNIMPLEMENTED;
  });
  CHECK(o.error.code == Code::unimplemented);
  REQUIRE(told.count.wait_for(1));
  CHECK(told.why == TENON_OK);
  CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
  CHECK(d.waiter.outcomes.empty());
}

TEST_CASE("deferred: PENDING without a deferred call, or where it is not allowed, is an error") {
  Deferring d;
  CHECK(d.start([](tenon_call*, tenon_error*) -> tenon_status { return TENON_PENDING; }).error.reason == "BAD_PENDING");
  const Outcome o = run_as(d.instance, Phase::init, [&](tenon_call* call, tenon_error*) -> tenon_status {
    CHECK(d.calls.defer(call, nullptr) == TENON_INVALID_ARGUMENT);
    CHECK(d.calls.defer(call, &d.id) == TENON_FAILED_PRECONDITION);
    CHECK(d.id == 0);
    return TENON_PENDING;
  });
  CHECK(o.error.reason == "BAD_PENDING");
  CHECK(d.instance.deferred_count() == 0);
}

TEST_CASE("deferred: on_cancel is told once, on a thread of the host") {
  Deferring d;
  Ended told;
  d.pend();
  REQUIRE(d.calls.on_cancel(d.instance.ctx(), d.id, &ended, &told) == TENON_OK);
  CHECK(d.calls.on_cancel(d.instance.ctx(), d.id, &ended, &told) == TENON_ALREADY_EXISTS);
  SUBCASE("OK when it has ended") {
    CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_OK);
    REQUIRE(told.count.wait_for(1));
    CHECK(told.why == TENON_OK);
  }
  SUBCASE("CANCELLED as soon as nobody waits, and nothing more when it ends") {
    d.instance.cancel(monotonic_ns());
    REQUIRE(told.count.wait_for(1));
    CHECK(told.why == TENON_CANCELLED);
    CHECK(d.calls.id_cancelled(d.instance.ctx(), d.id) == 1);
    CHECK(d.calls.on_cancel(d.instance.ctx(), d.id, &ended, &told) == TENON_ALREADY_EXISTS);
    CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_OK);  // also after it was cancelled
    CHECK(d.waiter.outcomes.size() == 1);
  }
  SUBCASE("CANCELLED when the module stops before it answered") {
    d.instance.answer_deferred();
    REQUIRE(told.count.wait_for(1));
    CHECK(told.why == TENON_CANCELLED);
    REQUIRE(d.waiter.outcomes.size() == 1);
    CHECK(d.waiter.outcomes[0].error.code == Code::unavailable);
    CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
    d.instance.answer_deferred();
    CHECK(d.waiter.outcomes.size() == 1);
  }
  CHECK(told.thread != std::this_thread::get_id());
  REQUIRE(d.world.host.notifier().flush(&d.instance, in_a_minute()));
  CHECK(told.count.value() == 1);
}

TEST_CASE("deferred: on_cancel of a call that is cancelled already") {
  Deferring d;
  Ended told;
  d.start([&](tenon_call* call, tenon_error*) -> tenon_status {
    d.instance.cancel(monotonic_ns());
    CHECK(d.calls.defer(call, &d.id) == TENON_OK);
    CHECK(d.calls.id_cancelled(d.instance.ctx(), d.id) == 1);
    CHECK(d.calls.on_cancel(d.instance.ctx(), d.id, &ended, &told) == TENON_OK);
    return TENON_PENDING;
  });
  REQUIRE(told.count.wait_for(1));
  CHECK(told.why == TENON_CANCELLED);
}

TEST_CASE("deferred: numbers of another module, of nobody, and null arguments end nothing") {
  Deferring d;
  d.pend();
  Instance other(d.world.host, options_of("thief"));
  const Ended unused;
  for (const tenon_id id : {d.id, tenon_id{0}, d.id + 1, UINT64_MAX}) {
    CHECK(d.calls.complete(other.ctx(), id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(d.calls.id_cancelled(other.ctx(), id) == 1);
    CHECK(d.calls.on_cancel(other.ctx(), id, &ended, nullptr) == TENON_NOT_FOUND);
  }
  CHECK(d.calls.complete(d.instance.ctx(), 0, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
  CHECK(d.calls.complete(nullptr, d.id, TENON_OK, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(d.calls.id_cancelled(nullptr, d.id) == 1);
  CHECK(d.calls.on_cancel(nullptr, d.id, &ended, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(d.calls.on_cancel(d.instance.ctx(), d.id, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(d.instance.deferred_count() == 1);
  CHECK(d.waiter.outcomes.empty());
}

TEST_CASE("deferred: a body is taken whatever complete returns") {
  Deferring d;
  Counter released;
  const auto body = [&] { return tenon_blob{reinterpret_cast<const std::uint8_t*>("x"), 1, &count_release, &released}; };
  d.pend();
  tenon_blob b = body();
  CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, &b) == TENON_OK);
  CHECK(released.value() == 1);
  CHECK((b.release == nullptr));
  b = body();
  CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, &b) == TENON_NOT_FOUND);
  CHECK(released.value() == 2);
  b = body();
  CHECK(d.calls.complete(nullptr, d.id, TENON_OK, nullptr, &b) == TENON_INVALID_ARGUMENT);
  CHECK(released.value() == 3);
  b = body();
  d.instance.wedge();
  CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, &b) == TENON_CANCELLED);
  CHECK(released.value() == 4);
  b.release = nullptr;  // static storage
  CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, &b) == TENON_CANCELLED);
}

TEST_CASE("deferred: completion races with cancellation and with the return of the function") {
  for (int round = 0; round < 100; ++round) {
    Deferring d;
    Ended told;
    std::promise<void> deferred;
    std::thread worker([&] {
      deferred.get_future().wait();
      CHECK(d.calls.complete(d.instance.ctx(), d.id, TENON_OK, nullptr, nullptr) == TENON_OK);
    });
    std::mutex mutex;
    int ends = 0;
    const Outcome o = d.instance.enter(
        Phase::start, no_deadline, Gate::State::open,
        [&](Outcome) {
          const std::lock_guard lock(mutex);
          ++ends;
        },
        [&](tenon_call* call, tenon_error*) -> tenon_status {
          CHECK(d.calls.defer(call, &d.id) == TENON_OK);
          CHECK(d.calls.on_cancel(d.instance.ctx(), d.id, &ended, &told) == TENON_OK);
          deferred.set_value();
          return TENON_PENDING;
        });
    d.instance.cancel(monotonic_ns());
    worker.join();
    CHECK(ends + (o.kind == Outcome::Kind::done ? 1 : 0) == 1);
    REQUIRE(d.world.host.notifier().flush(&d.instance, in_a_minute()));
    CHECK(told.count.value() == 1);
  }
}
