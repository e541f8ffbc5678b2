// The end of a seat: what it offered, what it was to answer, what it waits for.
#include <algorithm>

#include "refusals.hpp"

namespace tenon::host {

/// Everything `seat` was to answer, and everything it waits for.
void ServicesCore::end_calls(ServiceSeat& seat, Services::Left& out) {
  for (const auto& record : records_of(seat)) {
    if (record->provider.get() == &seat) {
      const bool was_open = settle(*record, Code::unavailable,
                                   worded(Code::unavailable, "LEAVING",
                                          [&] { return "`" + seat.module + "` left before it had answered `" + record->service + "`"; }),
                                   nullptr);
      if (was_open) ++out.answered;
      ask_to_end(record, true);
      provider_left(record);
    } else {
      bool asynchronous = false;
      {
        const std::lock_guard lock(record->mutex);
        asynchronous = record->done != nullptr && !record->answered;
      }
      if (asynchronous) ++out.cancelled;
      give_up(record, Code::cancelled, worded(Code::cancelled, "LEAVING", [&] {
                return "`" + seat.module + "` left before `" + record->service + "` was answered";
              }));
    }
  }
}

Services::Left Services::leave(ServiceSeat& seat, std::int64_t deadline_ns) {
  ServicesCore& core = *core_;
  Left out;
  {
    const std::lock_guard lock(core.mutex);
    seat.left.store(true, std::memory_order_seq_cst);
    while (!seat.registrations.empty()) core.unlink(*seat.registrations.back());
    while (!seat.handles.empty()) core.drop_handle(seat, *seat.handles.back());
  }
  // Whoever is inside comes out; the callbacks that are due are made here.
  std::int64_t pause_ns = 20'000;
  for (;;) {
    core.end_calls(seat, out);  // again: one that was being made may have come meanwhile
    core.reclaim();
    bool free = false;
    {
      const std::lock_guard lock(core.mutex);
      free = seat.unfreed == 0;
    }
    const bool all = core.deliver_rest(seat, deadline_ns);
    if (free && all) return out;
    const std::int64_t now = monotonic_ns();
    if (now >= deadline_ns) break;
    std::unique_lock lock(core.mutex);
    core.freed.wait_for(lock, Nanos(std::min(pause_ns, deadline_ns - now)));
    pause_ns = std::min<std::int64_t>(pause_ns * 2, 1'000'000);
  }
  out.quiet = false;
  return out;
}

}  // namespace tenon::host
