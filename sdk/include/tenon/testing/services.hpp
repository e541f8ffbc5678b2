// Services for tests: mocks of what other modules offer, and calls of what the module offers, on the test's thread.
#ifndef TENON_TESTING_SERVICES_HPP
#define TENON_TESTING_SERVICES_HPP

#include <algorithm>
#include <deque>
#include <functional>
#include <thread>

#include "tenon/cpp/services.hpp"
#include "tenon/testing/events.hpp"
#include "tenon/testing/run.hpp"
#include "tenon/testing/service_message.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

/// The services of a testing::Host: `host.services()`.
///
///   host.services().mock("orders.get", [](const ServiceRequest& q) -> ServiceAnswer {
///     if (q.payload != "17") return Status::not_found("no order");
///     return "{}";
///   });
///   CHECK(host.services().call("shop.buy", "17").payload == "bought");
///   CHECK(host.services().called("orders.get").size() == 1);
///
/// A handler that defers leaves the answer PENDING, with an id for completion(). Asynchronous calls of the module run in deliver(). A mock that answers
/// Status::pending() never does: who waits for it is told at once that its deadline has come, and asynchronous calls stay open until it has.
class FakeServices {
 public:
  using Mock = std::function<ServiceAnswer(const ServiceRequest&)>;
  explicit FakeServices(Host& host) : host_(host) {}
  FakeServices(const FakeServices&) = delete;
  FakeServices& operator=(const FakeServices&) = delete;
  ~FakeServices() { leave(); }

  /// A service of another module, which has started; a second one replaces it. Throws if it is no name, or the module's own.
  void mock(std::string_view name, Mock mock) {
    const std::string key = name_of(name);
    const Lock lock(host_.mutex_);
    if (key.empty() || offered_.count(key) != 0)
      throw std::invalid_argument("`" + std::string(name) + "` is no name of a service, or offered by the module itself");
    mocks_[key] = std::make_shared<const Mock>(std::move(mock));
  }
  /// As if the other module had left.
  void unmock(std::string_view name) {
    const Lock lock(host_.mutex_);
    mocks_.erase(name_of(name));
  }
  /// The module may neither offer nor call this any more, a name or a pattern as of topics: the fake knows no manifest.
  void deny(std::string pattern) {
    const Lock lock(host_.mutex_);
    denied_.push_back(std::move(pattern));
  }
  /// What the module asked mocks, oldest first; only names that match.
  [[nodiscard]] std::vector<ServiceRequest> called(std::string_view pattern = ">") const {
    const Lock lock(host_.mutex_);
    std::vector<ServiceRequest> out;
    for (const ServiceRequest& q : called_)
      if (matches(q.service, pattern)) out.push_back(q);
    return out;
  }
  void clear_called() {
    const Lock lock(host_.mutex_);
    called_.clear();
  }
  /// Names the module offers, as registered.
  [[nodiscard]] std::vector<std::string> offered() const {
    const Lock lock(host_.mutex_);
    std::vector<std::string> out;
    for (const auto& [name, offer] : offered_) out.push_back(name);
    return out;
  }

  /// As another module. PENDING, with an id, if the handler deferred and has not completed yet.
  ServiceAnswer call(std::string_view name, std::string_view payload, ServiceRequest more = {});
  /// Waits for the answer of a deferred call until its deadline, at most `patience`; then nobody waits for it any more.
  ServiceAnswer completion(tenon_id id, std::chrono::nanoseconds patience = std::chrono::seconds(30));
  /// The caller gives a deferred call up. False if it has ended.
  bool cancel(tenon_id id);
  /// Runs the module's asynchronous calls, and tells it the outcome of those that have one. How many it was told.
  std::size_t deliver();

