#include "driver.hpp"

#include <charconv>
#include <deque>
#include <mutex>

#include "base/clock.hpp"
#include "kernel/kernel.hpp"
#include "tenon/testing.hpp"
#include "world.hpp"

extern "C" {
watch_hooks tenon_watch_hooks;
}

namespace tenon::test {
namespace {

using host::AuditEvent;
using host::CheckState;

constexpr std::int64_t long_ns = 7'200'000'000'000;

tenon_str c_text(std::string_view s) { return {s.data(), s.size()}; }

const char* level_word(std::int32_t level) { return level == TENON_AUDIT_INFO ? "info" : level == TENON_AUDIT_WARN ? "warn" : "error"; }

/// Without the comments, and only those of one name.
std::string samples_of(const std::string& text, const std::string& name) {
  std::string out;
  for (const std::string& line : lines_of(text)) {
    const std::size_t brace = line.find('{');
    if (line.starts_with('#') || brace == std::string::npos) continue;
    const std::string found = line.substr(0, brace);
    if (found == name || found == name + "_bucket" || found == name + "_sum" || found == name + "_count") out += line + "\n";
  }
  return out;
}

/// Asks a check by moving the time of `tick`, and waits for its answer. All checks are asked, and the time is far ahead: nothing may run when it is
/// moved the next time, or it would be too late.
CheckResult ask_health(host::Kernel& kernel, const std::string& check) {
  host::Health& health = kernel.health();
  const auto find = [&] {
    for (host::CheckStatus& c : health.report(host::monotonic_ns()).checks)
      if (c.name == check) return c;
    return host::CheckStatus{};
  };
  CHECK(eventually([&] {
    const host::WorkerStats workers = kernel.workers().stats();
    return workers.queued == 0 && workers.idle == workers.threads;
  }));
  const std::uint64_t before = find().runs;
  health.tick(host::monotonic_ns() + long_ns);
  CHECK(eventually([&] { return find().runs > before; }));
  const host::CheckStatus now = find();
  return {now.state, now.why};
}

host::KernelOptions with_audit(std::vector<Recorded>& into, std::mutex& mutex) {
  host::KernelOptions options;
  host::AuditOptions audit;
  audit.writer = host::AuditWriter::console;
  audit.console = [&into, &mutex](const AuditEvent& e) {
    const std::lock_guard lock(mutex);
    Recorded r{std::string(e.type), std::string(e.level), std::string(e.target), std::string(e.request_id), std::string(e.outcome), {}};
    for (const auto& [key, value] : e.meta) r.meta.emplace_back(key, value);
    if (e.actor == "puppet") into.push_back(std::move(r));
  };
  auto opened = host::AuditLog::open(std::move(audit));
  REQUIRE(opened);
  options.audit = std::move(*opened);
  return options;
}

// ---- the kernel itself -----------------------------------------------------------------------------------------------

class KernelDriver final : public Driver {
 public:
  KernelDriver() {
    auto made = host::Kernel::make(log_, with_audit(records_, mutex_));
    REQUIRE(made);
    kernel_ = std::move(*made);
    std::vector<host::HealthCheck> checks(2);
    checks[0].name = "database";
    checks[0].required = true;
    checks[1].name = "cache";
    for (std::size_t i = 0; i < 2; ++i) {
      checks[i].data = &answers_[i];
      checks[i].run = [](void* data, host::Call&, host::Error& why) noexcept {
        tenon_error error{};
        error.struct_size = sizeof error;
        const tenon_status status = (*static_cast<CheckAnswer*>(data))(nullptr, &error);
        why.message = error.message;
        return static_cast<host::Code>(status);
      };
    }
    REQUIRE(kernel_->health().join(owner_, std::move(checks)));
    owner_.set_reach(host::Reach::callable);
    kernel_->health().started(owner_);
  }
  ~KernelDriver() override {
    if (!gone_) leave();
    static_cast<void>(kernel_->end(host::monotonic_ns() + long_ns));
  }

  Answer counter(const std::string& name, const std::string& help, const Labels& labels, std::size_t& out) override {
    return keep(counters_, kernel_->metrics().counter(owner_, name, help, list(labels)), out);
  }
  Answer gauge(const std::string& name, const std::string& help, const Labels& labels, std::size_t& out) override {
    return keep(gauges_, kernel_->metrics().gauge(owner_, name, help, list(labels)), out);
  }
  Answer histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds, const Labels& labels,
                   std::size_t& out) override {
    return keep(histograms_, kernel_->metrics().histogram(owner_, name, help, bounds, list(labels)), out);
  }
  void add(std::size_t counter, std::uint64_t n) override { counters_[counter].add(n); }
  void set(std::size_t gauge, double value) override { gauges_[gauge].set(value); }
  void change(std::size_t gauge, double by) override { gauges_[gauge].add(by); }
  void observe(std::size_t histogram, double value) override { histograms_[histogram].observe(value); }
  std::string samples(const std::string& name) override { return samples_of(kernel_->metrics().render(), name); }

