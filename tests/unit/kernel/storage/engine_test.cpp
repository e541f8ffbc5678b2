// How Storage works through what it is given: groups, order, completions, bounds, closing.
#include <condition_variable>
#include <thread>

#include "shim_vfs.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// Holds the writer up: its completions run on its thread.
class Stopper {
 public:
  void stop(Storage& storage, NamespaceId ns) {
    REQUIRE(storage.commit_async(std::move(StorageTransaction(ns).put("stopper", "1")), [this](const Result<std::uint64_t>&) {
      std::unique_lock lock(mutex_);
      stopped_ = true;
      changed_.notify_all();
      changed_.wait(lock, [&] { return go_on_; });
    }));
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_; });
  }
  void go_on() {
    const std::lock_guard lock(mutex_);
    go_on_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false, go_on_ = false;
};

}  // namespace

TEST_CASE("storage engine: what is queued meanwhile is one group, with one wait for the disk") {
  ShimVfs shim;
  StoreDir dir;
  SqliteOptions options = dir.sqlite();
  options.vfs = shim.name();
  Store store(options);
  const NamespaceId ns = store.define("orders");
  REQUIRE(store.storage->put(ns, "first", "1"));
  Stopper stopper;
  stopper.stop(*store.storage, ns);
  const std::uint64_t syncs = shim.syncs();
  const std::uint64_t groups = store.storage->statistics().groups;
  std::vector<std::string> order;
  for (int i = 0; i < 50; ++i)
    REQUIRE(store.storage->commit_async(
        std::move(StorageTransaction(ns).put("k" + std::to_string(i), "v", {.expected = i % 10 == 9 ? 4711 : 0})),
        [&order, i](const Result<std::uint64_t>& r) { order.push_back(std::to_string(i) + (r ? "" : "!")); }));
  CHECK(store.storage->statistics().queued == 50);
  stopper.go_on();
  REQUIRE(store.storage->put(ns, "last", "1"));
  REQUIRE(store.storage->put(ns, "behind", "1"));
  CHECK(store.storage->statistics().groups <= groups + 3);
  CHECK(shim.syncs() <= syncs + 3);
  REQUIRE(order.size() == 50);
  for (int i = 0; i < 50; ++i) CHECK(order[static_cast<std::size_t>(i)] == std::to_string(i) + (i % 10 == 9 ? "!" : ""));
  CHECK(scan_all(*store.storage, ns, "k").size() == 45);
}

TEST_CASE("storage engine: completions go to the executor, if there is one") {
  StoreDir dir;
  Later later;
  StorageOptions options;
  options.executor = later.executor();
  auto storage = Storage::open(sqlite_storage_backend(dir.sqlite()), options);
  REQUIRE(storage);
  const NamespaceId ns = *(*storage)->define("orders");
  int done = 0;
  REQUIRE((*storage)->commit_async(std::move(StorageTransaction(ns).put("a", "1")),
                                   [&](const Result<std::uint64_t>& r) { done += r ? 1 : 100; }));
  REQUIRE((*storage)->put(ns, "b", "1"));
  CHECK(done == 0);
  CHECK(later.run() == 1);
  CHECK(done == 1);
}

TEST_CASE("storage engine: acknowledged means that the state shows it, and watches hear of it afterwards") {
  Store store(Behind::memory);
  const NamespaceId ns = store.define("orders");
  int heard = 0;
  REQUIRE(store.state->watch(nullptr, {ns, "", [&](auto) { ++heard; }, {}}));
  std::string seen;
  int heard_before = -1;
  REQUIRE(store.storage->commit_async(std::move(StorageTransaction(ns).put("a", "1")), [&](const Result<std::uint64_t>&) {
    seen = state_of(store, ns, "a");
    heard_before = static_cast<int>(store.later->waiting());
  }));
  REQUIRE(store.storage->put(ns, "b", "1"));
  CHECK(seen == "1");
  CHECK(heard_before == 0);
  store.close();
  CHECK(heard == 0);  // the executor never ran
}

TEST_CASE("storage engine: a namespace that sends too much is refused, others are not") {
  Store store(Behind::memory);
  const NamespaceId greedy = store.define("greedy");
  const NamespaceId other = store.define("other");
  Stopper stopper;
  stopper.stop(*store.storage, other);
  std::size_t accepted = 0;
  Result<void> r;
  while ((r = store.storage->commit_async(std::move(StorageTransaction(greedy).put("a", "1")), {}))) ++accepted;
  CHECK(accepted == 1024);
  CHECK(r.error().code == Code::resource_exhausted);
  CHECK(r.error().reason == "STORAGE_QUEUE_FULL");
  CHECK(store.storage->commit_async(std::move(StorageTransaction(other).put("a", "1")), {}));
  const std::string large(storage_max_value, 'x');
  const auto heavy = [&] {
    StorageTransaction t(other);
    for (int i = 0; i < 7; ++i) t.put(std::to_string(i), large);
    return t;
  };
  CHECK(store.storage->commit_async(heavy(), {}));
  CHECK(store.storage->commit_async(heavy(), {}));
  CHECK(reason_of(store.storage->commit_async(heavy(), {})) == "STORAGE_QUEUE_FULL");
  stopper.go_on();
  CHECK(store.storage->put(other, "behind", "1"));  // behind everything that was queued
  CHECK(store.storage->put(greedy, "a", "2"));
}

