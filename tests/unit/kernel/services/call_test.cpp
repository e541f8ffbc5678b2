// Inline calls: replies, errors, deadlines, nesting, cancellation, breaker, deprecation, metrics.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
std::atomic<std::int64_t> fake_now{0};

/// Until the coarse clock agrees, too.
void wait_past(std::int64_t deadline_ns) {
  CHECK(becomes([deadline_ns] { return monotonic_ns() >= deadline_ns + 10'000'000; }));
}
}  // namespace

TEST_CASE("reply: small ones lie in the buffer, larger ones are owned and released once") {
  char buffer[64];
  Reply reply{std::span<char>(buffer)};
  CHECK(reply.assign(std::string(64, 'x')));
  CHECK(reply.payload().data() == buffer);
  CHECK(reply.assign(std::string(65, 'y')));
  CHECK(reply.payload().data() != buffer);
  CHECK(reply.payload() == std::string(65, 'y'));
  CHECK(reply.reserve(max_service_payload + 1) == nullptr);
  CHECK(reply.payload().empty());
  int released = 0;
  const ServiceBlob blob{"blob", 4, [](void* n) { ++*static_cast<int*>(n); }, &released};
  CHECK(reply.give(blob));
  CHECK(reply.payload() == "blob");
  CHECK(released == 0);
  Reply other;
  CHECK(other.take(reply));
  CHECK(reply.payload().empty());
  CHECK(other.payload() == "blob");
  CHECK(released == 0);
  CHECK(reply.take(other));  // fits into the buffer: copied
  CHECK(released == 1);
  CHECK(reply.payload().data() == buffer);
  CHECK(reply.give(blob));
  CHECK_FALSE(reply.give({nullptr, 4, blob.release, blob.owner}));  // a lie: released all the same
  CHECK(released == 3);
  CHECK(reply.set_content_type(std::string(127, 't')));
  CHECK_FALSE(reply.set_content_type(std::string(128, 't')));
  CHECK(reply.content_type().size() == 127);
  for (std::size_t i = 0; i < max_service_pairs; ++i) CHECK(reply.add_pair("k", std::to_string(i)));
  CHECK_FALSE(reply.add_pair("k", "v"));
  CHECK(other.take(reply));
  CHECK(other.metadata().size() == max_service_pairs);
  CHECK(other.metadata()[63].value == "63");
  CHECK_FALSE(reply.add_pair(std::string(max_service_metadata, 'k'), "v"));
}

TEST_CASE("call: what handlers answer, and what they throw, is the outcome of that call only") {
  World world;
  Module orders(world), web(world, "web");
  REQUIRE(orders.offer("orders.silent", [](ServiceCall&, const Request&, Reply& r) {
    CHECK(r.assign("never seen"));
    return Code::not_found;
  }));
  REQUIRE(orders.offer("orders.fails",
                       [](ServiceCall& c, const Request&, Reply&) { return c.fail(Code::aborted, "order `17` changed", "CONFLICT"); }));
  REQUIRE(orders.offer("orders.throws", [](ServiceCall&, const Request&, Reply&) -> Code { throw std::runtime_error("boom"); }));
  REQUIRE(orders.offer("orders.throws_int", [](ServiceCall&, const Request&, Reply&) -> Code { throw 7; }));
  REQUIRE(orders.offer("orders.odd", [](ServiceCall&, const Request&, Reply&) { return Code{99}; }));
  REQUIRE(orders.offer("orders.lies", [](ServiceCall&, const Request&, Reply&) { return pending; }));
  REQUIRE(orders.offer("orders.regrets", [](ServiceCall& c, const Request&, Reply&) {
    static_cast<void>(c.fail(Code::internal, "no", ""));
    return Code::ok;
  }));
  Outcome out = call(web, "orders.silent");
  CHECK(out.code == Code::not_found);
  CHECK(out.error.message == "`orders.silent` answered NOT_FOUND");
  CHECK(out.payload.empty());
  out = call(web, "orders.fails");
  CHECK(out.code == Code::aborted);
  CHECK(out.error.message == "order `17` changed");
  CHECK(out.error.reason == "CONFLICT");
  out = call(web, "orders.throws");
  CHECK(out.code == Code::internal);
  CHECK(out.error.message == "`orders.throws` threw: boom");
  CHECK(call(web, "orders.throws_int").code == Code::internal);
  CHECK(call(web, "orders.odd").code == Code::unknown);
  CHECK(call(web, "orders.lies").code == Code::internal);
  CHECK(call(web, "orders.regrets").code == Code::ok);
  CHECK(this_thread_frames().depth == 0);
}

