// Call and Deferred: deadline, cancellation and late answers of the call a module is in.
#ifndef TENON_CPP_CALLS_HPP
#define TENON_CPP_CALLS_HPP

#include <chrono>

#include "tenon/calls.h"
#include "tenon/cpp/context.hpp"

namespace tenon {
inline namespace v1 {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC

namespace detail {

/// Times as the C tables have them: INT64_MAX = never.
inline std::int64_t to_ns(Clock::time_point time) noexcept {
  if (time == Clock::time_point::max()) return INT64_MAX;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
inline Clock::time_point from_ns(std::int64_t ns) noexcept {
  return ns == INT64_MAX ? Clock::time_point::max() : Clock::time_point(std::chrono::nanoseconds(ns));
}

}  // namespace detail

/// A call that goes on after its function returned PENDING. Move-only: whoever holds it owes exactly one complete(). Dropped
/// without an answer it completes by itself, with CANCELLED if nobody waits any more, else INTERNAL `DEFERRED_DROPPED`.
class Deferred {
 public:
  Deferred() noexcept = default;
  Deferred(tenon_ctx* ctx, const tenon_calls* table, tenon_id id) noexcept : ctx_(ctx), table_(table), id_(id) {}
  Deferred(Deferred&& o) noexcept : ctx_(o.ctx_), table_(o.table_), id_(std::exchange(o.id_, 0)) {}
  Deferred& operator=(Deferred&& o) noexcept {
    if (this != &o) {
      drop();
      ctx_ = o.ctx_;
      table_ = o.table_;
      id_ = std::exchange(o.id_, 0);
    }
    return *this;
  }
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  ~Deferred() { drop(); }

  /// False once it was completed, moved from, or never deferred.
  explicit operator bool() const noexcept { return id_ != 0; }
  [[nodiscard]] tenon_id id() const noexcept { return id_; }

  /// Ends the call. FAILED_PRECONDITION if this object holds none (any more); NOT_FOUND if the host has ended it already; RESOURCE_EXHAUSTED
  /// if there was no memory for it: then it holds the call still, to be completed with less, or dropped. [any]
  Status complete(const Status& status = Status()) noexcept { return finish(status, nullptr); }
  Status complete(const Status& status, Blob body) noexcept {
    tenon_blob raw = body.hand_over();
    if (id_ == 0 && raw.release != nullptr) raw.release(raw.owner);
    return finish(status, &raw);
  }
  /// True once nobody waits for the answer any more. [any]
  [[nodiscard]] bool cancelled() const noexcept { return id_ == 0 || table_->id_cancelled(ctx_, id_) != 0; }

  /// f(tenon_status why) runs exactly once on a thread of the host: CANCELLED as soon as nobody waits any more, else OK at the end of the
  /// call. One per call. [any]
  template <class F>
  Status on_cancel(F f) {
    if (id_ == 0) return Status(TENON_FAILED_PRECONDITION);
    static_assert(std::is_nothrow_invocable_v<F, tenon_status>, "on_cancel runs on a thread of the host: declare it noexcept");
    auto owned = std::make_unique<F>(std::move(f));
    const tenon_status status = table_->on_cancel(
        ctx_, id_,
        [](void* data, tenon_status why) noexcept {
          std::unique_ptr<F> fn(static_cast<F*>(data));
          (*fn)(why);
        },
        owned.get());
    if (status == TENON_OK) (void)owned.release();
    return Status(status);
  }

 private:
  Status finish(const Status& status, tenon_blob* body) noexcept {
    if (id_ == 0) return Status(TENON_FAILED_PRECONDITION);
    return Status(end(status.code(), status.error(), body));
  }
  void drop() noexcept {
    if (id_ == 0) return;
    tenon_error error;
    detail::init_error(error);
    const tenon_status status = cancelled() ? TENON_CANCELLED : TENON_INTERNAL;
    detail::fill(&error, status, "DEFERRED_DROPPED", "the module dropped a deferred call without completing it");
    if (end(status, &error, nullptr) == TENON_RESOURCE_EXHAUSTED) (void)end(status, nullptr, nullptr);
  }
  /// Empty before the host hears of it: once the call has ended, this object may be gone.
  tenon_status end(tenon_status status, const tenon_error* error, tenon_blob* body) noexcept {
    const tenon_id id = std::exchange(id_, 0);
    const tenon_status result = table_->complete(ctx_, id, status, error, body);
    if (result == TENON_RESOURCE_EXHAUSTED) id_ = id;  // the call is open still
    return result;
  }

  tenon_ctx* ctx_ = nullptr;
  const tenon_calls* table_ = nullptr;
  tenon_id id_ = 0;
};

/// The call a phase or handler runs in; valid until that function returns. Three pointers.
class Call {
 public:
  Call(tenon_ctx* ctx, const tenon_calls* table, tenon_call* raw) noexcept : ctx_(ctx), table_(table), raw_(raw) {}
  [[nodiscard]] tenon_call* raw() const noexcept { return raw_; }

  /// When its time is up; Clock::time_point::max() = never. [any]
  [[nodiscard]] Clock::time_point deadline() const noexcept { return detail::from_ns(table_->deadline_ns(raw_)); }
  /// True once nobody waits any more: give up soon. [any]
  [[nodiscard]] bool cancelled() const noexcept { return table_->cancelled(raw_) != 0; }
  /// Sleeps until `time`, or until the call is cancelled (true). [control][worker]
  [[nodiscard]] bool wait_until(Clock::time_point time) const noexcept { return table_->wait(raw_, detail::to_ns(time)) != 0; }
  [[nodiscard]] bool wait_for(Clock::duration duration) const noexcept {
    const auto now = Clock::now();
    return wait_until(duration < Clock::time_point::max() - now ? now + duration : Clock::time_point::max());
  }
  /// Host memory for a small reply, freed with the call; nullptr beyond 64 KiB in all. [control][worker]
  [[nodiscard]] std::uint8_t* reserve(std::size_t n) const noexcept { return table_->reserve(raw_, n); }
  /// Makes the call outlive the function, which then returns Status::pending(). Where PENDING is not allowed: FAILED_PRECONDITION. [control][worker]
  Result<Deferred> defer() const {
    tenon_id id = 0;
    const tenon_status status = table_->defer(raw_, &id);
    if (status != TENON_OK) return Status(status, "DEFER", "this call cannot be deferred");
    return Deferred(ctx_, table_, id);
  }

 private:
  tenon_ctx* ctx_;
  const tenon_calls* table_;
  tenon_call* raw_;
};

/// The interface, for needs<...>: a phase that takes a Call needs it.
class Calls {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_CALLS;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_calls, on_cancel);
  explicit Calls(Ctx ctx) : ctx_(ctx.raw()), table_(ctx.require<tenon_calls>(id)) {}
  [[nodiscard]] Call wrap(tenon_call* raw) const noexcept { return {ctx_, table_, raw}; }
  [[nodiscard]] const tenon_calls* table() const noexcept { return table_; }

 private:
  tenon_ctx* ctx_;
  const tenon_calls* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
