// What the fake host does with the module's health checks: runs them when the test asks.
#ifndef TENON_TESTING_HEALTH_HPP
#define TENON_TESTING_HEALTH_HPP

#include "tenon/health.h"
#include "tenon/testing/run.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

inline std::vector<HealthCheck> Host::health_checks() const {
  std::vector<HealthCheck> out;
  const auto* health = module_.query == nullptr ? nullptr : static_cast<const tenon_health*>(module_.query(TENON_STR(TENON_HEALTH)));
  if (health == nullptr) return out;
  for (std::size_t i = 0; i < health->check_count; ++i) {
    const tenon_health_check& c = *health->checks[i];
    out.push_back(
        {std::string(view(c.name)), c.required != 0, std::chrono::nanoseconds(c.timeout_ns), std::chrono::nanoseconds(c.interval_ns)});
  }
  return out;
}

inline Status Host::check_health(std::string_view name) {
  const auto* health = module_.query == nullptr ? nullptr : static_cast<const tenon_health*>(module_.query(TENON_STR(TENON_HEALTH)));
  if (!started_ || stopped_) return Status::failed_precondition("a real host asks for health between start and stop only");
  for (std::size_t i = 0; health != nullptr && i < health->check_count; ++i) {
    const tenon_health_check& c = *health->checks[i];
    if (view(c.name) != name) continue;
    const auto call = new_call(false);
    constexpr std::int64_t standard_ns = 5'000'000'000;
    if (time_per_call_ == std::chrono::nanoseconds::max())
      call->deadline_ns = detail::now_ns() + (c.timeout_ns != 0 ? c.timeout_ns : standard_ns);
    tenon_error error;
    tenon::detail::init_error(error);
    tenon_status code = TENON_OK;
    {
      const detail::Inside inside(this, TENON_THREAD_WORKER, call.get());
      code = c.check(self_, reinterpret_cast<tenon_call*>(call.get()), &error);
    }
    Status status = end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), "check");
    deliver();
    return status;
  }
  return Status::not_found("the module has no health check `" + std::string(name) + "`");
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
