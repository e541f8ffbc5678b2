#include "driver.hpp"

#include <mutex>
#include <vector>

#include "kernel/kernel.hpp"
#include "kernel/services.hpp"
#include "kernel/tasks.hpp"
#include "puppet_host.hpp"
#include "waiting.hpp"

namespace tenon::test {
namespace {

using namespace host;

// ---- on the kernel

class KernelDriver final : public TaskDriver {
 public:
  explicit KernelDriver(const std::function<bool(TaskDriver&)>& init) : owner_("puppet", 1, true) {
    auto kernel = Kernel::make(log_, {});
    REQUIRE(kernel);
    kernel_ = std::move(*kernel);
    if (init && !init(*this))
      leave();
    else
      owner_.set_reach(Reach::visible);
  }
  ~KernelDriver() override {
    if (!gone_) leave();
    CHECK(kernel_->end(soon()));
  }
  Answer add(const TaskSpec& s, Work& work) override {
    TaskHandler handler;
    handler.data = &work;
    handler.run = [](void* data, host::Call& call) noexcept {
      return static_cast<Code>(
          static_cast<Work*>(data)->on({[&call] { return is_cancelled(call); }, [&call] { return call.deadline_ns.load(); },
                                        [&call](std::int64_t ns) { return call.wait_cancelled(monotonic_ns() + ns); }}));
    };
    handler.release = [](void* data) noexcept { static_cast<Work*>(data)->release(); };
    const auto id = add(s, handler);
    return id ? Answer{0, {}, *id} : answer(id.error());
  }
  Answer cancel(std::uint64_t id) override {
    const auto done = tasks().cancel(owner_, id);
    return done ? Answer{} : answer(done.error());
  }
  Answer cancel_wait(std::uint64_t id) override {
    const auto done = tasks().cancel_wait(owner_, id, soon());
    return done ? Answer{} : answer(done.error());
  }
  Answer status(std::uint64_t id, TaskView& out) override {
    const auto s = tasks().status(owner_, id);
    if (!s) return answer(s.error());
    out = {static_cast<Kind>(s->kind),
           static_cast<State>(s->state),
           static_cast<Health>(s->health),
           static_cast<int>(s->last),
           s->runs,
           s->failures,
           s->missed,
           s->restarts,
           s->next_ns};
    CHECK(s->health <= tasks().health(owner_));
    return {};
  }
  void start() override {
    owner_.set_reach(Reach::callable);
    tasks().started(owner_);
  }
  void leave(std::function<void()> in_stop = {}) override {
    gone_ = true;
    owner_.gate().advance(Gate::State::draining);
    tasks().drain(owner_);
    CHECK(Gate::wait_until_empty(owner_, soon()));
    if (in_stop) in_stop();
    owner_.gate().advance(Gate::State::closed);
    CHECK(tasks().leave(owner_, soon()).quiet);
  }
  bool until(const std::function<bool()>& done) override { return becomes(done); }

