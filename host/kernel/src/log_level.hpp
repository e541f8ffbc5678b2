// Rounding of levels.
#pragma once

#include "kernel/log.hpp"

namespace tenon::host {

/// The named level (0, 10 .. 50) a number counts as: the next lower one; below trace is trace.
inline int named_level(int level) {
  if (level >= fatal) return fatal;
  return level <= trace ? trace : level / 10 * 10;
}

}  // namespace tenon::host
