// tenon.storage/1, three ways.
#include <atomic>
#include <limits>

#include "ways.hpp"

using namespace tenon::test;

CONFORMS("storage: what was put is there, with content type, revision and size, until it is erased") {
  Space s(way, "puppet");
  REQUIRE(s.opened.str() == "OK");
  CHECK(s.get("a") == "<NOT_FOUND KEY>");
  const Answer first = s.put("a", "one", "text/plain");
  CHECK(first.str() == "OK");
  const Answer second = s.put(std::string_view("\0\xff", 2), "two");
  CHECK(second.revision > first.revision);
  tenon_value_info info{};
  info.struct_size = sizeof info;
  CHECK(s.get("a", &info) == "one");
  CHECK(info.revision == first.revision);
  CHECK(info.expires_ns == 0);
  CHECK(std::string(info.content_type, info.content_type_len) == "text/plain");
  CHECK(info.content_type[info.content_type_len] == '\0');
  CHECK(s.get(std::string_view("\0\xff", 2)) == "two");
  CHECK(s.put("a", "").revision > second.revision);
  CHECK(s.get("a").empty());
  CHECK(s.erase("a").str() == "OK");
  CHECK(s.erase("a").str() == "OK");
  CHECK(s.get("a") == "<NOT_FOUND KEY>");
}

CONFORMS("storage: a buffer that is too small gets nothing, and hears what it takes") {
  Space s(way, "puppet");
  REQUIRE(s.put("a", "0123456789").str() == "OK");
  std::uint8_t buffer[4] = {7, 7, 7, 7};
  tenon_value_info info{};
  info.struct_size = sizeof info;
  Answer a;
  a.status = way.storage->get(way.ctx, s.id, bytes("a"), buffer, sizeof buffer, &info, &a.error);
  CHECK(a.str() == "OUT_OF_RANGE BUFFER_TOO_SMALL");
  CHECK(info.size == 10);
  CHECK(buffer[0] == 7);
}

CONFORMS("storage: compare and set, with what is there and with nothing") {
  Space s(way, "puppet");
  CHECK(s.set("a", 7, "x").str() == "ABORTED STORAGE_CONFLICT");
  const Answer made = s.set("a", 0, "1");
  CHECK(made.str() == "OK");
  CHECK(s.set("a", 0, "x").str() == "ABORTED STORAGE_CONFLICT");
  CHECK(s.set("a", made.revision + 100, "x").str() == "ABORTED STORAGE_CONFLICT");
  CHECK(s.get("a") == "1");
  CHECK(s.set("a", made.revision, "2").str() == "OK");
  CHECK(s.set("a", made.revision, "x").str() == "ABORTED STORAGE_CONFLICT");
  CHECK(s.erase("a").str() == "OK");
  CHECK(s.set("a", made.revision, "x").str() == "ABORTED STORAGE_CONFLICT");
  CHECK(s.set("a", 0, "3").str() == "OK");
}

CONFORMS("storage: a transaction happens whole, or not at all") {
  Space s(way, "puppet");
  const Answer a = s.put("a", "1");
  CHECK(s.commit({op(TENON_STORAGE_PUT, "b", "2"), op_if(TENON_STORAGE_CHECK, "a", a.revision), op(TENON_STORAGE_ERASE, "none")}).str() ==
        "OK");
  CHECK(s.commit({op(TENON_STORAGE_PUT, "c", "3"), op_if(TENON_STORAGE_ERASE, "a", a.revision + 50)}).str() == "ABORTED STORAGE_CONFLICT");
  CHECK(s.commit({op(TENON_STORAGE_PUT, "c", "3"), op_if(TENON_STORAGE_CHECK, "c", 4711)}).status == TENON_INVALID_ARGUMENT);
  CHECK(s.all() == "a=1 b=2");
  CHECK(s.commit({op_if(TENON_STORAGE_ERASE, "a", a.revision), op_if(TENON_STORAGE_PUT, "c", 0, "3")}).str() == "OK");
  CHECK(s.all() == "b=2 c=3");
}

