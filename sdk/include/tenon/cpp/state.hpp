// State: what is in storage now, read from memory. StateSpace is one namespace of it.
#ifndef TENON_CPP_STATE_HPP
#define TENON_CPP_STATE_HPP

#include "tenon/cpp/handler.hpp"
#include "tenon/cpp/storage.hpp"
#include "tenon/state.h"

namespace tenon {
inline namespace v1 {

/// What happened to one key; TENON_STATE_RESET: to everything, read it anew. Borrowed until the handler returns.
class StateChange {
 public:
  explicit StateChange(const tenon_state_change& raw) noexcept : raw_(&raw) {}
  [[nodiscard]] std::uint32_t kind() const noexcept { return raw_->kind; }
  [[nodiscard]] std::string_view key() const noexcept { return Bytes(raw_->key).text(); }
  [[nodiscard]] std::uint64_t revision() const noexcept { return raw_->revision; }

 private:
  const tenon_state_change* raw_;
};

/// The changes of one delivery: size, [i], for (StateChange change : changes).
using StateChanges = Views<StateChange, tenon_state_change>;

using StateCursor = BasicCursor<tenon_state>;

/// One namespace: two pointers and an id; copy it freely. Thread-safe.
class StateSpace {
 public:
  StateSpace() noexcept = default;  ///< of nothing: only to be assigned to
  StateSpace(tenon_ctx* ctx, const tenon_state* table, tenon_id id) noexcept : ctx_(ctx), table_(table), id_(id) {}
  [[nodiscard]] tenon_id id() const noexcept { return id_; }

  /// The C call: OK, NOT_FOUND, or OUT_OF_RANGE (info.size says what it takes). Allocates nothing. [any]
  [[nodiscard]] tenon_status get(BytesArg key, std::uint8_t* buffer, std::size_t capacity, tenon_value_info& info) const noexcept {
    return table_->get(ctx_, id_, key, buffer, capacity, &info);
  }
  /// Into an object that is used again; false if there is none. [any]
  bool get(BytesArg key, Stored& out) const {
    if (out.value.capacity() < 256) out.value.reserve(256);
    out.value.resize(out.value.capacity());
    for (;;) {
      tenon_value_info info = detail::empty_info();
      const tenon_status status = get(key, detail::bytes_of(out.value), out.value.size(), info);
      if (status == TENON_OK) {
        detail::fill(out, info);
        return true;
      }
      if (status != TENON_OUT_OF_RANGE) {
        out = Stored();
        return false;
      }
      out.value.resize(static_cast<std::size_t>(info.size));
    }
  }
  /// [any]
  [[nodiscard]] std::optional<Stored> get(BytesArg key) const {
    Stored out;
    if (!get(key, out)) return std::nullopt;
    return out;
  }

  /// Rows without values. [control][worker]
  Result<StateCursor> keys(BytesArg prefix = "") const {
    tenon_id cursor = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->keys(ctx_, id_, prefix, &cursor, e); });
    if (!status.ok()) return status;
    return StateCursor(ctx_, table_, cursor);
  }
  /// f(StorageRow) for all keys below `prefix`, in their order; returning false ends it. [control][worker]
  template <class F>
  Status for_each_key(BytesArg prefix, F&& f) const {
    Result<StateCursor> cursor = keys(prefix);
    if (!cursor.ok()) return cursor.status();
    return detail::each_row(std::move(*cursor), std::forward<F>(f));
  }

  /// f(StateChanges) or f(StateChanges, Call), returning Status or void, hears of changes below `prefix` on a worker, one delivery at a time, not before
  /// start was called. The host keeps f until the watch has ended. Watch first, then read. [any]
  template <class F>
  Result<tenon_id> watch(BytesArg prefix, F f) const {
    using Handler = detail::Handler<F, StateChanges>;
    static_assert(Handler::is_callable, "f is called with (tenon::StateChanges) or (changes, tenon::Call)");
    auto handler = std::make_unique<Handler>(std::move(f), Ctx(ctx_));
    const auto changed = [](void* data, tenon_call* call, const tenon_state_change* const* changes, std::size_t count,
                            tenon_error* err) noexcept { return Handler::run(data, call, err, StateChanges(changes, count)); };
    void* const data = handler.get();
    return detail::hand_over(std::move(handler), [&](tenon_id* out, tenon_error* e) {
      return table_->watch(ctx_, id_, prefix, changed, data, &Handler::release, out, e);
    });
  }
  /// Nothing begins to be delivered after it returned. [any]
  Status unwatch(tenon_id registration) const noexcept { return Status(table_->unwatch(ctx_, registration)); }
  /// The same, and waits until f is gone. Not inside f. [control][worker]
  Status unwatch_wait(tenon_id registration, Clock::time_point deadline) const {
    return Status::of([&](tenon_error* e) { return table_->unwatch_wait(ctx_, registration, detail::to_ns(deadline), e); });
  }

 private:
  tenon_ctx* ctx_ = nullptr;
  const tenon_state* table_ = nullptr;
  tenon_id id_ = 0;
};

/// The interface, for needs<...>.
class State {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_STATE;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_state, unwatch_wait);

  /// Throws Failure if the host gives none (see needs<...>).
  explicit State(Ctx ctx) : ctx_(ctx.raw()), table_(ctx.require<tenon_state>(id)) {}

  /// A namespace: the module's own (its name), or one granted. [control][worker]
  Result<StateSpace> open(std::string_view name) const {
    tenon_id space = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->open(ctx_, to_c(name), &space, e); });
    if (!status.ok()) return status;
    return StateSpace(ctx_, table_, space);
  }
  [[nodiscard]] const tenon_state* table() const noexcept { return table_; }

 private:
  tenon_ctx* ctx_;
  const tenon_state* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
