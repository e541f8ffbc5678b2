// Storage and state through the C tables while the caller has no memory.
#include <functional>
#include <map>

#include "base/memory.hpp"
#include "starved.hpp"
#include "support.hpp"
#include "tenon/state.h"
#include "tenon/storage.h"

using namespace tenon;
using namespace tenon::test;

namespace {

struct Store {
  SmallHost host;
  SmallModule orders{host, "orders"};
  const tenon_storage* const storage = orders.table<tenon_storage>(TENON_STORAGE);
  const tenon_state* const state = orders.table<tenon_state>(TENON_STATE);
  tenon_error error{};
  tenon_id space = 0, view = 0;
  explicit Store(bool open = true) {
    error.struct_size = sizeof error;
    if (!open) return;
    REQUIRE(storage->open(orders.ctx(), str("orders"), 0, &space, &error) == TENON_OK);
    REQUIRE(state->open(orders.ctx(), str("orders"), &view, &error) == TENON_OK);
  }
  void put(const std::string& key, const std::string& value) {
    REQUIRE(storage->put(orders.ctx(), space, bytes(key), bytes(value), nullptr, nullptr, &error) == TENON_OK);
  }
  /// What is there, by the storage and by the state.
  std::map<std::string, std::string> all() {
    std::map<std::string, std::string> out;
    tenon_id cursor = 0;
    REQUIRE(storage->scan(orders.ctx(), space, bytes(""), &cursor, &error) == TENON_OK);
    const tenon_storage_row* const* rows = nullptr;
    for (std::size_t n = 1; n != 0;) {
      REQUIRE(storage->next(orders.ctx(), cursor, &rows, &n, &error) == TENON_OK);
      for (std::size_t i = 0; i < n; ++i)
        out[{reinterpret_cast<const char*>(rows[i]->key.ptr), rows[i]->key.len}] = {reinterpret_cast<const char*>(rows[i]->value.ptr),
                                                                                    rows[i]->value.len};
    }
    REQUIRE(storage->close(orders.ctx(), cursor) == TENON_OK);
    char buffer[256];
    for (const auto& [key, value] : out) {
      tenon_value_info info{};
      info.struct_size = sizeof info;
      REQUIRE(state->get(orders.ctx(), view, bytes(key), reinterpret_cast<std::uint8_t*>(buffer), sizeof buffer, &info) == TENON_OK);
      CHECK(std::string_view(buffer, info.size) == value);
    }
    return out;
  }
};

/// A write in every shortage: done or not done, as it says.
template <class Write>
void write_in_every_shortage(const std::map<std::string, std::string>& after, Write&& write) {
  const std::map<std::string, std::string> before = {{"key number one", "what was there before"}, {"two", "2"}};
  with_every_shortage([&](Starving& starving) {
    Store store;
    for (const auto& [key, value] : before) store.put(key, value);
    const tenon_status status = starving.during([&] { return write(store); });
    CHECK(is_clean(status));
    CHECK(store.all() == (status == TENON_OK ? after : before));
    if (status != TENON_OK) CHECK(std::string(store.error.reason) == "NO_MEMORY");
    CHECK(write(store) == TENON_OK);
    CHECK(store.all() == after);
  });
}

constexpr std::string_view long_value = "a value that is somewhat longer than what fits into a small string";

}  // namespace

TEST_CASE("no memory: open gives a namespace, or none") {
  with_every_shortage([](Starving& starving) {
    Store store(false);
    const auto open = [&] { return store.storage->open(store.orders.ctx(), str("orders"), 0, &store.space, &store.error); };
    const auto view = [&] { return store.state->open(store.orders.ctx(), str("orders"), &store.view, &store.error); };
    const tenon_status opened = starving.during(open);
    CHECK(is_clean(opened));
    if (opened != TENON_OK) REQUIRE(open() == TENON_OK);
    const tenon_status viewed = starving.during(view);
    CHECK(is_clean(viewed));
    if (viewed != TENON_OK) REQUIRE(view() == TENON_OK);
    store.put("key", "value");
    CHECK(store.all().size() == 1);
  });
}

