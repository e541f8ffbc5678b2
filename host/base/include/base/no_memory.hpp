// What is left to do when there is no memory: errors without words, and room that is made before anything is changed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace tenon::host {

/// An error that goes without its words if there is no memory for them. `reason` has at most 15 bytes: those need none.
template <class Words>
Error worded(Code code, const char* reason, Words&& words) noexcept {
  Error out{code, {}, reason, 0, ExitCode::unavailable};
  try {
    out.message = words();
  } catch (const std::bad_alloc&) {  // code and reason say enough
  }
  return out;
}

/// Room for `n` elements: adding them cannot fail. Throws std::bad_alloc, and then nothing has changed.
template <class T>
void make_room(std::vector<T>& list, std::size_t n) {
  if (list.capacity() < n) list.reserve(std::max(n, 2 * list.capacity()));
}

}  // namespace tenon::host
