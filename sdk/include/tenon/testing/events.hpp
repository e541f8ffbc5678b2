// Events for tests: what the module published, and events of others delivered to it on the test's thread.
#ifndef TENON_TESTING_EVENTS_HPP
#define TENON_TESTING_EVENTS_HPP

#include <deque>
#include <thread>

#include "tenon/cpp/events.hpp"
#include "tenon/testing/run.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

namespace detail {

/// Words of letters, digits, `_` and `-`, joined by dots; in a pattern also `*`, and `>` at the end.
inline bool is_topic(std::string_view text, bool pattern) {
  if (text.empty() || text.size() > 255) return false;
  for (;;) {
    const auto dot = text.find('.');
    const std::string_view word = text.substr(0, dot);
    const bool last = dot == std::string_view::npos;
    const bool wild = pattern && (word == "*" || (word == ">" && last));
    if (!wild && (word.empty() ||
                  word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != std::string_view::npos))
      return false;
    if (last) return true;
    text.remove_prefix(dot + 1);
  }
}

/// Every topic of `narrow` (a topic or a pattern) lies in `wide`.
inline bool topic_within(std::string_view narrow, std::string_view wide) {
  const auto take = [](std::string_view& text) {
    const auto dot = text.find('.');
    const std::string_view word = text.substr(0, dot);
    text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
    return word;
  };
  while (!wide.empty()) {
    if (narrow.empty()) return false;
    const std::string_view w = take(wide);
    if (w == ">") return true;
    const std::string_view n = take(narrow);
    if (n == ">" || (w != "*" && w != n)) return false;
  }
  return narrow.empty();
}

inline bool is_traceparent(std::string_view t) {
  if (t.size() != 55 || t.substr(0, 3) != "00-" || t[35] != '-' || t[52] != '-') return false;
  for (const std::size_t i : {3U, 36U, 53U})
    if (t.substr(i, i == 3 ? 32 : i == 36 ? 16 : 2).find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  return t.substr(3, 32).find_first_not_of('0') != std::string_view::npos &&
         t.substr(36, 16).find_first_not_of('0') != std::string_view::npos;
}

}  // namespace detail

/// An event as the test sees it.
struct CapturedEvent {
  std::string topic, payload, content_type, traceparent;
  bool retain = false;
  std::uint64_t id = 0;
  std::int64_t time_ns = 0;
};

/// The events of a testing::Host: `host.events()`. What is published is queued for the module's subscriptions, and delivered when the test says so:
///
///   host.events().publish("orders.created", R"({"id":1})");   // as another module
///   CHECK(host.events().deliver() == 1);
///   CHECK(host.events().published("stock.>").back().payload == "1");
///
/// Nothing is delivered before start, and stop does what the daemon does: queues with `drain` are emptied, others dropped, everything is released.
class FakeEvents {
 public:
  explicit FakeEvents(Host& host) : host_(host) {}
  FakeEvents(const FakeEvents&) = delete;
  FakeEvents& operator=(const FakeEvents&) = delete;
  ~FakeEvents() { leave(); }

  /// As another module, or as the host (`tenon.shutdown`). RESOURCE_EXHAUSTED `QUEUE_FULL` if a refusing queue is full.
  Result<std::uint64_t> publish(std::string_view topic, std::string_view payload, const Publish& more = {}) {
    std::uint64_t event = 0;
    Status status = Status::of([&](tenon_error* e) {
      const Lock lock(host_.mutex_);
      return accept(
          {std::string(topic), std::string(payload), std::string(more.content_type), std::string(more.traceparent), more.retain, 0, 0},
          false, event, e);
    });
    if (!status.ok()) return status;
    return event;
  }
  /// Delivers what is queued, and what handlers publish meanwhile, in the order of the events; then releases what has ended. How many there were.
  std::size_t deliver();
  /// What the module published, oldest first; only on topics that match.
  [[nodiscard]] std::vector<CapturedEvent> published(std::string_view pattern = ">") const {
    const Lock lock(host_.mutex_);
    std::vector<CapturedEvent> out;
    for (const CapturedEvent& e : published_)
      if (detail::topic_within(e.topic, pattern)) out.push_back(e);
    return out;
  }
  void clear_published() {
    const Lock lock(host_.mutex_);
    published_.clear();
  }
  /// The module may neither publish nor subscribe this any more: the fake knows no manifest.
  void deny(std::string pattern) {
    const Lock lock(host_.mutex_);
    denied_.push_back(std::move(pattern));
  }
  /// What handlers returned that was not OK.
  [[nodiscard]] std::vector<Status> failures() const {
    const Lock lock(host_.mutex_);
    return failures_;
  }
  /// Patterns the module is subscribed to.
  [[nodiscard]] std::vector<std::string> subscriptions() const {
    const Lock lock(host_.mutex_);
    std::vector<std::string> out;
    for (const auto& [id, s] : subscriptions_) out.push_back(s->pattern);
    return out;
  }

