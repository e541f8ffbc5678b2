// What every C function does first and last: looks at what the module passed, and lets nothing out but a status.
#pragma once

#include <new>
#include <string>
#include <string_view>

#include "abi/instance.hpp"

namespace tenon::host {

inline Error null_argument_of(std::string_view interface) {
  return {Code::invalid_argument, "a null pointer, or a view without bytes, was passed to " + std::string(interface), "NULL_ARGUMENT", 0,
          ExitCode::software};
}
inline bool is_view(tenon_bytes b) { return is_view(tenon_str{reinterpret_cast<const char*>(b.ptr), b.len}); }
inline std::string_view view(tenon_bytes b) { return {reinterpret_cast<const char*>(b.ptr), b.len}; }

/// f(Part&) -> Result<void> or Error-like; the module's part P of the kernel exists because it has the table.
template <class P, class F>
tenon_status with_part(std::string_view interface, tenon_ctx* ctx, tenon_error* err, F&& f) noexcept {
  try {
    Instance* instance = Instance::from(ctx);
    P* part = instance == nullptr ? nullptr : instance->part<P>();
    if (part == nullptr) return give_error(err, null_argument_of(interface));
    if (instance->wedged()) return TENON_CANCELLED;
    const Result<void> done = f(*part);
    return done ? TENON_OK : give_error(err, done.error());
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

/// Fills a struct the module allocated, as far as its struct_size reaches.
template <class T>
void give_struct(T* out, T value) {
  value.struct_size = out->struct_size;
  __builtin_memcpy(out, &value, out->struct_size < sizeof(T) ? out->struct_size : sizeof(T));
}

}  // namespace tenon::host
