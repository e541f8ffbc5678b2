// Proxies of tenon.services/1: calls go the long way, on which a request is lent and a call is known.
#include <algorithm>
#include <cstring>
#include <utility>

#include "services_call.hpp"
#include "strict_tables.hpp"

namespace tenon::host {

template <>
const tenon_services& real<tenon_services>() {
  return services_table;
}

namespace {

template <class Call>
tenon_status checked(tenon_ctx* ctx, tenon_error* err, std::string_view function, Call&& make) noexcept {
  Instance* const instance = Instance::from(ctx);
  if (instance == nullptr) return make(err);
  const bool may = check_caller(*instance, From::blocking, function);
  Listening listening;
  listening.to(err);
  const tenon_status status = make(err);
  if (may) check_call_refusal(*instance, status, *listening.error(), function);
  return status;
}

tenon_status call(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, tenon_reply* reply, const tenon_call_options* options,
                  tenon_error* err) noexcept {
  return checked(ctx, err, "tenon_services.call",
                 [&](tenon_error* e) { return call_by_handle_checked(ctx, handle, request, reply, options, e); });
}

tenon_status by_name(tenon_ctx* ctx, tenon_str name, const tenon_request* request, tenon_reply* reply, const tenon_call_options* options,
                     tenon_error* err) noexcept {
  return checked(ctx, err, "tenon_services.call_by_name",
                 [&](tenon_error* e) { return call_by_name_checked(ctx, name, request, reply, options, e); });
}

tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply* reply) noexcept {
  Instance* const instance = Instance::from(ctx);
  if (instance != nullptr) check_caller(*instance, From::any, "tenon_services.complete");
  const tenon_status result = services_table.complete(ctx, id, status, error, reply);
  if (instance != nullptr) check_completed(*instance, result, id, "tenon_services.complete");
  return result;
}

/// The texts on pages that are gone when the handler has returned; they stay as they are without memory for it.
void lend_texts(const tenon_call& call, tenon_call_info& info) noexcept {
  Strict& strict = strict_of(*call.instance);
  tenon_str* const texts[] = {&info.caller, &info.service, &info.traceparent};
  std::size_t size = 0;
  for (const tenon_str* text : texts) size += text->len;
  if (size == 0) return;
  std::byte* const lent = strict.lend(*call.instance, "what tenon_services.info tells", size);
  if (lent == nullptr) return;
  if (!strict.ends_with(&call, lent)) return strict.take_back(lent);
  auto* at = reinterpret_cast<char*>(lent);
  for (tenon_str* text : texts) {
    if (text->len == 0) continue;
    std::memcpy(at, text->ptr, text->len);
    text->ptr = std::exchange(at, at + text->len);
  }
}

tenon_status describe(tenon_call* call, tenon_call_info* out) noexcept {
  if (!check_call(call, "tenon_services.info")) return TENON_FAILED_PRECONDITION;
  tenon_call_info all{};
  all.struct_size = sizeof all;
  const tenon_status status = services_table.info(call, out == nullptr ? nullptr : &all);
  if (status != TENON_OK) return status;
  lend_texts(*call, all);
  all.struct_size = out->struct_size;
  std::memcpy(out, &all, std::min<std::size_t>(out->struct_size, sizeof all));
  return TENON_OK;
}

/// Cancelling what has just been answered is no mistake, a number that was never a call is: the generation of its place is in the upper half of an
/// id, and is never 0.
bool no_call(Instance&, tenon_id id, const tenon_error*) noexcept { return id >> 32U == 0; }

}  // namespace

const tenon_services strict_services_table = [] {
  tenon_services table = services_table;
  table.register_service = guarded<&tenon_services::register_service, From::any, "tenon_services.register_service">;
  table.unregister = guarded_id<&tenon_services::unregister, From::any, "tenon_services.unregister">;
  table.unregister_wait = guarded_id<&tenon_services::unregister_wait, From::blocking, "tenon_services.unregister_wait">;
  table.release_handle = guarded_id<&tenon_services::release_handle, From::any, "tenon_services.release_handle">;
  table.has = present<&tenon_services::has, "tenon_services.has">;
  table.resolve = present<&tenon_services::resolve, "tenon_services.resolve">;
  table.call_async = present<&tenon_services::call_async, "tenon_services.call_async">;
  table.call_async_by_name = present<&tenon_services::call_async_by_name, "tenon_services.call_async_by_name">;
  table.cancel = guarded_id<&tenon_services::cancel, From::any, "tenon_services.cancel", &no_call>;
  table.call = &call;
  table.call_by_name = &by_name;
  table.complete = &complete;
  table.info = &describe;
  return table;
}();

}  // namespace tenon::host
