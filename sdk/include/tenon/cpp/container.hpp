// Leases and Container: instances of other modules by token, scopes, and what a module provides itself.
#ifndef TENON_CPP_CONTAINER_HPP
#define TENON_CPP_CONTAINER_HPP

#include "tenon/container.h"
#include "tenon/cpp/calls.hpp"

namespace tenon {
inline namespace v1 {

/// A token together with its table. Constant: `inline constexpr tenon::Token<catalog_client> catalog{"catalog.client/1", {},
/// TENON_UP_TO(catalog_client, price)};`
template <class Table>
struct Token {
  static_assert(offsetof(Table, struct_size) == 0, "a table begins with `uint32_t struct_size`");
  std::string_view name;   ///< "catalog.client/1"
  std::string_view key{};  ///< where several modules provide it
  /// TENON_UP_TO(table, last member used). Without it all of the table is asked for: once that has grown, older providers are refused.
  std::uint32_t min_size = sizeof(Table);
  [[nodiscard]] constexpr tenon_token raw() const noexcept {
    return {sizeof(tenon_token), min_size, {name.data(), name.size()}, {key.data(), key.size()}};
  }
};

/// An instance of another module. Move-only; released at the end of its life, and ended by the host at the latest with its scope, or after destroy.
///   lease->price(lease.self(), 17)     or     lease.call(&catalog_client::price, 17)
template <class Table>
class Lease {
 public:
  Lease() noexcept = default;
  Lease(tenon_ctx* ctx, const tenon_lease* host, const tenon_leased& leased) noexcept
      : table_(static_cast<const Table*>(leased.table)), self_(leased.self), ctx_(ctx), host_(host), id_(leased.id) {}
  Lease(Lease&& o) noexcept : table_(o.table_), self_(o.self_), ctx_(o.ctx_), host_(o.host_), id_(std::exchange(o.id_, 0)) {}
  Lease& operator=(Lease&& o) noexcept {
    if (this != &o) {
      release();
      table_ = o.table_;
      self_ = o.self_;
      ctx_ = o.ctx_;
      host_ = o.host_;
      id_ = std::exchange(o.id_, 0);
    }
    return *this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { release(); }

  explicit operator bool() const noexcept { return id_ != 0; }
  const Table* operator->() const noexcept { return table_; }
  const Table& operator*() const noexcept { return *table_; }
  [[nodiscard]] void* self() const noexcept { return self_; }
  [[nodiscard]] tenon_id id() const noexcept { return id_; }
  /// A pointer call, nothing else. False positives of "function is not there" are the caller's: guard newer members with TENON_HAS.
  template <class R, class... Params, class... Args>
  R call(R (*const Table::*function)(void*, Params...) noexcept, Args&&... args) const noexcept {
    return (table_->*function)(self_, static_cast<Args&&>(args)...);
  }
  template <class R, class... Params, class... Args>
  R call(R (*Table::*function)(void*, Params...) noexcept, Args&&... args) const noexcept {
    return (table_->*function)(self_, static_cast<Args&&>(args)...);
  }
  /// [any]
  void release() noexcept {
    if (id_ != 0) (void)host_->release(ctx_, std::exchange(id_, 0));
  }

 private:
  const Table* table_ = nullptr;
  void* self_ = nullptr;
  tenon_ctx* ctx_ = nullptr;
  const tenon_lease* host_ = nullptr;
  tenon_id id_ = 0;
};

/// Where something is made once. A number; the root is `Scope{}`.
struct Scope {
  tenon_id id = TENON_SCOPE_ROOT;
};

/// What a scope carries; empty = from the scope around it.
struct ScopeInfo {
  std::string_view request_id{}, tenant{}, auth{};
  std::uint32_t kind = TENON_SCOPE_JOB;
  Clock::time_point deadline = Clock::time_point::max();
};

/// A scope of the module's own, closed at the end of its life.
class OwnScope {
 public:
  OwnScope() noexcept = default;
  OwnScope(tenon_ctx* ctx, const tenon_lease* host, tenon_id id) noexcept : ctx_(ctx), host_(host), id_(id) {}
  OwnScope(OwnScope&& o) noexcept : ctx_(o.ctx_), host_(o.host_), id_(std::exchange(o.id_, 0)) {}
  OwnScope& operator=(OwnScope&& o) noexcept {
    if (this != &o) {
      close();
      ctx_ = o.ctx_;
      host_ = o.host_;
      id_ = std::exchange(o.id_, 0);
    }
    return *this;
  }
  OwnScope(const OwnScope&) = delete;
  OwnScope& operator=(const OwnScope&) = delete;
  ~OwnScope() { close(); }
  operator Scope() const noexcept { return {id_}; }  // NOLINT(google-explicit-constructor)
  [[nodiscard]] tenon_id id() const noexcept { return id_; }
  /// Disposes what was made in it. [control][worker]
  void close() noexcept {
    if (id_ != 0) (void)host_->close_scope(ctx_, std::exchange(id_, 0));
  }

 private:
  tenon_ctx* ctx_ = nullptr;
  const tenon_lease* host_ = nullptr;
  tenon_id id_ = 0;
};

/// tenon.lease/1, for needs<...>. A pair of pointers; thread-safe.
class Leases {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_LEASE;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_lease, describe_scope);
  explicit Leases(Ctx ctx) : ctx_(ctx.raw()), table_(ctx.require<tenon_lease>(id)) {}

  /// In start or later. Errors: tenon/lease.h. [control][worker]
  template <class Table>
  Result<Lease<Table>> acquire(const Token<Table>& token, Scope scope = {}) const {
    tenon_leased leased{sizeof(tenon_leased), 0, 0, nullptr, nullptr};
    const tenon_token raw = token.raw();
    tenon_error error;
    detail::init_error(error);
    const tenon_status status = table_->acquire(ctx_, &raw, scope.id, &leased, &error);
    if (status != TENON_OK) return Status::from_c(status, error);
    return Lease<Table>(ctx_, table_, leased);
  }
  /// The scope of the call this thread is in; ends with it. [control][worker]
  Result<Scope> of(const Call& call) const { return call_scope(call, nullptr); }
  Result<Scope> of(const Call& call, const ScopeInfo& said) const { return call_scope(call, &said); }
  /// [any]
  Result<OwnScope> open(const ScopeInfo& said = {}, Scope outer = {}) const {
    const tenon_scope raw = to_raw(said);
    tenon_id out = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->open_scope(ctx_, outer.id, &raw, &out, e); });
    if (!status.ok()) return status;
    return OwnScope(ctx_, table_, out);
  }
  /// The texts live until the scope ends. [any]
  Result<ScopeInfo> describe(Scope scope) const {
    tenon_scope out{};
    out.struct_size = sizeof out;
    Status status = Status::of([&](tenon_error* e) { return table_->describe_scope(ctx_, scope.id, &out, e); });
    if (!status.ok()) return status;
    return ScopeInfo{view(out.request_id), view(out.tenant), view(out.auth), out.kind, detail::from_ns(out.deadline_ns)};
  }
  [[nodiscard]] const tenon_lease* table() const noexcept { return table_; }