 private:
  friend class Host;
  struct Table;
  using Lock = std::unique_lock<std::mutex>;
  using CallPtr = std::shared_ptr<detail::CallState>;
  struct Offer {
    tenon_id id;
    std::string name;
    tenon_service service;
    int running = 0;
    bool closed = false, released = false;
    std::vector<std::thread::id> runners;
  };
  using OfferPtr = std::shared_ptr<Offer>;
  /// Who answers: one of both, or neither, with the reason.
  struct Target {
    std::shared_ptr<const Mock> mock;
    OfferPtr offer;
    Status refusal;
  };
  struct Outcome {
    ServiceAnswer answer;
    CallPtr open;  // deferred
  };
  /// An answer in memory of the host, until the module has released it.
  struct Given {
    FakeServices* services;
    ServiceMessage message;
    std::vector<tenon_kv> pairs;
    bool released = false;
  };
  struct Async {
    tenon_id id;
    ServiceRequest request;
    std::int64_t deadline_ns;
    CallPtr parent;
    tenon_service_done done;
    void* data;
    bool ran = false, decided = false;
    Outcome outcome;
  };

  /// Without "/1"; empty if it is none.
  static std::string name_of(std::string_view name) {
    const auto slash = name.find('/');
    const std::string_view plain = name.substr(0, slash);
    if (name.size() > 255 || !detail::is_topic(plain, false)) return "";
    if (slash == std::string_view::npos) return std::string(plain);
    const std::string_view major = name.substr(slash + 1);
    if (major.empty() || major.size() > 6 || major[0] == '0' || major.find_first_not_of("0123456789") != std::string_view::npos) return "";
    return std::string(major == "1" ? plain : name);
  }
  /// Without a major in the pattern it is any.
  static bool matches(const std::string& name, std::string_view pattern) {
    return pattern.find('/') != std::string_view::npos ? name_of(pattern) == name
                                                       : detail::topic_within(std::string_view(name).substr(0, name.find('/')), pattern);
  }
  static Status malformed(std::string_view name) {
    return {TENON_INVALID_ARGUMENT, "BAD_NAME",
            "`" + std::string(name) +
                "` is no name of a service: words of letters, digits, `_` and `-` joined by dots, at most 255 bytes, " +
                "and `/2` or higher behind it for another major"};
  }
  static Status too_late(const std::string& name) {
    return {TENON_DEADLINE_EXCEEDED, "DEADLINE", "`" + name + "` was not answered by its deadline"};
  }
  static Status given_up(const std::string& name) {
    return {TENON_CANCELLED, "GIVEN_UP", "nobody waits for the call any more in which `" + name + "` is called"};
  }
  // All below: with the host's mutex held, unless said otherwise.
  [[nodiscard]] bool denied(const std::string& name) const {
    for (const std::string& pattern : denied_)
      if (matches(name, pattern)) return true;
    return false;
  }
  [[nodiscard]] Status has_left() const {
    return {TENON_UNAVAILABLE, "LEAVING",
            "`" + std::string(host_.module_name()) + "` is leaving: it neither offers nor calls services any more"};
  }
  [[nodiscard]] Target find(const std::string& name, bool as_module) const;
  /// Of the call the module is in on this thread.
  [[nodiscard]] CallPtr parent() const { return detail::entered() == &host_ ? host_.running_ : nullptr; }
  void close(const OfferPtr& offer) {
    offer->closed = true;
    offered_.erase(offer->name);
    offers_.erase(offer->id);
    ended_.push_back(offer);
  }
  [[nodiscard]] static bool over(const detail::CallState& call) { return call.completed || call.cancelled || call.service->left; }
  [[nodiscard]] ServiceAnswer answer_of(const detail::CallState& call) const;
  // Without the mutex.
  Outcome run(const ServiceRequest& q, std::int64_t deadline_ns, const CallPtr& parent, bool as_module, std::uint8_t* buffer,
              std::size_t capacity);
  Outcome run_mock(const Mock& mock, const ServiceRequest& q, std::int64_t deadline_ns);
  Outcome run_offer(const OfferPtr& offer, const ServiceRequest& q, std::int64_t deadline_ns, const CallPtr& parent, std::uint8_t* buffer,
                    std::size_t capacity);
  ServiceAnswer wait(const CallPtr& call, std::int64_t end_ns);
  void give(ServiceMessage message, tenon_reply& to);
  void release_ended();
  void settle(Async& call);
  void tell(const std::shared_ptr<Async>& call);
  void leave();
  void finish();

