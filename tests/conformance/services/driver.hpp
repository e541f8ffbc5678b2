// The rules of services, seen by two modules: `orders`, and `web`, which stands for everybody else. Driven on the kernel, through the C tables of real
// modules, and on the fake host (where `orders` is the module under test and the test is `web`).
#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "kernel/services.hpp"
#include "puppets.hpp"

namespace tenon::test {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// OK, or what was wrong.
struct Answer {
  int status = 0;
  std::string reason, message;
  std::uint64_t id = 0;
  [[nodiscard]] bool ok() const { return status == 0; }
};

struct Message {
  std::string payload, content_type;
  Pairs metadata;
};

struct Ask : Message {
  Ask() = default;
  Ask(const char* text) { payload = text; }  // NOLINT(google-explicit-constructor)
  Ask(std::string text, std::int64_t deadline, std::string trace = {}) : deadline_ns(deadline), traceparent(std::move(trace)) {
    payload = std::move(text);
  }
  std::int64_t deadline_ns = host::no_deadline;
  std::string traceparent;
  std::size_t room = 64;  ///< of the caller's buffer
};

/// What a handler answers, what a call came to.
struct Said : Message {
  Said() = default;
  Said(const char* text) { payload = text; }             // NOLINT(google-explicit-constructor)
  Said(std::string text) { payload = std::move(text); }  // NOLINT(google-explicit-constructor)
  static Said failure(int status, std::string reason = {}, std::string message = {}) {
    Said out;
    out.status = status;
    out.reason = std::move(reason);
    out.message = std::move(message);
    return out;
  }
  static Said later() { return failure(TENON_PENDING); }
  int status = 0;
  std::string reason, message;
  [[nodiscard]] bool ok() const { return status == 0; }
};

template <class Outcome>
bool failed(const Outcome& a, int status, std::string_view reason) {
  INFO("status ", a.status, ", reason ", a.reason, ", message ", a.message);
  CHECK(a.status == status);
  CHECK(a.reason == reason);
  return a.status == status && a.reason == reason;
}

/// The call a handler is in; until it returns.
class Current {
 public:
  Current() = default;
  virtual ~Current() = default;
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;
  [[nodiscard]] virtual std::string caller() const = 0;
  [[nodiscard]] virtual std::string service() const = 0;
  [[nodiscard]] virtual std::string traceparent() const = 0;
  [[nodiscard]] virtual std::int64_t deadline_ns() = 0;
  [[nodiscard]] virtual bool cancelled() = 0;
  virtual bool wait(std::int64_t until_ns) = 0;  ///< true if cancelled
  virtual Answer defer() = 0;
};

/// What a module offers.
struct Service {
  std::function<Said(Current&, const Message&)> handle;
  std::atomic<int> calls{0}, released{0};
  Said run(Current& current, const Message& asked) {
    ++calls;
    return handle(current, asked);
  }
};

/// An asynchronous call's outcome, or what on_cancel is told.
class Ending {
 public:
  void tell(Said said) {
    const std::lock_guard lock(mutex_);
    said_ = std::move(said);
    ++times_;
  }
  [[nodiscard]] int times() const { return times_; }
  [[nodiscard]] Said said() const {
    const std::lock_guard lock(mutex_);
    return said_;
  }

