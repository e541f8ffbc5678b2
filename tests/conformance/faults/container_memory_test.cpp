// The container through the C tables while there is no memory.
#include "starved.hpp"
#include "tenon/container.h"

using namespace tenon;
using namespace tenon::test;

namespace {

struct Table {
  std::uint32_t size = sizeof(Table);
  std::uint32_t value = 7;
};
const Table the_table;

/// A provider with everything counted.
struct Provider : Registered {
  std::atomic<int> made{0}, disposed{0};
};
tenon_status make(void* data, tenon_call*, tenon_id, tenon_instance* out, tenon_error*) noexcept {
  ++static_cast<Provider*>(data)->made;
  out->table = &the_table;
  out->self = data;
  return TENON_OK;
}
void dispose(void* data, void*) noexcept { ++static_cast<Provider*>(data)->disposed; }

constexpr std::string_view name = "catalog.client-with-a-long-name/1";

struct Shelf {
  SmallHost host;
  SmallModule catalog{host, "catalog"}, shop{host, "shop", requires_catalog()};
  const tenon_container* const container = catalog.table<tenon_container>(TENON_CONTAINER);
  const tenon_lease* const leases = shop.table<tenon_lease>(TENON_LEASE);
  tenon_error error{};
  Shelf() { error.struct_size = sizeof error; }
  static host::InstanceOptions requires_catalog() {
    host::InstanceOptions options;
    options.required = {"catalog"};
    return options;
  }
  static tenon_token token() { return {sizeof(tenon_token), sizeof(Table), str(name), {}}; }
  tenon_status provide(Provider& p, tenon_id& id, std::uint32_t flags = 0) {
    const tenon_token t = token();
    const tenon_instance instance = {sizeof instance, 0, &the_table, &p};
    return container->provide(catalog.ctx(), &t, &instance, flags, &p, &Registered::release, &id, &error);
  }
  tenon_status provide_factory(Provider& p, std::uint32_t lifetime, tenon_id& id) {
    const tenon_token t = token();
    const tenon_factory factory = {sizeof factory, lifetime, &make, &dispose};
    return container->provide_factory(catalog.ctx(), &t, &factory, 0, &p, &Registered::release, &id, &error);
  }
  tenon_status acquire(tenon_id scope, tenon_leased& out) {
    const tenon_token t = token();
    out = {sizeof out, 0, 0, nullptr, nullptr};
    return leases->acquire(shop.ctx(), &t, scope, &out, &error);
  }
  host::Container::Stats stats() { return host.kernel().container().stats(); }
};

void acquire_in_every_shortage(std::uint32_t lifetime) {
  with_every_shortage([lifetime](Starving& starving) {
    Provider p;
    {
      Shelf shelf;
      tenon_id id = 0, scope = 0;
      REQUIRE(shelf.provide_factory(p, lifetime, id) == TENON_OK);
      if (lifetime != TENON_SINGLETON) REQUIRE(shelf.leases->open_scope(shelf.shop.ctx(), 0, nullptr, &scope, &shelf.error) == TENON_OK);
      tenon_leased leased;
      const tenon_status status = starving.during([&] { return shelf.acquire(scope, leased); });
      CHECK(is_clean(status));
      if (status != TENON_OK) {
        CHECK(std::string(shelf.error.reason) == "NO_MEMORY");
        CHECK(shelf.stats().leases == 0);
        REQUIRE(shelf.acquire(scope, leased) == TENON_OK);
      }
      CHECK(static_cast<const Table*>(leased.table)->value == 7);
      CHECK(shelf.stats().leases == 1);
      const tenon_status released = starving.during([&] { return shelf.leases->release(shelf.shop.ctx(), leased.id); });
      CHECK(is_clean(released));
      if (released != TENON_OK) CHECK(shelf.leases->release(shelf.shop.ctx(), leased.id) == TENON_OK);
      CHECK(shelf.leases->release(shelf.shop.ctx(), leased.id) == TENON_NOT_FOUND);
      CHECK(shelf.stats().leases == 0);
      if (scope != 0) {
        const tenon_status closed = starving.during([&] { return shelf.leases->close_scope(shelf.shop.ctx(), scope); });
        CHECK(is_clean(closed));
        if (closed != TENON_OK) CHECK(shelf.leases->close_scope(shelf.shop.ctx(), scope) == TENON_OK);
        CHECK(settles([&] { return p.disposed == p.made; }));
        CHECK(shelf.stats().scopes == 0);
      }
      shelf.shop.leave();
    }
    CHECK(p.made >= 1);
    CHECK(p.disposed == p.made);
    CHECK(p.released == 1);
  });
}

}  // namespace

TEST_CASE("no memory: provide leaves nothing, or what can be acquired") {
  with_every_shortage([](Starving& starving) {
    Provider p;
    {
      Shelf shelf;
      tenon_id id = 0;
      const tenon_status status = starving.during([&] { return shelf.provide(p, id); });
      CHECK(is_clean(status));
      tenon_leased leased;
      if (status != TENON_OK) {
        CHECK(std::string(shelf.error.reason) == "NO_MEMORY");
        CHECK(shelf.stats().tokens == 0);
        CHECK(shelf.stats().instances == 0);
        CHECK(shelf.acquire(0, leased) == TENON_NOT_FOUND);
        CHECK(p.released == 0);
        REQUIRE(shelf.provide(p, id) == TENON_OK);
      }
      CHECK(shelf.acquire(0, leased) == TENON_OK);
      shelf.shop.leave();
    }
    CHECK(p.released == 1);
  });
}

