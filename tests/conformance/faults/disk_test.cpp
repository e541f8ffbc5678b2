// State and storage through the C tables while the disk fails, is full, or does not answer.
#include <map>
#include <set>

#include "kernel/storage_backend.hpp"
#include "shim_vfs.hpp"
#include "small_host.hpp"
#include "support.hpp"
#include "tenon/state.h"
#include "tenon/storage.h"
#include "tenon/tasks.h"

using namespace tenon;
using namespace tenon::test;
using host::test::ShimVfs;
using Fault = ShimVfs::Fault;

namespace {

std::unique_ptr<host::StorageBackend> over(const host::test::StoreDir& dir, const ShimVfs& shim) {
  host::SqliteOptions options = dir.sqlite();
  options.vfs = shim.name();
  return host::sqlite_storage_backend(std::move(options));
}

/// A module's view of its store, and what has been acknowledged.
struct Orders {
  SmallHost host;
  SmallModule module{host, "orders"};
  const tenon_storage* const storage = module.table<tenon_storage>(TENON_STORAGE);
  const tenon_state* const state = module.table<tenon_state>(TENON_STATE);
  tenon_id space = 0, view = 0;
  tenon_error error{};

  Orders(const host::test::StoreDir& dir, const ShimVfs& shim) : host({}, over(dir, shim)) {
    error.struct_size = sizeof error;
    REQUIRE(storage->open(module.ctx(), str("orders"), 0, &space, &error) == TENON_OK);
    REQUIRE(state->open(module.ctx(), str("orders"), &view, &error) == TENON_OK);
  }
  /// "" if nothing is there; "?" if the disk does not say.
  std::string stored(const std::string& key) {
    std::string buffer(8192, '\0');
    tenon_value_info info{};
    info.struct_size = sizeof info;
    const tenon_status status =
        storage->get(module.ctx(), space, bytes(key), reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size(), &info, &error);
    if (status == TENON_NOT_FOUND) return "";
    if (status != TENON_OK) return "?";
    return buffer.substr(0, info.size);
  }
  std::string mirrored(const std::string& key) {
    std::string buffer(8192, '\0');
    tenon_value_info info{};
    info.struct_size = sizeof info;
    const tenon_status status =
        state->get(module.ctx(), view, bytes(key), reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size(), &info);
    REQUIRE((status == TENON_OK || status == TENON_NOT_FOUND));
    return status == TENON_OK ? buffer.substr(0, info.size) : "";
  }
};

using Model = std::map<std::string, std::string>;

/// Step `i` of the script: what it would make of the model, and what the table says to it.
tenon_status step(Orders& o, int i, Model& model) {
  const std::string key = "key " + std::to_string(i % 5), other = "other " + std::to_string(i % 3);
  const std::string value = std::to_string(i) + std::string(static_cast<std::size_t>(i % 4 * 1200), 'x');
  switch (i % 4) {
    case 0:
      model[key] = value;
      return o.storage->put(o.module.ctx(), o.space, bytes(key), bytes(value), nullptr, nullptr, &o.error);
    case 1:
      model.erase(key);
      return o.storage->erase(o.module.ctx(), o.space, bytes(key), nullptr, &o.error);
    case 2: {  // whatever revision it has: nothing is expected of another key
      model[key] = model[other] = value;
      tenon_storage_op ops[2] = {};
      for (tenon_storage_op& op : ops) {
        op.struct_size = sizeof op;
        op.kind = TENON_STORAGE_PUT;
        op.value = bytes(value);
      }
      ops[0].key = bytes(key);
      ops[1].key = bytes(other);
      const tenon_storage_op* const list[] = {&ops[0], &ops[1]};
      return o.storage->commit(o.module.ctx(), o.space, list, 2, nullptr, &o.error);
    }
    default: {
      const std::string fresh = "fresh " + std::to_string(i);
      model[fresh] = value;
      return o.storage->compare_and_set(o.module.ctx(), o.space, bytes(fresh), 0, bytes(value), nullptr, nullptr, &o.error);
    }
  }
}

/// All that any step has touched.
void check(Orders& o, const Model& model, bool disk_reads, int steps) {
  std::set<std::string> keys;
  for (int i = 0; i < steps; ++i) {
    keys.insert("key " + std::to_string(i % 5));
    keys.insert("other " + std::to_string(i % 3));
    keys.insert("fresh " + std::to_string(i));
  }
  for (const std::string& key : keys) {
    const auto at = model.find(key);
    const std::string expected = at == model.end() ? "" : at->second;
    CHECK(o.mirrored(key) == expected);
    const std::string stored = o.stored(key);
    if (stored != "?" || disk_reads) CHECK(stored == expected);
  }
}

/// The fault strikes at each operation of that kind in turn, once, in the middle of the script.
void at_each_operation(Fault fault, const std::set<std::string>& reasons) {
  constexpr int before = 4, during = 12, after = 16;
  bool refused_once = false;
  std::uint64_t at = 1;
  for (bool struck = true; struck; ++at) {
    REQUIRE(at < 400);
    CAPTURE(at);
    host::test::StoreDir dir;
    Model model;
    {
      ShimVfs shim;
      Orders o(dir, shim);
      for (int i = 0; i < before; ++i) REQUIRE(step(o, i, model) == TENON_OK);
      shim.fail(fault, at, 1);
      for (int i = before; i < during; ++i) {
        Model next = model;
        const tenon_status status = step(o, i, next);
        if (status == TENON_OK) {
          model = next;
        } else {
          refused_once = true;
          CHECK((status == TENON_RESOURCE_EXHAUSTED || status == TENON_UNAVAILABLE));
          CHECK_MESSAGE(reasons.count(o.error.reason) == 1, o.error.reason, ": ", o.error.message);
        }
        check(o, model, fault != Fault::read_error, i + 1);  // reads go on
      }
      struck = shim.faults() > 0;
      shim.heal();
      for (int i = during; i < after; ++i) REQUIRE(step(o, i, model) == TENON_OK);  // it has recovered by itself
      check(o, model, true, after);
    }
    ShimVfs fresh;
    Orders again(dir, fresh);
    check(again, model, true, after);
  }
  CHECK(at > 3);
  if (fault != Fault::read_error) CHECK(refused_once);
}

}  // namespace