 private:
  host::Tasks& tasks() { return kernel_->tasks(); }
  host::Result<std::uint64_t> add(const TaskSpec& s, const TaskHandler& handler) {
    switch (s.kind) {
      case Kind::post:
        return tasks().post(owner_, handler, {s.name, s.timeout_ns});
      case Kind::after:
        return tasks().after(owner_, s.number, handler, {s.name, s.timeout_ns});
      case Kind::every:
        return tasks().every(owner_, s.number, handler, {s.name, s.timeout_ns});
      case Kind::cron: {
        const auto schedule = Schedule::parse(s.schedule);
        if (!schedule) return schedule.error();
        return tasks().cron(owner_, *schedule, s.number == 1 ? host::Zone::local : host::Zone::utc, handler, {s.name, s.timeout_ns});
      }
      case Kind::loop:
        break;
    }
    constexpr host::LoopPolicy policies[] = {host::LoopPolicy::fail, host::LoopPolicy::restart, host::LoopPolicy::ignore};
    return tasks().loop(owner_, handler, {s.name, policies[static_cast<std::size_t>(s.policy)], s.backoff_ns, s.max_backoff_ns});
  }
  LogCore log_;
  std::unique_ptr<Kernel> kernel_;
  Owner owner_;
  bool gone_ = false;
};

// ---- through the table

struct Forward : PuppetHandler {
  Forward(Work& w, const puppet_api& api) : work(w) {
    const tenon_calls* calls = api.calls;
    task = [this, calls](tenon_call* call) {
      return static_cast<tenon_status>(work.on({[=] { return calls->cancelled(call) != 0; }, [=] { return calls->deadline_ns(call); },
                                                [=](std::int64_t ns) { return calls->wait(call, monotonic_ns() + ns) != 0; }}));
    };
  }
  Work& work;
};

class TableDriver : public PuppetDriver<TaskDriver> {
 public:
  explicit TableDriver(std::unique_ptr<PuppetHost> host) : PuppetDriver(std::move(host)) {
    tenon_puppet_hooks.released = [](void* data) noexcept { static_cast<Forward*>(static_cast<PuppetHandler*>(data))->work.release(); };
  }
  Answer add(const TaskSpec& s, Work& work) override {
    constexpr std::int32_t kinds[] = {TENON_TASK_POST, TENON_TASK_AFTER, TENON_TASK_EVERY, TENON_TASK_CRON, TENON_TASK_LOOP};
    constexpr std::int32_t policies[] = {TENON_LOOP_FAIL, TENON_LOOP_RESTART, TENON_LOOP_IGNORE};
    const tenon_loop_options options = {sizeof options, policies[static_cast<std::size_t>(s.policy)], s.backoff_ns, s.max_backoff_ns};
    Forward* forward = nullptr;
    {
      const std::lock_guard lock(mutex_);
      forward = forwards_.emplace_back(std::make_unique<Forward>(work, api())).get();
    }
    return answer_of_c([&](tenon_id* out, tenon_error* e) {
      return api().add_task(api().ctx, kinds[static_cast<std::size_t>(s.kind)], s.number, c_str(s.schedule), c_str(s.name), s.timeout_ns,
                            static_cast<PuppetHandler*>(forward), &options, out, e);
    });
  }
  Answer cancel(std::uint64_t id) override { return {api().cancel(api().ctx, id), {}, 0}; }
  Answer cancel_wait(std::uint64_t id) override {
    const Answer a = answer_of_c([&](tenon_id*, tenon_error* e) { return api().cancel_wait(api().ctx, id, soon(), e); });
    if (a.status == TENON_FAILED_PRECONDITION) broke_reentry();
    return a;
  }
  Answer status(std::uint64_t id, TaskView& out) override {
    tenon_task_status raw{};
    raw.struct_size = sizeof raw;
    const tenon_status status = api().task_status(api().ctx, id, &raw);
    if (status == TENON_NOT_FOUND && (id == 0 || id == UINT64_MAX)) broke_stale_id();
    out = {static_cast<Kind>(raw.kind),
           static_cast<State>(raw.state),
           static_cast<Health>(raw.health),
           raw.last,
           raw.runs,
           raw.failures,
           raw.missed,
           raw.restarts,
           raw.next_ns};
    return {status, {}, 0};
  }

 protected:
  /// The module has named an id that never was one.
  virtual void broke_stale_id() {}
  /// The module has waited for itself.
  virtual void broke_reentry() {}

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Forward>> forwards_;
};

class LoadedDriver final : public TableDriver {
 public:
  LoadedDriver(bool strict, const std::function<bool(TaskDriver&)>& init)
      : TableDriver(std::make_unique<LoadedPuppet>(TENON_TEST_PUPPET, true, strict)) {
    if (!boot(init)) host_->leave({});
  }
  ~LoadedDriver() override { host_ = nullptr; }
  bool until(const std::function<bool()>& done) override { return becomes(done); }

 private:
  void broke_stale_id() override { static_cast<LoadedPuppet&>(*host_).world().expect_finding("puppet STALE_ID"); }
  void broke_reentry() override { static_cast<LoadedPuppet&>(*host_).world().expect_finding("puppet REENTRANT"); }
};

class FakeDriver final : public TableDriver {
 public:
  explicit FakeDriver(const std::function<bool(TaskDriver&)>& init)
      : TableDriver(std::make_unique<FakePuppet>()), fake_(static_cast<FakePuppet&>(*host_).host()) {
    if (!boot(init)) host_->leave({});
  }
  ~FakeDriver() override { host_ = nullptr; }
  /// Its clock goes on by a millisecond per look.
  bool until(const std::function<bool()>& done) override {
    return becomes([&] {
      if (done()) return true;
      fake_.tasks().advance(std::chrono::milliseconds(1));
      return done();
    });
  }

 private:
  testing::Host& fake_;
};

}  // namespace

std::unique_ptr<TaskDriver> make_task_driver(Way way, std::function<bool(TaskDriver&)> init) {
  switch (way) {
    case Way::kernel:
      return std::make_unique<KernelDriver>(init);
    case Way::loaded:
      return std::make_unique<LoadedDriver>(false, init);
    case Way::strict:
      return std::make_unique<LoadedDriver>(true, init);
    case Way::fake:
      break;
  }
  return std::make_unique<FakeDriver>(init);
}

}  // namespace tenon::test
