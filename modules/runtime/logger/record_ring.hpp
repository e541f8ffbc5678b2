// RecordRing: the last log records, as bytes, within a bound of number and memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/log_sink.h"

namespace tenon_logger {

struct RingLimits {
  std::size_t records = 10'000;
  std::size_t bytes = 8U << 20U;  ///< pages in use, all together
};

/// Keeps the newest records; the oldest give way. Memory comes in pages of 64 KiB as records come, so that a quiet ring is small. Thread-safe.
/// No memory is a reason to drop a record, never to fail.
class RecordRing {
 public:
  static constexpr std::size_t page_size = 64U << 10U;

  explicit RecordRing(RingLimits limits = {}) : limits_(limits) {}

  void add(const tenon_log_record& record) noexcept;

  /// Calls emit for the last `count` records, oldest first, without holding the lock.
  void emit_last(std::size_t count, tenon_log_emit emit, void* emit_data) const noexcept;

  /// Which records are wanted; empty and 0 = any.
  struct Filter {
    std::string_view module;
    std::int32_t level = 0;        ///< at least
    std::uint64_t after = 0;       ///< sequence numbers beyond
    std::size_t count = SIZE_MAX;  ///< the newest, at most so many
    std::size_t bytes = SIZE_MAX;  ///< as stored, at most; the oldest give way
  };
  struct Found {
    std::vector<std::byte> records;  ///< as stored: for each()
    bool truncated = false;          ///< for want of bytes
  };
  /// A copy of what fits the filter. Throws bad_alloc.
  [[nodiscard]] Found find(const Filter& filter) const;
  /// Calls f(const tenon_log_record&), which may throw, for each, oldest first. Throws bad_alloc.
  template <class F>
  static void each(const Found& found, F&& f) {
    std::vector<tenon_kv> kv;
    tenon_log_record record{};
    for (std::size_t at = 0; at != found.records.size();) {
      at = load_at(found.records, at, kv, record);
      f(record);
    }
  }

  struct Use {
    std::size_t records, bytes;
    std::uint64_t lost;  ///< dropped for want of memory, or because they are larger than a page
  };
  [[nodiscard]] Use use() const;

 private:
  struct Page {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t first = 0, end = 0;  // records from first to end
  };
  std::byte* room_for(std::size_t size);
  void drop_oldest();
  /// The record at that place, as views; where the next one is. `kv` is scratch space.
  static std::size_t load_at(const std::vector<std::byte>& records, std::size_t at, std::vector<tenon_kv>& kv, tenon_log_record& out);

  const RingLimits limits_;
  mutable std::mutex mutex_;
  std::deque<Page> pages_;  // oldest first
  std::unique_ptr<std::byte[]> spare_;
  std::size_t records_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace tenon_logger
