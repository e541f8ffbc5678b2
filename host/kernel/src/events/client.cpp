// What a module may do: publish and subscribe. Arguments are checked here, once.
#include <algorithm>
#include <new>

#include "base/text.hpp"
#include "core.hpp"
#include "kernel/names.hpp"
#include "kernel/traceparent.hpp"

namespace tenon::host {
namespace {

constexpr std::uint32_t max_queue_events = 65'536;
constexpr std::uint64_t min_queue_bytes = 1024, max_queue_bytes = 64ULL * 1024 * 1024;

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message), "", 0, ExitCode::usage}; }
Error no_memory(std::string_view what) {
  return {Code::resource_exhausted, "there is no memory for " + std::string(what), "NO_MEMORY", 0, ExitCode::unavailable};
}
Error stale(std::uint64_t id) {
  return {Code::not_found, "there is no subscription " + std::to_string(id) + " of this module", "", 0, ExitCode::unavailable};
}
Error left(const EventAccount* account) {
  return {Code::unavailable, account == nullptr ? std::string("nobody's way to events") : "`" + account->name + "` is leaving or has left",
          "CLOSED", 0, ExitCode::unavailable};
}

Error denied(const EventAccount& account, std::string_view verb, std::string_view name, Error error) {
  if (account.core->hooks.denied) account.core->hooks.denied({account.owner, verb, name, error});
  return error;
}

Result<void> check(const EventDraft& draft) {
  if (!is_dotted_name(draft.topic))
    return invalid("`" + printable(draft.topic, 300) +
                   "` is no topic: words of letters, digits, `_` and `-`, joined by dots, at most 255 bytes");
  if (draft.payload.size() > event_max_payload)
    return invalid("the payload of an event on `" + std::string(draft.topic) + "` has " + std::to_string(draft.payload.size()) +
                   " bytes, and may have " + std::to_string(event_max_payload));
  const auto unprintable = [](char c) { return c < 0x20 || c > 0x7e; };
  if (draft.content_type.size() > event_max_content_type || std::any_of(draft.content_type.begin(), draft.content_type.end(), unprintable))
    return invalid("`" + printable(draft.content_type) + "` is no content type: printable ASCII, at most " +
                   std::to_string(event_max_content_type) + " bytes");
  if (!draft.traceparent.empty() && !is_traceparent(draft.traceparent))
    return invalid("`" + printable(draft.traceparent) +
                   "` is no traceparent: `00-` and three fields of 32, 16 and 2 lower-case hex digits");
  return {};
}

Result<void> check(std::string_view pattern, const EventHandler& handler, const EventOptions& options) {
  if (!is_dotted_name(pattern, true))
    return invalid("`" + printable(pattern, 300) +
                   "` is no pattern of topics: words of letters, digits, `_` and `-`, or `*`, joined by dots, at the end also `>`, at most "
                   "255 bytes");
  if (handler.deliver == nullptr) return invalid("a subscription to `" + std::string(pattern) + "` needs a handler");
  if (options.when_full > WhenFull::refuse) return invalid("no such policy for a full queue");
  if (options.queue_events < 1 || options.queue_events > max_queue_events)
    return invalid("a queue of " + std::to_string(options.queue_events) + " events: 1 to " + std::to_string(max_queue_events) +
                   " are allowed");
  if (options.queue_bytes < min_queue_bytes || options.queue_bytes > max_queue_bytes)
    return invalid("a queue of " + std::to_string(options.queue_bytes) + " bytes: " + std::to_string(min_queue_bytes) + " to " +
                   std::to_string(max_queue_bytes) + " are allowed");
  return {};
}

bool same(const EventHandler& a, const EventHandler& b) {
  if (a.deliver != b.deliver || a.function != b.function) return false;
  return a.function != nullptr ? a.function_data == b.function_data : a.data == b.data;
}

bool same(const EventOptions& a, const EventOptions& b) {
  return a.when_full == b.when_full && a.queue_events == b.queue_events && a.queue_bytes == b.queue_bytes && a.drain == b.drain;
}

}  // namespace

Result<std::uint64_t> EventClient::publish(const EventDraft& draft) {
  if (account_ == nullptr || account_->closed.load(std::memory_order_acquire)) return left(account_.get());
  EventAccount& account = *account_;
  if (auto ok = check(draft); !ok) return ok.error();
  if (!account.is_host)
    if (auto ok = account.permissions.may_publish(draft.topic); !ok) return denied(account, "publish", draft.topic, ok.error());
  if (draft.traceparent.empty())
    if (const std::string_view trace = trace_of_this_thread(); is_traceparent(trace)) {
      EventDraft traced = draft;
      traced.traceparent = trace;
      return send(traced);
    }
  return send(draft);
}

