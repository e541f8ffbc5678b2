// What a module registers: configuration subscriptions and the log sink. Owned by its instance, revoked with it.
#include <algorithm>
#include <optional>

#include "abi/instance.hpp"
#include "abi/notifier.hpp"
#include "abi/strict.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

// "a" concerns "a.b", "a.b" concerns "a", "" concerns everything.
bool concerns(std::string_view subscribed, std::string_view changed) {
  const auto above = [](std::string_view upper, std::string_view lower) {
    return upper.empty() || lower == upper || (lower.size() > upper.size() && lower.starts_with(upper) && lower[upper.size()] == '.');
  };
  return above(subscribed, changed) || above(changed, subscribed);
}

}  // namespace

tenon_status Instance::subscribe(std::string path, tenon_config_changed fn, void* data, void (*release)(void*) noexcept, tenon_id* out,
                                 Error& error) {
  const auto fail = [&error](Code code, std::string message, std::string reason) {
    error = {code, std::move(message), std::move(reason), 0, ExitCode::unavailable};
    return static_cast<tenon_status>(code);
  };
  if (phase() != Phase::create && phase() != Phase::init && phase() != Phase::pre_init)
    return fail(Code::failed_precondition, "on_change is for create and init, this is " + std::string(phase_name(phase())), "WRONG_PHASE");
  if (!path.empty() && !options_.may_change(path))
    return fail(Code::failed_precondition, "`" + printable(path) + "` is not declared `live: true` in the module's config_schema",
                "NOT_LIVE");
  const std::lock_guard lock(mutex_);
  // The gate moves before revoke_all takes the mutex: what is let in here is revoked, what comes later is refused.
  if (gate().state() != Gate::State::open) return fail(Code::unavailable, "the instance is leaving: nothing can be registered", "CLOSED");
  for (const Subscription& s : subscriptions_)
    if (!s.ended && s.path == path && s.fn == fn && s.data == data) {
      *out = s.id;
      return TENON_OK;
    }
  if (subscriptions_.size() >= 256) return fail(Code::resource_exhausted, "more than 256 on_change registrations", "TOO_MANY");
  subscriptions_.push_back({next_id_, std::move(path), fn, data, release, 0, false});
  *out = next_id_++;
  return TENON_OK;
}

std::vector<Instance::Subscription>::iterator Instance::find_subscription(tenon_id id) {
  return std::find_if(subscriptions_.begin(), subscriptions_.end(), [id](const Subscription& s) { return s.id == id && !s.ended; });
}

tenon_status Instance::unsubscribe(tenon_id id) {
  const std::lock_guard lock(mutex_);
  const auto s = find_subscription(id);
  if (s == subscriptions_.end()) return TENON_NOT_FOUND;
  if (s->inside != 0) {  // whoever is inside releases it
    s->ended = true;
    return TENON_OK;
  }
  // Not here: the caller may be inside a delivery to another one, and host functions never call back.
  if (s->release != nullptr) host_.notifier().post(this, [this, release = s->release, data = s->data] { call_release(release, data); });
  subscriptions_.erase(s);
  return TENON_OK;
}

bool Instance::begin_delivery(tenon_id id) {
  const std::lock_guard lock(mutex_);
  const auto s = find_subscription(id);
  if (s == subscriptions_.end()) return false;
  ++s->inside;
  return true;
}

void Instance::end_delivery(tenon_id id) {
  Subscription gone{};
  {
    const std::lock_guard lock(mutex_);
    const auto s = std::find_if(subscriptions_.begin(), subscriptions_.end(), [id](const Subscription& x) { return x.id == id; });
    if (--s->inside != 0 || !s->ended) return;
    gone = std::move(*s);
    subscriptions_.erase(s);
  }
  if (gone.release != nullptr) call_release(gone.release, gone.data);
}

Outcome Instance::deliver(const ConfigChange& change, std::int64_t deadline_ns) {
  std::vector<Subscription> due;
  {
    const std::lock_guard lock(mutex_);
    due = subscriptions_;
  }
  Outcome first = Outcome::ok();
  for (const Subscription& s : due)
    for (const std::string& path : change.paths) {
      if (!concerns(s.path, path)) continue;
      // What is looked at and counted inside the gate is waited for by whoever closes it.
      Outcome o = enter(Phase::configure, deadline_ns, Gate::State::open, {}, [&](tenon_call* call, tenon_error* err) {
        if (!begin_delivery(s.id)) return TENON_OK;  // an earlier callback, or another thread, has unsubscribed it
        tenon_status status = TENON_OK;
        {
          std::optional<Borrowed> borrowed;
          tenon_str told = c_str(s.path);
          if (host_.strict() != nullptr) told = borrowed.emplace(*host_.strict(), *this).text("the path of on_change", told);
          status = s.fn(s.data, call, told, err);
        }
        end_delivery(s.id);
        return status;
      });
      if (o.kind == Outcome::Kind::failed && first.kind != Outcome::Kind::failed) first = std::move(o);
      break;  // one call per subscription, for the first path it concerns
    }
  return first;
}

