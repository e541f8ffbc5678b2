// Races: stampedes, leases against leaving and replacing, circles over threads. Worth most under the thread sanitizer.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// Runs f(i) on n threads that begin together.
template <class F>
void together(int n, F&& f) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i)
    threads.emplace_back([&, i] {
      ++ready;
      while (ready.load() < n) std::this_thread::yield();
      f(i);
    });
  for (auto& t : threads) t.join();
}

Code acquire(Module& m, const char* token, Leased& out, std::uint64_t scope = 0) {
  Error error;
  return m.world.container.acquire(*m.seat, {token}, scope, out, error);
}

}  // namespace

TEST_CASE("container races: a singleton is made once however many threads ask, and so is a scoped instance in its scope") {
  for (int round = 0; round < 50; ++round) {
    World world;
    Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
    std::vector<std::unique_ptr<int>> made;
    const auto make = [&](Call&, std::uint64_t, TokenInstance& out, Error&) {
      made.push_back(std::make_unique<int>(static_cast<int>(made.size())));
      std::this_thread::yield();
      out.self = made.back().get();
      return Code::ok;
    };
    const Lifetime lifetime = round % 2 == 0 ? Lifetime::singleton : Lifetime::scoped;
    REQUIRE(catalog.factory("catalog.one/1", lifetime, make));
    const std::uint64_t scope = orders.open();
    std::array<Leased, 8> leases;
    together(8, [&](int i) { CHECK(acquire(orders, "catalog.one/1", leases[static_cast<std::size_t>(i)], scope) == Code::ok); });
    CHECK(made.size() == 1);
    for (const Leased& l : leases) CHECK(l.instance.self == made[0].get());
  }
}

TEST_CASE("container races: of a failing factory each thread gets that failure or a later try, and one success is kept") {
  for (int round = 0; round < 50; ++round) {
    World world;
    Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
    std::atomic<int> tries{0}, got{0};
    REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton,
                            [&](Call&, std::uint64_t, TokenInstance&, Error&) { return ++tries == 1 ? Code::unavailable : Code::ok; }));
    together(4, [&](int) {
      Leased lease;
      if (acquire(orders, "catalog.one/1", lease) == Code::ok) ++got;
    });
    Leased lease;
    CHECK(acquire(orders, "catalog.one/1", lease) == Code::ok);
    CHECK(tries == 2);
    CHECK(world.container.stats().instances == 1);
  }
}

TEST_CASE("container races: leases against a provider that leaves: whoever got one can use it, then the provider goes") {
  struct Client {
    std::uint32_t struct_size = sizeof(Client);
    std::uint32_t alive = 1;
  };
  for (int round = 0; round < 60; ++round) {
    World world;
    auto provider = std::make_unique<Module>(world, "catalog");
    Module orders(world, "orders", {{"catalog"}});
    std::atomic<Client*> current{nullptr};
    REQUIRE(provider->factory("catalog.client/1", Lifetime::singleton, [&](Call&, std::uint64_t, TokenInstance& out, Error&) {
      auto* c = new Client;
      current = c;
      out.table = c;
      return Code::ok;
    }));
    std::atomic<bool> left{false};
    std::atomic<int> used{0};
    together(3, [&](int i) {
      if (i == 0) {
        while (used.load() < 50) std::this_thread::yield();
        CHECK(provider->leave().may_go());
        if (Client* c = current) {
          c->alive = 0;  // a lease that is still there would see it
          delete c;
        }
        left = true;
        return;
      }
      while (!left) {
        Leased lease;
        if (acquire(orders, "catalog.client/1", lease) != Code::ok) {
          ++used;
          continue;
        }
        CHECK(static_cast<const Client*>(lease.instance.table)->alive == 1);
        CHECK(world.container.release(*orders.seat, lease.id) == Code::ok);
        ++used;
      }
    });
    CHECK(world.container.stats().leases == 0);
    CHECK(world.container.stats().instances == 0);
  }
}

TEST_CASE("container races: replacing while others acquire and release: every old one is disposed once, when nobody has it") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  constexpr int rounds = 200;
  static std::atomic<int> uses[rounds + 1], released[rounds + 1];
  for (int i = 0; i <= rounds; ++i) uses[i] = released[i] = 0;
  struct Numbered {
    std::uint32_t struct_size = sizeof(Numbered);
    int number = 0;
  };
  std::vector<Numbered> tables(rounds + 1);
  std::vector<std::uint64_t> ids;
  for (int i = 0; i <= rounds; ++i) tables[static_cast<std::size_t>(i)].number = i;
  const auto provide = [&](int i) {
    Numbered& t = tables[static_cast<std::size_t>(i)];
    const auto release = [](void* data) {
      const int n = static_cast<Numbered*>(data)->number;
      CHECK(uses[n] == 0);
      ++released[n];
    };
    CHECK(world.container.provide(*catalog.seat, {{"catalog.client/1"}, &t, release, true}, {&t, nullptr}));
  };
  provide(0);
  std::atomic<bool> over{false};
  together(4, [&](int i) {
    if (i == 0) {
      for (int n = 1; n <= rounds; ++n) {
        provide(n);
        if (n % 10 == 0) std::this_thread::yield();
      }
      over = true;
      return;
    }
    int last = 0;
    while (!over) {
      Leased lease;
      REQUIRE(acquire(orders, "catalog.client/1", lease) == Code::ok);
      const int n = static_cast<const Numbered*>(lease.instance.table)->number;
      ++uses[n];
      CHECK(n >= last);
      CHECK(released[n] == 0);
      last = n;
      --uses[n];
      CHECK(world.container.release(*orders.seat, lease.id) == Code::ok);
    }
  });
  for (int i = 0; i < rounds; ++i) CHECK(becomes([&] { return released[i] == 1; }));
  CHECK(catalog.leave().may_go());
  CHECK(released[rounds] == 1);
}

