#include "log_early.hpp"

namespace tenon::host {

void EarlyRecords::keep(SharedRecord record) {
  if (!keeping_) return;
  bytes_ += record->bytes();
  records_.push_back(std::move(record));
  if (records_.size() <= max_records && bytes_ <= max_bytes) return;
  if (opened_) return end();
  while (records_.size() > max_records || bytes_ > max_bytes) {
    bytes_ -= records_.front()->bytes();
    records_.pop_front();
    ++dropped_;
  }
}

void EarlyRecords::end() {
  keeping_ = false;
  bytes_ = 0;
  records_ = {};
}

}  // namespace tenon::host