  Answer record(const Recorded& e) override {
    const std::string type = "puppet." + e.type;
    AuditEvent event{type, e.level, "puppet", e.target, e.request_id, e.outcome, {}};
    for (const auto& [key, value] : e.meta) event.meta.emplace_back(key, value);
    kernel_->audit().record(event);
    return {};
  }
  std::vector<Recorded> records() override {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  CheckResult ask(const std::string& check, CheckAnswer answer) override {
    for (CheckAnswer& a : answers_)
      if (!a) a = [](tenon_call*, tenon_error*) { return TENON_OK; };
    answers_[check == "cache" ? 1 : 0] = std::move(answer);
    return ask_health(*kernel_, check);
  }
  void leave() override {
    gone_ = true;
    owner_.gate().advance(host::Gate::State::draining);
    kernel_->health().drain(owner_);
    owner_.gate().advance(host::Gate::State::closed);
    kernel_->health().leave(owner_);
    kernel_->metrics().leave(owner_);
    CHECK(kernel_->workers().leave(owner_, host::monotonic_ns() + long_ns).quiet);
  }

 private:
  static std::vector<host::MetricLabel> list(const Labels& labels) {
    std::vector<host::MetricLabel> out;
    for (const auto& [name, value] : labels) out.push_back({name, value});
    return out;
  }
  template <class Metric>
  static Answer keep(std::vector<Metric>& all, host::Result<Metric> made, std::size_t& out) {
    if (!made) return {static_cast<tenon_status>(made.error().code), made.error().reason, made.error().message};
    out = all.size();
    all.push_back(std::move(*made));
    return {};
  }
  host::LogCore log_;
  std::mutex mutex_;
  std::vector<Recorded> records_;
  host::Owner owner_{"puppet", 1, false};
  std::array<CheckAnswer, 2> answers_;
  std::unique_ptr<host::Kernel> kernel_;
  std::vector<host::MetricCounter> counters_;
  std::vector<host::MetricGauge> gauges_;
  std::vector<host::MetricHistogram> histograms_;
  bool gone_ = false;
};

// ---- through the tables ----------------------------------------------------------------------------------------------

/// What the puppet does on the test's behalf, in either host.
class PuppetDriver : public Driver {
 public:
  PuppetDriver() {
    tenon_watch_hooks.test = this;
    tenon_watch_hooks.created = [](void* test, const watch_api* api) noexcept { static_cast<PuppetDriver*>(test)->api_ = api; };
    tenon_watch_hooks.check = [](void* test, std::int32_t number, tenon_call* call, tenon_error* err) noexcept {
      const CheckAnswer answer = static_cast<PuppetDriver*>(test)->answer(static_cast<std::size_t>(number));
      return answer ? answer(call, err) : TENON_OK;
    };
  }

  Answer counter(const std::string& name, const std::string& help, const Labels& labels, std::size_t& out) override {
    return keep(counters_, out, [&](tenon_counter** handle, tenon_error* e) {
      const auto kv = list(labels);
      return api_->counter(api_->ctx, c_text(name), c_text(help), kv.data(), kv.size(), handle, e);
    });
  }
  Answer gauge(const std::string& name, const std::string& help, const Labels& labels, std::size_t& out) override {
    return keep(gauges_, out, [&](tenon_gauge** handle, tenon_error* e) {
      const auto kv = list(labels);
      return api_->gauge(api_->ctx, c_text(name), c_text(help), kv.data(), kv.size(), handle, e);
    });
  }
  Answer histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds, const Labels& labels,
                   std::size_t& out) override {
    return keep(histograms_, out, [&](tenon_histogram** handle, tenon_error* e) {
      const auto kv = list(labels);
      return api_->histogram(api_->ctx, c_text(name), c_text(help), bounds.data(), bounds.size(), kv.data(), kv.size(), handle, e);
    });
  }
  void add(std::size_t counter, std::uint64_t n) override { api_->add(counters_[counter], n); }
  void set(std::size_t gauge, double value) override { api_->set(gauges_[gauge], value); }
  void change(std::size_t gauge, double by) override { api_->change(gauges_[gauge], by); }
  void observe(std::size_t histogram, double value) override { api_->observe(histograms_[histogram], value); }

  Answer record(const Recorded& e) override {
    const auto meta = list(e.meta);
    const std::int32_t level = e.level == "info"    ? TENON_AUDIT_INFO
                               : e.level == "warn"  ? TENON_AUDIT_WARN
                               : e.level == "error" ? TENON_AUDIT_ERROR
                                                    : 7;
    const tenon_str target = e.target == "(null, 4)" ? tenon_str{nullptr, 4} : c_text(e.target);
    const tenon_audit_event event = {sizeof event,      level,       c_text(e.type), target, c_text(e.request_id),
                                     c_text(e.outcome), meta.data(), meta.size()};
    return answer_of([&](tenon_error* err) { return api_->record(api_->ctx, &event, err); });
  }