TEST_CASE("container races: one lease, many threads that release it: one succeeds") {
  World world;
  Module catalog(world, "catalog");
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient));
  for (int round = 0; round < 200; ++round) {
    Leased lease = catalog.get(round % 2 == 0 ? "catalog.client/1" : "catalog.each/1");
    std::atomic<int> good{0};
    together(3, [&](int) {
      if (world.container.release(*catalog.seat, lease.id) == Code::ok) ++good;
    });
    CHECK(good == 1);
  }
  CHECK(world.container.stats().leases == 0);
  CHECK(world.diary.gets("dispose catalog.each/1", 100));
}

TEST_CASE("container races: singletons that need each other in a ring, from as many threads: all end, each is told the circle or why") {
  for (int round = 0; round < 30; ++round) {
    World world;
    Module catalog(world, "catalog");
    constexpr int n = 4;
    static const char* const tokens[n] = {"catalog.a/1", "catalog.b/1", "catalog.c/1", "catalog.d/1"};
    std::atomic<bool> open_ring{round % 3 == 0};  // then the last one needs nobody, and all are made
    for (int i = 0; i < n; ++i)
      REQUIRE(catalog.factory(tokens[i], Lifetime::singleton, [&, i](Call&, std::uint64_t scope, TokenInstance&, Error& error) -> Code {
        if (open_ring && i == n - 1) return Code::ok;
        Leased lease;
        return world.container.acquire(*catalog.seat, {tokens[(i + 1) % n]}, scope, lease, error);
      }));
    std::atomic<int> good{0}, circles{0};
    together(n, [&](int i) {
      Leased lease;
      Error error;
      const Code code = world.container.acquire(*catalog.seat, {tokens[i]}, 0, lease, error);
      if (code == Code::ok) ++good;
      if (code == Code::failed_precondition && error.reason == "CYCLE") ++circles;
    });
    CHECK(good == (open_ring ? n : 0));
    CHECK(circles == (open_ring ? 0 : n));
    CHECK(world.container.stats().instances == (open_ring ? n : 0));
  }
}

TEST_CASE("container races: scopes that end while things are made in them leave nothing behind") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"catalog"}});
  std::atomic<int> made{0};
  REQUIRE(catalog.factory("catalog.request/1", Lifetime::scoped, [&](Call&, std::uint64_t, TokenInstance&, Error&) {
    ++made;
    std::this_thread::yield();
    return Code::ok;
  }));
  REQUIRE(catalog.factory("catalog.each/1", Lifetime::transient, [&](Call&, std::uint64_t, TokenInstance&, Error&) {
    ++made;
    return Code::ok;
  }));
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t scope = orders.open();
    together(3, [&](int i) {
      Leased lease;
      if (i == 0)
        CHECK(orders.close_scope(scope) == Code::ok);
      else
        static_cast<void>(acquire(orders, i == 1 ? "catalog.request/1" : "catalog.each/1", lease, scope));
    });
  }
  CHECK(becomes([&] {
    const auto stats = world.container.stats();
    return stats.scopes + stats.leases + stats.instances == 0;
  }));
  CHECK(world.diary.count("dispose catalog.request/1") + world.diary.count("dispose catalog.each/1") == static_cast<std::size_t>(made));
}

TEST_CASE("container races: modules that come and go while others acquire from them, and from their shadows") {
  World world;
  Module orders(world, "orders", {{"catalog"}});
  std::atomic<bool> over{false};
  together(3, [&](int i) {
    if (i == 0) {
      std::unique_ptr<Module> old;
      for (std::uint64_t generation = 1; generation <= 60; ++generation) {
        auto fresh = std::make_unique<Module>(world, "catalog", ModuleOptions{{}, true, false, generation});
        CHECK(fresh->instance("catalog.client/1", fresh->value));
        CHECK(fresh->factory("catalog.each/1", Lifetime::transient));
        if (generation % 2 == 0) world.container.promote(*fresh->seat);
        old = std::move(fresh);  // the older one leaves here
      }
      over = true;
      return;
    }
    while (!over) {
      Leased lease;
      if (acquire(orders, i == 1 ? "catalog.client/1" : "catalog.each/1", lease) != Code::ok) continue;
      CHECK(call(lease) == 17);
      CHECK(world.container.release(*orders.seat, lease.id) == Code::ok);
    }
  });
  CHECK(becomes([&] { return world.container.stats().instances == 0; }));
}
