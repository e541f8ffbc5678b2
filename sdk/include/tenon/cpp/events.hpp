// Events: publish to topics, subscribe lambdas to patterns of topics.
#ifndef TENON_CPP_EVENTS_HPP
#define TENON_CPP_EVENTS_HPP

#include "tenon/cpp/handler.hpp"
#include "tenon/events.h"

namespace tenon {
inline namespace v1 {

/// What a handler sees: borrowed until it returns.
class Event {
 public:
  explicit Event(const tenon_event& raw) noexcept : raw_(&raw) {}
  [[nodiscard]] std::string_view topic() const noexcept { return view(raw_->topic); }
  [[nodiscard]] Bytes payload() const noexcept { return raw_->payload; }
  [[nodiscard]] std::string_view text() const noexcept { return payload().text(); }
  [[nodiscard]] std::string_view content_type() const noexcept { return view(raw_->content_type); }
  [[nodiscard]] std::string_view traceparent() const noexcept { return view(raw_->traceparent); }
  [[nodiscard]] std::uint64_t id() const noexcept { return raw_->id; }
  [[nodiscard]] std::chrono::system_clock::time_point time() const noexcept {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(raw_->time_ns)));
  }
  /// It was there before the subscription.
  [[nodiscard]] bool retained() const noexcept { return (raw_->flags & TENON_EVENT_RETAINED) != 0; }

 private:
  const tenon_event* raw_;
};

/// Beside topic and payload; everything may be left out.
struct Publish {
  std::string_view content_type{};
  std::string_view traceparent{};  ///< empty: that of the event or call being handled on this thread
  bool retain = false;
};

enum class WhenFull : std::int32_t {
  drop_oldest = TENON_WHEN_FULL_DROP_OLDEST,
  drop_newest = TENON_WHEN_FULL_DROP_NEWEST,
  refuse = TENON_WHEN_FULL_REFUSE,
};

struct Subscribe {
  WhenFull when_full = WhenFull::drop_oldest;
  std::uint32_t queue_events = 0;  ///< 0 = 1024
  std::uint64_t queue_bytes = 0;   ///< 0 = 4 MiB
  bool drain = false;              ///< what is queued when the module leaves is still delivered
};

/// A pair of pointers; thread-safe. tenon/events.h says what each does.
class Events {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_EVENTS;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_events, stats);

  /// Throws Failure if the host gives none (see needs<...>).
  explicit Events(Ctx ctx) : ctx_(ctx), table_(ctx.require<tenon_events>(id)) {}

  /// The event's id. [any]
  Result<std::uint64_t> publish(std::string_view topic, Bytes payload, const Publish& more = {}) const {
    const tenon_event_draft draft = {
        sizeof(tenon_event_draft), more.retain ? TENON_EVENT_RETAIN : 0U, to_c(topic), payload, to_c(more.content_type),
        to_c(more.traceparent)};
    std::uint64_t event = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->publish(ctx_.raw(), &draft, &event, e); });
    if (!status.ok()) return status;
    return event;
  }
  Result<std::uint64_t> publish(std::string_view topic, std::string_view payload, const Publish& more = {}) const {
    return publish(topic, Bytes(payload), more);
  }
  /// No new subscriber gets the topic's last value any more. [any]
  Status forget(std::string_view topic) const {
    return Status::of([&](tenon_error* e) { return table_->forget(ctx_.raw(), to_c(topic), e); });
  }

  /// f(Event) or f(Event, Call), returning Status or void, is called [worker], one event at a time. The host keeps f until after the last one.
  template <class F>
  Result<tenon_id> subscribe(std::string_view pattern, F f, const Subscribe& options = {}) const {
    using Handler = detail::Handler<F, Event>;
    static_assert(Handler::is_callable, "f is called with (tenon::Event) or (tenon::Event, tenon::Call)");
    auto handler = std::make_unique<Handler>(std::move(f), ctx_);
    const auto deliver = [](void* data, tenon_call* call, const tenon_event* event, tenon_error* err) noexcept {
      return Handler::run(data, call, err, Event(*event));
    };
    const tenon_event_options raw = {sizeof(tenon_event_options), static_cast<std::int32_t>(options.when_full), options.queue_events,
                                     options.drain ? 1U : 0U, options.queue_bytes};
    void* const data = handler.get();
    return detail::hand_over(std::move(handler), [&](tenon_id* out, tenon_error* e) {
      return table_->subscribe(ctx_.raw(), to_c(pattern), deliver, data, &Handler::release, &raw, out, e);
    });
  }
  /// Nothing new is delivered after it returned; one delivery may still be running. [any]
  Status unsubscribe(tenon_id subscription) const noexcept { return Status(table_->unsubscribe(ctx_.raw(), subscription)); }
  /// The same, and waits until the handler is gone. [control][worker]
  Status unsubscribe_wait(tenon_id subscription, Clock::time_point deadline) const {
    return Status::of([&](tenon_error* e) { return table_->unsubscribe_wait(ctx_.raw(), subscription, detail::to_ns(deadline), e); });
  }
  /// NOT_FOUND once it is over. [any]
  Result<tenon_event_stats> stats(tenon_id subscription) const {
    tenon_event_stats out{};
    out.struct_size = sizeof out;
    const tenon_status status = table_->stats(ctx_.raw(), subscription, &out);
    if (status != TENON_OK) return Status(status, "STATS", "there is no such subscription of this module");
    return out;
  }

 private:
  Ctx ctx_;
  const tenon_events* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
