// Watches: who hears of what, when, and that everything is released exactly once.
#include <condition_variable>
#include <stdexcept>
#include <thread>

#include "kernel/owner.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

using Kind = StateChange::Kind;

struct Fixture {
  Later later;
  State state{StateOptions{later.for_state(), [] { return std::int64_t{0}; }}};
  std::uint64_t revision = 0;
  std::vector<std::string> heard;
  int released = 0;

  Fixture() { state.open_space(1); }
  WatchOptions options(const std::string& prefix = {}) {
    return {1, prefix,
            [this](std::span<const StateChange> changes) {
              std::string all;
              for (const StateChange& c : changes) {
                static constexpr const char* names[] = {"put", "erased", "expired", "reset"};
                all +=
                    std::string(all.empty() ? "" : " ") + names[static_cast<int>(c.kind)] + ":" + c.key + "@" + std::to_string(c.revision);
              }
              heard.push_back(all);
            },
            [this] { ++released; }};
  }
  void put(std::string_view key) {
    ++revision;
    CHECK(state.put(1, {key, "", "v", revision, 0}));
  }
  std::vector<std::string> hear() {
    state.notify();
    later.run();
    return std::exchange(heard, {});
  }
};

using Heard = std::vector<std::string>;

}  // namespace

TEST_CASE("watch: hears of changes below its prefix, after they are seen, as batches ordered by key") {
  Fixture f;
  f.put("before");
  REQUIRE(f.state.watch(nullptr, f.options("a.")));
  CHECK(f.hear().empty());
  f.put("a.2");
  f.put("a.1");
  f.put("b");
  f.put("a");
  CHECK(f.later.waiting() == 0);  // nobody hears of it before notify()
  CHECK(f.hear() == Heard{"put:a.1@3 put:a.2@2"});
  CHECK(f.state.erase(1, "a.1", ++f.revision));
  CHECK(f.state.erase(1, "a.2", ++f.revision, Kind::expired));
  CHECK(f.hear() == Heard{"erased:a.1@6 expired:a.2@7"});
  CHECK(f.hear().empty());
}

TEST_CASE("watch: of several changes of a key that wait, the last is told") {
  Fixture f;
  REQUIRE(f.state.watch(nullptr, f.options()));
  for (int i = 0; i < 5; ++i) {
    f.put("a");
    f.state.notify();
  }
  CHECK(f.state.erase(1, "b", ++f.revision));
  f.put("b");
  CHECK(f.hear() == Heard{"put:a@5 put:b@7"});
  f.state.clear(1, ++f.revision);
  f.put("c");
  CHECK(f.hear() == Heard{"reset:@8 put:c@9"});
}

TEST_CASE("watch: too much to tell becomes one reset, many changes come in batches") {
  Fixture f;
  REQUIRE(f.state.watch(nullptr, f.options()));
  for (int i = 0; i < 600; ++i) f.put(std::to_string(1000 + i));
  const Heard batches = f.hear();
  REQUIRE(batches.size() == 3);
  CHECK(batches[0].starts_with("put:1000@1 "));
  CHECK(batches[2].ends_with("put:1599@600"));
  for (int i = 0; i < 1025; ++i) f.put(std::to_string(3000 + i));
  CHECK(f.hear() == Heard{"reset:@1625"});
}

TEST_CASE("watch: an id ends it once, and is never valid again") {
  Fixture f;
  const auto id = f.state.watch(nullptr, f.options());
  REQUIRE(id);
  f.put("a");
  f.state.notify();
  CHECK(f.state.unwatch(*id));
  CHECK(f.released == 1);
  CHECK(f.hear().empty());
  CHECK(code_of(f.state.unwatch(*id)) == Code::not_found);
  CHECK(code_of(f.state.unwatch_wait(*id, no_deadline)) == Code::not_found);
  CHECK(*f.state.watch(nullptr, f.options()) != *id);
  CHECK(f.released == 1);
  CHECK(f.state.watch_count() == 1);
}

TEST_CASE("watch: what is captured is destroyed before release, and release is called once, whoever ends it") {
  int released = 0;
  const auto captured = std::make_shared<int>(0);
  const auto options = [&] {
    return WatchOptions{1, "", [captured](auto) {},
                        [&released, weak = std::weak_ptr(captured)] {
                          ++released;
                          CHECK(weak.use_count() <= 3);
                        }};
  };
  Owner owner("orders", 1, false);
  owner.set_reach(Reach::callable);
  Later later;
  {
    State state(StateOptions{later.for_state(), StateOptions::coarse_realtime_ns});
    state.open_space(1);
    const auto by_hand = state.watch(&owner, options());
    REQUIRE(state.watch(&owner, options()));
    REQUIRE(state.watch(nullptr, options()));
    CHECK(captured.use_count() == 4);
    CHECK(state.unwatch(*by_hand));
    CHECK(released == 1);
    state.revoke(owner);
    CHECK(released == 2);
    CHECK(captured.use_count() == 2);
    CHECK(state.watch_count() == 1);
    CHECK(state.put(1, {"a", "", "v", 1, 0}));
    state.notify();
  }
  CHECK(released == 3);
  CHECK(captured.use_count() == 1);
  later.run();  // what was left in the executor finds nothing to do
  CHECK(released == 3);
}