TEST_CASE("no memory: what writes has written, or has changed nothing") {
  SUBCASE("put") {
    write_in_every_shortage({{"key number one", std::string(long_value)}, {"two", "2"}}, [](Store& s) {
      const tenon_put_options options = {sizeof options, 0, str("text/plain"), 0};
      return s.storage->put(s.orders.ctx(), s.space, bytes("key number one"), bytes(long_value), &options, nullptr, &s.error);
    });
  }
  SUBCASE("erase") {
    write_in_every_shortage({{"two", "2"}},
                            [](Store& s) { return s.storage->erase(s.orders.ctx(), s.space, bytes("key number one"), nullptr, &s.error); });
  }
  SUBCASE("clear") {
    write_in_every_shortage({}, [](Store& s) { return s.storage->clear(s.orders.ctx(), s.space, nullptr, &s.error); });
  }
  SUBCASE("transaction") {
    write_in_every_shortage({{"key number one", std::string(long_value)}, {"three", std::string(long_value)}}, [](Store& s) {
      tenon_storage_op ops[3] = {};
      for (auto& op : ops) op.struct_size = sizeof op;
      ops[0].kind = ops[2].kind = TENON_STORAGE_PUT;
      ops[0].key = bytes("key number one");
      ops[0].value = ops[2].value = bytes(long_value);
      ops[1].kind = TENON_STORAGE_ERASE;
      ops[1].key = bytes("two");
      ops[2].key = bytes("three");
      const tenon_storage_op* const list[] = {&ops[0], &ops[1], &ops[2]};
      return s.storage->commit(s.orders.ctx(), s.space, list, 3, nullptr, &s.error);
    });
  }
}

TEST_CASE("no memory: a watch is told of every change, however little memory its worker has") {
  with_every_shortage([](Starving& starving) {
    std::vector<std::function<void()>> jobs;
    host::StateOptions options;
    options.executor = [&jobs](host::Owner*, std::function<void()> work) { jobs.push_back(std::move(work)); };
    host::State state(std::move(options));
    state.open_space(1);
    int told = 0;
    host::WatchOptions watch;
    watch.space = 1;
    watch.on_change = [&told](std::span<const host::StateChange> changes) { told += static_cast<int>(changes.size()); };
    REQUIRE(state.watch(nullptr, std::move(watch)));
    for (int i = 0; i < 10; ++i) CHECK(state.put(1, {"a key beyond small strings " + std::to_string(i), {}, "v", 1, 0}));
    state.notify();
    for (; !jobs.empty(); state.retry_watches()) {
      const std::function<void()> job = std::move(jobs.back());
      jobs.pop_back();
      starving.during(job);
    }
    CHECK(told == 10);
  });
}

TEST_CASE("no memory: what could not be queued takes no place in the queue") {
  with_every_shortage([](Starving& starving) {
    host::StorageOptions options;
    options.max_queued = 4;  // of which one namespace may have one
    auto storage = host::Storage::open(host::test::memory_backend(std::make_shared<host::test::MemoryFile>()), std::move(options));
    REQUIRE(storage);
    const auto space = (*storage)->define("orders");
    REQUIRE(space);
    // A queue that is longer than its first block has to grow at some time.
    for (int i = 0; i < 20; ++i) {
      host::StorageTransaction transaction(*space);
      transaction.put("key", long_value);
      try {
        (void)starving.during([&] { return (*storage)->commit(std::move(transaction)); });
      } catch (const std::bad_alloc&) {  // as its caller expects
      }
      REQUIRE((*storage)->put(*space, "key", "value"));
    }
  });
}

TEST_CASE("no memory: readers that could not be made are made later") {
  with_every_shortage([](Starving& starving) {
    const host::test::StoreDir dir;
    const auto backend = host::sqlite_storage_backend(dir.sqlite());
    REQUIRE(backend->open());
    const auto space = backend->space("orders");
    REQUIRE(space);
    char buffer[16];
    host::ValueInfo info;
    const auto get = [&] { return backend->get(space->id, "key", 1, buffer, info); };
    for (int i = 0; i < 10; ++i) {  // more often than there may be readers
      try {
        (void)starving.during(get);
      } catch (const std::bad_alloc&) {  // as its caller expects
      }
    }
    const auto found = get();
    REQUIRE_MESSAGE(found, found.error().message);
    CHECK_FALSE(*found);
    CHECK(backend->close());
  });
}

