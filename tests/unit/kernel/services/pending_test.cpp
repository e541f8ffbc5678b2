// Deferred calls: completed exactly once, by anybody, at any time.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
/// What on_cancel said, and how often.
struct Ended {
  Counter times;
  std::atomic<Code> why{Code::unknown};
  static void on(void* data, Code why) {
    auto& self = *static_cast<Ended*>(data);
    self.why = why;
    self.times.add();
  }
  [[nodiscard]] Code reason() {
    CHECK(times.reaches(1));
    return why;
  }
};
}  // namespace

TEST_CASE("pending: a synchronous call waits until it is completed") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply& r) {
    CHECK(r.assign("of no account"));
    return ids.defer(c);
  }));
  Outcome out;
  std::thread caller([&] { out = call(web, "orders.later"); });
  const std::uint64_t id = ids.next();
  Ended ended;
  CHECK(world.services.on_cancel(*orders.seat, id, &Ended::on, &ended) == Code::ok);
  CHECK(world.services.on_cancel(*orders.seat, id, &Ended::on, &ended) == Code::already_exists);
  CHECK_FALSE(world.services.id_cancelled(*orders.seat, id));
  CHECK(complete(web, id) == Code::not_found);  // of another module
  CHECK(world.services.id_cancelled(*web.seat, id));
  CHECK(metrics_of(world, "orders.later").in_flight == 1);
  const std::string large(1000, 'z');
  CHECK(complete(orders, id, Code::ok, large) == Code::ok);
  CHECK(complete(orders, id) == Code::not_found);
  caller.join();
  CHECK(out.code == Code::ok);
  CHECK(out.payload == large);
  CHECK(ended.reason() == Code::ok);
  CHECK(world.services.on_cancel(*orders.seat, id, &Ended::on, &ended) == Code::not_found);
  CHECK(ended.times.value() == 1);
  CHECK(metrics_of(world, "orders.later").in_flight == 0);
}

TEST_CASE("pending: errors arrive as they were given") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Async async;
  REQUIRE(async.start(web, std::string_view("orders.later")) == Code::ok);
  Reply reply;
  const Error error{Code::ok, "order `17` changed", "CONFLICT"};
  CHECK(world.services.complete(*orders.seat, ids.next(), Code::aborted, reply, &error) == Code::ok);
  CHECK(async.code() == Code::aborted);
  CHECK(async.outcome.error.message == "order `17` changed");
  CHECK(async.outcome.error.code == Code::aborted);
  Async odd;
  REQUIRE(odd.start(web, std::string_view("orders.later")) == Code::ok);
  CHECK(complete(orders, ids.next(), pending) == Code::ok);  // no end at all
  CHECK(odd.code() == Code::unknown);
}

TEST_CASE("pending: it may be completed before the handler has returned, and be answered by returning") {
  World world;
  Module orders(world), web(world, "web");
  REQUIRE(orders.offer("orders.early", [&](ServiceCall& c, const Request&, Reply&) {
    std::uint64_t id = 0, again = 0;
    CHECK(c.defer(id) == Code::ok);
    CHECK(c.defer(again) == Code::ok);
    CHECK(again == id);
    CHECK(complete(orders, id, Code::ok, "early") == Code::ok);
    CHECK(complete(orders, id, Code::ok, "twice") == Code::not_found);
    return pending;
  }));
  REQUIRE(orders.offer("orders.regrets", [&](ServiceCall& c, const Request&, Reply& r) {
    std::uint64_t id = 0;
    CHECK(c.defer(id) == Code::ok);
    return r.assign(std::to_string(id)) ? Code::ok : Code::internal;
  }));
  for (const bool async : {false, true})
    for (const char* service : {"orders.early", "orders.regrets"}) {
      CAPTURE(service);
      Outcome out;
      if (async) {
        Async a;
        REQUIRE(a.start(web, std::string_view(service)) == Code::ok);
        CHECK(a.code() == Code::ok);
        out = a.outcome;
      } else {
        out = call(web, service);
      }
      CHECK(out.code == Code::ok);
      if (std::string_view(service) == "orders.early")
        CHECK(out.payload == "early");
      else
        CHECK(becomes([&] { return complete(orders, std::stoull(out.payload)) == Code::not_found; }));
    }
}

