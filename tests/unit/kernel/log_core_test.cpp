// Early lines, numbers, levels, switching targets.
#include <atomic>
#include <cstring>

#include "base/clock.hpp"
#include "log_support.hpp"
#include "tenon/log.h"

using namespace tenon::host;
using namespace tenon::host::test;

static_assert(log_max_pairs == TENON_LOG_MAX_KV && log_max_bytes == TENON_LOG_MAX_BYTES);
static_assert(trace == TENON_LEVEL_TRACE && debug == TENON_LEVEL_DEBUG && info == TENON_LEVEL_INFO && warn == TENON_LEVEL_WARN &&
              error == TENON_LEVEL_ERROR && fatal == TENON_LEVEL_FATAL);

TEST_CASE("log core: early lines keep their number and time") {
  TempDir dir;
  LogCore core;
  const std::int64_t before = realtime_ns();
  core.log(info, "first", {{"a", "1"}});
  core.module("orders")->write(warn, "second\xff", {}, "create", 3);
  const std::int64_t after = realtime_ns();
  while (realtime_ns() < after + 5'000'000) {
  }
  REQUIRE(core.open(json_file(dir / "log")));
  core.log(info, "third");
  core.flush();
  const auto lines = lines_of_file(dir / "log");
  REQUIRE(lines.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(seq_of(lines[i]) == i + 1);
  CHECK(contains(lines[0], R"("msg":"first","kv":{"a":"1"}})"));
  CHECK(contains(lines[1], R"("module":"orders","phase":"create","call":3)"));
  CHECK(contains(lines[1], R"(second\\xff)"));
  char low[28], high[28];
  format_rfc3339(before, low);
  format_rfc3339(after, high);
  CHECK(lines[0].substr(7, 27) >= low);
  CHECK(lines[1].substr(7, 27) <= high);
  CHECK(lines[2].substr(7, 27) > high);
}

TEST_CASE("log core: early lines are bounded, and the loss is said") {
  TempDir dir;
  LogCore core;
  std::size_t expected = 4096;
  SUBCASE("by number") {
    for (int i = 0; i < 5000; ++i) core.log(info, "line");
  }
  SUBCASE("by size") {
    const std::string big(16000, 'x');
    for (int i = 0; i < 1000; ++i) core.log(info, big);
    expected = 520;  // of 16 KiB in 8 MiB
  }
  REQUIRE(core.open(json_file(dir / "log")));
  core.flush();
  const auto lines = lines_of_file(dir / "log");
  CHECK(lines.size() <= expected + 1);
  CHECK(lines.size() > expected * 9 / 10);
  CHECK(seq_of(lines.front()) == seq_of(lines.back()) - lines.size() + 1);
  CHECK(contains(lines.back(), "early lines were dropped"));
  CHECK(contains(lines.back(), "\"dropped\":\"" + std::to_string(seq_of(lines.front()) - 1) + "\""));
}

TEST_CASE("log core: levels") {
  TempDir dir;
  LogCore core;
  auto a = core.module("a");
  auto b = core.module("b");
  std::atomic<std::int32_t> slot{-7};
  a->bind_min_level(&slot);
  CHECK(slot == info);
  REQUIRE(core.open(json_file(dir / "log")));

  core.set_level("a", debug);
  CHECK(slot == debug);
  CHECK(a->min_level() == debug);
  CHECK(b->min_level() == info);
  core.set_level("", error);  // a keeps its own
  CHECK(slot == debug);
  CHECK(b->min_level() == error);
  CHECK_FALSE(core.enabled(warn));
  core.set_level("host", trace);
  CHECK(core.enabled(trace));
  core.set_level("a", -1);
  CHECK(slot == error);
  core.set_level("", -1);  // what open() said
  CHECK(slot == info);
  core.set_level("a", 25);
  CHECK(slot == info);
  core.set_level("later", warn);
  CHECK(core.module("later")->min_level() == warn);
  CHECK(core.module("a") == a);

  LogOptions options = json_file(dir / "log");
  options.level = warn;
  REQUIRE(core.open(options));  // a reload
  CHECK(slot == info);
  CHECK(b->min_level() == warn);
  CHECK(core.enabled(trace));
  a->bind_min_level(nullptr);
  core.set_level("a", fatal);
  CHECK(slot == info);
  CHECK(a->min_level() == fatal);
}

TEST_CASE("log core: what is below the level is not written, odd levels count as the next lower one") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  auto module = core.module("m");
  for (int level : {-1, 0, 10, 19, 20, 29, 49, 50, 1000}) module->write(level, std::to_string(level), {}, "run", 0);
  core.log(debug, "no");
  core.log(info, "yes");
  core.flush();
  const auto lines = lines_of_file(dir / "log");
  REQUIRE(lines.size() == 6);
  CHECK(contains(lines[0], R"("level":"info","seq":1)"));
  CHECK(contains(lines[1], R"("level":"info","seq":2)"));
  CHECK(contains(lines[2], R"("level":"error","seq":3)"));
  CHECK(contains(lines[3], R"("level":"fatal","seq":4)"));
  CHECK(contains(lines[4], R"("level":"fatal","seq":5)"));
  CHECK(contains(lines[5], R"("module":"host")"));
}

