// Which sanitizer this program was built with. gcc says it by a macro, clang by a feature.
#pragma once

#if !defined(__has_feature)
#define TENON_HAS_FEATURE(x) 0
#else
#define TENON_HAS_FEATURE(x) __has_feature(x)
#endif

#if defined(__SANITIZE_ADDRESS__) || TENON_HAS_FEATURE(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

namespace tenon::host {

#if defined(__SANITIZE_ADDRESS__) || TENON_HAS_FEATURE(address_sanitizer)
inline constexpr bool has_address_sanitizer = true;
#else
inline constexpr bool has_address_sanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__) || TENON_HAS_FEATURE(thread_sanitizer)
inline constexpr bool has_thread_sanitizer = true;
#else
inline constexpr bool has_thread_sanitizer = false;
#endif

/// One that brings its own runtime: it reports fatal signals itself, and looks for leaks at exit().
inline constexpr bool is_sanitized = has_address_sanitizer || has_thread_sanitizer;

/// Tells the leak detector that this memory is kept for as long as the process lives, with all it points to.
#if defined(__SANITIZE_ADDRESS__) || TENON_HAS_FEATURE(address_sanitizer)
inline void never_freed(const void* memory) { __lsan_ignore_object(memory); }
#else
inline void never_freed(const void*) {}
#endif

}  // namespace tenon::host

#undef TENON_HAS_FEATURE
