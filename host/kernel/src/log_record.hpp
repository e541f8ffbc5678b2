// Records that are kept or checked: text made well-formed and cut to the limits of a line.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kernel/log.hpp"

namespace tenon::host {

/// What nearly every record is; others are replaced by an OwnedRecord, which makes them so.
bool is_within_limits(const LogRecordView& record);
/// All text is UTF-8.
bool is_well_formed(const LogRecordView& record);

/// A record with its own memory. Immutable; shared by the early buffer and the queues of receivers.
class OwnedRecord {
 public:
  /// A copy, as it is.
  explicit OwnedRecord(const LogRecordView& record);
  /// A copy in which bytes that are not UTF-8 became \xNN, and what is over the limits is cut with "…" or left out, and then counted in
  /// a last pair, together with `left_out`.
  OwnedRecord(const LogRecordView& record, std::size_t left_out);
  OwnedRecord(const OwnedRecord&) = delete;
  OwnedRecord& operator=(const OwnedRecord&) = delete;

  [[nodiscard]] const LogRecordView& view() const { return view_; }
  /// Memory it takes, roughly.
  [[nodiscard]] std::size_t bytes() const { return sizeof *this + text_.capacity() + fields_.capacity() * sizeof(LogField); }

 private:
  void reserve(const LogRecordView& record);
  /// text_ holds message, keys and values, phase and module, one behind the other.
  void point_into_text(std::size_t message, const std::vector<std::size_t>& pairs, std::size_t phase);

  std::string text_;
  std::vector<LogField> fields_;
  LogRecordView view_;
};
using SharedRecord = std::shared_ptr<const OwnedRecord>;

}  // namespace tenon::host