 private:
  friend class Host;
  using Lock = std::unique_lock<std::mutex>;
  using Record = std::shared_ptr<const CapturedEvent>;
  struct Queued {
    Record event;
    bool retained;
  };
  struct Subscription {
    tenon_id id;
    std::string pattern;
    tenon_event_handler fn;
    void* data;
    void (*release)(void*) noexcept;
    tenon_event_options options;
    std::deque<Queued> queue;
    std::uint64_t bytes = 0, delivered = 0, failed = 0, dropped = 0;
    bool primed = false, closed = false, released = false;
    bool running = false;
    std::thread::id runner;
  };
  using SubscriptionPtr = std::shared_ptr<Subscription>;
  struct Table;

  static std::uint64_t size_of(const CapturedEvent& e) {
    return e.topic.size() + e.payload.size() + e.content_type.size() + e.traceparent.size();
  }
  // All below: with the host's mutex held, unless said otherwise.
  [[nodiscard]] bool visible() const {
    return host_.phase_ > TENON_PHASE_INIT || (host_.phase_ == TENON_PHASE_INIT && host_.running_ == nullptr);
  }
  [[nodiscard]] bool denied(std::string_view name) const {
    for (const std::string& pattern : denied_)
      if (detail::topic_within(name, pattern)) return true;
    return false;
  }
  tenon_status accept(CapturedEvent event, bool own, std::uint64_t& id, tenon_error* err);
  static bool fits(const Subscription& s, std::uint64_t bytes) {
    return s.queue.size() < s.options.queue_events && s.bytes + bytes <= s.options.queue_bytes;
  }
  static void push(Subscription& s, Queued queued) {
    const std::uint64_t bytes = size_of(*queued.event);
    if (s.options.when_full != TENON_WHEN_FULL_DROP_NEWEST && bytes <= s.options.queue_bytes)
      while (!fits(s, bytes) && !s.queue.empty()) {
        s.bytes -= size_of(*s.queue.front().event);
        s.queue.pop_front();
        ++s.dropped;
      }
    if (!fits(s, bytes)) {
      ++s.dropped;
      return;
    }
    s.bytes += bytes;
    s.queue.push_back(std::move(queued));
  }
  void prime() {
    if (!visible()) return;
    for (const auto& [id, s] : subscriptions_) {
      if (s->primed) continue;
      s->primed = true;
      std::map<std::uint64_t, Record> values;
      for (const auto& [topic, event] : retained_)
        if (detail::topic_within(topic, s->pattern)) values[event->id] = event;
      for (const auto& [event_id, event] : values) push(*s, {event, true});
    }
  }
  void close(const SubscriptionPtr& s) {
    s->closed = true;
    s->queue.clear();
    s->bytes = 0;
    subscriptions_.erase(s->id);
    ended_.push_back(s);
  }
  // Without the mutex.
  void deliver_one(const SubscriptionPtr& s);
  std::size_t deliver_all(bool draining);
  void release_ended();
  void drain() {
    (void)deliver_all(true);
    const Lock lock(host_.mutex_);
    draining_ = true;
    for (const auto& [id, s] : subscriptions_) s->queue.clear();
  }
  void leave() {
    {
      const Lock lock(host_.mutex_);
      draining_ = gone_ = true;
      while (!subscriptions_.empty()) close(subscriptions_.begin()->second);
      retained_.clear();
    }
    release_ended();
  }

