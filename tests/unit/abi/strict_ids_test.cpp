// The strict host and ids that are none, cursors left open, and their rows.
#include <optional>
#include <thread>

#include "abi/strict.hpp"
#include "kernel/kernel.hpp"
#include "memory_backend.hpp"
#include "readable.hpp"
#include "support.hpp"
#include "tenon/container.h"
#include "tenon/lease.h"
#include "tenon/services.h"
#include "tenon/state.h"
#include "tenon/storage.h"
#include "tenon/tasks.h"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

using Rules = std::vector<std::string>;

struct Kept {
  LogCore log;
  std::unique_ptr<Kernel> kernel;
  std::optional<HostContext> host;
  std::optional<Instance> instance;

  Kept() {
    static_cast<void>(prepare_gates());
    auto made = Kernel::make(log, {});
    REQUIRE(made);
    kernel = std::move(*made);
    REQUIRE(kernel->open_storage(memory_backend(std::make_shared<MemoryFile>())));
    host.emplace(log, "1.2.3", "00000000-0000-4000-8000-000000000001", kernel.get());
    host->check_strictly();
    instance.emplace(*host, options_of("careless"));
  }
  ~Kept() {
    instance->gate().advance(Gate::State::draining);
    CHECK(instance->leave_parts(in_a_minute()));
    instance->gate().advance(Gate::State::closed);
    CHECK(instance->close_parts(in_a_minute()));
    instance.reset();
    CHECK(kernel->end(in_a_minute()));
  }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  tenon_ctx* ctx() { return instance->ctx(); }
  template <class Table>
  const Table& table(const char* id) {
    return table_of<Table>(*instance, id);
  }
  template <class F>
  void run(F&& f) {
    CHECK(run_as(*instance, Phase::start, [&](tenon_call* call, tenon_error*) { f(call); }).kind == Outcome::Kind::done);
  }
  /// What was found since the last time.
  Rules found() {
    Rules out;
    const std::vector<Violation> all = host->strict()->violations();
    for (std::size_t i = seen_; i < all.size(); ++i) out.push_back(all[i].rule + " " + all[i].message);
    seen_ = all.size();
    return out;
  }

 private:
  std::size_t seen_ = 0;
};

std::string stale(const char* function, tenon_id id) {
  return "STALE_ID `" + std::string(function) + "` got the id " + std::to_string(id) +
         ", which is over or was never given to this instance";
}

tenon_bytes raw(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }

constexpr tenon_id none = 0x7777;

}  // namespace

