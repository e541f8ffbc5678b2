// Who offers what: registrations, handles, shadows, and an owner's end.
#include "kernel/services.hpp"

#include <sys/prctl.h>

#include <algorithm>

#include "base/text.hpp"
#include "core.hpp"

namespace tenon::host {
namespace {

std::uint64_t make_id(std::uint32_t generation, std::uint32_t index) { return (std::uint64_t{generation} << 32U) | index; }

Error malformed(std::string_view name) {
  return service_error(
      Code::invalid_argument,
      "`" + printable(name, 300) +
          "` is no name of a service: words of letters, digits, `_` and `-` joined by dots, at most 255 bytes, and `/2` or "
          "higher behind it for another major",
      "BAD_NAME");
}

Error has_left(const ServiceSeat& seat) {
  return service_error(Code::unavailable, "`" + seat.module + "` is leaving: it neither offers nor calls services any more", "LEAVING");
}

std::string whose(const ServiceSeat& seat) { return "`" + seat.module + "` (generation " + std::to_string(seat.generation) + ")"; }

}  // namespace

const std::string& seat_module(const ServiceSeat& seat) { return seat.module; }
std::uint64_t seat_generation(const ServiceSeat& seat) { return seat.generation; }

Services::Services(WorkerPool& pool, Options options) : core_(std::make_shared<ServicesCore>(pool, std::move(options))) {
  core_->keeper = std::thread([core = core_.get()] { core->keep(); });
}

Services::Services(WorkerPool& pool) : Services(pool, Options{}) {}

Services::~Services() {
  {
    const std::lock_guard lock(core_->calls_mutex);
    core_->stopping = true;
    core_->keeper_wakes.notify_all();
  }
  core_->keeper.join();
  core_->reclaim();
  // Records point back here.
  std::vector<std::pair<std::uint32_t, std::shared_ptr<CallRecord>>> rest;
  const std::lock_guard lock(core_->calls_mutex);
  rest.swap(core_->call_slots);
}

std::shared_ptr<ServiceSeat> Services::join(Owner& owner, Permissions permissions, const SeatOptions& options) {
  return std::make_shared<ServiceSeat>(owner, std::move(permissions), options, core_->options.now);
}

// ---- offering

Result<std::uint64_t> Services::add(ServiceSeat& seat, const ServiceOffer& offer) {
  const auto name = parse_service_name(offer.name);
  if (!name) return malformed(offer.name);
  if (offer.handle == nullptr)
    return service_error(Code::invalid_argument, "`" + name->text() + "` has no handler: expected a function", "NO_HANDLER");
  if (seat.left.load(std::memory_order_acquire)) return has_left(seat);
  if (auto may = seat.permissions.may_register(*name); !may) {
    if (core_->options.denied) core_->options.denied(seat, may.error());
    return may.error();
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
  if (entry == nullptr) entry = &core.directory.insert(*name);

  auto made = std::make_unique<Registration>();
  Registration& r = *made;
  r.handle = offer.handle;
  r.data = offer.data;
  r.release = offer.release;
  r.options = offer.options;
  r.owner = seat.owner;
  r.seat = seat.shared_from_this();
  r.metrics = entry->metrics.get();
  r.strand = seat.strand;
  r.breaker = seat.breaker.get();
  r.plain = !offer.options.offload && r.strand == nullptr && r.breaker == nullptr;
  r.entry = entry;
  r.seat_place = seat.registrations.size();
  seat.registrations.push_back(&r);
  if (core.free_registrations.empty()) {
    core.free_registrations.push_back(static_cast<std::uint32_t>(core.registration_slots.size()));
    core.registration_slots.emplace_back(0, nullptr);
  }
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

void ServicesCore::reclaim() {
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
  for (Registration* r : gone) post_release(*r);
  if (!gone.empty()) {
    const std::lock_guard lock(mutex);
    for (Registration* r : gone) {
      --r->seat->unfreed;
      if (r->removal && r->release == nullptr) r->removal->finish();
    }
    freed.notify_all();
  }
  for (Registration* r : gone) delete r;
  if (more) wake_keeper();
}

void ServicesCore::post_release(Registration& r) {
  if (r.release == nullptr) return;
  auto notice = std::make_shared<Notice>();
  notice->kind = Notice::Kind::release;
  notice->core = shared_from_this();
  notice->seat = r.seat;
  notice->release = r.release;
  notice->data = r.data;
  notice->removal = r.removal;
  post(notice);
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
  std::unique_lock lock(removal->mutex);
  while (!removal->over) {
    const std::int64_t left = deadline_ns - monotonic_ns();
    if (left <= 0) return Code::deadline_exceeded;
    removal->changed.wait_for(lock, Nanos(std::min<std::int64_t>(left, 3'600'000'000'000)));
  }
  return Code::ok;
}

// ---- handles

bool Services::has(const ServiceSeat& seat, std::string_view name) const {
  const auto parsed = parse_service_name(name);
  if (!parsed) return false;
  const std::lock_guard lock(core_->mutex);
  const NamedService* entry = core_->directory.find(parsed->text());
  if (entry == nullptr || entry->registrations.empty()) return false;
  const Registration& r = *entry->registrations.front();
  return r.seat.get() == &seat || r.owner->reach() != Reach::hidden;
}

Result<std::uint64_t> Services::resolve(ServiceSeat& seat, std::string_view name) {
  const auto parsed = parse_service_name(name);
  if (!parsed) return malformed(name);
  if (seat.left.load(std::memory_order_acquire)) return has_left(seat);
  if (auto may = seat.permissions.may_call(*parsed); !may) {
    if (core_->options.denied) core_->options.denied(seat, may.error());
    return may.error();
  }
  const std::string text = parsed->text();
  std::shared_ptr<ServiceSeat> deprecated;
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(core_->mutex);
    if (seat.left.load(std::memory_order_relaxed)) return has_left(seat);
    NamedService* entry = core_->directory.find(text);
    const Registration* r = entry == nullptr || entry->registrations.empty() ? nullptr : entry->registrations.front();
    if (r == nullptr || (r->owner->reach() == Reach::hidden && r->seat.get() != &seat))
      return service_error(Code::not_found, "no module offers `" + text + "`", "NO_SERVICE");
    HandleSlot* slot = seat.handles.size() < core_->options.max_handles ? core_->handles.take() : nullptr;
    if (slot == nullptr)
      return service_error(
          Code::resource_exhausted,
          whose(seat) + " has " + std::to_string(seat.handles.size()) + " handles of services, no more are given: release what is not used",
          "TOO_MANY_HANDLES");
    slot->entry = entry;
    slot->entry_place = entry->handles.size();
    entry->handles.push_back(slot);
    slot->seat_place = seat.handles.size();
    seat.handles.push_back(slot);
    slot->caller.store(&seat, std::memory_order_relaxed);
    id = make_id(slot->generation, slot->index);
    slot->id.store(id, std::memory_order_seq_cst);
    ServicesCore::retarget(*entry);
    if (r->options.deprecated) deprecated = r->seat;
  }
  if (deprecated) core_->tell_deprecated(seat, deprecated, text);
  return id;
}

/// With the mutex held.
void ServicesCore::drop_handle(ServiceSeat& seat, HandleSlot& slot) {
  const auto take_out = [&slot](std::vector<HandleSlot*>& list, std::size_t HandleSlot::*place) {
    HandleSlot* last = list.back();
    list[slot.*place] = last;
    last->*place = slot.*place;
    list.pop_back();
  };
  NamedService& entry = *slot.entry;
  take_out(entry.handles, &HandleSlot::entry_place);
  take_out(seat.handles, &HandleSlot::seat_place);
  handles.give_back(slot);
  if (entry.registrations.empty() && entry.handles.empty()) directory.erase(entry);
}

Code Services::release_handle(ServiceSeat& seat, std::uint64_t handle) {
  HandleSlot* slot = core_->handles.find(handle);
  bool retired = false;
  {
    const std::lock_guard lock(core_->mutex);
    if (slot == nullptr || slot->id.load(std::memory_order_relaxed) != handle || handle == 0 ||
        slot->caller.load(std::memory_order_relaxed) != &seat)
      return Code::not_found;
    core_->drop_handle(seat, *slot);
    retired = core_->directory.has_retired();
  }
  if (retired) core_->wake_keeper();
  return Code::ok;
}

// ---- the host

void Services::owner_reach_changed(ServiceSeat& seat) {
  const std::lock_guard lock(core_->mutex);
  for (Registration* r : seat.registrations) ServicesCore::retarget(*r->entry);
}

void Services::promote(ServiceSeat& seat) {
  const std::lock_guard lock(core_->mutex);
  for (Registration* r : seat.registrations) {
    std::vector<Registration*>& list = r->entry->registrations;
    const auto at = std::find(list.begin(), list.end(), r);
    std::rotate(list.begin(), at, at + 1);
    ServicesCore::retarget(*r->entry);
  }
}

void Services::drain(ServiceSeat& seat) {
  for (const auto& record : core_->records_of(seat))
    if (record->provider.get() == &seat) core_->ask_to_end(record, false);
}

/// Everything `seat` was to answer, and everything it waits for.
void ServicesCore::end_calls(ServiceSeat& seat, Services::Left& out) {
  for (const auto& record : records_of(seat)) {
    if (record->provider.get() == &seat) {
      const bool was_open =
          settle(*record, Code::unavailable,
                 service_error(Code::unavailable, "`" + seat.module + "` left before it had answered `" + record->service + "`", "LEAVING"),
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
      give_up(record, Code::cancelled,
              service_error(Code::cancelled, "`" + seat.module + "` left before `" + record->service + "` was answered", "LEAVING"));
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

std::vector<ServiceMetrics> Services::metrics() const {
  std::vector<ServiceMetrics> out;
  const std::lock_guard lock(core_->mutex);
  for (const NamedService* entry : core_->directory.entries()) {
    ServiceMetrics m;
    m.service = entry->text;
    if (!entry->registrations.empty()) m.provider = entry->registrations.front()->seat->module;
    entry->metrics->read(m);
    out.push_back(std::move(m));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.service < b.service; });
  return out;
}

}  // namespace tenon::host