TEST_CASE("storage engine: a deadline ends the waiting, not the transaction") {
  Store store(Behind::memory);
  const NamespaceId ns = store.define("orders");
  Stopper stopper;
  stopper.stop(*store.storage, ns);
  CHECK(store.storage->busy_since_ns() != 0);
  const auto late = store.storage->commit(std::move(StorageTransaction(ns).put("a", "1")), monotonic_ns() + 1'000'000);
  CHECK(code_of(late) == Code::deadline_exceeded);
  CHECK(value_in(store, ns, "a") == "<NOT_FOUND>");
  stopper.go_on();
  CHECK(store.storage->put(ns, "b", "1"));
  CHECK(value_in(store, ns, "a") == "1");
}

TEST_CASE("storage engine: its own thread cannot wait for itself") {
  Store store(Behind::memory);
  const NamespaceId ns = store.define("orders");
  std::vector<std::string> reasons;
  REQUIRE(store.storage->commit_async(std::move(StorageTransaction(ns).put("a", "1")), [&](const Result<std::uint64_t>&) {
    reasons = {reason_of(store.storage->put(ns, "b", "1")), reason_of(store.storage->define("other")), reason_of(store.storage->expire())};
  }));
  REQUIRE(store.storage->put(ns, "c", "1"));
  CHECK(reasons == std::vector<std::string>{"REENTRANT", "REENTRANT", "REENTRANT"});
}

TEST_CASE("storage engine: closing finishes what is queued and refuses what comes then") {
  Store store(Behind::sqlite);
  const NamespaceId ns = store.define("orders");
  std::atomic<int> done{0};
  Stopper stopper;
  stopper.stop(*store.storage, ns);
  for (int i = 0; i < 20; ++i)
    REQUIRE(store.storage->commit_async(std::move(StorageTransaction(ns).put(std::to_string(i), "1")),
                                        [&](const Result<std::uint64_t>& r) { done += r ? 1 : 100; }));
  std::thread closer([&] { CHECK(store.storage->close()); });
  stopper.go_on();
  closer.join();
  CHECK(done == 20);
  CHECK(reason_of(store.storage->put(ns, "late", "1")) == "STORAGE_CLOSED");
  CHECK(reason_of(store.storage->define("late")) == "STORAGE_CLOSED");
  CHECK(store.storage->close());
  store.open();
  CHECK(scan_all(*store.storage, store.define("orders")).size() == 21);
}

TEST_CASE("storage engine: a secret namespace is never in the state, nor one that becomes secret") {
  Store store(Behind::sqlite);
  const NamespaceId secret = store.define("tokens", {.secret = true});
  const NamespaceId open = store.define("orders");
  REQUIRE(store.storage->put(secret, "a", "1", {.ttl_ns = 10}));
  REQUIRE(store.storage->put(open, "a", "1"));
  CHECK(value_in(store, secret, "a") == "1");
  CHECK(state_of(store, secret, "a") == "<NOT_FOUND>");
  CHECK(state_all(store, secret).empty());
  CHECK(code_of(store.state->watch(nullptr, {secret, "", [](auto) {}, {}})) == Code::not_found);
  store.now += 10;
  CHECK(*store.storage->expire() == 1);

  CHECK(store.define("orders", {.secret = true}) == open);
  CHECK(state_of(store, open, "a") == "<NOT_FOUND>");
  REQUIRE(store.storage->put(open, "b", "1"));
  CHECK(state_all(store, open).empty());
  CHECK(value_in(store, open, "b") == "1");
  CHECK(store.define("orders") == open);
  CHECK(state_all(store, open) == scan_all(*store.storage, open));
  CHECK(state_all(store, open).size() == 2);
}

