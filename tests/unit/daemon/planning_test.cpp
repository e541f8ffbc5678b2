#include "planning.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "waiting.hpp"

using namespace tenon::host;

namespace {

struct Bench {
  LogCore log;
  std::vector<std::string> told;
  SupervisorNotifier supervisor{[this](std::string_view datagram) -> Result<void> {
    told.emplace_back(datagram);
    return {};
  }};
};

void never(Planning::End /*unused*/) { FAIL_CHECK("given up"); }

}  // namespace

TEST_CASE("planning: work that is quick is done without a word to the supervisor") {
  Bench b;
  Planning planning(b.log, b.supervisor, -1, {.first_word_ns = 60'000'000'000});
  bool done = false;
  CHECK(planning.run([&] { done = true; }, never) == Planning::End::done);
  CHECK(done);
  CHECK(b.told.empty());
  CHECK(planning.signal() == 0);
  CHECK_FALSE(planning.reload_wanted());
}

TEST_CASE("planning: what the work throws is thrown, and ends the serving") {
  Bench b;
  Planning planning(b.log, b.supervisor, -1);
  CHECK_THROWS_AS(planning.run([] { throw std::runtime_error("no memory"); }, never), std::runtime_error);
}

TEST_CASE("planning: work that does not end is given up, and the supervisor knew the phase") {
  Bench b;
  tenon::test::Counter given_up;
  Planning planning(b.log, b.supervisor, -1, {.first_word_ns = 1'000'000, .slow_ns = 2'000'000, .total_ns = 50'000'000});
  const auto end = planning.run(
      [&] {
        planning.discovered();
        CHECK(given_up.reaches(1));
      },
      [&](Planning::End why) {
        CHECK(why == Planning::End::overdue);
        given_up.add();
      });
  CHECK(end == Planning::End::overdue);
  CHECK(planning.discovered_ns() >= planning.began_ns());
  REQUIRE(b.told.size() >= 2);
  CHECK(b.told[0].starts_with("STATUS="));
  CHECK(b.told[1] == "EXTEND_TIMEOUT_USEC=25000000");
}
