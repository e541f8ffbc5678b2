#include "base/memory.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <new>
#include <thread>

using namespace tenon::host;

TEST_CASE("memory: without it a thread throws, unless it has said that it waits") {
  const std::new_handler before = std::get_new_handler();
  prepare_memory();
  const std::new_handler handler = std::get_new_handler();
  const bool installed = handler != nullptr;
  REQUIRE(installed);
  CHECK_FALSE(WaitsForMemory::here());
  CHECK_THROWS_AS(handler(), std::bad_alloc);
  {
    const WaitsForMemory outer;
    {
      const WaitsForMemory inner;
      CHECK(WaitsForMemory::here());
    }
    CHECK(WaitsForMemory::here());
    const auto begin = std::chrono::steady_clock::now();
    CHECK_NOTHROW(handler());  // operator new tries again when it returns
    CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(1));
    bool elsewhere = true;
    std::thread([&elsewhere] { elsewhere = WaitsForMemory::here(); }).join();
    CHECK_FALSE(elsewhere);
  }
  CHECK_THROWS_AS(handler(), std::bad_alloc);
  std::set_new_handler(before);
}