TEST_CASE("log core: pairs that never got here are counted too, in the file and for receivers") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  std::vector<std::size_t> pairs;
  core.add_receiver([&pairs](const LogRecordView& record) { pairs.push_back(record.fields.size()); });
  const std::vector<LogField> fields(log_max_pairs + 2, LogField{"k", "v"});
  core.module("m")->write(info, "many", std::span(fields).first(log_max_pairs), "run", 0, 36);
  core.module("m")->write(info, "more", fields, "run", 0, 36);
  core.module("m")->write(info, "all", std::span(fields).first(log_max_pairs), "run", 0);
  core.flush();
  const auto lines = lines_of_file(dir / "log");
  CHECK(contains(lines.at(0), R"("tenon.dropped_pairs":"36"}})"));
  CHECK(contains(lines.at(1), R"("tenon.dropped_pairs":"38"}})"));
  CHECK_FALSE(contains(lines.at(2), "dropped_pairs"));
  CHECK(pairs == std::vector<std::size_t>{log_max_pairs + 1, log_max_pairs + 1, log_max_pairs});
  std::vector<std::string> replayed;
  core.add_receiver([&replayed](const LogRecordView& record) { replayed.emplace_back(record.fields.back().value); });
  CHECK(replayed == std::vector<std::string>{"36", "38", "v"});
}

TEST_CASE("log core: switching to another target loses nothing, a bad one changes nothing") {
  TempDir dir;
  LogCore core;
  core.log(info, "early");
  REQUIRE_FALSE(core.open(json_file(dir / "no/such/directory/log")));
  REQUIRE(core.open(json_file(dir / "one")));
  core.log(info, "a");
  LogOptions bad = json_file(dir.path().string());
  bad.level = fatal;
  const auto failed = core.open(bad);
  REQUIRE_FALSE(failed);
  CHECK(contains(failed.error().message, "cannot open the log file `" + dir.path().string() + "`: Is a directory"));
  core.log(info, "b");
  LogOptions text = json_file(dir / "two");
  text.format = LogOptions::Format::text;
  REQUIRE(core.open(text));
  core.log(info, "c");
  core.flush();
  const auto one = lines_of_file(dir / "one"), two = lines_of_file(dir / "two");
  REQUIRE(one.size() == 3);
  CHECK(contains(one[0], "early"));
  CHECK(seq_of(one[2]) == 3);
  REQUIRE(two.size() == 1);
  CHECK(contains(two[0], "INFO  host: c"));
}

TEST_CASE("log core: warnings are in the file at once, others after the tick") {
  TempDir dir;
  LogCore core;
  REQUIRE(core.open(json_file(dir / "log")));
  core.log(info, "a");
  CHECK(lines_of_file(dir / "log").empty());
  core.log(warn, "b");
  CHECK(lines_of_file(dir / "log").size() == 2);
  core.log(info, "c");
  core.tick(1);
  CHECK(lines_of_file(dir / "log").size() == 3);
}

TEST_CASE("log core: what a crash handler finds") {
  TempDir dir;
  LogCore core;
  CHECK(core.crash_fd() == 2);
  REQUIRE(core.open(json_file(dir / "log")));
  const int fd = core.crash_fd();
  CHECK(fd > 2);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  core.log(info, "still in memory");
  REQUIRE(rename((dir / "log").c_str(), (dir / "moved").c_str()) == 0);
  REQUIRE(core.reopen());
  CHECK(core.crash_fd() == fd);
  REQUIRE(write(fd, "crash\n", 6) == 6);
  CHECK(text_of(dir / "log") == "crash\n");
  core.log(info, "last words");
  core.flush_from_crash();
  const auto lines = lines_of_file(dir / "log");
  REQUIRE(lines.size() == 2);
  CHECK(contains(lines[1], "last words"));
}

TEST_CASE("log core: a core that was never open is silent") {
  CapturedStderr captured;
  {
    LogCore core;
    core.log(error, "nobody hears it");
    core.tick(1);
    core.flush();
    REQUIRE(core.reopen());
  }
  CHECK(captured.text().empty());
}
