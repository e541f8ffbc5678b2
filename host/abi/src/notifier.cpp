#include "abi/notifier.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "abi/instance.hpp"
#include "base/clock.hpp"

namespace tenon::host {

struct Notifier::Core {
  struct Item {
    Instance* owner;
    std::function<void()> deliver;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Item> queue;
  Instance* busy_with = nullptr;
  std::int64_t busy_since = 0;
  std::uint64_t thread_epoch = 0;  // a thread of an older epoch was written off
  bool busy = false, has_thread = false, stopping = false;
  std::deque<Instance*> written_off;  // not yet reported by write_off_hanging
};

namespace {

template <class Core>
void deliver_loop(const std::shared_ptr<Core>& core, std::uint64_t epoch) {
  std::unique_lock lock(core->mutex);
  for (;;) {
    core->changed.wait(lock, [&] { return core->thread_epoch != epoch || core->stopping || !core->queue.empty(); });
    if (core->thread_epoch != epoch) return;
    if (core->queue.empty()) {
      core->has_thread = false;
      core->changed.notify_all();
      return;
    }
    auto item = std::move(core->queue.front());
    core->queue.pop_front();
    core->busy = true;
    core->busy_with = item.owner;
    core->busy_since = monotonic_ns();
    lock.unlock();
    item.deliver();
    lock.lock();
    if (core->thread_epoch != epoch) return;  // came back too late: another thread has taken over
    core->busy = false;
    core->busy_with = nullptr;
    core->changed.notify_all();
  }
}

// With the mutex held. No thread to be had: what is queued waits for the next attempt, at the latest the daemon's next look (write_off_hanging).
template <class Core>
void ensure_thread(const std::shared_ptr<Core>& core) {
  if (core->has_thread || core->queue.empty()) return;
  try {
    std::thread([core, epoch = core->thread_epoch] { deliver_loop(core, epoch); }).detach();
    core->has_thread = true;
  } catch (const std::exception&) {  // no thread, or no memory for one
    core->has_thread = false;
  }
}

// With the mutex held. A delivery that hangs keeps nobody else from his for longer than the limit.
template <class Core>
void write_off_overdue(const std::shared_ptr<Core>& core, std::int64_t now_ns) {
  if (!core->busy || now_ns - core->busy_since < Notifier::limit_ns) return;
  if (core->busy_with != nullptr) {
    core->busy_with->wedge();
    core->written_off.push_back(core->busy_with);
  }
  core->busy = false;
  core->busy_with = nullptr;
  ++core->thread_epoch;
  core->has_thread = false;
  ensure_thread(core);
  core->changed.notify_all();
}

}  // namespace

Notifier::Notifier() : core_(std::make_shared<Core>()) {}

Notifier::~Notifier() {
  std::unique_lock lock(core_->mutex);
  core_->stopping = true;
  core_->changed.notify_all();
  core_->changed.wait_for(lock, std::chrono::nanoseconds(limit_ns), [this] { return !core_->has_thread; });
  ++core_->thread_epoch;
}

void Notifier::post(Instance* owner, std::function<void()> deliver) {
  const std::lock_guard lock(core_->mutex);
  core_->queue.push_back({owner, std::move(deliver)});
  ensure_thread(core_);
  core_->changed.notify_all();
}

bool Notifier::flush(const Instance* owner, std::int64_t deadline_ns) {
  std::unique_lock lock(core_->mutex);
  const auto idle = [&] {
    if (core_->busy && core_->busy_with == owner) return false;
    for (const auto& item : core_->queue)
      if (item.owner == owner) return false;
    return true;
  };
  while (!idle()) {
    const std::int64_t now = monotonic_ns();
    if (deadline_ns <= now) return false;
    write_off_overdue(core_, now);
    ensure_thread(core_);
    // In slices: time_point arithmetic must not overflow for "never", and a thread that was not to be had is tried for again.
    std::int64_t slice = core_->has_thread ? 3'600'000'000'000 : 10'000'000;
    if (core_->busy) slice = std::clamp<std::int64_t>(core_->busy_since + limit_ns - now, 1'000'000, slice);
    core_->changed.wait_for(lock, std::chrono::nanoseconds(std::min(deadline_ns - now, slice)));
  }
  return true;
}

Instance* Notifier::write_off_hanging(std::int64_t now_ns) {
  const std::lock_guard lock(core_->mutex);
  ensure_thread(core_);
  write_off_overdue(core_, now_ns);
  if (core_->written_off.empty()) return nullptr;
  Instance* culprit = core_->written_off.front();
  core_->written_off.pop_front();
  return culprit;
}

}  // namespace tenon::host
