#include "log_receivers.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

namespace tenon::host {
namespace {

constexpr std::size_t max_queued = 4096;
constexpr std::size_t share = 256;
constexpr auto patience = std::chrono::milliseconds(500);

}  // namespace

struct Receivers::Slot {
  std::uint64_t handle;
  LogCore::Receiver receiver;
  std::deque<SharedRecord> queue;
  std::size_t limit = max_queued;  ///< of the queue; more while early records are replayed
  bool claimed = false;            ///< somebody holds the baton
  std::thread::id holder;
  bool direct = false;               ///< the holder's own record is the next one
  bool stuck = false;                ///< a thread waited for room in vain: the others do not
  std::atomic<bool> removed{false};  ///< not called any more; written with the mutex
  unsigned removers = 0;             ///< threads waiting for the baton to come back
  Slot* next = nullptr;              ///< in a chain of claimed ones

  [[nodiscard]] bool full() const { return claimed && queue.size() >= limit; }
  void claim(Slot*& chain) {
    claimed = true;
    holder = std::this_thread::get_id();
    direct = queue.empty();
    next = std::exchange(chain, this);
  }
};

constinit thread_local const Receivers* Receivers::running_ = nullptr;

Receivers::Receivers(std::mutex& mutex) : mutex_(mutex) {}
Receivers::~Receivers() = default;

void Receivers::wait_for_room(std::unique_lock<std::mutex>& lock) {
  const auto blocked = [this] {
    return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->full() && !slot->stuck; });
  };
  if (!blocked()) return;
  ++waiting_;
  const bool room = changed_.wait_for(lock, patience, [&] { return !blocked(); });
  --waiting_;
  if (room) return;
  for (const auto& slot : slots_)
    if (slot->full()) slot->stuck = true;
}

Receivers::Claimed Receivers::announce(const LogRecordView& record) noexcept {
  Slot* chain = nullptr;
  SharedRecord copy;
  for (const auto& slot : slots_) {
    if (slot->removed) continue;
    const bool take_baton = !slot->claimed;
    if (take_baton) slot->claim(chain);
    if (take_baton && slot->direct) continue;
    if (slot->queue.size() >= slot->limit && !take_baton) {
      ++faults_.missed;
      continue;
    }
    try {
      if (!copy) copy = std::make_shared<const OwnedRecord>(record);
      slot->queue.push_back(copy);
    } catch (...) {
      ++faults_.missed;
    }
  }
  return chain;
}

Receivers::Claimed Receivers::claim_waiting() noexcept {
  Slot* chain = nullptr;
  for (const auto& slot : slots_)
    if (!slot->claimed && !slot->removed && !slot->queue.empty()) slot->claim(chain);
  return chain;
}

void Receivers::deliver(Claimed claimed, const LogRecordView* record) noexcept {
  while (claimed != nullptr) {
    Slot& slot = *claimed;
    claimed = slot.next;  // the slot may be gone afterwards
    deliver_one(slot, record);
  }
}

bool Receivers::call(Slot& slot, const LogRecordView& record) noexcept {
  const Receivers* outer = std::exchange(running_, this);
  bool good = true;
  try {
    slot.receiver(record);
  } catch (...) {
    good = false;
  }
  running_ = outer;
  return good;
}

void Receivers::deliver_one(Slot& slot, const LogRecordView* record) noexcept {
  bool good = true;
  if (record != nullptr && slot.direct && !slot.removed) good = call(slot, *record);
  std::unique_ptr<Slot> gone;  // destroyed after the lock, with what the receiver holds
  std::unique_lock lock(mutex_);
  if (!good) ++faults_.threw;
  // Replayed records do not count: they are delivered before add_receiver returns.
  const std::size_t most = share + (slot.limit - max_queued);
  for (std::size_t n = 0; n < most && !slot.removed && !slot.queue.empty(); ++n) {
    const bool was_full = slot.full();
    const SharedRecord next = std::move(slot.queue.front());
    slot.queue.pop_front();
    slot.stuck = false;
    if (was_full && waiting_ != 0) changed_.notify_all();
    lock.unlock();
    good = call(slot, next->view());
    lock.lock();
    if (!good) ++faults_.threw;
  }
  slot.limit = max_queued;
  slot.stuck = false;
  slot.claimed = false;
  if (slot.removed && slot.removers == 0) gone = take(slot.handle);
  if (waiting_ != 0) changed_.notify_all();
}

Receivers::Slot* Receivers::add(std::uint64_t handle, LogCore::Receiver receiver, const std::deque<SharedRecord>& early) {
  auto slot = std::make_unique<Slot>();
  slot->handle = handle;
  slot->receiver = std::move(receiver);
  slot->queue = early;
  slot->limit = max_queued + early.size();
  slots_.push_back(std::move(slot));
  Slot* chain = nullptr;
  slots_.back()->claim(chain);
  return chain;
}

std::unique_ptr<Receivers::Slot> Receivers::take(std::uint64_t handle) {
  const auto it = std::find_if(slots_.begin(), slots_.end(), [handle](const auto& slot) { return slot->handle == handle; });
  std::unique_ptr<Slot> out = std::move(*it);
  slots_.erase(it);
  return out;
}

bool Receivers::remove(std::uint64_t handle, std::int64_t deadline_ns) {
  std::unique_ptr<Slot> gone;  // destroyed after the lock
  std::deque<SharedRecord> unread;
  std::unique_lock lock(mutex_);
  const auto it = std::find_if(slots_.begin(), slots_.end(), [handle](const auto& slot) { return slot->handle == handle; });
  if (it == slots_.end()) return true;
  Slot& slot = **it;
  slot.removed = true;
  unread.swap(slot.queue);
  changed_.notify_all();  // its queue has room
  if (slot.claimed) {
    if (slot.holder == std::this_thread::get_id()) return true;
    ++slot.removers;
    ++waiting_;
    const auto is_free = [&slot] { return !slot.claimed; };
    bool returned = true;
    if (deadline_ns == no_deadline)
      changed_.wait(lock, is_free);
    else
      returned = changed_.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns)), is_free);
    --waiting_;
    --slot.removers;
    if (!returned) return false;  // the holder takes it away
  }
  if (slot.removers == 0) gone = take(handle);
  return true;
}

Receivers::Faults Receivers::take_faults() {
  const bool stuck = std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->full(); });
  Faults out = std::exchange(faults_, {});
  if (stuck && missed_told_) faults_.missed = std::exchange(out.missed, 0);
  missed_told_ = stuck && (missed_told_ || out.missed != 0);
  return out;
}

void Receivers::forget() {
  std::vector<std::unique_ptr<Slot>> gone;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  gone.swap(slots_);
}

}  // namespace tenon::host
