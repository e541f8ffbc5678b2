// EventQueue: the bounded ring of one subscription. Not thread-safe: the subscription's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "record.hpp"

namespace tenon::host {

/// Holds one reference to each event in it. Bounded by count and bytes, of which a part can be reserved.
class EventQueue {
 public:
  struct Entry {
    EventRecord* event = nullptr;
    std::uint32_t bytes = 0;  ///< those of the event: looking at it would cost a cache miss within the lock
    bool retained = false;
  };

  EventQueue(std::size_t max_events, std::uint64_t max_bytes) : max_events_(max_events), max_bytes_(max_bytes) {}
  ~EventQueue() { clear(); }
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t max_bytes() const { return max_bytes_; }
  [[nodiscard]] bool fits(std::uint64_t bytes) const {
    return count_ + reserved_ < max_events_ && bytes_ + reserved_bytes_ + bytes <= max_bytes_;
  }
  /// Room for one more in memory: false if there is none to be had. Afterwards push does not fail.
  bool make_room() noexcept { return count_ + reserved_ < capacity_ || grow(); }
  void reserve(std::uint64_t bytes) {
    ++reserved_;
    reserved_bytes_ += bytes;
  }
  void unreserve(std::uint64_t bytes) {
    --reserved_;
    reserved_bytes_ -= bytes;
  }
  /// After make_room. The reference is the queue's now.
  void push(Entry entry) {
    ring_[(first_ + count_) & (capacity_ - 1)] = entry;
    ++count_;
    bytes_ += entry.bytes;
  }
  [[nodiscard]] const Entry& front() const { return ring_[first_]; }
  [[nodiscard]] const Entry& at(std::size_t i) const { return ring_[(first_ + i) & (capacity_ - 1)]; }
  /// The reference is the caller's.
  Entry pop() {
    const Entry out = ring_[first_];
    first_ = (first_ + 1) & (capacity_ - 1);
    --count_;
    bytes_ -= out.bytes;
    return out;
  }
  /// How many there were.
  std::size_t clear() noexcept {
    const std::size_t n = count_;
    while (!empty()) pop().event->drop_references();
    return n;
  }

 private:
  bool grow() noexcept;

  const std::size_t max_events_;
  const std::uint64_t max_bytes_;
  std::unique_ptr<Entry[]> ring_;  ///< a power of two
  std::size_t capacity_ = 0, first_ = 0, count_ = 0, reserved_ = 0;
  std::uint64_t bytes_ = 0, reserved_bytes_ = 0;
};

}  // namespace tenon::host
