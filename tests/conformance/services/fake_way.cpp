// On the fake host: `orders` is the module under test, the test and its mocks are `web`. What the fake cannot do, because it runs one module on the test's
// thread: handlers beside the test, permissions from a manifest (the test denies), a breaker, metrics of methods, mocks that defer.
#include <algorithm>
#include <set>
#include <thread>

#include "table_driver.hpp"
#include "tenon/testing.hpp"

namespace tenon::test {
namespace {

class MockCurrent final : public Current {
 public:
  explicit MockCurrent(const testing::ServiceRequest& q) : asked_(q), deadline_(host::monotonic_ns() + q.timeout.count()) {}
  [[nodiscard]] std::string caller() const override { return asked_.caller; }
  [[nodiscard]] std::string service() const override { return asked_.service; }
  [[nodiscard]] std::string traceparent() const override { return asked_.traceparent; }
  [[nodiscard]] std::int64_t deadline_ns() override { return deadline_; }
  [[nodiscard]] bool cancelled() override { return host::monotonic_ns() >= deadline_; }
  bool wait(std::int64_t) override { return true; }
  Answer defer() override { return {}; }

 private:
  const testing::ServiceRequest& asked_;
  const std::int64_t deadline_;
};

Said said_of(const testing::ServiceAnswer& a) {
  if (!a.ok()) return Said::failure(a.status.code(), std::string(a.status.reason()), std::string(a.status.message()));
  Said out;
  out.payload = a.payload;
  out.content_type = a.content_type;
  out.metadata = a.metadata;
  return out;
}

Answer answer(const Status& s) { return {s.code(), std::string(s.reason()), std::string(s.message()), 0}; }

class FakeDriver final : public TableDriver {
 public:
  using TableDriver::call;
  using TableDriver::leave;
  using TableDriver::offer;
  explicit FakeDriver(const Setup& setup) : module_(module_of(setup)), host_(module_) {
    for (const char* pattern : {"billing.>", "logger.>", "web.stolen", "shop.other"}) host_.services().deny(pattern);
    strings_.init = [&](Who) -> tenon_status { return !setup.init || setup.init(*this) ? TENON_OK : TENON_FAILED_PRECONDITION; };
    strings_.stop = [this](Who) -> tenon_status {
      if (in_stop_) in_stop_();
      return TENON_OK;
    };
    REQUIRE(host_.create().ok());
    if (!host_.init().ok()) {
      FakeDriver::leave(Who::orders, {});
      return;
    }
    if (setup.boot) FakeDriver::start(Who::orders);
  }
  ~FakeDriver() override {
    if (!gone_) FakeDriver::leave(Who::orders, {});
    std::vector<std::string> problems = host_.problems();
    std::sort(problems.begin(), problems.end());
    std::sort(expected_.begin(), expected_.end());
    CHECK(problems == expected_);
  }