  Host& host_;
  std::map<std::string, std::shared_ptr<const Mock>, std::less<>> mocks_;
  std::map<std::string, OfferPtr, std::less<>> offered_;
  std::map<tenon_id, OfferPtr> offers_;
  std::vector<OfferPtr> ended_;
  std::map<tenon_id, std::string> handles_;
  std::vector<std::string> denied_;
  std::vector<ServiceRequest> called_;
  std::deque<std::shared_ptr<Async>> async_;
  std::vector<std::unique_ptr<Given>> given_;
  bool gone_ = false;
  int depth_ = 0;
};

inline FakeServices::Target FakeServices::find(const std::string& name, bool as_module) const {
  const auto refuse = [](tenon_status code, std::string_view reason, const std::string& message) {
    return Target{nullptr, nullptr, Status(code, reason, message)};
  };
  if (as_module && gone_) return {nullptr, nullptr, has_left()};
  if (as_module && denied(name)) return refuse(TENON_PERMISSION_DENIED, "NOT_GRANTED", "the test denies `" + name + "`");
  if (const auto mock = mocks_.find(name); mock != mocks_.end()) return {mock->second, nullptr, Status()};
  const auto offer = offered_.find(name);
  const std::int32_t phase = host_.phase_;
  const bool seen = as_module || phase > TENON_PHASE_INIT || (phase == TENON_PHASE_INIT && host_.running_ == nullptr);
  if (offer == offered_.end() || !seen) return refuse(TENON_NOT_FOUND, "NO_SERVICE", "no module offers `" + name + "`");
  const std::string who = "`" + std::string(host_.module_name()) + "`, which offers `" + name + "`, ";
  if (phase < TENON_PHASE_RUN) return refuse(TENON_UNAVAILABLE, "NOT_STARTED", who + "has not started yet");
  if (phase > TENON_PHASE_RUN) return refuse(TENON_UNAVAILABLE, "LEAVING", who + "is leaving");
  return {nullptr, offer->second, Status()};
}

inline ServiceAnswer FakeServices::answer_of(const detail::CallState& call) const {
  const detail::ServiceRecord& r = *call.service;
  if (call.completed && !r.good && call.answer.ok())
    return Status(TENON_INTERNAL, "BAD_REPLY", "`" + r.service + "` gave a reply that cannot be one");
  if (call.completed) {
    if (call.answer.ok()) return r.reply;
    if (call.answer.message().empty())
      return Status(call.answer.code(), call.answer.reason(),
                    "`" + r.service + "` answered " + std::string(status_name(call.answer.code())));
    return call.answer;
  }
  if (r.left)
    return Status(TENON_UNAVAILABLE, "LEAVING", "`" + std::string(host_.module_name()) + "` left before `" + r.service + "` was answered");
  if (detail::now_ns() >= call.deadline_ns) return too_late(r.service);
  return Status(TENON_CANCELLED, "CANCELLED", "the call of `" + r.service + "` was cancelled");
}

inline FakeServices::Outcome FakeServices::run_mock(const Mock& mock, const ServiceRequest& q, std::int64_t deadline_ns) {
  Outcome out;
  {
    const detail::Inside elsewhere(nullptr);
    out.answer = mock(q);
  }
  const tenon_status code = out.answer.status.code();
  if (code != TENON_PENDING && detail::now_ns() >= deadline_ns) out.answer = too_late(q.service);
  if (code == TENON_OK || code == TENON_PENDING) return out;
  std::string message(out.answer.status.message());
  if (message.empty()) message = "`" + q.service + "` answered " + std::string(status_name(code));
  out.answer = Status(out.answer.status.code(), out.answer.status.reason(), message);
  return out;
}

