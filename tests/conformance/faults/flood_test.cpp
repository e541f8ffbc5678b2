// Modules that do the same wrong thing again and again: each time they are answered, the log of the host stays short, the audit bounded.
#include <map>
#include <mutex>

#include "kernel/audit.hpp"
#include "small_host.hpp"
#include "tenon/events.h"
#include "tenon/log_sink.h"
#include "tenon/services.h"
#include "tenon/state.h"
#include "tenon/storage.h"

using namespace tenon::test;
namespace host = tenon::host;

namespace {

constexpr int flood = 3000;

/// How many lines and audit records there are of each kind.
struct Written {
  std::mutex mutex;
  std::map<std::string, int> lines, records;
  void line(const host::LogRecordView& r) {
    const std::lock_guard lock(mutex);
    ++lines[std::string(r.message)];
  }
  void record(const host::AuditEvent& e) {
    std::string reason;
    for (const auto& [key, value] : e.meta)
      if (key == "reason") reason = value;
    const std::lock_guard lock(mutex);
    ++records[std::string(e.actor) + " " + std::string(e.target) + " " + reason];
  }
  int lines_of(const std::string& message) {
    const std::lock_guard lock(mutex);
    return lines[message];
  }
  int records_of(const std::string& what) {
    const std::lock_guard lock(mutex);
    return records[what];
  }
};

host::KernelOptions audited(Written& written) {
  host::AuditOptions audit;
  audit.writer = host::AuditWriter::console;
  audit.console = [&written](const host::AuditEvent& e) { written.record(e); };
  auto log = host::AuditLog::open(std::move(audit));
  REQUIRE(log);
  host::KernelOptions options;
  options.audit = std::move(*log);
  return options;
}

/// A host whose lines and records are counted, and one plugin that was granted the namespace `shared`.
struct Flooded {
  Written written;
  SmallHost host{audited(written)};
  std::uint64_t receiver = host.log().add_receiver([this](const host::LogRecordView& r) { written.line(r); });
  SmallModule greedy{host, "greedy", granted()};
  ~Flooded() {
    greedy.leave();
    host.log().remove_receiver(receiver);
  }
  static host::InstanceOptions granted() {
    host::PermissionSet set;
    set.storage_namespaces = {"shared"};
    host::InstanceOptions options;
    options.trusted = false;
    options.permissions = std::make_shared<host::Permissions>(host::Permissions::of_plugin("greedy", set, set));
    return options;
  }
  /// Lines of a message that may come ten times per second, after so long.
  static int most(std::int64_t since_ns) { return 10 * static_cast<int>((host::monotonic_ns() - since_ns) / 1'000'000'000 + 2); }
};

}  // namespace

TEST_CASE("floods: what is denied again and again is denied each time, and told some times") {
  Flooded f;
  const std::int64_t begin = host::monotonic_ns();
  const auto* services = f.greedy.table<tenon_services>(TENON_SERVICES);
  const auto* events = f.greedy.table<tenon_events>(TENON_EVENTS);
  for (int i = 0; i < flood; ++i) {
    const tenon_request request = {sizeof request, 0, {}, {}, nullptr, 0};
    tenon_reply reply{};
    reply.struct_size = sizeof reply;
    CHECK(services->call_by_name(f.greedy.ctx(), str("orders.create"), &request, &reply, nullptr, nullptr) == TENON_PERMISSION_DENIED);
    const tenon_event_draft draft = {sizeof draft, 0, str("orders.created"), {}, {}, {}};
    CHECK(events->publish(f.greedy.ctx(), &draft, nullptr, nullptr) == TENON_PERMISSION_DENIED);
    CHECK(f.greedy.instance().query(TENON_LOG_SINK) == nullptr);
  }
  CHECK(f.written.lines_of("denied") >= 10);
  CHECK(f.written.lines_of("denied") <= Flooded::most(begin));
  CHECK(f.written.records_of("greedy orders.create NOT_ASKED") >= 1);
  CHECK(f.written.records_of("greedy tenon.log_sink/1 RUNTIME_ONLY") >= 1);
  CHECK(settles([&] { return f.written.lines_of("denied more often than is told") >= 1; }));
}

TEST_CASE("floods: who would make the namespace of others secret is denied, and that is recorded") {
  Flooded f;
  const auto* storage = f.greedy.table<tenon_storage>(TENON_STORAGE);
  tenon_id space = 0;
  CHECK(storage->open(f.greedy.ctx(), str("shared"), 0, &space, nullptr) == TENON_OK);
  CHECK(f.written.records_of("greedy shared NOT_OWNER") == 0);
  CHECK(storage->open(f.greedy.ctx(), str("shared"), TENON_STORAGE_SECRET, &space, nullptr) == TENON_PERMISSION_DENIED);
  CHECK(f.written.records_of("greedy shared NOT_OWNER") == 1);
  CHECK(f.written.lines_of("denied") == 1);
}

TEST_CASE("floods: a watch that always fails goes on, and is told once per second") {
  Flooded f;
  const std::int64_t begin = host::monotonic_ns();
  const auto* storage = f.greedy.table<tenon_storage>(TENON_STORAGE);
  const auto* state = f.greedy.table<tenon_state>(TENON_STATE);
  tenon_id space = 0, view = 0, watch = 0;
  REQUIRE(storage->open(f.greedy.ctx(), str("greedy"), TENON_STORAGE_NORMAL, &space, nullptr) == TENON_OK);
  REQUIRE(state->open(f.greedy.ctx(), str("greedy"), &view, nullptr) == TENON_OK);
  Registered failing;
  REQUIRE(state->watch(
              f.greedy.ctx(), view, bytes(""),
              [](void* data, tenon_call*, const tenon_state_change* const*, std::size_t, tenon_error*) noexcept -> tenon_status {
                ++static_cast<Registered*>(data)->used;
                return TENON_INTERNAL;
              },
              &failing, &Registered::release, &watch, nullptr) == TENON_OK);
  for (int i = 0; i < 300; ++i) {
    const int before = failing.used;
    REQUIRE(storage->put(f.greedy.ctx(), space, bytes("k"), bytes("v"), nullptr, nullptr, nullptr) == TENON_OK);
    REQUIRE(settles([&] { return failing.used > before; }));
  }
  CHECK(f.written.lines_of("a watch of the state has failed") >= 1);
  CHECK(f.written.lines_of("a watch of the state has failed") <= (host::monotonic_ns() - begin) / 1'000'000'000 + 1);
}