TEST_CASE("pending: given up at the deadline, exactly, and a late completion is dropped and counted") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Ended ended;
  SUBCASE("synchronous") {
    const std::int64_t deadline = in_ms(30);
    const Outcome out = call(web, "orders.later", "", {deadline, {}});
    CHECK(monotonic_ns() >= deadline);
    CHECK(out.code == Code::deadline_exceeded);
  }
  SUBCASE("asynchronous") {
    Async async;
    REQUIRE(async.start(web, std::string_view("orders.later"), "", {in_ms(30), {}}) == Code::ok);
    CHECK(async.code() == Code::deadline_exceeded);
    CHECK(async.dones.value() == 1);
  }
  const std::uint64_t id = ids.next();
  CHECK(becomes([&] { return world.services.id_cancelled(*orders.seat, id); }));
  CHECK(world.services.on_cancel(*orders.seat, id, &Ended::on, &ended) == Code::ok);
  CHECK(ended.reason() == Code::cancelled);
  int released = 0;
  Reply reply;
  CHECK(reply.give({"late", 4, [](void* n) { ++*static_cast<int*>(n); }, &released}));
  CHECK(world.services.complete(*orders.seat, id, Code::ok, reply, nullptr) == Code::ok);
  CHECK(released == 1);
  CHECK(complete(orders, id) == Code::not_found);
  CHECK(metrics_of(world, "orders.later").late == 1);
  CHECK(metrics_of(world, "orders.later").ended[static_cast<std::size_t>(Code::deadline_exceeded)] == 1);
  CHECK(metrics_of(world, "orders.later").in_flight == 0);
  CHECK(ended.times.value() == 1);
}

TEST_CASE("pending: on_cancel tells at once who set it before") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Async async;
  REQUIRE(async.start(web, std::string_view("orders.later")) == Code::ok);
  const std::uint64_t id = ids.next();
  Ended ended;
  CHECK(world.services.on_cancel(*orders.seat, id, &Ended::on, &ended) == Code::ok);
  CHECK(world.services.cancel(*orders.seat, async.id) == Code::not_found);  // not its call
  CHECK(world.services.cancel(*web.seat, async.id) == Code::ok);
  CHECK(world.services.cancel(*web.seat, async.id) == Code::not_found);
  CHECK(async.code() == Code::cancelled);
  CHECK(async.done_id == async.id);
  CHECK(ended.reason() == Code::cancelled);
  CHECK(complete(orders, id) == Code::ok);
  CHECK(ended.times.value() == 1);
  CHECK(async.dones.value() == 1);
}

TEST_CASE("pending: cancellation goes down to what was called meanwhile") {
  World world;
  Module orders(world), shop(world, "shop"), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Async outer, inner;
  SUBCASE("which it waits for") {
    Code nested = Code::ok, after = Code::ok;
    REQUIRE(shop.offer("shop.buy", [&](ServiceCall& c, const Request&, Reply&) {
      nested = call(shop, "orders.later").code;
      CHECK(c.is_cancelled());
      after = call(shop, "orders.later").code;
      inner.dones.add();
      return Code::ok;
    }));
    REQUIRE(outer.start(web, std::string_view("shop.buy"), "", {soon(), {}}) == Code::ok);
    const std::uint64_t id = ids.next();
    CHECK(world.services.cancel(*web.seat, outer.id) == Code::ok);
    CHECK(inner.dones.reaches(1));
    CHECK(nested == Code::cancelled);
    CHECK(after == Code::cancelled);
    CHECK(world.services.id_cancelled(*orders.seat, id));
    CHECK(complete(orders, id) == Code::ok);
  }
  SUBCASE("asynchronously, from a call that is deferred") {
    Ids own;
    REQUIRE(shop.offer("shop.buy", [&](ServiceCall& c, const Request&, Reply&) {
      const Code code = own.defer(c);
      CHECK(inner.start(shop, std::string_view("orders.later")) == Code::ok);
      return code;
    }));
    REQUIRE(outer.start(web, std::string_view("shop.buy"), "", {soon(), {}}) == Code::ok);
    const std::uint64_t id = ids.next();
    CHECK(world.services.cancel(*web.seat, outer.id) == Code::ok);
    CHECK(inner.code() == Code::cancelled);
    CHECK(complete(orders, id) == Code::ok);
    CHECK(complete(shop, own.next()) == Code::ok);
  }
  CHECK(outer.code() == Code::cancelled);
}

