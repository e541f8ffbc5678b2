// Everything at once. What must hold is counted: completions and releases exactly once, no call lost, nothing stuck.
#include <array>
#include <random>

#include "base/sanitizer.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
constexpr int scale = has_thread_sanitizer ? 1 : 4;

struct Threads {
  ~Threads() { join(); }
  template <class F>
  void add(F&& f) {
    list.emplace_back(std::forward<F>(f));
  }
  void join() {
    for (std::thread& t : list)
      if (t.joinable()) t.join();
  }
  std::vector<std::thread> list;
};
}  // namespace

TEST_CASE("races: register, unregister, resolve and call") {
  World world;
  Module orders(world), web(world, "web");
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, ran{0};
  const auto handler = [&](ServiceCall&, const Request& q, Reply& r) {
    ++ran;
    return r.assign(q.payload) ? Code::ok : Code::internal;
  };
  REQUIRE(orders.offer("orders.fixed", handler));
  Threads threads;
  for (int t = 0; t < 2; ++t)
    threads.add([&, t] {
      const std::uint64_t handle = web.resolve("orders.fixed");
      std::uint64_t changing = 0;
      for (int n = 0; !stop; ++n) {
        const Outcome fixed = call(web, handle, "f");
        CHECK(fixed.payload == "f");
        answered += fixed.code == Code::ok ? 1 : 0;
        const std::string name = "orders.c" + std::to_string((n + t) % 8);
        const Outcome by_name = call(web, std::string_view(name), "n");
        CHECK((by_name.code == Code::ok || by_name.code == Code::not_found));
        answered += by_name.code == Code::ok ? 1 : 0;
        if (changing == 0)
          if (const auto h = world.services.resolve(*web.seat, name); h) changing = *h;
        if (changing != 0) {
          const Outcome by_handle = call(web, changing, "h");
          CHECK((by_handle.code == Code::ok || by_handle.code == Code::not_found));
          answered += by_handle.code == Code::ok ? 1 : 0;
          if (n % 7 == 0) CHECK(world.services.release_handle(*web.seat, std::exchange(changing, 0)) == Code::ok);
        }
      }
    });
  threads.add([&] {
    std::array<std::uint64_t, 8> ids{};
    for (int n = 0; n < 1500 * scale; ++n) {
      const std::size_t i = static_cast<std::size_t>(n) % ids.size();
      if (ids[i] != 0)
        CHECK((n % 5 == 0 ? world.services.remove_wait(*orders.seat, ids[i], soon()) : world.services.remove(*orders.seat, ids[i])) ==
              Code::ok);
      ids[i] = orders.offer("orders.c" + std::to_string(i), handler).value();
    }
    stop = true;
  });
  threads.join();
  CHECK(answered == ran);
  CHECK(orders.leave().quiet);
  CHECK(orders.releases.value() == orders.offered);
}

TEST_CASE("races: providers come and go while they are called in every way") {
  World world;
  Module web(world, "web");
  std::atomic<bool> stop{false};
  std::atomic<int> taken{0};
  Counter dones;
  struct Shared {
    Counter* dones;
  } shared{&dones};
  Ids ids;
  const auto allowed = [](Code c) {
    return c == Code::ok || c == Code::not_found || c == Code::unavailable || c == Code::deadline_exceeded || c == Code::cancelled;
  };
  Threads threads;
  for (int t = 0; t < 2; ++t)
    threads.add([&, t] {
      Error error;
      std::uint64_t handle = 0;
      for (int n = 0; !stop; ++n) {
        if (handle == 0)
          if (const auto h = world.services.resolve(*web.seat, "orders.now"); h) handle = *h;
        if (handle != 0) CHECK(allowed(call(web, handle).code));
        CHECK(allowed(call(web, "orders.worker", "x", {in_ms(50), {}}).code));
        if (n % 4 == t) {
          const Outcome later = call(web, "orders.later", "x", {in_ms(1), {}});
          CHECK_MESSAGE(allowed(later.code), later.error.message);
        }
        std::uint64_t id = 0;
        if (world.services.call_async(
                *web.seat, std::string_view("orders.worker"), {},
                [](void* data, std::uint64_t, Code, Reply&, const Error&) { static_cast<Shared*>(data)->dones->add(); }, &shared, &id,
                error, {in_ms(100), {}}) == Code::ok) {
          ++taken;
          if (n % 3 == 0) world.services.cancel(*web.seat, id);
        }
      }
    });
  std::uint64_t generation = 0;
  std::unique_ptr<Module> before;
  for (int n = 0; n < 30 * scale; ++n) {
    auto next = std::make_unique<Module>(world, "orders", ++generation);
    Module& m = *next;
    REQUIRE(m.offer("orders.now", echo));
    REQUIRE(m.offer("orders.worker", echo, {true, false}));
    REQUIRE(m.offer("orders.later", [](ServiceCall& c, const Request&, Reply&) {
      std::uint64_t id = 0;
      const Code deferred = c.defer(id);
      return deferred == Code::ok ? pending : deferred;
    }));
    if (n % 2 == 0 && before) world.services.promote(*m.seat);
    before = std::move(next);  // the older one leaves here
    std::this_thread::yield();
  }
  before.reset();
  stop = true;
  threads.join();
  CHECK(dones.reaches(taken));
  CHECK(web.leave().quiet);
  CHECK(dones.value() == taken);
}