TEST_CASE("no memory: compare_and_set") {
  with_every_shortage([](Starving& starving) {
    Store store;
    std::uint64_t revision = 0;
    REQUIRE(store.storage->put(store.orders.ctx(), store.space, bytes("key"), bytes("old"), nullptr, &revision, &store.error) == TENON_OK);
    const auto set = [&] {
      return store.storage->compare_and_set(store.orders.ctx(), store.space, bytes("key"), revision, bytes(long_value), nullptr, nullptr,
                                            &store.error);
    };
    const tenon_status status = starving.during(set);
    CHECK(is_clean(status));
    CHECK(set() == (status == TENON_OK ? TENON_ABORTED : TENON_OK));
    CHECK(store.all().at("key") == long_value);
  });
}

TEST_CASE("no memory: done comes once for a commit that was taken, and else never") {
  with_every_shortage([](Starving& starving) {
    Registered done;
    tenon_status status = TENON_OK;
    {
      Store store;
      tenon_storage_op op{};
      op.struct_size = sizeof op;
      op.kind = TENON_STORAGE_PUT;
      op.key = bytes("a key that is longer than a small string");
      op.value = bytes(long_value);
      const tenon_storage_op* const list[] = {&op};
      const auto on_done = [](void* data, tenon_status, std::uint64_t, const tenon_error*) noexcept {
        ++static_cast<Registered*>(data)->used;
      };
      status = starving.during(
          [&] { return store.storage->commit_async(store.orders.ctx(), store.space, list, 1, on_done, &done, &store.error); });
      CHECK(is_clean(status));
      if (status == TENON_OK) CHECK(settles([&] { return done.used == 1; }));
      CHECK(store.all().size() == (status == TENON_OK ? 1U : 0U));
    }
    CHECK(done.used == (status == TENON_OK ? 1 : 0));
  });
}

TEST_CASE("no memory: a cursor gives all rows in their order, however often a batch was refused") {
  for (const bool of_state : {false, true})
    with_every_shortage([of_state](Starving& starving) {
      Store store;
      for (int i = 10; i < 40; ++i) store.put("row " + std::to_string(i), std::string(long_value));
      tenon_id cursor = 0;
      const auto open = [&] {
        return of_state ? store.state->keys(store.orders.ctx(), store.view, bytes("row "), &cursor, &store.error)
                        : store.storage->scan(store.orders.ctx(), store.space, bytes("row "), &cursor, &store.error);
      };
      const tenon_status opened = starving.during(open);
      CHECK(is_clean(opened));
      if (opened != TENON_OK) REQUIRE(open() == TENON_OK);
      int seen = 0, refused = 0;
      for (std::size_t n = 1; n != 0;) {
        const tenon_storage_row* const* rows = nullptr;
        const auto next = [&] {
          return of_state ? store.state->next(store.orders.ctx(), cursor, &rows, &n, &store.error)
                          : store.storage->next(store.orders.ctx(), cursor, &rows, &n, &store.error);
        };
        tenon_status status = starving.during(next);
        CHECK(is_clean(status));
        if (status != TENON_OK) {
          REQUIRE(++refused < 3);
          status = next();
        }
        REQUIRE(status == TENON_OK);
        for (std::size_t i = 0; i < n; ++i)
          CHECK(std::string_view(reinterpret_cast<const char*>(rows[i]->key.ptr), rows[i]->key.len) ==
                "row " + std::to_string(10 + seen++));
      }
      CHECK(seen == 30);
      const tenon_status closed = starving.during(
          [&] { return of_state ? store.state->close(store.orders.ctx(), cursor) : store.storage->close(store.orders.ctx(), cursor); });
      CHECK(closed == TENON_OK);
    });
}

