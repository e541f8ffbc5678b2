#include "driver.hpp"

#include <algorithm>

#include "kernel/events.hpp"
#include "kernel/kernel.hpp"
#include "puppet_host.hpp"
#include "waiting.hpp"

namespace tenon::test {
namespace {

using namespace host;

EventDraft draft_of(const Draft& d) { return {d.topic, d.payload, d.content_type, d.traceparent, d.retain}; }

// What other modules are, in a real kernel.
class Other {
 public:
  explicit Other(Kernel& kernel) : kernel_(kernel), owner_("other", 1, true) {
    owner_.set_reach(Reach::callable);
    client_ = kernel.events().join(owner_, Permissions::all("other"));
  }
  ~Other() {
    owner_.gate().advance(Gate::State::closed);
    CHECK(kernel_.events().leave(owner_, soon()).quiet);
    CHECK(kernel_.workers().leave(owner_, soon()).quiet);
  }
  Answer publish(const Draft& d) { return answer(client_.publish(draft_of(d))); }

 private:
  Kernel& kernel_;
  Owner owner_;
  EventClient client_;
};

// ---- on the kernel

class KernelDriver final : public EventDriver {
 public:
  KernelDriver(bool all, const std::function<bool(EventDriver&)>& init) : owner_("puppet", 1, all) {
    auto kernel = Kernel::make(log_, {});
    REQUIRE(kernel);
    kernel_ = std::move(*kernel);
    other_ = std::make_unique<Other>(*kernel_);
    client_ = kernel_->events().join(owner_, all ? Permissions::all("puppet") : Permissions::of_plugin("puppet", {}, std::nullopt));
    if (init && !init(*this))
      leave();
    else
      reach(Reach::visible);
  }
  ~KernelDriver() override {
    if (!gone_) leave();
    other_ = nullptr;
    CHECK(kernel_->end(soon()));
  }
  Answer publish(const Draft& d) override { return answer(client_.publish(draft_of(d))); }
  Answer publish_as_other(const Draft& d) override { return other_->publish(d); }
  Answer forget(const std::string& topic) override { return answer(client_.forget(topic)); }
  Answer subscribe(const std::string& pattern, Listener& listener, const QueueOptions& o) override {
    EventHandler handler;
    handler.data = &listener;
    handler.deliver = [](void* data, const EventView& e, host::Call&) noexcept {
      Seen seen;
      seen.topic = e.topic;
      seen.payload = e.payload;
      seen.content_type = e.content_type;
      seen.traceparent = e.traceparent;
      seen.id = e.id;
      seen.retained = e.retained;
      return static_cast<Code>(static_cast<Listener*>(data)->on(seen));
    };
    handler.release = [](void* data) noexcept { static_cast<Listener*>(data)->release(); };
    const auto done = client_.subscribe(pattern, handler, {static_cast<host::WhenFull>(o.when_full), o.events, o.bytes, o.drain});
    return done ? Answer{0, {}, done->id} : answer(done.error());
  }
  Answer unsubscribe(std::uint64_t id) override { return answer(client_.unsubscribe(id)); }
  Answer unsubscribe_wait(std::uint64_t id) override { return answer(client_.unsubscribe_wait(id, soon())); }
  Answer stats(std::uint64_t id, Stats& out) override {
    const auto s = client_.stats(id);
    if (!s) return answer(s.error());
    out = {s->delivered, s->failed, s->dropped, s->queued, s->queued_bytes};
    return {};
  }
  void start() override { reach(Reach::callable); }
  void leave(std::function<void()> in_stop = {}) override {
    gone_ = true;
    owner_.gate().advance(Gate::State::draining);
    static_cast<void>(kernel_->events().drain(owner_, soon()));
    if (in_stop) in_stop();
    CHECK(kernel_->events().leave(owner_, soon()).quiet);
    owner_.gate().advance(Gate::State::closed);
    CHECK(kernel_->workers().leave(owner_, soon()).quiet);
  }
  bool until(const std::function<bool()>& done) override { return becomes(done); }
  void settle() override {
    CHECK(becomes([this] {
      const WorkerStats s = kernel_->workers().stats();
      return s.queued == 0 && s.idle == s.threads;
    }));
  }
  [[nodiscard]] bool concurrent() const override { return true; }