TEST_CASE("storage engine: many threads on both kinds of namespaces, and the state is the storage") {
  Store store(Behind::sqlite);
  const NamespaceId spaces[] = {store.define("full"), store.define("normal", {.durability = NamespaceOptions::Durability::normal})};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 150; ++i) {
        const NamespaceId ns = spaces[(t + i) % 2];
        const std::string key = "k" + std::to_string(i * 7 % 40);
        if (i % 5 == 4)
          CHECK(store.storage->erase(ns, key));
        else
          CHECK(store.storage->put(ns, key, std::to_string(t * 1000 + i)));
        if (i == 75 && t == 0) CHECK(store.storage->clear(ns));
        // What this thread was told is there is seen, unless another has changed it since.
        CHECK(state_of(store, ns, "none") == "<NOT_FOUND>");
      }
    });
  for (std::thread& t : threads) t.join();
  for (const NamespaceId ns : spaces) CHECK(state_all(store, ns) == scan_all(*store.storage, ns));
  const StorageStatistics statistics = store.storage->statistics();
  CHECK(statistics.committed == 601);
  CHECK(statistics.failed == 0);
}

TEST_CASE("storage engine: transactions that erase much and write some, and the state is the storage") {
  Store store(Behind::memory);
  const NamespaceId ns = store.define("orders");
  for (int round = 0; round < 60; ++round) {
    StorageTransaction transaction(ns);
    // Of what is there, and of what is not.
    for (int i = 0; i < 5 + round; ++i) transaction.erase("k" + std::to_string(round * 7 + i));
    for (int i = 0; i < 5; ++i) transaction.put("k" + std::to_string(round * 7 + 100 + i), std::to_string(round));
    REQUIRE(store.storage->commit(std::move(transaction)));
    REQUIRE(state_all(store, ns) == scan_all(*store.storage, ns));
  }
}

TEST_CASE("storage engine: without a thread it does not open, and can be opened later") {
  StoreDir dir;
  pthread_attr_t before, impossible;
  REQUIRE(pthread_getattr_default_np(&before) == 0);
  REQUIRE(pthread_attr_init(&impossible) == 0);
  REQUIRE(pthread_attr_setstacksize(&impossible, std::size_t{1} << 60U) == 0);
  REQUIRE(pthread_setattr_default_np(&impossible) == 0);
  auto opened = Storage::open(sqlite_storage_backend(dir.sqlite()));
  CHECK(pthread_setattr_default_np(&before) == 0);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().reason == "NO_THREAD");
  CHECK(opened.error().exit == ExitCode::os_error);
  opened = Storage::open(sqlite_storage_backend(dir.sqlite()));
  REQUIRE(opened);
  const auto space = (*opened)->define("orders");
  REQUIRE(space);
  CHECK((*opened)->put(*space, "a", "1"));
}

TEST_CASE("storage engine: a transaction may say itself whether it waits for the disk") {
  ShimVfs shim;
  StoreDir dir;
  SqliteOptions options = dir.sqlite();
  options.vfs = shim.name();
  Store store(options);
  const NamespaceId full = store.define("full");
  const NamespaceId normal = store.define("normal", {.durability = NamespaceOptions::Durability::normal});
  REQUIRE(store.storage->put(full, "first", "1"));
  const std::uint64_t syncs = shim.syncs();
  REQUIRE(store.storage->commit(std::move(StorageTransaction(full).put("a", "1").durable(false))));
  CHECK(shim.syncs() == syncs);
  REQUIRE(store.storage->commit(std::move(StorageTransaction(normal).put("a", "1").durable(true))));
  CHECK(shim.syncs() == syncs + 1);
}

TEST_CASE("storage engine: a namespace is defined later if the writer is held up beyond the deadline") {
  Store store(Behind::memory);
  const NamespaceId ns = store.define("orders");
  Stopper stopper;
  stopper.stop(*store.storage, ns);
  CHECK(reason_of(store.storage->define("late", {.quota = 7}, monotonic_ns() + 1'000'000)) == "STORAGE_DEADLINE");
  CHECK(reason_of(store.storage->use("other", monotonic_ns() + 1'000'000)) == "STORAGE_DEADLINE");
  stopper.go_on();
  CHECK(store.storage->usage(*store.storage->use("late"))->quota == 7);
}

TEST_CASE("storage engine: what has expired is removed without anybody waiting, however much it is") {
  Store store(Behind::memory);
  const NamespaceId ns = store.define("orders");
  StorageTransaction many(ns);
  for (int i = 0; i < 3000; ++i) many.put("k" + std::to_string(i), "v", {.ttl_ns = 10});
  REQUIRE(store.storage->commit(std::move(many)));
  store.now += 10;
  Stopper stopper;
  stopper.stop(*store.storage, ns);
  for (int i = 0; i < 10; ++i) store.storage->expire_soon();  // one of them is enough
  CHECK(store.storage->statistics().queued == 1);
  stopper.go_on();
  while (store.storage->statistics().expired < 3000) std::this_thread::yield();
  CHECK(store.storage->usage(ns)->bytes == storage_entry_cost + 8);
  store.storage->expire_soon();
  store.close();
}
