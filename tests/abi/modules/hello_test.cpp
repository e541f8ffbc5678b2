#include <doctest/doctest.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <tenon/testing.hpp>
#include <thread>

using namespace std::chrono_literals;
using tenon::testing::Config;
using tenon::testing::Host;

namespace {

const Config quick = {{"greeting", "hi"}, {"interval", "1h"}, {"start_delay", "0s"}};

Config with(const char* key, tenon::testing::Value value) {
  Config c = quick;
  c.set(key, std::move(value));
  return c;
}

}  // namespace

TEST_CASE("starts, greets, stops") {
  Host host(tenon_entry_v1, quick);
  REQUIRE(host.create().ok());
  REQUIRE(host.init().ok());
  const auto started = host.start();
  CHECK((started.is_pending() || started.ok()));
  CHECK(host.completion().ok());
  REQUIRE(host.wait_for_log("greeting"));
  CHECK(host.log()[0].field("greeting") == "hi");
  CHECK(host.log()[0].field("count") == "1");
  const auto before = tenon::Clock::now();
  CHECK(host.stop().ok());
  CHECK(tenon::Clock::now() - before < 10s);  // not the hour of its interval
  CHECK(host.finish().empty());
}

TEST_CASE("start is PENDING for as long as configured") {
  Host host(tenon_entry_v1, with("start_delay", "1h"));
  REQUIRE(host.create().ok());
  REQUIRE(host.init().ok());
  CHECK(host.start().is_pending());
  CHECK(host.completion(1ms).code() == TENON_DEADLINE_EXCEEDED);
  CHECK(host.log().empty());
  // A stop before start has completed: prompt, and start is answered all the same.
  CHECK(host.stop().ok());
  CHECK(host.finish().empty());
}

TEST_CASE("greets at its interval") {
  Host host(tenon_entry_v1, with("interval", "1ms"));
  REQUIRE(host.boot().ok());
  CHECK(host.wait_for_log("greeting", 5));
  CHECK(host.stop().ok());
  const auto lines = host.log();
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i].field("count") == std::to_string(i + 1));
  CHECK(host.finish().empty());
}

TEST_CASE("a new greeting and a new interval work at once") {
  Host host(tenon_entry_v1, quick);
  REQUIRE(host.boot().ok());
  REQUIRE(host.wait_for_log("greeting", 1));
  REQUIRE(host.change("greeting", "good day").ok());
  REQUIRE(host.wait_for_log("greeting", 2));
  CHECK(host.log()[1].field("greeting") == "good day");
  REQUIRE(host.change("interval", "1ms").ok());
  REQUIRE(host.wait_for_log("greeting", 5));
  CHECK(host.finish().empty());
}

TEST_CASE("values that cannot be are refused and change nothing") {
  Host host(tenon_entry_v1, quick);
  REQUIRE(host.boot().ok());
  REQUIRE(host.wait_for_log("greeting", 1));
  CHECK(host.change("interval", "0s").code() == TENON_INVALID_ARGUMENT);
  CHECK(host.change("interval", "1h").ok());
  const auto refused = host.change("greeting", std::string(201, 'x'));
  CHECK(refused.code() == TENON_INVALID_ARGUMENT);
  CHECK(refused.message() == "`greeting` has more than 200 bytes");
  CHECK(host.finish().empty());
  for (const auto& line : host.log()) CHECK(line.field("greeting") == "hi");

  Host never(tenon_entry_v1, with("interval", "0s"));
  CHECK(never.create().reason() == "TOO_SHORT");
  Host missing(tenon_entry_v1, Config{{"greeting", "hi"}, {"interval", "1s"}});
  CHECK(missing.create().code() == TENON_NOT_FOUND);
}

TEST_CASE("a level above info formats nothing") {
  Host host(tenon_entry_v1, with("interval", "1ms"));
  host.set_min_level(TENON_LEVEL_ERROR);
  REQUIRE(host.boot().ok());
  CHECK_FALSE(host.wait_for_log("greeting", 1, 20ms));
  CHECK(host.finish().empty());
}

TEST_CASE("a thread that stop could not wait for keeps its memory") {
  static std::mutex mutex;
  static std::condition_variable changed;
  static bool inside = false, open = false, left = false;
  static void* volatile kept = nullptr;  // volatile: really in memory, so that a leak checker finds it
  static tenon_log stuck{};
  stuck.struct_size = sizeof stuck;
  stuck.write = [](tenon_ctx*, std::int32_t, tenon_str, const tenon_kv*, std::size_t) noexcept {
    std::unique_lock lock(mutex);
    inside = true;
    changed.notify_all();
    changed.wait(lock, [] { return open; });
    left = true;
    changed.notify_all();
  };
  Host host(tenon_entry_v1, quick);
  host.provide(TENON_LOG, &stuck);
  REQUIRE(host.boot().ok());
  {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, 30s, [] { return inside; }));
  }
  kept = host.self();
  host.set_deadline(20ms);
  CHECK(host.stop().code() == TENON_DEADLINE_EXCEEDED);
  // Its first members do not change after create. Freed memory begins with the allocator's own notes.
  std::array<void*, 4> before{}, after{};
  std::memcpy(before.data(), kept, sizeof before);
  host.destroy();
  std::memcpy(after.data(), kept, sizeof after);
  CHECK(before == after);
  std::unique_lock lock(mutex);
  open = true;
  changed.notify_all();
  CHECK(changed.wait_for(lock, 30s, [] { return left; }));
}