TEST_CASE("no memory: provide_factory leaves nothing, or what can be acquired") {
  with_every_shortage([](Starving& starving) {
    Provider p;
    {
      Shelf shelf;
      tenon_id id = 0;
      const tenon_status status = starving.during([&] { return shelf.provide_factory(p, TENON_SINGLETON, id); });
      CHECK(is_clean(status));
      tenon_leased leased;
      if (status != TENON_OK) {
        CHECK(std::string(shelf.error.reason) == "NO_MEMORY");
        CHECK(shelf.stats().tokens == 0);
        CHECK(shelf.acquire(0, leased) == TENON_NOT_FOUND);
        REQUIRE(shelf.provide_factory(p, TENON_SINGLETON, id) == TENON_OK);
      }
      CHECK(shelf.acquire(0, leased) == TENON_OK);
      shelf.shop.leave();
    }
    CHECK(p.released == 1);
    CHECK(p.disposed == 1);
  });
}

TEST_CASE("no memory: what takes the place of another offer does so, or nothing changes") {
  with_every_shortage([](Starving& starving) {
    Provider old, next;
    {
      Shelf shelf;
      tenon_id id = 0, replaced = 0;
      tenon_leased leased;
      REQUIRE(shelf.provide(old, id) == TENON_OK);
      const tenon_status status = starving.during([&] { return shelf.provide(next, replaced, TENON_PROVIDE_REPLACE); });
      CHECK(is_clean(status));
      REQUIRE(shelf.acquire(0, leased) == TENON_OK);
      CHECK(leased.self == (status == TENON_OK ? static_cast<void*>(&next) : static_cast<void*>(&old)));
      if (status != TENON_OK) {
        CHECK(shelf.stats().tokens == 1);
        REQUIRE(shelf.provide(next, replaced, TENON_PROVIDE_REPLACE) == TENON_OK);
      }
      shelf.shop.leave();
    }
    CHECK(old.released == 1);
    CHECK(next.released == 1);
  });
}

TEST_CASE("no memory: acquire gives a lease, or RESOURCE_EXHAUSTED and keeps nothing") {
  SUBCASE("singleton") { acquire_in_every_shortage(TENON_SINGLETON); }
  SUBCASE("scoped") { acquire_in_every_shortage(TENON_SCOPED); }
  SUBCASE("transient") { acquire_in_every_shortage(TENON_TRANSIENT); }
}

TEST_CASE("no memory: acquire of an instance that is there") {
  with_every_shortage([](Starving& starving) {
    Provider p;
    {
      Shelf shelf;
      tenon_id id = 0;
      tenon_leased leased;
      REQUIRE(shelf.provide(p, id) == TENON_OK);
      const tenon_status status = starving.during([&] { return shelf.acquire(0, leased); });
      CHECK(is_clean(status));
      if (status != TENON_OK) CHECK(shelf.acquire(0, leased) == TENON_OK);
      CHECK(shelf.stats().leases == 1);
      // Refusals, too.
      const tenon_token unknown = {sizeof unknown, 0, str("catalog.there-is-no-such-token/1"), {}};
      const tenon_status none =
          starving.during([&] { return shelf.leases->acquire(shelf.shop.ctx(), &unknown, 0, &leased, &shelf.error); });
      CHECK((none == TENON_NOT_FOUND || none == TENON_RESOURCE_EXHAUSTED));
      const tenon_status null = starving.during([&] { return shelf.leases->acquire(shelf.shop.ctx(), nullptr, 0, &leased, &shelf.error); });
      CHECK((null == TENON_INVALID_ARGUMENT || null == TENON_RESOURCE_EXHAUSTED));
      shelf.shop.leave();
    }
    CHECK(p.released == 1);
  });
}

TEST_CASE("no memory: withdraw releases once and as soon as ever") {
  for (const bool waits : {false, true})
    with_every_shortage([waits](Starving& starving) {
      Provider p;
      Shelf shelf;
      tenon_id id = 0;
      REQUIRE(shelf.provide(p, id) == TENON_OK);
      const auto withdraw = [&] {
        return waits ? shelf.container->withdraw_wait(shelf.catalog.ctx(), id, soon()) : shelf.container->withdraw(shelf.catalog.ctx(), id);
      };
      const tenon_status status = starving.during(withdraw);
      CHECK(is_clean(status));
      if (status != TENON_OK) CHECK((withdraw() == TENON_OK || settles([&] { return p.released == 1; })));
      CHECK(settles([&] { return p.released == 1; }));
      CHECK(settles([&] { return shelf.stats().tokens == 0; }));
      CHECK(shelf.stats().instances == 0);
    });
}

TEST_CASE("no memory: open_scope opens one, or none") {
  with_every_shortage([](Starving& starving) {
    Shelf shelf;
    tenon_id outer = 0, id = 0;
    const tenon_scope said = {sizeof said, TENON_SCOPE_JOB, str("a request id that is no small string"), str("tenant"), {}, INT64_MAX};
    REQUIRE(shelf.leases->open_scope(shelf.shop.ctx(), 0, &said, &outer, &shelf.error) == TENON_OK);
    const tenon_status status =
        starving.during([&] { return shelf.leases->open_scope(shelf.shop.ctx(), outer, nullptr, &id, &shelf.error); });
    CHECK(is_clean(status));
    CHECK(shelf.stats().scopes == (status == TENON_OK ? 2U : 1U));
    tenon_scope told{};
    told.struct_size = sizeof told;
    const tenon_status described =
        starving.during([&] { return shelf.leases->describe_scope(shelf.shop.ctx(), outer, &told, &shelf.error); });
    CHECK(described == TENON_OK);
    const tenon_status closed = starving.during([&] { return shelf.leases->close_scope(shelf.shop.ctx(), outer); });
    CHECK(is_clean(closed));
    if (closed != TENON_OK) CHECK(shelf.leases->close_scope(shelf.shop.ctx(), outer) == TENON_OK);
    CHECK(shelf.stats().scopes == 0);
  });
}
