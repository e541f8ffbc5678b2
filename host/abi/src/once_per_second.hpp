// What may happen again and again, and is one line of the log per second all the same.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.hpp"

namespace tenon::host {

/// Used by one thread at a time.
class OncePerSecond {
 public:
  /// It happened. How often it had, untold, since it was told last; nothing if it is not to be told now.
  std::optional<std::uint64_t> due() {
    const std::int64_t now = monotonic_ns();
    if (told_ns_ != 0 && now - told_ns_ < 1'000'000'000) {
      ++untold_;
      return std::nullopt;
    }
    told_ns_ = now;
    return std::exchange(untold_, 0);
  }

 private:
  std::int64_t told_ns_ = 0;
  std::uint64_t untold_ = 0;
};

}  // namespace tenon::host
