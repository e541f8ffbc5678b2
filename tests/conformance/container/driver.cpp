#include "driver.hpp"

#include <map>
#include <mutex>
#include <set>

#include "kernel/container.hpp"
#include "kernel/workers.hpp"
#include "puppet.h"
#include "tenon/testing.hpp"
#include "waiting.hpp"
#include "world.hpp"

extern "C" {
puppet_hooks tenon_container_hooks;
}

namespace tenon::test {
namespace {

Answer answer(host::Code code, const host::Error& error, std::uint64_t id = 0) { return {static_cast<int>(code), error.reason, id, 0}; }

// ---- on the kernel

const puppet_table kernel_table = {sizeof(puppet_table), 0,
                                   [](void* self) noexcept -> std::int32_t { return static_cast<Thing*>(self)->value; }};

class KernelDriver final : public Driver {
 public:
  using Driver::provide;
  KernelDriver() : container_(pool_), catalog_("catalog", 1, false), orders_("orders", 1, false) {
    static_cast<void>(host::prepare_gates());
    for (host::Owner* o : {&catalog_, &orders_}) o->set_reach(host::Reach::callable);
    seats_[0] = container_.join(catalog_, {{}, false, nullptr});
    seats_[1] = container_.join(orders_, {{"catalog"}, false, nullptr});
  }
  ~KernelDriver() override {
    if (!ended_) KernelDriver::end();
  }
  Answer provide(std::string_view token, Thing& t, std::string_view key, bool replace) override {
    return of(container_.provide(*seats_[0], {{token, key, 0}, &t, &released, replace}, {&kernel_table, &t}));
  }
  Answer provide_factory(std::string_view token, std::uint32_t lifetime, Thing& t, std::string_view key, bool replace) override {
    return of(container_.provide_factory(*seats_[0], {{token, key, 0}, &t, &released, replace}, static_cast<host::Lifetime>(lifetime),
                                         &make, &dispose));
  }
  Answer withdraw(std::uint64_t id) override { return {static_cast<int>(container_.withdraw(*seats_[0], id)), {}, 0, 0}; }
  Answer withdraw_wait(std::uint64_t id, std::int64_t deadline_ns) override {
    return {static_cast<int>(container_.withdraw_wait(*seats_[0], id, deadline_ns)), {}, 0, 0};
  }
  Answer acquire(Who who, std::string_view token, std::uint64_t scope, std::string_view key, std::uint32_t min_size) override {
    host::Leased leased;
    host::Error error;
    const host::Code code = container_.acquire(seat(who), {token, key, min_size}, scope, leased, error);
    Answer out = answer(code, error, leased.id);
    if (out.ok()) out.value = static_cast<const puppet_table*>(leased.instance.table)->value(leased.instance.self);
    return out;
  }
  Answer release(Who who, std::uint64_t lease) override { return {static_cast<int>(container_.release(seat(who), lease)), {}, 0, 0}; }
  Answer open(Who who, std::uint64_t outer, const Info& i) override {
    return of(container_.open(seat(who), outer, {static_cast<host::ScopeKind>(i.kind), i.request_id, i.tenant, i.auth, i.deadline_ns}));
  }
  Answer close(Who who, std::uint64_t scope) override { return {static_cast<int>(container_.close(seat(who), scope)), {}, 0, 0}; }
  Answer describe(std::uint64_t scope, Info& out) override {
    const auto found = container_.describe(*seats_[0], scope);
    if (!found) return answer(found.error().code, found.error());
    const host::ScopeContext& c = **found;
    out = {static_cast<std::uint32_t>(c.kind), c.request_id, c.tenant, c.auth, c.deadline_ns};
    return {};
  }
  void end() override {
    ended_ = true;
    for (const std::size_t i : {1, 0}) {
      host::Owner& owner = i == 0 ? catalog_ : orders_;
      owner.gate().advance(host::Gate::State::draining);
      CHECK(container_.leave(*seats_[i], soon()));
      owner.gate().advance(host::Gate::State::closed);
      CHECK(pool_.leave(owner, soon()).quiet);
    }
    for (const std::size_t i : {1, 0}) {
      CHECK(container_.finish(*seats_[i], soon()).may_go());
      write(i == 0 ? "destroy catalog" : "destroy orders");
      container_.depart(*seats_[i]);
    }
  }

