// What the disk refuses: full, broken, short. Nothing is lost that was acknowledged, reads go on, and it recovers by itself where it can.
#include <set>
#include <thread>

#include "shim_vfs.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

using Fault = ShimVfs::Fault;

SqliteOptions over(const StoreDir& dir, const ShimVfs& shim) {
  SqliteOptions options = dir.sqlite();
  options.vfs = shim.name();
  return options;
}

std::string content(int i) { return std::to_string(i) + std::string(static_cast<std::size_t>(i % 7 * 1500), 'x'); }

/// Puts pairs; returns those that were acknowledged. Every refusal must be one of those a disk can cause.
std::set<int> put_pairs(Storage& storage, NamespaceId ns, int from, int to) {
  std::set<int> acknowledged;
  for (int i = from; i < to; ++i) {
    const auto r =
        storage.commit(std::move(StorageTransaction(ns).put("a" + std::to_string(i), content(i)).put("b" + std::to_string(i), content(i))));
    if (r)
      acknowledged.insert(i);
    else
      CHECK_MESSAGE((r.error().code == Code::resource_exhausted || r.error().code == Code::unavailable), r.error().message);
  }
  return acknowledged;
}

void check_pairs(Store& store, NamespaceId ns, const std::set<int>& acknowledged, int to, bool reopened) {
  for (int i = 0; i < to; ++i) {
    const std::string a = value_in(store, ns, "a" + std::to_string(i));
    CHECK(a == value_in(store, ns, "b" + std::to_string(i)));
    if (acknowledged.contains(i))
      CHECK(a == content(i));
    else if (!reopened)
      CHECK(a == "<NOT_FOUND>");
  }
  CHECK(state_all(store, ns) == scan_all(*store.storage, ns));
}

/// The fault strikes at each operation in turn, once, while pairs are put.
void each_operation(Fault fault, std::uint64_t at_least) {
  std::uint64_t at = 1;
  for (bool struck = true; struck && at < 400; ++at) {
    ShimVfs shim;
    StoreDir dir;
    Store store(over(dir, shim));
    const NamespaceId ns = store.define("pairs");
    std::set<int> acknowledged = put_pairs(*store.storage, ns, 0, 3);
    CHECK(acknowledged.size() == 3);
    shim.fail(fault, at, 1);
    acknowledged.merge(put_pairs(*store.storage, ns, 3, 10));
    struck = shim.faults() > 0;
    shim.heal();
    check_pairs(store, ns, acknowledged, 10, false);
    // It has recovered by itself.
    CHECK(put_pairs(*store.storage, ns, 10, 12).size() == 2);
    CHECK_FALSE(store.storage->statistics().disk_full);
    store.reopen();
    CHECK(store.define("pairs") == ns);
    acknowledged.merge(std::set<int>{10, 11});
    check_pairs(store, ns, acknowledged, 12, true);
  }
  CHECK(at > at_least);
  CHECK(at < 400);  // it got through without a fault in the end
}

}  // namespace

TEST_CASE("fault: a full disk at each write in turn") { each_operation(Fault::full, 20); }
TEST_CASE("fault: a short write at each write in turn") { each_operation(Fault::short_write, 20); }
TEST_CASE("fault: an error at each write in turn") { each_operation(Fault::write_error, 20); }
TEST_CASE("fault: an error at each sync in turn") { each_operation(Fault::sync_error, 6); }

TEST_CASE("fault: while the disk is full, writes say so, reads go on, and the first write after it works") {
  ShimVfs shim;
  StoreDir dir;
  Store store(over(dir, shim));
  const NamespaceId ns = store.define("orders");
  REQUIRE(store.storage->put(ns, "a", "1"));
  shim.fail(Fault::full, 1, UINT64_MAX);
  for (int i = 0; i < 3; ++i) {
    const auto refused = store.storage->put(ns, "a", "2");
    CHECK(code_of(refused) == Code::resource_exhausted);
    CHECK(reason_of(refused) == "STORAGE_FULL");
    CHECK(refused.error().message == "cannot write `" + dir / "kernel.db" + "`: the disk is full");
    CHECK(code_of(store.storage->erase(ns, "a")) == Code::resource_exhausted);
    CHECK(store.storage->statistics().disk_full);
    CHECK(value_in(store, ns, "a") == "1");
    CHECK(state_of(store, ns, "a") == "1");
    CHECK(scan_all(*store.storage, ns).size() == 1);
  }
  CHECK(store.storage->define("later"));  // needs no space yet
  shim.heal();
  CHECK(store.storage->put(ns, "a", "2"));
  CHECK_FALSE(store.storage->statistics().disk_full);
  CHECK(state_of(store, ns, "a") == "2");
  CHECK(store.storage->statistics().failed == 6);
}

TEST_CASE("fault: a full disk is met while many threads write, and none hears of a success that is none") {
  ShimVfs shim;
  StoreDir dir;
  Store store(over(dir, shim));
  const NamespaceId ns = store.define("pairs");
  shim.fail(Fault::full, 40, 100);
  std::vector<std::set<int>> acknowledged(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] { acknowledged[static_cast<std::size_t>(t)] = put_pairs(*store.storage, ns, t * 100, t * 100 + 100); });
  for (std::thread& t : threads) t.join();
  CHECK(shim.faults() > 0);
  shim.heal();
  std::set<int> all;
  for (auto& some : acknowledged) all.merge(some);
  CHECK(all.size() < 400);
  check_pairs(store, ns, all, 400, false);
}

