#include "abi/notifier.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

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
  if (!core_->has_thread) {
    core_->has_thread = true;
    std::thread([core = core_, epoch = core_->thread_epoch] { deliver_loop(core, epoch); }).detach();
  }
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
    // In slices: time_point arithmetic must not overflow for "never".
    core_->changed.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(deadline_ns - now, 3'600'000'000'000)));
  }
  return true;
}

Instance* Notifier::write_off_hanging(std::int64_t now_ns) {
  const std::lock_guard lock(core_->mutex);
  if (!core_->busy || now_ns - core_->busy_since < limit_ns) return nullptr;
  Instance* culprit = core_->busy_with;
  core_->busy = false;
  core_->busy_with = nullptr;
  const std::uint64_t epoch = ++core_->thread_epoch;
  std::thread([core = core_, epoch] { deliver_loop(core, epoch); }).detach();
  core_->changed.notify_all();
  return culprit;
}

}  // namespace tenon::host