 private:
  static Answer of(const host::Result<std::uint64_t>& r) { return r ? Answer{0, {}, *r, 0} : answer(r.error().code, r.error()); }
  host::ContainerSeat& seat(Who who) { return *seats_[who == Who::catalog ? 0 : 1]; }
  static host::Code make(void* data, host::Call&, std::uint64_t scope, host::TokenInstance& out, host::Error& error) {
    out = {&kernel_table, data};
    const auto code = static_cast<host::Code>(static_cast<Thing*>(data)->make(scope));
    if (code != host::Code::ok) error = {code, "told to", "TOLD_TO", 0, host::ExitCode::unavailable};
    return code;
  }
  static void dispose(void* data, const host::TokenInstance&) {
    auto& t = *static_cast<Thing*>(data);
    t.write("dispose " + t.name);
  }
  static void released(void* data) {
    auto& t = *static_cast<Thing*>(data);
    t.write("release " + t.name);
  }
  host::WorkerPool pool_;
  host::Container container_;
  host::Owner catalog_, orders_;
  std::shared_ptr<host::ContainerSeat> seats_[2];
  bool ended_ = false;
};

// ---- through the C tables

/// What a puppet does when it is told, behind real tables or those of the fake host.
class PuppetDriver : public Driver {
 public:
  using Driver::provide;
  PuppetDriver() {
    puppet_hooks& h = tenon_container_hooks;
    h.test = static_cast<PuppetDriver*>(this);
    h.created = [](void* test, const char* name, const puppet_api* api) noexcept { static_cast<PuppetDriver*>(test)->apis_[name] = api; };
    h.started = [](void* test, const char* name, tenon_id scope, tenon_id again) noexcept {
      static_cast<PuppetDriver*>(test)->started(name, scope, again);
    };
    h.destroyed = [](void* test, const char* name) noexcept { static_cast<PuppetDriver*>(test)->write("destroy " + std::string(name)); };
    h.value = [](void* data) noexcept -> std::int32_t { return static_cast<Thing*>(data)->value; };
    h.make = [](void* data, tenon_id scope) noexcept -> tenon_status { return static_cast<Thing*>(data)->make(scope); };
    h.disposed = [](void* data) noexcept {
      auto& t = *static_cast<Thing*>(data);
      t.write("dispose " + t.name);
    };
    h.released = [](void* data) noexcept {
      auto& t = *static_cast<Thing*>(data);
      t.write("release " + t.name);
    };
  }
  Answer provide(std::string_view token, Thing& t, std::string_view key, bool replace) override {
    return with([&](tenon_id* out, tenon_error* e) {
      const tenon_token raw = token_of(token, key, 0);
      return api("catalog").provide(api("catalog").ctx, &raw, replace ? TENON_PROVIDE_REPLACE : 0, &t, out, e);
    });
  }
  Answer provide_factory(std::string_view token, std::uint32_t lifetime, Thing& t, std::string_view key, bool replace) override {
    return with([&](tenon_id* out, tenon_error* e) {
      const tenon_token raw = token_of(token, key, 0);
      return api("catalog").provide_factory(api("catalog").ctx, &raw, lifetime, replace ? TENON_PROVIDE_REPLACE : 0, &t, out, e);
    });
  }
  Answer withdraw(std::uint64_t id) override { return gave_up({api("catalog").withdraw(api("catalog").ctx, id), {}, 0, 0}); }
  Answer withdraw_wait(std::uint64_t id, std::int64_t deadline_ns) override {
    return gave_up({api("catalog").withdraw_wait(api("catalog").ctx, id, deadline_ns), {}, 0, 0});
  }
  Answer acquire(Who who, std::string_view token, std::uint64_t scope, std::string_view key, std::uint32_t min_size) override {
    std::int32_t value = 0;
    const puppet_api& a = api(who == Who::catalog ? "catalog" : "orders");
    Answer out = with([&](tenon_id* id, tenon_error* e) {
      const tenon_token raw = token_of(token, key, min_size);
      return a.acquire(a.ctx, &raw, scope, id, &value, e);
    });
    out.value = value;
    return out;
  }
  Answer release(Who who, std::uint64_t lease) override {
    const puppet_api& a = api(who == Who::catalog ? "catalog" : "orders");
    return gave_back(who, lease, a.release(a.ctx, lease));
  }
  Answer open(Who who, std::uint64_t outer, const Info& i) override {
    const puppet_api& a = api(who == Who::catalog ? "catalog" : "orders");
    const tenon_scope raw = {sizeof raw, i.kind, to_c(i.request_id), to_c(i.tenant), to_c(i.auth), i.deadline_ns};
    return with([&](tenon_id* out, tenon_error* e) { return a.open_scope(a.ctx, outer, &raw, out, e); });
  }
  Answer close(Who who, std::uint64_t scope) override {
    const puppet_api& a = api(who == Who::catalog ? "catalog" : "orders");
    return gave_back(who, scope, a.close_scope(a.ctx, scope));
  }
  Answer describe(std::uint64_t scope, Info& out) override {
    tenon_scope raw{};
    raw.struct_size = sizeof raw;
    const Answer a = with([&](tenon_id*, tenon_error* e) { return api("catalog").describe_scope(api("catalog").ctx, scope, &raw, e); });
    if (a.ok())
      out = {raw.kind, std::string(view(raw.request_id)), std::string(view(raw.tenant)), std::string(view(raw.auth)), raw.deadline_ns};
    return a;
  }

