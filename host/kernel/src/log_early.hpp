// Records of the time before the target is open, kept for it and for receivers that come later.
#pragma once

#include <deque>

#include "log_record.hpp"

namespace tenon::host {

/// Not thread-safe: used under the mutex of the log.
class EarlyRecords {
 public:
  static constexpr std::size_t max_records = 4096;
  static constexpr std::size_t max_bytes = 8U << 20U;

  [[nodiscard]] bool keeping() const { return keeping_; }
  /// Over the bounds: until the target is open the oldest goes and is counted; afterwards nothing can be lost, and keeping ends.
  void keep(SharedRecord record);
  /// The target is open; all() has been written to it.
  void opened() { opened_ = true; }
  void end();

  [[nodiscard]] const std::deque<SharedRecord>& all() const { return records_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  std::deque<SharedRecord> records_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  bool opened_ = false;
  bool keeping_ = true;
};

}  // namespace tenon::host
