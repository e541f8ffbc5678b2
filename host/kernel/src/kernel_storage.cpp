// What the kernel does for storage and state: opens them, runs what watches hear, looks after them, closes them.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/text.hpp"
#include "kernel/host_thread.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
/// A group that takes longer than this is worth a line in the log.
constexpr std::int64_t slow_ns = 5 * second_ns;
/// A watch's delivery may take as long as any handler.
constexpr std::int64_t watch_ns = 5 * second_ns;

/// Whom a change concerns is told on a worker, however busy the owner is: what is missed here is not told again.
StateOptions::Executor on_workers(WorkerPool& workers, Owner& host) {
  return [&workers, &host](Owner* owner, std::function<void()> work) {
    auto data = std::make_unique<std::function<void()>>(std::move(work));
    Job job;
    job.run = [](void* p) noexcept { (*static_cast<std::function<void()>*>(p))(); };
    job.end = [](void* p, JobEnd) noexcept { delete static_cast<std::function<void()>*>(p); };
    job.data = data.get();
    job.timeout_ns = watch_ns;
    job.notification = true;
    // Refused only if the owner is leaving, and then its watches end.
    if (workers.post(owner != nullptr ? *owner : host, job)) static_cast<void>(data.release());
  };
}

}  // namespace

Result<void> Kernel::open_storage(std::unique_ptr<StorageBackend> backend, StorageOptions storage, StateOptions state) {
  state.executor = on_workers(workers_, host_);
  auto mirror = std::make_unique<State>(std::move(state));
  storage.executor = {};
  storage.state = mirror.get();
  Result<std::unique_ptr<Storage>> opened = Storage::open(std::move(backend), std::move(storage));
  if (!opened) return opened.error();
  state_ = std::move(mirror);
  storage_ = std::move(*opened);
  return {};
}

void Kernel::tick_storage(std::int64_t now) {
  if (now - storage_ticked_ns_ < second_ns) return;
  storage_ticked_ns_ = now;
  state_->retry_watches();
  storage_->expire_soon();
  const std::int64_t since = storage_->busy_since_ns();
  const bool slow = since != 0 && now - since >= slow_ns;
  if (slow && !storage_is_slow_)
    log_.log(warn, "the disk of the storage does not answer", {{"since", format_duration(Nanos(now - since))}});
  if (!slow && storage_is_slow_) log_.log(info, "the disk of the storage answers again", {});
  storage_is_slow_ = slow;
  const bool full = storage_->statistics().disk_full;
  if (full && !storage_is_full_)
    log_.log(error, "the disk of the storage is full: reads go on, writes are refused until there is space", {});
  if (!full && storage_is_full_) log_.log(info, "the disk of the storage has space again", {});
  storage_is_full_ = full;
}

Result<void> Kernel::close_storage(std::int64_t deadline_ns) {
  if (!storage_) return {};
  struct Closing {
    std::mutex mutex;
    std::condition_variable ended;
    std::optional<Result<void>> result;
  };
  // On a thread of its own: a disk may never answer.
  const auto closing = std::make_shared<Closing>();
  std::thread closer = host_thread([closing, storage = storage_.get()] {
    Result<void> result = storage->close();
    const std::lock_guard lock(closing->mutex);
    closing->result = std::move(result);
    closing->ended.notify_one();
  });
  std::unique_lock lock(closing->mutex);
  const auto until = std::chrono::steady_clock::time_point(Nanos(std::min(deadline_ns, no_deadline / 2)));
  if (!closing->ended.wait_until(lock, until, [&] { return closing->result.has_value(); })) {
    closer.detach();
    return Error{Code::deadline_exceeded, "the storage could not be closed in time: its disk does not answer", "STORAGE_DEADLINE", 0,
                 ExitCode::io_error};
  }
  lock.unlock();
  closer.join();
  return *closing->result;
}

}  // namespace tenon::host