inline FakeServices::Outcome FakeServices::run_offer(const OfferPtr& offer, const ServiceRequest& q, std::int64_t deadline_ns,
                                                     const CallPtr& parent, std::uint8_t* buffer, std::size_t capacity) {
  CallPtr before;
  {
    const Lock lock(host_.mutex_);
    before = host_.running_;
    ++offer->running;
    offer->runners.push_back(std::this_thread::get_id());
  }
  const CallPtr call = host_.new_call(true);
  {
    const Lock lock(host_.mutex_);
    call->deadline_ns = std::min(call->deadline_ns, deadline_ns);
    call->parent = parent;
    call->service = std::make_shared<detail::ServiceRecord>();
    call->service->service = offer->name;
    call->service->caller = q.caller;
    call->service->traceparent = q.traceparent;
  }
  const std::vector<tenon_kv> pairs = detail::pairs_of(q);
  const tenon_request request = {sizeof(tenon_request), 0,           Bytes(std::string_view(q.payload)), to_c(q.content_type),
                                 pairs.data(),          pairs.size()};
  tenon_reply reply = {};
  reply.struct_size = sizeof reply;
  reply.buffer = capacity == 0 ? nullptr : buffer;
  reply.capacity = capacity;
  tenon_error error;
  tenon::detail::init_error(error);
  tenon_status code = TENON_OK;
  {
    const detail::Inside inside(&host_);
    code = offer->service.handle(offer->service.data, reinterpret_cast<tenon_call*>(call.get()), &request, &reply, &error);
  }
  ServiceMessage message;
  const bool good = detail::take_reply(reply, message);
  Status status =
      host_.end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), "handler of `" + offer->name + "`");
  if (code == TENON_PENDING && call->id == 0)
    status =
        Status(TENON_INTERNAL, "NOT_DEFERRED", "the handler of `" + offer->name + "` returned PENDING without having deferred its call");
  const Lock lock(host_.mutex_);
  host_.running_ = before;
  --offer->running;
  offer->runners.erase(std::find(offer->runners.begin(), offer->runners.end(), std::this_thread::get_id()));
  host_.changed_.notify_all();
  if (status.is_pending()) return {status, call};
  if (call->completed) return {answer_of(*call), nullptr};
  if (detail::now_ns() >= call->deadline_ns) return {too_late(offer->name), nullptr};
  call->completed = true;
  call->answer = std::move(status);
  call->service->reply = std::move(message);
  call->service->good = good;
  return {answer_of(*call), nullptr};
}

inline FakeServices::Outcome FakeServices::run(const ServiceRequest& q, std::int64_t deadline_ns, const CallPtr& parent, bool as_module,
                                               std::uint8_t* buffer, std::size_t capacity) {
  Target target;
  ServiceRequest asked = q;
  {
    const Lock lock(host_.mutex_);
    if (parent != nullptr && Host::given_up(*parent)) return {given_up(q.service), nullptr};
    target = find(q.service, as_module);
    if (!target.refusal.ok()) return {target.refusal, nullptr};
    const std::int64_t now = detail::now_ns();
    if (now >= deadline_ns) return {too_late(q.service), nullptr};
    asked.timeout = std::chrono::nanoseconds(deadline_ns - now);
    if (depth_ >= 32)
      return {Status(TENON_RESOURCE_EXHAUSTED, "TOO_DEEP",
                     "calls are nested 32 deep, no deeper call is made: look for services that call each other"),
              nullptr};
    if (target.offer != nullptr && (host_.module_.flags & TENON_SERIAL) != 0 && (host_.on_own_turn() || detail::asking() == &host_))
      return {Status(TENON_FAILED_PRECONDITION, "REENTRANT",
                     "`" + std::string(host_.module_name()) + "` takes one call at a time and is in one that waits for this"),
              nullptr};
    if (target.mock != nullptr && as_module) called_.push_back(asked);
    ++depth_;
  }
  const Host* const before = std::exchange(detail::asking(), detail::entered() == &host_ ? &host_ : detail::asking());
  Outcome out = target.mock != nullptr ? run_mock(*target.mock, asked, deadline_ns)
                                       : run_offer(target.offer, asked, deadline_ns, parent, buffer, capacity);
  detail::asking() = before;
  const Lock lock(host_.mutex_);
  --depth_;
  return out;
}

