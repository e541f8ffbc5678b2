#include "base/hash.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

using namespace tenon::host;

TEST_CASE("hash: every byte, the length and the seed count, also seed 0") {
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  for (std::size_t size = 0; size <= 70; ++size)
    for (std::size_t at = 0; at < std::max<std::size_t>(size, 1); ++at) {
      std::string text(size, 'k');
      if (size > 0) text[at] = 'l';
      for (const std::uint64_t seed : {0U, 1U, 2U}) seen.insert(hash_of_text(text, seed));
      made += 3;
    }
  CHECK(seen.size() == made);
}

TEST_CASE("hash: names that differ in a number are spread over a table") {
  std::array<int, 64> cells{};
  for (int i = 0; i < 6400; ++i) ++cells[hash_of_text("orders.other" + std::to_string(i)) % cells.size()];
  for (const int n : cells) {
    CHECK(n > 50);
    CHECK(n < 170);
  }
}

TEST_CASE("hash: the same text is told from one that differs in a byte, or in length") {
  for (std::size_t size = 0; size <= 140; ++size) {
    const std::string text(size, 'k');
    CHECK(same_text(text, std::string(size, 'k')));
    CHECK_FALSE(same_text(text, text + "k"));
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = text;
      other[at] = 'l';
      CHECK_FALSE(same_text(text, other));
    }
  }
}
