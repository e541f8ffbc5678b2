// What an event costs a module: published and handled by code of a loaded .so, through the table. Beside it what the table costs without a subscriber.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "kernel/gate.hpp"
#include "puppet_host.hpp"

namespace {

using namespace tenon::test;
using tenon::host::monotonic_ns;

constexpr std::uint64_t events_per_round = 200'000, in_flight = 4096;
constexpr int rounds = 9;

std::int64_t processor_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct alignas(64) Seen {
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::int64_t> at_ns{0};
};

tenon_event_draft draft(const char* topic) {
  static const std::uint8_t payload[64] = {};
  return {sizeof(tenon_event_draft),     0,           {topic, __builtin_strlen(topic)}, {payload, sizeof payload},
          TENON_STR("application/json"), {nullptr, 0}};
}

void publish(const puppet_api& api, const tenon_event_draft& d) {
  if (api.publish(api.ctx, &d, nullptr, nullptr) != TENON_OK) std::abort();
}

void saturated(std::size_t subscribers, double limit) {
  tenon_puppet_hooks = {};
  LoadedPuppet puppet(TENON_TEST_PUPPET, true);
  // Straight to the counter: what is measured is the way, not what a test would do at its end.
  tenon_puppet_hooks.event = [](void* data, tenon_call*, const tenon_event*) noexcept -> tenon_status {
    auto& seen = *static_cast<Seen*>(data);
    seen.count.store(seen.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return TENON_OK;
  };
  tenon_puppet_hooks.released = [](void*) noexcept {};
  if (!puppet.boot({})) std::abort();
  puppet.start();
  const puppet_api& api = puppet.api();
  std::vector<Seen> seen(subscribers);
  for (Seen& s : seen) {
    const tenon_event_options options = {sizeof options, 0, 16'384, 0, 0};
    tenon_id id = 0;
    if (api.subscribe(api.ctx, TENON_STR("orders.*.created"), &s, &options, &id, nullptr) != TENON_OK) std::abort();
  }
  const auto slowest = [&seen] {
    std::uint64_t n = UINT64_MAX;
    for (const Seen& s : seen) n = std::min(n, s.count.load(std::memory_order_acquire));
    return n;
  };
  const tenon_event_draft d = draft("orders.eu.created");
  const std::uint64_t events = events_per_round / std::max<std::size_t>(subscribers, 1);
  std::vector<double> wall, processor;
  std::uint64_t sent = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::int64_t begin = monotonic_ns(), begin_processor = processor_ns();
    for (std::uint64_t i = 0; i < events; ++i) {
      if (++sent % 1024 == 0 && subscribers != 0)
        while (slowest() + in_flight < sent) std::this_thread::yield();
      publish(api, d);
    }
    while (subscribers != 0 && slowest() < sent) std::this_thread::yield();
    const auto deliveries = static_cast<double>(events * std::max<std::size_t>(subscribers, 1));
    wall.push_back(static_cast<double>(monotonic_ns() - begin) / deliveries);
    processor.push_back(static_cast<double>(processor_ns() - begin_processor) / deliveries);
  }
  std::printf("publish -> handler through the table, %2zu subscribers %6.0f ns per delivery, processor %6.0f ns; at most %4.0f ns: %s\n",
              subscribers, median(wall), median(processor), limit, median(wall) <= limit ? "ok" : "OVER");
  puppet.leave({});
}

void wake_up() {
  tenon_puppet_hooks = {};
  LoadedPuppet puppet(TENON_TEST_PUPPET, true);
  tenon_puppet_hooks.event = [](void* data, tenon_call*, const tenon_event*) noexcept -> tenon_status {
    auto& seen = *static_cast<Seen*>(data);
    seen.at_ns.store(monotonic_ns(), std::memory_order_relaxed);
    seen.count.fetch_add(1, std::memory_order_release);
    return TENON_OK;
  };
  tenon_puppet_hooks.released = [](void*) noexcept {};
  if (!puppet.boot({})) std::abort();
  puppet.start();
  const puppet_api& api = puppet.api();
  Seen seen;
  tenon_id id = 0;
  if (api.subscribe(api.ctx, TENON_STR("orders.created"), &seen, nullptr, &id, nullptr) != TENON_OK) std::abort();
  const tenon_event_draft d = draft("orders.created");
  std::vector<double> out;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    const std::int64_t begin = monotonic_ns();
    publish(api, d);
    while (seen.count.load(std::memory_order_acquire) < i) std::this_thread::sleep_for(std::chrono::microseconds(20));
    out.push_back(static_cast<double>(seen.at_ns.load(std::memory_order_relaxed) - begin));
  }
  std::printf("publish -> handler through the table, everybody asleep %6.0f ns; at most 12000 ns: %s\n", median(out),
              median(out) <= 12'000 ? "ok" : "OVER");
  puppet.leave({});
}

}  // namespace

int main() {
  tenon::host::prepare_gates();
  doctest::Context context;  // the world the module lives in checks as tests do
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler([](const doctest::AssertData& a) {
    if (!a.m_failed) return;
    std::fprintf(stderr, "%s:%d: %s\n", a.m_file, a.m_line, a.m_expr);
    std::abort();
  });
  saturated(0, 400);
  saturated(1, 400);
  saturated(10, 150);
  wake_up();
}