 private:
  mutable std::mutex mutex_;
  Said said_;
  std::atomic<int> times_{0};
};

/// Which service a call is for.
struct Target {
  Target(const char* n) : name(n) {}               // NOLINT(google-explicit-constructor)
  Target(std::string n) : name(std::move(n)) {}    // NOLINT(google-explicit-constructor)
  Target(const Answer& handle) : id(handle.id) {}  // NOLINT(google-explicit-constructor)
  std::uint64_t id = 0;                            ///< a handle, if it is not 0
  std::string name;
};

struct Setup {
  bool serial = false;  ///< both of them
  std::optional<host::BreakerOptions> breaker;
  std::uint32_t workers = 0, max_workers = 64;  ///< of a host that is real
  std::function<bool(class Driver&)> init;      ///< inside the init of `orders`; false: it fails
  bool boot = true;                             ///< both have started; else `orders` has come through its init, and only `web` has started
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual Answer offer(Who who, const std::string& name, Service& service, std::uint32_t flags) = 0;
  virtual Answer withdraw(Who who, std::uint64_t id) = 0;
  virtual Answer withdraw_wait(Who who, std::uint64_t id, std::int64_t deadline_ns) = 0;
  virtual bool has(Who who, const std::string& name) = 0;
  virtual Answer resolve(Who who, const std::string& name) = 0;
  virtual Answer release_handle(Who who, std::uint64_t handle) = 0;
  virtual Said call(Who who, const Target& target, const Ask& ask) = 0;
  virtual Answer call_async(Who who, const Target& target, const Ask& ask, Ending& done) = 0;
  virtual Answer cancel(Who who, std::uint64_t id) = 0;
  virtual Answer complete(std::uint64_t id, const Said& said) = 0;  ///< by orders
  virtual Answer on_cancel(std::uint64_t id, Ending& ended) = 0;    ///< likewise
  virtual bool id_cancelled(std::uint64_t id) = 0;                  ///< likewise
  /// Of a module that came through its init.
  virtual void start(Who who) = 0;
  /// `in_stop` runs inside of the stop of `orders`.
  virtual void leave(Who who, const std::function<void()>& in_stop) = 0;
  /// `web`, after it has left: started.
  virtual void return_web() = 0;
  /// Lets asynchronous things happen until it is true, at most for 20 s.
  virtual bool until(const std::function<bool()>& done) = 0;
  /// What is counted of one method; nullopt: this host does not count.
  virtual std::optional<host::ServiceMetrics> metrics(const std::string& service) = 0;
  /// A real host: handlers run beside the test, permissions come from manifest and configuration, there is a breaker.
  [[nodiscard]] virtual bool is_real() const = 0;
  /// The kernel trusts who calls it: views, limits and text are looked at where C comes in.
  [[nodiscard]] virtual bool looks_at_arguments() const { return true; }
  /// One more mistake, made on purpose: what the strict host calls it, and what the fake says of it; empty: nothing.
  virtual void expect(Who who, const std::string& rule, const std::string& problem) = 0;

  /// Both live as long as the driver.
  Service& service(std::function<Said(Current&, const Message&)> handle) {
    services_.emplace_back().handle = std::move(handle);
    return services_.back();
  }
  Ending& ending() { return endings_.emplace_back(); }
  Answer offer(const std::string& name, Service& service, std::uint32_t flags = 0) { return offer(Who::orders, name, service, flags); }
  Answer offer_web(const std::string& name, Service& service) { return offer(Who::web, name, service, 0); }
  /// By `web`.
  Said call(const Target& target, const Ask& ask = {}) { return call(Who::web, target, ask); }
  void leave(Who who) { leave(who, {}); }
  [[nodiscard]] bool told(const Ending& ending) {
    return until([&ending] { return ending.times() != 0; });
  }

 private:
  std::list<Service> services_;
  std::list<Ending> endings_;
};

/// The clock of the breakers in a host that is real.
inline std::atomic<std::int64_t> breaker_now{0};
inline host::KernelOptions kernel_options(const Setup& setup) {
  host::KernelOptions out;
  out.workers.threads = setup.workers;
  out.workers.max_threads = setup.max_workers;
  out.services.breaker = setup.breaker;
  out.services.now = [] { return breaker_now.load(); };
  return out;
}

/// `loaded` and `strict` are the C tables with real modules; in a strict host modules get checking proxies, which must find nothing but what is expected.
enum class Way : std::uint8_t { kernel, loaded, strict, fake };
std::unique_ptr<Driver> kernel_driver(const Setup& setup);
std::unique_ptr<Driver> loaded_driver(const Setup& setup, bool strict);
std::unique_ptr<Driver> fake_driver(const Setup& setup);
inline std::unique_ptr<Driver> make_driver(Way way, const Setup& setup) {
  switch (way) {
    case Way::kernel:
      return kernel_driver(setup);
    case Way::loaded:
      return loaded_driver(setup, false);
    case Way::strict:
      return loaded_driver(setup, true);
    case Way::fake:
      break;
  }
  return fake_driver(setup);
}

template <class Run>
void every_way(Run&& run, const Setup& setup = {}) {
  SUBCASE("on the kernel") { run(*make_driver(Way::kernel, setup)); }
  SUBCASE("through the C tables") { run(*make_driver(Way::loaded, setup)); }
  SUBCASE("through the C tables of a strict host") { run(*make_driver(Way::strict, setup)); }
  SUBCASE("on the fake host") { run(*make_driver(Way::fake, setup)); }
}

}  // namespace tenon::test
