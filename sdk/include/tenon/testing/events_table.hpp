// The C functions of events in the fake host.
#ifndef TENON_TESTING_EVENTS_TABLE_HPP
#define TENON_TESTING_EVENTS_TABLE_HPP

#include "tenon/testing/events.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

struct FakeEvents::Table {
  static FakeEvents& of(tenon_ctx* ctx) { return Host::of(ctx).events(); }

  static tenon_status publish(tenon_ctx* ctx, const tenon_event_draft* draft, std::uint64_t* out_id, tenon_error* err) noexcept {
    FakeEvents& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    if (draft == nullptr || draft->struct_size < sizeof(tenon_event_draft) || (draft->flags & ~TENON_EVENT_RETAIN) != 0)
      return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "BAD_STRUCT", "a draft with its struct_size and known flags is needed");
    if (self.gone_) return left(err);
    std::uint64_t id = 0;
    const tenon_status status =
        self.accept({std::string(view(draft->topic)), std::string(Bytes(draft->payload).text()), std::string(view(draft->content_type)),
                     std::string(view(draft->traceparent)), (draft->flags & TENON_EVENT_RETAIN) != 0, 0, 0},
                    true, id, err);
    if (status == TENON_OK && out_id != nullptr) *out_id = id;
    return status;
  }
  static tenon_status forget(tenon_ctx* ctx, tenon_str topic, tenon_error* err) noexcept {
    FakeEvents& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    if (self.gone_) return left(err);
    const std::string name(view(topic));
    if (self.own_retained_.erase(name) == 0)
      return tenon::detail::fill(err, TENON_NOT_FOUND, "", "this module has no retained value on `" + name + "`");
    self.retained_.erase(name);
    return TENON_OK;
  }
  static tenon_status subscribe(tenon_ctx* ctx, tenon_str pattern, tenon_event_handler fn, void* data, void (*release)(void*) noexcept,
                                const tenon_event_options* given, tenon_id* out, tenon_error* err) noexcept {
    FakeEvents& self = of(ctx);
    const auto bad = [err](std::string_view reason, const std::string& message) {
      return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, reason, message);
    };
    const Lock lock(self.host_.mutex_);
    if (fn == nullptr || out == nullptr) return bad("NULL_ARGUMENT", "a subscription needs a handler, and a place for its id");
    if (given != nullptr && given->struct_size < sizeof(tenon_event_options)) return bad("BAD_STRUCT", "options need their struct_size");
    tenon_event_options options = given != nullptr ? *given : tenon_event_options{sizeof(tenon_event_options), 0, 0, 0, 0};
    if (options.queue_events == 0) options.queue_events = 1024;
    if (options.queue_bytes == 0) options.queue_bytes = 4 * 1024 * 1024;
    const std::string text(view(pattern));
    if (!detail::is_topic(text, true)) return bad("", "`" + text + "` is no pattern of topics");
    if (options.when_full < TENON_WHEN_FULL_DROP_OLDEST || options.when_full > TENON_WHEN_FULL_REFUSE)
      return bad("BAD_POLICY", "no such policy for a full queue");
    if (options.queue_events > 65536 || options.queue_bytes < 1024 || options.queue_bytes > 64 * 1024 * 1024 || options.drain > 1)
      return bad("", "a queue has 1 to 65 536 events and 1 KiB to 64 MiB");
    if (self.gone_ || self.draining_) return left(err);
    if (self.denied(text)) return tenon::detail::fill(err, TENON_PERMISSION_DENIED, "NOT_GRANTED", "the test denies `" + text + "`");
    for (const auto& [id, s] : self.subscriptions_) {
      if (s->pattern != text || s->fn != fn || s->data != data) continue;
      const tenon_event_options& o = s->options;
      if (o.when_full != options.when_full || o.queue_events != options.queue_events || o.queue_bytes != options.queue_bytes ||
          o.drain != options.drain)
        return tenon::detail::fill(err, TENON_ALREADY_EXISTS, "", "this handler is subscribed to `" + text + "` with other options");
      *out = id;
      return TENON_OK;
    }
    if (self.subscriptions_.size() >= 1024)
      return tenon::detail::fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_MANY_SUBSCRIPTIONS", "more than 1024 subscriptions are not allowed");
    auto s = std::make_shared<Subscription>();
    s->id = *out = self.host_.next_id_++;
    s->pattern = text;
    s->fn = fn;
    s->data = data;
    s->release = release;
    s->options = options;
    self.subscriptions_[s->id] = std::move(s);
    self.prime();
    return TENON_OK;
  }
  static tenon_status unsubscribe(tenon_ctx* ctx, tenon_id id) noexcept {
    FakeEvents& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    const auto found = self.subscriptions_.find(id);
    if (found == self.subscriptions_.end()) return TENON_NOT_FOUND;
    self.close(SubscriptionPtr(found->second));
    return TENON_OK;
  }
  static tenon_status unsubscribe_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns, tenon_error* err) noexcept {
    FakeEvents& self = of(ctx);
    Lock lock(self.host_.mutex_);
    if (self.host_.on_own_turn())
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "SERIAL",
                                 "a callback of a serial module cannot wait for its own subscription");
    const auto found = self.subscriptions_.find(id);
    if (found == self.subscriptions_.end())
      return tenon::detail::fill(err, TENON_NOT_FOUND, "", "there is no such subscription of this module");
    const SubscriptionPtr s = found->second;
    if (s->running && s->runner == std::this_thread::get_id())
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "REENTRANT", "a handler cannot wait for its own end");
    self.close(s);
    while (s->running && detail::now_ns() < deadline_ns)
      self.host_.changed_.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(deadline_ns - detail::now_ns(), 1'000'000'000)));
    if (s->running) return tenon::detail::fill(err, TENON_DEADLINE_EXCEEDED, "", "a delivery still runs");
    lock.unlock();
    self.release_ended();
    return TENON_OK;
  }
  static tenon_status stats(tenon_ctx* ctx, tenon_id id, tenon_event_stats* out) noexcept {
    FakeEvents& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    if (out == nullptr) return TENON_INVALID_ARGUMENT;
    const auto found = self.subscriptions_.find(id);
    if (found == self.subscriptions_.end()) return TENON_NOT_FOUND;
    const Subscription& s = *found->second;
    const tenon_event_stats now = {out->struct_size, 0, s.delivered, s.failed, s.dropped, s.queue.size(), s.bytes};
    std::memcpy(out, &now, std::min<std::size_t>(out->struct_size, sizeof now));
    return TENON_OK;
  }
  static tenon_status left(tenon_error* err) {
    return tenon::detail::fill(err, TENON_UNAVAILABLE, "CLOSED", "the module is leaving or has left");
  }

  static inline const tenon_events table = {sizeof(tenon_events), 0,     &publish, &forget, &subscribe, &unsubscribe,
                                            &unsubscribe_wait,    &stats};
};

inline FakeEvents& Host::events() {
  const Lock lock(mutex_);
  if (events_ == nullptr) events_ = std::make_shared<FakeEvents>(*this);
  return *events_;
}
inline const void* Host::events_table() { return &FakeEvents::Table::table; }
inline void Host::events_end_calls() {
  if (const auto events = made(events_)) events->release_ended();
}
inline void Host::events_drain() {
  if (const auto events = made(events_)) events->drain();
}
inline void Host::events_leave() {
  if (const auto events = made(events_)) events->leave();
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
