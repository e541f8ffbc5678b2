// Proxies of tenon.metrics/1 and tenon.audit/1. The checks a module offers (tenon.health/1) are watched where they are called: health_part.cpp.
#include "metrics_part.hpp"
#include "strict_tables.hpp"

namespace tenon::host {

template <>
const tenon_metrics& real<tenon_metrics>() {
  return metrics_table;
}
template <>
const tenon_audit& real<tenon_audit>() {
  return audit_table;
}

namespace {

template <class Handle>
tenon_status given(tenon_ctx* ctx, tenon_status status, Handle* const* out) noexcept {
  Instance* instance = Instance::from(ctx);
  if (status != TENON_OK || instance == nullptr) return status;
  try {
    strict_of(*instance).handle_given(*instance, *out);
  } catch (const std::bad_alloc&) {  // what it counts is reported and dropped
  }
  return status;
}

void check_maker(tenon_ctx* ctx, std::string_view function) noexcept {
  if (Instance* instance = Instance::from(ctx)) check_caller(*instance, From::any, function);
}

tenon_status counter(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, std::size_t count, tenon_counter** out,
                     tenon_error* err) noexcept {
  check_maker(ctx, "tenon_metrics.counter");
  return given(ctx, metrics_table.counter(ctx, name, help, labels, count, out, err), out);
}
tenon_status gauge(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, std::size_t count, tenon_gauge** out,
                   tenon_error* err) noexcept {
  check_maker(ctx, "tenon_metrics.gauge");
  return given(ctx, metrics_table.gauge(ctx, name, help, labels, count, out, err), out);
}
tenon_status histogram(tenon_ctx* ctx, tenon_str name, tenon_str help, const double* bounds, std::size_t bound_count,
                       const tenon_kv* labels, std::size_t count, tenon_histogram** out, tenon_error* err) noexcept {
  check_maker(ctx, "tenon_metrics.histogram");
  return given(ctx, metrics_table.histogram(ctx, name, help, bounds, bound_count, labels, count, out, err), out);
}

/// A handle must be one that was given and is not over: what it points at is looked at only then.
bool may_use(const void* handle, std::string_view function) noexcept {
  Strict* strict = strict_of_process();
  if (handle == nullptr || strict == nullptr) return true;
  try {
    if (strict->with_holder(handle, [function](Instance& instance) { check_caller(instance, From::any, function); })) return true;
    const std::string module = strict->holder_of_ended_handle(handle);
    strict->violation(module.empty() ? module_of_this_thread() : module, "STALE_ID",
                      "`" + std::string(function) + "` got a handle that is over or was never given: it lives until destroy has returned");
  } catch (const std::bad_alloc&) {  // a check less
  }
  return false;
}

template <auto member, Name name>
struct Counting;
template <class Handle, class Value, void (*tenon_metrics::*member)(Handle*, Value) noexcept, Name name>
struct Counting<member, name> {
  static void call(Handle* handle, Value value) noexcept {
    if (may_use(handle, name.view())) (metrics_table.*member)(handle, value);
  }
};
template <auto member, Name name>
constexpr auto counting = &Counting<member, name>::call;

}  // namespace

const tenon_metrics strict_metrics_table = {sizeof(tenon_metrics),
                                            0,
                                            &counter,
                                            &gauge,
                                            &histogram,
                                            counting<&tenon_metrics::add, "tenon_metrics.add">,
                                            counting<&tenon_metrics::set, "tenon_metrics.set">,
                                            counting<&tenon_metrics::change, "tenon_metrics.change">,
                                            counting<&tenon_metrics::observe, "tenon_metrics.observe">};

const tenon_audit strict_audit_table = {sizeof(tenon_audit), 0, guarded<&tenon_audit::record, From::any, "tenon_audit.record">};

}  // namespace tenon::host
