// What every backend must do, seen through Storage. Runs over SQLite and over the one in memory.
#include <thread>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

STORAGE_CASE("storage: a value comes back with its content type and revision, also after closing") {
  NamespaceId ns = store.define("orders");
  const std::string bytes("\0\xff\x80 b", 5);
  const auto first = store.storage->put(ns, "a", bytes, {.content_type = "application/octet-stream"});
  REQUIRE(first);
  const auto second = store.storage->put(ns, "empty", "");
  REQUIRE(second);
  CHECK(*second > *first);
  for (int life = 0; life < 2; ++life) {
    auto stored = store.storage->get(ns, "a");
    REQUIRE(stored);
    CHECK(stored->value == bytes);
    CHECK(stored->info.content_type() == "application/octet-stream");
    CHECK(stored->info.revision == *first);
    CHECK(stored->info.expires_ns == 0);
    CHECK(value_in(store, ns, "empty").empty());
    CHECK(value_in(store, ns, "none") == "<NOT_FOUND>");
    store.reopen();
    CHECK(store.define("orders") == ns);
  }
  const auto third = store.storage->put(ns, "a", "c");
  REQUIRE(third);
  CHECK(*third > *second);
  CHECK(value_in(store, ns, "a") == "c");
}

STORAGE_CASE("storage: a revision is never given twice, also when what had the last one is gone") {
  const NamespaceId ns = store.define("orders");
  const auto put = store.storage->put(ns, "a", "1");
  const auto erased = store.storage->erase(ns, "a");
  REQUIRE(erased);
  CHECK(*erased > *put);
  store.reopen();
  CHECK(store.define("orders") == ns);
  CHECK(*store.storage->put(ns, "a", "2") > *erased);
}

STORAGE_CASE("storage: namespaces do not see each other") {
  const NamespaceId one = store.define("orders");
  const NamespaceId two = store.define("orders.archive");
  CHECK(one != two);
  REQUIRE(store.storage->put(one, "a", "1"));
  CHECK(value_in(store, two, "a") == "<NOT_FOUND>");
  CHECK(scan_all(*store.storage, two).empty());
  REQUIRE(store.storage->put(two, "a", "2"));
  REQUIRE(store.storage->clear(one));
  CHECK(value_in(store, one, "a") == "<NOT_FOUND>");
  CHECK(value_in(store, two, "a") == "2");
  CHECK(*store.storage->find("orders") == one);
  CHECK(code_of(store.storage->find("elsewhere")) == Code::not_found);
}

STORAGE_CASE("storage: compare and set") {
  const NamespaceId ns = store.define("orders");
  const auto created = store.storage->put(ns, "a", "1", {.expected = 0});
  REQUIRE(created);
  CHECK(reason_of(store.storage->put(ns, "a", "2", {.expected = 0})) == "STORAGE_CONFLICT");
  CHECK(code_of(store.storage->put(ns, "a", "2", {.expected = *created + 1})) == Code::aborted);
  CHECK(code_of(store.storage->put(ns, "none", "2", {.expected = *created})) == Code::aborted);
  CHECK(value_in(store, ns, "a") == "1");
  CHECK(value_in(store, ns, "none") == "<NOT_FOUND>");
  const auto changed = store.storage->put(ns, "a", "2", {.expected = *created});
  REQUIRE(changed);
  CHECK(code_of(store.storage->erase(ns, "a", *created)) == Code::aborted);
  CHECK(code_of(store.storage->erase(ns, "none", *created)) == Code::aborted);
  CHECK(value_in(store, ns, "a") == "2");
  CHECK(store.storage->erase(ns, "a", *changed));
  CHECK(store.storage->erase(ns, "none", 0));
  CHECK(store.storage->erase(ns, "none"));
  CHECK(value_in(store, ns, "a") == "<NOT_FOUND>");
}

