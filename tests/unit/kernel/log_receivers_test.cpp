// Receivers: order, replay, leaving, and receivers that behave badly.
#include <atomic>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "base/clock.hpp"
#include "log_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

struct Collected {
  std::vector<std::uint64_t> seqs;
  std::vector<std::string> messages;
  LogCore::Receiver receiver() {
    return [this](const LogRecordView& record) {
      seqs.push_back(record.seq);
      messages.emplace_back(record.message);
    };
  }
};

void check_contiguous(const std::vector<std::uint64_t>& seqs, std::uint64_t first, std::uint64_t last) {
  REQUIRE(seqs.size() == last - first + 1);
  for (std::size_t i = 0; i < seqs.size(); ++i) REQUIRE(seqs[i] == first + i);
}

struct OpenLog {
  TempDir dir;
  std::string path = dir / "log";
  LogCore core;
  OpenLog() { REQUIRE(core.open(json_file(path))); }
  std::vector<std::string> lines() {
    core.flush();
    return lines_of_file(path);
  }
};

}  // namespace

TEST_CASE("log receivers: what they see") {
  OpenLog log;
  std::string seen;
  log.core.add_receiver([&](const LogRecordView& record) {
    seen = std::to_string(record.level) + " " + std::to_string(record.seq) + " " + std::string(record.module) + " " +
           std::string(record.phase) + " " + std::to_string(record.call_id) + " " + std::string(record.message);
    for (const LogField& field : record.fields) seen += " " + std::string(field.key) + "=" + std::string(field.value);
    CHECK(record.thread_id == static_cast<std::uint64_t>(gettid()));
    CHECK(record.time_ns > realtime_ns() - 10'000'000'000);
  });
  const LogField fields[] = {{"k", "v"}, {"k", "\xff"}};
  log.core.module("orders")->write(35, "new\nline", fields, "run", 9);
  CHECK(seen == "30 1 orders run 9 new\nline k=v k=\\xff");  // well-formed, but a line break is theirs to escape
}

TEST_CASE("log receivers: early records first, also for the second receiver, until end_early") {
  LogCore core;
  TempDir dir;
  core.log(info, "one");
  REQUIRE(core.open(json_file(dir / "log")));
  core.log(info, "two");
  Collected a, b, c;
  core.add_receiver(a.receiver());
  check_contiguous(a.seqs, 1, 2);
  core.log(info, "three");
  core.add_receiver(b.receiver());
  core.log(info, "four");
  check_contiguous(a.seqs, 1, 4);
  check_contiguous(b.seqs, 1, 4);
  CHECK(b.messages == std::vector<std::string>{"one", "two", "three", "four"});
  core.end_early();
  core.add_receiver(c.receiver());
  CHECK(c.seqs.empty());
  core.log(info, "five");
  check_contiguous(c.seqs, 5, 5);
}

TEST_CASE("log receivers: early records are not kept for ever") {
  OpenLog log;
  for (int i = 0; i < 5000; ++i) log.core.log(info, "line");
  Collected late;
  log.core.add_receiver(late.receiver());
  CHECK(late.seqs.empty());
  log.core.log(info, "now");
  check_contiguous(late.seqs, 5001, 5001);
}

TEST_CASE("log receivers: a full early buffer is replayed whole") {
  LogCore core;
  for (int i = 0; i < 5000; ++i) core.log(info, "line");
  Collected all;
  core.add_receiver(all.receiver());
  check_contiguous(all.seqs, 5000 - 4096 + 1, 5000);
}

TEST_CASE("log receivers: not called after removal, removal twice and of nobody is fine") {
  OpenLog log;
  Collected a;
  const auto handle = log.core.add_receiver(a.receiver());
  log.core.log(info, "one");
  CHECK(log.core.remove_receiver(handle));
  log.core.log(info, "two");
  CHECK(a.seqs.size() == 1);
  CHECK(log.core.remove_receiver(handle));
  CHECK(log.core.remove_receiver(12345));
}

TEST_CASE("log receivers: what a receiver holds is gone when removal returns") {
  OpenLog log;
  const auto held = std::make_shared<int>(1);
  const auto handle = log.core.add_receiver([held](const LogRecordView&) {});
  CHECK(held.use_count() == 2);
  log.core.remove_receiver(handle);
  CHECK(held.use_count() == 1);
}

TEST_CASE("log receivers: removal waits for the call that runs, up to a deadline") {
  OpenLog log;
  std::latch inside(1), go_on(1);
  std::atomic<bool> finished{false};
  const auto handle = log.core.add_receiver([&](const LogRecordView&) {
    inside.count_down();
    go_on.wait();
    finished = true;
  });
  std::thread logging([&] { log.core.log(info, "x"); });
  inside.wait();
  SUBCASE("it ends") {
    std::thread remover([&] {
      CHECK(log.core.remove_receiver(handle));
      CHECK(finished);
    });
    go_on.count_down();
    remover.join();
  }
  SUBCASE("it does not end in time") {
    CHECK_FALSE(log.core.remove_receiver(handle, monotonic_ns() + 10'000'000));
    CHECK_FALSE(finished);
    go_on.count_down();
  }
  logging.join();
  log.core.log(info, "y");  // would hang in the latch, were it still called: the latch is used up
  CHECK(log.core.remove_receiver(handle));
}

TEST_CASE("log receivers: a receiver removes itself") {
  OpenLog log;
  int calls = 0;
  std::uint64_t handle = 0;
  const auto held = std::make_shared<int>(1);
  handle = log.core.add_receiver([&, held](const LogRecordView&) {
    ++calls;
    CHECK(log.core.remove_receiver(handle));
  });
  log.core.log(info, "one");
  CHECK(held.use_count() == 1);
  log.core.log(info, "two");
  CHECK(calls == 1);
}

TEST_CASE("log receivers: one that logs: its lines are dropped, without a number, and counted") {
  OpenLog log;
  Collected all;
  auto module = log.core.module("logger");
  log.core.add_receiver([&, collect = all.receiver()](const LogRecordView& record) {
    collect(record);
    log.core.log(error, "from inside");
    module->write(error, "from inside", {}, "run", 0);
  });
  log.core.log(info, "one");
  log.core.log(info, "two");
  check_contiguous(all.seqs, 1, 2);
  log.core.tick(1'000'000'000);
  const auto lines = log.lines();
  CHECK(count_containing(lines, "from inside\"") == 0);
  CHECK(count_containing(lines, R"("msg":"lines logged from inside a log receiver were dropped","kv":{"count":"4"})") == 1);
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK(seq_of(lines[i]) == i + 1);
}

TEST_CASE("log receivers: one that throws stays, and the others get the record") {
  OpenLog log;
  Collected other;
  log.core.add_receiver([](const LogRecordView&) { throw std::runtime_error("no"); });
  log.core.add_receiver(other.receiver());
  log.core.log(info, "one");
  log.core.log(info, "two");
  check_contiguous(other.seqs, 1, 2);
  log.core.flush();
  CHECK(count_containing(log.lines(), R"("msg":"a log receiver ended calls with an exception","kv":{"count":"2"})") == 1);
}

TEST_CASE("log receivers: nobody waits for a receiver that needs a lock the logging thread holds") {
  OpenLog log;
  std::mutex of_the_module;
  std::latch inside(1);
  Collected all;
  log.core.add_receiver([&, collect = all.receiver()](const LogRecordView& record) {
    if (record.seq == 1) inside.count_down();
    const std::lock_guard lock(of_the_module);
    collect(record);
  });
  std::thread first;
  {
    const std::lock_guard lock(of_the_module);
    first = std::thread([&] { log.core.log(info, "one"); });
    inside.wait();              // the receiver now waits for our lock
    log.core.log(info, "two");  // and we log under it
    log.core.log(info, "three");
  }
  first.join();
  check_contiguous(all.seqs, 1, 3);
  CHECK(all.messages == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("log receivers: one that never returns: lines are written, records are missed and counted") {
  OpenLog log;
  std::latch inside(1), go_on(1);
  std::atomic<int> calls{0};
  log.core.add_receiver([&](const LogRecordView&) {
    if (calls++ > 0) return;
    inside.count_down();
    go_on.wait();
  });
  std::thread stuck([&] { log.core.log(info, "stuck"); });
  inside.wait();
  for (int i = 0; i < 5000; ++i) log.core.log(info, "line");  // waits for room once
  for (int i = 1; i < 4; ++i) log.core.tick(i * 1'000'000'000LL);
  const auto lines = log.lines();
  CHECK(lines.size() == 5002);  // told once
  CHECK(contains(lines.back(), R"("msg":"records were not delivered to a log receiver that did not return","kv":{"count":"904"})"));
  go_on.count_down();
  stuck.join();
  for (int i = 0; i < 20; ++i) log.core.flush();  // a holder leaves after its share
  CHECK(calls == 1 + 4096 + 1);
  CHECK(contains(log.lines().back(), R"(did not return","kv":{"count":"1"})"));  // the report itself
}

TEST_CASE("log receivers: added while others log: no gap, no duplicate, no disorder") {
  OpenLog log;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1500 && !stop; ++i) log.core.log(info, "line");
    });
  Collected collected[10];
  for (auto& one : collected) {
    const auto handle = log.core.add_receiver(one.receiver());
    for (int i = 0; i < 20; ++i) log.core.log(info, "mine");
    CHECK(log.core.remove_receiver(handle));
    // As long as early records are kept each begins with the first.
    if (!one.seqs.empty()) check_contiguous(one.seqs, one.seqs.front(), one.seqs.back());
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(collected[0].seqs.front() == 1);
}

TEST_CASE("log receivers: a record prints as it was written") {
  OpenLog log;
  std::string line;
  log.core.add_receiver([&](const LogRecordView& record) { line = log_line(record, json_file("")); });
  log.core.module("orders")->write(info, "a\"b", {}, "run", 4);
  CHECK(log.lines().at(0) + "\n" == line);
}