TEST_CASE("call: the handler knows who calls, and the trace goes on") {
  World world;
  Module orders(world), web(world, "web", 7);
  REQUIRE(orders.offer("orders.who", [](ServiceCall& c, const Request&, Reply& r) {
    return r.assign(c.caller() + "/" + std::to_string(c.caller_generation()) + " " + std::string(c.trace_parent())) ? Code::ok
                                                                                                                    : Code::internal;
  }));
  REQUIRE(orders.offer("orders.nested", [&](ServiceCall&, const Request&, Reply& r) {
    return r.assign(call(orders, "orders.who").payload) ? Code::ok : Code::internal;
  }));
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  CHECK(call(web, "orders.who", "", {no_deadline, trace}).payload == "web/7 " + trace);
  CHECK(call(web, "orders.nested", "", {no_deadline, trace}).payload == "orders/1 " + trace);
}

TEST_CASE("call: an explicit deadline counts exactly, a late result is discarded") {
  World world;
  Module orders(world), web(world, "web");
  int ran = 0;
  REQUIRE(orders.offer("orders.slow", [&](ServiceCall& c, const Request&, Reply& r) {
    ++ran;
    CHECK_FALSE(c.is_cancelled());
    wait_past(c.deadline());
    CHECK(c.is_cancelled());  // what it answers now is discarded
    return r.assign("late") ? Code::ok : Code::internal;
  }));
  const std::uint64_t handle = web.resolve("orders.slow");
  Outcome out = call(web, handle, "", {in_ms(20), {}});
  CHECK(out.code == Code::deadline_exceeded);
  CHECK(out.payload.empty());
  CHECK(ran == 1);
  CHECK(call(web, handle, "", {1, {}}).code == Code::deadline_exceeded);  // over before it began
  CHECK(call(web, handle, "", {-5, {}}).code == Code::deadline_exceeded);
  CHECK(ran == 1);
}

TEST_CASE("call: without a deadline the default begins when somebody asks") {
  Services::Options options;
  options.timeout_ns = 1'000'000'000'000;
  World world(std::move(options));
  Module orders(world), web(world, "web");
  std::int64_t raw = 0, asked = 0, again = 0;
  REQUIRE(orders.offer("orders.asks", [&](ServiceCall& c, const Request&, Reply&) {
    raw = c.deadline_ns.load();
    asked = c.deadline();
    again = deadline_of(c);
    return Code::ok;
  }));
  const std::int64_t before = monotonic_ns();
  CHECK(call(web, "orders.asks").code == Code::ok);
  CHECK(raw == no_deadline);
  CHECK(asked >= before + 1'000'000'000'000);
  CHECK(asked <= monotonic_ns() + 1'000'000'000'000);
  CHECK(again == asked);
  const std::int64_t exact = before + 2'000'000'000'000;  // longer than the default
  CHECK(call(web, "orders.asks", "", {exact, {}}).code == Code::ok);
  CHECK(asked == exact);
}

