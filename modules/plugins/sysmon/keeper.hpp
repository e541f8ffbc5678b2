// What stays of the samples: the last one, and a bounded history, in the module's storage.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>
#include <tenon/tenon.hpp>

namespace sysmon {

/// `last` is the newest sample; `history.<number of 20 digits>` are those before, oldest first, so that a scan of `history.` gives them in order.
/// Nothing here waits for the disk.
class Keeper {
 public:
  /// Called when keeping begins to fail, with why, and with OK when it works again. On any thread.
  using Report = std::function<void(const tenon::Status&)>;
  Keeper(tenon::StorageSpace space, Report report) : space_(space), report_(std::move(report)) {}

  /// Where the history of the life before ends. Before keep(). [control]
  tenon::Status resume();
  /// Keeps a sample and what makes the history at most `limit` samples long; one that could not be written is lost. One thread at a time.
  void keep(std::string_view json, std::uint64_t limit);

 private:
  void outcome(const tenon::Status& status);

  tenon::StorageSpace space_;
  Report report_;
  std::uint64_t next_ = 0;                // number of the next sample
  std::atomic<std::uint64_t> first_ = 0;  // below it nothing is left
  std::atomic<bool> failing_ = false;
};

}  // namespace sysmon
