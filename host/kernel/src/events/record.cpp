#include "record.hpp"

#include <cstring>
#include <new>

namespace tenon::host {

static_assert(alignof(EventRecord) <= alignof(RecordSpares::Header));

EventRecord::EventRecord(const EventDraft& draft, std::uint64_t id, std::int64_t time_ns)
    : payload_size_(static_cast<std::uint32_t>(draft.payload.size())),
      topic_size_(static_cast<std::uint8_t>(draft.topic.size())),
      type_size_(static_cast<std::uint8_t>(draft.content_type.size())),
      trace_size_(static_cast<std::uint8_t>(draft.traceparent.size())),
      id_(id),
      time_ns_(time_ns) {
  char* at = reinterpret_cast<char*>(this + 1);
  for (const std::string_view part : {draft.topic, draft.content_type, draft.traceparent, draft.payload}) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
}

EventRecord* EventRecord::make(RecordSpares& spares, const EventDraft& draft, std::uint64_t id, std::int64_t time_ns) noexcept {
  const std::size_t text = draft.topic.size() + draft.content_type.size() + draft.traceparent.size() + draft.payload.size();
  RecordSpares::Header* const block = spares.take(sizeof(RecordSpares::Header) + sizeof(EventRecord) + text);
  return block == nullptr ? nullptr : new (block + 1) EventRecord(draft, id, time_ns);
}

EventView EventRecord::view(bool retained) const {
  const char* type = text() + topic_size_;
  const char* trace = type + type_size_;
  return {topic(), {trace + trace_size_, payload_size_}, {type, type_size_}, {trace, trace_size_}, id_, time_ns_, retained};
}

// Whoever holds all that are left need not write: nobody else could add one.
bool EventRecord::last(std::uint32_t n) noexcept {
  return references_.load(std::memory_order_acquire) == n || references_.fetch_sub(n, std::memory_order_acq_rel) == n;
}

void EventRecord::drop_references(std::uint32_t n) noexcept {
  if (!last(n)) return;
  this->~EventRecord();
  RecordSpares::give_back(reinterpret_cast<RecordSpares::Header*>(this) - 1);
}

void EventRecord::drop_reference(RecordSpares::Returns& returns) noexcept {
  if (!last(1)) return;
  this->~EventRecord();
  returns.add(reinterpret_cast<RecordSpares::Header*>(this) - 1);
}

}  // namespace tenon::host
