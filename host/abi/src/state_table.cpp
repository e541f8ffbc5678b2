#include "kernel/workers.hpp"
#include "space_table.hpp"
#include "state_part.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

template <class Work>
tenon_status with_part(tenon_ctx* ctx, bool valid, tenon_error* err, Work&& work) noexcept {
  return with_space_part<StatePart>(TENON_STATE, "state", ctx, valid, err, std::forward<Work>(work));
}

tenon_status open(tenon_ctx* ctx, tenon_str name, tenon_id* out, tenon_error* err) noexcept {
  return with_part(ctx, is_view(name) && out != nullptr, err,
                   [&](Instance&, StatePart& part) { return give_id(part.open(std::string(view(name))), out); });
}

// Nothing here allocates, locks or can throw.
tenon_status get(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint8_t* buffer, std::size_t capacity,
                 tenon_value_info* info) noexcept {
  const Instance* const instance = Instance::from(ctx);
  if (instance == nullptr || !is_view(key) || (buffer == nullptr && capacity != 0) ||
      (info != nullptr && info->struct_size < value_info_size))
    return TENON_INVALID_ARGUMENT;
  if (instance->wedged()) return TENON_CANCELLED;
  const StatePart* const part = instance->part<StatePart>();
  if (part == nullptr) return TENON_UNAVAILABLE;
  const OpenSpaces::Space* const open = part->space(space);
  if (open == nullptr) return TENON_NOT_FOUND;
  ValueHead found;
  const Code code =
      part->state().get(open->id, view(key), buffer_view(buffer, capacity), found, info == nullptr ? nullptr : info->content_type);
  if (info != nullptr && code != Code::not_found) give_head(*info, found);
  return static_cast<tenon_status>(code);
}

tenon_status keys(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) noexcept {
  return with_part(ctx, is_view(prefix) && cursor != nullptr, err,
                   [&](Instance&, StatePart& part) { return open_cursor(part, space, prefix, cursor); });
}

tenon_status next(tenon_ctx* ctx, tenon_id cursor, const tenon_storage_row* const** rows, std::size_t* count, tenon_error* err) noexcept {
  return with_part(ctx, rows != nullptr && count != nullptr, err,
                   [&](Instance&, StatePart& part) { return part.cursors().next(cursor, *rows, *count); });
}

tenon_status close(tenon_ctx* ctx, tenon_id cursor) noexcept {
  return with_part(ctx, true, nullptr, [&](Instance&, StatePart& part) { return close_cursor(part, cursor); });
}

tenon_status watch(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_state_changed fn, void* data, void (*release)(void*) noexcept,
                   tenon_id* out, tenon_error* err) noexcept {
  return with_part(ctx, is_view(prefix) && fn != nullptr && out != nullptr, err, [&](Instance&, StatePart& part) -> Result<void> {
    const OpenSpaces::Space* const open = part.space(space);
    if (open == nullptr) return no_space();
    return give_id(part.watch(open->id, view(prefix), {fn, data, release}), out);
  });
}

tenon_status unwatch(tenon_ctx* ctx, tenon_id id) noexcept {
  return with_part(ctx, true, nullptr, [&](Instance&, StatePart& part) { return part.unwatch(id); });
}

tenon_status unwatch_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns, tenon_error* err) noexcept {
  return with_part(ctx, true, err, [&](Instance&, StatePart& part) {
    const Blocking blocking;
    return part.unwatch_wait(id, deadline_ns);
  });
}

}  // namespace

const tenon_state state_table = {sizeof(tenon_state), 0, &open, &get, &keys, &next, &close, &watch, &unwatch, &unwatch_wait};

}  // namespace tenon::host
