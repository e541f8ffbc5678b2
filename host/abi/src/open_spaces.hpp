// OpenSpaces: the namespaces an instance has opened through one interface, found by id without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/result.hpp"
#include "kernel/storage_types.hpp"
#include "tenon/core.h"

namespace tenon::host {

/// Only grows; ends with the instance. Thread-safe.
class OpenSpaces {
 public:
  static constexpr std::size_t max = 64;
  struct Space {
    NamespaceId id = 0;
    std::uint32_t flags = 0;
  };

  /// `tag`: in every id, so that those of another interface or life are none of these.
  explicit OpenSpaces(std::uint64_t tag) : tag_(tag << index_bits) {}

  /// nullptr if the id is none of these. [any]
  [[nodiscard]] const Space* find(tenon_id id) const {
    const std::size_t index = id & (max - 1);
    return (id & ~std::uint64_t{max - 1}) == tag_ && index < count_.load(std::memory_order_acquire) ? &spaces_[index] : nullptr;
  }

  /// The same space and flags again: the same id.
  Result<tenon_id> add(Space space) {
    const std::lock_guard lock(mutex_);
    const std::size_t count = count_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < count; ++i)
      if (spaces_[i].id == space.id && spaces_[i].flags == space.flags) return tag_ | i;
    if (count == max) return Error{Code::resource_exhausted, "64 namespaces are open already, and an instance may have no more", "SPACES"};
    spaces_[count] = space;
    count_.store(count + 1, std::memory_order_release);
    return tag_ | count;
  }

 private:
  static constexpr unsigned index_bits = 6;
  const std::uint64_t tag_;
  std::array<Space, max> spaces_{};
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;  ///< of adding
};

}  // namespace tenon::host
