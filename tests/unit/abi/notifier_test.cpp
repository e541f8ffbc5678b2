// The notifier: order, waiting, and a delivery that hangs.
#include <pthread.h>
#include <sys/resource.h>

#include "base/sanitizer.hpp"
#include "skip.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// A delivery that does not return until it is told to.
struct Hanging {
  Counter begun;
  std::promise<void> go_on;
  Counter ended;
  std::function<void()> delivery() {
    return [this] {
      begun.add();
      go_on.get_future().wait();
      ended.add();
    };
  }
};

}  // namespace

TEST_CASE("notifier: delivers in the order posted, on a thread of its own") {
  Notifier notifier;
  std::vector<int> order;
  std::thread::id thread;
  for (int i = 0; i < 1000; ++i)
    notifier.post(nullptr, [&, i] {
      order.push_back(i);
      thread = std::this_thread::get_id();
    });
  REQUIRE(notifier.flush(nullptr, in_a_minute()));
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  CHECK(thread != std::this_thread::get_id());
}

TEST_CASE("notifier: flush waits for one owner, and no longer than it may") {
  World world;
  Instance a(world.host, options_of("a")), b(world.host, options_of("b"));
  Notifier notifier;
  CHECK(notifier.flush(&a, 0));  // nothing to wait for
  Hanging hanging;
  notifier.post(&a, hanging.delivery());
  REQUIRE(hanging.begun.wait_for(1));
  CHECK(notifier.flush(&b, 0));
  CHECK_FALSE(notifier.flush(&a, 0));
  CHECK_FALSE(notifier.flush(&a, monotonic_ns() + 3'000'000));
  Counter queued;
  notifier.post(&b, [&] { queued.add(); });
  CHECK_FALSE(notifier.flush(&b, monotonic_ns() + 3'000'000));
  hanging.go_on.set_value();
  CHECK(notifier.flush(&a, no_deadline));
  CHECK(notifier.flush(&b, no_deadline));
  CHECK(queued.value() == 1);
}

TEST_CASE("notifier: a delivery that hangs is written off by name, and the others go on") {
  World world;
  Instance culprit(world.host, options_of("culprit")), other(world.host, options_of("other"));
  Notifier notifier;
  CHECK(notifier.write_off_hanging(monotonic_ns()) == nullptr);
  Hanging hanging;
  Counter delivered;
  notifier.post(&culprit, hanging.delivery());
  notifier.post(&other, [&] { delivered.add(); });
  REQUIRE(hanging.begun.wait_for(1));
  CHECK(notifier.write_off_hanging(monotonic_ns()) == nullptr);  // not yet
  CHECK(notifier.write_off_hanging(monotonic_ns() + Notifier::limit_ns) == &culprit);
  CHECK(notifier.write_off_hanging(monotonic_ns() + Notifier::limit_ns) == nullptr);  // once
  CHECK(delivered.wait_for(1));
  hanging.go_on.set_value();  // comes back late: its thread takes nothing more
  REQUIRE(hanging.ended.wait_for(1));
  for (int i = 0; i < 100; ++i) notifier.post(&other, [&] { delivered.add(); });
  CHECK(notifier.flush(&other, in_a_minute()));
  CHECK(delivered.value() == 101);
}

TEST_CASE("notifier: its end delivers what is queued") {
  Counter delivered;
  {
    Notifier notifier;
    for (int i = 0; i < 100; ++i) notifier.post(nullptr, [&] { delivered.add(); });
  }
  CHECK(delivered.value() == 100);
  const Notifier unused;  // and one that never delivered anything just ends
}

TEST_CASE("notifier: posted from inside a delivery, and from many threads") {
  Notifier notifier;
  Counter delivered;
  notifier.post(nullptr, [&] { notifier.post(nullptr, [&] { delivered.add(); }); });
  REQUIRE(delivered.wait_for(1));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) notifier.post(nullptr, [&] { delivered.add(); });
    });
  for (std::thread& t : threads) t.join();
  REQUIRE(notifier.flush(nullptr, in_a_minute()));
  CHECK(delivered.value() == 1001);
}

TEST_CASE("notifier: without a thread to be had, nothing is lost and nobody is thrown at") {
  SKIP_UNLESS(!is_sanitized, "the shadow memory of a sanitizer is beyond any limit of address space");
  // Room for the test, not for a stack of this size.
  pthread_attr_t big;
  REQUIRE(::pthread_attr_init(&big) == 0);
  REQUIRE(::pthread_attr_setstacksize(&big, std::size_t{1} << 34U) == 0);
  pthread_attr_t before;
  REQUIRE(::pthread_getattr_default_np(&before) == 0);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_AS, &limit) == 0);
  const rlimit tight{std::size_t{1} << 33U, limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  REQUIRE(::pthread_setattr_default_np(&big) == 0);

  Notifier notifier;
  Counter delivered;
  notifier.post(nullptr, [&] { delivered.add(); });
  CHECK_FALSE(notifier.flush(nullptr, monotonic_ns() + 3'000'000));
  CHECK(notifier.write_off_hanging(monotonic_ns()) == nullptr);
  CHECK(delivered.value() == 0);

  REQUIRE(::pthread_setattr_default_np(&before) == 0);
  REQUIRE(::setrlimit(RLIMIT_AS, &limit) == 0);
  CHECK(notifier.flush(nullptr, in_a_minute()));
  CHECK(delivered.value() == 1);
}