TEST_CASE("watch: ended inside its own delivery, it is released after that has returned") {
  Fixture f;
  std::uint64_t id = 0;
  int inside = 0;
  std::string waited;
  bool with_wait = false;
  SUBCASE("at once") {}
  SUBCASE("waiting for itself is refused") { with_wait = true; }
  WatchOptions options = f.options();
  options.on_change = [&](auto) {
    ++inside;
    if (with_wait) waited = reason_of(f.state.unwatch_wait(id, no_deadline));
    CHECK(f.state.unwatch(id));
    CHECK(f.released == 0);
  };
  id = *f.state.watch(nullptr, std::move(options));
  f.put("a");
  f.hear();
  CHECK(inside == 1);
  CHECK(f.released == 1);
  CHECK(waited == (with_wait ? "REENTRANT" : ""));
  f.put("b");
  f.hear();
  CHECK(inside == 1);
}

TEST_CASE("watch: unwatch_wait waits for the delivery that is going on, up to its deadline") {
  Fixture f;
  std::mutex mutex;
  std::condition_variable changed;
  bool inside = false;
  bool leave = false;
  std::atomic<bool> left{false};
  WatchOptions options = f.options();
  options.on_change = [&](auto) {
    std::unique_lock lock(mutex);
    inside = true;
    changed.notify_all();
    changed.wait(lock, [&] { return leave; });
    left = true;
  };
  const std::uint64_t first = *f.state.watch(nullptr, std::move(options));
  f.put("a");
  f.state.notify();
  std::thread delivering([&] { f.later.run(); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside; });
  }
  std::thread waiting;
  SUBCASE("it returns in time") {
    waiting = std::thread([&] {
      CHECK(f.state.unwatch_wait(first, no_deadline));
      CHECK(left);
      CHECK(f.released == 1);
    });
  }
  SUBCASE("it does not") {
    CHECK(code_of(f.state.unwatch_wait(first, monotonic_ns() + 1'000'000)) == Code::deadline_exceeded);
    CHECK(f.released == 0);
  }
  {
    const std::lock_guard lock(mutex);
    leave = true;
    changed.notify_all();
  }
  delivering.join();
  if (waiting.joinable()) waiting.join();
  CHECK(f.released == 1);
}

TEST_CASE("watch: one that throws harms nobody, and hears of what comes next") {
  Fixture f;
  int thrown = 0;
  WatchOptions options = f.options();
  options.on_change = [&](auto) {
    ++thrown;
    throw std::runtime_error("no");
  };
  REQUIRE(f.state.watch(nullptr, std::move(options)));
  REQUIRE(f.state.watch(nullptr, f.options()));
  f.put("a");
  CHECK(f.hear() == Heard{"put:a@1"});
  f.put("a");
  CHECK(f.hear() == Heard{"put:a@2"});
  CHECK(thrown == 2);
}

TEST_CASE("watch: one that has no memory for what it hears is told later that there was something") {
  Fixture f;
  int calls = 0, failures = 2;
  WatchOptions options = f.options("a");
  options.on_change = [&, inner = std::move(options.on_change)](std::span<const StateChange> changes) {
    ++calls;
    if (failures-- > 0) throw std::bad_alloc();
    inner(changes);
  };
  REQUIRE(f.state.watch(nullptr, std::move(options)));
  for (const char* key : {"a1", "a2", "a3"}) f.put(key);
  CHECK(f.hear().empty());
  CHECK(calls == 1);  // not over and over while there is none
  f.put("b");
  CHECK(f.hear().empty());
  CHECK(calls == 1);
  f.state.retry_watches();
  CHECK(f.hear().empty());
  CHECK(calls == 2);
  f.put("a4");
  CHECK(f.hear() == Heard{"reset:@3 put:a4@5"});
  f.state.retry_watches();
  CHECK(f.hear().empty());
  CHECK(calls == 3);
}

TEST_CASE("watch: what could not be given to the executor is given to it later") {
  Later later;
  int failures = 0, heard = 0;
  StateOptions options{[&](Owner* owner, std::function<void()> work) {
                         if (failures > 0) {
                           --failures;
                           throw std::bad_alloc();
                         }
                         later.for_state()(owner, std::move(work));
                       },
                       [] { return std::int64_t{0}; }};
  prepare_gates();
  State state{std::move(options)};
  state.open_space(1);
  Owner owner("orders", 1, false);
  const auto watch = [&](Owner* of) {
    WatchOptions w;
    w.space = 1;
    w.on_change = [&](std::span<const StateChange> changes) { heard += static_cast<int>(changes.size()); };
    REQUIRE(state.watch(of, std::move(w)));
  };
  watch(nullptr);
  watch(&owner);
  const auto hears = [&](int n) {
    later.run();
    return std::exchange(heard, 0) == n;
  };
  failures = 1;
  CHECK(state.put(1, {"a", "", "v", 1, 0}));
  state.notify();
  CHECK(hears(0));
  state.retry_watches();
  CHECK(hears(1));
  // By the next change, too.
  failures = 1;
  CHECK(state.put(1, {"a", "", "v", 2, 0}));
  state.notify();
  CHECK(state.put(1, {"b", "", "v", 3, 0}));
  state.notify();
  CHECK(hears(2));
  failures = 1;
  owner.set_reach(Reach::callable);
  state.owner_reach_changed(owner);
  CHECK(hears(0));
  state.retry_watches();
  CHECK(hears(2));
  state.revoke(owner);
}