 protected:
  static std::vector<tenon_kv> list(const Labels& labels) {
    std::vector<tenon_kv> out;
    for (const auto& [name, value] : labels) out.push_back({c_text(name), c_text(value)});
    return out;
  }
  template <class F>
  static Answer answer_of(F&& f) {
    tenon_error error{};
    error.struct_size = sizeof error;
    const tenon_status status = f(&error);
    return {status, error.reason, error.message};
  }
  template <class Handle, class F>
  static Answer keep(std::vector<Handle*>& all, std::size_t& out, F&& f) {
    Handle* handle = nullptr;
    Answer answer = answer_of([&](tenon_error* e) { return f(&handle, e); });
    if (!answer.ok()) return answer;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i] == handle) {
        out = i;
        return answer;
      }
    out = all.size();
    all.push_back(handle);
    return answer;
  }
  void set_answer(const std::string& check, CheckAnswer answer) {
    const std::lock_guard lock(answers_mutex_);
    answers_[check == "cache" ? 1 : 0] = std::move(answer);
  }
  const watch_api* api_ = nullptr;
  std::vector<tenon_counter*> counters_;
  std::vector<tenon_gauge*> gauges_;
  std::vector<tenon_histogram*> histograms_;

 private:
  CheckAnswer answer(std::size_t number) {
    const std::lock_guard lock(answers_mutex_);
    return answers_[number];
  }
  std::mutex answers_mutex_;  // checks are asked as soon as the module has started, while the test sets what they answer
  std::array<CheckAnswer, 2> answers_;
};

class AbiDriver final : public PuppetDriver {
 public:
  explicit AbiDriver(bool strict) : world_(with_audit(records_, mutex_), strict) {
    PuppetSpec spec;
    spec.file = TENON_TEST_PUPPET;
    spec.name = "puppet";
    spec.needs = {TENON_METRICS, TENON_AUDIT, TENON_CALLS};
    spec.capabilities = {"runnable", "health"};
    puppets_ = world_.prepare({spec});
    puppets_.front()->boot();
  }
  ~AbiDriver() override {
    if (!gone_) leave();
  }
  std::string samples(const std::string& name) override { return samples_of(world_.kernel().metrics().render(), name); }
  std::vector<Recorded> records() override {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  CheckResult ask(const std::string& check, CheckAnswer answer) override {
    set_answer(check, std::move(answer));
    return ask_health(world_.kernel(), check);
  }
  void leave() override {
    gone_ = true;
    CHECK(puppets_.front()->end());
  }

 private:
  std::mutex mutex_;
  std::vector<Recorded> records_;
  World world_;
  std::vector<std::unique_ptr<Puppet>> puppets_;
  bool gone_ = false;
};

class FakeDriver final : public PuppetDriver {
 public:
  FakeDriver() : host_(tenon_entry_v1) { REQUIRE(host_.boot().ok()); }
  ~FakeDriver() override { CHECK(host_.finish().empty()); }

  std::string samples(const std::string& name) override {
    std::string out;
    for (const testing::MetricSeries& s : host_.metrics().all()) {
      if (s.name != name) continue;
      std::string labels = "module=\"puppet\"";
      for (const auto& [label, value] : s.labels) labels += "," + label + "=\"" + value + "\"";
      const auto line = [&](const std::string& suffix, const std::string& more, const std::string& value) {
        out += name + suffix + "{" + labels + more + "} " + value + "\n";
      };
      if (s.kind == testing::MetricSeries::Kind::counter) line("", "", std::to_string(s.counted));
      if (s.kind == testing::MetricSeries::Kind::gauge) line("", "", number(s.value));
      if (s.kind != testing::MetricSeries::Kind::histogram) continue;
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < s.buckets.size(); ++i) {
        sum += s.buckets[i];
        line("_bucket", ",le=\"" + (i < s.bounds.size() ? number(s.bounds[i]) : "+Inf") + "\"", std::to_string(sum));
      }
      line("_sum", "", number(s.sum));
      line("_count", "", std::to_string(s.observed));
    }
    return out;
  }
  std::vector<Recorded> records() override {
    std::vector<Recorded> out;
    for (const testing::AuditRecord& r : host_.audit().records())
      out.push_back({"puppet." + r.type, level_word(r.level), r.target, r.request_id, r.outcome, r.meta});
    return out;
  }
  CheckResult ask(const std::string& check, CheckAnswer answer) override {
    set_answer(check, std::move(answer));
    const Status status = host_.check_health(check);
    return {status.ok() ? CheckState::healthy : CheckState::unhealthy, std::string(status.message())};
  }
  void leave() override { CHECK(host_.finish().empty()); }

 private:
  static std::string number(double value) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
  }
  testing::Host host_;
};

}  // namespace

std::unique_ptr<Driver> make_driver(Way way) {
  if (way == Way::kernel) return std::make_unique<KernelDriver>();
  if (way == Way::abi || way == Way::strict) return std::make_unique<AbiDriver>(way == Way::strict);
  return std::make_unique<FakeDriver>();
}

const char* way_name(Way way) {
  return way == Way::kernel   ? "the kernel"
         : way == Way::abi    ? "the tables"
         : way == Way::strict ? "the tables of a strict host"
                              : "the fake host";
}

}  // namespace tenon::test
