// Who offers what: registering, removing, and freeing what was removed once nobody is inside of it.
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>

#include "base/text.hpp"
#include "refusals.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t looked_at_ns = 500'000;

}  // namespace

/// Nobody can be granted a name below that of another module: that is what to say if the module is known to be there.
std::optional<Error> ServicesCore::foreign(const ServiceSeat& seat, const ServiceName& service) const {
  const std::lock_guard lock(mutex);
  for (const auto& [generation, r] : registration_slots)
    if (r != nullptr && r->seat->module != seat.module && has_prefix(service.name, r->seat->module))
      return service_error(Code::permission_denied,
                           "`" + seat.module + "` may not register the service `" + printable(service.text()) +
                               "`: it belongs to the module `" + r->seat->module + "`, and cannot be granted",
                           "FOREIGN_NAME");
  return std::nullopt;
}

Result<std::uint64_t> Services::add(ServiceSeat& seat, const ServiceOffer& offer) {
  const auto name = parse_service_name(offer.name);
  if (!name) return malformed_name(offer.name);
  if (offer.handle == nullptr)
    return service_error(Code::invalid_argument, "`" + name->text() + "` has no handler: expected a function", "NO_HANDLER");
  if (seat.left.load(std::memory_order_acquire)) return has_left(seat);
  if (auto may = seat.permissions.may_register(*name); !may) {
    const Error refusal = core_->foreign(seat, *name).value_or(may.error());
    if (core_->options.denied) core_->options.denied(seat, offer.name, refusal);
    return refusal;
  }
  const std::string text = name->text();
  ServicesCore& core = *core_;
  const std::lock_guard lock(core.mutex);
  if (seat.left.load(std::memory_order_relaxed) || seat.owner->gate().state() != Gate::State::open) return has_left(seat);
  NamedService* entry = core.directory.find(text);
  if (entry != nullptr) {
    for (const Registration* r : entry->registrations) {
      const ServiceSeat& holder = *r->seat;
      if (&holder == &seat && r->handle == offer.handle && r->data == offer.data) return r->id;
      if (&holder != &seat && holder.module == seat.module && holder.generation < seat.generation) continue;
      return service_error(Code::already_exists,
                           "`" + text + "` is offered by " + whose(holder) + " already: " + whose(seat) +
                               " has to remove that one first, or to choose another name",
                           "TAKEN");
    }
  }
  if (seat.registrations.size() >= core.options.max_registrations)
    return service_error(Code::resource_exhausted,
                         whose(seat) + " offers " + std::to_string(seat.registrations.size()) + " services, no more are taken",
                         "TOO_MANY_SERVICES");

  // All that can fail comes before anything is changed, and taking out again needs no memory.
  auto made = std::make_unique<Registration>();
  Registration& r = *made;
  if (offer.release != nullptr && !offer.release_at_once) r.last = core.make_notice(Notice::Kind::release, seat.shared_from_this());
  make_room(seat.registrations, seat.registrations.size() + 1);
  if (core.free_registrations.empty()) {
    make_room(core.free_registrations, core.registration_slots.size() + 1);
    core.registration_slots.emplace_back(0, nullptr);
    core.free_registrations.push_back(static_cast<std::uint32_t>(core.registration_slots.size() - 1));
  }
  core.directory.make_room_for(core.registration_slots.size() - core.free_registrations.size() + 1);
  if (entry != nullptr)
    make_room(entry->registrations, entry->registrations.size() + 1);
  else
    entry = &core.directory.insert(*name);

  r.handle = offer.handle;
  r.data = offer.data;
  r.release = offer.release;
  r.options = offer.options;
  r.core = &core;
  r.owner = seat.owner;
  r.seat = seat.shared_from_this();
  r.metrics = entry->metrics.get();
  r.strand = seat.strand;
  r.breaker = seat.breaker.get();
  ServicesCore::open_short_way(r);
  r.entry = entry;
  r.seat_place = seat.registrations.size();
  seat.registrations.push_back(&r);
  const std::uint32_t index = core.free_registrations.back();
  core.free_registrations.pop_back();
  auto& slot = core.registration_slots[index];
  if (++slot.first == 0) slot.first = 1;
  slot.second = &r;
  r.id = make_id(slot.first, index);
  ++entry->unfreed;
  ++seat.unfreed;
  entry->registrations.push_back(made.release());
  if (entry->registrations.size() == 1) ServicesCore::retarget(*entry);
  return r.id;
}

Registration* ServicesCore::registration_of(const ServiceSeat& seat, std::uint64_t id) {
  const auto index = static_cast<std::uint32_t>(id);
  if (index >= registration_slots.size()) return nullptr;
  const auto& [generation, r] = registration_slots[index];
  return r != nullptr && generation == id >> 32U && r->seat.get() == &seat ? r : nullptr;
}

/// With the mutex held; again when the owner's reach was moved.
void ServicesCore::open_short_way(Registration& r) {
  if (r.options.offload || r.strand != nullptr || r.breaker != nullptr || r.owner->reach() != Reach::callable) return;
  r.short_handle.store(r.handle, std::memory_order_release);
}