CONFORMS("storage: limits are refused with their names, and nothing is changed") {
  Space s(way, "puppet");
  REQUIRE(s.put("a", "1").str() == "OK");
  const std::string key(513, 'k');
  const std::string value((std::size_t{1} << 20U) + 1, 'v');
  CHECK(s.put("", "1").str() == "INVALID_ARGUMENT KEY_EMPTY");
  CHECK(s.put(key, "1").str() == "INVALID_ARGUMENT KEY_TOO_LONG");
  CHECK(s.put(key.substr(1), "1").str() == "OK");
  CHECK(s.put("b", value).str() == "RESOURCE_EXHAUSTED VALUE_TOO_LARGE");
  CHECK(s.put("b", std::string_view(value).substr(1)).str() == "OK");
  CHECK(s.put("c", "1", std::string(128, 't')).str() == "INVALID_ARGUMENT CONTENT_TYPE");
  CHECK(s.put("c", "1", "a\nb").str() == "INVALID_ARGUMENT CONTENT_TYPE");
  CHECK(s.put("c", "1", "", -1).str() == "INVALID_ARGUMENT TTL");
  CHECK(s.commit({}).str() == "INVALID_ARGUMENT TRANSACTION_EMPTY");
  CHECK(s.commit({op(TENON_STORAGE_PUT, "c", "1"), op(TENON_STORAGE_ERASE, "c")}).str() == "INVALID_ARGUMENT KEY_TWICE");
  std::vector<std::string> keys;
  for (int i = 0; i < 4097; ++i) keys.push_back(std::to_string(i));
  std::vector<tenon_storage_op> ops;
  for (const std::string& k : keys) ops.push_back(op(TENON_STORAGE_ERASE, k));
  CHECK(s.commit(ops).str() == "RESOURCE_EXHAUSTED TRANSACTION_TOO_LARGE");
  ops.pop_back();
  CHECK(s.commit(ops).str() == "OK");
  ops.clear();
  for (int i = 0; i < 9; ++i) ops.push_back(op(TENON_STORAGE_PUT, keys[static_cast<std::size_t>(i)], std::string_view(value).substr(1)));
  CHECK(s.commit(ops).str() == "RESOURCE_EXHAUSTED TRANSACTION_TOO_LARGE");
  CHECK(s.get("c") == "<NOT_FOUND KEY>");
  CHECK(s.get("0") == "<NOT_FOUND KEY>");
}

CONFORMS("storage: what has expired is not there, for nobody, and gives back its share") {
  Space s(way, "puppet");
  constexpr std::int64_t second = 1'000'000'000;
  REQUIRE(s.put("short", "1", "", second).str() == "OK");
  const Answer kept = s.put("long", "2", "", std::numeric_limits<std::int64_t>::max());
  REQUIRE(kept.str() == "OK");
  tenon_value_info info{};
  info.struct_size = sizeof info;
  CHECK(s.get("short", &info) == "1");
  CHECK(info.expires_ns > 0);
  way.advance(std::chrono::nanoseconds(second - 1));
  CHECK(s.all() == "long=2 short=1");
  way.advance(std::chrono::nanoseconds(1));
  CHECK(s.get("short") == "<NOT_FOUND KEY>");
  CHECK(s.all() == "long=2");
  CHECK(s.stats().bytes == TENON_STORAGE_ENTRY_COST + 5);
  CHECK(s.set("short", info.revision, "x").str() == "ABORTED STORAGE_CONFLICT");
  CHECK(s.set("short", 0, "again").str() == "OK");
}

CONFORMS("storage: a scan sees all below its prefix, in the order of bytes, in batches") {
  Space s(way, "puppet");
  CHECK(s.all().empty());
  for (const char* key : {"b", "a.2", "a.10", "a", "\xff", "a.\xff"}) REQUIRE(s.put(key, "v").str() == "OK");
  CHECK(s.all() == "a=v a.10=v a.2=v a.\xff=v b=v \xff=v");
  CHECK(s.all("a.") == "a.10=v a.2=v a.\xff=v");
  CHECK(s.all("a.\xff") == "a.\xff=v");
  CHECK(s.all("none").empty());
  std::vector<std::string> keys;
  for (int i = 1000; i < 1600; ++i) keys.push_back("many." + std::to_string(i));
  std::vector<tenon_storage_op> ops;
  for (const std::string& k : keys) ops.push_back(op(TENON_STORAGE_PUT, k, "v"));
  REQUIRE(s.commit(ops).str() == "OK");
  std::size_t batches = 0;
  const std::string seen = s.all("many.", &batches);
  CHECK(batches == 3);
  CHECK(std::count(seen.begin(), seen.end(), '=') == 600);
  const std::string large(40000, 'x');
  for (const char* key : {"big.1", "big.2", "big.3"}) REQUIRE(s.put(key, large).str() == "OK");
  s.all("big.", &batches);
  CHECK(batches == 3);
}