 private:
  void reach(Reach to) {
    owner_.set_reach(to);
    kernel_->events().owner_reach_changed(owner_);
  }
  LogCore log_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Other> other_;
  Owner owner_;
  EventClient client_;
  bool gone_ = false;
};

// ---- through the table

/// Forwards what the puppet's handler gets, so that the kernel way and the others share listeners.
struct Forward : PuppetHandler {
  explicit Forward(Listener& l) : listener(l) {
    event = [this](tenon_call*, const tenon_event& e) {
      Seen seen;
      seen.topic = host::view(e.topic);
      seen.payload = {reinterpret_cast<const char*>(e.payload.ptr), e.payload.len};
      seen.content_type = host::view(e.content_type);
      seen.traceparent = host::view(e.traceparent);
      seen.id = e.id;
      seen.retained = (e.flags & TENON_EVENT_RETAINED) != 0;
      return static_cast<tenon_status>(listener.on(seen));
    };
  }
  Listener& listener;
};

class TableDriver : public PuppetDriver<EventDriver> {
 public:
  explicit TableDriver(std::unique_ptr<PuppetHost> host) : PuppetDriver(std::move(host)) {
    tenon_puppet_hooks.released = [](void* data) noexcept {
      auto& f = *static_cast<Forward*>(static_cast<PuppetHandler*>(data));
      f.listener.release();
    };
  }
  Answer publish(const Draft& d) override {
    const tenon_event_draft raw = {sizeof raw,
                                   d.retain ? TENON_EVENT_RETAIN : 0U,
                                   c_str(d.topic),
                                   {reinterpret_cast<const std::uint8_t*>(d.payload.data()), d.payload.size()},
                                   c_str(d.content_type),
                                   c_str(d.traceparent)};
    return answer_of_c([&](tenon_id* out, tenon_error* e) { return api().publish(api().ctx, &raw, out, e); });
  }
  Answer forget(const std::string& topic) override {
    return answer_of_c([&](tenon_id*, tenon_error* e) { return api().forget(api().ctx, c_str(topic), e); });
  }
  Answer subscribe(const std::string& pattern, Listener& listener, const QueueOptions& o) override {
    const tenon_event_options raw = {sizeof raw, o.when_full, o.events, o.drain ? 1U : 0U, o.bytes};
    return answer_of_c([&](tenon_id* out, tenon_error* e) {
      return api().subscribe(api().ctx, c_str(pattern), static_cast<PuppetHandler*>(forward(listener)), &raw, out, e);
    });
  }
  Answer unsubscribe(std::uint64_t id) override { return gave_up({api().unsubscribe(api().ctx, id), {}, 0}); }
  Answer unsubscribe_wait(std::uint64_t id) override {
    return gave_up(answer_of_c([&](tenon_id*, tenon_error* e) { return api().unsubscribe_wait(api().ctx, id, soon(), e); }));
  }
  Answer stats(std::uint64_t id, Stats& out) override {
    tenon_event_stats raw{};
    raw.struct_size = sizeof raw;
    const tenon_status status = api().stats(api().ctx, id, &raw);
    out = {raw.delivered, raw.failed, raw.dropped, raw.queued, raw.queued_bytes};
    return {status, {}, 0};
  }

 protected:
  /// The module has named an id that is none.
  virtual void broke_stale_id() {}
  /// The module has waited for itself.
  virtual void broke_reentry() {}

 private:
  Answer gave_up(Answer a) {
    if (a.status == TENON_NOT_FOUND) broke_stale_id();
    if (a.status == TENON_FAILED_PRECONDITION) broke_reentry();
    return a;
  }
  /// The same for the same listener: same handler, same data.
  Forward* forward(Listener& listener) {
    const std::lock_guard lock(mutex_);
    for (const auto& f : forwards_)
      if (&f->listener == &listener) return f.get();
    return forwards_.emplace_back(std::make_unique<Forward>(listener)).get();
  }
  std::mutex mutex_;
  std::vector<std::unique_ptr<Forward>> forwards_;
};

class LoadedDriver final : public TableDriver {
 public:
  LoadedDriver(bool all, bool strict, const std::function<bool(EventDriver&)>& init)
      : TableDriver(std::make_unique<LoadedPuppet>(TENON_TEST_PUPPET, all, strict)), world_(static_cast<LoadedPuppet&>(*host_).world()) {
    other_ = std::make_unique<Other>(world_.kernel());
    if (!boot(init)) host_->leave({});
  }
  ~LoadedDriver() override {
    other_ = nullptr;
    host_ = nullptr;
  }
  Answer publish_as_other(const Draft& d) override { return other_->publish(d); }
  bool until(const std::function<bool()>& done) override { return becomes(done); }
  void settle() override {
    CHECK(becomes([this] {
      const WorkerStats s = world_.kernel().workers().stats();
      return s.queued == 0 && s.idle == s.threads;
    }));
  }
  [[nodiscard]] bool concurrent() const override { return true; }

 private:
  void broke_stale_id() override { world_.expect_finding("puppet STALE_ID"); }
  void broke_reentry() override { world_.expect_finding("puppet REENTRANT"); }
  World& world_;
  std::unique_ptr<Other> other_;
};

class FakeDriver final : public TableDriver {
 public:
  FakeDriver(bool all, const std::function<bool(EventDriver&)>& init)
      : TableDriver(std::make_unique<FakePuppet>()), fake_(static_cast<FakePuppet&>(*host_).host()) {
    if (!all) fake_.events().deny("foreign.>");
    if (!boot(init)) host_->leave({});
  }
  ~FakeDriver() override { host_ = nullptr; }
  Answer publish_as_other(const Draft& d) override {
    const auto id = fake_.events().publish(d.topic, d.payload, {d.content_type, d.traceparent, d.retain});
    return id.ok() ? Answer{0, {}, *id} : Answer{id.status().code(), std::string(id.status().reason()), 0};
  }
  bool until(const std::function<bool()>& done) override {
    settle();
    return done();
  }
  void settle() override { fake_.events().deliver(); }
  [[nodiscard]] bool concurrent() const override { return false; }

 private:
  testing::Host& fake_;
};

}  // namespace

std::unique_ptr<EventDriver> make_event_driver(Way way, bool all, std::function<bool(EventDriver&)> init) {
  switch (way) {
    case Way::kernel:
      return std::make_unique<KernelDriver>(all, init);
    case Way::loaded:
      return std::make_unique<LoadedDriver>(all, false, init);
    case Way::strict:
      return std::make_unique<LoadedDriver>(all, true, init);
    case Way::fake:
      break;
  }
  return std::make_unique<FakeDriver>(all, init);
}

}  // namespace tenon::test
