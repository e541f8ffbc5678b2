// Host: a fake of the daemon that runs one module, given as a class or as its entry, through its phases on the test's thread.
#ifndef TENON_TESTING_HOST_HPP
#define TENON_TESTING_HOST_HPP

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "tenon/check.h"
#include "tenon/cpp/module.hpp"
#include "tenon/testing/audit.hpp"
#include "tenon/testing/config.hpp"
#include "tenon/testing/log_sink.hpp"
#include "tenon/testing/metrics.hpp"
#include "tenon/testing/storage.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

struct LogLine {
  std::int32_t level;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
  /// Value of a key, or "" if it is not there.
  [[nodiscard]] std::string field(std::string_view key) const {
    for (const auto& [k, v] : fields)
      if (k == key) return v;
    return "";
  }
};

/// A health check as the module declares it.
struct HealthCheck {
  std::string name;
  bool required = false;
  std::chrono::nanoseconds timeout{}, interval{};  ///< 0 = the host's default
};

class Host;
class FakeEvents;
class FakeTasks;
class FakeContainer;
class FakeServices;

namespace detail {

inline std::int64_t now_ns() { return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count(); }

struct ServiceRecord;

/// One call the module is in, or has deferred. Fields behind `host` are guarded by the host's mutex.
struct CallState : std::enable_shared_from_this<CallState> {
  Host* host = nullptr;
  std::int64_t deadline_ns = INT64_MAX;
  bool may_defer = false;
  bool cancelled = false;
  tenon_id id = 0;         // deferred
  bool completed = false;  // complete() came
  bool ended = false;      // nothing will come any more
  bool leaving = false;    // cancelled because the module stops: it still may answer
  Status answer;
  tenon_call_ended on_cancel = nullptr;
  void* on_cancel_data = nullptr;
  std::vector<std::unique_ptr<std::uint8_t[]>> reserved;
  std::size_t reserved_bytes = 0;
  std::shared_ptr<CallState> parent;       // the call it is made in
  std::shared_ptr<ServiceRecord> service;  // of a call of a service
  std::string traceparent;                 // of that, or of the event that is delivered
};

}  // namespace detail

