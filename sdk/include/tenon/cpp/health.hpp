// HealthChecks: the table of the capability `health`, made of member functions.
//
//   static const void* query(std::string_view id) noexcept {
//     static constexpr tenon::HealthChecks checks(tenon::required_check<Orders, &Orders::database>("database"),
//                                                 tenon::optional_check<Orders, &Orders::cache>("cache", 500ms, 30s));
//     return id == TENON_HEALTH ? checks.table() : nullptr;
//   }
//   tenon::Status database(tenon::Call call);  // or (), void: throws Failure; on several threads at once with everything else [worker]
//
// The class is that of the module, on whose object the checks run, also where it inherits them. A base that has the query() for the module takes
// the module as a template parameter: `&Orders::database` is a member of the base where it is declared, and does not tell whose object that is.
#ifndef TENON_CPP_HEALTH_HPP
#define TENON_CPP_HEALTH_HPP

#include "tenon/cpp/module.hpp"
#include "tenon/health.h"

namespace tenon {
inline namespace v1 {

#pragma GCC visibility push(hidden)
namespace detail {

template <class T, auto Member>
tenon_status run_check(void* self, tenon_call* call, tenon_error* err) noexcept {
  return guard(err, [&] {
    auto& seat = *static_cast<Seat<T>*>(self);
    if constexpr (std::is_invocable_v<decltype(Member), T&, Call>) {
      static_assert(has_calls<T>, "a check that takes a tenon::Call needs tenon::Calls in `needs`");
      return (seat.object.*Member)(Call(seat.ctx, seat.calls, call));
    } else {
      (void)call;
      static_assert(std::is_invocable_v<decltype(Member), T&>, "a check is called with () or (tenon::Call)");
      return (seat.object.*Member)();
    }
  });
}

template <class T, auto Member>
constexpr tenon_health_check make_check(bool required, std::string_view name, std::chrono::nanoseconds timeout,
                                        std::chrono::nanoseconds interval) noexcept {
  static_assert(has_query<T>::value, "this class is no module with a query(): the class of a check is that of the module, not of a base");
  return {sizeof(tenon_health_check), required ? 1U : 0U, timeout.count(), interval.count(), to_c(name), &run_check<T, Member>};
}

}  // namespace detail
#pragma GCC visibility pop

/// Without it the module is of no use: while it fails, the host is not ready. 0 = the host's default.
template <class Module, auto Member>
constexpr tenon_health_check required_check(std::string_view name, std::chrono::nanoseconds timeout = {},
                                            std::chrono::nanoseconds interval = {}) noexcept {
  return detail::make_check<Module, Member>(true, name, timeout, interval);
}
/// Without it the module only works worse: while it fails, the host is degraded.
template <class Module, auto Member>
constexpr tenon_health_check optional_check(std::string_view name, std::chrono::nanoseconds timeout = {},
                                            std::chrono::nanoseconds interval = {}) noexcept {
  return detail::make_check<Module, Member>(false, name, timeout, interval);
}

/// Constant data that points into itself: a `static constexpr` object.
template <std::size_t N>
class HealthChecks {
 public:
  template <class... Checks>
  explicit constexpr HealthChecks(Checks... checks) noexcept : checks_{checks...} {
    for (std::size_t i = 0; i < N; ++i) list_[i] = &checks_[i];
  }
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;
  [[nodiscard]] constexpr const tenon_health* table() const noexcept { return &table_; }

 private:
  tenon_health_check checks_[N];
  const tenon_health_check* list_[N] = {};
  tenon_health table_ = {sizeof(tenon_health), 0U, list_, N};
};
template <class... Checks>
HealthChecks(Checks...) -> HealthChecks<sizeof...(Checks)>;

}  // namespace v1
}  // namespace tenon

#endif
