// The strict host and what others may know of a module: metrics, audit, health checks.
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <thread>

#include "abi/strict.hpp"
#include "kernel/kernel.hpp"
#include "support.hpp"
#include "tenon/audit.h"
#include "tenon/health.h"
#include "tenon/lease.h"
#include "tenon/metrics.h"
#include "tenon/services.h"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

struct Watched {
  LogCore log;
  std::unique_ptr<Kernel> kernel;
  std::optional<HostContext> host;
  std::optional<Instance> instance;
  const tenon_metrics* metrics = nullptr;
  const tenon_audit* audit = nullptr;

  Watched() {
    static_cast<void>(prepare_gates());
    auto made = Kernel::make(log, {});
    REQUIRE(made);
    kernel = std::move(*made);
    host.emplace(log, "1.2.3", "00000000-0000-4000-8000-000000000001", kernel.get());
    host->check_strictly();
    instance.emplace(*host, options_of("careless"));
    metrics = &table_of<tenon_metrics>(*instance, TENON_METRICS);
    audit = &table_of<tenon_audit>(*instance, TENON_AUDIT);
  }
  ~Watched() {
    if (instance) end();
    CHECK(kernel->end(in_a_minute()));
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  tenon_ctx* ctx() { return instance->ctx(); }
  tenon_counter* counter(const char* name = "used_total") {
    tenon_counter* out = nullptr;
    REQUIRE(metrics->counter(ctx(), str(name), str("Uses."), nullptr, 0, &out, nullptr) == TENON_OK);
    return out;
  }
  tenon_status record() {
    const tenon_audit_event event = {sizeof event, TENON_AUDIT_INFO, str("used"), {}, {}, str("ok"), nullptr, 0};
    return audit->record(ctx(), &event, nullptr);
  }
  void close() {
    instance->gate().advance(Gate::State::draining);
    CHECK(instance->leave_parts(in_a_minute()));
    instance->gate().advance(Gate::State::closed);
    CHECK(instance->close_parts(in_a_minute()));
  }
  void end() {
    if (instance->gate().state() != Gate::State::closed) close();
    instance.reset();
  }
  /// "module RULE" of each finding, and the last one's message.
  [[nodiscard]] std::vector<std::string> rules() const {
    std::vector<std::string> out;
    for (const Violation& v : host->strict()->violations()) out.push_back(v.module + " " + v.rule);
    return out;
  }
  [[nodiscard]] std::string message() const { return host->strict()->violations().back().message; }
};

using Rules = std::vector<std::string>;

/// What a check of the module does, and answers.
std::function<tenon_status(tenon_call*, tenon_error*)> the_check;
tenon_status check(void*, tenon_call* call, tenon_error* err) noexcept { return the_check(call, err); }
const tenon_health_check database = {sizeof database, 1, 0, 0, {"database", 8}, &check};
const tenon_health_check* const checks[] = {&database};
const tenon_health health = {sizeof health, 0, checks, 1};

/// Has the check asked once, on a worker; its answer.
CheckStatus ask(Watched& w, std::function<tenon_status(tenon_call*, tenon_error*)> answer) {
  the_check = std::move(answer);
  REQUIRE(w.instance->offer_health(health, nullptr));
  w.instance->reach_to(Reach::callable);
  const std::int64_t end = in_a_minute();
  for (;;) {
    w.kernel->health().tick(monotonic_ns());
    for (const CheckStatus& s : w.kernel->health().report(monotonic_ns()).checks)
      if (s.state != CheckState::unknown) return s;
    REQUIRE(monotonic_ns() < end);
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("strict: metrics and audit: who keeps the rules hears nothing, and everything is counted") {
  Watched w;
  tenon_counter* counter = w.counter();
  CHECK(w.counter() == counter);
  tenon_gauge* gauge = nullptr;
  REQUIRE(w.metrics->gauge(w.ctx(), str("level"), str("A level."), nullptr, 0, &gauge, nullptr) == TENON_OK);
  tenon_histogram* histogram = nullptr;
  const double bounds[] = {1, 2};
  REQUIRE(w.metrics->histogram(w.ctx(), str("size"), str("Sizes."), bounds, 2, nullptr, 0, &histogram, nullptr) == TENON_OK);
  std::thread([&] {  // [any]
    w.metrics->add(counter, 2);
    w.metrics->set(gauge, 3);
    w.metrics->change(gauge, 4);
    w.metrics->observe(histogram, 1.5);
    w.metrics->add(nullptr, 1);
    CHECK(w.record() == TENON_OK);
  })
      .join();
  const std::string text = w.kernel->metrics().render();
  CHECK(text.find("used_total{module=\"careless\"} 2\n") != std::string::npos);
  CHECK(text.find("level{module=\"careless\"} 7\n") != std::string::npos);
  CHECK(text.find("size_count{module=\"careless\"} 1\n") != std::string::npos);
  tenon_counter* none = nullptr;
  CHECK(w.metrics->counter(w.ctx(), str("no_suffix"), str("Uses."), nullptr, 0, &none, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(w.rules().empty());
}

TEST_CASE("strict: metrics and audit from a thread that is left behind when the instance has gone") {
  Watched w;
  tenon_counter* counter = w.counter();
  w.close();
  w.metrics->add(counter, 1);
  CHECK(w.rules() == Rules{"careless AFTER_DESTROY"});
  CHECK(w.message() == "`tenon_metrics.add` was called by a thread that the module left behind: stop must end it");
  tenon_counter* more = nullptr;
  static_cast<void>(w.metrics->counter(w.ctx(), str("more_total"), str("Uses."), nullptr, 0, &more, nullptr));
  CHECK(w.rules() == Rules(2, "careless AFTER_DESTROY"));
  CHECK(w.message().find("`tenon_metrics.counter` was called") == 0);
  static_cast<void>(w.record());
  CHECK(w.rules() == Rules(3, "careless AFTER_DESTROY"));
  CHECK(w.message().find("`tenon_audit.record` was called") == 0);
}

TEST_CASE("strict: a handle of a metric that is over, or was never one, is named and not looked at") {
  Watched w;
  tenon_counter* counter = w.counter();
  const tenon_metrics& metrics = *w.metrics;
  w.end();
  metrics.add(counter, 1);
  CHECK(w.rules() == Rules{"careless STALE_ID"});
  CHECK(w.message() == "`tenon_metrics.add` got a handle that is over or was never given: it lives until destroy has returned");
  int no_gauge = 0;
  metrics.set(reinterpret_cast<tenon_gauge*>(&no_gauge), 1);
  metrics.change(reinterpret_cast<tenon_gauge*>(&no_gauge), 1);
  metrics.observe(reinterpret_cast<tenon_histogram*>(&no_gauge), 1);
  CHECK(no_gauge == 0);
  CHECK(w.rules() ==
        Rules{"careless STALE_ID", "a thread of its own STALE_ID", "a thread of its own STALE_ID", "a thread of its own STALE_ID"});
  CHECK(w.message().find("`tenon_metrics.observe` got") == 0);
}

TEST_CASE("strict: a health check that keeps the rules hears nothing, and its error arrives") {
  Watched w;
  const auto& calls = table_of<tenon_calls>(*w.instance, TENON_CALLS);
  const CheckStatus status = ask(w, [&](tenon_call* call, tenon_error* err) {
    CHECK(calls.cancelled(call) == 0);
    std::strcpy(err->message, "no connection");
    err->message_len = 13;
    err->status = TENON_UNAVAILABLE;
    return TENON_UNAVAILABLE;
  });
  CHECK(status.state == CheckState::unhealthy);
  CHECK(status.why == "no connection");
  CHECK(w.rules().empty());
}

TEST_CASE("strict: a health check's call and error end with it, and it is no [control] callback") {
  Watched w;
  const auto& calls = table_of<tenon_calls>(*w.instance, TENON_CALLS);
  const auto& config = table_of<tenon_config>(*w.instance, TENON_CONFIG);
  tenon_call* kept_call = nullptr;
  tenon_error* kept_error = nullptr;
  const auto changed = [](void*, tenon_call*, tenon_str, tenon_error*) noexcept -> tenon_status { return TENON_OK; };
  static_cast<void>(ask(w, [&](tenon_call* call, tenon_error* err) {
    kept_call = call;
    kept_error = err;
    tenon_id id = 0;
    static_cast<void>(config.on_change(w.ctx(), str("live"), changed, nullptr, nullptr, &id, nullptr));
    return TENON_OK;
  }));
  CHECK(w.rules() == Rules{"careless WRONG_THREAD"});
  CHECK(w.message() == "`tenon_config.on_change` is for [control] callbacks of the module, and was called from a [worker] callback");
  CHECK(calls.cancelled(kept_call) == 1);
  CHECK(w.rules() == Rules{"careless WRONG_THREAD", "careless STALE_CALL"});
  tenon_call_info info{};
  info.struct_size = sizeof info;
  CHECK(table_of<tenon_services>(*w.instance, TENON_SERVICES).info(kept_call, &info) == TENON_FAILED_PRECONDITION);
  CHECK(w.message() == "`tenon_services.info` got a call whose function has returned: defer() it and use the id");
  tenon_id scope = 0;
  CHECK(table_of<tenon_lease>(*w.instance, TENON_LEASE).call_scope(w.ctx(), kept_call, nullptr, &scope, nullptr) ==
        TENON_FAILED_PRECONDITION);
  CHECK(w.message() == "`tenon_lease.call_scope` got a call whose function has returned: defer() it and use the id");
  Strict::Lent lent;
  REQUIRE(w.host->strict()->find_lent(kept_error, lent));
  CHECK(std::string(lent.module) == "careless");
  CHECK(std::string(lent.what) == "the error of a health check");
  // The kernel can tell without a crash: a write(2) from unreadable pages is EFAULT.
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(::write(ends[1], kept_error, 1) == -1);
  CHECK(errno == EFAULT);
  ::close(ends[0]);
  ::close(ends[1]);
}