TEST_CASE("no memory: get finds what is there") {
  with_every_shortage([](Starving& starving) {
    Store store;
    store.put("a key that is longer than a small string", std::string(long_value));
    std::uint8_t buffer[128];
    const auto get = [&](std::string_view key) {
      return store.storage->get(store.orders.ctx(), store.space, bytes(key), buffer, sizeof buffer, nullptr, &store.error);
    };
    CHECK(is_clean(starving.during([&] { return get("a key that is longer than a small string"); })));
    const tenon_status none = starving.during([&] { return get("there is nothing under this long key"); });
    CHECK((none == TENON_NOT_FOUND || none == TENON_RESOURCE_EXHAUSTED));
    CHECK(get("a key that is longer than a small string") == TENON_OK);
    const tenon_status stale = starving.during(
        [&] { return store.storage->get(store.orders.ctx(), 99, bytes("key"), buffer, sizeof buffer, nullptr, &store.error); });
    CHECK((stale == TENON_NOT_FOUND || stale == TENON_RESOURCE_EXHAUSTED));
    const tenon_status null = starving.during([&] {
      return store.storage->get(store.orders.ctx(), store.space, {nullptr, 3}, buffer, 1, nullptr, &store.error);
    });
    CHECK((null == TENON_INVALID_ARGUMENT || null == TENON_RESOURCE_EXHAUSTED));
  });
}

TEST_CASE("no memory: watch leaves nothing, or a watch that hears, unwatch releases once") {
  for (const bool waits : {false, true})
    with_every_shortage([waits](Starving& starving) {
      Registered mine;
      Store store;
      tenon_id id = 0;
      const auto watch = [&] {
        return store.state->watch(
            store.orders.ctx(), store.view, bytes("a prefix that is longer than small strings are"),
            [](void* data, tenon_call*, const tenon_state_change* const*, std::size_t, tenon_error*) noexcept -> tenon_status {
              ++static_cast<Registered*>(data)->used;
              return TENON_OK;
            },
            &mine, &Registered::release, &id, &store.error);
      };
      const tenon_status status = starving.during(watch);
      CHECK(is_clean(status));
      if (status != TENON_OK) {
        CHECK(store.host.kernel().state()->watch_count() == 0);
        store.put("a prefix that is longer than small strings are, and a key", "1");
        CHECK(mine.used == 0);
        CHECK(mine.released == 0);
        REQUIRE(watch() == TENON_OK);
      }
      store.put("a prefix that is longer than small strings are, and a key", "2");
      CHECK(settles([&] { return mine.used == 1; }));
      const auto unwatch = [&] {
        return waits ? store.state->unwatch_wait(store.orders.ctx(), id, soon(), &store.error)
                     : store.state->unwatch(store.orders.ctx(), id);
      };
      const tenon_status ended = starving.during(unwatch);
      CHECK(is_clean(ended));
      if (ended != TENON_OK) CHECK(unwatch() == TENON_OK);
      CHECK(store.host.kernel().state()->watch_count() == 0);
      if (waits) CHECK(mine.released == 1);
      store.orders.leave();  // at the latest
      CHECK(mine.released == 1);
    });
}

TEST_CASE("no memory on the storage's own thread: it waits for it, and what was acknowledged is there") {
  host::prepare_memory();
  Store store;
  std::map<std::string, std::string> expected;
  Registered watcher;
  tenon_id watch = 0;
  const auto changed = [](void* data, tenon_call*, const tenon_state_change* const*, std::size_t, tenon_error*) noexcept {
    ++static_cast<Registered*>(data)->used;
    return TENON_OK;
  };
  REQUIRE(store.state->watch(store.orders.ctx(), store.view, bytes(""), changed, &watcher, Registered::release, &watch, &store.error) ==
          TENON_OK);
  {
    const StarvingWaiters starving;
    for (int i = 0; i < 20; ++i) {
      const std::string key = "key number " + std::to_string(i);
      store.put(key, std::string(long_value));
      expected[key] = long_value;
    }
    REQUIRE(store.storage->erase(store.orders.ctx(), store.space, bytes("key number 3"), nullptr, &store.error) == TENON_OK);
    expected.erase("key number 3");
    CHECK(StarvingWaiters::strikes() > 40);
  }
  CHECK(store.all() == expected);
  CHECK(settles([&] { return watcher.used > 0; }));
  CHECK(store.state->unwatch(store.orders.ctx(), watch) == TENON_OK);
  CHECK(settles([&] { return watcher.released == 1; }));
}
