// Many threads at once. Run under the thread sanitizer too.
#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "log_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("log threads: four threads, 20000 lines each: numbers without gaps in the file and for the receiver, no torn line") {
  constexpr int threads = 4, per_thread = 20000;
  TempDir dir;
  std::vector<std::uint64_t> received;
  {
    LogCore core;
    REQUIRE(core.open(json_file(dir / "log")));
    core.add_receiver([&received](const LogRecordView& record) { received.push_back(record.seq); });
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&core, t] {
        auto module = core.module("module_" + std::to_string(t));
        for (int i = 0; i < per_thread; ++i) {
          const std::string number = std::to_string(i);
          const LogField fields[] = {{"n", number}, {"text", "some \"quoted\" text"}};
          module->write(info, "a line of a thread", fields, "run", static_cast<std::uint64_t>(i));
        }
      });
    for (std::thread& thread : running) thread.join();
    for (int i = 0; i < 20; ++i) core.flush();  // the rest of the queue, if the last holder left some
  }
  const auto lines = lines_of_file(dir / "log");
  REQUIRE(lines.size() == threads * per_thread);
  std::vector<int> next(threads);
  std::string last_time;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    REQUIRE(seq_of(lines[i]) == i + 1);
    const std::string_view line = lines[i];
    const std::size_t at = line.find("module_") + 7;
    const auto t = static_cast<std::size_t>(line[at] - '0');
    REQUIRE(t < threads);
    const std::string end = "\"kv\":{\"n\":\"" + std::to_string(next[t]++) + R"(","text":"some \"quoted\" text"}})";
    REQUIRE(line.substr(line.size() - end.size()) == end);
    const std::string time(line.substr(7, 27));
    REQUIRE(time >= last_time);
    last_time = time;
  }
  REQUIRE(received.size() == lines.size());
  for (std::size_t i = 0; i < received.size(); ++i) REQUIRE(received[i] == i + 1);
}

TEST_CASE("log threads: everything at once: lines, levels, reload, reopen, rotation, receivers, ticks") {
  TempDir dir;
  LogOptions options = json_file(dir / "log");
  options.file.max_size = 20000;
  options.file.max_files = 1000;
  options.rate = 1000000;
  options.burst = 1000000;
  LogCore core;
  REQUIRE(core.open(options));
  std::atomic<int> working{3};
  std::vector<std::thread> threads;
  std::atomic<std::int32_t> slot{0};
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      auto module = core.module("m" + std::to_string(t));
      for (int i = 0; i < 3000; ++i) module->write(i % 50 == 0 ? warn : info, "line", {}, "run", 0);
      --working;
    });
  threads.emplace_back([&] {
    auto module = core.module("m0");
    module->bind_min_level(&slot);
    for (int i = 0; i < 100; ++i) {
      core.set_level("m0", i % 2 == 0 ? debug : trace);
      std::uint64_t last = 0;
      const auto handle = core.add_receiver([&last](const LogRecordView& record) {
        CHECK((last == 0 || record.seq == last + 1));
        last = record.seq;
      });
      CHECK(core.remove_receiver(handle));
      if (i == 50) core.end_early();
    }
    --working;
  });
  for (int i = 0; working != 0; ++i) {
    if (i % 3 == 0) CHECK(core.open(options));
    if (i % 3 == 1) CHECK(core.reopen());
    core.tick(monotonic_ns());
  }
  for (std::thread& thread : threads) thread.join();
  core.flush();
  std::vector<bool> seen(6001);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    ++files;
    for (const std::string& line : lines_of_file(entry.path().string())) {
      REQUIRE(seq_of(line) <= 6000);
      REQUIRE_FALSE(seen[seq_of(line)]);
      seen[seq_of(line)] = true;
    }
  }
  CHECK(files > 10);
  for (std::size_t i = 1; i <= 6000; ++i) REQUIRE(seen[i]);
  CHECK((slot == debug || slot == trace));
}

TEST_CASE("log threads: a module may log from its thread-local destructors") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  auto module = core.module("m");
  std::thread([&module] {
    struct AtExit {
      ModuleLog* log = nullptr;
      ~AtExit() {
        if (log != nullptr) log->write(info, "bye", {}, "run", 0);
      }
    };
    thread_local AtExit at_exit;
    at_exit.log = module.get();
    module->write(info, "hello", {}, "run", 0);
  }).join();
  core.flush();
  CHECK(lines_of_file(dir / "log").size() == 2);
}
