// The kernel as a whole: what its tick tells the log.
#include "kernel/kernel.hpp"

#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

using namespace tenon::host;

namespace {

/// Lines about drops, as "dropped other_queues".
struct Lines {
  std::mutex mutex;
  std::vector<std::string> text;
  void operator()(const LogRecordView& r) {
    if (r.message != "a full queue dropped events") return;
    std::string line;
    for (const LogField& f : r.fields)
      if (f.key == "dropped" || f.key == "other_queues") line += (line.empty() ? "" : " ") + std::string(f.value);
    const std::lock_guard lock(mutex);
    text.push_back(line);
  }
};

}  // namespace

TEST_CASE("kernel: a million events into full queues write at most one line per second, however many queues there are") {
  LogCore log;
  Lines lines;
  const std::uint64_t receiver = log.add_receiver([&lines](const LogRecordView& r) { lines(r); });
  auto made = Kernel::make(log, {});
  REQUIRE(made);
  Kernel& kernel = **made;
  Owner module("orders", 1, true);  // visible, not callable: everything stays queued
  module.set_reach(Reach::visible);
  EventClient client = kernel.events().join(module, Permissions::all("orders"));
  std::vector<int> data(5);
  for (int& d : data) {
    EventHandler handler;
    handler.deliver = [](void*, const EventView&, Call&) noexcept { return Code::ok; };
    handler.data = &d;
    REQUIRE(client.subscribe("a.*", handler));
  }
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t now = 1000 * second;
  const std::int64_t begin = now;
  for (int i = 0; i < 1'000'000; ++i) {
    if (!client.publish({"a.b", "x", {}, {}, false})) FAIL("refused");
    if (i % 5000 == 0) kernel.tick(now += second / 100);
  }
  REQUIRE(now - begin == 2 * second);
  kernel.tick(now + second);
  CHECK(lines.text.size() <= 4);
  REQUIRE(lines.text.size() >= 2);
  std::uint64_t told = 0;
  for (const std::string& line : lines.text) {
    told += std::stoull(line);
    CHECK(line.substr(line.find(' ') + 1) == "4");
  }
  CHECK(told == 1'000'000 - 1024);
  log.remove_receiver(receiver);
  module.gate().advance(Gate::State::closed);
  CHECK(kernel.events().leave(module, monotonic_ns() + second).quiet);
  CHECK(kernel.workers().leave(module, monotonic_ns() + second).quiet);
  CHECK(kernel.end(monotonic_ns() + second));
}
