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
  if (request.metadata.size() > max_service_pairs || !is_content_type(request.content_type) ||
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

Error no_memory_error(const Registration& r) {
  return worded(Code::resource_exhausted, "NO_MEMORY", [&] { return "there is no memory for a call of `" + r.entry->text + "`"; });
}

Code no_memory_for_call(Error& error, const Registration& r) {
  error = no_memory_error(r);
  return error.code;
}

}  // namespace

// ---- ids

std::shared_ptr<CallRecord> ServicesCore::make_record(const ServiceCall& call) {
  const Registration& r = called(call);
  auto record = std::make_shared<CallRecord>();
  record->core = shared_from_this();
  record->caller = call.caller_->shared_from_this();
  record->provider = r.seat;
  record->metrics = r.entry->metrics;
  record->service = r.entry->text;
  record->deadline_ns = call.deadline_ns.load(std::memory_order_relaxed);
  record->admission = static_cast<Breaker::Admission>(call.admission_);
  record->sampled_from = call.sampled_from_;
  record->place.front() = record;
  return record;
}

/// Gives it its id. From here on others find it, and may answer it. Throws std::bad_alloc, and then nobody does.
void ServicesCore::publish(const std::shared_ptr<CallRecord>& record, std::uint64_t* id) {
  const std::lock_guard lock(calls_mutex);
  if (free_calls.empty()) {
    make_room(free_calls, call_slots.size() + 1);  // for when all are given back
    call_slots.emplace_back(0, nullptr);
    free_calls.push_back(static_cast<std::uint32_t>(call_slots.size() - 1));
  }
  const std::uint32_t index = free_calls.back();
  free_calls.pop_back();
  auto& [generation, place] = call_slots[index];
  if (++generation == 0) generation = 1;
  record->id = (std::uint64_t{generation} << 32U) | index;
  if (id != nullptr) *id = record->id;
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
  ServiceSeat& provider = *called(call).seat;
  const std::shared_ptr<CallRecord> fresh = record ? nullptr : make_record(call);
  if (!provider.open_call(options.max_open_calls)) {
    if (provider.left.load(std::memory_order_seq_cst))
      return call.fail(Code::unavailable, "`" + provider.module + "` is leaving", "LEAVING");
    return call.fail(Code::resource_exhausted, "`" + provider.module + "` has too many deferred calls open: complete some first",
                     "TOO_MANY_CALLS");
  }
  if (!record) {
    try {
      publish(fresh);
    } catch (const std::bad_alloc&) {
      provider.close_call();
      throw;
    }
    record = fresh;
    adopt(call.parent_, record);
    __atomic_store_n(&call.record_, record.get(), __ATOMIC_RELEASE);
    call.touch();
  }
  bool ended = false;
  {
    const std::lock_guard lock(record->mutex);
    ended = record->provider_done;  // the provider is leaving
    record->deferred = !ended;
    id = record->id;
  }
  if (ended) provider.close_call();
  return Code::ok;
}

/// What a worker needs to run the call. Throws std::bad_alloc.
void ServicesCore::prepare(CallRecord& record, const ServiceCall& call, const Registration& r, ServiceDone done, void* data) {
  ServiceCall& inner = record.call;
  inner.is_service = true;
  inner.caller_ = call.caller_;
  inner.target_ = &r;
  inner.record_ = &record;
  inner.deadline_ns.store(record.deadline_ns, std::memory_order_relaxed);
  inner.depth_ = call.depth_;
  inner.origin_ = &record.origin;
  if (done == nullptr) {  // this thread waits: what it holds is held for this call
    if (call.origin_ != nullptr) record.origin.threads = call.origin_->threads;
    record.origin.threads.push_back(&this_thread_frames());
    if (call.parent_ != nullptr && call.parent_->is_service)
      record.origin.path = path_of(static_cast<const ServiceCall&>(*call.parent_));
    else if (call.origin_ != nullptr)
      record.origin.path = call.origin_->path;
  }
  record.done = done;
  record.done_data = data;
  if (done == nullptr) return;
  record.done_notice = make_notice(Notice::Kind::done, record.caller);
  decltype(deadlines) timer;
  timer.emplace(0, 0);
  record.timer = timer.extract(timer.begin());
}

