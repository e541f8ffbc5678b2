#include <new>

#include "abi/instance.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_reserved = 64 * 1024;

std::int64_t deadline_ns(tenon_call* call) noexcept {
  return call == nullptr ? no_deadline : call->deadline_ns.load(std::memory_order_relaxed);
}

std::int32_t is_cancelled(tenon_call* call) noexcept {
  return call == nullptr || call->instance->wedged() || call->cancelled.load(std::memory_order_relaxed) != 0 ? 1 : 0;
}

std::int32_t wait(tenon_call* call, std::int64_t until_ns) noexcept {
  if (call == nullptr || call->instance->wedged()) return 1;
  return call->instance->wait(call, until_ns) ? 1 : 0;
}

std::uint8_t* reserve(tenon_call* call, std::size_t n) noexcept {
  if (call == nullptr || n > max_reserved - call->reserved_bytes) return nullptr;
  try {
    // new[] of this size is aligned for every type up to 16 bytes.
    call->reserved.push_back(std::make_unique<std::uint8_t[]>(n));
    call->reserved_bytes += n;
    return call->reserved.back().get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

tenon_status defer(tenon_call* call, tenon_id* out) noexcept {
  if (call == nullptr || out == nullptr) return TENON_INVALID_ARGUMENT;
  if (call->instance->wedged()) return TENON_CANCELLED;
  try {
    return call->instance->defer(call, out);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_blob* body) noexcept {
  if (body != nullptr && body->release != nullptr) {  // taken whatever happens; a lifecycle call has no use for it
    const auto release = body->release;
    body->release = nullptr;
    release(body->owner);
  }
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr) return TENON_INVALID_ARGUMENT;
  if (instance->wedged()) return TENON_CANCELLED;
  try {
    return instance->complete(id, status, error);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

std::int32_t id_cancelled(tenon_ctx* ctx, tenon_id id) noexcept {
  Instance* instance = Instance::from(ctx);
  return instance == nullptr || instance->wedged() || instance->id_cancelled(id) ? 1 : 0;
}

tenon_status on_cancel(tenon_ctx* ctx, tenon_id id, tenon_call_ended fn, void* data) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || fn == nullptr) return TENON_INVALID_ARGUMENT;
  if (instance->wedged()) return TENON_CANCELLED;
  try {
    return instance->on_cancel(id, fn, data);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

}  // namespace

const tenon_calls calls_table = {sizeof(tenon_calls), 0,         &deadline_ns, &is_cancelled, &wait, &reserve, &defer, &complete,
                                 &id_cancelled,       &on_cancel};

}  // namespace tenon::host
