// A record as a line: text for people, JSON for programs.
#pragma once

#include <cstdint>

#include "kernel/log.hpp"
#include "log_line_buffer.hpp"

namespace tenon::host {

/// What of LogOptions shapes a line. Four bytes: read as one atomic word.
struct LineStyle {
  bool open = false;  ///< there is a target at all
  bool json = false;
  bool colour = false;          ///< text only
  bool journal_prefix = false;  ///< standard error only

  static LineStyle of(const LogOptions& options);
  bool operator==(const LineStyle&) const = default;
};

/// "2026-11-21T03:04:05" of the last second asked for: one gmtime per second, not per line. Not thread-safe.
class SecondCache {
 public:
  static constexpr std::size_t width = 19;
  /// Writes date and time of day; returns the nanoseconds that are left.
  std::uint32_t render(std::int64_t realtime_ns, char* out);

 private:
  std::int64_t second_ = INT64_MIN;
  char text_[width] = {};
};

/// Makes everything after the head, newline included; needs neither time nor seq. False if some text of the record is not well-formed.
bool make_body(LineBuffer& line, const LogRecordView& record, LineStyle style);
/// Puts the head before the body: priority, time, level, and in JSON the sequence number.
void make_head(LineBuffer& line, const LogRecordView& record, LineStyle style, SecondCache& seconds);

}  // namespace tenon::host
