// What a module registers: configuration subscriptions and the log sink. Owned by its instance, revoked with it.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

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
  const auto sink = std::make_shared<Sink>();
  const tenon_id before = *out;
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
    sink->id = next_id_++;
    sink->receiver = receiver;
    sink->data = data;
    sink->release = release;
    *out = sink->id;  // here, as `record` may detach it
    sink_ = sink;
  }
  std::uint64_t handle = 0;
  try {
    handle = host_.log().add_receiver([this, sink](const LogRecordView& r) {
      thread_local std::vector<tenon_kv> pairs;  // grows once per thread, then no allocation per line
      pairs.clear();
      for (const LogField& f : r.fields) pairs.push_back({c_str(f.key), c_str(f.value)});
      const tenon_log_record out_record = {
          sizeof(tenon_log_record), r.level,          r.seq,        r.time_ns,   r.call_id, r.thread_id, c_str(r.module),
          c_str(r.phase),           c_str(r.message), pairs.data(), pairs.size()};
      const GateEntry entry(*this, Phase::run, ThreadTag::other, nullptr, Gate::State::draining);
      if (entry && !sink->ended.load(std::memory_order_acquire)) sink->receiver.record(sink->data, &out_record);
    });
  } catch (...) {  // no memory: nobody has been told anything
    const std::lock_guard lock(mutex_);
    if (sink_ == sink) sink_ = nullptr;
    *out = before;
    throw;
  }
  {
    const std::lock_guard lock(mutex_);
    sink->handle = handle;
    sink->attaching = false;
    if (!sink->ended) return TENON_OK;
  }
  try {
    end_sink(sink);                  // detached meanwhile
  } catch (const std::bad_alloc&) {  // it was attached all the same, and goes with the instance
  }
  return TENON_OK;
}

tenon_status Instance::detach_sink(tenon_id id) {
  std::shared_ptr<Sink> sink;
  {
    const std::lock_guard lock(mutex_);
    if (!sink_ || sink_->id != id) return TENON_NOT_FOUND;
    sink = sink_;
    sink->ended = true;
    sink_ = nullptr;
    if (sink->attaching) return TENON_OK;
  }
  end_sink(sink);
  return TENON_OK;
}

// It is `ended`, and not sink_ any more.
void Instance::end_sink(const std::shared_ptr<Sink>& sink) {
  // A receiver that hangs keeps its data: released under its feet it would crash.
  if (!host_.log().remove_receiver(sink->handle, monotonic_ns() + Notifier::limit_ns) || sink->release == nullptr) return;
  try {
    host_.notifier().post(this, [this, sink] {
      if (wait_until_unused(*sink, monotonic_ns() + Notifier::limit_ns / 2)) call_release(sink->release, sink->data);
    });
  } catch (...) {  // no memory: it can be detached once more, and goes with the instance at the latest
    const std::lock_guard lock(mutex_);
    if (!sink_) {
      sink->ended = false;
      sink_ = sink;
    }
    throw;
  }
}

// Detached from inside its own record or dump it is still in use: another thread can wait for it. False: whoever dumps last releases it.
bool Instance::wait_until_unused(Sink& sink, std::int64_t deadline_ns) {
  if (!host_.log().remove_receiver(sink.handle, deadline_ns)) return false;
  std::unique_lock lock(mutex_);
  const auto until = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns));
  sink.release_is_due = !dumped_.wait_until(lock, until, [&sink] { return sink.dumping == 0; });
  return !sink.release_is_due;
}

bool Instance::dump_log(std::size_t count, const std::function<void(const tenon_log_record&)>& emit) {
  const GateEntry entry(*this, Phase::run, ThreadTag::other, nullptr, Gate::State::open);
  if (!entry) return false;
  std::shared_ptr<Sink> sink;
  {
    const std::lock_guard lock(mutex_);
    if (!sink_ || !TENON_HAS(&sink_->receiver, dump)) return false;
    sink = sink_;
    ++sink->dumping;
  }
  sink->receiver.dump(
      sink->data, count,
      [](void* data, const tenon_log_record* record) noexcept {
        (*static_cast<const std::function<void(const tenon_log_record&)>*>(data))(*record);
      },
      const_cast<void*>(static_cast<const void*>(&emit)));
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    last = --sink->dumping == 0 && std::exchange(sink->release_is_due, false);
    dumped_.notify_all();
  }
  if (last && sink->release != nullptr) call_release(sink->release, sink->data);
  return true;
}

void Instance::revoke_all() {
  std::shared_ptr<Sink> sink;
  {
    const std::lock_guard lock(mutex_);
    for (Subscription& s : subscriptions_) s.ended = true;
    sink = std::move(sink_);
    if (sink) sink->ended = true;
    if (sink && sink->attaching) sink = nullptr;  // attach ends it
  }
  if (sink && wait_until_unused(*sink, monotonic_ns() + Notifier::limit_ns) && sink->release != nullptr)
    call_release(sink->release, sink->data);
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
