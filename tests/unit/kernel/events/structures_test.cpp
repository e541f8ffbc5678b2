// The structures below: subject tree, grace periods, queue.
#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <thread>

#include "core.hpp"
#include "grace.hpp"
#include "kernel/names.hpp"
#include "queue.hpp"
#include "short_mutex.hpp"
#include "spares.hpp"
#include "subject_tree.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// The tree only handles addresses.
EventSubscription& fake(std::size_t n) {
  alignas(64) static char memory[900 * 64];
  return *reinterpret_cast<EventSubscription*>(&memory[n * 64]);
}

std::vector<std::size_t> found(const SubjectTree& tree, GracePeriods& grace, std::string_view topic) {
  std::vector<std::size_t> out;
  const GracePeriods::Reader reader(grace);
  tree.match(topic, [&out](EventSubscription& s) {
    out.push_back(static_cast<std::size_t>(reinterpret_cast<char*>(&s) - reinterpret_cast<char*>(&fake(0))) / 64);
  });
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("events: the subject tree finds what matching each pattern finds, while it grows and shrinks") {
  GracePeriods grace;
  SubjectTree tree(grace);
  std::mt19937 random(7);
  const auto below = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const auto name = [&](bool pattern) {
    std::string out;
    const std::size_t words = 1 + below(4);
    for (std::size_t i = 0; i < words; ++i) {
      if (i != 0) out += '.';
      const std::size_t kind = below(10);
      if (pattern && kind < 2)
        out += '*';
      else if (pattern && kind < 4 && i + 1 == words)
        out += '>';
      else
        out += "w" + std::to_string(below(i == 0 ? 3 : 12));
    }
    return out;
  };
  std::map<std::size_t, std::string> patterns;
  for (int step = 0; step < 6000; ++step) {
    const std::size_t n = below(800);
    if (const auto it = patterns.find(n); it != patterns.end() && (step > 4500 || below(2) == 0)) {
      tree.erase(it->second, fake(n));
      patterns.erase(it);
    } else if (it == patterns.end() && step <= 4500) {
      patterns[n] = name(true);
      tree.insert(patterns[n], fake(n));
    }
    if (step % 3 != 0) continue;
    const std::string topic = name(false);
    std::vector<std::size_t> expected;
    for (const auto& [number, pattern] : patterns)
      if (matches(pattern, topic)) expected.push_back(number);
    REQUIRE(found(tree, grace, topic) == expected);
    if (step % 60 == 0) grace.collect();
  }
  for (const auto& [number, pattern] : patterns) tree.erase(pattern, fake(number));
  CHECK(tree.empty());
  CHECK(grace.collect());
}

TEST_CASE("events: the subject tree takes the longest patterns") {
  GracePeriods grace;
  SubjectTree tree(grace);
  std::string deep = "a", stars = "*";
  for (int i = 0; i < 127; ++i) {
    deep += ".a";
    stars += ".*";
  }
  tree.insert(deep, fake(1));
  tree.insert(stars, fake(2));
  tree.insert(deep.substr(0, 253) + ".>", fake(3));
  CHECK(found(tree, grace, deep) == std::vector<std::size_t>{1, 2, 3});
  CHECK(found(tree, grace, deep.substr(0, 253)).empty());
}

TEST_CASE("events: what is retired is disposed of when earlier readers have left, not sooner") {
  struct Thing : Garbage {
    bool gone = false;
  };
  const auto retire = [](GracePeriods& grace, Thing& thing) {
    thing.dispose = [](Garbage* g) noexcept { static_cast<Thing*>(g)->gone = true; };
    grace.retire(thing);
  };
  prepare_gates();
  Thing a, b, c;
  GracePeriods grace;
  auto first = std::make_unique<GracePeriods::Reader>(grace);
  retire(grace, a);
  CHECK_FALSE(grace.collect());
  CHECK_FALSE(a.gone);
  auto second = std::make_unique<GracePeriods::Reader>(grace);  // after a was taken out
  retire(grace, b);
  CHECK_FALSE(grace.collect());
  first.reset();
  CHECK_FALSE(grace.collect());
  CHECK(a.gone);
  CHECK_FALSE(b.gone);  // the second reader may still see it
  second.reset();
  CHECK(grace.collect());
  CHECK(b.gone);
  {
    GracePeriods short_lived;
    retire(short_lived, c);
  }
  CHECK(c.gone);
}

TEST_CASE("events: readers never see what was disposed of") {
  struct Value : Garbage {
    std::atomic<int> alive{1};
  };
  prepare_gates();
  GracePeriods grace;
  std::deque<Value> values(1);  // kept until the end, so that what was disposed of too early is seen and not only read
  std::atomic<Value*> shared{&values.back()};
  std::atomic<bool> stop{false};
  std::atomic<int> bad{0}, stays{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&, i] {
      for (int n = 0; !stop; ++n) {
        const GracePeriods::Reader reader(grace);
        const Value* value = shared.load(std::memory_order_acquire);
        const int looks = n % 3 == i ? 20 : 20'000;  // shorter and longer than a change of sets
        for (int k = 0; k < looks; ++k)
          if (value->alive.load(std::memory_order_relaxed) != 1) ++bad;
        ++stays;
      }
    });
  for (int changes = 0; changes < 20'000 || stays < 1000; ++changes) {
    Value* old = shared.exchange(&values.emplace_back());
    old->dispose = [](Garbage* g) noexcept { static_cast<Value*>(g)->alive = 0; };
    grace.retire(*old);
    grace.collect();
  }
  stop = true;
  for (std::thread& t : readers) t.join();
  CHECK(grace.collect());
  CHECK(bad == 0);
}