TEST_CASE("races: cancel against complete against the deadline") {
  World world;
  Module orders(world), web(world, "web");
  Ids ids;
  const auto service = orders.offer("orders.later", [&](ServiceCall& c, const Request&, Reply&) { return ids.defer(c); });
  std::atomic<int> ended{0};
  std::deque<Async> calls(static_cast<std::size_t>(200 * scale));
  std::mt19937 random(7);
  std::atomic<int> started{0}, cancelled{0}, watched{0};
  std::atomic<bool> all_done{false};
  Threads threads;
  threads.add([&] {
    for (;;) {
      const bool last = all_done;
      const std::uint64_t id = ids.next_now();
      if (id == 0) {
        if (last) return;
        std::this_thread::yield();
        continue;
      }
      if (world.services.on_cancel(
              *orders.seat, id, [](void* n, Code) { ++*static_cast<std::atomic<int>*>(n); }, &ended) == Code::ok)
        ++watched;
      CHECK(complete(orders, id, Code::ok, "x") == Code::ok);  // late or not, it is its first
      CHECK(complete(orders, id) == Code::not_found);
    }
  });
  threads.add([&] {
    for (int i = 0; i < static_cast<int>(calls.size()); ++i) {
      while (i >= started) std::this_thread::yield();
      if (i % 2 == 0 && world.services.cancel(*web.seat, calls[static_cast<std::size_t>(i)].id) == Code::ok) ++cancelled;
    }
  });
  for (Async& a : calls) {
    const auto patience = static_cast<std::int64_t>(60'000 + random() % 3'000'000);
    // Late before it has begun, it is not taken at all.
    while (a.start(web, std::string_view("orders.later"), "", {monotonic_ns() + patience, {}}) == Code::deadline_exceeded) continue;
    REQUIRE(a.started == Code::ok);
    ++started;
    if (random() % 4 == 0) std::this_thread::yield();
  }
  int good = 0, given_up = 0;
  for (Async& a : calls) {
    const Code code = a.code();
    CHECK((code == Code::ok || code == Code::cancelled || code == Code::deadline_exceeded));
    CHECK(a.outcome.payload == (code == Code::ok ? "x" : ""));
    good += code == Code::ok ? 1 : 0;
    given_up += code == Code::cancelled ? 1 : 0;
  }
  CHECK(becomes([&] { return given_up == cancelled.load(); }));
  // Handlers that had begun when their call was given up may still defer.
  CHECK(world.services.remove_wait(*orders.seat, *service, soon()) == Code::ok);
  all_done = true;
  threads.join();
  CHECK(orders.leave().quiet);
  CHECK(ended == watched);
  for (Async& a : calls) CHECK(a.dones.value() == 1);
  MESSAGE(good, " answered, ", given_up, " cancelled of ", calls.size());
}

TEST_CASE("races: handles of many callers while the provider is replaced") {
  World world;
  std::atomic<bool> stop{false};
  Threads threads;
  auto one = std::make_unique<Module>(world, "orders", 1);
  REQUIRE(one->offer("orders.create", echo));
  for (int t = 0; t < 2; ++t)
    threads.add([&, t] {
      for (int n = 0; !stop; ++n) {
        Module caller(world, "caller" + std::to_string(t), static_cast<std::uint64_t>(n + 1));
        const auto handle = world.services.resolve(*caller.seat, "orders.create");
        if (!handle) continue;
        for (int i = 0; i < 10; ++i) {
          const Code code = call(caller, *handle, "x").code;
          CHECK((code == Code::ok || code == Code::not_found || code == Code::unavailable));
        }
      }
    });
  for (std::uint64_t g = 2; g < 50U * scale; ++g) {
    auto next = std::make_unique<Module>(world, "orders", g);
    REQUIRE(next->offer("orders.create", echo));
    if (g % 2 == 0) world.services.promote(*next->seat);
    one = std::move(next);
  }
  stop = true;
  threads.join();
}
