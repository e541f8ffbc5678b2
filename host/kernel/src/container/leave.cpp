// An owner leaves: its scopes end, what it offers is disposed of, youngest first, once nobody else holds it, and what it held is given back.
#include <algorithm>

#include "core.hpp"

namespace tenon::host {

/// With the lock.
std::vector<LeaseHolder> ContainerCore::holders(const ContainerSeat& provider) const {
  std::map<std::pair<const ContainerSeat*, const Provision*>, std::size_t> counts;
  for (const auto& seat : seats) {
    if (seat.get() == &provider) continue;
    seat->slots.for_each([&](const LeaseSlot& slot) {
      const Product* product = slot.product.load(std::memory_order_seq_cst);
      if (product != nullptr && product->provision->seat == &provider) ++counts[{seat.get(), product->provision}];
    });
  }
  for (const auto& [made, product] : provider.products)
    if (product->scope != nullptr && product->scope->seat != &provider) ++counts[{product->scope->seat, product->provision}];
  std::vector<LeaseHolder> out;
  for (const auto& [who, count] : counts)
    out.push_back({who.first->module, who.first->generation, who.second->text, count, !who.first->departed && who.first->owner->wedged()});
  std::sort(out.begin(), out.end(), [](const LeaseHolder& a, const LeaseHolder& b) {
    return std::tie(a.module, a.generation, a.token) < std::tie(b.module, b.generation, b.token);
  });
  return out;
}

/// With the lock.
bool ContainerCore::is_running(const ContainerSeat& seat) {
  return seat.busy != 0 || !seat.due.empty() ||
         std::any_of(seat.provisions.begin(), seat.provisions.end(), [](const auto& p) { return p.second->builds != 0; });
}

bool ContainerCore::leave(ContainerSeat& seat, std::int64_t deadline_ns) {
  Lock lock(mutex);
  seat.left.store(true, std::memory_order_seq_cst);
  end_scopes_of(lock, seat);
  for (const auto& [id, p] : seat.provisions)
    if (!p->closing) unlink(*p);
  epochs.wait();
  free_gone();
  for (const auto& b : builds)
    if (b->provision->seat == &seat) b->call.cancel();
  const Blocking blocking;
  for (;;) {
    run_due(lock, seat, deadline_ns);
    if (!is_running(seat)) return true;
    const std::int64_t now = monotonic_ns();
    if (now >= deadline_ns) return false;
    changed.wait_for(lock, Nanos(std::min<std::int64_t>(1'000'000, deadline_ns - now)));
  }
}

/// With the lock: the youngest instance is due if nobody else holds it; one that is older may stand under it.
bool ContainerCore::queue_youngest(ContainerSeat& seat) {
  if (seat.products.empty()) return false;
  Product& last = *seat.products.rbegin()->second;
  if (last.disposing || last.scope != nullptr) return false;
  std::unordered_map<const Product*, std::vector<ContainerSeat*>> held;
  pinned(held);
  const std::vector<ContainerSeat*>& by = held[&last];
  if (std::any_of(by.begin(), by.end(), [&](const ContainerSeat* s) { return s != &seat; })) return false;
  if (!by.empty())
    seat.slots.for_each([&](LeaseSlot& slot) {  // its own leases of it
      const std::uint64_t id = slot.id.load(std::memory_order_relaxed);
      std::uint64_t expected = id;
      if (id == 0 || slot.product.load(std::memory_order_relaxed) != &last) return;
      if (!slot.id.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) return;
      if (last.lease == id) last.lease = 0;
      static_cast<void>(end_lease(seat, slot, id));
    });
  last.disposing = true;
  put_due(seat, last.due, {&last, last.provision});
  return true;
}

Container::Finished ContainerCore::finish(ContainerSeat& seat, std::int64_t deadline_ns) {
  Container::Finished out;
  Lock lock(mutex);
  seat.finishing.store(true, std::memory_order_relaxed);
  const Blocking blocking;
  for (;;) {
    for (const auto& [id, p] : seat.provisions) release_if_over(*p);
    run_due(lock, seat, deadline_ns);
    if (seat.due.empty() && queue_youngest(seat)) continue;
    if (seat.provisions.empty() && seat.busy == 0) break;
    const bool running = is_running(seat);
    out.holders = holders(seat);
    const bool all_wedged =
        !out.holders.empty() && std::all_of(out.holders.begin(), out.holders.end(), [](const LeaseHolder& h) { return h.wedged; });
    const std::int64_t now = monotonic_ns();
    if (now >= deadline_ns || (all_wedged && !running)) {
      // Nobody holds anything, and yet something is there: it ends with a scope whose end is under way.
      out.quiet = !running && (seat.provisions.empty() || !out.holders.empty());
      return out;
    }
    changed.wait_for(lock, Nanos(std::min<std::int64_t>(1'000'000, deadline_ns - now)));
  }
  out.holders.clear();
  epochs.wait();
  free_gone();
  return out;
}

void ContainerCore::depart(ContainerSeat& seat) {
  const auto keep = seat.shared_from_this();
  Lock lock(mutex);
  seat.left.store(true, std::memory_order_seq_cst);
  end_scopes_of(lock, seat);
  epochs.wait();  // who acquired before has its lease now
  seat.departed = true;
  bool awaited = false;
  seat.slots.for_each([&](LeaseSlot& slot) {
    std::uint64_t id = slot.id.load(std::memory_order_relaxed);
    const std::uint64_t had = id;
    if (id != 0 && slot.id.compare_exchange_strong(id, 0, std::memory_order_acq_rel)) awaited |= end_lease(seat, slot, had);
  });
  if (awaited) collect(lock);
  if (seat.provisions.empty()) seats.remove(keep);
  changed.notify_all();
}

bool Container::leave(ContainerSeat& seat, std::int64_t deadline_ns) { return core_->leave(seat, deadline_ns); }
Container::Finished Container::finish(ContainerSeat& seat, std::int64_t deadline_ns) { return core_->finish(seat, deadline_ns); }
void Container::depart(ContainerSeat& seat) { core_->depart(seat); }

std::vector<LeaseHolder> Container::holders(const ContainerSeat& provider) const {
  const std::lock_guard lock(core_->mutex);
  return core_->holders(provider);
}

}  // namespace tenon::host
