#include <algorithm>
#include <new>
#include <utility>

#include "abi/instance.hpp"
#include "abi/strict.hpp"
#include "kernel/container.hpp"
#include "kernel/services.hpp"
#include "kernel/workers.hpp"
#include "services_part.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_reserved = 64 * 1024;

/// What functions for any thread may see of a call: the tenon_call of the short way is made, and used, by the thread of the handler alone.
struct Seen {
  explicit Seen(tenon_call* raw) {
    if (raw == nullptr) return;
    auto& known = *reinterpret_cast<Call*>(raw);
    target = known.is_service ? &known : raw->target;
    provider = known.is_service ? static_cast<const CHandler*>(target_of(static_cast<ServiceCall&>(known)).data)->provider : raw->instance;
  }
  Call* target = nullptr;
  const Instance* provider = nullptr;
};

std::int64_t deadline_ns(tenon_call* raw) noexcept {
  const Seen call(raw);
  return call.target == nullptr ? no_deadline : deadline_of(*call.target);
}

std::int32_t cancelled(tenon_call* raw) noexcept {
  const Seen call(raw);
  return call.target == nullptr || call.provider->wedged() || is_cancelled(*call.target) ? 1 : 0;
}

std::int32_t wait(tenon_call* raw, std::int64_t until_ns) noexcept {
  tenon_call* const call = full_call(raw);
  if (call == nullptr || call->instance->wedged()) return 1;
  const Blocking blocking;
  if (!call->target->is_service) return call->target->wait_cancelled(until_ns) ? 1 : 0;
  // Nobody wakes a service call whose caller's caller has given up, or whose provider is leaving: it is looked at in slices.
  constexpr std::int64_t slice_ns = 10'000'000;
  for (;;) {
    if (is_cancelled(*call->target)) return 1;
    const std::int64_t now = monotonic_ns();
    if (until_ns <= now) return is_cancelled(*call->target) ? 1 : 0;  // that time may be its deadline
    if (call->target->wait_cancelled(until_ns - now > slice_ns ? now + slice_ns : until_ns)) return 1;
  }
}

std::uint8_t* reserve(tenon_call* raw, std::size_t n) noexcept {
  tenon_call* const call = full_call(raw);
  return call == nullptr ? nullptr : call->reserve(n);
}

tenon_status defer(tenon_call* raw, tenon_id* out) noexcept {
  tenon_call* const call = full_call(raw);
  if (call == nullptr || out == nullptr) return TENON_INVALID_ARGUMENT;
  if (call->instance->wedged()) return TENON_CANCELLED;
  try {
    if (call->target->is_service) return static_cast<tenon_status>(static_cast<ServiceCall*>(call->target)->defer(*out));
    return call->instance->defer(call, out);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

/// Whose call an id is: of the lifecycle, or of a service. nullptr: no service call was ever deferred here.
ServicesPart* services_of(const Instance& instance, tenon_id id) {
  return (id & lifecycle_id) != 0 ? nullptr : instance.part<ServicesPart>();
}

tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_blob* body) noexcept {
  tenon_blob taken = body == nullptr ? tenon_blob{} : *body;  // taken whatever happens
  if (body != nullptr) body->release = nullptr;
  Instance* instance = Instance::from(ctx);
  const bool usable = instance != nullptr && !instance->wedged();
  if (usable && services_of(*instance, id) != nullptr) {
    tenon_reply reply{};
    reply.struct_size = sizeof reply;
    reply.payload = taken;
    return complete_service(*instance, id, status, error, reply);
  }
  if (taken.release != nullptr) taken.release(taken.owner);  // a lifecycle call has no use for it
  if (instance == nullptr) return TENON_INVALID_ARGUMENT;
  if (!usable) return TENON_CANCELLED;
  try {
    return instance->complete(id, status, error);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

std::int32_t id_cancelled(tenon_ctx* ctx, tenon_id id) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || instance->wedged()) return 1;
  if (ServicesPart* part = services_of(*instance, id)) return part->services().id_cancelled(part->seat(), id) ? 1 : 0;
  return instance->id_cancelled(id) ? 1 : 0;
}

tenon_status on_cancel(tenon_ctx* ctx, tenon_id id, tenon_call_ended fn, void* data) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || fn == nullptr) return TENON_INVALID_ARGUMENT;
  if (instance->wedged()) return TENON_CANCELLED;
  try {
    if (ServicesPart* part = services_of(*instance, id)) return on_service_cancel(*part, id, fn, data);
    return instance->on_cancel(id, fn, data);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

}  // namespace

tenon_call* full_call(tenon_call* raw) {
  if (raw == nullptr || !reinterpret_cast<Call*>(raw)->is_service) return raw;
  auto& room = *reinterpret_cast<ServiceRoom*>(raw);
  if (!has_room(room.place.call)) {
    const auto& handler = *static_cast<const CHandler*>(target_of(room.place.call).data);
    new (&room.full) tenon_call(*handler.provider, room.place.call);
    use_room(room.place.call);
  }
  return &room.full;
}

}  // namespace tenon::host

/// A block of reserved memory.
struct alignas(16) tenon_call::Block {
  Block* next;
  std::byte* lent;  ///< its bytes, on the pages of a strict host; nullptr: they follow
};

std::uint8_t* tenon_call::reserve(std::size_t n) noexcept {
  // Every block counts at least its own size, so that asking for nothing is bounded too.
  if (n > tenon::host::max_reserved) return nullptr;
  if (reserved_bytes + std::max(n, sizeof(Block)) > tenon::host::max_reserved) return nullptr;
  tenon::host::Strict* const strict = instance->host().strict();
  std::byte* const lent =
      strict == nullptr ? nullptr : strict->lend(*instance, "memory of tenon_calls.reserve", std::max<std::size_t>(n, 1));
  void* memory = ::operator new(lent == nullptr ? n + sizeof(Block) : sizeof(Block), std::nothrow);
  if (memory == nullptr) {
    if (lent != nullptr) strict->take_back(lent);
    return nullptr;
  }
  reserved_bytes += std::max(n, sizeof(Block));
  reserved_ = new (memory) Block{reserved_, lent};
  return lent != nullptr ? reinterpret_cast<std::uint8_t*>(lent) : reinterpret_cast<std::uint8_t*>(reserved_ + 1);
}

void tenon_call::free_reserved() noexcept {
  if (scope != nullptr) delete std::exchange(scope, nullptr);
  while (reserved_ != nullptr) {
    if (reserved_->lent != nullptr) instance->host().strict()->take_back(reserved_->lent);
    ::operator delete(std::exchange(reserved_, reserved_->next));
  }
  reserved_bytes = 0;
}

namespace tenon::host {

const tenon_calls calls_table = {sizeof(tenon_calls), 0,         &deadline_ns, &cancelled, &wait, &reserve, &defer, &complete,
                                 &id_cancelled,       &on_cancel};

}  // namespace tenon::host