STORAGE_CASE("storage: a transaction happens whole or not at all") {
  const NamespaceId ns = store.define("orders");
  REQUIRE(store.storage->put(ns, "guard", "1"));
  REQUIRE(store.storage->put(ns, "old", "1"));
  const auto before = scan_all(*store.storage, ns);
  const auto mirrored = state_all(store, ns);
  for (const bool first : {true, false}) {
    StorageTransaction refused(ns);
    if (first) refused.check("guard", 4711);
    refused.put("new", "x").put("old", "2");
    if (!first) refused.erase("guard").check("missing", 4711);
    CHECK(code_of(store.storage->commit(std::move(refused))) == Code::aborted);
    CHECK(scan_all(*store.storage, ns) == before);
    CHECK(state_all(store, ns) == mirrored);
  }
  const std::uint64_t revision = store.storage->get(ns, "guard")->info.revision;
  StorageTransaction all(ns);
  all.check("guard", revision).check("missing", 0).put("new", "x").put("old", "2");
  const auto committed = store.storage->commit(std::move(all));
  REQUIRE(committed);
  CHECK(store.storage->get(ns, "new")->info.revision == *committed);
  CHECK(store.storage->get(ns, "old")->info.revision == *committed);
  CHECK(store.storage->get(ns, "guard")->info.revision == revision);
  CHECK(state_all(store, ns) == scan_all(*store.storage, ns));
}

