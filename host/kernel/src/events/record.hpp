// EventRecord: one published event, shared by every queue it stands in.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "kernel/events.hpp"
#include "spares.hpp"

namespace tenon::host {

/// Immutable but for its count of references. One block of memory: the texts stand behind the record.
class EventRecord {
 public:
  /// With one reference; nullptr if there is no memory. The draft has been checked.
  static EventRecord* make(RecordSpares& spares, const EventDraft& draft, std::uint64_t id, std::int64_t time_ns) noexcept;
  EventRecord(const EventRecord&) = delete;
  EventRecord& operator=(const EventRecord&) = delete;

  [[nodiscard]] EventView view(bool retained) const;
  [[nodiscard]] std::uint64_t id() const { return id_; }
  /// What counts against the bounds of queues.
  [[nodiscard]] std::size_t bytes() const { return std::size_t{topic_size_} + type_size_ + trace_size_ + payload_size_; }
  [[nodiscard]] std::string_view topic() const { return {text(), topic_size_}; }

  /// Before anybody else knows it.
  void set_references(std::uint32_t n) { references_.store(n, std::memory_order_relaxed); }
  void add_references(std::uint32_t n) { references_.fetch_add(n, std::memory_order_relaxed); }
  /// The last one frees it.
  void drop_references(std::uint32_t n = 1) noexcept;
  /// One; the memory, if it was the last, with what `returns` has already.
  void drop_reference(RecordSpares::Returns& returns) noexcept;

 private:
  EventRecord(const EventDraft& draft, std::uint64_t id, std::int64_t time_ns);
  ~EventRecord() = default;
  [[nodiscard]] bool last(std::uint32_t n) noexcept;
  [[nodiscard]] const char* text() const { return reinterpret_cast<const char*>(this + 1); }

  std::atomic<std::uint32_t> references_{1};
  std::uint32_t payload_size_;
  std::uint8_t topic_size_, type_size_, trace_size_;
  std::uint64_t id_;
  std::int64_t time_ns_;
};

struct EventUnref {
  void operator()(EventRecord* event) const noexcept { event->drop_references(); }
};
/// One reference.
using EventRef = std::unique_ptr<EventRecord, EventUnref>;

}  // namespace tenon::host
