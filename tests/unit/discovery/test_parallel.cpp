// The loop over all cores.
#include "parallel.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace tenon::host;

TEST_CASE("each index is visited once") {
  for (const unsigned threads : {0u, 1u, 2u, 7u, 64u}) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
      std::vector<std::atomic<int>> visits(count);
      for_each_index(count, threads, [&](std::size_t i) { ++visits[i]; });
      for (const auto& n : visits) CHECK(n == 1);
    }
  }
}

TEST_CASE("an exception reaches the caller after all have ended") {
  std::atomic<int> running = 0;
  CHECK_THROWS_AS(for_each_index(100, 4,
                                 [&](std::size_t i) {
                                   ++running;
                                   if (i == 10) {
                                     --running;
                                     throw std::runtime_error("ten");
                                   }
                                   --running;
                                 }),
                  std::runtime_error);
  CHECK(running == 0);
}
