// Which file does an address belong to.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "loader/code_ranges.hpp"

using namespace tenon::host;

TEST_CASE("code ranges: begin belongs to a file, end does not") {
  CodeRanges ranges;
  CHECK(ranges.find(0) == nullptr);
  CHECK(ranges.find(UINTPTR_MAX) == nullptr);
  ranges.add({0x1000, 0x2000, "alpha", "ab12", nullptr});
  ranges.add({0x3000, 0x4000, "beta", "", nullptr});
  ranges.add({0x2000, 0x3000, "between", "", nullptr});
  ranges.add({0x5000, 0x5000, "empty", "", nullptr});
  ranges.add({UINTPTR_MAX - 0xfff, UINTPTR_MAX, "last", "", nullptr});
  const auto owner = [&](std::uintptr_t address) {
    const CodeRange* r = ranges.find(address);
    return r == nullptr ? std::string() : r->module;
  };
  CHECK(owner(0xfff).empty());
  CHECK(owner(0x1000) == "alpha");
  CHECK(owner(0x1fff) == "alpha");
  CHECK(owner(0x2000) == "between");
  CHECK(owner(0x3000) == "beta");
  CHECK(owner(0x4000).empty());
  CHECK(owner(0x5000).empty());
  CHECK(owner(UINTPTR_MAX - 1) == "last");
  CHECK(ranges.find(0x1234)->build_id == "ab12");
}

TEST_CASE("code ranges: looked up by several threads while others are added") {
  CodeRanges ranges;
  constexpr std::uintptr_t count = 2000, size = 0x1000;
  std::atomic<std::uintptr_t> published{0};
  const auto search = [&] {
    for (std::uintptr_t n = 0; n < count;) {
      n = published.load(std::memory_order_acquire);
      for (std::uintptr_t i = n > 50 ? n - 50 : 0; i < n; ++i) {
        const CodeRange* r = ranges.find((i + 1) * size + 17);
        REQUIRE(r != nullptr);
        REQUIRE(r->module == "module " + std::to_string(i));
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) threads.emplace_back(search);
  for (std::uintptr_t i = 0; i < count; ++i) {
    ranges.add({(i + 1) * size, (i + 2) * size, "module " + std::to_string(i), {}, nullptr});
    published.store(i + 1, std::memory_order_release);
  }
  for (std::thread& t : threads) t.join();
}
