// The rate limit: what passes, what is dropped, and that it is said.
#include <atomic>
#include <thread>

#include "log_rate.hpp"
#include "log_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'790'000'000 * second;

struct Bucket {
  RateLimit limit;
  std::atomic<std::int64_t> state{0};

  Bucket(std::uint32_t rate, std::uint32_t burst) { limit.configure(rate, burst); }
  int admitted(int lines, std::int64_t at) {
    int n = 0;
    for (int i = 0; i < lines; ++i) n += limit.admit(state, at) ? 1 : 0;
    return n;
  }
};

}  // namespace

TEST_CASE("log rate: a burst, then the rate") {
  Bucket bucket(10, 50);
  CHECK(bucket.admitted(100, start) == 50);
  CHECK(bucket.admitted(100, start + second / 10 - 1) == 0);
  CHECK(bucket.admitted(100, start + second / 10) == 1);
  CHECK(bucket.admitted(100, start + 2 * second) == 19);
  CHECK(bucket.admitted(100, start + 3600 * second) == 50);
}

TEST_CASE("log rate: no limit, no burst, absurd values") {
  CHECK(Bucket(0, 0).admitted(100000, start) == 100000);
  CHECK(Bucket(5, 0).admitted(10, start) == 1);
  CHECK(Bucket(4294967295U, 1).admitted(100, start) == 100);
  CHECK(Bucket(1, 4294967295U).admitted(1000, start) == 1000);
}

TEST_CASE("log rate: the clock is set") {
  Bucket bucket(10, 10);
  CHECK(bucket.admitted(100, start) == 10);
  CHECK(bucket.admitted(100, start - 3600 * second) == 10);  // back: not silent for an hour
  CHECK(bucket.admitted(100, start - 3600 * second + second) == 10);
  CHECK(bucket.admitted(100, start + 3600 * second) == 10);        // forward: one burst
  CHECK(bucket.admitted(100, start + 3600 * second - 1000) == 0);  // a thread that was overtaken gets no second one
}

TEST_CASE("log rate: threads share one bucket") {
  Bucket bucket(1, 1000);
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&] { admitted += bucket.admitted(1000, start); });
  for (std::thread& thread : threads) thread.join();
  CHECK(admitted == 1000);
}

TEST_CASE("log rate: drops are counted per module, reported once per second, and take no sequence numbers") {
  TempDir dir;
  LogOptions options = json_file(dir / "log");
  options.rate = 1;
  options.burst = 3;
  LogCore core;
  REQUIRE(core.open(options));
  auto loud = core.module("loud");
  auto calm = core.module("calm");
  for (int i = 0; i < 10; ++i) loud->write(error, "again", {}, "run", 0);  // errors too: a flood of errors is a flood
  calm->write(info, "once", {}, "run", 0);
  for (int i = 0; i < 20; ++i) core.log(info, "the host is not limited");
  core.tick(start);
  auto lines = lines_of_file(dir / "log");
  CHECK(count_containing(lines, "again") == 3);
  CHECK(count_containing(lines, "once") == 1);
  CHECK(count_containing(lines, "not limited") == 20);
  REQUIRE(count_containing(lines, "were dropped") == 1);
  CHECK(contains(lines.back(), "`loud` logged more than 1 lines per second; 7 of its lines were dropped"));
  CHECK(contains(lines.back(), R"("kv":{"source":"loud","dropped":"7"})"));
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK(seq_of(lines[i]) == i + 1);

  SUBCASE("not more often than once per second") {
    loud->write(info, "more", {}, "run", 0);
    core.tick(start + second / 2);
    CHECK(lines_of_file(dir / "log").size() == lines.size());
    core.tick(start + second);
    CHECK(contains(lines_of_file(dir / "log").back(), "1 of its lines"));
  }
  SUBCASE("flush reports what is pending") {
    loud->write(info, "more", {}, "run", 0);
    core.flush();
    CHECK(contains(lines_of_file(dir / "log").back(), "1 of its lines"));
    core.flush();
    CHECK(lines_of_file(dir / "log").size() == lines.size() + 1);
  }
  SUBCASE("a reload lifts the limit") {
    options.rate = 0;
    REQUIRE(core.open(options));
    for (int i = 0; i < 10; ++i) loud->write(info, "free", {}, "run", 0);
    core.flush();
    CHECK(count_containing(lines_of_file(dir / "log"), "free") == 10);
  }
}

TEST_CASE("log rate: the end reports drops") {
  TempDir dir;
  LogOptions options = json_file(dir / "log");
  options.rate = options.burst = 1;
  {
    LogCore core;
    REQUIRE(core.open(options));
    for (int i = 0; i < 5; ++i) core.module("loud")->write(info, "again", {}, "run", 0);
  }
  CHECK(contains(lines_of_file(dir / "log").back(), "4 of its lines were dropped"));
}
