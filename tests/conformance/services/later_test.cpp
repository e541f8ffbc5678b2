// Calls that outlive a stack: deferred and asynchronous ones, completed, cancelled, late, and what becomes of them when somebody leaves.
#include <thread>

#include "driver.hpp"

namespace tenon::test {
namespace {

Said echo(Current&, const Message& asked) {
  Said out;
  static_cast<Message&>(out) = asked;
  return out;
}

/// A service that defers every call, and the ids of them.
class Later {
 public:
  explicit Later(Driver& d) : d_(d) {
    service_ = &d.service([this](Current& c, const Message&) {
      const Answer a = c.defer();
      CHECK(c.defer().id == a.id);
      const std::lock_guard lock(mutex_);
      ids_.push_back(a.id);
      return a.ok() ? Said::later() : Said::failure(a.status);
    });
    REQUIRE(d.offer("orders.later", *service_).ok());
  }
  /// Of the n-th call, from 0.
  std::uint64_t id(std::size_t n = 0) {
    CHECK(d_.until([&] {
      const std::lock_guard lock(mutex_);
      return ids_.size() > n;
    }));
    const std::lock_guard lock(mutex_);
    return ids_.at(n);
  }

 private:
  Driver& d_;
  Service* service_;
  std::mutex mutex_;
  std::vector<std::uint64_t> ids_;
};

constexpr const char* twice = "a deferred call was completed twice";
const char* const left_open = "the deferred call of `orders.later` was never completed";

}  // namespace

TEST_CASE("services conformance: a deferred call is answered once, by whom and whenever it is completed") {
  every_way([](Driver& d) {
    Later later(d);
    Ending &done = d.ending(), &ended = d.ending(), &second = d.ending();
    REQUIRE(d.call_async(Who::web, "orders.later", Ask("", soon()), done).ok());
    const std::uint64_t id = later.id();
    CHECK(d.on_cancel(id, ended).ok());
    CHECK(d.on_cancel(id, second).status == TENON_ALREADY_EXISTS);
    CHECK_FALSE(d.id_cancelled(id));
    Said answer(std::string(1000, 'z'));
    answer.content_type = "text/plain";
    answer.metadata = {{"a", "b"}};
    std::thread([&] { CHECK(d.complete(id, answer).ok()); }).join();  // from a thread of its own
    d.expect(Who::orders, "COMPLETED_TWICE", twice);
    CHECK(d.complete(id, "again").status == TENON_NOT_FOUND);
    CHECK(d.told(done));
    CHECK(done.said().payload == answer.payload);
    CHECK(done.said().content_type == "text/plain");
    CHECK(done.said().metadata == answer.metadata);
    CHECK(d.told(ended));
    CHECK(ended.said().status == TENON_OK);
    d.expect(Who::orders, "STALE_ID", "");
    CHECK(d.on_cancel(id, second).status == TENON_NOT_FOUND);
    CHECK(d.id_cancelled(id));
    d.leave(Who::orders);
    CHECK(done.times() == 1);
    CHECK(ended.times() == 1);
    CHECK(second.times() == 0);
  });
}

TEST_CASE("services conformance: a caller that waits gets the answer of another thread") {
  every_way([](Driver& d) {
    Later later(d);
    const Answer handle = d.resolve(Who::web, "orders.later");
    for (std::size_t i = 0; i < 10; ++i) {
      std::thread completer([&] { CHECK(d.complete(later.id(i), "later").ok()); });
      const Said out = d.call(Who::web, handle, Ask("", soon()));
      completer.join();
      CHECK(out.payload == "later");
    }
  });
}

TEST_CASE("services conformance: an error completes as it was given, an odd status as UNKNOWN") {
  every_way([](Driver& d) {
    Later later(d);
    Ending &one = d.ending(), &two = d.ending(), &three = d.ending();
    for (Ending* e : {&one, &two, &three}) REQUIRE(d.call_async(Who::web, "orders.later", Ask("", soon()), *e).ok());
    CHECK(d.complete(later.id(0), Said::failure(TENON_ABORTED, "CONFLICT", "order `17` changed")).ok());
    CHECK(d.complete(later.id(1), Said::failure(TENON_ABORTED)).ok());
    d.expect(Who::orders, "", "a deferred call was completed with the status 4711");
    CHECK(d.complete(later.id(2), Said::failure(4711)).ok());
    for (const Ending* e : {&one, &two, &three}) CHECK(d.told(*e));
    // Which call is which, nobody has promised.
    int conflicts = 0, silent = 0, unknown = 0;
    for (const Ending* e : {&one, &two, &three}) {
      const Said said = e->said();
      conflicts += said.status == TENON_ABORTED && said.reason == "CONFLICT" && said.message == "order `17` changed" ? 1 : 0;
      silent += said.status == TENON_ABORTED && said.message == "`orders.later` answered ABORTED" ? 1 : 0;
      unknown += said.status == TENON_UNKNOWN ? 1 : 0;
    }
    CHECK(conflicts == 1);
    CHECK(silent == 1);
    CHECK(unknown == 1);
  });
}

TEST_CASE("services conformance: completed before the handler has returned, and answered by returning after all") {
  every_way([](Driver& d) {
    std::atomic<std::uint64_t> id{0};
    REQUIRE(d.offer("orders.early", d.service([&](Current& c, const Message&) {
               id = c.defer().id;
               CHECK(d.complete(id, "early").ok());
               return Said::later();
             })).ok());
    REQUIRE(d.offer("orders.regrets", d.service([&](Current& c, const Message&) {
               id = c.defer().id;
               return Said("returned");
             })).ok());
    CHECK(d.call("orders.early", Ask("", soon())).payload == "early");
    d.expect(Who::orders, "COMPLETED_TWICE", twice);
    CHECK(d.complete(id, "x").status == TENON_NOT_FOUND);
    CHECK(d.call("orders.regrets", Ask("", soon())).payload == "returned");
    d.expect(Who::orders, "STALE_ID", "");
    CHECK(d.until([&] { return d.id_cancelled(id); }));
    CHECK(d.complete(id, "x").status == TENON_NOT_FOUND);
    for (const char* service : {"orders.early", "orders.regrets"}) {
      Ending& done = d.ending();
      REQUIRE(d.call_async(Who::web, service, Ask("", soon()), done).ok());
      CHECK(d.told(done));
      CHECK(done.said().ok());
    }
  });
}

TEST_CASE("services conformance: given up at the deadline: on_cancel is told, the late completion is taken once and dropped") {
  every_way([](Driver& d) {
    Later later(d);
    Ending &done = d.ending(), &ended = d.ending();
    SUBCASE("by a caller that waits") { failed(d.call("orders.later", Ask("", in_ms(20))), TENON_DEADLINE_EXCEEDED, "DEADLINE"); }
    SUBCASE("asynchronously") {
      REQUIRE(d.call_async(Who::web, "orders.later", Ask("", in_ms(20)), done).ok());
      CHECK(d.on_cancel(later.id(), ended).ok());
      CHECK(d.told(done));
      failed(done.said(), TENON_DEADLINE_EXCEEDED, "DEADLINE");
    }
    const std::uint64_t id = later.id();
    CHECK(d.until([&] { return d.id_cancelled(id); }));
    if (ended.times() == 0) static_cast<void>(d.on_cancel(id, ended));  // also when it has come to that already
    CHECK(d.told(ended));
    CHECK(ended.said().status == TENON_CANCELLED);
    CHECK(d.complete(id, "late").ok());
    d.expect(Who::orders, "COMPLETED_TWICE", twice);
    CHECK(d.complete(id, "later still").status == TENON_NOT_FOUND);
    if (const auto m = d.metrics("orders.later")) {
      CHECK(m->late == 1);
      CHECK(m->in_flight == 0);
      CHECK(m->ended[TENON_DEADLINE_EXCEEDED] == 1);
    }
    d.leave(Who::orders);
    CHECK(ended.times() == 1);
    CHECK(done.times() <= 1);
  });
}

TEST_CASE("services conformance: cancelled by its caller: both sides are told once, and a completion after that is dropped") {
  every_way([](Driver& d) {
    Later later(d);
    Ending &done = d.ending(), &ended = d.ending();
    const Answer call = d.call_async(Who::web, "orders.later", Ask("", soon()), done);
    REQUIRE(call.ok());
    const std::uint64_t id = later.id();
    CHECK(d.on_cancel(id, ended).ok());
    CHECK(d.cancel(Who::web, call.id).ok());
    CHECK(d.cancel(Who::web, call.id).status == TENON_NOT_FOUND);
    CHECK(d.told(done));
    failed(done.said(), TENON_CANCELLED, "CANCELLED");
    CHECK(d.told(ended));
    CHECK(ended.said().status == TENON_CANCELLED);
    CHECK(d.id_cancelled(id));
    CHECK(d.complete(id, "too late").ok());
    d.expect(Who::orders, "COMPLETED_TWICE", twice);
    CHECK(d.complete(id, "twice").status == TENON_NOT_FOUND);
    d.expect(Who::web, "STALE_ID", "");
    CHECK(d.cancel(Who::web, 987'654'321).status == TENON_NOT_FOUND);
    d.leave(Who::orders);
    CHECK(done.times() == 1);
    CHECK(ended.times() == 1);
  });
}

TEST_CASE("services conformance: asynchronous calls of the module: refused at once, or told once") {
  every_way([](Driver& d) {
    REQUIRE(d.offer_web("web.echo", d.service(echo)).ok());
    REQUIRE(d.offer_web("web.fails", d.service([](Current&, const Message&) {
               return Said::failure(TENON_ABORTED, "CONFLICT", "order `17` changed");
             })).ok());
    Ending& never = d.ending();
    failed(d.call_async(Who::orders, "web.nothing", {}, never), TENON_NOT_FOUND, "NO_SERVICE");
    failed(d.call_async(Who::orders, "no name", {}, never), TENON_INVALID_ARGUMENT, "BAD_NAME");
    const Answer handle = d.resolve(Who::orders, "web.echo");
    std::vector<Ending*> good;
    for (int i = 0; i < 50; ++i) {
      good.push_back(&d.ending());
      Ask ask(std::to_string(i), soon());
      ask.metadata = {{"n", std::to_string(i)}};
      REQUIRE(d.call_async(Who::orders, i % 2 == 0 ? Target(handle) : Target("web.echo"), ask, *good.back()).ok());
    }
    Ending& bad = d.ending();
    const Answer failing = d.call_async(Who::orders, "web.fails", Ask("", soon()), bad);
    REQUIRE(failing.ok());
    for (std::size_t i = 0; i < good.size(); ++i) {
      CHECK(d.told(*good[i]));
      CHECK(good[i]->said().payload == std::to_string(i));
      CHECK(good[i]->said().metadata == Pairs{{"n", std::to_string(i)}});
    }
    CHECK(d.told(bad));
    failed(bad.said(), TENON_ABORTED, "CONFLICT");
    CHECK(bad.said().message == "order `17` changed");
    CHECK(d.until([&] { return d.cancel(Who::orders, failing.id).status == TENON_NOT_FOUND; }));
    d.leave(Who::orders);
    for (const Ending* e : good) CHECK(e->times() == 1);
    CHECK(bad.times() == 1);
    CHECK(never.times() == 0);
  });
}

TEST_CASE("services conformance: taking a service back does not wait for its deferred calls, and they are still answered") {
  every_way([](Driver& d) {
    std::uint64_t id = 0;
    Service& s = d.service([&](Current& c, const Message&) {
      id = c.defer().id;
      return Said::later();
    });
    const Answer service = d.offer("orders.once", s);
    Ending& done = d.ending();
    REQUIRE(d.call_async(Who::web, "orders.once", Ask("", soon()), done).ok());
    CHECK(d.until([&] { return s.calls == 1; }));
    CHECK(d.withdraw_wait(Who::orders, service.id, soon()).ok());
    CHECK(s.released == 1);
    CHECK(d.complete(id, "after all").ok());
    CHECK(d.told(done));
    CHECK(done.said().payload == "after all");
  });
}

TEST_CASE(
    "services conformance: the provider leaves: what is pending is asked to end, may be completed in stop, and the rest is UNAVAILABLE") {
  every_way([](Driver& d) {
    Later later(d);
    Ending &completed = d.ending(), &given_up = d.ending(), &ended_one = d.ending(), &ended_two = d.ending();
    REQUIRE(d.call_async(Who::web, "orders.later", Ask("", soon()), completed).ok());
    const std::uint64_t one = later.id(0);
    REQUIRE(d.call_async(Who::web, "orders.later", Ask("", soon()), given_up).ok());
    const std::uint64_t two = later.id(1);
    CHECK(d.on_cancel(one, ended_one).ok());
    CHECK(d.on_cancel(two, ended_two).ok());
    d.expect(Who::orders, "", left_open);
    d.leave(Who::orders, [&] {
      CHECK(d.told(ended_one));
      CHECK(d.told(ended_two));
      CHECK(d.id_cancelled(one));
      failed(d.call("orders.later", Ask("", soon())), TENON_UNAVAILABLE, "LEAVING");
      CHECK(d.complete(one, "last word").ok());
    });
    CHECK(d.told(completed));
    CHECK(completed.said().payload == "last word");
    CHECK(d.told(given_up));
    failed(given_up.said(), TENON_UNAVAILABLE, "LEAVING");
    CHECK(given_up.said().message.find("`orders` left before") == 0);
    for (const Ending* e : {&ended_one, &ended_two}) {
      CHECK(e->said().status == TENON_CANCELLED);
      CHECK(e->times() == 1);
    }
    CHECK(completed.times() == 1);
    CHECK(given_up.times() == 1);
    CHECK_FALSE(d.has(Who::web, "orders.later"));
  });
}

TEST_CASE("services conformance: the caller leaves: what it waits for is told CANCELLED before it is gone") {
  every_way([](Driver& d) {
    if (!d.is_real()) return;  // the mocks of the fake cannot defer; in its own tests a mock that never answers is told CANCELLED
    Later later(d);
    Ending &done = d.ending(), &ended = d.ending();
    REQUIRE(d.call_async(Who::web, "orders.later", Ask("", soon()), done).ok());
    const std::uint64_t id = later.id();
    CHECK(d.on_cancel(id, ended).ok());
    d.leave(Who::web);
    CHECK(done.times() == 1);
    failed(done.said(), TENON_CANCELLED, "LEAVING");
    CHECK(d.told(ended));
    CHECK(ended.said().status == TENON_CANCELLED);
    CHECK(d.complete(id, "nobody hears it").ok());
  });
}

TEST_CASE("services conformance: leaving waits for who is inside, and the call it is in gets its answer") {
  every_way([](Driver& d) {
    if (!d.is_real()) return;  // in the fake nobody is inside while the test's thread stops the module
    std::atomic<bool> inside{false};
    Service& s = d.service([&](Current& c, const Message&) {
      inside = true;
      CHECK(c.wait(soon()));  // asked to end
      CHECK(c.cancelled());
      return "answered all the same";
    });
    REQUIRE(d.offer("orders.slow", s).ok());
    Said out;
    std::thread caller([&] { out = d.call("orders.slow", Ask("", soon())); });
    CHECK(d.until([&] { return inside.load(); }));
    d.leave(Who::orders);
    CHECK(s.released == 1);
    caller.join();
    CHECK(out.payload == "answered all the same");
    failed(d.call("orders.slow"), TENON_NOT_FOUND, "NO_SERVICE");
  });
}

TEST_CASE("services conformance: serial: a deferred call does not hold the turn") {
  Setup serial;
  serial.serial = true;
  every_way(
      [](Driver& d) {
        Later later(d);
        REQUIRE(d.offer("orders.now", d.service(echo)).ok());
        Ending& done = d.ending();
        REQUIRE(d.call_async(Who::web, "orders.later", Ask("", soon()), done).ok());
        const std::uint64_t id = later.id();
        CHECK(d.call("orders.now", Ask("x", soon())).payload == "x");
        CHECK(d.complete(id, "y").ok());
        CHECK(d.told(done));
        CHECK(done.said().payload == "y");
      },
      serial);
}

TEST_CASE("services conformance: cancellation goes down into what is nested, wherever it waits") {
  every_way([](Driver& d) {
    if (!d.is_real()) return;  // nothing of the fake waits beside the test
    Later later(d);
    Said nested, after;
    std::atomic<bool> over{false};
    REQUIRE(d.offer_web("web.buy", d.service([&](Current& c, const Message&) {
               nested = d.call(Who::web, "orders.later", {});
               CHECK(c.cancelled());
               after = d.call(Who::web, "orders.later", {});
               over = true;
               return Said();
             })).ok());
    Ending &done = d.ending(), &ended = d.ending();
    const Answer call = d.call_async(Who::orders, "web.buy", Ask("", soon()), done);
    REQUIRE(call.ok());
    const std::uint64_t id = later.id();
    CHECK(d.on_cancel(id, ended).ok());
    CHECK(d.cancel(Who::orders, call.id).ok());
    CHECK(d.until([&] { return over.load(); }));
    failed(nested, TENON_CANCELLED, "GIVEN_UP");
    failed(after, TENON_CANCELLED, "GIVEN_UP");
    CHECK(d.told(ended));
    CHECK(ended.said().status == TENON_CANCELLED);
    CHECK(d.id_cancelled(id));
    CHECK(d.complete(id, {}).ok());
    CHECK(d.told(done));
    CHECK(done.said().status == TENON_CANCELLED);
  });
}

}  // namespace tenon::test
