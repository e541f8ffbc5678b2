// Proxies of tenon.calls/1: a call must be live, an id must not have been completed before.
#include "strict_tables.hpp"

namespace tenon::host {

template <>
const tenon_calls& real<tenon_calls>() {
  return calls_table;
}

bool check_call(const tenon_call* call, std::string_view function) noexcept {
  Strict* strict = strict_of_process();
  if (call == nullptr || strict == nullptr || strict->is_live(call)) return true;
  try {
    const std::string module = strict->holder_of_ended(call);
    strict->violation(module.empty() ? module_of_this_thread() : module, "STALE_CALL",
                      "`" + std::string(function) + "` got a call whose function has returned: defer() it and use the id");
  } catch (const std::bad_alloc&) {  // a check less
  }
  return false;
}

namespace {

std::int64_t deadline_ns(tenon_call* call) noexcept {
  return check_call(call, "tenon_calls.deadline_ns") ? calls_table.deadline_ns(call) : 0;
}
std::int32_t cancelled(tenon_call* call) noexcept { return check_call(call, "tenon_calls.cancelled") ? calls_table.cancelled(call) : 1; }
std::int32_t wait(tenon_call* call, std::int64_t until_ns) noexcept {
  if (!check_call(call, "tenon_calls.wait")) return 1;
  if (call != nullptr) check_caller(*call->instance, From::blocking, "tenon_calls.wait");
  return calls_table.wait(call, until_ns);
}
std::uint8_t* reserve(tenon_call* call, std::size_t n) noexcept {
  return check_call(call, "tenon_calls.reserve") ? calls_table.reserve(call, n) : nullptr;
}
tenon_status defer(tenon_call* call, tenon_id* out) noexcept {
  if (!check_call(call, "tenon_calls.defer")) return TENON_FAILED_PRECONDITION;
  const tenon_status status = calls_table.defer(call, out);
  if (status == TENON_FAILED_PRECONDITION) {
    try {
      strict_of(*call->instance)
          .violation(call->instance->name(), "WRONG_PHASE",
                     "`tenon_calls.defer`: this call cannot be answered later, only those of start, stop and services can");
    } catch (const std::bad_alloc&) {  // a check less
    }
  }
  return status;
}

tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_blob* body) noexcept {
  Instance* const instance = Instance::from(ctx);
  if (instance != nullptr) check_caller(*instance, From::any, "tenon_calls.complete");
  const tenon_status result = calls_table.complete(ctx, id, status, error, body);
  if (instance != nullptr) check_completed(*instance, result, id, "tenon_calls.complete");
  return result;
}

}  // namespace

const tenon_calls strict_calls_table = {sizeof(tenon_calls),
                                        0,
                                        &deadline_ns,
                                        &cancelled,
                                        &wait,
                                        &reserve,
                                        &defer,
                                        &complete,
                                        guarded<&tenon_calls::id_cancelled, From::any, "tenon_calls.id_cancelled">,
                                        guarded_id<&tenon_calls::on_cancel, From::any, "tenon_calls.on_cancel">};

}  // namespace tenon::host