TEST_CASE("watch: it is delivered inside the gate of its owner, and not to one that leaves") {
  prepare_gates();
  Fixture f;
  Owner owner("orders", 1, false);
  owner.set_reach(Reach::callable);
  const Owner* seen = nullptr;
  WatchOptions options = f.options();
  options.on_change = [&](auto) { seen = current_frame() != nullptr ? current_frame()->owner.load() : nullptr; };
  REQUIRE(f.state.watch(&owner, std::move(options)));
  f.put("a");
  f.hear();
  CHECK(seen == &owner);
  CHECK(current_frame() == nullptr);
  seen = nullptr;
  f.put("b");
  f.state.notify();
  owner.gate().advance(Gate::State::draining);
  f.later.run();
  CHECK(seen == nullptr);
  CHECK(f.released == 0);
  f.state.revoke(owner);
  CHECK(f.released == 1);
}

TEST_CASE("watch: an owner hears of nothing before it is callable, and then of everything once") {
  prepare_gates();
  Fixture f;
  Owner owner("orders", 1, false);
  int calls = 0;
  std::size_t changes = 0;
  WatchOptions options = f.options();
  options.on_change = [&](std::span<const StateChange> heard) {
    ++calls;
    changes += heard.size();
  };
  REQUIRE(f.state.watch(&owner, std::move(options)));
  for (const Reach reach : {Reach::hidden, Reach::visible}) {
    owner.set_reach(reach);
    f.state.owner_reach_changed(owner);
    f.put(reach == Reach::hidden ? "a" : "b");
    f.hear();
    CHECK(calls == 0);
  }
  owner.set_reach(Reach::callable);
  f.state.owner_reach_changed(owner);
  f.state.owner_reach_changed(owner);
  f.later.run();
  CHECK(calls == 1);
  CHECK(changes == 2);
  f.state.revoke(owner);
}

TEST_CASE("watch: there are only so many, and none without an executor or where nothing is mirrored") {
  Fixture f;
  for (std::size_t i = 0; i < State::max_watches; ++i) REQUIRE(f.state.watch(nullptr, f.options()));
  CHECK(code_of(f.state.watch(nullptr, f.options())) == Code::resource_exhausted);
  WatchOptions elsewhere = f.options();
  elsewhere.space = 2;
  CHECK(code_of(f.state.watch(nullptr, elsewhere)) == Code::not_found);
  f.state.open_space(2);
  CHECK(f.state.watch(nullptr, elsewhere));
  State silent;
  silent.open_space(1);
  CHECK(code_of(silent.watch(nullptr, f.options())) == Code::failed_precondition);
}

TEST_CASE("watch: while changes are made, watches come and go on other threads, and each is released once") {
  prepare_gates();
  std::atomic<bool> stop{false};
  Later later;
  State state(StateOptions{later.for_state(), StateOptions::coarse_realtime_ns});
  state.open_space(1);
  std::atomic<int> released{0}, calls{0};
  std::thread worker([&] {
    while (!stop) later.run();
  });
  std::thread writer([&] {
    for (std::uint64_t revision = 1; !stop; ++revision) {
      state.put(1, {"k" + std::to_string(revision % 20), "", "v", revision, 0});
      state.notify();
    }
  });
  constexpr int rounds = 300;
  std::vector<std::thread> watchers;
  for (int t = 0; t < 2; ++t)
    watchers.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        Owner owner("w", static_cast<std::uint64_t>(i), false);
        owner.set_reach(Reach::callable);
        const auto ended = std::make_shared<std::atomic<bool>>(false);
        const auto id = state.watch(&owner, {1, "k",
                                             [&, ended](auto) {
                                               ++calls;
                                               CHECK_FALSE(*ended);
                                             },
                                             [&, ended] {
                                               *ended = true;
                                               ++released;
                                             }});
        REQUIRE(id);
        if (i % 10 == 0)
          for (const int before = calls; calls == before;) std::this_thread::yield();
        if ((i + t) % 2 == 0)
          CHECK(state.unwatch_wait(*id, no_deadline));
        else
          state.revoke(owner);
        CHECK(Gate::wait_until_empty(owner, no_deadline));
        // As an instance that is destroyed: it waits until nobody is inside, then it is gone.
      }
    });
  for (std::thread& t : watchers) t.join();
  stop = true;
  writer.join();
  worker.join();
  later.run();
  CHECK(released == 2 * rounds);
  CHECK(state.watch_count() == 0);
}
