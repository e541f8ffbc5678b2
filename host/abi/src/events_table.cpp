// tenon.events/1 as modules see it.
#include "arguments.hpp"
#include "events_part.hpp"

namespace tenon::host {
namespace {

template <class F>
tenon_status with_events(tenon_ctx* ctx, tenon_error* err, F&& f) noexcept {
  return with_part<EventsPart>(TENON_EVENTS, ctx, err, std::forward<F>(f));
}

Error bad_struct(std::string_view what) {
  return {Code::invalid_argument, "`struct_size` or `flags` of a " + std::string(what) + " are none that tenon.events/1 knows",
          "BAD_STRUCT", 0, ExitCode::software};
}

tenon_status publish(tenon_ctx* ctx, const tenon_event_draft* draft, std::uint64_t* out_id, tenon_error* err) noexcept {
  return with_events(ctx, err, [&](EventsPart& part) -> Result<void> {
    if (draft == nullptr) return null_argument_of(TENON_EVENTS);
    if (draft->struct_size < sizeof(tenon_event_draft) || (draft->flags & ~TENON_EVENT_RETAIN) != 0) return bad_struct("tenon_event_draft");
    if (!is_view(draft->topic) || !is_view(draft->payload) || !is_view(draft->content_type) || !is_view(draft->traceparent))
      return null_argument_of(TENON_EVENTS);
    const Result<std::uint64_t> id = part.client().publish({view(draft->topic), view(draft->payload), view(draft->content_type),
                                                            view(draft->traceparent), (draft->flags & TENON_EVENT_RETAIN) != 0});
    if (!id) return id.error();
    if (out_id != nullptr) *out_id = *id;
    return {};
  });
}

tenon_status forget(tenon_ctx* ctx, tenon_str topic, tenon_error* err) noexcept {
  return with_events(ctx, err, [&](EventsPart& part) -> Result<void> {
    if (!is_view(topic)) return null_argument_of(TENON_EVENTS);
    return part.client().forget(view(topic));
  });
}

Result<EventOptions> options_of(const tenon_event_options* in) {
  EventOptions out;
  if (in == nullptr) return out;
  if (in->struct_size < sizeof(tenon_event_options) || in->drain > 1) return bad_struct("tenon_event_options");
  if (in->when_full < TENON_WHEN_FULL_DROP_OLDEST || in->when_full > TENON_WHEN_FULL_REFUSE)
    return Error{Code::invalid_argument, std::to_string(in->when_full) + " is no policy for a full queue: 0, 1 or 2", "BAD_POLICY", 0,
                 ExitCode::software};
  out.when_full = static_cast<WhenFull>(in->when_full);
  if (in->queue_events != 0) out.queue_events = in->queue_events;
  if (in->queue_bytes != 0) out.queue_bytes = in->queue_bytes;
  out.drain = in->drain == 1;
  return out;
}

tenon_status subscribe(tenon_ctx* ctx, tenon_str pattern, tenon_event_handler fn, void* data, void (*release)(void*) noexcept,
                       const tenon_event_options* options, tenon_id* out, tenon_error* err) noexcept {
  return with_events(ctx, err, [&](EventsPart& part) -> Result<void> {
    if (!is_view(pattern) || fn == nullptr || out == nullptr) return null_argument_of(TENON_EVENTS);
    const Result<EventOptions> wanted = options_of(options);
    if (!wanted) return wanted.error();
    const Result<std::uint64_t> id = part.subscribe(view(pattern), fn, data, release, *wanted);
    if (!id) return id.error();
    *out = *id;
    return {};
  });
}

tenon_status unsubscribe(tenon_ctx* ctx, tenon_id id) noexcept {
  return with_events(ctx, nullptr, [&](EventsPart& part) { return part.client().unsubscribe(id); });
}

tenon_status unsubscribe_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns, tenon_error* err) noexcept {
  return with_events(ctx, err, [&](EventsPart& part) { return part.unsubscribe_wait(id, deadline_ns); });
}

tenon_status stats(tenon_ctx* ctx, tenon_id id, tenon_event_stats* out) noexcept {
  return with_events(ctx, nullptr, [&](EventsPart& part) -> Result<void> {
    if (out == nullptr) return null_argument_of(TENON_EVENTS);
    const Result<EventStats> s = part.client().stats(id);
    if (!s) return s.error();
    give_struct(out, tenon_event_stats{0, 0, s->delivered, s->failed, s->dropped, s->queued, s->queued_bytes});
    return {};
  });
}

}  // namespace

const tenon_events events_table = {sizeof(tenon_events), 0, &publish, &forget, &subscribe, &unsubscribe, &unsubscribe_wait, &stats};

}  // namespace tenon::host