  Host& host_;
  std::map<tenon_id, SubscriptionPtr> subscriptions_;
  std::vector<SubscriptionPtr> ended_;
  std::map<std::string, Record> retained_;
  std::set<std::string> own_retained_;
  std::vector<CapturedEvent> published_;
  std::vector<std::string> denied_;
  std::vector<Status> failures_;
  std::uint64_t next_event_ = 1;
  bool draining_ = false, gone_ = false;
};

inline tenon_status FakeEvents::accept(CapturedEvent event, bool own, std::uint64_t& id, tenon_error* err) {
  using tenon::detail::fill;
  const auto bad = [err](const std::string& message) { return fill(err, TENON_INVALID_ARGUMENT, "", message); };
  if (!detail::is_topic(event.topic, false))
    return bad("`" + event.topic + "` is no topic: words of letters, digits, `_` and `-`, joined by dots, at most 255 bytes");
  if (event.payload.size() > TENON_EVENT_MAX_PAYLOAD) return bad("the payload of an event on `" + event.topic + "` is over 256 KiB");
  for (const char c : event.content_type)
    if (c < 0x20 || c > 0x7e) return bad("a content type is printable ASCII");
  if (event.content_type.size() > TENON_EVENT_MAX_CONTENT_TYPE) return bad("a content type has at most 127 bytes");
  if (!event.traceparent.empty() && !detail::is_traceparent(event.traceparent)) return bad("`" + event.traceparent + "` is no traceparent");
  if (own && detail::topic_within(event.topic.substr(0, event.topic.find('.')), "tenon"))
    return fill(err, TENON_PERMISSION_DENIED, "RESERVED", "topics below `tenon` are the host's own");
  if (own && denied(event.topic)) return fill(err, TENON_PERMISSION_DENIED, "NOT_GRANTED", "the test denies `" + event.topic + "`");
  prime();
  const std::uint64_t bytes = size_of(event);
  if (own && event.retain) {
    std::uint64_t held = bytes + 64;
    for (const std::string& topic : own_retained_)
      if (topic != event.topic) held += size_of(*retained_[topic]) + 64;
    if (held > 1024 * 1024)
      return fill(err, TENON_RESOURCE_EXHAUSTED, "RETAINED_FULL", "the retained values of this module would be over 1 MiB");
  }
  std::vector<SubscriptionPtr> targets;
  for (const auto& [number, s] : subscriptions_)
    if (visible() && !draining_ && detail::topic_within(event.topic, s->pattern)) targets.push_back(s);
  for (const SubscriptionPtr& s : targets)
    if (s->options.when_full == TENON_WHEN_FULL_REFUSE && !fits(*s, bytes))
      return fill(err, TENON_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                  "the queue for `" + s->pattern + "` is full and refuses more, so nobody got the event");
  event.id = id = next_event_++;
  event.time_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  if (own) published_.push_back(event);
  const auto record = std::make_shared<const CapturedEvent>(std::move(event));
  for (const SubscriptionPtr& s : targets) push(*s, {record, false});
  if (record->retain) {
    retained_[record->topic] = record;
    if (own)
      own_retained_.insert(record->topic);
    else
      own_retained_.erase(record->topic);
  }
  return TENON_OK;
}

inline void FakeEvents::deliver_one(const SubscriptionPtr& s) {
  Queued next;
  {
    const Lock lock(host_.mutex_);
    if (s->queue.empty()) return;
    next = std::move(s->queue.front());
    s->queue.pop_front();
    s->bytes -= size_of(*next.event);
    s->running = true;
    s->runner = std::this_thread::get_id();
    ++s->delivered;
  }
  const CapturedEvent& e = *next.event;
  const tenon_event raw = {sizeof(tenon_event),
                           next.retained ? TENON_EVENT_RETAINED : 0U,
                           e.id,
                           e.time_ns,
                           to_c(e.topic),
                           Bytes(std::string_view(e.payload)),
                           to_c(e.content_type),
                           to_c(e.traceparent)};
  const auto call = host_.new_call(false);
  tenon_error error;
  tenon::detail::init_error(error);
  tenon_status code = TENON_OK;
  {
    const detail::Inside inside(&host_);
    code = s->fn(s->data, reinterpret_cast<tenon_call*>(call.get()), &raw, &error);
  }
  Status status = host_.end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), "event handler");
  const Lock lock(host_.mutex_);
  s->running = false;
  if (!status.ok()) {
    ++s->failed;
    failures_.push_back(std::move(status));
  }
  host_.changed_.notify_all();
}

inline std::size_t FakeEvents::deliver_all(bool draining) {
  for (std::size_t n = 0;; ++n) {
    SubscriptionPtr oldest;
    {
      const Lock lock(host_.mutex_);
      prime();
      if (host_.phase_ != TENON_PHASE_RUN) return n;
      for (const auto& [id, s] : subscriptions_)
        if (!s->queue.empty() && (!draining || s->options.drain != 0) &&
            (oldest == nullptr || s->queue.front().event->id < oldest->queue.front().event->id))
          oldest = s;
    }
    if (oldest == nullptr) return n;
    deliver_one(oldest);
  }
}

inline std::size_t FakeEvents::deliver() {
  const std::size_t n = deliver_all(false);
  release_ended();
  return n;
}

inline void FakeEvents::release_ended() {
  for (;;) {
    SubscriptionPtr s;
    {
      const Lock lock(host_.mutex_);
      for (auto next = ended_.begin(); next != ended_.end() && s == nullptr; ++next)
        if (!(*next)->running) {
          s = *next;
          ended_.erase(next);
          break;
        }
    }
    if (s == nullptr) return;
    if (s->release != nullptr) s->release(s->data);
    const Lock lock(host_.mutex_);
    s->released = true;
    host_.changed_.notify_all();
  }
}

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
  if (events_ != nullptr) events_->release_ended();
}
inline void Host::events_drain() {
  if (events_ != nullptr) events_->drain();
}
inline void Host::events_leave() {
  if (events_ != nullptr) events_->leave();
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