STORAGE_CASE("storage: a scan by prefix is ordered by bytes and comes in bounded batches") {
  const NamespaceId ns = store.define("orders");
  for (const std::string_view key : {"a", "a.1", "a.10", "a.2", "a\xff", "a\xff\xff", "b", "\xff", "\xff\xff", "A"})
    REQUIRE(store.storage->put(ns, key, key));
  const auto keys = [&](const std::string& prefix) {
    std::vector<std::string> out;
    for (const auto& [key, value] : scan_all(*store.storage, ns, prefix)) out.push_back(key);
    return out;
  };
  CHECK(keys("a.") == std::vector<std::string>{"a.1", "a.10", "a.2"});
  CHECK(keys("a\xff") == std::vector<std::string>{"a\xff", "a\xff\xff"});
  CHECK(keys("\xff") == std::vector<std::string>{"\xff", "\xff\xff"});
  CHECK(keys("c").empty());
  CHECK(keys("").size() == 10);
  CHECK(keys("").front() == "A");

  StorageTransaction many(ns);
  for (int i = 0; i < 1000; ++i) many.put("many." + std::to_string(1000 + i), "v");
  REQUIRE(store.storage->commit(std::move(many)));
  StorageBatch batch;
  StorageCursor cursor{ns, "many."};
  std::vector<std::size_t> sizes;
  while (!cursor.done) {
    REQUIRE(store.storage->scan(cursor, batch));
    sizes.push_back(batch.size());
  }
  CHECK(sizes == std::vector<std::size_t>{256, 256, 256, 232});
  CHECK(store.storage->scan(cursor, batch));  // done: nothing more
  CHECK(batch.empty());

  const std::string large(30'000, 'x');
  for (int i = 0; i < 5; ++i) REQUIRE(store.storage->put(ns, "large." + std::to_string(i), large));
  REQUIRE(store.storage->put(ns, "large.9", std::string(storage_max_value, 'y')));
  StorageCursor by_bytes{ns, "large."};
  sizes.clear();
  while (!by_bytes.done) {
    REQUIRE(store.storage->scan(by_bytes, batch));
    sizes.push_back(batch.size());
  }
  CHECK(sizes == std::vector<std::size_t>{2, 2, 1, 1});
}

STORAGE_CASE("storage: a cursor goes on while others write, sees what stays once and in order") {
  const NamespaceId ns = store.define("orders");
  StorageTransaction many(ns);
  for (int i = 0; i < 2000; i += 2) many.put("k" + std::to_string(10'000 + i), "v");
  REQUIRE(store.storage->commit(std::move(many)));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 1; !stop; i = (i + 2) % 2000) {
      const std::string key = "k" + std::to_string(10'000 + (i | 1));
      CHECK(store.storage->put(ns, key, "w"));
      if (i % 3 == 0) CHECK(store.storage->erase(ns, key));
    }
  });
  for (int round = 0; round < 20; ++round) {
    std::size_t stable = 0;
    for (const auto& [key, value] : scan_all(*store.storage, ns)) stable += value.starts_with("v") ? 1 : 0;
    CHECK(stable == 1000);
  }
  stop = true;
  writer.join();
}

STORAGE_CASE("storage: get takes the caller's buffer, or says how large it must be") {
  const NamespaceId ns = store.define("orders");
  REQUIRE(store.storage->put(ns, "a", "12345", {.content_type = "text/plain"}));
  char buffer[8] = "-------";
  ValueInfo info;
  CHECK(code_of(store.storage->get(ns, "a", std::span(buffer, 4), info)) == Code::out_of_range);
  CHECK(info.size == 5);
  CHECK(std::string_view(buffer) == "-------");
  CHECK(store.storage->get(ns, "a", std::span(buffer, 5), info));
  CHECK(std::string_view(buffer) == "12345--");
  CHECK(info.content_type() == "text/plain");
  CHECK(store.state->get(ns, "a", std::span(buffer, 4), info) == Code::out_of_range);
  const std::string large(storage_max_value, 'z');
  REQUIRE(store.storage->put(ns, std::string(storage_max_key, 'k'), large));
  CHECK(value_in(store, ns, std::string(storage_max_key, 'k')) == large);
  CHECK(state_of(store, ns, std::string(storage_max_key, 'k')) == large);
}

STORAGE_CASE("storage: limits of keys, values and transactions are refused, each by its name") {
  const NamespaceId ns = store.define("orders");
  const auto put = [&](std::string_view key, std::string_view value, PutOptions options = {}) {
    return reason_of(store.storage->put(ns, key, value, options));
  };
  CHECK(put("", "v") == "KEY_EMPTY");
  CHECK(put(std::string(storage_max_key + 1, 'k'), "v") == "KEY_TOO_LONG");
  CHECK(put("k", std::string(storage_max_value + 1, 'v')) == "VALUE_TOO_LARGE");
  CHECK(put("k", "v", {.content_type = "text/\n"}) == "CONTENT_TYPE");
  CHECK(put("k", "v", {.content_type = std::string_view("a\0b", 3)}) == "CONTENT_TYPE");
  const std::string long_type(128, 't');
  CHECK(put("k", "v", {.content_type = long_type}) == "CONTENT_TYPE");
  CHECK(put("k", "v", {.ttl_ns = -1}) == "TTL");
  CHECK(reason_of(store.storage->commit(StorageTransaction(ns))) == "TRANSACTION_EMPTY");
  CHECK(reason_of(store.storage->commit(std::move(StorageTransaction(ns).put("a", "1").put("b", "2").erase("a")))) == "KEY_TWICE");
  CHECK(reason_of(store.storage->commit(std::move(StorageTransaction(ns).clear().put("b", "2")))) == "CLEAR_NOT_ALONE");
  StorageTransaction many(ns);
  for (std::size_t i = 0; i <= storage_max_operations; ++i) many.erase("k" + std::to_string(i));
  CHECK(reason_of(store.storage->commit(std::move(many))) == "TRANSACTION_TOO_LARGE");
  StorageTransaction heavy(ns);
  const std::string large(storage_max_value, 'z');
  for (int i = 0; i < 8; ++i) heavy.put("k" + std::to_string(i), large);
  CHECK(reason_of(store.storage->commit(std::move(heavy))) == "TRANSACTION_TOO_LARGE");
  CHECK(code_of(store.storage->put(4711, "k", "v")) == Code::not_found);
  for (const std::string name : {"", ".", "a..b", "a b", "a/b", "\xc3\xa4", "a.*", ".a"})
    CHECK_MESSAGE(reason_of(store.storage->define(name)) == "NAMESPACE_NAME", name);
  CHECK(reason_of(store.storage->define(std::string(256, 'n'))) == "NAMESPACE_NAME");
  CHECK(scan_all(*store.storage, ns).empty());
  CHECK(put("k", "v") == "");
}

STORAGE_CASE("storage: a quota counts keys, types, values and entries, and never hinders what makes less") {
  // Each entry: 64 + 1 + 35 = 100.
  const NamespaceId ns = store.define("orders", {.quota = 300});
  const std::string v(35, 'v');
  REQUIRE(store.storage->put(ns, "a", v));
  REQUIRE(store.storage->put(ns, "b", v));
  REQUIRE(store.storage->put(ns, "c", v));
  const auto refused = store.storage->put(ns, "d", "");
  CHECK(reason_of(refused) == "STORAGE_QUOTA");
  CHECK(code_of(refused) == Code::resource_exhausted);
  CHECK(code_of(store.storage->put(ns, "a", v + "1")) == Code::resource_exhausted);
  CHECK(value_in(store, ns, "a") == v);
  CHECK(store.storage->put(ns, "a", std::string(35, 'w')));
  store.reopen();
  CHECK(store.define("orders", {.quota = 300}) == ns);
  CHECK(code_of(store.storage->put(ns, "d", "")) == Code::resource_exhausted);
  // In one transaction: out and in.
  CHECK(store.storage->commit(std::move(StorageTransaction(ns).erase("a").put("d", v))));
  // The quota is made smaller: what is there stays, and may only shrink.
  CHECK(store.define("orders", {.quota = 100}) == ns);
  CHECK(code_of(store.storage->put(ns, "b", v + "1")) == Code::resource_exhausted);
  CHECK(store.storage->put(ns, "b", "1"));
  CHECK(store.storage->erase(ns, "c"));
  CHECK(store.storage->clear(ns));
  CHECK(store.storage->put(ns, "a", v));
  CHECK(code_of(store.storage->put(ns, "b", "")) == Code::resource_exhausted);
  CHECK(store.storage->statistics().refused == 3);  // of this life
}

STORAGE_CASE("storage: what has expired is not there for anybody, and is removed") {
  const NamespaceId ns = store.define("orders", {.quota = 300});
  const std::string v(35, 'v');
  const auto put = store.storage->put(ns, "a", v, {.ttl_ns = 1000});
  REQUIRE(put);
  REQUIRE(store.storage->put(ns, "b", v, {.ttl_ns = 2000}));
  REQUIRE(store.storage->put(ns, "c", v));
  CHECK(store.storage->get(ns, "a")->info.expires_ns == store.now + 1000);
  store.now += 999;
  CHECK(value_in(store, ns, "a") == v);
  CHECK(state_of(store, ns, "a") == v);
  store.now += 1;
  CHECK(value_in(store, ns, "a") == "<NOT_FOUND>");
  CHECK(state_of(store, ns, "a") == "<NOT_FOUND>");
  CHECK(scan_all(*store.storage, ns).size() == 2);
  CHECK(state_all(store, ns).size() == 2);
  CHECK(code_of(store.storage->erase(ns, "a", *put)) == Code::aborted);
  // It still takes its space, until it is removed.
  CHECK(code_of(store.storage->put(ns, "d", v)) == Code::resource_exhausted);
  store.reopen();
  CHECK(store.define("orders", {.quota = 300}) == ns);
  CHECK(state_of(store, ns, "a") == "<NOT_FOUND>");
  CHECK(*store.storage->expire() == 1);
  CHECK(*store.storage->expire() == 0);
  CHECK(store.storage->statistics().expired == 1);
  CHECK(store.storage->put(ns, "d", v, {.expected = 0}));
  // Written anew, it lives.
  CHECK(store.storage->put(ns, "b", v, {.ttl_ns = INT64_MAX}));
  store.now += 5000;
  CHECK(*store.storage->expire() == 0);
  CHECK(value_in(store, ns, "b") == v);
  CHECK(store.storage->get(ns, "b")->info.expires_ns == INT64_MAX);
  CHECK(state_all(store, ns) == scan_all(*store.storage, ns));
}

STORAGE_CASE("storage: an expired entry counts as absent for compare and set") {
  const NamespaceId ns = store.define("orders");
  REQUIRE(store.storage->put(ns, "lock", "one", {.ttl_ns = 1000, .expected = 0}));
  CHECK(code_of(store.storage->put(ns, "lock", "two", {.ttl_ns = 1000, .expected = 0})) == Code::aborted);
  store.now += 1000;
  const auto taken = store.storage->put(ns, "lock", "two", {.ttl_ns = 1000, .expected = 0});
  CHECK(taken);
  CHECK(*store.storage->expire() == 0);
  CHECK(state_of(store, ns, "lock") == "two");
  store.now += 1000;
  CHECK(*store.storage->expire() == 1);
  CHECK(state_all(store, ns).empty());
}

STORAGE_CASE("storage: many expired entries of several namespaces are removed in batches") {
  const NamespaceId one = store.define("one");
  const NamespaceId two = store.define("two");
  for (const NamespaceId ns : {one, two}) {
    StorageTransaction many(ns);
    for (int i = 0; i < 1500; ++i) many.put(std::to_string(i), "v", {.ttl_ns = 10});
    many.put("stays", "v");
    REQUIRE(store.storage->commit(std::move(many)));
  }
  store.now += 10;
  CHECK(*store.storage->expire() == 3000);
  for (const NamespaceId ns : {one, two}) {
    CHECK(scan_all(*store.storage, ns).size() == 1);
    CHECK(state_all(store, ns) == scan_all(*store.storage, ns));
  }
}

STORAGE_CASE("storage: of threads that compare and set, each change is made once") {
  const NamespaceId ns = store.define("orders");
  REQUIRE(store.storage->put(ns, "n", "0"));
  std::atomic<int> conflicts{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int done = 0; done < 50;) {
        const auto is = store.storage->get(ns, "n");
        REQUIRE(is);
        const auto set = store.storage->put(ns, "n", std::to_string(std::stoi(is->value) + 1), {.expected = is->info.revision});
        done += set ? 1 : 0;
        conflicts += set ? 0 : 1;
        if (!set) CHECK(set.error().code == Code::aborted);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(value_in(store, ns, "n") == "200");
  CHECK(state_of(store, ns, "n") == "200");
  CHECK(store.storage->statistics().refused == static_cast<std::uint64_t>(conflicts));
}

STORAGE_CASE("storage seam: transactions of a group are judged one by one, in order") {
  const NamespaceId ns = store.define("orders");
  store.close();
  const auto backend = store.backend();
  REQUIRE(backend->open());
  REQUIRE(backend->space("orders")->id == ns);
  std::vector<StorageTransaction> transactions(6, StorageTransaction(ns));
  transactions[0].put("a", "1", {.expected = 0});
  transactions[1].put("b", "x").put("a", "2", {.expected = 0});  // conflict with the first of its group
  transactions[2].put("a", "3");
  transactions[3].put("c", std::string(500, 'c')).erase("a");  // over its quota
  transactions[4].erase("a").put("d", "4");
  transactions[5].put("e", "5").check("d", 4711);
  std::vector<BackendItem> group(6);
  for (std::size_t i = 0; i < 6; ++i) group[i] = {&transactions[i], 400, std::uint64_t{0}};
  REQUIRE(backend->commit(group, true, 1));
  const Code expected[] = {Code::ok, Code::aborted, Code::ok, Code::resource_exhausted, Code::ok, Code::aborted};
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK_MESSAGE(code_of(group[i].outcome) == expected[i], i);
    if (!group[i].outcome) continue;
    CHECK(*group[i].outcome > last);
    last = *group[i].outcome;
  }
  StorageBatch batch;
  StorageCursor cursor{ns, {}};
  REQUIRE(backend->scan(cursor, 1, batch));
  REQUIRE(batch.size() == 1);
  CHECK(batch[0].key == "d");
  CHECK(batch[0].revision == last);
  CHECK(backend->space("orders")->bytes == storage_entry_cost + 2);
  REQUIRE(backend->close());
  store.open();
}

STORAGE_CASE("storage: the store remembers what is secret, so that whoever only uses it never mirrors it") {
  REQUIRE(store.storage->put(store.define("tokens", {.secret = true}), "a", "1"));
  CHECK(store.define("later") != store.define("other"));
  REQUIRE(store.storage->put(store.define("open"), "a", "1"));
  CHECK(store.define("open", {.secret = true}) == store.define("open", {.secret = true}));
  store.reopen();
  for (const char* name : {"tokens", "open"}) {
    const Result<NamespaceId> used = store.storage->use(name);
    REQUIRE(used);
    CHECK(value_in(store, *used, "a") == "1");
    CHECK(state_of(store, *used, "a") == "<NOT_FOUND>");
    CHECK(store.storage->usage(*used)->secret);
  }
  // Whom it belongs to says what holds from now on, and `use` changes nothing any more.
  const NamespaceId open = store.define("open", {.quota = 1000});
  CHECK(*store.storage->use("open") == open);
  CHECK(state_of(store, open, "a") == "1");
  CHECK(store.storage->usage(open)->quota == 1000);
  store.reopen();
  CHECK(state_of(store, *store.storage->use("open"), "a") == "1");
  CHECK(reason_of(store.storage->use("no name")) == "NAMESPACE_NAME");
}

STORAGE_CASE("storage: usage is what the quota counts") {
  const NamespaceId ns = store.define("orders", {.quota = 300});
  CHECK(store.storage->usage(ns)->bytes == 0);
  REQUIRE(store.storage->put(ns, "key", "value", {.content_type = "a/b", .ttl_ns = 10}));
  CHECK(store.storage->usage(ns)->bytes == storage_entry_cost + 11);
  CHECK(reason_of(store.storage->put(ns, "large", std::string(300, 'x'))) == "STORAGE_QUOTA");
  CHECK(store.storage->usage(ns)->bytes == storage_entry_cost + 11);
  store.now += 10;
  CHECK(*store.storage->expire() == 1);
  CHECK(store.storage->usage(ns)->bytes == 0);
  REQUIRE(store.storage->put(ns, "key", "value"));
  store.reopen();
  const NamespaceId again = store.define("orders");
  CHECK(store.storage->usage(again)->bytes == storage_entry_cost + 8);
  CHECK(reason_of(store.storage->usage(again + 100)) == "NAMESPACE");
}