TEST_CASE("disk faults: full at each write in turn") { at_each_operation(Fault::full, {"STORAGE_FULL"}); }
TEST_CASE("disk faults: a short write at each write in turn") { at_each_operation(Fault::short_write, {"STORAGE_FULL", "STORAGE_IO"}); }
TEST_CASE("disk faults: an error at each write in turn") { at_each_operation(Fault::write_error, {"STORAGE_IO"}); }
TEST_CASE("disk faults: an error at each sync in turn") { at_each_operation(Fault::sync_error, {"STORAGE_IO"}); }
TEST_CASE("disk faults: an error at each read in turn") { at_each_operation(Fault::read_error, {"STORAGE_IO"}); }

TEST_CASE("disk faults: while the disk is full stats say so, and the first write after it works") {
  host::test::StoreDir dir;
  ShimVfs shim;
  Orders o(dir, shim);
  Model model;
  REQUIRE(step(o, 0, model) == TENON_OK);
  shim.fail(Fault::full, 1, UINT64_MAX);
  Model unused = model;
  for (int i = 1; i < 4; ++i) CHECK(step(o, 4 * i, unused) == TENON_RESOURCE_EXHAUSTED);
  tenon_storage_stats stats{};
  stats.struct_size = sizeof stats;
  REQUIRE(o.storage->stats(o.module.ctx(), o.space, &stats, &o.error) == TENON_OK);
  CHECK(stats.disk_full == 1);
  check(o, model, true, 4);
  shim.heal();
  REQUIRE(step(o, 8, model) == TENON_OK);
  REQUIRE(o.storage->stats(o.module.ctx(), o.space, &stats, &o.error) == TENON_OK);
  CHECK(stats.disk_full == 0);
  check(o, model, true, 12);
}