TEST_CASE("strict: a space that was never opened, and only that, is reported by every function of storage and state") {
  Kept k;
  const auto& storage = k.table<tenon_storage>(TENON_STORAGE);
  const auto& state = k.table<tenon_state>(TENON_STATE);
  k.run([&](tenon_call*) {
    tenon_id space = 0, seen = 0, cursor = 0, id = 0;
    std::uint8_t buffer[8];
    tenon_storage_stats stats{};
    stats.struct_size = sizeof stats;
    tenon_error small{};
    small.struct_size = 4;
    const auto changed = [](void*, tenon_call*, const tenon_state_change* const*, std::size_t, tenon_error*) noexcept -> tenon_status {
      return TENON_OK;
    };
    REQUIRE(storage.open(k.ctx(), str("careless"), 0, &space, nullptr) == TENON_OK);
    REQUIRE(state.open(k.ctx(), str("careless"), &seen, nullptr) == TENON_OK);
    CHECK(storage.get(k.ctx(), space, raw("key"), buffer, 8, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(state.get(k.ctx(), seen, raw("key"), buffer, 8, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.put(k.ctx(), space, raw("key"), raw("value"), nullptr, nullptr, nullptr) == TENON_OK);
    CHECK(k.found().empty());

    CHECK(storage.get(k.ctx(), none, raw("key"), buffer, 8, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.get(k.ctx(), none, raw("key"), buffer, 8, nullptr, &small) == TENON_NOT_FOUND);
    CHECK(storage.put(k.ctx(), none, raw("key"), raw("value"), nullptr, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.erase(k.ctx(), none, raw("key"), nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.compare_and_set(k.ctx(), none, raw("key"), 0, raw("value"), nullptr, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.commit(k.ctx(), none, nullptr, 0, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.commit_async(
              k.ctx(), none, nullptr, 0, [](void*, tenon_status, std::uint64_t, const tenon_error*) noexcept {}, nullptr, nullptr) ==
          TENON_NOT_FOUND);
    CHECK(storage.clear(k.ctx(), none, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.scan(k.ctx(), none, raw(""), &cursor, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.stats(k.ctx(), none, &stats, nullptr) == TENON_NOT_FOUND);
    CHECK(k.found() == Rules{stale("tenon_storage.get", none), stale("tenon_storage.get", none), stale("tenon_storage.put", none),
                             stale("tenon_storage.erase", none), stale("tenon_storage.compare_and_set", none),
                             stale("tenon_storage.commit", none), stale("tenon_storage.commit_async", none),
                             stale("tenon_storage.clear", none), stale("tenon_storage.scan", none), stale("tenon_storage.stats", none)});
    CHECK(state.get(k.ctx(), none, raw("key"), buffer, 8, nullptr) == TENON_NOT_FOUND);
    CHECK(state.keys(k.ctx(), none, raw(""), &cursor, nullptr) == TENON_NOT_FOUND);
    CHECK(state.watch(k.ctx(), none, raw(""), changed, nullptr, nullptr, &id, nullptr) == TENON_NOT_FOUND);
    CHECK(k.found() == Rules{stale("tenon_state.get", none), stale("tenon_state.keys", none), stale("tenon_state.watch", none)});
  });
}

TEST_CASE("strict: a cursor that was closed, and one that is left open") {
  Kept k;
  const auto& storage = k.table<tenon_storage>(TENON_STORAGE);
  const auto& state = k.table<tenon_state>(TENON_STATE);
  const tenon_storage_row* const* rows = nullptr;
  std::size_t count = 0;
  tenon_id space = 0, seen = 0, cursor = 0, other = 0;
  k.run([&](tenon_call*) {
    REQUIRE(storage.open(k.ctx(), str("careless"), 0, &space, nullptr) == TENON_OK);
    REQUIRE(state.open(k.ctx(), str("careless"), &seen, nullptr) == TENON_OK);
    REQUIRE(storage.scan(k.ctx(), space, raw(""), &cursor, nullptr) == TENON_OK);
    CHECK(storage.next(k.ctx(), cursor, &rows, &count, nullptr) == TENON_OK);
    CHECK(storage.close(k.ctx(), cursor) == TENON_OK);
    CHECK(k.found().empty());
    CHECK(storage.next(k.ctx(), cursor, &rows, &count, nullptr) == TENON_NOT_FOUND);
    CHECK(storage.close(k.ctx(), cursor) == TENON_NOT_FOUND);
    CHECK(state.next(k.ctx(), none, &rows, &count, nullptr) == TENON_NOT_FOUND);
    CHECK(k.found() == Rules{stale("tenon_storage.next", cursor), stale("tenon_storage.close", cursor), stale("tenon_state.next", none)});
  });
  k.run([&](tenon_call*) {
    REQUIRE(storage.scan(k.ctx(), space, raw(""), &cursor, nullptr) == TENON_OK);
    REQUIRE(state.keys(k.ctx(), seen, raw(""), &other, nullptr) == TENON_OK);
    CHECK(k.found().empty());
  });
  const auto left = [](const char* function, tenon_id id) {
    return "LEFT_OPEN `" + std::string(function) + "` gave the cursor " + std::to_string(id) +
           ", and the function in which it was opened has returned without closing it";
  };
  CHECK(k.found() == Rules{left("tenon_storage.scan", cursor), left("tenon_state.keys", other)});
  k.run([](tenon_call*) {});
  CHECK(k.found().empty());  // once is enough
  // A thread of the module's own is in no function that could return.
  std::thread([&] { REQUIRE(storage.scan(k.ctx(), space, raw(""), &cursor, nullptr) == TENON_OK); }).join();
  k.run([&](tenon_call*) { CHECK(storage.next(k.ctx(), cursor, &rows, &count, nullptr) == TENON_OK); });
  CHECK(storage.close(k.ctx(), cursor) == TENON_OK);
  CHECK(k.found().empty());
}

TEST_CASE("strict: the rows of a cursor are whole, and gone when it is used again or closed") {
  Kept k;
  const auto& storage = k.table<tenon_storage>(TENON_STORAGE);
  k.run([&](tenon_call*) {
    tenon_id space = 0, cursor = 0;
    const tenon_storage_row* const* rows = nullptr;
    std::size_t count = 0;
    REQUIRE(storage.open(k.ctx(), str("careless"), 0, &space, nullptr) == TENON_OK);
    const tenon_put_options typed = {sizeof typed, 0, str("text/plain"), 0};
    REQUIRE(storage.put(k.ctx(), space, raw("one"), raw("first"), &typed, nullptr, nullptr) == TENON_OK);
    REQUIRE(storage.put(k.ctx(), space, raw("two"), raw(""), nullptr, nullptr, nullptr) == TENON_OK);
    for (const bool by_close : {false, true}) {
      REQUIRE(storage.scan(k.ctx(), space, raw(""), &cursor, nullptr) == TENON_OK);
      REQUIRE(storage.next(k.ctx(), cursor, &rows, &count, nullptr) == TENON_OK);
      REQUIRE(count == 2);
      const auto text = [](tenon_bytes b) { return std::string(reinterpret_cast<const char*>(b.ptr), b.len); };
      CHECK(text(rows[0]->key) == "one");
      CHECK(text(rows[0]->value) == "first");
      CHECK(std::string(rows[0]->content_type.ptr, rows[0]->content_type.len) == "text/plain");
      CHECK(rows[0]->revision != 0);
      CHECK(text(rows[1]->key) == "two");
      CHECK(rows[1]->value.len == 0);
      const void* const kept[] = {rows, rows[0], rows[0]->value.ptr, rows[1]->key.ptr};
      for (const void* address : kept) CHECK(tenon::test::is_readable(address));
      if (by_close) {
        CHECK(storage.close(k.ctx(), cursor) == TENON_OK);
      } else {
        CHECK(storage.next(k.ctx(), cursor, &rows, &count, nullptr) == TENON_OK);
        CHECK(count == 0);
      }
      for (const void* address : kept) {
        CHECK_FALSE(tenon::test::is_readable(address));
        Strict::Lent lent;
        REQUIRE(k.host->strict()->find_lent(address, lent));
        CHECK(std::string(lent.module) == "careless");
        CHECK(std::string(lent.what) == "the rows of a cursor");
      }
      if (!by_close) CHECK(storage.close(k.ctx(), cursor) == TENON_OK);
    }
  });
  CHECK(k.found().empty());
}

TEST_CASE("strict: a task that is over may be cancelled late, one that never was may not") {
  Kept k;
  const auto& tasks = k.table<tenon_tasks>(TENON_TASKS);
  k.run([&](tenon_call*) {
    tenon_task_status status{};
    status.struct_size = sizeof status;
    const tenon_task task = {
        sizeof task, 0, [](void*, tenon_call*, tenon_error*) noexcept -> tenon_status { return TENON_OK; }, nullptr, nullptr,
        str("once"), 0};
    tenon_id id = 0;
    REQUIRE(tasks.post(k.ctx(), &task, &id, nullptr) == TENON_OK);
    CHECK(tasks.cancel(k.ctx(), id) == TENON_OK);
    CHECK(tasks.cancel(k.ctx(), id) == TENON_NOT_FOUND);
    CHECK(k.found().empty());
    CHECK(tasks.cancel(k.ctx(), none) == TENON_NOT_FOUND);
    CHECK(tasks.cancel(k.ctx(), 0) == TENON_NOT_FOUND);
    CHECK(tasks.cancel_wait(k.ctx(), id + 1, in_a_minute(), nullptr) == TENON_NOT_FOUND);
    CHECK(tasks.status(k.ctx(), none, &status) == TENON_NOT_FOUND);
    CHECK(k.found() == Rules{stale("tenon_tasks.cancel", none), stale("tenon_tasks.cancel", 0), stale("tenon_tasks.cancel_wait", id + 1),
                             stale("tenon_tasks.status", none)});
  });
}

TEST_CASE("strict: a lease and a scope are given back once, but may have ended before with what they were in") {
  Kept k;
  const auto& container = k.table<tenon_container>(TENON_CONTAINER);
  const auto& lease = k.table<tenon_lease>(TENON_LEASE);
  struct Answers {
    std::uint32_t struct_size, reserved;
  };
  static const Answers answers = {sizeof(Answers), 0};
  k.run([&](tenon_call* call) {
    tenon_id id = 0, outer = 0, inner = 0, of_call = 0;
    const tenon_token token = {sizeof token, sizeof(Answers), str("careless.answers/1"), {}};
    const tenon_instance given = {sizeof given, 0, &answers, nullptr};
    REQUIRE(container.provide(k.ctx(), &token, &given, 0, nullptr, nullptr, &id, nullptr) == TENON_OK);
    tenon_leased leased{};
    leased.struct_size = sizeof leased;
    REQUIRE(lease.acquire(k.ctx(), &token, 0, &leased, nullptr) == TENON_OK);
    CHECK(lease.release(k.ctx(), leased.id) == TENON_OK);
    CHECK(k.found().empty());
    CHECK(lease.release(k.ctx(), leased.id) == TENON_NOT_FOUND);
    CHECK(lease.release(k.ctx(), none) == TENON_NOT_FOUND);
    CHECK(k.found() == Rules{stale("tenon_lease.release", leased.id), stale("tenon_lease.release", none)});

    REQUIRE(lease.open_scope(k.ctx(), 0, nullptr, &outer, nullptr) == TENON_OK);
    REQUIRE(lease.open_scope(k.ctx(), outer, nullptr, &inner, nullptr) == TENON_OK);
    REQUIRE(lease.acquire(k.ctx(), &token, inner, &leased, nullptr) == TENON_OK);
    CHECK(lease.close_scope(k.ctx(), outer) == TENON_OK);
    CHECK(lease.close_scope(k.ctx(), inner) == TENON_NOT_FOUND);
    CHECK(lease.release(k.ctx(), leased.id) == TENON_NOT_FOUND);
    REQUIRE(lease.call_scope(k.ctx(), call, nullptr, &of_call, nullptr) == TENON_OK);
    CHECK(k.found().empty());
    CHECK(lease.close_scope(k.ctx(), outer) == TENON_NOT_FOUND);
    CHECK(lease.close_scope(k.ctx(), of_call + 1000) == TENON_NOT_FOUND);
    CHECK(k.found() == Rules{stale("tenon_lease.close_scope", outer), stale("tenon_lease.close_scope", of_call + 1000)});
  });
}

TEST_CASE("strict: an asynchronous call that is answered may be cancelled late, one that never was may not") {
  Kept k;
  const auto& services = k.table<tenon_services>(TENON_SERVICES);
  k.run([&](tenon_call*) {
    CHECK(services.cancel(k.ctx(), (tenon_id{1} << 32U) | 5) == TENON_NOT_FOUND);
    CHECK(k.found().empty());
    CHECK(services.cancel(k.ctx(), none) == TENON_NOT_FOUND);
    CHECK(k.found() == Rules{stale("tenon_services.cancel", none)});
  });
}
