// Handles: names looked up once.
#include "refusals.hpp"

namespace tenon::host {

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
  if (!parsed) return malformed_name(name);
  if (seat.left.load(std::memory_order_acquire)) return has_left(seat);
  if (auto may = seat.permissions.may_call(*parsed); !may) {
    if (core_->options.denied) core_->options.denied(seat, name, may.error());
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
    make_room(seat.handles, seat.handles.size() + 1);
    make_room(entry->handles, entry->handles.size() + 1);
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
  try {
    if (deprecated) core_->tell_deprecated(seat, deprecated, text);
  } catch (const std::bad_alloc&) {  // it is told at the first call
  }
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
  HandleSlot* slot = &core_->handles.find(handle);
  bool retired = false;
  {
    const std::lock_guard lock(core_->mutex);
    if (slot->id.load(std::memory_order_relaxed) != handle || handle == 0 || slot->caller.load(std::memory_order_relaxed) != &seat)
      return Code::not_found;
    core_->drop_handle(seat, *slot);
    retired = core_->directory.has_retired();
  }
  if (retired) core_->wake_keeper();
  return Code::ok;
}

}  // namespace tenon::host