  Answer offer(Who who, const std::string& name, Service& service, std::uint32_t flags) override {
    if (who == Who::orders) return TableDriver::offer(who, name, service, flags);
    host_.services().mock(name, [&service](const testing::ServiceRequest& q) -> testing::ServiceAnswer {
      MockCurrent current(q);
      Message asked;
      asked.payload = q.payload;
      asked.content_type = q.content_type;
      asked.metadata = q.metadata;
      const Said said = service.run(current, asked);
      testing::ServiceMessage message;
      message.payload = said.payload;
      message.content_type = said.content_type;
      message.metadata = said.metadata;
      if (said.status != 0) return Status(said.status, said.reason, said.message);
      return testing::ServiceAnswer(Status(), message);
    });
    mocks_.push_back(name);
    return {0, {}, {}, mocks_.size()};
  }
  Answer withdraw(Who who, std::uint64_t id) override {
    if (who == Who::orders) return TableDriver::withdraw(who, id);
    host_.services().unmock(mocks_.at(id - 1));
    return {};
  }
  bool has(Who who, const std::string& name) override {
    if (who == Who::orders) return TableDriver::has(who, name);
    const auto all = host_.services().offered();
    const std::string plain =
        name.substr(name.size() - std::min<std::size_t>(name.size(), 2)) == "/1" ? name.substr(0, name.size() - 2) : name;
    return std::find(all.begin(), all.end(), plain) != all.end();
  }
  /// The test has no handles: it calls by name.
  Answer resolve(Who who, const std::string& name) override {
    if (who == Who::orders) return TableDriver::resolve(who, name);
    names_.push_back(name);
    return {0, {}, {}, names_.size()};
  }
  Answer release_handle(Who who, std::uint64_t handle) override {
    return who == Who::orders ? TableDriver::release_handle(who, handle) : Answer{};
  }
  Said call(Who who, const Target& target, const Ask& ask) override {
    if (who == Who::orders) return TableDriver::call(who, target, ask);
    testing::ServiceAnswer out = begin(target, ask);
    if (out.status.is_pending()) out = host_.services().completion(out.id);
    return said_of(out);
  }
  /// Inline: only what is deferred is open afterwards.
  Answer call_async(Who who, const Target& target, const Ask& ask, Ending& done) override {
    if (who == Who::orders) return TableDriver::call_async(who, target, ask, done);
    const testing::ServiceAnswer out = begin(target, ask);
    if (out.status.is_pending()) {
      open_.push_back({out.id, ask.deadline_ns, &done});
      return {0, {}, {}, out.id};
    }
    if (out.status.code() == TENON_NOT_FOUND || out.status.code() == TENON_INVALID_ARGUMENT) return answer(out.status);
    done.tell(said_of(out));
    return {0, {}, {}, ++never_};
  }
  Answer cancel(Who who, std::uint64_t id) override {
    if (who == Who::orders) return TableDriver::cancel(who, id);
    if (!host_.services().cancel(id)) return {TENON_NOT_FOUND, {}, {}, 0};
    over_.insert(id);
    return {};
  }
  Answer complete(std::uint64_t id, const Said& said) override {
    Answer out = TableDriver::complete(id, said);
    if (out.ok()) over_.insert(id);
    return out;
  }
  void start(Who who) override {
    if (who == Who::orders) REQUIRE(host_.start().ok());
  }
  void leave(Who who, const std::function<void()>& in_stop) override {
    if (who == Who::web) {
      for (const std::string& name : mocks_) host_.services().unmock(name);
      return;
    }
    in_stop_ = in_stop;
    static_cast<void>(host_.finish());
    gone_ = true;
    settle();
    strings_.created[0] = nullptr;
  }
  void return_web() override {}
  bool until(const std::function<bool()>& done) override {
    const std::int64_t end = soon();
    for (;;) {
      settle();
      if (done()) return true;
      if (host::monotonic_ns() > end) return false;
      std::this_thread::yield();
    }
  }
  std::optional<host::ServiceMetrics> metrics(const std::string&) override { return std::nullopt; }
  [[nodiscard]] bool is_real() const override { return false; }
  void expect(Who, const std::string&, const std::string& problem) override {
    if (!problem.empty()) expected_.push_back(problem);
  }

 private:
  struct Open {
    std::uint64_t id;
    std::int64_t deadline_ns;
    Ending* done;
  };
  static tenon_module module_of(const Setup& setup) {
    tenon_module out = *tenon_entry_v1.modules[0];
    if (setup.serial) out.flags |= TENON_SERIAL;
    return out;
  }
  testing::ServiceAnswer begin(const Target& target, const Ask& ask) {
    testing::ServiceRequest more;
    static_cast<testing::ServiceMessage&>(more) = {{}, ask.content_type, ask.metadata};
    more.caller = "web";
    more.traceparent = ask.traceparent;
    more.room = ask.room;
    if (ask.deadline_ns != host::no_deadline) more.timeout = std::chrono::nanoseconds(ask.deadline_ns - host::monotonic_ns());
    return host_.services().call(target.id != 0 ? names_.at(target.id - 1) : target.name, ask.payload, more);
  }
  /// Tells what has come of `web`'s open calls, and runs those of the module.
  void settle() {
    host_.services().deliver();
    for (std::size_t i = 0; i < open_.size();) {
      const Open o = open_[i];
      if (!gone_ && over_.count(o.id) == 0 && host::monotonic_ns() < o.deadline_ns) {
        ++i;
        continue;
      }
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
      o.done->tell(said_of(host_.services().completion(o.id)));
    }
  }
  [[nodiscard]] const puppet& the(Who) const override { return *strings_.find(Who::orders); }

  PuppetStrings strings_;
  const tenon_module module_;
  testing::Host host_;
  std::function<void()> in_stop_;
  std::vector<std::string> mocks_, names_, expected_;
  std::vector<Open> open_;
  std::set<std::uint64_t> over_;
  std::uint64_t never_ = 1'000'000'000;
  bool gone_ = false;
};

}  // namespace

std::unique_ptr<Driver> fake_driver(const Setup& setup) { return std::make_unique<FakeDriver>(setup); }

}  // namespace tenon::test
