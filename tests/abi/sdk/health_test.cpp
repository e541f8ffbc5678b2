// The wrapper of health checks, in the fake host.
#include <doctest/doctest.h>

#include <tenon/testing.hpp>

using tenon::Status;
using tenon::testing::Host;

namespace {

struct Padding {
  virtual ~Padding() = default;
  long first = 1;
};
struct Database {
  int connections = 3;
  Status connected() { return connections == 3 ? Status() : Status::internal("another object"); }
  Status in_time(tenon::Call call) { return call.cancelled() ? Status::cancelled("late") : connected(); }
};
struct Shop : Padding, Database {
  using needs = tenon::needs<tenon::Calls>;
  bool open = true;
  Status is_open() { return open ? Status() : Status::unavailable("closed"); }
  static const void* query(std::string_view id) noexcept {
    static constexpr tenon::HealthChecks checks(tenon::required_check<Shop, &Shop::is_open>("open"),
                                                tenon::required_check<Shop, &Shop::connected>("database"),
                                                tenon::optional_check<Shop, &Shop::in_time>("quick"));
    return id == TENON_HEALTH ? checks.table() : nullptr;
  }
};

}  // namespace

TEST_CASE("a check runs on the module, also one it inherits") {
  Host host = Host::of<Shop>();
  REQUIRE(host.boot().ok());
  CHECK(host.check_health("open").ok());
  CHECK(host.check_health("database").ok());
  CHECK(host.check_health("quick").ok());
  host.object<Shop>().open = false;
  host.object<Shop>().connections = 2;
  CHECK(host.check_health("open").code() == TENON_UNAVAILABLE);
  CHECK(host.check_health("database").code() == TENON_INTERNAL);
  CHECK(host.check_health("quick").code() == TENON_INTERNAL);
  CHECK(host.finish().empty());
}

namespace {

/// A base that has the query for its module, and the check.
template <class Module>
struct Checked : Database {
  static const void* query(std::string_view id) noexcept {
    static constexpr tenon::HealthChecks checks(tenon::required_check<Module, &Module::connected>("database"));
    return id == TENON_HEALTH ? checks.table() : nullptr;
  }
};
struct Store : Padding, Checked<Store> {};

}  // namespace

TEST_CASE("a base that has the query is given the module") {
  Host host = Host::of<Store>();
  REQUIRE(host.boot().ok());
  CHECK(host.check_health("database").ok());
  host.object<Store>().connections = 2;
  CHECK(host.check_health("database").code() == TENON_INTERNAL);
  CHECK(host.finish().empty());
}