 protected:
  static tenon_token token_of(std::string_view token, std::string_view key, std::uint32_t min_size) {
    return {sizeof(tenon_token), min_size, to_c(token), to_c(key)};
  }
  template <class F>
  static Answer with(F&& f) {
    tenon_error error{};
    error.struct_size = sizeof error;
    tenon_id id = 0;
    const tenon_status status = f(&id, &error);
    return {status, status == TENON_OK ? "" : error.reason, id, 0};
  }
  const puppet_api& api(const std::string& name) { return *apis_.at(name); }
  /// The module has named an id that is none.
  virtual void broke_stale_id(Who) {}
  /// `catalog` has waited for itself.
  virtual void broke_reentry() {}
  Answer gave_up(Answer a) {
    if (a.status == TENON_NOT_FOUND) broke_stale_id(Who::catalog);
    if (a.status == TENON_FAILED_PRECONDITION) broke_reentry();
    return a;
  }
  /// What has ended with the scope it was in may be given back late, but nothing twice. (No lease has the number of a scope.)
  Answer gave_back(Who who, std::uint64_t id, tenon_status status) {
    const std::lock_guard lock(given_back_mutex_);
    if (status == TENON_OK) given_back_.emplace(who, id);
    if (status == TENON_NOT_FOUND && given_back_.contains({who, id})) broke_stale_id(who);
    return {status, {}, 0, 0};
  }
  /// Inside start: the scope of the call is one, and the module's own.
  void started(const std::string& name, tenon_id scope, tenon_id again) {
    CHECK(scope != 0);
    CHECK(again == scope);
    const puppet_api& a = api(name);
    tenon_scope raw{};
    raw.struct_size = sizeof raw;
    CHECK(a.describe_scope(a.ctx, scope, &raw, nullptr) == TENON_OK);
    CHECK(raw.kind == TENON_SCOPE_JOB);
    CHECK(raw.request_id.len == 16);
    call_scopes_[name] = scope;
  }
  void check_call_scopes_ended() {
    for (const auto& [name, scope] : call_scopes_) {
      const puppet_api& a = api(name);
      tenon_scope raw{};
      raw.struct_size = sizeof raw;
      CHECK(a.describe_scope(a.ctx, scope, &raw, nullptr) == TENON_NOT_FOUND);
    }
  }

