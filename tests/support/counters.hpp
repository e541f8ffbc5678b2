// How often memory was allocated and mutexes were locked. Linked into a test of its own (tenon_test_counters): it replaces operator new for
// the whole executable.
#pragma once

#include <cstddef>

namespace tenon::test {

struct Counts {
  std::size_t allocations = 0;
  std::size_t locks = 0;
};

Counts counts_here();  ///< of this thread
Counts counts_all();   ///< of all threads

}  // namespace tenon::test
