#include "storage_completions.hpp"

#include <chrono>

#include "handler_call.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {
namespace {

std::chrono::steady_clock::time_point point(std::int64_t monotonic) {
  return std::chrono::steady_clock::time_point(Nanos(std::min(monotonic, no_deadline / 2)));
}

}  // namespace

Result<std::uint64_t> StorageCompletions::expect(tenon_storage_done done, void* data) {
  const std::lock_guard lock(mutex_);
  if (left_) return Error{Code::unavailable, "the instance is leaving: nobody would hear of the end of this commit", "CLOSED"};
  expected_.emplace(++last_id_, Expected{done, data});
  return last_id_;
}

void StorageCompletions::forget(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  expected_.erase(id);
  changed_.notify_all();
}

void StorageCompletions::came(std::uint64_t id, Result<std::uint64_t> outcome) {
  const std::lock_guard lock(mutex_);
  const auto at = expected_.find(id);
  if (at == expected_.end()) return;  // answered already, when the instance left
  came_.push_back({at->second, std::move(outcome)});
  expected_.erase(at);
  if (!delivering_) post();
}

/// With the mutex held, so that the instance is still there: it leaves through the mutex.
void StorageCompletions::post() {
  Job job;
  auto self = std::make_unique<std::shared_ptr<StorageCompletions>>(shared_from_this());
  job.run = [](void* p) noexcept { (*static_cast<std::shared_ptr<StorageCompletions>*>(p))->deliver(); };
  job.end = [](void* p, JobEnd how) noexcept {
    const std::unique_ptr<std::shared_ptr<StorageCompletions>> mine(static_cast<std::shared_ptr<StorageCompletions>*>(p));
    if (how == JobEnd::ran) return;
    const std::lock_guard lock((*mine)->mutex_);
    (*mine)->delivering_ = false;
    (*mine)->changed_.notify_all();
  };
  job.data = self.get();
  job.timeout_ns = handler_ns;
  job.limit = Gate::State::draining;
  job.notification = true;
  // If it is refused, `leave` delivers.
  if (!instance_.host().kernel()->workers().post(instance_, job)) return;
  static_cast<void>(self.release());
  delivering_ = true;
}

void StorageCompletions::deliver() {
  const HandlerTurn turn(instance_, Gate::State::draining);
  std::unique_lock lock(mutex_);
  while (turn && !came_.empty()) {
    const Came next = std::move(came_.front());
    came_.pop_front();
    lock.unlock();
    call(next);
    lock.lock();
  }
  delivering_ = false;
  changed_.notify_all();
}

void StorageCompletions::call(const Came& came) {
  if (instance_.wedged()) return;
  tenon_call call;
  begin_call(call, instance_);
  const GateEntry entry(instance_, Phase::run, ThreadTag::worker, &call, Gate::State::draining);
  if (!entry) return;
  if (came.outcome) return came.expected.done(came.expected.data, TENON_OK, *came.outcome, nullptr);
  tenon_error error{};
  error.struct_size = sizeof error;
  const tenon_status status = give_error(&error, came.outcome.error());
  came.expected.done(came.expected.data, status, 0, &error);
}

bool StorageCompletions::leave(std::int64_t deadline_ns) {
  const std::int64_t now = monotonic_ns();
  const std::int64_t half = deadline_ns > now ? now + (deadline_ns - now) / 2 : now;
  std::unique_lock lock(mutex_);
  left_ = true;
  changed_.wait_until(lock, point(half), [this] { return expected_.empty() && !delivering_; });
  for (const auto& [id, expected] : expected_)
    came_.push_back({expected, Error{Code::cancelled, "the instance has left before its commit was answered", "LEFT"}});
  expected_.clear();
  if (!changed_.wait_until(lock, point(deadline_ns), [this] { return !delivering_; })) return false;
  if (came_.empty()) return true;
  delivering_ = true;
  lock.unlock();
  deliver();
  lock.lock();
  return came_.empty();
}

}  // namespace tenon::host