CONFORMS("storage: a scan goes on behind what is erased under it") {
  Space s(way, "puppet");
  std::vector<std::string> keys;
  for (int i = 1000; i < 1600; ++i) keys.push_back(std::to_string(i));
  std::vector<tenon_storage_op> ops;
  for (const std::string& k : keys) ops.push_back(op(TENON_STORAGE_PUT, k, "v"));
  REQUIRE(s.commit(ops).str() == "OK");
  tenon_id cursor = 0;
  REQUIRE(way.storage->scan(way.ctx, s.id, bytes(""), &cursor, nullptr) == TENON_OK);
  const tenon_storage_row* const* rows = nullptr;
  std::size_t count = 0;
  REQUIRE(way.storage->next(way.ctx, cursor, &rows, &count, nullptr) == TENON_OK);
  CHECK(count == 256);
  CHECK(text(rows[255]->key) == "1255");
  CHECK(rows[0]->revision != 0);
  REQUIRE(s.erase("1255").str() == "OK");
  REQUIRE(s.erase("1256").str() == "OK");
  REQUIRE(way.storage->next(way.ctx, cursor, &rows, &count, nullptr) == TENON_OK);
  CHECK(text(rows[0]->key) == "1257");
  CHECK(way.storage->close(way.ctx, cursor) == TENON_OK);
  CHECK(way.storage->next(way.ctx, cursor, &rows, &count, nullptr) == TENON_NOT_FOUND);
  way.broke_stale_id();
}

CONFORMS("storage: clear takes everything, and revisions go on") {
  Space s(way, "puppet");
  const Answer before = s.put("a", "1");
  const Answer cleared = s.clear();
  CHECK(cleared.str() == "OK");
  CHECK(cleared.revision > before.revision);
  CHECK(s.all().empty());
  CHECK(s.stats().bytes == 0);
  CHECK(s.put("a", "2").revision > cleared.revision);
}

CONFORMS("storage: the quota counts bytes and entries, and lets shrink what is over it") {
  Space s(way, "puppet");
  REQUIRE(s.opened.str() == "OK");
  CHECK(s.stats().bytes == 0);
  way.set_quota("puppet", 300);
  CHECK(s.stats().quota == 300);
  CHECK(s.put("key", std::string(100, 'x'), "a/b").str() == "OK");
  CHECK(s.stats().bytes == TENON_STORAGE_ENTRY_COST + 106);
  CHECK(s.put("two", std::string(100, 'x')).str() == "RESOURCE_EXHAUSTED STORAGE_QUOTA");
  CHECK(s.get("two") == "<NOT_FOUND KEY>");
  CHECK(s.put("two", std::string(10, 'x')).str() == "OK");
  way.set_quota("puppet", 100);
  CHECK(s.put("two", std::string(11, 'x')).str() == "RESOURCE_EXHAUSTED STORAGE_QUOTA");
  CHECK(s.put("two", "x").str() == "OK");
  CHECK(s.erase("key").str() == "OK");
}

CONFORMS("storage: on a full disk writes are refused, reads go on, and then it works again") {
  Space s(way, "puppet");
  REQUIRE(s.put("a", "1").str() == "OK");
  way.set_disk_full(true);
  CHECK(s.put("a", "2").str() == "RESOURCE_EXHAUSTED STORAGE_FULL");
  CHECK(s.erase("a").str() == "RESOURCE_EXHAUSTED STORAGE_FULL");
  CHECK(s.clear().str() == "RESOURCE_EXHAUSTED STORAGE_FULL");
  CHECK(s.get("a") == "1");
  CHECK(s.all() == "a=1");
  CHECK(s.stats().disk_full == 1);
  way.set_disk_full(false);
  CHECK(s.put("a", "2").str() == "OK");
  CHECK(s.stats().disk_full == 0);
}

CONFORMS("storage: commits that do not wait end once each, in their order, and say how") {
  struct Ended {
    std::mutex mutex;
    std::vector<std::string> how;
  } ended;
  struct One {
    Ended* ended;
    int number;
    puppet_done done;
  };
  Space s(way, "puppet");
  std::vector<std::unique_ptr<One>> all;
  const auto record = [](void* data, tenon_status status, std::uint64_t revision, const tenon_error* error) noexcept {
    const auto& one = *static_cast<One*>(data);
    const std::lock_guard lock(one.ended->mutex);
    one.ended->how.push_back(std::to_string(one.number) +
                             (status == TENON_OK ? (revision != 0 ? "" : "?") : std::string("!") + error->reason));
  };
  const auto next = [&] {
    all.push_back(std::make_unique<One>(One{&ended, static_cast<int>(all.size()), {record, nullptr}}));
    all.back()->done.data = all.back().get();
    return &all.back()->done;
  };
  for (int i = 0; i < 20; ++i)
    CHECK(s.commit_async({op_if(TENON_STORAGE_PUT, "k" + std::to_string(i), i == 7 ? 99U : 0U, "v")}, next()).str() == "OK");
  CHECK(way.settle([&] {
    const std::lock_guard lock(ended.mutex);
    return ended.how.size() >= 20;
  }));
  for (int i = 0; i < 20; ++i) CHECK(ended.how[static_cast<std::size_t>(i)] == std::to_string(i) + (i == 7 ? "!STORAGE_CONFLICT" : ""));
  CHECK(s.get("k19") == "v");
  // What is refused at once ends no second time.
  CHECK(s.commit_async({op(TENON_STORAGE_PUT, "", "v")}, next()).str() == "INVALID_ARGUMENT KEY_EMPTY");
  CHECK(s.commit_async({op(TENON_STORAGE_PUT, "last", "v")}, next()).str() == "OK");
  way.leave();
  CHECK(ended.how.size() == 21);
}

