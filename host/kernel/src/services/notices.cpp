// Callbacks that are due: completions, ends of deferred calls, releases. A notice stands in the list of its seat until somebody takes it out to deliver
// it; so it is delivered once, however many may try.
#include <algorithm>

#include "core.hpp"

namespace tenon::host {

std::shared_ptr<Notice> ServicesCore::make_notice(Notice::Kind kind, std::shared_ptr<ServiceSeat> seat) {
  auto notice = std::make_shared<Notice>();
  notice->kind = kind;
  notice->core = shared_from_this();
  notice->seat = std::move(seat);
  return notice;
}

void ServicesCore::post(const std::shared_ptr<Notice>& notice) noexcept {
  ServiceSeat& seat = *notice->seat;
  {
    const std::lock_guard lock(seat.mutex);
    notice->node.front() = notice;
    notice->place = notice->node.begin();
    seat.notices.splice(seat.notices.end(), notice->node);
    if (seat.left.load(std::memory_order_seq_cst)) return;  // `leave` looks for it; the owner may not be touched
    ++seat.busy;                                            // and waits for this
  }
  hand_over(notice);
}

void ServicesCore::hand_over(const std::shared_ptr<Notice>& notice) noexcept {
  ServiceSeat& seat = *notice->seat;
  notice->of_job = notice;
  Job job;
  job.data = notice.get();
  job.limit = Gate::State::draining;
  job.notification = true;
  job.no_hurry = notice->kind == Notice::Kind::release && notice->removal == nullptr;  // somebody waits for what has a removal
  job.run = [](void* d) noexcept { deliver_on_worker(static_cast<Notice*>(d)->of_job); };
  job.end = [](void* d, JobEnd) noexcept { const std::shared_ptr<Notice> mine = std::move(static_cast<Notice*>(d)->of_job); };
  bool later = false;
  try {
    // Refused: the owner is leaving, and `leave` delivers it.
    if (!pool.post(*seat.owner, job)) notice->of_job = nullptr;
  } catch (const std::bad_alloc&) {
    notice->of_job = nullptr;
    later = true;
  }
  {
    const std::lock_guard lock(seat.mutex);
    --seat.busy;
    seat.changed.notify_all();
  }
  if (!later) return;
  {
    const std::lock_guard lock(calls_mutex);
    notice->parked_node.front() = notice;
    parked.splice(parked.end(), notice->parked_node);
  }
  wake_keeper();
}

/// What the pool had no memory for.
void ServicesCore::retry_parked() noexcept {
  std::list<std::shared_ptr<Notice>> again;
  {
    const std::lock_guard lock(calls_mutex);
    again.swap(parked);
  }
  while (!again.empty()) {
    const std::shared_ptr<Notice> notice = std::move(again.front());
    notice->parked_node.splice(notice->parked_node.end(), again, again.begin());
    ServiceSeat& seat = *notice->seat;
    {
      const std::lock_guard lock(seat.mutex);
      if (seat.left.load(std::memory_order_relaxed) || notice->place == seat.notices.end()) continue;
      ++seat.busy;
    }
    hand_over(notice);
  }
}

void ServicesCore::deliver_on_worker(const std::shared_ptr<Notice>& notice) {
  ServiceSeat& seat = *notice->seat;
  const auto give_back = [&seat] {
    const std::lock_guard lock(seat.mutex);
    --seat.busy;
    seat.changed.notify_all();
  };
  {
    const std::lock_guard lock(seat.mutex);
    if (seat.left.load(std::memory_order_relaxed) || notice->place == seat.notices.end()) return;
    ++seat.busy;  // `leave` waits for this, and so for the strand's use
  }
  Strand* strand = notice->kind == Notice::Kind::release ? nullptr : seat.strand;
  if (strand != nullptr && !strand->try_enter()) {
    const Blocking blocking(Blocking::On::turn);
    while (!strand->enter(monotonic_ns() + 5'000'000))
      if (seat.left.load(std::memory_order_relaxed)) return give_back();
  }
  bool mine = false;
  {
    const std::lock_guard lock(seat.mutex);
    mine = notice->place != seat.notices.end();
    if (mine) seat.notices.erase(std::exchange(notice->place, seat.notices.end()));
  }
  if (mine) deliver(*notice);
  if (strand != nullptr) strand->leave();
  give_back();
}

bool ServicesCore::deliver_rest(ServiceSeat& seat, std::int64_t deadline_ns) {
  std::unique_lock lock(seat.mutex);
  while (seat.busy != 0) {
    const std::int64_t left = deadline_ns - monotonic_ns();
    if (left <= 0) return false;
    seat.changed.wait_for(lock, Nanos(std::min<std::int64_t>(left, 3'600'000'000'000)));
  }
  if (seat.notices.empty()) return seat.open_calls == 0;
  lock.unlock();
  if (seat.strand != nullptr && !seat.strand->enter(deadline_ns)) return false;
  lock.lock();
  while (!seat.notices.empty()) {
    const std::shared_ptr<Notice> notice = seat.notices.front();
    seat.notices.erase(std::exchange(notice->place, seat.notices.end()));
    lock.unlock();
    deliver(*notice);
    lock.lock();
  }
  lock.unlock();
  if (seat.strand != nullptr) seat.strand->leave();
  return false;  // who asked looks again
}

void ServicesCore::deliver(Notice& notice) {
  ServiceSeat& seat = *notice.seat;
  CallRecord* record = notice.record.get();
  if (!seat.owner->wedged()) {
    // Closed is let in too: in `leave` this is the last that ever comes.
    const ThreadTag tag = notice.kind == Notice::Kind::ended ? ThreadTag::other : ThreadTag::worker;  // on_cancel is [any]
    const GateEntry entry(*seat.owner, Phase::run, tag, nullptr, Gate::State::closed);
    try {
      switch (notice.kind) {
        case Notice::Kind::done:
          record->done(record->done_data, record->id, record->code, record->reply, record->error);
          break;
        case Notice::Kind::ended:
          notice.ended(notice.data, notice.why);
          break;
        case Notice::Kind::release:
          notice.release(notice.data);
          break;
      }
    } catch (...) {  // nobody could be told: a callback without an answer
    }
  }
  if (notice.kind == Notice::Kind::done) {
    {
      const std::lock_guard lock(record->mutex);
      record->caller_done = true;
      record->reply.clear();
    }
    {
      const std::lock_guard lock(seat.mutex);
      --seat.open_calls;
    }
    notice.core->forget_if_over(*record);
  }
  if (notice.removal) notice.removal->finish();
}

}  // namespace tenon::host
