// One allocation that fails on demand. The executable's operator new is replaced.
#pragma once

namespace tenon_test {

/// The next operator new of this thread fails, and this is false again.
extern thread_local bool next_allocation_fails;

}  // namespace tenon_test
