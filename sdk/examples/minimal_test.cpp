#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <tenon/testing.hpp>

#include "minimal.hpp"

TEST_CASE("greets by name") {
  auto host = tenon::testing::Host::of<Minimal>({{"name", "you"}});
  REQUIRE(host.boot().ok());
  CHECK(host.log().at(0).message == "hello from C++");
  CHECK(host.log().at(0).field("name") == "you");
  CHECK(host.finish().empty());
}

TEST_CASE("a missing name ends init with the host's own words") {
  auto host = tenon::testing::Host::of<Minimal>();
  const tenon::Status status = host.boot();
  CHECK(status.code() == TENON_NOT_FOUND);
  CHECK(status.message() == "there is no value at `name`");
}
