// The two ends of a call that outlives a stack: the outcome for its caller, and the end of its provider. Both come once, in any order.
#include <algorithm>

#include "core.hpp"

namespace tenon::host {
namespace {

Code no_memory_for_reply(const CallRecord& record, Error& error) {
  return fail(error, Code::resource_exhausted, "NO_MEMORY", [&] { return "there is no memory for the reply of `" + record.service + "`"; });
}

}  // namespace

Error late_answer(const CallRecord& record) {
  return worded(Code::deadline_exceeded, "DEADLINE", [&] { return "`" + record.service + "` was not answered by its deadline"; });
}

bool ServicesCore::settle(CallRecord& record, Code code, Error error, Reply* reply) noexcept {
  if (static_cast<unsigned>(code) > 16) code = Code::unknown;
  {
    const std::lock_guard lock(record.mutex);
    if (record.answered) return false;
    if (code == Code::ok && reply != nullptr && !record.reply.take(*reply)) code = no_memory_for_reply(record, error);
    if (code != Code::ok) {
      if (error.message.empty())
        error.message = worded(code, "", [&] { return "`" + record.service + "` answered " + std::string(code_name(code)); }).message;
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
  const std::shared_ptr<Notice> notice = std::move(record.done_notice);
  notice->record = record.shared_from_this();
  post(notice);
  return true;
}

/// `mine_and_open`: it counts as an open call of its provider, until whoever took the end has posted on_cancel's: `leave` waits for that.
ServicesCore::End ServicesCore::take_end(CallRecord& record, bool only_deferred) {
  const std::lock_guard lock(record.mutex);
  if (record.provider_done || (only_deferred && !record.deferred)) return End::not_mine;
  record.provider_done = true;
  return record.deferred ? End::mine_and_open : End::mine;
}

void ServicesCore::provider_ended(const std::shared_ptr<CallRecord>& record) {
  const End end = take_end(*record, false);
  post_ended(record, Code::ok);
  if (end == End::mine_and_open) record->provider->close_call();
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
  std::list<std::weak_ptr<CallRecord>> children;
  if (nobody_waits) {
    const std::lock_guard lock(record->mutex);
    record->given_up.store(true, std::memory_order_relaxed);
    children.swap(record->children);
  }
  post_ended(record, Code::cancelled);
  for (const auto& weak : children)
    if (const auto child = weak.lock())
      give_up(child, Code::cancelled, worded(Code::cancelled, "GIVEN_UP", [&] {
                return "nobody waits for the call any more `" + child->service + "` was made in";
              }));
}

void ServicesCore::post_ended(const std::shared_ptr<CallRecord>& record, Code why) {
  ServiceSeat& seat = *record->provider;
  std::shared_ptr<Notice> notice;
  {
    const std::lock_guard lock(record->mutex);
    if (record->ended == nullptr) return;
    notice = std::move(record->ended_notice);
    notice->ended = std::exchange(record->ended, nullptr);
    notice->data = record->ended_data;
    // From here until it stands in the seat's list nobody else knows of it: `leave` waits.
    const std::lock_guard of_seat(seat.mutex);
    ++seat.busy;
  }
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
          give_up(record, Code::deadline_exceeded, late_answer(*record));
        else
          give_up(record, Code::cancelled, worded(Code::cancelled, "GIVEN_UP", [&] {
                    return "nobody waits for the call any more in which `" + record->service + "` was called";
                  }));
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
    if (!reply.take(record->reply)) code = no_memory_for_reply(*record, error);
  } else {
    error = std::move(record->error);
  }
  record->caller_done = true;
  lock.unlock();
  forget_if_over(*record);
  return code;
}

void ServicesCore::run_deadlines(std::int64_t now) {
  for (;;) {
    std::uint64_t id = 0;
    {
      const std::lock_guard lock(calls_mutex);
      if (deadlines.empty() || deadlines.begin()->first > now) return;
      id = deadlines.begin()->second;
      deadlines.erase(deadlines.begin());
    }
    if (const auto record = record_of(id)) give_up(record, Code::deadline_exceeded, late_answer(*record));
  }
}

}  // namespace tenon::host
