// The wrappers of leases and the container, in the fake host: what an author writes, and tests.
#include <doctest/doctest.h>

#include <tenon/testing.hpp>

namespace {

struct Catalog {
  std::uint32_t struct_size, reserved;
  std::int64_t (*price)(void* self, std::int64_t article) noexcept;
};
constexpr tenon::Token<Catalog> catalog{"catalog.client/1"};
constexpr tenon::Token<Catalog> session{"catalog.session/1"};

struct Totals {
  std::uint32_t struct_size, reserved;
  std::int64_t (*add)(void* self, std::int64_t article) noexcept;
};
constexpr tenon::Token<Totals> totals{"shop.totals/1"};
constexpr tenon::Token<Totals> per_request{"shop.request/1"};
constexpr tenon::Token<Totals> broken{"shop.broken/1"};

int alive = 0;

/// What the module provides: sums prices of the catalogue it leases.
struct Sum {
  explicit Sum(tenon::Lease<Catalog> c) : prices(std::move(c)) { ++alive; }
  ~Sum() { --alive; }
  tenon::Lease<Catalog> prices;
  std::int64_t sum = 0;
};
constexpr Totals totals_table{sizeof(Totals), 0, [](void* self, std::int64_t article) noexcept {
                                auto& s = *static_cast<Sum*>(self);
                                return s.sum += s.prices.call(&Catalog::price, article);
                              }};

class Shop {
 public:
  using needs = tenon::needs<tenon::Calls, tenon::Leases, tenon::Container>;
  explicit Shop(tenon::Ctx ctx) : leases_(ctx), container_(ctx) {}
  tenon::Status init() {
    early = leases_.acquire(catalog).status().reason();
    const auto make = [this](tenon::Scope scope) -> tenon::Result<std::unique_ptr<Sum>> {
      return std::make_unique<Sum>(leases_.acquire(catalog, scope).value());
    };
    container_.provide_factory(totals, tenon::Lifetime::singleton, &totals_table, make).value();
    container_.provide_factory(per_request, tenon::Lifetime::scoped, &totals_table, make).value();
    container_
        .provide_factory(broken, tenon::Lifetime::transient, &totals_table,
                         [](tenon::Scope, tenon::Call call) -> tenon::Result<std::unique_ptr<Sum>> {
                           CHECK(call.raw() != nullptr);
                           throw std::runtime_error("no luck");
                         })
        .value();
    return {};
  }
  tenon::Status start(tenon::Call call) {
    kept = leases_.acquire(catalog).value();
    const tenon::Scope scope = leases_.of(call, {"r-1", "acme"}).value();
    CHECK(leases_.of(call).value().id == scope.id);
    CHECK(leases_.describe(scope)->request_id == "r-1");
    CHECK(leases_.describe(scope)->tenant == "acme");
    auto in_scope = leases_.acquire(session, scope);
    CHECK(in_scope.ok());
    ended = std::move(*in_scope);
    CHECK(leases_.acquire(session).status().reason() == "NEEDS_SCOPE");
    tenon::OwnScope own = leases_.open({}, scope).value();
    CHECK(leases_.describe(own)->request_id == "r-1");
    const auto moved = std::move(own);
    CHECK(leases_.acquire(session, moved).ok());
    return {};
  }
  std::string early;
  tenon::Lease<Catalog> kept, ended;

 private:
  tenon::Leases leases_;
  tenon::Container container_;
};

struct Prices {
  std::int64_t factor = 10;
};
constexpr Catalog prices_table{sizeof(Catalog), 0,
                               [](void* self, std::int64_t article) noexcept { return static_cast<Prices*>(self)->factor * article; }};

}  // namespace

TEST_CASE("sdk container: a module leases what the test gives, and provides what the test acquires") {
  Prices prices;
  int sessions = 0, made = 0;
  Prices cheaper{1};
  tenon::testing::Host host = tenon::testing::Host::of<Shop>();
  auto& container = host.container();
  container.give(catalog, &prices_table, &prices);
  container.give_made(
      session, tenon::Lifetime::scoped, &prices_table,
      [&]() -> void* {
        ++sessions;
        ++made;
        return &prices;
      },
      [&](void*) { --sessions; });
  CHECK(container.acquire(totals).status().reason() == "NO_PROVIDER");
  const tenon::Status booted = host.boot();
  INFO(booted.message());
  REQUIRE(booted.ok());
  auto& shop = host.object<Shop>();
  CHECK(shop.early == "NOT_STARTED");
  CHECK(shop.kept.call(&Catalog::price, 3) == 30);
  CHECK(shop.kept->price(shop.kept.self(), 4) == 40);
  CHECK(made == 2);
  CHECK(sessions == 0);  // they ended with the call, and with the scope within
  CHECK(container.scopes() == 0);
  CHECK(container.leases() == 1);

  auto held = container.acquire(totals);
  REQUIRE(held.ok());
  CHECK(held->call(&Totals::add, 1) == 10);
  auto second = container.acquire(totals);
  REQUIRE(second.ok());
  CHECK(second->call(&Totals::add, 2) == 30);  // the same one
  CHECK(container.release(second->id).ok());
  CHECK(alive == 1);
  const tenon_id scope = container.open_scope();
  CHECK(container.acquire(per_request, scope)->call(&Totals::add, 5) == 50);
  CHECK(alive == 2);
  CHECK(container.close_scope(scope).ok());
  CHECK(alive == 1);
  const auto failed = container.acquire(broken);
  CHECK(failed.status().code() == TENON_INTERNAL);
  CHECK(failed.status().reason() == "CPP_EXCEPTION");
  CHECK(failed.status().message() == "no luck");
  CHECK(container.provided().size() == 3);

  container.give(catalog, &prices_table, &cheaper);
  CHECK(shop.kept.call(&Catalog::price, 3) == 30);  // keeps the old one
  const auto problems = host.finish();
  CHECK(alive == 0);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("`shop.totals/1`") != std::string::npos);  // the test still has `held`
}

TEST_CASE("sdk container: what the manifest does not require is refused, and what another module takes away is gone") {
  Prices prices;
  tenon::testing::Host host = tenon::testing::Host::of<Shop>();
  host.container().give(catalog, &prices_table, &prices);
  host.container().not_required(catalog);
  REQUIRE(host.create().ok());
  REQUIRE(host.init().ok());
  CHECK(host.start().reason() == "NOT_REQUIRED");
  host.container().take_away(catalog);
  CHECK(host.container().acquire(totals).status().reason() == "NOT_STARTED");
  CHECK(host.finish().empty());
}