void Instance::call_release(void (*release)(void*) noexcept, void* data) {
  if (wedged()) return;  // what it would free, a thread that never came back may still use
  const GateEntry entry(*this, phase(), ThreadTag::other, nullptr, Gate::State::closed);
  if (entry) release(data);
}

tenon_status Instance::attach_sink(const tenon_log_receiver& receiver, void* data, void (*release)(void*) noexcept, tenon_id* out,
                                   Error& error) {
  if (phase() != Phase::create && phase() != Phase::pre_init && phase() != Phase::init) {
    error = {Code::failed_precondition, "attach is for create, pre_init and init, this is " + std::string(phase_name(phase())),
             "WRONG_PHASE", 0, ExitCode::unavailable};
    return TENON_FAILED_PRECONDITION;
  }
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (gate().state() != Gate::State::open) {  // see subscribe
      error = {Code::unavailable, "the instance is leaving: nothing can be attached", "CLOSED", 0, ExitCode::unavailable};
      return TENON_UNAVAILABLE;
    }
    if (sink_) {
      error = {Code::already_exists, "this instance has a log receiver already", "ONE_SINK", 0, ExitCode::unavailable};
      return TENON_ALREADY_EXISTS;
    }
    sink_ = std::make_unique<Sink>();
    sink_->id = *out = id = next_id_++;
    sink_->receiver = receiver;
    sink_->data = data;
    sink_->release = release;
  }
  const auto record = receiver.record;
  const std::uint64_t handle = host_.log().add_receiver([this, record, data](const LogRecordView& r) {
    thread_local std::vector<tenon_kv> pairs;  // grows once per thread, then no allocation per line
    pairs.clear();
    for (const LogField& f : r.fields) pairs.push_back({c_str(f.key), c_str(f.value)});
    const tenon_log_record out_record = {
        sizeof(tenon_log_record), r.level,          r.seq,        r.time_ns,   r.call_id, r.thread_id, c_str(r.module),
        c_str(r.phase),           c_str(r.message), pairs.data(), pairs.size()};
    const GateEntry entry(*this, Phase::run, ThreadTag::other, nullptr, Gate::State::draining);
    if (entry) record(data, &out_record);
  });
  {
    const std::lock_guard lock(mutex_);
    if (sink_ && sink_->id == id) {
      sink_->handle = handle;
      return TENON_OK;
    }
  }
  static_cast<void>(
      host_.log().remove_receiver(handle, monotonic_ns() + Notifier::limit_ns));  // detached meanwhile, by another thread of the module
  return TENON_OK;
}

tenon_status Instance::detach_sink(tenon_id id) {
  std::unique_ptr<Sink> gone;
  {
    const std::lock_guard lock(mutex_);
    if (!sink_ || sink_->id != id) return TENON_NOT_FOUND;
    gone = std::move(sink_);
  }
  // A receiver that hangs keeps its data: released under its feet it would crash.
  const bool quiet = host_.log().remove_receiver(gone->handle, monotonic_ns() + Notifier::limit_ns);
  if (quiet && gone->release != nullptr)
    host_.notifier().post(this, [this, handle = gone->handle, release = gone->release, data = gone->data] {
      // Detached from inside its own record, the receiver is still there: another thread can wait for it.
      if (host_.log().remove_receiver(handle, monotonic_ns() + Notifier::limit_ns / 2)) call_release(release, data);
    });
  return TENON_OK;
}

bool Instance::dump_log(std::size_t count, const std::function<void(const tenon_log_record&)>& emit) {
  Sink sink;
  {
    const std::lock_guard lock(mutex_);
    if (!sink_ || !TENON_HAS(&sink_->receiver, dump)) return false;
    sink.receiver = sink_->receiver;
    sink.data = sink_->data;
  }
  const GateEntry entry(*this, Phase::run, ThreadTag::other, nullptr, Gate::State::open);
  if (!entry) return false;
  sink.receiver.dump(
      sink.data, count,
      [](void* data, const tenon_log_record* record) noexcept {
        (*static_cast<const std::function<void(const tenon_log_record&)>*>(data))(*record);
      },
      const_cast<void*>(static_cast<const void*>(&emit)));
  return true;
}

void Instance::revoke_all() {
  std::unique_ptr<Sink> sink;
  {
    const std::lock_guard lock(mutex_);
    for (Subscription& s : subscriptions_) s.ended = true;
    sink = std::move(sink_);
  }
  if (sink) {
    const bool quiet = host_.log().remove_receiver(sink->handle, monotonic_ns() + Notifier::limit_ns);
    if (quiet && sink->release != nullptr) call_release(sink->release, sink->data);
  }
  for (;;) {
    Subscription gone{};
    {
      const std::lock_guard lock(mutex_);
      const auto s = std::find_if(subscriptions_.begin(), subscriptions_.end(), [](const Subscription& x) { return x.inside == 0; });
      if (s == subscriptions_.end()) return;
      gone = std::move(*s);
      subscriptions_.erase(s);
    }
    if (gone.release != nullptr) call_release(gone.release, gone.data);
  }
}

}  // namespace tenon::host
