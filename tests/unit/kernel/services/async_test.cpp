// Asynchronous and offloaded calls: on workers, given up exactly, completed exactly once.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("async: runs on a worker, with a copy of the request, and completes once through the caller's gate") {
  World world;
  Module orders(world), web(world, "web");
  const std::thread::id here = std::this_thread::get_id();
  std::thread::id there;
  std::string seen;
  Counter go_on;
  REQUIRE(orders.offer("orders.create", [&](ServiceCall&, const Request& q, Reply& r) {
    there = std::this_thread::get_id();
    CHECK(go_on.reaches(1));
    seen = std::string(q.content_type) + " " + std::string(q.metadata[0].key) + "=" + std::string(q.metadata[0].value);
    return r.assign(q.payload) ? Code::ok : Code::internal;
  }));
  struct Result {
    Module* web;
    Counter came;
    std::string payload;
    bool inside = false;
  } result{&web, {}, {}, false};
  Error error;
  {
    std::string payload(1000, 'p'), type = "text/plain", key = "k", value = "v";
    const ServicePair pair{key, value};
    CHECK(world.services.call_async(
              *web.seat, std::string_view("orders.create"), Request{payload, type, {&pair, 1}},
              [](void* data, std::uint64_t, Code code, Reply& reply, const Error&) {
                auto& out = *static_cast<Result*>(data);
                CHECK(code == Code::ok);
                out.inside = current_frame() != nullptr && current_frame()->owner == &out.web->owner;
                out.payload = reply.payload();
                out.came.add();
              },
              &result, nullptr, error) == Code::ok);
    payload.assign(1000, '!');
    type = key = value = "!";
  }
  go_on.add();
  CHECK(result.came.reaches(1));
  CHECK(result.inside);
  CHECK(result.payload == std::string(1000, 'p'));
  CHECK(seen == "text/plain k=v");
  CHECK(there != here);
}

TEST_CASE("async: the id is there before the completion, which may free what it lies in") {
  World world;
  Module orders(world), web(world, "web");
  REQUIRE(orders.offer("orders.create", echo));
  struct Asked {
    std::uint64_t id = 0;
    Counter* same;
  };
  Counter same;
  Error error;
  for (int i = 0; i < 200; ++i) {
    auto asked = std::make_unique<Asked>(Asked{0, &same});
    REQUIRE(world.services.call_async(
                *web.seat, std::string_view("orders.create"), {},
                [](void* data, std::uint64_t id, Code, Reply&, const Error&) {
                  const std::unique_ptr<Asked> mine(static_cast<Asked*>(data));
                  if (mine->id == id) mine->same->add();
                },
                asked.get(), &asked->id, error) == Code::ok);
    static_cast<void>(asked.release());
  }
  CHECK(same.reaches(200));
}

TEST_CASE("async: hostile requests") {
  World world;
  Module orders(world), web(world, "web");
  REQUIRE(orders.offer("orders.create", echo));
  Error error;
  Counter dones;
  const auto start = [&](const Request& q) {
    return world.services.call_async(
        *web.seat, std::string_view("orders.create"), q,
        [](void* data, std::uint64_t, Code, Reply&, const Error&) { static_cast<Counter*>(data)->add(); }, &dones, nullptr, error);
  };
  const std::string long_text(20000, 'x');
  const std::vector<ServicePair> many(65, ServicePair{"k", "v"});
  const ServicePair large{"k", long_text};
  CHECK(start({{}, long_text, {}}) == Code::invalid_argument);
  CHECK(start({{}, {}, many}) == Code::invalid_argument);
  CHECK(start({{}, {}, {&large, 1}}) == Code::invalid_argument);
  CHECK(start({std::string_view(long_text.data(), max_service_payload + 1), {}, {}}) == Code::invalid_argument);  // never read
  CHECK(world.services.call_async(*web.seat, std::string_view("orders.create"), {}, nullptr, nullptr, nullptr, error) ==
        Code::invalid_argument);
  CHECK(start({}) == Code::ok);
  CHECK(dones.reaches(1));
  CHECK(dones.value() == 1);
  CHECK(metrics_of(world, "orders.create").in_flight == 0);
}