 private:
  static tenon_scope to_raw(const ScopeInfo& said) {
    return {sizeof(tenon_scope), said.kind, to_c(said.request_id), to_c(said.tenant), to_c(said.auth), detail::to_ns(said.deadline)};
  }
  Result<Scope> call_scope(const Call& call, const ScopeInfo* said) const {
    tenon_scope raw{};
    if (said != nullptr) raw = to_raw(*said);
    Scope out;
    Status status =
        Status::of([&](tenon_error* e) { return table_->call_scope(ctx_, call.raw(), said != nullptr ? &raw : nullptr, &out.id, e); });
    if (!status.ok()) return status;
    return out;
  }
  tenon_ctx* ctx_;
  const tenon_lease* table_;
};

enum class Lifetime : std::uint32_t { singleton = TENON_SINGLETON, scoped = TENON_SCOPED, transient = TENON_TRANSIENT };

/// tenon.container/1, for needs<...>. A pair of pointers; thread-safe. Tables must live as long as somebody may hold them: make them constants.
class Container {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_CONTAINER;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_container, withdraw_wait);
  explicit Container(Ctx ctx) : ctx_(ctx.raw()), table_(ctx.require<tenon_container>(id)) {}

  /// Offers `self`, which the module keeps until its destructor; `replace`: instead of what it offered under this token before. [any]
  template <class Table>
  Result<tenon_id> provide(const Token<Table>& token, const Table* table, void* self, bool replace = false) const {
    const tenon_token raw = token.raw();
    const tenon_instance instance{sizeof(tenon_instance), 0, table, self};
    tenon_id out = 0;
    Status status = Status::of([&](tenon_error* e) {
      return table_->provide(ctx_, &raw, &instance, replace ? TENON_PROVIDE_REPLACE : 0U, nullptr, nullptr, &out, e);
    });
    if (!status.ok()) return status;
    return out;
  }
  /// The same, and hands the object over: it is deleted when nobody holds it any more.
  template <class Table, class Object>
  Result<tenon_id> provide(const Token<Table>& token, const Table* table, std::unique_ptr<Object> object, bool replace = false) const {
    const tenon_token raw = token.raw();
    const tenon_instance instance{sizeof(tenon_instance), 0, table, object.get()};
    tenon_id out = 0;
    Status status = Status::of([&](tenon_error* e) {
      return table_->provide(
          ctx_, &raw, &instance, replace ? TENON_PROVIDE_REPLACE : 0U, object.get(),
          [](void* data) noexcept { delete static_cast<Object*>(data); }, &out, e);
    });
    if (!status.ok()) return status;
    (void)object.release();
    return out;
  }
  /// f(Scope) or f(Scope, Call) -> Result<std::unique_ptr<Object>> makes what the functions of `table` take as self; it is deleted when its time has come. The
  /// host keeps f, and calls it on several threads at once unless the module is serial. With a Call: the module needs tenon::Calls. [any]
  template <class Table, class F>
  Result<tenon_id> provide_factory(const Token<Table>& token, Lifetime lifetime, const Table* table, F f, bool replace = false) const {
    constexpr bool takes_call = std::is_invocable_v<F&, Scope, Call>;
    static_assert(takes_call || std::is_invocable_v<F&, Scope>, "f is called with (tenon::Scope) or (tenon::Scope, tenon::Call)");
    struct Factory {
      F f;
      const Table* table;
      tenon_ctx* ctx;
      const tenon_calls* calls;
    };
    using Made = std::decay_t<decltype(*make_with<takes_call>(std::declval<Factory&>(), nullptr, Scope{}))>;
    using Object = typename Made::element_type;
    static_assert(std::is_same_v<Made, std::unique_ptr<Object>>, "f makes a std::unique_ptr<Object>, which is deleted by `delete`");
    auto owned = std::unique_ptr<Factory>(
        new Factory{std::move(f), table, ctx_, takes_call ? Ctx(ctx_).require<tenon_calls>(TENON_CALLS) : nullptr});
    tenon_factory functions{};
    functions.struct_size = sizeof functions;
    functions.lifetime = static_cast<std::uint32_t>(lifetime);
    functions.make = [](void* data, tenon_call* call, tenon_id scope, tenon_instance* out, tenon_error* err) noexcept -> tenon_status {
      auto& factory = *static_cast<Factory*>(data);
      return guard(err, [&]() -> Status {
        auto made = make_with<takes_call>(factory, call, Scope{scope});
        if (!made.ok()) return made.status();
        out->table = factory.table;
        out->self = std::move(*made).release();
        return Status();
      });
    };
    functions.dispose = [](void*, void* self) noexcept { delete static_cast<Object*>(self); };
    const tenon_token raw = token.raw();
    tenon_id out = 0;
    Status status = Status::of([&](tenon_error* e) {
      return table_->provide_factory(
          ctx_, &raw, &functions, replace ? TENON_PROVIDE_REPLACE : 0U, owned.get(),
          [](void* data) noexcept { delete static_cast<Factory*>(data); }, &out, e);
    });
    if (!status.ok()) return status;
    (void)owned.release();
    return out;
  }
  /// NOT_FOUND. [any]
  Status withdraw(tenon_id provided) const { return Status(table_->withdraw(ctx_, provided)); }
  /// And waits until nobody holds it. [control][worker]
  Status withdraw_wait(tenon_id provided, Clock::time_point deadline) const {
    return Status(table_->withdraw_wait(ctx_, provided, detail::to_ns(deadline)));
  }
  [[nodiscard]] const tenon_container* table() const noexcept { return table_; }

 private:
  template <bool takes_call, class Factory>
  static auto make_with(Factory& factory, tenon_call* call, Scope scope) {
    if constexpr (takes_call) {
      return factory.f(scope, Call(factory.ctx, factory.calls, call));
    } else {
      (void)call;
      return factory.f(scope);
    }
  }
  tenon_ctx* ctx_;
  const tenon_container* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