/// Who is reached by the name now, for readers by name and for each handle.
void ServicesCore::retarget(NamedService& entry) {
  Registration* r = entry.registrations.empty() ? nullptr : entry.registrations.front();
  entry.active.store(r, std::memory_order_seq_cst);
  for (HandleSlot* h : entry.handles) {
    const bool seen = r != nullptr && (r->owner->reach() != Reach::hidden || h->caller.load(std::memory_order_relaxed) == r->seat.get());
    h->target.store(seen ? r : nullptr, std::memory_order_seq_cst);
  }
}

void ServicesCore::unlink(Registration& r) {
  r.closing.store(true, std::memory_order_relaxed);
  NamedService& entry = *r.entry;
  std::erase(entry.registrations, &r);
  retarget(entry);
  std::vector<Registration*>& of_seat = r.seat->registrations;
  of_seat[r.seat_place] = of_seat.back();
  of_seat[r.seat_place]->seat_place = r.seat_place;
  of_seat.pop_back();
  const auto index = static_cast<std::uint32_t>(r.id);
  registration_slots[index].second = nullptr;
  free_registrations.push_back(index);
  directory.retire(r);
  if (entry.registrations.empty() && entry.handles.empty()) directory.erase(entry);
}

void ServicesCore::reclaim() noexcept {
  try {
    reclaim_now();
  } catch (const std::bad_alloc&) {
    wake_keeper();
  }
}

/// Throws std::bad_alloc, and then nothing has changed.
void ServicesCore::reclaim_now() {
  std::uint64_t covered = 0;
  {
    const std::lock_guard lock(mutex);
    if (!directory.has_retired()) return;
    covered = directory.epoch();
  }
  frames_barrier();
  std::vector<Registration*> gone;
  bool more = false;
  {
    const std::lock_guard lock(mutex);
    gone = directory.collect(covered);
    more = directory.has_retired();
  }
  for (Registration* r : gone) {
    if (r->removal) r->removal->collected.store(true, std::memory_order_relaxed);
    if (r->last == nullptr) {
      if (r->release != nullptr) r->release(r->data);
      continue;
    }
    r->last->release = r->release;
    r->last->data = r->data;
    r->last->removal = r->removal;
    post(r->last);
  }
  if (!gone.empty()) {
    const std::lock_guard lock(mutex);
    for (Registration* r : gone) {
      --r->seat->unfreed;
      if (r->removal && r->last == nullptr) r->removal->finish();
    }
    freed.notify_all();
  }
  for (Registration* r : gone) delete r;
  if (more) wake_keeper();
}

void ServicesCore::wake_keeper() {
  const std::lock_guard lock(calls_mutex);
  if (reclaim_soon) return;
  reclaim_soon = true;
  keeper_wakes.notify_one();
}

void ServicesCore::keep() {
  prctl(PR_SET_NAME, "tenon-services");
  constexpr std::int64_t pause_ns = 2'000'000;
  std::int64_t reclaim_at = 0;
  std::unique_lock lock(calls_mutex);
  while (!stopping) {
    const std::int64_t now = monotonic_ns();
    if (!deadlines.empty() && deadlines.begin()->first <= now) {
      lock.unlock();
      run_deadlines(now);
      lock.lock();
      continue;
    }
    if (reclaim_soon && now >= reclaim_at) {
      reclaim_soon = false;
      reclaim_at = now + pause_ns;  // whoever is still inside something removed is looked at again then
      lock.unlock();
      retry_parked();
      reclaim();
      lock.lock();
      continue;
    }
    std::int64_t until = now + 3'600'000'000'000;
    if (!deadlines.empty()) until = std::min(until, deadlines.begin()->first);
    if (reclaim_soon) until = std::min(until, reclaim_at);
    keeper_wakes.wait_for(lock, Nanos(until - now));
  }
}

Code Services::remove(ServiceSeat& seat, std::uint64_t id) {
  {
    const std::lock_guard lock(core_->mutex);
    Registration* r = core_->registration_of(seat, id);
    if (r == nullptr) return Code::not_found;
    core_->unlink(*r);
  }
  core_->reclaim();
  return Code::ok;
}

Code Services::remove_wait(ServiceSeat& seat, std::uint64_t id, std::int64_t deadline_ns) {
  const auto removal = std::make_shared<Removal>();
  {
    const std::lock_guard lock(core_->mutex);
    Registration* r = core_->registration_of(seat, id);
    if (r == nullptr) return Code::not_found;
    const ThreadFrames& thread = this_thread_frames();
    const std::uint32_t depth = thread.depth.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < depth; ++i)
      if (thread.frames[i].target.load(std::memory_order_relaxed) == reinterpret_cast<std::uintptr_t>(r)) return Code::failed_precondition;
    r->removal = removal;
    core_->unlink(*r);
  }
  core_->reclaim();
  const Blocking blocking;
  // Most calls are short: those inside are looked at again at once, before that is left to the keeper and its pauses.
  for (const std::int64_t until = std::min(deadline_ns, monotonic_ns() + looked_at_ns);
       !removal->collected.load(std::memory_order_relaxed) && monotonic_ns() < until; core_->reclaim())
    sched_yield();
  std::unique_lock lock(removal->mutex);
  while (!removal->over) {
    const std::int64_t left = deadline_ns - monotonic_ns();
    if (left <= 0) return Code::deadline_exceeded;
    removal->changed.wait_for(lock, Nanos(std::min<std::int64_t>(left, 3'600'000'000'000)));
  }
  return Code::ok;
}

}  // namespace tenon::host
