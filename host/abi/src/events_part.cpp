#include "events_part.hpp"

#include "callback.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {
namespace {

/// A subscription of a module: the C function behind the kernel's handler.
struct Subscriber {
  Subscriber(Instance& instance, std::string_view p, tenon_event_handler f, void* d, void (*r)(void*) noexcept)
      : callback(instance, "an event handler"), pattern(p), fn(f), data(d), release(r) {}
  Callback callback;
  const std::string pattern;
  const tenon_event_handler fn;
  void* const data;
  void (*const release)(void*) noexcept;

  static Code deliver(void* self, const EventView& e, Call&) noexcept {
    auto& s = *static_cast<Subscriber*>(self);
    const tenon_event event = {sizeof(tenon_event),
                               e.retained ? TENON_EVENT_RETAINED : 0U,
                               e.id,
                               e.time_ns,
                               c_str(e.topic),
                               {reinterpret_cast<const std::uint8_t*>(e.payload.data()), e.payload.size()},
                               c_str(e.content_type),
                               c_str(e.traceparent)};
    return s.callback.run(s.pattern, [&](tenon_call* call, tenon_error* error) {
      if (Strict* strict = s.callback.instance().host().strict()) return s.lent(*strict, call, event, error);
      return s.fn(s.data, call, &event, error);
    });
  }
  // All of the event on pages that are gone when the handler has returned.
  tenon_status lent(Strict& strict, tenon_call* call, const tenon_event& event, tenon_error* error) {
    Borrowed borrowed(strict, callback.instance());
    tenon_event own = event;
    tenon_event* copy = borrowed.object("an event", own);
    copy->topic = borrowed.text("the topic of an event", event.topic);
    copy->payload = borrowed.bytes("the payload of an event", event.payload);
    copy->content_type = borrowed.text("the content type of an event", event.content_type);
    copy->traceparent = borrowed.text("the trace context of an event", event.traceparent);
    return fn(data, call, copy, error);
  }
  static void end(void* self) noexcept {
    const std::unique_ptr<Subscriber> s(static_cast<Subscriber*>(self));
    if (s->release != nullptr) s->release(s->data);
  }
};

}  // namespace

std::unique_ptr<Part> EventsPart::make(Instance& instance) { return std::make_unique<EventsPart>(instance); }

EventsPart::EventsPart(Instance& instance)
    : instance_(instance), events_(instance.host().kernel()->events()), client_(events_.join(instance, instance.permissions())) {}

void EventsPart::reach_changed() { events_.owner_reach_changed(instance_); }

void EventsPart::drain(std::int64_t deadline_ns) { static_cast<void>(events_.drain(instance_, deadline_ns)); }

bool EventsPart::leave(std::int64_t deadline_ns) {
  const EventsLeft left = events_.leave(instance_, deadline_ns);
  if (left.discarded != 0)
    instance_.host().log().log(info, "events were queued for a module that left, and are dropped",
                               {{"module", instance_.name()}, {"events", std::to_string(left.discarded)}});
  return left.quiet;
}

Result<std::uint64_t> EventsPart::subscribe(std::string_view pattern, tenon_event_handler fn, void* data, void (*release)(void*) noexcept,
                                            const EventOptions& options) {
  auto subscriber = std::make_unique<Subscriber>(instance_, pattern, fn, data, release);
  EventHandler handler;
  handler.deliver = &Subscriber::deliver;
  handler.release = &Subscriber::end;
  handler.data = subscriber.get();
  handler.call = &subscriber->callback.call();
  handler.function = reinterpret_cast<void (*)()>(fn);
  handler.function_data = data;
  const Result<Subscribed> done = client_.subscribe(pattern, handler, options);
  if (!done) return done.error();
  if (!done->existed) static_cast<void>(subscriber.release());
  return done->id;
}

Result<void> EventsPart::unsubscribe_wait(std::uint64_t subscription, std::int64_t deadline_ns) {
  if (on_own_strand(instance_)) return own_strand_error("its own subscription");
  return client_.unsubscribe_wait(subscription, deadline_ns);
}

}  // namespace tenon::host
