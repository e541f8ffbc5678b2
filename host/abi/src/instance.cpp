#include "abi/instance.hpp"

#include <algorithm>
#include <cstddef>

#include "abi/notifier.hpp"
#include "abi/strict.hpp"
#include "base/text.hpp"
#include "interfaces.hpp"
#include "kernel/kernel.hpp"
#include "strict_tables.hpp"

namespace tenon::host {

Instance::Instance(HostContext& host, InstanceOptions options)
    : Owner(options.name, options.generation, options.trusted),
      host_(host),
      options_(std::move(options)),
      log_(host.log().module(name())),
      config_(std::move(options_.config)) {
  tenon_ctx::host = host.c_host();
  log_table_ = host.strict() != nullptr ? make_strict_log_table(log_->min_level()) : make_log_table(log_->min_level());
  static_assert(sizeof(std::atomic<std::int32_t>) == sizeof(std::int32_t));
  log_->bind_min_level(reinterpret_cast<std::atomic<std::int32_t>*>(&log_table_.min_level));
}

Instance::~Instance() {
  log_->bind_min_level(nullptr);
  free_parts();
  if (Strict* const strict = host_.strict()) strict->forget(*this);
}

const void* Instance::query(std::string_view id) {
  if (id == TENON_LOG) return &log_table_;
  const auto all = interfaces();
  const auto found = std::find_if(all.begin(), all.end(), [id](const Interface& i) { return i.info.id == id; });
  if (found == all.end()) return nullptr;
  if (found->info.runtime_only && !trusted()) {
    if (Kernel* kernel = host_.kernel())
      kernel->denied(name(), "interface", id, {Code::permission_denied, "only RuntimeModules get it", "RUNTIME_ONLY"});
    else
      host_.log().log(warn, "plugin asked for an interface that only RuntimeModules get", {{"module", name()}, {"interface", id}});
    return nullptr;
  }
  if (found->make != nullptr && make_part(*found) == nullptr) return nullptr;
  return host_.strict() != nullptr && found->strict != nullptr ? found->strict : found->table;
}

Permissions Instance::permissions() const {
  if (options_.permissions) return *options_.permissions;
  return trusted() ? Permissions::all(name()) : Permissions::of_plugin(name(), {}, std::nullopt);
}

// ---- calls -----------------------------------------------------------------------------------------------------------

Outcome Instance::enter(Phase phase, std::int64_t deadline_ns, Gate::State limit, std::function<void(Outcome)> completed,
                        const Callback& callback) {
  const auto given_up = [] {
    return Outcome::failure({Code::cancelled, "came back after it was given up", "WEDGED", 0, ExitCode::unavailable});
  };
  if (wedged()) return given_up();  // of several callbacks in a row, an earlier one was
  const bool may_defer = static_cast<bool>(completed);
  {
    const std::lock_guard lock(mutex_);
    call_.instance = this;
    call_.phase = phase;
    call_.deadline_ns.store(deadline_ns, std::memory_order_relaxed);
    call_.cancelled.store(0, std::memory_order_relaxed);
    call_.may_defer = may_defer;
    call_.deferred = 0;
    call_.free_reserved();
    error_ = {};
    error_.struct_size = sizeof error_;
  }
  // The thread that destroys is the last one; others that hang on the strand then never come back.
  const StrandTurn turn(phase == Phase::destroy ? nullptr : strand_.get(), deadline_ns);
  if (!turn)
    return Outcome::failure(
        {Code::deadline_exceeded, "another callback of this serial module did not return in time", "SERIAL", 0, ExitCode::unavailable});
  if (phase != Phase::configure) set_phase(phase);
  tenon_status status = TENON_UNAVAILABLE;
  {
    const GateEntry entry(*this, phase, ThreadTag::control, &call_, limit);
    if (!entry) return Outcome::failure({Code::unavailable, "the instance is closed", "CLOSED", 0, ExitCode::software});
    const StrictCall strict(host_.strict(), &call_);
    status = callback(&call_, &error_);
    if (!wedged()) call_.free_reserved();
  }
  if (wedged()) return given_up();

  const std::lock_guard lock(mutex_);
  const auto d = find_deferred(call_.deferred);
  if (status == TENON_PENDING) {
    if (d == deferred_.end())
      return Outcome::failure({Code::internal,
                               may_defer ? "returned PENDING without a deferred call" : "returned PENDING where that is not allowed",
                               "BAD_PENDING", 0, ExitCode::unavailable});
    if (d->answered) {  // complete() was faster than the return
      Outcome outcome = std::move(d->outcome);
      deferred_.erase(d);
      return outcome;
    }
    d->returned = true;
    d->completed = std::move(completed);
    return Outcome::pending();
  }
  if (d != deferred_.end()) {  // deferred, then answered by returning after all: that status counts
    notify_ended(*d, TENON_OK);
    deferred_.erase(d);
  }
  if (status == TENON_OK) return Outcome::ok();
  return Outcome::failure(error_of(status, &error_));
}

std::vector<Instance::Deferred>::iterator Instance::find_deferred(tenon_id id) {
  return id == 0 ? deferred_.end() : std::find_if(deferred_.begin(), deferred_.end(), [id](const Deferred& d) { return d.id == id; });
}

void Instance::notify_ended(Deferred& d, tenon_status why) {
  if (d.ended == nullptr) return;
  host_.notifier().post(this, [this, fn = d.ended, data = d.data, why] {
    const GateEntry entry(*this, phase(), ThreadTag::other, nullptr, Gate::State::draining);
    if (entry) fn(data, why);
  });
  d.ended = nullptr;  // without memory for the post it is still to be told
}

tenon_status Instance::defer(tenon_call* call, tenon_id* out) {
  const std::lock_guard lock(mutex_);
  if (!call->may_defer) return TENON_FAILED_PRECONDITION;
  if (call->deferred == 0) {
    Deferred d;
    d.id = next_id_++ | lifecycle_id;
    d.phase = call->phase;
    d.cancelled = call->cancelled.load(std::memory_order_relaxed) != 0;
    call->deferred = d.id;
    deferred_.push_back(std::move(d));
  }
  *out = call->deferred;
  return TENON_OK;
}

tenon_status Instance::complete(tenon_id id, tenon_status status, const tenon_error* error) {
  Outcome outcome =
      status == TENON_OK ? Outcome::ok() : Outcome::failure(error_of(status == TENON_PENDING ? TENON_INTERNAL : status, error));
  std::function<void(Outcome)> completed;
  {
    const std::lock_guard lock(mutex_);
    const auto d = find_deferred(id);
    if (d == deferred_.end() || d->answered) return TENON_NOT_FOUND;
    notify_ended(*d, TENON_OK);
    if (!d->returned) {
      d->answered = true;
      d->outcome = std::move(outcome);
      return TENON_OK;
    }
    completed = std::move(d->completed);
    deferred_.erase(d);
  }
  if (!wedged()) completed(std::move(outcome));
  return TENON_OK;
}

bool Instance::id_cancelled(tenon_id id) {
  const std::lock_guard lock(mutex_);
  const auto d = find_deferred(id);
  return d == deferred_.end() || d->answered || d->cancelled;
}

tenon_status Instance::on_cancel(tenon_id id, tenon_call_ended fn, void* data) {
  const std::lock_guard lock(mutex_);
  const auto d = find_deferred(id);
  if (d == deferred_.end() || d->answered) return TENON_NOT_FOUND;
  if (d->has_ended) return TENON_ALREADY_EXISTS;
  d->ended = fn;
  d->data = data;
  try {
    if (d->cancelled) notify_ended(*d, TENON_CANCELLED);
  } catch (...) {  // nothing was registered: it can be tried again
    d->ended = nullptr;
    throw;
  }
  d->has_ended = true;
  return TENON_OK;
}

void Instance::cancel(std::int64_t deadline_ns) {
  const std::lock_guard lock(mutex_);
  if (deadline_ns < call_.deadline_ns.load(std::memory_order_relaxed)) call_.deadline_ns.store(deadline_ns, std::memory_order_relaxed);
  call_.cancel();
  for (Deferred& d : deferred_) {
    if (d.cancelled) continue;
    d.cancelled = true;
    try {
      notify_ended(d, TENON_CANCELLED);
    } catch (const std::bad_alloc&) {  // it is told when the call has ended
    }
  }
}

void Instance::answer_deferred() {
  std::vector<Deferred> rest;
  {
    const std::lock_guard lock(mutex_);
    for (Deferred& d : deferred_) notify_ended(d, TENON_CANCELLED);
    rest.swap(deferred_);
  }
  for (Deferred& d : rest)
    if (d.completed)
      d.completed(Outcome::failure({Code::unavailable, "the module stopped before it answered", "STOPPED", 0, ExitCode::unavailable}));
}

std::size_t Instance::deferred_count() const {
  const std::lock_guard lock(mutex_);
  return deferred_.size();
}

}  // namespace tenon::host
