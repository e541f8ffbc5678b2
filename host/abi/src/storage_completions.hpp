// StorageCompletions: the commits of one instance whose end it is to hear.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "abi/instance.hpp"
#include "kernel/storage.hpp"
#include "tenon/storage.h"

namespace tenon::host {

/// Each `done` is called exactly once, one at a time, in the order of commits, on a worker or on the thread in `leave`; none for an instance that was given
/// up. Outlives its instance for as long as the storage still has something to answer. Thread-safe.
class StorageCompletions : public std::enable_shared_from_this<StorageCompletions> {
 public:
  explicit StorageCompletions(Instance& instance) : instance_(instance) {}

  /// UNAVAILABLE once the instance is leaving.
  Result<std::uint64_t> expect(tenon_storage_done done, void* data);
  /// It will not come after all.
  void forget(std::uint64_t id);
  /// [any]; never calls the instance.
  void came(std::uint64_t id, Result<std::uint64_t> outcome);
  /// Waits for what is still to come, up to half of the time, and then answers CANCELLED. False: a `done` did not return in time.
  bool leave(std::int64_t deadline_ns);

 private:
  struct Expected {
    tenon_storage_done done = nullptr;
    void* data = nullptr;
  };
  struct Came {
    Expected expected;
    Result<std::uint64_t> outcome;
  };
  void post();
  void deliver();
  void call(const Came& came);

  Instance& instance_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Expected> expected_;
  std::deque<Came> came_;
  std::uint64_t last_id_ = 0;
  bool delivering_ = false;  ///< a job was posted, or somebody calls
  bool left_ = false;
};

}  // namespace tenon::host