inline ServiceAnswer FakeServices::wait(const CallPtr& call, std::int64_t end_ns) {
  Lock lock(host_.mutex_);
  while (!over(*call) && !Host::given_up(*call) && detail::now_ns() < end_ns)
    host_.changed_.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(end_ns - detail::now_ns(), 1'000'000'000)));
  if (over(*call)) return answer_of(*call);
  const bool late = call->parent == nullptr || !Host::given_up(*call->parent);
  host_.end(*call, TENON_CANCELLED);
  return late ? too_late(call->service->service) : given_up(call->service->service);
}

inline ServiceAnswer FakeServices::call(std::string_view name, std::string_view payload, ServiceRequest more) {
  more.service = name_of(name);
  if (more.service.empty()) return malformed(name);
  more.payload = payload;
  const std::int64_t now = detail::now_ns();
  std::vector<tenon_kv> room(more.room / sizeof(tenon_kv) + 1);  // aligned for anything in it
  Outcome out = run(more, more.timeout.count() < INT64_MAX - now ? now + more.timeout.count() : INT64_MAX, nullptr, false,
                    reinterpret_cast<std::uint8_t*>(room.data()), more.room);
  if (out.open != nullptr) out.answer.id = out.open->id;
  host_.deliver();
  return out.answer;
}

inline ServiceAnswer FakeServices::completion(tenon_id id, std::chrono::nanoseconds patience) {
  CallPtr call;
  std::int64_t end = 0;
  {
    const Lock lock(host_.mutex_);
    const auto found = host_.deferred_.find(id);
    if (found == host_.deferred_.end() || found->second->service == nullptr) return Status::not_found("no call of a service has this id");
    call = found->second;
    const std::int64_t now = detail::now_ns();
    end = std::min(call->deadline_ns, patience.count() < INT64_MAX - now ? now + patience.count() : INT64_MAX);
  }
  ServiceAnswer answer = wait(call, end);
  host_.deliver();
  return answer;
}

inline bool FakeServices::cancel(tenon_id id) {
  {
    const Lock lock(host_.mutex_);
    const auto found = host_.deferred_.find(id);
    if (found == host_.deferred_.end() || found->second->service == nullptr || over(*found->second)) return false;
    host_.end(*found->second, TENON_CANCELLED);
    host_.changed_.notify_all();
  }
  host_.deliver();
  return true;
}

/// In the caller's buffer, or in memory that ends with payload.release.
inline void FakeServices::give(ServiceMessage message, tenon_reply& to) {
  if (detail::write_reply(message, to)) return;
  auto made = std::make_unique<Given>(Given{this, std::move(message), {}});
  Given& g = *made;
  g.pairs = detail::pairs_of(g.message);
  to.payload = {reinterpret_cast<const std::uint8_t*>(g.message.payload.data()), g.message.payload.size(),
                [](void* owner) noexcept {
                  auto& gone = *static_cast<Given*>(owner);
                  const Lock lock(gone.services->host_.mutex_);
                  if (std::exchange(gone.released, true)) gone.services->host_.problem("an answer of a service was released twice");
                  gone.message = {};
                  gone.message.payload.shrink_to_fit();
                },
                &g};
  to.content_type = to_c(g.message.content_type);
  to.metadata = g.pairs.data();
  to.metadata_count = g.pairs.size();
  const Lock lock(host_.mutex_);
  given_.push_back(std::move(made));
}

inline void FakeServices::release_ended() {
  for (;;) {
    OfferPtr offer;
    {
      const Lock lock(host_.mutex_);
      const auto quiet = std::find_if(ended_.begin(), ended_.end(), [](const OfferPtr& o) { return o->running == 0; });
      if (quiet == ended_.end()) return;
      offer = *quiet;
      ended_.erase(quiet);
    }
    if (offer->service.release != nullptr) offer->service.release(offer->service.data);
    const Lock lock(host_.mutex_);
    offer->released = true;
    host_.changed_.notify_all();
  }
}

/// Runs it, or sees whether it has been answered.
inline void FakeServices::settle(Async& call) {
  if (!call.ran) {
    call.ran = true;
    call.outcome = run(call.request, call.deadline_ns, call.parent, true, nullptr, 0);
  }
  const Lock lock(host_.mutex_);
  if (call.decided) return;
  const CallPtr& open = call.outcome.open;
  const bool given = call.parent != nullptr && Host::given_up(*call.parent);
  if (!call.outcome.answer.status.is_pending()) {
    call.decided = true;
  } else if (open != nullptr && over(*open)) {
    call.outcome.answer = answer_of(*open);
    call.decided = true;
  } else if (given || detail::now_ns() >= call.deadline_ns) {
    if (open != nullptr) host_.end(*open, TENON_CANCELLED);
    call.outcome.answer = given ? given_up(call.request.service) : too_late(call.request.service);
    call.decided = true;
  }
}

/// The outcome, to the module.
inline void FakeServices::tell(const std::shared_ptr<Async>& call) {
  tenon_reply reply = {};
  reply.struct_size = sizeof reply;
  tenon_error error;
  tenon::detail::init_error(error);
  const Status& status = call->outcome.answer.status;
  if (status.ok()) give(std::move(call->outcome.answer), reply);
  (void)status.report(&error);
  {
    const detail::Inside inside(&host_);
    call->done(call->data, call->id, status.code(), &reply, &error);
  }
  if (reply.payload.release != nullptr) reply.payload.release(reply.payload.owner);
}

inline std::size_t FakeServices::deliver() {
  std::size_t told = 0;
  for (bool again = true; again;) {
    again = false;
    std::deque<std::shared_ptr<Async>> now;
    {
      const Lock lock(host_.mutex_);
      now = async_;
    }
    for (const std::shared_ptr<Async>& call : now) {
      if (!call->decided) settle(*call);
      {
        const Lock lock(host_.mutex_);
        const auto found = std::find(async_.begin(), async_.end(), call);
        if (!call->decided || found == async_.end()) continue;
        async_.erase(found);
      }
      tell(call);
      ++told;
      again = true;
    }
  }
  host_.deliver();
  return told;
}

inline void FakeServices::leave() {
  std::deque<std::shared_ptr<Async>> own;
  {
    const Lock lock(host_.mutex_);
    gone_ = true;
    while (!offers_.empty()) close(OfferPtr(offers_.begin()->second));
    handles_.clear();
    for (auto& [id, call] : host_.deferred_) {
      if (call->service == nullptr || over(*call)) continue;
      call->service->left = true;
      host_.end(*call, TENON_CANCELLED);
    }
    own.swap(async_);
    for (const auto& call : own)
      if (!call->decided)
        call->outcome.answer =
            Status(TENON_CANCELLED, "LEAVING",
                   "`" + std::string(host_.module_name()) + "` left before `" + call->request.service + "` was answered");
    host_.changed_.notify_all();
  }
  for (const auto& call : own) tell(call);
  release_ended();
}

/// What the module should have released.
inline void FakeServices::finish() {
  const Lock lock(host_.mutex_);
  const auto held = std::count_if(given_.begin(), given_.end(), [](const auto& g) { return !g->released; });
  if (held != 0)
    host_.problem(std::to_string(held) + (held == 1 ? " answer of a service was" : " answers of services were") + " never released");
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#include "tenon/testing/services_table.hpp"

#endif