TEST_CASE("call: nested calls have what is left") {
  World world;
  Module orders(world), web(world, "web");
  std::int64_t outer = 0, inner = 0, explicit_inner = 0;
  std::int64_t wish = no_deadline;
  REQUIRE(orders.offer("orders.inner", [&](ServiceCall& c, const Request&, Reply&) {
    inner = c.deadline();
    return Code::ok;
  }));
  REQUIRE(orders.offer("orders.outer", [&](ServiceCall& c, const Request&, Reply&) {
    const Code code = call(orders, "orders.inner", "", {wish, {}}).code;
    outer = c.deadline();
    return code;
  }));
  const std::int64_t deadline = soon();
  CHECK(call(web, "orders.outer", "", {deadline, {}}).code == Code::ok);
  CHECK(inner == deadline);
  wish = deadline + 1'000'000'000;  // never beyond
  CHECK(call(web, "orders.outer", "", {deadline, {}}).code == Code::ok);
  CHECK(inner == deadline);
  wish = explicit_inner = deadline - 1'000'000'000;
  CHECK(call(web, "orders.outer", "", {deadline, {}}).code == Code::ok);
  CHECK(inner == explicit_inner);
  wish = no_deadline;
  CHECK(call(web, "orders.outer").code == Code::ok);  // the default of the outer one
  CHECK(inner == outer);
  // A call of the lifecycle is inherited from as well.
  Call phase;
  phase.deadline_ns = deadline;
  {
    const GateEntry entry(web.owner, Phase::init, ThreadTag::control, &phase, Gate::State::open);
    CHECK(call(web, "orders.inner").code == Code::ok);
    CHECK(inner == deadline);
    phase.cancelled = 1;
    CHECK(call(web, "orders.inner").code == Code::cancelled);
  }
}

TEST_CASE("call: depth is limited") {
  World world;
  Module orders(world), web(world, "web");
  int depth = 0, deepest = 0;
  Outcome last;
  REQUIRE(orders.offer("orders.again", [&](ServiceCall&, const Request&, Reply&) {
    deepest = ++depth;
    Outcome out = call(orders, "orders.again");
    if (out.error.reason == "TOO_DEEP") last = out;
    return out.code;
  }));
  CHECK(call(web, "orders.again").code == Code::resource_exhausted);
  CHECK(last.error.reason == "TOO_DEEP");
  CHECK(deepest == 32);
  CHECK(this_thread_frames().depth == 0);
  CHECK(call(web, "orders.again").code == Code::resource_exhausted);
}

TEST_CASE("call: depth is limited across workers, too") {
  World world;
  Module orders(world), web(world, "web");
  std::atomic<int> depth{0};
  REQUIRE(orders.offer("orders.again",
                       [&](ServiceCall&, const Request&, Reply&) {
                         ++depth;
                         return call(orders, "orders.again").code;
                       },
                       {true, false}));
  const Outcome out = call(web, "orders.again", "", {soon(), {}});
  CHECK(out.code == Code::resource_exhausted);
  CHECK(depth == 32);
}

TEST_CASE("call: a draining provider answers UNAVAILABLE, and who is inside is asked to end") {
  World world;
  Module orders(world), web(world, "web");
  Counter inside;
  REQUIRE(orders.offer("orders.long", [&](ServiceCall& c, const Request&, Reply& r) {
    inside.add();
    CHECK(becomes([&] { return c.is_cancelled(); }));
    return r.assign("in time") ? Code::ok : Code::internal;
  }));
  const std::uint64_t handle = web.resolve("orders.long");
  Outcome out;
  std::thread caller([&] { out = call(web, handle); });
  CHECK(inside.reaches(1));
  orders.drain();
  Outcome refused = call(web, handle);
  CHECK(refused.code == Code::unavailable);
  CHECK(refused.error.reason == "LEAVING");
  CHECK(call(web, "orders.long").code == Code::unavailable);
  CHECK(orders.offer("orders.more", echo).error().code == Code::unavailable);
  CHECK(orders.leave().quiet);
  caller.join();
  CHECK(out.code == Code::ok);  // it had begun before
  CHECK(out.payload == "in time");
  CHECK(call(web, handle).code == Code::not_found);
}

TEST_CASE("call: who uses a deprecated service is told once") {
  std::vector<std::string> told;
  Services::Options options;
  options.deprecated = [&told](const ServiceSeat& caller, const ServiceSeat& provider, std::string_view service) {
    told.push_back(seat_module(caller) + " " + seat_module(provider) + " " + std::string(service));
  };
  World world(std::move(options));
  Module orders(world), web(world, "web"), shop(world, "shop");
  REQUIRE(orders.offer("orders.old", echo, {false, true}));
  for (int i = 0; i < 3; ++i) CHECK(call(web, "orders.old", "x").payload == "x");
  CHECK(call(web, web.resolve("orders.old")).code == Code::ok);
  CHECK(call(shop, shop.resolve("orders.old")).code == Code::ok);
  CHECK(call(shop, "orders.old").code == Code::ok);
  CHECK(told == std::vector<std::string>{"web orders orders.old", "shop orders orders.old"});
}

