// Stage: prepares store copies in the background, so that hashing and copying overlap with loading.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loader/loader.hpp"

namespace tenon::host {

class Loader::Stage {
 public:
  Stage(const ModuleStore* store, std::vector<StoreRequest> requests, std::vector<bool> wanted, std::vector<std::uint32_t> order);
  ~Stage();  ///< gives up what was not begun

  /// The result for one, prepared here if nobody has begun it.
  Result<std::string> take(std::uint32_t index);

 private:
  bool claim(std::uint32_t index) { return !claimed_[index].exchange(true, std::memory_order_acq_rel); }
  void prepare(std::uint32_t index);
  void work();

  const ModuleStore* store_;
  std::vector<StoreRequest> requests_;
  std::vector<bool> wanted_;
  std::vector<std::uint32_t> order_;
  std::vector<std::atomic<bool>> claimed_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  std::vector<std::optional<Result<std::string>>> results_;
  std::vector<std::thread> threads_;
};

}  // namespace tenon::host
