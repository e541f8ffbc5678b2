// Handler: a callable of the module that the host keeps. What on_change, subscribe, watch, offer and the tasks have in common.
#ifndef TENON_CPP_HANDLER_HPP
#define TENON_CPP_HANDLER_HPP

#include "tenon/cpp/calls.hpp"

namespace tenon {
inline namespace v1 {
#pragma GCC visibility push(hidden)
namespace detail {

/// An F that is called with Args, and with a Call behind them if it takes one; only then the module needs tenon::Calls.
template <class F, class... Args>
class Handler {
 public:
  static constexpr bool takes_call = std::is_invocable_v<F&, Args..., Call>;
  static constexpr bool is_callable = takes_call || std::is_invocable_v<F&, Args...>;

  Handler(F f, Ctx ctx) : Handler(std::move(f), ctx.raw(), takes_call ? ctx.require<tenon_calls>(TENON_CALLS) : nullptr) {}
  Handler(F f, tenon_ctx* ctx, const tenon_calls* calls) : f_(std::move(f)), ctx_(ctx), calls_(calls) {}

  /// What F answers, inside guard().
  auto operator()([[maybe_unused]] tenon_call* call, Args... args) {
    if constexpr (takes_call) {
      return f_(std::forward<Args>(args)..., Call(ctx_, calls_, call));
    } else {
      return f_(std::forward<Args>(args)...);
    }
  }
  [[nodiscard]] const tenon_calls* calls() const noexcept { return calls_; }

  /// The body of the C function that gets the handler as `data`.
  static tenon_status run(void* data, tenon_call* call, tenon_error* err, Args... args) noexcept {
    return guard(err, [&] { return (*static_cast<Handler*>(data))(call, std::forward<Args>(args)...); });
  }
  static void release(void* data) noexcept { delete static_cast<Handler*>(data); }

 private:
  F f_;
  tenon_ctx* ctx_;
  const tenon_calls* calls_;
};

/// The host keeps `handler` if register_it(tenon_id*, tenon_error*) is OK; else it ends here.
template <class H, class Register>
Result<tenon_id> hand_over(std::unique_ptr<H> handler, Register&& register_it) {
  tenon_id id = 0;
  Status status = Status::of([&](tenon_error* e) { return register_it(&id, e); });
  if (!status.ok()) return status;
  (void)handler.release();
  return id;
}

}  // namespace detail
#pragma GCC visibility pop
}  // namespace v1
}  // namespace tenon

#endif
