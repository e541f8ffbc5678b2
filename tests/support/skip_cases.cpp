// Cases for check-skip, which runs them one by one and together. Not tests of their own.
#include <doctest/doctest.h>

#include "skip.hpp"

TEST_CASE("skipped") {
  SKIP_UNLESS(true, "never said");
  SKIP_CASE("no moon");
  FAIL("not reached");
}

TEST_CASE("skipped in a subcase") {
  SUBCASE("one") { SKIP_CASE("no sun"); }
  SUBCASE("other") { SKIP_UNLESS(false, "no stars"); }
}

TEST_CASE("passes") { CHECK(true); }

TEST_CASE("fails") { CHECK(false); }

TEST_CASE("fails and skips") {
  CHECK(false);
  SKIP_CASE("too late");
}
