#include "event_loop.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"

using namespace tenon::host;

TEST_CASE("timers are due in the order of their times, and see the time they were set to") {
  EventLoop loop;
  std::string order;
  const std::int64_t now = monotonic_ns();
  std::array<std::int64_t, 3> at = {now + 3'000'000, now + 1'000'000, now + 2'000'000};
  for (std::size_t i = 0; i < at.size(); ++i) {
    const std::size_t timer = loop.add_timer([&, i] {
      CHECK(monotonic_ns() >= at[i]);
      order += static_cast<char>('a' + i);
      if (order.size() == at.size()) loop.stop();
    });
    loop.set_timer(timer, at[i]);
  }
  loop.run();
  CHECK(order == "bca");
}

TEST_CASE("a timer that is set again is due once, at its new time, and one that is switched off never is") {
  EventLoop loop;
  int moved = 0, off = 0, again = 0;
  const std::int64_t now = monotonic_ns();
  const std::size_t a = loop.add_timer([&] { ++moved; });
  const std::size_t b = loop.add_timer([&] { ++off; });
  std::size_t c = 0;
  c = loop.add_timer([&] {
    if (++again < 3) loop.set_timer(c, monotonic_ns());  // from inside, to a time that is over
  });
  const std::size_t end = loop.add_timer([&] { loop.stop(); });
  loop.set_timer(a, now + 1'000'000);
  loop.set_timer(a, now + 4'000'000);
  loop.set_timer(b, now + 1'000'000);
  loop.set_timer(b, no_deadline);
  loop.set_timer(c, now);
  loop.set_timer(end, now + 8'000'000);
  loop.run();
  CHECK(moved == 1);
  CHECK(off == 0);
  CHECK(again == 3);
}

TEST_CASE("a timer that another one moves or switches off in the same round is not due") {
  EventLoop loop;
  int off = 0, moved = 0;
  const std::int64_t past = monotonic_ns() - 1'000'000;
  std::size_t b = 0, c = 0;
  const std::size_t a = loop.add_timer([&] {
    loop.set_timer(b, no_deadline);
    loop.set_timer(c, monotonic_ns() + 2'000'000);
  });
  b = loop.add_timer([&] { ++off; });
  c = loop.add_timer([&] {
    ++moved;
    loop.stop();
  });
  // All three are over when the loop looks for the first time.
  loop.set_timer(a, past);
  loop.set_timer(b, past + 1);
  loop.set_timer(c, past + 2);
  loop.run();
  CHECK(off == 0);
  CHECK(moved == 1);
}

TEST_CASE("several wakes before the loop gets to them are one, and none is lost") {
  EventLoop loop;
  int woken = 0;
  std::atomic<int> asked{0};
  loop.on_wake([&] {
    ++woken;
    if (asked.load() == 1000) loop.stop();
  });
  loop.wake();
  loop.wake();
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      asked.fetch_add(1);
      loop.wake();
    }
  });
  loop.run();
  other.join();
  CHECK(woken >= 1);
  CHECK(woken <= 1001);
}

TEST_CASE("a descriptor is told while it can be read, and stays open when the loop goes") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd in(ends[0]), out(ends[1]);
  std::string got;
  {
    EventLoop loop;
    loop.watch(in.get(), [&] {
      char c = 0;
      REQUIRE(::read(in.get(), &c, 1) == 1);  // one at a time: it is told again
      got += c;
      if (c == '.') loop.stop();
    });
    REQUIRE(::write(out.get(), "ab.", 3) == 3);
    loop.run();
  }
  CHECK(got == "ab.");
  CHECK(::write(out.get(), "x", 1) == 1);  // EPIPE, had the loop closed it
}
