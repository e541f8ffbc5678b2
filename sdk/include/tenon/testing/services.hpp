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
  [[nodiscard]] CallPtr parent() const {
    return detail::entered() == &host_ && detail::within().call != nullptr ? detail::within().call->shared_from_this() : nullptr;
  }
  void close(const OfferPtr& offer) {
    offer->closed = true;
    offered_.erase(offer->name);
    offers_.erase(offer->id);
    ended_.push_back(offer);
  }
  [[nodiscard]] static bool over(const detail::CallState& call) {
    return call.completed || (call.cancelled && !call.leaving) || call.service->left;
  }
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

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#include "tenon/testing/services_run.hpp"
#include "tenon/testing/services_table.hpp"

#endif
