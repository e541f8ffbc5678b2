// From a handle or a name to what is registered, pinned.
#include "base/text.hpp"
#include "refusals.hpp"

namespace tenon::host {

Code ServicesCore::pin(ServiceSeat& seat, std::uint64_t handle, Pinned& out, Error& error) {
  if (out.too_deep()) return too_deep(error);
  HandleSlot* slot = &handles.find(handle);
  if (handle == 0) return stale_handle(error);
  Registration* r = nullptr;
  do {
    r = static_cast<Registration*>(slot->target.load(std::memory_order_seq_cst));
    out.announce(r);
  } while (slot->target.load(std::memory_order_seq_cst) != r);
  if (slot->id.load(std::memory_order_seq_cst) != handle || slot->caller.load(std::memory_order_relaxed) != &seat) [[unlikely]]
    return stale_handle(error);
  if (r == nullptr) [[unlikely]] {
    const std::lock_guard lock(mutex);
    const bool stale = slot->id.load(std::memory_order_relaxed) != handle;
    return stale ? stale_handle(error) : nobody_offers(error, slot->entry->text);
  }
  out.core = this;
  out.registration = r;
  return Code::ok;
}

Code ServicesCore::pin_name(ServiceSeat& seat, std::string_view name, Pinned& out, Error& error, bool canonical) {
  out.announce(directory.reading());
  NamedService* entry = directory.find(name);
  if (entry == nullptr) {
    out.drop();
    const auto parsed = parse_service_name(name);
    if (!parsed)
      return fail(error, Code::invalid_argument, "BAD_NAME", [&] {
        return "`" + printable(name, 300) + "` is no name of a service: expected words joined by dots, as in `orders.create`";
      });
    // "orders.create/1" is "orders.create".
    if (const std::string text = parsed->text(); !canonical && text != name) return pin_name(seat, text, out, error, true);
    if (auto may = seat.permissions.may_call(*parsed); !may) {
      error = may.error();
      if (options.denied) options.denied(seat, name, error);
      return error.code;
    }
    return nobody_offers(error, name);
  }
  std::atomic<std::uint64_t>& known = seat.permitted[entry->serial % seat.permitted.size()];
  if (known.load(std::memory_order_relaxed) != entry->serial) {
    if (auto may = seat.permissions.may_call(entry->name); !may) [[unlikely]] {
      out.drop();
      error = may.error();
      if (options.denied) options.denied(seat, name, error);
      return error.code;
    }
    known.store(entry->serial, std::memory_order_relaxed);
  }
  Registration* r = entry->active.load(std::memory_order_seq_cst);
  if (r == nullptr || (r->owner->reach() == Reach::hidden && r->seat.get() != &seat)) [[unlikely]]
    return nobody_offers(error, name);
  out.announce(r);
  out.core = this;
  out.registration = r;
  return Code::ok;
}

Code ServicesCore::pin(ServiceSeat& seat, std::string_view name, Pinned& out, Error& error) {
  if (out.too_deep()) return too_deep(error);
  if (seat.left.load(std::memory_order_acquire)) [[unlikely]]
    return fail(error, Code::unavailable, "LEAVING", [&] { return "`" + seat.module + "` has left: it calls no services any more"; });
  for (;;) {
    if (const Code code = pin_name(seat, name, out, error, false); code != Code::ok) return code;
    if (!out.registration->options.deprecated) [[likely]]
      return Code::ok;
    const std::shared_ptr<ServiceSeat> provider = out.registration->seat;
    const std::string service = out.registration->entry->text;
    {
      const std::lock_guard lock(seat.mutex);
      if (seat.told.count(service) != 0) return Code::ok;
    }
    out.drop();  // nothing is pinned while others' code runs on this thread
    tell_deprecated(seat, provider, service);
  }
}

void ServicesCore::tell_deprecated(ServiceSeat& caller, const std::shared_ptr<ServiceSeat>& provider, std::string_view service) {
  {
    const std::lock_guard lock(caller.mutex);
    if (!caller.told.emplace(service).second) return;
  }
  if (options.deprecated) options.deprecated(caller, *provider, service);
}

const ServiceTarget* ShortCall::announce_known(const ServiceLane& lane, std::string_view name, std::atomic<std::uintptr_t>& target) {
  const ServiceSeat& seat = *lane.seat;
  const Directory& directory = lane.core->directory;
  if (seat.left.load(std::memory_order_acquire)) [[unlikely]]
    return nullptr;
  announce(target, directory.reading());
  const NamedService* entry = directory.find(name);
  if (entry == nullptr || seat.permitted[entry->serial % seat.permitted.size()].load(std::memory_order_relaxed) != entry->serial)
      [[unlikely]]
    return nullptr;
  const Registration* r = entry->active.load(std::memory_order_seq_cst);
  if (r == nullptr || r->options.deprecated) [[unlikely]]
    return nullptr;
  announce(target, reinterpret_cast<std::uintptr_t>(static_cast<const ServiceTarget*>(r)));
  return r;
}

}  // namespace tenon::host
