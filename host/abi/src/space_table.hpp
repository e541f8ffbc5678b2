// What the tables of storage and state have in common: the frame of their functions, namespaces opened by name, cursors over keys.
#pragma once

#include <new>
#include <string>
#include <string_view>

#include "bytes.hpp"
#include "cursors.hpp"
#include "open_spaces.hpp"
#include "storage_part.hpp"

namespace tenon::host {

inline Error null_struct_of(std::string_view interface) {
  return {Code::invalid_argument,
          "a null pointer, a view without bytes, or a struct without its size was passed to " + std::string(interface), "NULL_ARGUMENT"};
}

/// `work(instance, part)` -> Result<void>, if what was passed is valid; nothing gets out but a status.
template <class P, class Work>
tenon_status with_space_part(std::string_view interface, std::string_view what, tenon_ctx* ctx, bool valid, tenon_error* err,
                             Work&& work) noexcept {
  try {
    Instance* const instance = Instance::from(ctx);
    if (instance == nullptr || !valid) return give_error(err, null_struct_of(interface));
    if (instance->wedged()) return TENON_CANCELLED;
    P* const part = instance->part<P>();
    if (part == nullptr)
      return give_error(err, {Code::unavailable,
                              "the instance has no " + std::string(what) + ": query " + std::string(interface) + " in create", "CLOSED"});
    const Result<void> done = work(*instance, *part);
    return done ? TENON_OK : give_error(err, done.error());
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

inline Result<void> give_id(const Result<tenon_id>& id, tenon_id* out) {
  if (!id) return id.error();
  *out = *id;
  return {};
}

/// A scan of the keys below `prefix`.
template <class P>
Result<void> open_cursor(P& part, tenon_id space, tenon_bytes prefix, tenon_id* out) {
  const OpenSpaces::Space* const open = part.space(space);
  if (open == nullptr) return no_space();
  return give_id(part.cursors().open(open->id, view(prefix)), out);
}

template <class P>
Result<void> close_cursor(P& part, tenon_id cursor) {
  if (!part.cursors().close(cursor)) return Error{Code::not_found, "there is no such cursor, or it was closed", "CURSOR"};
  return {};
}

}  // namespace tenon::host
