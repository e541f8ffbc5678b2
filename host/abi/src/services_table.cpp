#include <algorithm>
#include <cstring>
#include <new>

#include "services_call.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

constexpr std::uint32_t known_flags = TENON_SERVICE_OFFLOAD | TENON_SERVICE_DEPRECATED;
constexpr std::uint32_t must_be_known = 0xffff;

Error refusal(Code code, std::string message, std::string reason) {
  return {code, std::move(message), std::move(reason), 0, ExitCode::software};
}

/// The part of an instance that may act; nullptr else, with the status to return.
ServicesPart* part_of(tenon_ctx* ctx, tenon_status& status) {
  Instance* const instance = Instance::from(ctx);
  ServicesPart* const part = instance == nullptr ? nullptr : instance->part<ServicesPart>();
  status = part == nullptr ? TENON_INVALID_ARGUMENT : instance->wedged() ? TENON_CANCELLED : TENON_OK;
  return status == TENON_OK ? part : nullptr;
}

tenon_status register_service(tenon_ctx* ctx, const tenon_service* service, tenon_id* out, tenon_error* err) noexcept {
  try {
    tenon_status status = TENON_OK;
    ServicesPart* const part = part_of(ctx, status);
    if (status == TENON_CANCELLED) return status;
    if (part == nullptr || out == nullptr || service == nullptr || service->struct_size < sizeof(tenon_service) ||
        service->handle == nullptr || !is_view(service->name))
      return give_error(
          err, refusal(Code::invalid_argument, "register_service needs a service with name, handle and struct_size, and a place for the id",
                       "BAD_SERVICE"));
    if (const std::uint32_t odd = service->flags & must_be_known & ~known_flags; odd != 0)
      return give_error(err, refusal(Code::invalid_argument, "this host does not know the flags " + std::to_string(odd) + " of a service",
                                     "UNKNOWN_FLAGS"));
    if (Instance::from(ctx)->phase() == Phase::create)
      return give_error(err,
                        refusal(Code::failed_precondition, "nothing is registered in create: register services in init", "WRONG_PHASE"));
    auto id = part->add(*service);
    if (!id) return give_error(err, id.error());
    *out = *id;
    return TENON_OK;
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

/// For functions without an error: `fn(part)` -> Code.
template <class F>
tenon_status with_part(tenon_ctx* ctx, F&& fn) noexcept {
  try {
    tenon_status status = TENON_OK;
    ServicesPart* const part = part_of(ctx, status);
    return part == nullptr ? status : static_cast<tenon_status>(fn(*part));
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

tenon_status unregister(tenon_ctx* ctx, tenon_id id) noexcept {
  return with_part(ctx, [id](ServicesPart& part) { return part.remove(id); });
}

tenon_status unregister_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns) noexcept {
  return with_part(ctx, [=](ServicesPart& part) { return part.remove_wait(id, deadline_ns); });
}

std::int32_t has(tenon_ctx* ctx, tenon_str name) noexcept {
  bool there = false;
  static_cast<void>(with_part(ctx, [&](ServicesPart& part) {
    there = is_view(name) && part.services().has(part.seat(), view(name));
    return Code::ok;
  }));
  return there ? 1 : 0;
}

tenon_status resolve(tenon_ctx* ctx, tenon_str name, tenon_id* handle, tenon_error* err) noexcept {
  try {
    tenon_status status = TENON_OK;
    ServicesPart* const part = part_of(ctx, status);
    if (status == TENON_CANCELLED) return status;
    if (part == nullptr || handle == nullptr || !is_view(name))
      return give_error(err, refusal(Code::invalid_argument, "resolve needs a name, and a place for the handle", "NULL_ARGUMENT"));
    auto id = part->services().resolve(part->seat(), view(name));
    if (!id) return give_error(err, id.error());
    *handle = *id;
    return TENON_OK;
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

tenon_status release_handle(tenon_ctx* ctx, tenon_id handle) noexcept {
  return with_part(ctx, [handle](ServicesPart& part) { return part.services().release_handle(part.seat(), handle); });
}

tenon_status cancel(tenon_ctx* ctx, tenon_id id) noexcept {
  return with_part(ctx, [id](ServicesPart& part) { return part.services().cancel(part.seat(), id); });
}

tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply* reply) noexcept {
  tenon_reply answer{};
  if (reply != nullptr) {
    if (reply->struct_size < sizeof answer) return TENON_INVALID_ARGUMENT;  // what would be ignored is the answer itself
    answer = *reply;
    answer.buffer = nullptr;
    answer.capacity = 0;
    reply->payload.release = nullptr;  // taken whatever happens
  }
  tenon_status usable = TENON_OK;
  if (part_of(ctx, usable) == nullptr) {
    if (answer.payload.release != nullptr) answer.payload.release(answer.payload.owner);
    return usable;
  }
  return complete_service(*Instance::from(ctx), id, status, error, answer);
}

tenon_status describe(tenon_call* raw, tenon_call_info* out) noexcept {
  tenon_call* const call = full_call(raw);
  if (call == nullptr || out == nullptr) return TENON_INVALID_ARGUMENT;
  if (!call->target->is_service) return TENON_FAILED_PRECONDITION;
  const auto& service = static_cast<const ServiceCall&>(*call->target);
  tenon_call_info all{};
  all.struct_size = out->struct_size;
  all.caller_generation = service.caller_generation();
  all.caller = c_str(service.caller());
  all.service = c_str(service.service());
  all.traceparent = c_str(service.trace_parent());
  std::memcpy(out, &all, std::min<std::size_t>(out->struct_size, sizeof all));
  return TENON_OK;
}

}  // namespace

const tenon_services services_table = {sizeof(tenon_services),
                                       0,
                                       &register_service,
                                       &unregister,
                                       &unregister_wait,
                                       &has,
                                       &resolve,
                                       &release_handle,
                                       &call_by_handle,
                                       &call_by_name,
                                       &call_async_by_handle,
                                       &call_async_by_name,
                                       &cancel,
                                       &complete,
                                       &describe};

}  // namespace tenon::host