TEST_CASE("events: a short mutex lets in one at a time, also those who find it held for long") {
  ShortMutex mutex;
  std::uint64_t n = 0;  // not atomic
  const auto add = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const std::lock_guard lock(mutex);
      ++n;
    }
  };
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex);  // longer than anybody would go on looking without a nap
    for (int i = 0; i < 3; ++i) threads.emplace_back(add, 50'000);
    for (const std::int64_t until = monotonic_ns() + 20'000'000; monotonic_ns() < until;) ++n;
    n = 0;
  }
  add(50'000);
  for (std::thread& t : threads) t.join();
  CHECK(n == 200'000);
}

TEST_CASE("events: a queue keeps its order while it wraps and grows, and its sums") {
  RecordSpares spares;
  EventQueue queue(100, 1'000'000);
  std::uint64_t in = 0, out = 0, bytes = 0;
  std::mt19937 random(3);
  for (int step = 0; step < 5000; ++step) {
    if (random() % 5 < 3 && queue.fits(1)) {
      const std::string payload(random() % 900, 'p');
      EventRecord* event = EventRecord::make(spares, {"t", payload, {}, {}, false}, ++in, 0);
      REQUIRE(event != nullptr);
      REQUIRE(queue.make_room());
      queue.push({event, static_cast<std::uint32_t>(event->bytes()), false});
      bytes += payload.size() + 1;
    } else if (!queue.empty()) {
      const EventRef event(queue.pop().event);
      REQUIRE(event->id() == ++out);
      bytes -= event->bytes();
    }
    REQUIRE(queue.size() == in - out);
    REQUIRE(queue.bytes() == bytes);
    REQUIRE(queue.size() <= 100);
  }
  queue.reserve(10);
  const std::size_t before = queue.size();
  while (queue.fits(1)) {
    REQUIRE(queue.make_room());
    queue.push({EventRecord::make(spares, {"t", {}, {}, {}, false}, ++in, 0), 1, false});
  }
  CHECK(queue.size() == 99);
  CHECK(queue.clear() == 99);
  CHECK(before <= 99);
  queue.unreserve(10);
  CHECK(queue.bytes() == 0);
}

TEST_CASE("events: a retained value that is replaced counts once, also while it is being published") {
  EventHost host;
  const auto core = std::make_shared<EventCore>(host.self, host.pool, EventLimits{}, EventHooks{});
  EventAccount account(core, host.self, Permissions::all("host")), other(core, host.self, Permissions::all("host"));
  RetainedStore& store = core->retained;
  std::uint64_t id = 0;
  const auto keep = [&](EventAccount& by, std::string_view topic, std::size_t cost, bool published = true, std::uint64_t meanwhile = 0) {
    const std::string payload(cost - RetainedStore::overhead - topic.size(), 'x');
    const auto publish = [&]() -> Result<EventRef> {
      CHECK(by.retained_bytes == meanwhile);
      if (!published) return Error{Code::resource_exhausted, "no", "QUEUE_FULL"};
      return EventRef(EventRecord::make(core->spares, {topic, payload, {}, {}, true}, ++id, 0));
    };
    const auto kept = store.keep(by, topic, cost - RetainedStore::overhead, 1000, publish);
    return kept ? std::string("kept") : kept.error().reason;
  };
  CHECK(keep(account, "a", 600, true, 600) == "kept");
  CHECK(keep(account, "a", 600, true, 600) == "kept");
  CHECK(keep(account, "a", 500, true, 600) == "kept");  // less only when it is replaced
  CHECK(account.retained_bytes == 500);
  CHECK(keep(account, "a", 900, false, 900) == "QUEUE_FULL");
  CHECK(keep(account, "a", 400, false, 500) == "QUEUE_FULL");
  CHECK(account.retained_bytes == 500);
  CHECK(keep(account, "a", 1001) == "RETAINED_FULL");
  CHECK(keep(account, "b", 501) == "RETAINED_FULL");
  CHECK(keep(account, "b", 500, true, 1000) == "kept");
  CHECK(keep(account, "a", 500, true, 1000) == "kept");
  CHECK(keep(other, "a", 300, true, 300) == "kept");
  CHECK(account.retained_bytes == 500);
  store.forget_all(account);
  CHECK(account.retained_bytes == 0);
  store.forget_all(other);
  CHECK(other.retained_bytes == 0);
}