TEST_CASE("call: the circuit breaker") {
  Services::Options options;
  options.now = [] { return fake_now.load(); };
  World world(std::move(options));
  SeatOptions seat;
  seat.breaker = BreakerOptions{};
  Module orders(world, "orders", 1, seat), web(world, "web");
  constexpr std::int64_t second = 1'000'000'000;
  fake_now = 1000 * second;
  Code answer = Code::unavailable;
  int ran = 0;
  Handler during;
  REQUIRE(orders.offer("orders.flaky", [&](ServiceCall& c, const Request& q, Reply& r) {
    ++ran;
    return during ? during(c, q, r) : answer;
  }));
  const auto fail_times = [&](int n) {
    answer = Code::internal;
    for (int i = 0; i < n; ++i) CHECK(call(web, "orders.flaky").code == Code::internal);
  };
  const auto is_open = [&] { return call(web, "orders.flaky").error.reason == "CIRCUIT_OPEN"; };
  // Failures older than the window do not count, nor does being asked wrongly.
  fail_times(4);
  fake_now += 61 * second;
  answer = Code::invalid_argument;
  for (int i = 0; i < 10; ++i) CHECK(call(web, "orders.flaky").code == Code::invalid_argument);
  fail_times(4);
  answer = Code::ok;
  CHECK(call(web, "orders.flaky").code == Code::ok);
  fail_times(1);
  ran = 0;
  CHECK(is_open());
  CHECK(call(web, "orders.flaky").code == Code::unavailable);
  CHECK(ran == 0);
  fake_now += 29 * second;
  CHECK(is_open());
  // Half open: one at a time.
  fake_now += second;
  answer = Code::ok;
  during = [&](ServiceCall&, const Request&, Reply&) {
    during = {};
    CHECK(is_open());  // a second one meanwhile
    return Code::internal;
  };
  CHECK(call(web, "orders.flaky").code == Code::internal);
  CHECK(is_open());
  fake_now += 30 * second;
  CHECK(call(web, "orders.flaky").code == Code::ok);
  CHECK(call(web, "orders.flaky").code == Code::ok);
  for (int i = 0; i < 3; ++i) CHECK(call(web, "orders.flaky").code == Code::ok);
  fail_times(4);  // closed: it takes five again
  CHECK_FALSE(is_open());
}

TEST_CASE("call: metrics of a method") {
  World world;
  Module orders(world), web(world, "web");
  Counter inside, go_on;
  REQUIRE(orders.offer("orders.create", [&](ServiceCall&, const Request& q, Reply&) {
    if (q.payload == "wait") {
      inside.add();
      CHECK(go_on.reaches(1));
    }
    return q.payload == "fail" ? Code::aborted : Code::ok;
  }));
  for (int i = 0; i < 514; ++i) call(web, "orders.create");
  for (int i = 0; i < 3; ++i) call(web, "orders.create", "fail");
  std::thread other([&] { call(web, "orders.create", "wait"); });
  CHECK(inside.reaches(1));
  ServiceMetrics m = metrics_of(world, "orders.create");
  CHECK(m.provider == "orders");
  CHECK(m.calls == 518);
  CHECK(m.in_flight == 1);
  go_on.add();
  other.join();
  m = metrics_of(world, "orders.create");
  CHECK(m.in_flight == 0);
  CHECK(m.ended[0] == 515);
  CHECK(m.ended[static_cast<std::size_t>(Code::aborted)] == 3);
  CHECK(m.sampled == 4);  // 1, 257 and 513 of this thread, 1 of the other
  std::uint64_t sum = 0;
  for (const std::uint64_t n : m.latency) sum += n;
  CHECK(sum == m.sampled);
  CHECK(m.sampled_total_ns > 0);
  CHECK(ServiceMetrics::bound_ns(0) == 1024);
  CHECK(ServiceMetrics::bound_ns(12) == INT64_MAX);
}