TEST_CASE("offload: runs on a worker and is given up at the deadline while it still runs") {
  World world;
  Module orders(world), web(world, "web");
  Counter inside, go_on;
  const std::thread::id here = std::this_thread::get_id();
  REQUIRE(orders.offer("orders.report",
                       [&](ServiceCall& c, const Request& q, Reply& r) {
                         CHECK(std::this_thread::get_id() != here);
                         if (q.payload == "slow") {
                           inside.add();
                           CHECK(becomes([&] { return c.is_cancelled(); }));
                           CHECK(go_on.reaches(1));
                         }
                         return r.assign(q.payload) ? Code::ok : Code::internal;
                       },
                       {true, false}));
  CHECK(call(web, "orders.report", "quick").payload == "quick");
  const std::int64_t deadline = in_ms(30);
  const Outcome out = call(web, "orders.report", "slow", {deadline, {}});
  CHECK(out.code == Code::deadline_exceeded);
  CHECK(monotonic_ns() >= deadline);
  CHECK(inside.value() == 1);
  go_on.add();
  CHECK(call(web, "orders.report", std::string(100000, 'x')).payload.size() == 100000);
}

TEST_CASE("offload: what was given up before it began is not run") {
  WorkerPool::Options workers;
  workers.threads = workers.max_threads = 1;
  World world({}, workers);
  Module orders(world), web(world, "web");
  Counter inside, go_on;
  std::atomic<int> ran{0};
  REQUIRE(orders.offer("orders.block", [&](ServiceCall&, const Request&, Reply&) {
    inside.add();
    return go_on.reaches(1) ? Code::ok : Code::internal;
  }));
  REQUIRE(orders.offer("orders.count",
                       [&](ServiceCall&, const Request&, Reply&) {
                         ++ran;
                         return Code::ok;
                       },
                       {true, false}));
  Async blocking, cancelled;
  REQUIRE(blocking.start(web, std::string_view("orders.block"), "", {soon(), {}}) == Code::ok);
  CHECK(inside.reaches(1));
  CHECK(call(web, "orders.count", "", {in_ms(20), {}}).code == Code::deadline_exceeded);
  REQUIRE(cancelled.start(web, std::string_view("orders.count")) == Code::ok);
  CHECK(world.services.cancel(*web.seat, cancelled.id) == Code::ok);
  go_on.add();
  CHECK(blocking.code() == Code::ok);
  CHECK(cancelled.code() == Code::cancelled);
  CHECK(call(web, "orders.count").code == Code::ok);
  CHECK(ran == 1);
}

TEST_CASE("offload: what was removed before it began is answered NOT_FOUND") {
  WorkerPool::Options workers;
  workers.threads = workers.max_threads = 1;
  World world({}, workers);
  Module orders(world), web(world, "web");
  Counter inside, go_on;
  REQUIRE(orders.offer("orders.block", [&](ServiceCall&, const Request&, Reply&) {
    inside.add();
    return go_on.reaches(1) ? Code::ok : Code::internal;
  }));
  const auto id = orders.offer("orders.gone", echo);
  Async blocking, gone;
  REQUIRE(blocking.start(web, std::string_view("orders.block"), "", {soon(), {}}) == Code::ok);
  CHECK(inside.reaches(1));
  REQUIRE(gone.start(web, std::string_view("orders.gone")) == Code::ok);
  CHECK(world.services.remove(*orders.seat, *id) == Code::ok);
  go_on.add();
  CHECK(gone.code() == Code::not_found);
  CHECK(blocking.code() == Code::ok);
}

TEST_CASE("offload: nested blocking calls that hold all workers end by their deadline or by replacement") {
  WorkerPool::Options workers;
  workers.threads = 2;
  workers.max_threads = 4;
  World world({}, workers);
  Module orders(world), web(world, "web");
  // Each call needs two more workers, which are not there for all of them.
  REQUIRE(orders.offer("orders.leaf", echo, {true, false}));
  REQUIRE(
      orders.offer("orders.middle", [&](ServiceCall&, const Request&, Reply&) { return call(orders, "orders.leaf").code; }, {true, false}));
  REQUIRE(
      orders.offer("orders.top", [&](ServiceCall&, const Request&, Reply&) { return call(orders, "orders.middle").code; }, {true, false}));
  Counter ended;
  std::atomic<int> good{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i)
    callers.emplace_back([&] {
      const Code code = call(web, "orders.top", "", {in_ms(300), {}}).code;
      CHECK((code == Code::ok || code == Code::deadline_exceeded || code == Code::resource_exhausted));
      if (code == Code::ok) ++good;
      ended.add();
    });
  CHECK(ended.reaches(8));
  for (std::thread& t : callers) t.join();
  MESSAGE(good.load(), " of 8 were answered");
  CHECK(becomes([&] { return call(web, "orders.top", "", {soon(), {}}).code == Code::ok; }));  // nothing is stuck afterwards
}
