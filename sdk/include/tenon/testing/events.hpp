// Events for tests: what the module published, and events of others delivered to it on the test's thread.
#ifndef TENON_TESTING_EVENTS_HPP
#define TENON_TESTING_EVENTS_HPP

#include <deque>
#include <thread>

#include "tenon/cpp/events.hpp"
#include "tenon/testing/run.hpp"
#include "tenon/testing/topics.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

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
  void close(SubscriptionPtr s) {  // not a reference: it may be the one in the map
    s->closed = true;
    s->queue.clear();
    s->bytes = 0;
    subscriptions_.erase(s->id);
    ended_.push_back(std::move(s));
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
  if (own && detail::is_hosts_name(event.topic))
    return fill(err, TENON_PERMISSION_DENIED, "RESERVED", "`" + event.topic + "` belongs to the host, and cannot be granted");
  if (own && event.traceparent.empty()) event.traceparent = host_.trace_of_this_thread();
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
  call->traceparent = e.traceparent;
  tenon_error error;
  tenon::detail::init_error(error);
  tenon_status code = TENON_OK;
  {
    const detail::Inside inside(&host_, TENON_THREAD_WORKER, call.get());
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
    if (s->release != nullptr) host_.release(s->release, s->data);
    const Lock lock(host_.mutex_);
    s->released = true;
    host_.changed_.notify_all();
  }
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#include "tenon/testing/events_table.hpp"

#endif
