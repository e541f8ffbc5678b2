// Leases: acquiring and releasing. `Container::acquire` and `Container::release` are the way without a lock; what they cannot do, the core does.
#include <algorithm>

#include "base/text.hpp"
#include "core.hpp"

namespace tenon::host {
namespace {

std::uint64_t begin(LeaseSlot& slot, Product& product) {
  if (++slot.generation == 0) slot.generation = 1;
  const std::uint64_t id = (std::uint64_t{slot.generation} << 32U) | slot.index;
  slot.product.store(&product, std::memory_order_release);
  slot.id.store(id, std::memory_order_release);
  return id;
}

}  // namespace

bool ContainerCore::requires_module(const ContainerSeat& seat, const std::string& module) {
  return module == seat.module || std::find(seat.required.begin(), seat.required.end(), module) != seat.required.end();
}

/// What can be said without a lock, and has no reason given: true if nothing speaks against it.
inline bool ContainerCore::may_use(ContainerSeat& seat, const Provision& p) {
  if (p.seat == &seat) return true;
  if (p.owner->reach() != Reach::callable || p.owner->wedged() || p.owner->gate().state() != Gate::State::open) return false;
  std::atomic<std::uint64_t>& known = seat.permitted[p.serial % seat.permitted.size()];
  if (known.load(std::memory_order_relaxed) == p.serial) return true;
  if (!requires_module(seat, p.seat->module)) return false;
  known.store(p.serial, std::memory_order_relaxed);
  return true;
}

bool Container::acquire_ready(ContainerSeat& seat, const Token& token, std::uint64_t scope, Leased& out) {
  if (scope != 0) return false;
  const ContainerCore& core = *core_;
  const Reading reading(core.epochs);
  if (!reading || seat.left.load(std::memory_order_seq_cst)) return false;
  const TokenEntry* entry = core.tokens.find(token.name, token.key);
  if (entry == nullptr || entry->shadowed.load(std::memory_order_seq_cst)) return false;
  const Provision* p = entry->active.load(std::memory_order_seq_cst);
  Product* product = p == nullptr ? nullptr : p->ready.load(std::memory_order_acquire);
  if (product == nullptr || product->table_size < token.min_size || !ContainerCore::may_use(seat, *p)) return false;
  LeaseSlot* slot = seat.slots.take(reading.thread());
  if (slot == nullptr) return false;
  out.instance = product->instance;
  out.id = begin(*slot, *product);
  return true;
}

Code Container::acquire(ContainerSeat& seat, const Token& token, std::uint64_t scope, Leased& out, Error& error) {
  return acquire_ready(seat, token, scope, out) ? Code::ok : core_->acquire(seat, token, scope, out, error);
}

Code Container::release(ContainerSeat& seat, std::uint64_t lease) {
  ContainerCore& core = *core_;
  LeaseSlot* slot = seat.slots.find(lease);
  if (slot == nullptr || lease == 0) return Code::not_found;
  if (slot->bound.load(std::memory_order_relaxed) == 0) {
    Reading reading(core.epochs);
    if (reading) [[likely]] {
      // If the lease is alive this thread alone gets past here with it, and `bound` was read when it was.
      std::uint64_t expected = lease;
      if (!slot->id.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) return Code::not_found;
      const Product* product = slot->product.load(std::memory_order_relaxed);
      store_before_look<Product*>(slot->product, nullptr);
      const bool awaited = product->closing.load(std::memory_order_seq_cst);
      seat.slots.give_back(*slot, reading.thread());
      reading.end();
      if (awaited) [[unlikely]] {
        ContainerCore::Lock lock(core.mutex);
        core.collect(lock);
        core.changed.notify_all();
      }
      return Code::ok;
    }
  }
  return core.release(seat, lease);
}

Code ContainerCore::release(ContainerSeat& seat, std::uint64_t id) {
  Lock lock(mutex);
  LeaseSlot* slot = seat.slots.find(id);
  std::uint64_t expected = id;
  if (!slot->id.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) return Code::not_found;
  if (end_lease(seat, *slot, id)) collect(lock);
  changed.notify_all();
  return Code::ok;
}

/// With the lock; the slot's id was taken away by the caller.
bool ContainerCore::end_lease(ContainerSeat& seat, LeaseSlot& slot, std::uint64_t id) {
  Product& product = *slot.product.load(std::memory_order_relaxed);
  if (slot.scope != nullptr && !slot.scope->ended) {
    auto& leases = slot.scope->leases;
    const auto at = std::find(leases.rbegin(), leases.rend(), std::pair{&seat, id});
    *at = leases.back();
    leases.pop_back();
  }
  slot.scope = nullptr;
  slot.bound.store(0, std::memory_order_relaxed);
  store_before_look<Product*>(slot.product, nullptr);
  seat.slots.give_back(slot, this_thread_frames().index);
  if (product.lease == id && product.holder == &seat) {  // transient: it ends with its lease
    product.lease = 0;
    if (product.scope != nullptr) std::erase(product.scope->products, &product);
    product.scope = nullptr;
    if (!product.disposing) queue(product);
    return false;
  }
  return product.closing.load(std::memory_order_seq_cst);
}

/// With the lock. Throws std::bad_alloc, and then nothing has changed.
Code ContainerCore::lease(ContainerSeat& seat, Product& product, ScopeRecord* scope, Leased& out, Error& error) {
  LeaseSlot* slot = nullptr;
  if (scope != nullptr) make_room(scope->leases, scope->leases.size() + 1);
  while ((slot = seat.slots.take(this_thread_frames().index)) == nullptr) {
    if (!seat.slots.grow())
      return container_error(error, Code::resource_exhausted,
                             whose(seat) + " holds " + std::to_string(LeaseSlots::chunk_size * LeaseSlots::max_chunks) +
                                 " leases, no more are given: release them",
                             "TOO_MANY_LEASES");
  }
  const bool transient = !product.provision->is_instance && product.provision->lifetime == Lifetime::transient;
  slot->scope = scope;
  slot->bound.store(scope != nullptr || transient ? 1 : 0, std::memory_order_relaxed);
  out.instance = product.instance;
  out.id = begin(*slot, product);
  if (scope != nullptr) scope->leases.emplace_back(&seat, out.id);
  if (transient) {
    product.lease = out.id;
    product.holder = &seat;
  }
  return Code::ok;
}

/// With the lock: why `seat` does not get what `p` stands for, or OK.
Code ContainerCore::refuse(ContainerSeat& seat, const Provision& p, Error& error) const {
  const Gate::State gate = p.owner->gate().state();
  if (p.owner->wedged() || gate == Gate::State::closed || (p.seat != &seat && gate != Gate::State::open))
    return container_error(error, Code::unavailable, "`" + p.seat->module + "` is leaving: `" + p.text + "` is not given any more",
                           "LEAVING");
  if (p.seat == &seat) return Code::ok;
  if (!requires_module(seat, p.seat->module))
    return container_error(error, Code::failed_precondition,
                           "`" + p.text + "` is provided by `" + p.seat->module + "`, which `" + seat.module +
                               "` does not require: its manifest needs the line `requires: [" + p.seat->module + "]`",
                           "NOT_REQUIRED");
  if (p.owner->reach() != Reach::callable)
    return container_error(error, Code::unavailable,
                           "`" + p.seat->module + "` has not started yet: acquire `" + p.text + "` in start, or later", "NOT_STARTED");
  return Code::ok;
}

Code ContainerCore::acquire(ContainerSeat& seat, const Token& token, std::uint64_t scope_id, Leased& out, Error& error) {
  Lock lock(mutex);
  for (;;) {
    if (seat.left.load(std::memory_order_relaxed))
      return container_error(error, Code::unavailable, "`" + seat.module + "` has left: it acquires nothing any more", "LEAVING");
    const TokenEntry* entry = tokens.find(token.name, token.key);
    Provision* p = entry == nullptr || entry->provisions.empty() ? nullptr : entry->provisions.front();
    if (entry != nullptr)
      for (Provision* own : entry->provisions)
        if (own->seat == &seat) p = own;
    if (p == nullptr || (p->seat != &seat && p->owner->reach() == Reach::hidden)) {
      if (token_interface(token.name).empty())
        return container_error(
            error, Code::invalid_argument,
            "`" + printable(token.name, 300) + "` is no token: expected words joined by dots and a major, as in `catalog.client/1`",
            "BAD_TOKEN");
      return container_error(error, Code::not_found, "no module provides `" + printable(token_text(token.name, token.key), 300) + "`",
                             "NO_PROVIDER");
    }
    if (const Code code = refuse(seat, *p, error); code != Code::ok) return code;
    ScopeRecord* scope = nullptr;
    if (const Code code = find_scope(seat, scope_id, scope, error); code != Code::ok) return code;
    const bool scoped = !p->is_instance && p->lifetime == Lifetime::scoped;
    const Build* maker = factory_of_this_thread();
    if (maker != nullptr && (scope != nullptr ? !may_keep(scope) : scoped))
      return container_error(
          error, Code::failed_precondition,
          "`" + maker->provision->text + "` would keep `" + p->text +
              "` longer than the scope that has it: a factory acquires in the scope it is given, and a singleton nothing scoped",
          "CAPTIVE_SCOPE");
    if (scoped && scope == nullptr)
      return container_error(error, Code::failed_precondition,
                             "`" + p->text + "` is made once per scope: acquire it in the scope of a request or job, not in the root",
                             "NEEDS_SCOPE");

    Product* product = nullptr;
    if (p->is_instance) {
      product = p->ready.load(std::memory_order_relaxed);
    } else if (const Code code = make(lock, seat, *p, scope, product, error); code != Code::ok) {
      return code;
    }
    if (product == nullptr) continue;  // it was withdrawn meanwhile
    p = product->provision;
    const bool transient = !p->is_instance && p->lifetime == Lifetime::transient;
    Code code = Code::ok;
    if (product->table_size < token.min_size)
      code = container_fail(error, Code::failed_precondition, "TABLE_TOO_SMALL", [&] {
        return "`" + seat.module + "` needs " + std::to_string(token.min_size) + " bytes of `" + p->text + "`, and `" + p->seat->module +
               "` offers " + std::to_string(product->table_size) + ": it is older, install a newer one";
      });
    if (code == Code::ok && seat.left.load(std::memory_order_relaxed))
      code = container_fail(error, Code::unavailable, "LEAVING",
                            [&] { return "`" + seat.module + "` has left: it acquires nothing any more"; });
    try {
      if (code == Code::ok) code = lease(seat, *product, scope, out, error);
    } catch (const std::bad_alloc&) {
      code = no_memory_for(error, p->text);
    }
    if (code != Code::ok && transient) {
      if (scope != nullptr) std::erase(scope->products, product);
      product->scope = nullptr;
      queue(*product);
    } else if (code != Code::ok && product->closing.load(std::memory_order_relaxed)) {
      collect(lock);  // withdrawn while it was made, and nobody got it
    }
    return code;
  }
}

}  // namespace tenon::host