 private:
  std::map<std::string, const puppet_api*> apis_;
  std::map<std::string, tenon_id> call_scopes_;
  std::mutex given_back_mutex_;
  std::set<std::pair<Who, std::uint64_t>> given_back_;
};

class ModuleDriver final : public PuppetDriver {
 public:
  explicit ModuleDriver(bool strict) : world_({}, strict) {
    PuppetSpec catalog, orders;
    catalog.file = TENON_TEST_PUPPET_CATALOG;
    catalog.name = "catalog";
    orders.file = TENON_TEST_PUPPET_ORDERS;
    orders.name = "orders";
    orders.required = {"catalog"};
    catalog.needs = orders.needs = {TENON_CONTAINER, TENON_LEASE, TENON_CALLS};
    puppets_ = world_.prepare({catalog, orders});
    for (const host::Phase phase : {host::Phase::load, host::Phase::create, host::Phase::init, host::Phase::start})
      for (const auto& p : puppets_) {
        if (p->instance().has(phase))
          p->run(phase);
        else
          p->instance().skipped(phase);
      }
    check_call_scopes_ended();
  }
  ~ModuleDriver() override {
    if (!ended_) ModuleDriver::end();
  }
  void end() override {
    ended_ = true;
    for (const host::Phase phase : {host::Phase::stop, host::Phase::destroy})
      for (auto p = puppets_.rbegin(); p != puppets_.rend(); ++p) {
        const host::Outcome outcome = (*p)->instance().run(phase, soon());
        CHECK_MESSAGE(outcome.kind == host::Outcome::Kind::done, outcome.error.message);
      }
    const auto stats = world_.kernel().container().stats();
    CHECK(stats.tokens + stats.instances + stats.leases + stats.scopes == 0);
  }

 private:
  void broke_stale_id(Who who) override { world_.expect_finding(who == Who::catalog ? "catalog STALE_ID" : "orders STALE_ID"); }
  void broke_reentry() override { world_.expect_finding("catalog REENTRANT"); }
  World world_;
  std::vector<std::unique_ptr<Puppet>> puppets_;
  bool ended_ = false;
};

// ---- on the fake host

class FakeDriver final : public PuppetDriver {
 public:
  FakeDriver() : host_(tenon_entry_v1) {
    REQUIRE(host_.boot().ok());
    check_call_scopes_ended();
  }
  ~FakeDriver() override {
    if (!ended_) FakeDriver::end();
  }
  Answer acquire(Who who, std::string_view token, std::uint64_t scope, std::string_view key, std::uint32_t min_size) override {
    if (who == Who::catalog) return PuppetDriver::acquire(who, token, scope, key, min_size);
    auto held = host_.container().acquire(Token<puppet_table>{token, key, min_size}, scope);
    if (!held.ok()) return {held.status().code(), std::string(held.status().reason()), 0, 0};
    orders_.push_back(held->id);
    return {0, {}, held->id, held->call(&puppet_table::value)};
  }
  Answer release(Who who, std::uint64_t lease) override {
    if (who == Who::catalog) return PuppetDriver::release(who, lease);
    std::erase(orders_, lease);
    return {host_.container().release(lease).code(), {}, 0, 0};
  }
  Answer open(Who who, std::uint64_t outer, const Info& i) override {
    if (who == Who::catalog) return PuppetDriver::open(who, outer, i);
    ScopeInfo info;
    info.kind = i.kind;
    return {0, {}, host_.container().open_scope(info, outer), 0};
  }
  Answer close(Who who, std::uint64_t scope) override {
    if (who == Who::catalog) return PuppetDriver::close(who, scope);
    return {host_.container().close_scope(scope).code(), {}, 0, 0};
  }
  void end() override {
    ended_ = true;
    CHECK(host_.stop().ok());
    write("destroy orders");
    for (const std::uint64_t lease : orders_) static_cast<void>(host_.container().release(lease).code());
    CHECK(host_.finish().empty());
  }

 private:
  testing::Host host_;
  std::vector<std::uint64_t> orders_;
  bool ended_ = false;
};

}  // namespace

bool Driver::gets(const std::string& line, std::size_t n) const {
  return becomes([&] { return count(line) >= n; });
}

std::unique_ptr<Driver> kernel_driver() { return std::make_unique<KernelDriver>(); }
std::unique_ptr<Driver> module_driver(bool strict) { return std::make_unique<ModuleDriver>(strict); }
std::unique_ptr<Driver> fake_driver() { return std::make_unique<FakeDriver>(); }

}  // namespace tenon::test