CONFORMS("storage: the same name gives the same namespace, bad names are refused") {
  Space a(way, "puppet");
  Space b(way, "puppet");
  CHECK(a.id == b.id);
  Space normal(way, "puppet", TENON_STORAGE_NORMAL);
  CHECK(normal.id != a.id);
  CHECK(normal.put("x", "1").str() == "OK");
  CHECK(a.get("x") == "1");
  CHECK(Space(way, "").opened.status != TENON_OK);
  Space shared(way, "shared");
  CHECK(shared.opened.str() == "OK");
  CHECK(shared.get("x") == "<NOT_FOUND KEY>");
  way.put_from_elsewhere("shared", "y", "2");
  CHECK(shared.get("y") == "2");
}

CONFORMS("storage: namespaces that were not granted, and what does not belong to the module") {
  if (!way.checks_permissions()) return;  // the kernel asks nobody
  CHECK(Space(way, "orders").opened.status == TENON_PERMISSION_DENIED);
  CHECK(Space(way, "puppet.sub").opened.status == TENON_PERMISSION_DENIED);
  CHECK(Space(way, "asked").opened.status == TENON_PERMISSION_DENIED);
  CHECK(Space(way, "shared", TENON_STORAGE_SECRET).opened.str() == "PERMISSION_DENIED NOT_OWNER");
  CHECK(Space(way, "puppet", 0x80).opened.str() == "INVALID_ARGUMENT FLAGS");
  Space none(way, "orders");
  none.id = 4711;
  CHECK(none.put("a", "1").str() == "NOT_FOUND SPACE");
  CHECK(none.get("a") == "<NOT_FOUND SPACE>");
  CHECK(none.all() == "NOT_FOUND SPACE");
  CHECK(none.clear().str() == "NOT_FOUND SPACE");
  for (int i = 0; i < 4; ++i) way.broke_stale_id();
}

CONFORMS("storage: what is null, or no view, is refused") {
  if (!way.checks_permissions()) return;  // C++ has no such arguments
  Space s(way, "puppet");
  const tenon_bytes bad = {nullptr, 3};
  Answer a;
  a.status = way.storage->put(way.ctx, s.id, bad, bytes("v"), nullptr, nullptr, &a.error);
  CHECK(a.str() == "INVALID_ARGUMENT NULL_ARGUMENT");
  CHECK(way.storage->put(way.ctx, s.id, bytes("k"), bad, nullptr, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(way.storage->get(way.ctx, s.id, bytes("k"), nullptr, 5, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(way.storage->get(way.ctx, s.id, bytes("k"), nullptr, 0, nullptr, nullptr) == TENON_NOT_FOUND);
  CHECK(way.storage->open(way.ctx, {nullptr, 3}, 0, &s.id, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(way.storage->commit(way.ctx, s.id, nullptr, 2, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  const tenon_storage_op* const null_op[] = {nullptr};
  CHECK(way.storage->commit(way.ctx, s.id, null_op, 1, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  tenon_storage_op odd = op(9, "k", "v");
  CHECK(s.commit({odd}).str() == "INVALID_ARGUMENT KIND");
  odd = op(TENON_STORAGE_PUT, "k", "v");
  odd.flags = 2;
  CHECK(s.commit({odd}).str() == "INVALID_ARGUMENT FLAGS");
  odd.flags = 0;
  odd.struct_size = 8;
  CHECK(s.commit({odd}).str() == "INVALID_ARGUMENT NULL_ARGUMENT");
  CHECK(way.storage->commit_async(way.ctx, s.id, null_op, 0, nullptr, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(s.all().empty());
}

CONFORMS("storage: a module has so many namespaces and cursors, and no more") {
  if (!way.checks_permissions()) return;  // the kernel counts nobody's
  Space s(way, "puppet");
  std::vector<tenon_id> cursors;
  Answer a;
  for (int i = 0; i < 65; ++i) {
    tenon_id cursor = 0;
    a.status = way.storage->scan(way.ctx, s.id, bytes(""), &cursor, &a.error);
    if (a.status == TENON_OK) cursors.push_back(cursor);
  }
  CHECK(cursors.size() == TENON_STORAGE_MAX_CURSORS);
  CHECK(a.str() == "RESOURCE_EXHAUSTED CURSORS");
  CHECK(way.storage->close(way.ctx, cursors[0]) == TENON_OK);
  CHECK(way.storage->scan(way.ctx, s.id, bytes(""), &cursors[0], nullptr) == TENON_OK);
}