/// One module in a host of its own. Phases run on the calling thread. Thread-safe towards the module; the test uses it from one thread,
/// but for cancel(), which may come from any. What the module may not do, and a real host would not let pass, is collected in problems().
///
///   tenon::testing::Host host = tenon::testing::Host::of<Hello>({{"name", "world"}});
///   REQUIRE(host.boot().ok());
///   CHECK(host.log().back().message == "hello");
///   CHECK(host.finish().empty());
///
/// It does not read the manifest: `config_schema` checks nothing here, and of `defaults` it knows what it is given as such. `config` is laid over them,
/// as the operator's part is in the daemon.
class Host {
 public:
  /// `module` and what it points at must outlive the host, as they do in a loaded file.
  explicit Host(const tenon_module& module, Config config = {}, Config defaults = {}) : module_(module), config_(std::move(defaults)) {
    config_.merge(config);
    set_up();
  }
  /// A module of an entry, by name if it has several.
  explicit Host(const tenon_entry& entry, Config config = {}, std::string_view name = {}, Config defaults = {})
      : Host(select(entry, name), std::move(config), std::move(defaults)) {}
  template <class T>
  static Host of(Config config = {}, Config defaults = {}) {
    static constexpr tenon_module module = module_of<T>("under_test", "0.0.0");
    return Host(module, std::move(config), std::move(defaults));
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() { (void)finish(); }

  // ---- what the host is like: before create() ------------------------------------------------------------------------

  /// Query gives NULL for this interface, as an older host does.
  void withhold(std::string id) { withheld_.insert(std::move(id)); }
  /// Query gives this table (which must outlive the host) for an interface the fake has not, or instead of its own.
  void provide(std::string id, const void* table) { provided_[std::move(id)] = table; }
  /// Only these paths are live; without this, all are.
  void declare_live(std::vector<std::string> paths) { live_ = std::move(paths); }
  /// Log level; at first everything is kept.
  void set_min_level(std::int32_t level) { __atomic_store_n(&log_.min_level, level, __ATOMIC_RELAXED); }
  /// Time each following call gets, from its beginning; at first there is no end.
  void set_deadline(std::chrono::nanoseconds time) { time_per_call_ = time; }

  // ---- phases: absent ones are OK --------------------------------------------------------------------------------------

  /// Once. What a create that fails has registered is released.
  Status create();
  Status pre_init() { return phase(TENON_PHASE_PRE_INIT, &tenon_lifecycle::pre_init, false); }
  Status init() { return phase(TENON_PHASE_INIT, &tenon_lifecycle::init, false); }
  Status post_init() { return phase(TENON_PHASE_POST_INIT, &tenon_lifecycle::post_init, false); }
  /// PENDING if the module completes it later: see completion().
  Status start() { return phase(TENON_PHASE_START, &tenon_lifecycle::start, true); }
  /// create to start; ends with the first that is not OK. A PENDING start is waited for.
  Status boot() {
    for (auto step : {&Host::create, &Host::pre_init, &Host::init, &Host::post_init, &Host::start}) {
      Status status = (this->*step)();
      if (status.is_pending()) return completion();
      if (!status.ok()) return status;
    }
    return Status();
  }
  /// Cancels what is pending and the loops, waits for those (half of the time a call gets, at most 5 s), then calls stop. A PENDING stop is
  /// waited for.
  Status stop() {
    end_pending();
    tasks_drain();
    events_drain();
    Status status = phase(TENON_PHASE_STOP, &tenon_lifecycle::stop, true);
    if (status.is_pending()) status = completion();
    leave();
    return status;
  }
  void destroy();
  /// What the host does in the end: stop if start was called, destroy if create returned OK. Gives problems().
  std::vector<std::string> finish() {
    if (created_ && !destroyed_) {
      if (started_ && !stopped_) (void)stop();
      destroy();
    }
    return problems();
  }

  /// Waits for the answer of the call last deferred: its status, or DEADLINE_EXCEEDED, at the call's deadline or after `patience`.
  Status completion(std::chrono::nanoseconds patience = std::chrono::seconds(30));
  /// Nobody waits for the running call and for deferred ones any more; if there are none, for the next call.
  void cancel();
  /// Runs on_cancel functions that are due; phases, completion() and cancel() do so by themselves.
  void deliver();

  // ---- configuration -----------------------------------------------------------------------------------------------------

  /// A reload that changes one value, and calls on_change of those concerned if start was called. The first error they return.
  Status change(std::string_view path, Value value);

  // ---- interfaces of the kernel ------------------------------------------------------------------------------------------

  FakeEvents& events();  ///< testing/events.hpp
  FakeTasks& tasks();    ///< testing/tasks.hpp
  /// Storage and state of the module.
  FakeStorage& storage() { return storage_; }
  FakeContainer& container();  ///< testing/container.hpp
  FakeServices& services();    ///< testing/services.hpp

  // ---- what the module did ---------------------------------------------------------------------------------------------

  /// The object of a module written in C++.
  template <class T>
  T& object() {
    return module_cast<T>(self_);
  }
  [[nodiscard]] tenon_ctx* ctx() { return &seat_.ctx; }
  [[nodiscard]] const FakeMetrics& metrics() const { return metrics_; }
  [[nodiscard]] const FakeAudit& audit() const { return audit_; }
  [[nodiscard]] FakeLogSink& log_sink() { return log_sink_; }
  /// What the module offers under `health`, and one of its checks, run now on this thread.
  [[nodiscard]] std::vector<HealthCheck> health_checks() const;
  Status check_health(std::string_view name);
  static Host& from(tenon_ctx* ctx) { return *reinterpret_cast<Seat*>(ctx)->host; }
  [[nodiscard]] std::string_view module_name() const { return view(module_.name); }
  /// start was called and stop was not: handlers may be called.
  [[nodiscard]] bool is_running() const { return started_ && !stopped_; }
  [[nodiscard]] void* self() const { return self_; }
  [[nodiscard]] std::vector<LogLine> log() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
  }
  void clear_log() {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.clear();
  }
  /// Waits until `count` lines with this message have been written; false after `patience`.
  bool wait_for_log(std::string_view message, std::size_t count = 1, std::chrono::nanoseconds patience = std::chrono::seconds(30));
  /// "RULE: message" of each tenon.check violation the module reported.
  [[nodiscard]] std::vector<std::string> violations() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return violations_;
  }
  /// Breaches of the contract, one sentence each; empty = none.
  [[nodiscard]] std::vector<std::string> problems() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return problems_;
  }

 private:
  friend class FakeAudit;
  friend class FakeLogSink;
  friend class FakeMetrics;
  struct Tables;  // the C functions
  friend struct StorageTables;
  struct Seat {
    tenon_ctx ctx;
    Host* host;
  };
  struct Subscription {
    std::string path;
    tenon_config_changed fn;
    void* data;
    void (*release)(void*) noexcept;
  };
  using Lifecycle = tenon_lifecycle;
  using PhaseMember = tenon_status (*Lifecycle::*)(void*, tenon_call*, tenon_error*) noexcept;
  using Lock = std::unique_lock<std::mutex>;
  friend class FakeEvents;
  friend class FakeTasks;
  friend class FakeContainer;
  friend class FakeServices;
  static Host& of(tenon_ctx* ctx) { return *reinterpret_cast<Seat*>(ctx)->host; }

  static const tenon_module& select(const tenon_entry& entry, std::string_view name) {
    for (std::size_t i = 0; i < entry.module_count; ++i)
      if (name.empty() || view(entry.modules[i]->name) == name) return *entry.modules[i];
    throw std::invalid_argument("the entry has no module `" + std::string(name) + "`");
  }
  void set_up();
  template <class F>
  Status run(std::int32_t phase, bool may_defer, bool present, F&& function);
  Status phase(std::int32_t phase, PhaseMember member, bool may_defer);
  std::shared_ptr<detail::CallState> new_call(bool may_defer);
  Status end_call(detail::CallState& call, Status returned, std::string_view phase);
  template <class F>
  Status handle(std::string_view what, F&& handler);  // runs a handler of the module, as a call [worker]
  template <class F>
  void as_worker(F&& f);                                             // a [worker] callback of the module that is no call
  void release(void (*function)(void*) noexcept, void* data) const;  // on a worker, and no turn of a serial module
  void end_pending();
  void revoke();  ///< what the module has registered, anywhere, before it is destroyed, or when its create has failed
  void forget();  ///< the module is gone
  /// What the module has registered with the interfaces of the kernel ends, and is released.
  void leave() {
    services_leave();
    tasks_leave();
    events_leave();
    container_leave();
    log_sink_.leave();
  }
  /// What the module, on any thread, or the test may have been the first to ask for; nullptr if nobody has.
  template <class T>
  std::shared_ptr<T> made(const std::shared_ptr<T>& part) const {
    const Lock lock(mutex_);
    return part;
  }
  const void* events_table();
  void events_end_calls();
  void events_drain();
  void events_leave();
  const void* services_table();
  void services_end_calls();
  void services_leave();
  void services_finish();
  const void* tasks_table();
  void tasks_started();
  void tasks_end_calls();
  void tasks_drain();
  void tasks_leave();
  const void* container_table(bool lease);
  void container_end_call(const detail::CallState& call);
  void container_leave();
  void container_finish();
  void container_destroyed();
  static bool given_up(const detail::CallState& call);     // with the mutex held
  [[nodiscard]] std::string trace_of_this_thread() const;  ///< of the call or event the module handles on it; with the mutex held
  [[nodiscard]] bool on_own_turn() const;                  ///< a serial module is on this thread: it cannot wait for its own callbacks
  void release_subscriptions();                            ///< of on_change, once no handler of it runs
  void problem(std::string text) { problems_.push_back(std::move(text)); }  // with the mutex held
  void end(detail::CallState& call, tenon_status why);                      // with the mutex held
  [[nodiscard]] bool declared(std::string_view id) const;
  [[nodiscard]] bool is_live(std::string_view path) const;
  tenon_str keep(std::string text) {
    return to_c(*texts_.insert(std::move(text)).first);
  }  // with the mutex held; lives as long as the host

  const tenon_module module_;
  Seat seat_{};
  tenon_host host_{};
  tenon_log log_{};
  FakeMetrics metrics_;
  FakeAudit audit_;
  FakeLogSink log_sink_;
  void* self_ = nullptr;
  bool created_ = false, destroyed_ = false;
  std::atomic<bool> started_{false}, stopped_{false};  // read by whoever cancels or delivers from another thread
  std::chrono::nanoseconds time_per_call_ = std::chrono::nanoseconds::max();
  std::set<std::string, std::less<>> withheld_;
  std::map<std::string, const void*, std::less<>> provided_;
  std::vector<std::string> live_ = {""};
  std::atomic<std::int32_t> phase_{TENON_PHASE_NONE};
  FakeStorage storage_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Config config_;
  std::set<std::string> texts_;
  std::vector<LogLine> lines_;
  std::vector<std::string> problems_, violations_;
  std::map<tenon_id, Subscription> subscriptions_;
  std::vector<Subscription> unsubscribed_;  // to be released
  int changing_ = 0;                        // handlers of on_change that run
  std::map<tenon_id, std::shared_ptr<detail::CallState>> deferred_;
  std::shared_ptr<detail::CallState> running_, last_deferred_;
  std::vector<std::pair<std::pair<tenon_call_ended, void*>, tenon_status>> due_;
  tenon_id next_id_ = 1;
  bool cancel_next_ = false;
  std::shared_ptr<FakeEvents> events_;
  std::shared_ptr<FakeTasks> tasks_;
  std::shared_ptr<FakeContainer> container_;
  std::shared_ptr<FakeServices> services_;
};

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
