// What goes through a call and what it can end with: messages, errors, limits, deadlines, nesting, turns, the breaker, what is counted.
#include <thread>

#include "driver.hpp"
#include "kernel/gate.hpp"

namespace tenon::test {
namespace {

Said echo(Current&, const Message& asked) {
  Said out;
  static_cast<Message&>(out) = asked;
  return out;
}

/// A counter threads meet at; gives up after a long time.
class Meeting {
 public:
  void come() { ++here_; }
  [[nodiscard]] bool wait_for(int n) const {
    const std::int64_t end = soon();
    while (here_ < n) {
      if (host::monotonic_ns() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  std::atomic<int> here_{0};
};

void wait_past(std::int64_t deadline_ns) {
  // Until the coarse clock agrees, too.
  while (host::monotonic_ns() < deadline_ns + 10'000'000) std::this_thread::yield();
}

constexpr const char* trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* other_trace = "00-11111111111111111111111111111111-2222222222222222-00";

}  // namespace

TEST_CASE("services conformance: payload, content type and pairs arrive as they were, both ways and in every size") {
  every_way([](Driver& d) {
    REQUIRE(d.offer("orders.echo", d.service(echo)).ok());
    REQUIRE(d.offer_web("web.echo", d.service(echo)).ok());
    const Pairs pairs = {{"k1", "v1"}, {"empty", ""}, {"k1", "again"}};
    for (const std::size_t size : {0, 1, 63, 64, 65, 4000, 70'000}) {
      CAPTURE(size);
      Ask ask(std::string(size, 'p'), host::no_deadline);
      for (const bool more : {false, true}) {
        if (more) {
          ask.content_type = "application/json";
          ask.metadata = pairs;
        }
        for (const auto& [who, service] : {std::pair{Who::web, "orders.echo"}, std::pair{Who::orders, "web.echo"}}) {
          const Said out = d.call(who, service, ask);
          CHECK(out.ok());
          CHECK(out.payload == ask.payload);
          CHECK(out.content_type == ask.content_type);
          CHECK(out.metadata == ask.metadata);
        }
      }
    }
    Ask without;
    without.room = 0;
    CHECK(d.call("orders.echo", without).ok());
  });
}

TEST_CASE("services conformance: an error is status, reason and message, and nothing else arrives with it") {
  every_way([](Driver& d) {
    REQUIRE(d.offer("orders.conflict", d.service([](Current&, const Message&) {
               Said out = Said::failure(TENON_ABORTED, "CONFLICT", "order `17` changed");
               out.payload = "never seen";
               return out;
             })).ok());
    REQUIRE(d.offer("orders.silent", d.service([](Current&, const Message&) { return Said::failure(TENON_NOT_FOUND); })).ok());
    REQUIRE(d.offer_web("web.conflict", d.service([](Current&, const Message&) {
               return Said::failure(TENON_ABORTED, "CONFLICT", "order `18` changed");
             })).ok());
    for (const auto& [who, service, message] :
         {std::tuple{Who::web, "orders.conflict", "order `17` changed"}, std::tuple{Who::orders, "web.conflict", "order `18` changed"}}) {
      const Said out = d.call(who, service, {});
      failed(out, TENON_ABORTED, "CONFLICT");
      CHECK(out.message == message);
      CHECK(out.payload.empty());
    }
    const Said silent = d.call("orders.silent");
    failed(silent, TENON_NOT_FOUND, "");
    CHECK(silent.message == "`orders.silent` answered NOT_FOUND");
  });
}

TEST_CASE("services conformance: an answer that is none, or PENDING that is not, fails that call only") {
  every_way([](Driver& d) {
    int status = 4711;
    REQUIRE(d.offer("orders.odd", d.service([&](Current&, const Message&) { return Said::failure(status); })).ok());
    d.expect(Who::orders, "", "`handler of `orders.odd`` returned the status 4711");
    CHECK(d.call("orders.odd").status == TENON_UNKNOWN);
    status = TENON_PENDING;
    d.expect(Who::orders, "", "`handler of `orders.odd`` returned PENDING without having deferred its call");
    const Said out = d.call("orders.odd");
    failed(out, TENON_INTERNAL, "NOT_DEFERRED");
    CHECK(out.message.find("`orders.odd`") != std::string::npos);
    status = 0;
    CHECK(d.call("orders.odd").ok());
  });
}

TEST_CASE("services conformance: messages beyond their limits are refused before anybody sees them") {
  every_way([](Driver& d) {
    Service& s = d.service(echo);
    REQUIRE(d.offer_web("web.echo", s).ok());
    const auto refused = [&](const Ask& ask) {
      const Said out = d.call(Who::orders, "web.echo", ask);
      CHECK(out.status == TENON_INVALID_ARGUMENT);
      CHECK_FALSE(out.message.empty());
    };
    refused(Ask(std::string(TENON_MESSAGE_MAX + 1, 'x'), host::no_deadline));
    Ask most;
    most.content_type = std::string(TENON_CONTENT_TYPE_MAX, 't');
    for (std::uint32_t i = 0; i < TENON_METADATA_MAX; ++i) most.metadata.emplace_back("k" + std::to_string(i), std::string(200, 'v'));
    CHECK(d.call(Who::orders, "web.echo", most).metadata == most.metadata);
    CHECK(s.calls == 1);
    if (d.looks_at_arguments()) {
      Ask ask = most;
      ask.content_type += "t";
      refused(ask);
      ask = most;
      ask.metadata.emplace_back("one", "more");
      refused(ask);
      ask = most;
      ask.metadata[0].second = std::string(TENON_METADATA_MAX_BYTES, 'v');
      refused(ask);
      ask = most;
      for (const char* bad : {"\xff", "a\nb", "\x7f", "text/pl\xc3\xa4in"}) {
        ask.content_type = bad;
        refused(ask);
      }
    }
    for (const char* bad : {"00-1-2-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                            "00-00000000000000000000000000000000-00f067aa0ba902b7-01"})
      refused(Ask("", host::no_deadline, bad));
    CHECK(s.calls == 1);
  });
}

TEST_CASE("services conformance: a reply whose content type is not printable ASCII is none") {
  every_way([](Driver& d) {
    REQUIRE(d.offer("orders.odd", d.service([](Current&, const Message&) {
               Said out("x");
               out.content_type = "a\nb";
               return out;
             })).ok());
    CHECK(d.call("orders.odd", "x").status == TENON_INTERNAL);
  });
}

TEST_CASE("services conformance: the handler knows who calls, and trace and deadline go on into nested calls") {
  every_way([](Driver& d) {
    struct Seen {
      std::string caller, service, traceparent;
      std::int64_t deadline = 0;
    } outer, inner, theirs;
    const auto look = [](Seen& seen) {
      return [&seen](Current& c, const Message&) {
        seen = {c.caller(), c.service(), c.traceparent(), c.deadline_ns()};
        CHECK_FALSE(c.cancelled());
        return Said();
      };
    };
    Ask nested;
    REQUIRE(d.offer("orders.inner", d.service(look(inner))).ok());
    REQUIRE(d.offer_web("web.inner", d.service(look(theirs))).ok());
    REQUIRE(d.offer("orders.outer", d.service([&](Current& c, const Message& m) {
               look(outer)(c, m);
               CHECK(d.call(Who::orders, "orders.inner", nested).ok());
               CHECK(d.call(Who::orders, "web.inner", nested).ok());
               return Said();
             })).ok());
    const std::int64_t deadline = in_ms(600'000);  // longer than the default
    REQUIRE(d.call("orders.outer", Ask("", deadline, trace)).ok());
    CHECK(outer.caller == "web");
    CHECK(outer.service == "orders.outer");
    CHECK(inner.caller == "orders");
    CHECK(theirs.caller == "orders");
    CHECK(theirs.service == "web.inner");
    for (const Seen* s : {&outer, &inner, &theirs}) {
      CHECK(s->traceparent == trace);
      // The fake gives the time that is left, not the deadline: it may be a little later on the way back, never earlier than the real one.
      CHECK(s->deadline >= (d.is_real() ? deadline : deadline - 1'000'000'000));
      CHECK(s->deadline <= (d.is_real() ? deadline : deadline + 1'000'000'000));
    }
    CHECK(inner.deadline == outer.deadline);
    nested = Ask("", in_ms(3'600'000), other_trace);  // later than what is left, and a trace of its own
    REQUIRE(d.call("orders.outer", Ask("", deadline, trace)).ok());
    CHECK(inner.deadline == outer.deadline);
    CHECK(inner.traceparent == other_trace);
    CHECK(theirs.traceparent == other_trace);
    CHECK(outer.traceparent == trace);
    nested = Ask("", in_ms(300'000));  // earlier
    REQUIRE(d.call("orders.outer", Ask("", deadline, trace)).ok());
    CHECK(inner.deadline == nested.deadline_ns);
    CHECK(inner.traceparent == trace);
    nested = {};
    const std::int64_t before = host::monotonic_ns();
    REQUIRE(d.call("orders.outer").ok());
    CHECK(outer.deadline >= before + 4'000'000'000);  // the default: 5 s from when somebody asks
    CHECK(outer.deadline <= host::monotonic_ns() + 5'000'000'000);
    CHECK(inner.deadline == outer.deadline);
    CHECK(outer.traceparent.empty());
  });
}

TEST_CASE("services conformance: a late answer is discarded, a call whose time is up is not made") {
  every_way([](Driver& d) {
    Service& slow = d.service([](Current& c, const Message&) {
      CHECK(c.wait(c.deadline_ns()));
      wait_past(c.deadline_ns());  // the fake does not wait
      CHECK(c.cancelled());
      return "late";
    });
    REQUIRE(d.offer("orders.slow", slow).ok());
    const Said out = d.call("orders.slow", Ask("", in_ms(20)));
    failed(out, TENON_DEADLINE_EXCEEDED, "DEADLINE");
    CHECK(out.message == "`orders.slow` was not answered by its deadline");
    CHECK(slow.calls == 1);
    for (const std::int64_t past : {std::int64_t{1}, std::int64_t{-5}})
      CHECK(d.call("orders.slow", Ask("", past)).status == TENON_DEADLINE_EXCEEDED);
    CHECK(slow.calls == 1);
  });
}

TEST_CASE("services conformance: who was late has left its module, as often as it was late and whatever it has answered") {
  every_way([](Driver& d) {
    std::int64_t until = 0;
    std::string answer;  // empty, in the caller's buffer, or beyond it
    Service& slow = d.service([&](Current&, const Message&) {
      wait_past(until);  // and asks its call for nothing
      return answer.empty() ? Said() : Said(answer);
    });
    REQUIRE(d.offer("orders.slow", slow).ok());
    REQUIRE(d.offer_web("web.between", d.service([&](Current&, const Message&) {
               const Said out = d.call(Who::web, "orders.slow", Ask("", until));
               CHECK(out.status == TENON_DEADLINE_EXCEEDED);
               return Said();
             })).ok());
    int calls = 0;
    for (const std::size_t size : {0, 0, 4, 4, 70'000})
      for (const bool nested : {false, true}) {
        answer.assign(size, 'a');
        until = in_ms(5);
        const Said out = nested ? d.call(Who::orders, "web.between", Ask("", soon())) : d.call("orders.slow", Ask("", until));
        CHECK(out.status == (nested ? TENON_OK : TENON_DEADLINE_EXCEEDED));
        CHECK(slow.calls == ++calls);
        CHECK(host::current_frame() == nullptr);
      }
  });
}

TEST_CASE("services conformance: what is nested in a call whose time is up, or that was given up, is not made") {
  every_way([](Driver& d) {
    Service& leaf = d.service(echo);
    Said nested;
    REQUIRE(d.offer_web("web.leaf", leaf).ok());
    REQUIRE(d.offer("orders.slow", d.service([&](Current& c, const Message&) {
               wait_past(c.deadline_ns());
               nested = d.call(Who::orders, "web.leaf", {});
               return Said();
             })).ok());
    CHECK(d.call("orders.slow", Ask("", in_ms(20))).status == TENON_DEADLINE_EXCEEDED);
    CHECK((nested.status == TENON_DEADLINE_EXCEEDED || nested.status == TENON_CANCELLED));
    CHECK(leaf.calls == 0);
  });
}

TEST_CASE("services conformance: offloaded: the answer is the same, and a late handler keeps its caller no longer than the deadline") {
  every_way([](Driver& d) {
    REQUIRE(d.offer("orders.worker", d.service(echo), TENON_SERVICE_OFFLOAD).ok());
    CHECK(d.call("orders.worker", "x").payload == "x");
    if (!d.is_real()) return;  // the fake runs everything on the caller's thread
    Meeting let_go, gone;
    std::thread::id ran_on;
    REQUIRE(d.offer("orders.stuck", d.service([&](Current& c, const Message&) {
               ran_on = std::this_thread::get_id();
               CHECK(let_go.wait_for(1));
               CHECK(c.cancelled());
               gone.come();
               return "late";
             }),
                    TENON_SERVICE_OFFLOAD)
                .ok());
    failed(d.call("orders.stuck", Ask("", in_ms(20))), TENON_DEADLINE_EXCEEDED, "DEADLINE");
    let_go.come();  // it was still inside
    CHECK(gone.wait_for(1));
    CHECK(ran_on != std::this_thread::get_id());
  });
}

TEST_CASE("services conformance: modules may call back and forth, 32 deep") {
  every_way([](Driver& d) {
    int depth = 0, deepest = 0;
    Said end;
    REQUIRE(d.offer("orders.ping", d.service([&](Current&, const Message&) {
               deepest = std::max(deepest, ++depth);
               const Said out = d.call(Who::orders, "web.pong", {});
               if (!out.ok() && end.ok()) end = out;
               --depth;
               return Said();
             })).ok());
    REQUIRE(d.offer_web("web.pong", d.service([&](Current&, const Message&) {
               deepest = std::max(deepest, ++depth);
               const Said out = d.call(Who::web, "orders.ping", {});
               if (!out.ok() && end.ok()) end = out;
               --depth;
               return Said();
             })).ok());
    CHECK(d.call("orders.ping").ok());
    failed(end, TENON_RESOURCE_EXHAUSTED, "TOO_DEEP");
    CHECK(deepest == 32);
    CHECK(depth == 0);
    CHECK(d.call("orders.ping").ok());
  });
}

TEST_CASE("services conformance: serial: coming back by the same call chain is refused, and so it goes on") {
  Setup serial;
  serial.serial = true;
  every_way(
      [](Driver& d) {
        Said back;
        Service& leaf = d.service(echo);
        REQUIRE(d.offer("orders.leaf", leaf).ok());
        REQUIRE(d.offer_web("web.back", d.service([&](Current&, const Message&) {
                   back = d.call(Who::web, "orders.leaf", {});
                   return "went on";
                 })).ok());
        REQUIRE(
            d.offer("orders.one", d.service([&](Current&, const Message&) { return d.call(Who::orders, "web.back", {}).payload; })).ok());
        REQUIRE(d.offer("orders.self", d.service([&](Current&, const Message&) {
                   back = d.call(Who::orders, "orders.leaf", {});
                   return "went on";
                 })).ok());
        for (const char* service : {"orders.one", "orders.self"}) {
          CAPTURE(service);
          back = {};
          CHECK(d.call(service, Ask("", soon())).payload == "went on");
          failed(back, TENON_FAILED_PRECONDITION, "REENTRANT");
          CHECK(back.message.find("`orders` takes one call at a time and is in one that waits for this") == 0);
          CHECK(leaf.calls == 0);
        }
        d.expect(Who::web, "REENTRANT", "");
        d.expect(Who::orders, "REENTRANT", "");
        CHECK(d.call("orders.leaf", "x").payload == "x");
      },
      serial);
}

TEST_CASE("services conformance: serial: handlers never overlap, whoever calls, and come in their turn") {
  Setup serial;
  serial.serial = true;
  every_way(
      [](Driver& d) {
        std::atomic<int> inside{0}, most{0};
        const auto body = [&](Current&, const Message& asked) {
          const int n = ++inside;
          if (n > most) most = n;
          std::this_thread::yield();
          --inside;
          return Said(asked.payload);
        };
        REQUIRE(d.offer("orders.inline", d.service(body)).ok());
        REQUIRE(d.offer("orders.worker", d.service(body), TENON_SERVICE_OFFLOAD).ok());
        std::vector<Ending*> endings;
        const auto calls = [&](int n) {
          for (int i = 0; i < n; ++i) {
            CHECK(d.call("orders.inline", Ask("i", soon())).payload == "i");
            const Said worker = d.call("orders.worker", Ask("w", soon()));
            INFO("status ", worker.status, ", reason ", worker.reason, ", message ", worker.message);
            CHECK(worker.payload == "w");
          }
        };
        for (int i = 0; i < 20; ++i) {
          endings.push_back(&d.ending());
          CHECK(d.call_async(Who::web, "orders.inline", Ask(std::to_string(i), soon()), *endings.back()).ok());
        }
        std::vector<std::thread> threads;
        if (d.is_real())  // the fake is used from one thread
          for (int t = 0; t < 2; ++t) threads.emplace_back([&] { calls(30); });
        calls(30);
        for (std::thread& t : threads) t.join();
        for (std::size_t i = 0; i < endings.size(); ++i) {
          CHECK(d.told(*endings[i]));
          CHECK(endings[i]->said().payload == std::to_string(i));
        }
        CHECK(most == 1);
      },
      serial);
}

TEST_CASE("services conformance: the breaker opens, admits one probe, closes after enough of them, and opens again if one fails") {
  breaker_now = 1'000'000'000;
  Setup setup;
  setup.breaker = host::BreakerOptions{3, 60'000'000'000, 30'000'000'000, 2};
  every_way(
      [](Driver& d) {
        if (!d.is_real()) return;  // the fake has none: no test needs a service that is refused for what others did before
        int status = TENON_UNAVAILABLE;
        Service& s = d.service([&](Current&, const Message&) { return Said::failure(status); });
        REQUIRE(d.offer("orders.fails", s).ok());
        const auto is_open = [&] {
          const Said out = d.call("orders.fails");
          const bool open = out.reason == "CIRCUIT_OPEN";
          if (open) {
            CHECK(out.status == TENON_UNAVAILABLE);
            CHECK(out.message == "`orders` failed several times: `orders.fails` is tried again later");
          }
          return open;
        };
        status = TENON_NOT_FOUND;  // an answer, no failure of the provider
        for (int i = 0; i < 5; ++i) CHECK_FALSE(is_open());
        status = TENON_UNAVAILABLE;
        for (int i = 0; i < 3; ++i) CHECK_FALSE(is_open());
        CHECK(is_open());
        CHECK(s.calls == 8);
        breaker_now += 30'000'000'001;
        CHECK_FALSE(is_open());  // the probe fails
        CHECK(is_open());
        CHECK(s.calls == 9);
        breaker_now += 30'000'000'001;
        status = 0;
        CHECK_FALSE(is_open());
        CHECK_FALSE(is_open());
        status = TENON_UNAVAILABLE;  // closed: counted from nothing again
        for (int i = 0; i < 3; ++i) CHECK_FALSE(is_open());
        CHECK(is_open());
      },
      setup);
}

TEST_CASE("services conformance: what is counted of a method") {
  every_way([](Driver& d) {
    if (!d.metrics("orders.echo")) return;  // the fake counts nothing: a test counts what it sees
    Service& s = d.service(echo);
    REQUIRE(d.offer("orders.echo", s).ok());
    REQUIRE(d.offer("orders.fails", d.service([](Current&, const Message&) { return Said::failure(TENON_ABORTED); })).ok());
    for (int i = 0; i < 300; ++i) CHECK(d.call("orders.echo", "x").ok());
    for (int i = 0; i < 7; ++i) CHECK(d.call("orders.fails").status == TENON_ABORTED);
    CHECK(d.call("orders.fails", Ask("", 1)).status == TENON_DEADLINE_EXCEEDED);
    const host::ServiceMetrics good = *d.metrics("orders.echo"), bad = *d.metrics("orders.fails");
    CHECK(good.provider == "orders");
    CHECK(good.calls == 300);
    CHECK(good.ended[TENON_OK] == 300);
    CHECK(good.in_flight == 0);
    CHECK(good.sampled == 2);  // each thread's every 256th
    CHECK(bad.calls == 8);
    CHECK(bad.ended[TENON_ABORTED] == 7);
    CHECK(bad.ended[TENON_DEADLINE_EXCEEDED] == 1);
    CHECK(bad.ended[TENON_OK] == 0);
  });
}

}  // namespace tenon::test