TEST_CASE("pending: a cancelled call of the lifecycle is noticed by who waits in it") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Call phase;
  Outcome out;
  std::thread control([&] {
    const GateEntry entry(web.owner, Phase::init, ThreadTag::control, &phase, Gate::State::open);
    out = call(web, "orders.later", "", {soon(), {}});
  });
  const std::uint64_t id = ids.next();
  phase.cancelled = 1;
  control.join();
  CHECK(out.code == Code::cancelled);
  CHECK(complete(orders, id) == Code::ok);
}

TEST_CASE("pending: as many open ones as one module may have") {
  Services::Options options;
  options.max_open_calls = 2;
  World world(std::move(options));
  Module orders(world), web(world, "web"), shop(world, "shop");
  Ids ids;
  REQUIRE(orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); }));
  Async a, b, c, d;
  REQUIRE(a.start(web, std::string_view("orders.later")) == Code::ok);
  REQUIRE(b.start(web, std::string_view("orders.later")) == Code::ok);
  const std::uint64_t first = ids.next(), second = ids.next();
  CHECK(c.start(web, std::string_view("orders.later")) == Code::resource_exhausted);
  CHECK(c.outcome.error.message.find("`web`") != std::string::npos);
  REQUIRE(d.start(shop, std::string_view("orders.later")) == Code::ok);
  CHECK(d.code() == Code::resource_exhausted);  // the handler's own answer: no room to defer
  CHECK(complete(orders, first) == Code::ok);
  CHECK(complete(orders, second) == Code::ok);
  CHECK(a.code() == Code::ok);
  CHECK(b.code() == Code::ok);
  CHECK(becomes([&] { return c.start(web, std::string_view("orders.later")) == Code::ok; }));
  CHECK(complete(orders, ids.next()) == Code::ok);
  CHECK(c.code() == Code::ok);
}

TEST_CASE("pending: removing the service does not wait for deferred calls, and they are still answered") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  const auto service = orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); });
  Outcome out;
  std::thread caller([&] { out = call(web, "orders.later", "", {soon(), {}}); });
  const std::uint64_t id = ids.next();
  CHECK(world.services.remove_wait(*orders.seat, *service, soon()) == Code::ok);
  CHECK(complete(orders, id, Code::ok, "after all") == Code::ok);
  caller.join();
  CHECK(out.payload == "after all");
}

TEST_CASE("pending: the id of a call is known in it and in what is called in it, a call that stays on its stack has none") {
  World world;
  Module orders(world), web(world, "web");
  std::vector<std::uint64_t> seen;
  std::uint64_t deferred = 0;
  REQUIRE(orders.offer("orders.inner", [&](ServiceCall& c, const Request&, Reply&) {
    seen.push_back(call_id_of(c));
    return Code::ok;
  }));
  REQUIRE(orders.offer("orders.outer", [&](ServiceCall& c, const Request&, Reply&) {
    seen.push_back(call_id_of(c));
    CHECK(call(orders, "orders.inner").code == Code::ok);
    CHECK(c.defer(deferred) == Code::ok);
    seen.push_back(call_id_of(c));
    CHECK(call(orders, "orders.inner").code == Code::ok);
    return Code::ok;  // which ends it after all
  }));
  CHECK(call(web, "orders.outer").code == Code::ok);
  CHECK(seen == std::vector<std::uint64_t>{0, 0, deferred, deferred});
  CHECK(deferred != 0);
  CHECK(call_id_of(Call()) == 0);
  seen.clear();
  REQUIRE(orders.offer("orders.offloaded",
                       [&](ServiceCall& c, const Request&, Reply&) {
                         seen.push_back(call_id_of(c));
                         CHECK(call(orders, "orders.inner").code == Code::ok);
                         return Code::ok;
                       },
                       {true, false}));
  CHECK(call(web, "orders.offloaded").code == Code::ok);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0] != 0);
  CHECK(seen[1] == seen[0]);
}