std::shared_ptr<CallRecord> ServicesCore::submit(ServiceCall& call, Registration& r, const Request& request, ServiceDone done, void* data,
                                                 std::uint64_t* id, Error& error) {
  const auto refused = [&](Code code) {
    r.metrics->shard(this_thread_frames().index).end(code);
    if (r.breaker != nullptr) r.breaker->ended(static_cast<Breaker::Admission>(call.admission_), Breaker::Outcome::nothing);
    return nullptr;
  };
  std::shared_ptr<CallRecord> record;
  std::unique_ptr<std::shared_ptr<CallRecord>> held;
  try {
    record = make_record(call);
    if (!keep_request(*record, request, call.trace_parent(), record->origin.trace_parent))
      return refused(fail(error, Code::invalid_argument, "TOO_LARGE", [] {
        return std::string("the request is beyond the limits: 64 pairs, 16 KiB of them, content types of 127 bytes");
      }));
    prepare(*record, call, r, done, data);
    held = std::make_unique<std::shared_ptr<CallRecord>>(record);
  } catch (const std::bad_alloc&) {
    return refused(no_memory_for_call(error, r));
  }
  if (done != nullptr && !call.caller_->open_call(options.max_open_calls)) {
    if (call.caller_->left.load(std::memory_order_seq_cst))
      return refused(fail(error, Code::unavailable, "LEAVING", [&] { return "`" + call.caller_->module + "` is leaving"; }));
    return refused(fail(error, Code::resource_exhausted, "TOO_MANY_CALLS",
                        [&] { return "`" + call.caller_->module + "` has too many asynchronous calls open: wait for some first"; }));
  }
  r.refs.fetch_add(1, std::memory_order_relaxed);
  record->registration = &r;
  const std::uint64_t id_before = id == nullptr ? 0 : *id;
  try {
    publish(record, id);
  } catch (const std::bad_alloc&) {
    r.refs.fetch_sub(1, std::memory_order_release);
    if (done != nullptr) call.caller_->close_call();
    return refused(no_memory_for_call(error, r));
  }
  if (done != nullptr) {
    const std::lock_guard lock(calls_mutex);
    const bool first = deadlines.empty() || record->deadline_ns < deadlines.begin()->first;
    record->timer.value() = {record->deadline_ns, record->id};
    deadlines.insert(std::move(record->timer));
    if (first) keeper_wakes.notify_one();
  }

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
  const auto posted = [&]() -> Result<void> {
    try {
      return pool.post(*r.owner, job);
    } catch (const std::bad_alloc&) {
      return no_memory_error(r);
    }
  }();
  if (!posted) {
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
    if (id != nullptr) *id = id_before;
    if (done != nullptr) {
      call.caller_->close_call();
      const std::lock_guard lock(calls_mutex);
      deadlines.erase({record->deadline_ns, record->id});
    }
    forget_if_over(*record);
    const Code code = posted.error().code;
    try {
      error = posted.error();
    } catch (const std::bad_alloc&) {
      error = worded(code, "NO_MEMORY", [] { return std::string(); });
    }
    return refused(code);
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
    if (!late) root->children.splice(root->children.end(), record->place);
    if (root->children.size() >= root->prune_children_at) {
      std::erase_if(root->children, [](const auto& c) { return c.expired(); });
      root->prune_children_at = std::max<std::size_t>(16, 2 * root->children.size());
    }
  }
  if (late)
    give_up(record, Code::cancelled,
            worded(Code::cancelled, "GIVEN_UP", [&] { return "nobody waits for the call `" + record->service + "` was made in"; }));
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
    code = fail(error, Code::not_found, "NO_SERVICE", [&] { return "`" + record->service + "` was removed before it was called"; });
  } else {
    if (r->strand != nullptr) code = enter_strand(*r->strand, record->call, error);
    if (code == Code::ok) {
      {
        const GateEntry entry(*r->owner, Phase::run, ThreadTag::worker, &record->call, Gate::State::open);
        code = entry ? run_handler(*r, record->call, record->request, reply) : fail(error, Code::unavailable, "LEAVING", [&] {
          return "`" + r->seat->module + "`, which offers `" + record->service + "`, is leaving";
        });
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
         worded(Code::unavailable, "LEAVING",
                [&] { return "`" + record->provider->module + "` left before `" + record->service + "` was called"; }),
         nullptr);
  provider_left(record);
}

void ServicesCore::handler_returned(const std::shared_ptr<CallRecord>& record, Code code, Error error, Reply& reply) {
  if (code == pending) {
    {
      const std::lock_guard lock(record->mutex);
      if (record->deferred || record->provider_done) return;
    }
    code = fail(error, Code::internal, "NOT_DEFERRED",
                [&] { return "`" + record->service + "` returned PENDING without having deferred its call"; });
  }
  settle(*record, code, std::move(error), &reply);
  provider_ended(record);
}

}  // namespace tenon::host