Result<std::uint64_t> EventClient::send(const EventDraft& draft) {
  EventAccount& account = *account_;
  EventCore& core = *account.core;
  try {
    const std::uint64_t id = core.next_event.fetch_add(1, std::memory_order_relaxed);
    if (draft.retain) {
      const std::size_t bytes = draft.topic.size() + draft.payload.size() + draft.content_type.size() + draft.traceparent.size();
      auto ok = core.retained.keep(account, draft.topic, bytes, core.limits.retained_bytes, [&] { return core.dispatch(draft, id); });
      if (!ok) return ok.error();
    } else if (auto ok = core.dispatch(draft, id); !ok) {
      return ok.error();
    }
    return id;
  } catch (const std::bad_alloc&) {
    return no_memory("an event");
  }
}

Result<void> EventClient::forget(std::string_view topic) {
  if (account_ == nullptr || account_->closed.load(std::memory_order_acquire)) return left(account_.get());
  if (account_->core->retained.forget(*account_, topic)) return {};
  return Error{Code::not_found, "`" + account_->name + "` has no retained value on `" + printable(topic, 300) + "`", "", 0,
               ExitCode::unavailable};
}

Result<Subscribed> EventClient::subscribe(std::string_view pattern, const EventHandler& handler, const EventOptions& options) {
  if (account_ == nullptr) return left(nullptr);
  EventAccount& account = *account_;
  EventCore& core = *account.core;
  if (auto ok = check(pattern, handler, options); !ok) return ok.error();
  if (!account.is_host && !account.closed.load(std::memory_order_acquire))
    if (auto ok = account.permissions.may_subscribe(pattern); !ok) return denied(account, "subscribe", pattern, ok.error());
  std::shared_ptr<EventSubscription> made;
  bool post = false;
  try {
    const std::lock_guard lock(core.mutex);
    if (account.closed || account.draining) return left(&account);
    for (const auto& [id, s] : account.subscriptions) {
      if (s->closed() || s->pattern != pattern || !same(s->handler, handler)) continue;
      if (same(s->options, options)) return Subscribed{id, true};
      return Error{Code::already_exists, "`" + account.name + "` has subscribed this handler to `" + s->pattern + "` with other options",
                   "", 0, ExitCode::unavailable};
    }
    if (account.subscriptions.size() >= core.limits.subscriptions)
      return Error{Code::resource_exhausted,
                   "`" + account.name + "` has " + std::to_string(account.subscriptions.size()) + " subscriptions, more are not allowed",
                   "TOO_MANY_SUBSCRIPTIONS", 0, ExitCode::unavailable};
    const std::uint64_t id = core.slots.reserve();
    try {
      made = std::make_shared<EventSubscription>(account_, id, std::string(pattern), handler, options);
      account.subscriptions.emplace(id, made);
      made->pin_for_tree();
      core.tree.insert(made->pattern, *made);
    } catch (...) {
      if (made != nullptr) made->unpin_for_tree();
      account.subscriptions.erase(id);
      core.slots.free(id);
      throw;
    }
    core.slots.set(id, made);
    core.in_tree.fetch_add(1, std::memory_order_release);
    if (account.reach.load(std::memory_order_relaxed) != Reach::hidden) core.prime(*made);
    post = made->claim_post();
  } catch (const std::bad_alloc&) {
    return no_memory("a subscription");
  }
  if (post) made->post();
  return Subscribed{made->id, false};
}

Result<void> EventClient::unsubscribe(std::uint64_t id) {
  if (account_ == nullptr) return left(nullptr);
  EventCore& core = *account_->core;
  std::shared_ptr<EventSubscription> s;
  {
    const std::lock_guard lock(core.mutex);
    s = core.slots.find(id);
    if (s == nullptr || &s->account() != account_.get() || !core.take_out(*s)) return stale(id);
  }
  if (s->close()) s->post();
  return {};
}

Result<void> EventClient::unsubscribe_wait(std::uint64_t id, std::int64_t deadline_ns) {
  if (account_ == nullptr) return left(nullptr);
  EventCore& core = *account_->core;
  std::shared_ptr<EventSubscription> s;
  {
    const std::lock_guard lock(core.mutex);
    s = core.slots.find(id);
  }
  if (s == nullptr || &s->account() != account_.get()) return stale(id);
  if (s->inside())
    return Error{Code::failed_precondition, "a handler of `" + s->pattern + "` cannot wait for its own end: unsubscribe without waiting",
                 "REENTRANT", 0, ExitCode::unavailable};
  if (auto ok = unsubscribe(id); !ok) return ok;
  if (core.wait(deadline_ns, [&s] { return s->ended(); })) return {};
  return Error{Code::deadline_exceeded, "a delivery for `" + s->pattern + "` still runs", "", 0, ExitCode::unavailable};
}

Result<EventStats> EventClient::stats(std::uint64_t id) const {
  if (account_ == nullptr) return left(nullptr);
  const std::lock_guard lock(account_->core->mutex);
  const auto s = account_->core->slots.find(id);
  if (s == nullptr || &s->account() != account_.get()) return stale(id);
  return s->stats();
}

}  // namespace tenon::host