TEST_CASE("disk faults: a module leaves in time while the disk hangs, and is not touched afterwards") {
  // What the module leaves behind: whoever comes to it after it has left is counted.
  struct Left {
    std::atomic<bool> left{false};
    std::atomic<int> done{0}, watched{0}, released{0}, too_late{0};
    std::atomic<tenon_status> status{TENON_OK}, task_status{TENON_OK};
    std::atomic<bool> task_ran{false};
    Orders* orders = nullptr;
    void touched() {
      if (left) ++too_late;
    }
  } mine;
  host::test::StoreDir dir;
  ShimVfs shim;
  {
    Orders o(dir, shim);
    mine.orders = &o;
    const auto* tasks = o.module.table<tenon_tasks>(TENON_TASKS);
    tenon_id id = 0;
    REQUIRE(o.state->watch(
                o.module.ctx(), o.view, bytes(""),
                [](void* data, tenon_call*, const tenon_state_change* const*, std::size_t, tenon_error*) noexcept -> tenon_status {
                  static_cast<Left*>(data)->touched();
                  ++static_cast<Left*>(data)->watched;
                  return TENON_OK;
                },
                &mine,
                [](void* data) noexcept {
                  static_cast<Left*>(data)->touched();
                  ++static_cast<Left*>(data)->released;
                },
                &id, &o.error) == TENON_OK);
    Model model;
    REQUIRE(step(o, 0, model) == TENON_OK);
    REQUIRE(settles([&] { return mine.watched == 1; }));

    shim.hang(true);
    tenon_storage_op op{};
    op.struct_size = sizeof op;
    op.kind = TENON_STORAGE_PUT;
    op.key = bytes("late");
    op.value = bytes("it may be there in the end");
    const tenon_storage_op* const list[] = {&op};
    for (int i = 0; i < 3; ++i)
      REQUIRE(o.storage->commit_async(
                  o.module.ctx(), o.space, list, 1,
                  [](void* data, tenon_status status, std::uint64_t, const tenon_error*) noexcept {
                    auto& m = *static_cast<Left*>(data);
                    m.touched();
                    m.status = status;
                    ++m.done;
                  },
                  &mine, &o.error) == TENON_OK);
    REQUIRE(settles([&] { return shim.hanging() > 0; }));
    // Whoever waits for an answer waits until his deadline, and no longer; reads of the state wait for nothing.
    const tenon_task waits = {sizeof waits,
                              0,
                              [](void* data, tenon_call*, tenon_error*) noexcept -> tenon_status {
                                auto& m = *static_cast<Left*>(data);
                                m.task_status = m.orders->storage->put(m.orders->module.ctx(), m.orders->space, bytes("k"), bytes("v"),
                                                                       nullptr, nullptr, nullptr);
                                m.task_ran = true;
                                return TENON_OK;
                              },
                              &mine,
                              nullptr,
                              {},
                              200'000'000};
    REQUIRE(tasks->post(o.module.ctx(), &waits, &id, &o.error) == TENON_OK);
    REQUIRE(settles([&] { return mine.task_ran.load(); }));
    CHECK(mine.task_status == TENON_DEADLINE_EXCEEDED);
    CHECK(o.mirrored("key 0") == model["key 0"]);

    const std::int64_t begin = host::monotonic_ns();
    o.module.leave(1'000'000'000);
    CHECK(host::monotonic_ns() - begin < 5'000'000'000);
    mine.left = true;
    CHECK(mine.done == 3);
    CHECK(mine.status == TENON_CANCELLED);
    CHECK(mine.released == 1);
    shim.hang(false);
  }  // everything that was queued is written, and answered, here
  CHECK(mine.too_late == 0);
  CHECK(mine.done == 3);
  CHECK(mine.watched == 1);
  CHECK(mine.released == 1);
}
