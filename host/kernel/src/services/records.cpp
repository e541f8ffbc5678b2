// Calls that outlive a stack: asynchronous, offloaded and deferred ones. Each has one outcome for its caller (`settle`: the first wins) and one end of
// its provider (`take_end`); both come once, in any order, and then the record is forgotten.
#include <algorithm>

#include "core.hpp"

namespace tenon::host {
namespace {

CallRecord* root_of(Call* call, CallRecord* ServiceCall::*record, Call* ServiceCall::*parent) {
  while (call != nullptr && call->is_service) {
    auto& service = static_cast<ServiceCall&>(*call);
    if (service.*record != nullptr) return service.*record;
    call = service.*parent;
  }
  return nullptr;
}

/// Copies the request behind the record; false beyond the limits.
bool keep_request(CallRecord& record, const Request& request, std::string_view trace_parent, std::string_view& kept_trace_parent) {
  std::size_t metadata = 0;
  if (request.metadata.size() > max_service_pairs || request.content_type.size() > max_service_content_type ||
      trace_parent.size() > max_service_content_type)
    return false;
  for (const ServicePair& p : request.metadata) {
    if (p.key.size() > max_service_metadata || p.value.size() > max_service_metadata) return false;
    metadata += p.key.size() + p.value.size();
  }
  if (metadata > max_service_metadata) return false;
  record.bytes.reserve(request.payload.size() + request.content_type.size() + trace_parent.size() + metadata);
  const auto keep = [&record](std::string_view text) {
    const std::size_t at = record.bytes.size();
    record.bytes.append(text);
    return std::string_view(record.bytes.data() + at, text.size());
  };
  record.request.payload = keep(request.payload);
  record.request.content_type = keep(request.content_type);
  record.pairs.reserve(request.metadata.size());
  for (const ServicePair& p : request.metadata) {
    const std::string_view key = keep(p.key);
    record.pairs.push_back({key, keep(p.value)});
  }
  record.request.metadata = record.pairs;
  kept_trace_parent = keep(trace_parent);
  return true;
}

/// Counts one more open call of `seat`; false: too many, or it has left.
bool open_call(ServiceSeat& seat, std::size_t limit) {
  const std::lock_guard lock(seat.mutex);
  if (seat.left.load(std::memory_order_seq_cst) || seat.open_calls >= limit) return false;
  ++seat.open_calls;
  return true;
}

void close_call(ServiceSeat& seat) {
  const std::lock_guard lock(seat.mutex);
  --seat.open_calls;
}

}  // namespace

// ---- ids

std::shared_ptr<CallRecord> ServicesCore::make_record(const ServiceCall& call) {
  const Registration& r = *call.registration_;
  auto record = std::make_shared<CallRecord>();
  record->core = shared_from_this();
  record->caller = call.caller_->shared_from_this();
  record->provider = r.seat;
  record->metrics = r.entry->metrics;
  record->service = r.entry->text;
  record->deadline_ns = call.deadline_ns.load(std::memory_order_relaxed);
  record->admission = static_cast<Breaker::Admission>(call.admission_);
  record->sampled_from = call.sampled_from_;
  return record;
}

/// Gives it its id. From here on others find it, and may answer it.
void ServicesCore::publish(const std::shared_ptr<CallRecord>& record) {
  const std::lock_guard lock(calls_mutex);
  if (free_calls.empty()) {
    free_calls.push_back(static_cast<std::uint32_t>(call_slots.size()));
    call_slots.emplace_back(0, nullptr);
  }
  const std::uint32_t index = free_calls.back();
  free_calls.pop_back();
  auto& [generation, place] = call_slots[index];
  if (++generation == 0) generation = 1;
  record->id = (std::uint64_t{generation} << 32U) | index;
  place = record;
}

std::shared_ptr<CallRecord> ServicesCore::record_of(std::uint64_t id) const {
  const auto index = static_cast<std::uint32_t>(id);
  const std::lock_guard lock(calls_mutex);
  if (index >= call_slots.size() || call_slots[index].first != id >> 32U) return nullptr;
  return call_slots[index].second;
}

std::vector<std::shared_ptr<CallRecord>> ServicesCore::records_of(const ServiceSeat& seat) const {
  std::vector<std::shared_ptr<CallRecord>> out;
  const std::lock_guard lock(calls_mutex);
  for (const auto& [generation, record] : call_slots)
    if (record && (record->provider.get() == &seat || record->caller.get() == &seat)) out.push_back(record);
  return out;
}

void ServicesCore::forget_if_over(CallRecord& record) {
  {
    const std::lock_guard lock(record.mutex);
    if (!record.caller_done || !record.provider_done) return;
  }
  std::shared_ptr<CallRecord> gone;  // not destroyed under the lock
  const std::lock_guard lock(calls_mutex);
  const auto index = static_cast<std::uint32_t>(record.id);
  if (call_slots[index].second.get() != &record) return;
  gone.swap(call_slots[index].second);
  free_calls.push_back(index);
}

// ---- beginning

Code ServicesCore::defer(ServiceCall& call, std::uint64_t& id) {
  std::shared_ptr<CallRecord> record = call.record_ != nullptr ? call.record_->shared_from_this() : nullptr;
  if (record) {
    const std::lock_guard lock(record->mutex);
    id = record->id;
    if (record->deferred) return Code::ok;
  }
  ServiceSeat& provider = *call.registration_->seat;
  if (!open_call(provider, options.max_open_calls))
    return call.fail(Code::resource_exhausted, "`" + provider.module + "` has too many deferred calls open: complete some first",
                     "TOO_MANY_CALLS");
  if (!record) {
    record = make_record(call);
    publish(record);
    adopt(call.parent_, record);
    call.record_ = record.get();
  }
  bool ended = false;
  {
    const std::lock_guard lock(record->mutex);
    ended = record->provider_done;  // the provider is leaving
    record->deferred = !ended;
    id = record->id;
  }
  if (ended) close_call(provider);
  return Code::ok;
}

std::shared_ptr<CallRecord> ServicesCore::submit(ServiceCall& call, Registration& r, const Request& request, ServiceDone done, void* data,
                                                 Error& error) {
  const auto refused = [&](Code code) {
    r.metrics->shard(this_thread_frames().index).end(code);
    if (r.breaker != nullptr) r.breaker->ended(static_cast<Breaker::Admission>(call.admission_), Breaker::Outcome::nothing);
    return nullptr;
  };
  const std::shared_ptr<CallRecord> record = make_record(call);
  ServiceCall& inner = record->call;
  if (!keep_request(*record, request, call.trace_parent_, inner.trace_parent_))
    return refused(fail(error, Code::invalid_argument,
                        "the request is beyond the limits: 64 pairs, 16 KiB of them, content types of 127 bytes", "TOO_LARGE"));
  if (done != nullptr && !open_call(*call.caller_, options.max_open_calls))
    return refused(fail(error, Code::resource_exhausted,
                        "`" + call.caller_->module + "` has too many asynchronous calls open: wait for some first", "TOO_MANY_CALLS"));
  inner.is_service = true;
  inner.core_ = this;
  inner.caller_ = call.caller_;
  inner.registration_ = &r;
  inner.record_ = record.get();
  inner.deadline_ns.store(record->deadline_ns, std::memory_order_relaxed);
  inner.depth_ = call.depth_;
  if (done == nullptr) {  // this thread waits: what it holds is held for this call
    if (call.hop_ != nullptr) record->hop.threads = call.hop_->threads;
    record->hop.threads.push_back(&this_thread_frames());
    if (call.parent_ != nullptr && call.parent_->is_service)
      record->hop.path = path_of(static_cast<const ServiceCall&>(*call.parent_));
    else if (call.hop_ != nullptr)
      record->hop.path = call.hop_->path;
    inner.hop_ = &record->hop;
  }
  record->done = done;
  record->done_data = data;
  r.refs.fetch_add(1, std::memory_order_relaxed);
  record->registration = &r;
  publish(record);
  if (done != nullptr) {
    const std::lock_guard lock(calls_mutex);
    const bool first = deadlines.empty() || record->deadline_ns < deadlines.begin()->first;
    deadlines.emplace(record->deadline_ns, record->id);
    if (first) keeper_wakes.notify_one();
  }

  auto held = std::make_unique<std::shared_ptr<CallRecord>>(record);
  Job job;
  job.data = held.get();
  job.deadline_ns = record->deadline_ns;
  job.run = [](void* d) noexcept {
    const auto& taken = *static_cast<std::shared_ptr<CallRecord>*>(d);
    taken->core->run(taken);
  };
  job.end = [](void* d, JobEnd how) noexcept {
    const std::unique_ptr<std::shared_ptr<CallRecord>> taken(static_cast<std::shared_ptr<CallRecord>*>(d));
    if (how == JobEnd::dropped) (*taken)->core->not_run(*taken);
  };
  if (auto posted = pool.post(*r.owner, job); !posted) {
    bool answered = false;
    {
      const std::lock_guard lock(record->mutex);
      answered = record->answered;
      if (!answered) {
        record->answered = record->caller_done = record->provider_done = true;
        record->registration = nullptr;
      }
    }
    if (answered) {  // by whoever leaves, or by the deadline: that counts
      provider_left(record);
      return record;
    }
    r.refs.fetch_sub(1, std::memory_order_release);
    if (done != nullptr) {
      close_call(*call.caller_);
      const std::lock_guard lock(calls_mutex);
      deadlines.erase({record->deadline_ns, record->id});
    }
    forget_if_over(*record);
    error = posted.error();
    return refused(error.code);
  }
  static_cast<void>(held.release());
  adopt(call.parent_, record);
  return record;
}

void ServicesCore::adopt(Call* parent, const std::shared_ptr<CallRecord>& record) {
  CallRecord* root = root_of(parent, &ServiceCall::record_, &ServiceCall::parent_);
  if (root == nullptr) return;
  bool late = false;
  {
    const std::lock_guard lock(root->mutex);
    late = root->given_up.load(std::memory_order_relaxed);
    if (!late) root->children.push_back(record);
    if (root->children.size() >= root->prune_children_at) {
      std::erase_if(root->children, [](const auto& c) { return c.expired(); });
      root->prune_children_at = std::max<std::size_t>(16, 2 * root->children.size());
    }
  }
  if (late)
    give_up(record, Code::cancelled,
            service_error(Code::cancelled, "nobody waits for the call `" + record->service + "` was made in", "GIVEN_UP"));
}

// ---- on the worker

void ServicesCore::run(const std::shared_ptr<CallRecord>& record) {
  Registration* r = nullptr;
  bool answered = false;
  {
    const std::lock_guard lock(record->mutex);
    r = record->registration;
    record->begun = true;
    answered = record->answered;
  }
  if (r == nullptr) return;  // its provider has left
  Pinned pinned;
  pinned.announce(r);
  pinned.registration = r;
  pinned.core = this;
  Error error;
  Reply reply;
  record->call.error_ = &error;
  Code code = Code::ok;
  if (answered) {
    code = Code::cancelled;
  } else if (r->closing.load(std::memory_order_relaxed)) {
    code = fail(error, Code::not_found, "`" + record->service + "` was removed before it was called", "NO_SERVICE");
  } else {
    if (r->strand != nullptr) code = enter_strand(*r->strand, record->call, error);
    if (code == Code::ok) {
      {
        const GateEntry entry(*r->owner, Phase::run, ThreadTag::worker, &record->call, Gate::State::open);
        code = entry ? run_handler(*r, record->call, record->request, reply)
                     : fail(error, Code::unavailable, "`" + r->seat->module + "`, which offers `" + record->service + "`, is leaving",
                            "LEAVING");
      }
      if (r->strand != nullptr) r->strand->leave();
    }
  }
  handler_returned(record, code, std::move(error), reply);
  {
    const std::lock_guard lock(record->mutex);
    record->registration = nullptr;
  }
  r->refs.fetch_sub(1, std::memory_order_release);
}

void ServicesCore::not_run(const std::shared_ptr<CallRecord>& record) {
  settle(*record, Code::unavailable,
         service_error(Code::unavailable, "`" + record->provider->module + "` left before `" + record->service + "` was called", "LEAVING"),
         nullptr);
  provider_left(record);
}

void ServicesCore::handler_returned(const std::shared_ptr<CallRecord>& record, Code code, Error error, Reply& reply) {
  if (code == pending) {
    {
      const std::lock_guard lock(record->mutex);
      if (record->deferred || record->provider_done) return;
    }
    code = fail(error, Code::internal, "`" + record->service + "` returned PENDING without having deferred its call", "NOT_DEFERRED");
  }
  settle(*record, code, std::move(error), &reply);
  provider_ended(record);
}

// ---- the two ends

bool ServicesCore::settle(CallRecord& record, Code code, Error error, Reply* reply) {
  if (static_cast<unsigned>(code) > 16) code = Code::unknown;
  {
    const std::lock_guard lock(record.mutex);
    if (record.answered) return false;
    if (code == Code::ok && reply != nullptr && !record.reply.take(*reply))
      code = fail(error, Code::resource_exhausted, "there is no memory for the reply of `" + record.service + "`", "NO_MEMORY");
    if (code != Code::ok) {
      if (error.message.empty()) error.message = "`" + record.service + "` answered " + std::string(code_name(code));
      error.code = code;
      record.error = std::move(error);
    }
    record.code = code;
    MethodShard& shard = record.metrics->shard(this_thread_frames().index);
    shard.end(code);
    if (record.sampled_from != 0) shard.sample(monotonic_ns() - record.sampled_from);
    if (record.provider->breaker)
      record.provider->breaker->ended(record.admission, code == Code::cancelled     ? Breaker::Outcome::nothing
                                                        : is_provider_failure(code) ? Breaker::Outcome::failure
                                                                                    : Breaker::Outcome::success);
    record.answered = true;
    record.answered_cv.notify_all();
    if (record.done == nullptr) return true;
  }
  {
    const std::lock_guard lock(calls_mutex);
    deadlines.erase({record.deadline_ns, record.id});
  }
  auto notice = std::make_shared<Notice>();
  notice->kind = Notice::Kind::done;
  notice->core = shared_from_this();
  notice->seat = record.caller;
  notice->record = record.shared_from_this();
  post(notice);
  return true;
}

bool ServicesCore::take_end(CallRecord& record, bool only_deferred) {
  bool deferred = false;
  {
    const std::lock_guard lock(record.mutex);
    if (record.provider_done || (only_deferred && !record.deferred)) return false;
    record.provider_done = true;
    deferred = record.deferred;
  }
  if (deferred) close_call(*record.provider);
  return true;
}

void ServicesCore::provider_ended(const std::shared_ptr<CallRecord>& record) {
  take_end(*record, false);
  post_ended(record, Code::ok);
  forget_if_over(*record);
}

/// It will not run the handler, nor complete.
void ServicesCore::provider_left(const std::shared_ptr<CallRecord>& record) {
  Registration* r = nullptr;
  {
    const std::lock_guard lock(record->mutex);
    if (!record->begun) r = std::exchange(record->registration, nullptr);
  }
  if (r != nullptr) {
    r->refs.fetch_sub(1, std::memory_order_release);
    wake_keeper();
  }
  provider_ended(record);
}

bool ServicesCore::give_up(const std::shared_ptr<CallRecord>& record, Code code, Error error) {
  if (!settle(*record, code, std::move(error), nullptr)) return false;
  ask_to_end(record, true);
  return true;
}

void ServicesCore::ask_to_end(const std::shared_ptr<CallRecord>& record, bool nobody_waits) {
  record->asked_to_end.store(true, std::memory_order_relaxed);
  std::vector<std::weak_ptr<CallRecord>> children;
  if (nobody_waits) {
    const std::lock_guard lock(record->mutex);
    record->given_up.store(true, std::memory_order_relaxed);
    children.swap(record->children);
  }
  post_ended(record, Code::cancelled);
  for (const auto& weak : children)
    if (const auto child = weak.lock())
      give_up(child, Code::cancelled,
              service_error(Code::cancelled, "nobody waits for the call any more `" + child->service + "` was made in", "GIVEN_UP"));
}

void ServicesCore::post_ended(const std::shared_ptr<CallRecord>& record, Code why) {
  ServiceSeat& seat = *record->provider;
  auto notice = std::make_shared<Notice>();
  {
    const std::lock_guard lock(record->mutex);
    if (record->ended == nullptr) return;
    notice->ended = std::exchange(record->ended, nullptr);
    notice->data = record->ended_data;
    // From here until it stands in the seat's list nobody else knows of it: `leave` waits.
    const std::lock_guard of_seat(seat.mutex);
    ++seat.busy;
  }
  notice->kind = Notice::Kind::ended;
  notice->core = shared_from_this();
  notice->seat = record->provider;
  notice->why = why;
  post(notice);
  const std::lock_guard lock(seat.mutex);
  --seat.busy;
  seat.changed.notify_all();
}

Code ServicesCore::await(const std::shared_ptr<CallRecord>& record, std::int64_t deadline_ns, const Call* parent, Reply& reply,
                         Error& error) {
  std::unique_lock lock(record->mutex);
  record->deadline_ns = deadline_ns;
  if (!record->answered) {
    lock.unlock();
    const Blocking blocking;
    lock.lock();
    while (!record->answered) {
      const std::int64_t now = monotonic_ns();
      const bool late = now >= deadline_ns;
      if (late || (parent != nullptr && is_given_up(*parent))) {
        lock.unlock();
        if (late)
          give_up(record, Code::deadline_exceeded,
                  service_error(Code::deadline_exceeded, "`" + record->service + "` was not answered by its deadline", "DEADLINE"));
        else
          give_up(record, Code::cancelled,
                  service_error(Code::cancelled, "nobody waits for the call any more in which `" + record->service + "` was called",
                                "GIVEN_UP"));
        lock.lock();
        continue;
      }
      // The call below may be one of the lifecycle, of which nobody tells when it is cancelled: looked at again.
      record->answered_cv.wait_for(lock,
                                   Nanos(std::min<std::int64_t>(deadline_ns - now, parent != nullptr ? 10'000'000 : 3'600'000'000'000)));
    }
  }
  Code code = record->code;
  if (code == Code::ok) {
    if (!reply.take(record->reply))
      code = fail(error, Code::resource_exhausted, "there is no memory for the reply of `" + record->service + "`", "NO_MEMORY");
  } else {
    error = std::move(record->error);
  }
  record->caller_done = true;
  lock.unlock();
  forget_if_over(*record);
  return code;
}

void ServicesCore::run_deadlines(std::int64_t now) {
  std::vector<std::uint64_t> over;
  {
    const std::lock_guard lock(calls_mutex);
    while (!deadlines.empty() && deadlines.begin()->first <= now) {
      over.push_back(deadlines.begin()->second);
      deadlines.erase(deadlines.begin());
    }
  }
  for (const std::uint64_t id : over)
    if (const auto record = record_of(id))
      give_up(record, Code::deadline_exceeded,
              service_error(Code::deadline_exceeded, "`" + record->service + "` was not answered by its deadline", "DEADLINE"));
}

// ---- what modules do with ids

Code Services::cancel(ServiceSeat& seat, std::uint64_t id) {
  const auto record = core_->record_of(id);
  if (!record || record->caller.get() != &seat || record->done == nullptr) return Code::not_found;
  const bool mine = core_->give_up(record, Code::cancelled,
                                   service_error(Code::cancelled, "`" + record->service + "` was cancelled by its caller", "CANCELLED"));
  return mine ? Code::ok : Code::not_found;
}

Code Services::complete(ServiceSeat& seat, std::uint64_t id, Code code, Reply& reply, const Error* error) {
  const auto record = core_->record_of(id);
  if (!record || record->provider.get() != &seat) {
    reply.clear();
    return Code::not_found;
  }
  std::int64_t deadline = no_deadline;
  {
    const std::lock_guard lock(record->mutex);
    deadline = record->deadline_ns;
  }
  // Whoever waits may not have woken yet; late is late.
  if (deadline != no_deadline && monotonic_ns() >= deadline)
    core_->give_up(record, Code::deadline_exceeded,
                   service_error(Code::deadline_exceeded, "`" + record->service + "` was not answered by its deadline", "DEADLINE"));
  if (!ServicesCore::take_end(*record, true)) {
    reply.clear();
    return Code::not_found;
  }
  Error why;
  if (code != Code::ok && error != nullptr) why = *error;
  if (!core_->settle(*record, code, std::move(why), &reply)) record->metrics->count_late();
  reply.clear();
  core_->post_ended(record, Code::ok);
  core_->forget_if_over(*record);
  return Code::ok;
}

bool Services::id_cancelled(const ServiceSeat& seat, std::uint64_t id) const {
  const auto record = core_->record_of(id);
  if (!record || record->provider.get() != &seat) return true;
  const std::lock_guard lock(record->mutex);
  return record->provider_done || record->given_up.load(std::memory_order_relaxed) || record->asked_to_end.load(std::memory_order_relaxed);
}

Code Services::on_cancel(ServiceSeat& seat, std::uint64_t id, ServiceEnded fn, void* data) {
  const auto record = core_->record_of(id);
  if (fn == nullptr) return Code::invalid_argument;
  if (!record || record->provider.get() != &seat) return Code::not_found;
  {
    const std::lock_guard lock(record->mutex);
    if (!record->deferred || record->provider_done) return Code::not_found;
    if (record->has_ended) return Code::already_exists;
    record->has_ended = true;
    record->ended = fn;
    record->ended_data = data;
  }
  if (record->asked_to_end.load(std::memory_order_relaxed)) core_->post_ended(record, Code::cancelled);
  return Code::ok;
}

}  // namespace tenon::host