TEST_CASE("fault: a failed sync behind writes that did not wait stops all writing until the store is opened again") {
  ShimVfs shim;
  StoreDir dir;
  Store store(over(dir, shim));
  const NamespaceId full = store.define("full");
  const NamespaceId normal = store.define("normal", {.durability = NamespaceOptions::Durability::normal});
  REQUIRE(store.storage->put(full, "a", "1"));
  REQUIRE(store.storage->put(normal, "a", "1"));
  shim.fail(Fault::sync_error, 1, 1);
  CHECK(reason_of(store.storage->put(full, "a", "2")) == "STORAGE_SYNC_FAILED");
  CHECK(shim.faults() == 1);
  CHECK(reason_of(store.storage->put(full, "a", "3")) == "STORAGE_SYNC_FAILED");
  CHECK(reason_of(store.storage->put(normal, "a", "3")) == "STORAGE_SYNC_FAILED");
  CHECK(value_in(store, full, "a") == "1");
  CHECK_FALSE(store.storage->close());
  store.storage.reset();
  store.open();
  CHECK(store.define("full") == full);
  CHECK(value_in(store, full, "a") != "3");
  CHECK(store.storage->put(full, "a", "4"));
}

TEST_CASE("fault: a namespace whose first write failed becomes secret without a write that would wait for others") {
  ShimVfs shim;
  StoreDir dir;
  Store store(over(dir, shim));
  const NamespaceId full = store.define("full"), late = store.define("late");
  const NamespaceId normal = store.define("normal", {.durability = NamespaceOptions::Durability::normal});
  REQUIRE(store.storage->put(full, "a", "1"));
  shim.fail(Fault::write_error, 1, 1);
  CHECK(reason_of(store.storage->put(late, "a", "1")) == "STORAGE_IO");
  REQUIRE(store.storage->put(normal, "a", "1"));
  CHECK(store.define("late", {.secret = true}) == late);
  // It has made nothing durable, so the write that did not wait may be lost now.
  shim.fail(Fault::sync_error, 1, 1);
  CHECK(reason_of(store.storage->put(full, "a", "2")) == "STORAGE_SYNC_FAILED");
  CHECK(shim.faults() == 1);
  CHECK_FALSE(store.storage->close());
}

TEST_CASE("fault: namespaces that do not wait for the disk cause no sync, and a full one in their group does") {
  ShimVfs shim;
  StoreDir dir;
  Store store(over(dir, shim));
  const NamespaceId full = store.define("full");
  const NamespaceId normal = store.define("normal", {.durability = NamespaceOptions::Durability::normal});
  REQUIRE(store.storage->put(full, "a", "1"));
  std::uint64_t before = shim.syncs();
  for (int i = 0; i < 20; ++i) REQUIRE(store.storage->put(normal, "a", std::to_string(i)));
  CHECK(shim.syncs() == before);
  REQUIRE(store.storage->put(full, "a", "2"));
  CHECK(shim.syncs() == before + 1);
}

TEST_CASE("fault: reading fails, is said, and works again") {
  ShimVfs shim;
  StoreDir dir;
  Store store(over(dir, shim));
  const NamespaceId ns = store.define("orders");
  // Larger than the page cache, so that reads reach the disk.
  for (int i = 0; i < 6; ++i) REQUIRE(store.storage->put(ns, std::to_string(i), std::string(storage_max_value, 'x')));
  shim.fail(Fault::read_error, 1, UINT64_MAX);
  CHECK(code_of(store.storage->get(ns, "0")) == Code::unavailable);
  StorageBatch batch;
  StorageCursor cursor{ns, {}};
  CHECK(reason_of(store.storage->scan(cursor, batch)) == "STORAGE_IO");
  CHECK(batch.empty());
  CHECK_FALSE(cursor.done);
  shim.heal();
  CHECK(store.storage->get(ns, "0"));
  CHECK(scan_all(*store.storage, ns).size() == 6);
}

TEST_CASE("fault: at each operation of opening, an error that says why, and the next try works") {
  for (const Fault fault :
       {Fault::full, Fault::write_error, Fault::sync_error, Fault::read_error, Fault::no_open, Fault::no_shared_memory}) {
    CAPTURE(static_cast<int>(fault));
    StoreDir dir;
    bool struck = true;
    for (std::uint64_t at = 1; struck && at < 100; ++at) {
      ShimVfs shim;
      shim.fail(fault, at, 1);
      {
        State state;
        StorageOptions options;
        options.state = &state;
        auto opened = Storage::open(sqlite_storage_backend(over(dir, shim)), options);
        struck = shim.faults() > 0;
        if (!opened) {
          CHECK_MESSAGE((opened.error().code == Code::resource_exhausted || opened.error().code == Code::unavailable),
                        opened.error().message);
          CHECK(opened.error().message.find(dir / "kernel.db") != std::string::npos);
        } else {
          (void)(*opened)->close();
        }
      }
      if (at % 5 != 0) continue;  // else the next try finds what this one left
      Store again(dir.sqlite());
      CHECK(again.storage->put(again.define("orders"), "a", std::to_string(at)));
      again.close();
      std::filesystem::remove(dir / "kernel.db");
    }
    CHECK_FALSE(struck);
    Store again(dir.sqlite());
    CHECK(again.storage->put(again.define("orders"), "a", "1"));
  }
}

TEST_CASE("fault: the WAL does not grow without end, also with readers about") {
  StoreDir dir;
  Store store(dir.sqlite());
  const NamespaceId ns = store.define("orders", {.durability = NamespaceOptions::Durability::normal});
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&] {
      while (!stop) scan_all(*store.storage, ns);
    });
  for (int i = 0; i < 1500; ++i)
    REQUIRE(store.storage->put(ns, std::to_string(i % 20), std::string(60'000, static_cast<char>('a' + i % 26))));
  stop = true;
  for (std::thread& t : readers) t.join();
  // 90 MB were written.
  CHECK(std::filesystem::file_size(dir / "kernel.db-wal") < 48U << 20U);
}
