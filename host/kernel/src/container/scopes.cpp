// Scopes: where something is made once and ends with.
#include <sys/random.h>

#include <algorithm>

#include "core.hpp"
#include "kernel/services.hpp"

namespace tenon::host {
namespace {

constexpr std::uint32_t max_depth = 64;  // of scopes in scopes

thread_local CallScope* innermost = nullptr;  // of the calls this thread is in, the one that was asked for a scope last

std::string hex(std::uint64_t number) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out(16, '0');
  for (std::size_t i = 16; i > 0; --i, number >>= 4U) out[i - 1] = digits[number & 15U];
  return out;
}

void fill_in(ScopeContext& context, const ScopeContext& outer) {
  if (context.request_id.empty()) context.request_id = outer.request_id;
  if (context.tenant.empty()) context.tenant = outer.tenant;
  if (context.auth.empty()) context.auth = outer.auth;
  context.deadline_ns = std::min(context.deadline_ns, outer.deadline_ns);
}

}  // namespace

ContainerCore::ContainerCore(WorkerPool& p, Container::Options o) : pool(p), options(std::move(o)) {
  if (::getrandom(&request_seed, sizeof request_seed, 0) != static_cast<ssize_t>(sizeof request_seed))
    request_seed = static_cast<std::uint64_t>(realtime_ns());
}

ContainerCore::~ContainerCore() {
  // What belongs to modules that were not allowed to go: nothing of them is called any more.
  for (const auto& seat : seats) {
    for (const auto& [made, product] : seat->products) delete product;
    for (const auto& [id, p] : seat->provisions) delete p;
    seat->provisions.clear();
  }
  free_gone();
}

/// With the lock. The root is nullptr.
Code ContainerCore::find_scope(const ContainerSeat& seat, std::uint64_t id, ScopeRecord*& out, Error& error) const {
  out = nullptr;
  if (id == 0) return Code::ok;
  const auto found = scopes.find(id);
  if (found != scopes.end() && !found->second->ended) {
    const Build* maker = found->second->seat == &seat ? nullptr : factory_of_this_thread();
    if (found->second->seat == &seat || (maker != nullptr && maker->provision->seat == &seat && maker->scope == found->second.get())) {
      out = found->second.get();
      return Code::ok;
    }
  }
  return container_error(error, Code::not_found, "`" + seat.module + "` has no such scope: it has ended, or it is somebody else's",
                         "NO_SCOPE");
}

Code ContainerCore::open(ContainerSeat& seat, std::uint64_t outer, ScopeContext context, std::uint64_t& out, Error& error) {
  for (const std::string* text : {&context.request_id, &context.tenant, &context.auth})
    if (text->size() > max_scope_text)
      return container_error(error, Code::invalid_argument,
                             "a text of a scope is " + std::to_string(text->size()) + " bytes long: at most 1024 are taken", "TOO_LONG");
  if (context.kind == ScopeKind::root)
    return container_error(error, Code::invalid_argument, "there is one root: open the scope of a request or of a job", "BAD_KIND");
  const std::lock_guard lock(mutex);
  if (seat.left.load(std::memory_order_relaxed))
    return container_error(error, Code::unavailable, "`" + seat.module + "` is leaving: it opens no scopes any more", "LEAVING");
  ScopeRecord* around = nullptr;
  if (const Code code = find_scope(seat, outer, around, error); code != Code::ok) return code;
  if (around != nullptr && around->seat != &seat)
    return container_error(error, Code::not_found, "`" + seat.module + "` opens scopes in its own ones only", "NO_SCOPE");
  if (seat.scopes >= options.max_scopes)
    return container_error(error, Code::resource_exhausted,
                           whose(seat) + " has " + std::to_string(seat.scopes) + " scopes open, no more are given: close what has ended",
                           "TOO_MANY_SCOPES");
  if (around != nullptr && around->depth >= max_depth)
    return container_error(error, Code::resource_exhausted, "scopes are nested 64 deep, no deeper ones are opened", "TOO_DEEP");
  auto made = std::make_unique<ScopeRecord>();
  made->id = ++last_id;
  made->seat = &seat;
  made->outer = around;
  if (around != nullptr) made->depth = around->depth + 1;
  made->context = std::move(context);
  if (around != nullptr) fill_in(made->context, around->context);
  if (made->context.request_id.empty()) made->context.request_id = hex(request_seed + 0x9E3779B97F4A7C15U * ++requests);
  made->end = std::make_shared<ScopeEnd>();
  if (around != nullptr) make_room(around->inner, around->inner.size() + 1);
  ScopeRecord* const scope = made.get();
  scopes.emplace(made->id, std::move(made));
  out = scope->id;
  if (around != nullptr) around->inner.push_back(scope);
  ++seat.scopes;
  return Code::ok;
}

/// With the lock. What was made in it goes to `out`, and it is freed.
bool ContainerCore::end_scope(ScopeRecord& scope, std::list<Product*>& out) noexcept {
  bool awaited = false;
  while (!scope.inner.empty()) awaited |= end_scope(*scope.inner.back(), out);
  scope.ended = true;
  for (const auto& [seat, id] : scope.leases) {
    LeaseSlot& slot = *seat->slots.find(id);
    slot.id.store(0, std::memory_order_release);
    Product* product = slot.product.load(std::memory_order_relaxed);
    if (product->lease == id && product->holder == seat) product->lease = 0;  // transient: it is in `products`
    awaited |= end_lease(*seat, slot, id);
  }
  scope.leases.clear();
  for (Product* product : scope.products) {
    product->scope = nullptr;
    product->disposing = true;
  }
  out.splice(out.end(), scope.products);
  scope.made.clear();
  if (scope.outer != nullptr) std::erase(scope.outer->inner, &scope);
  scope.outer = nullptr;  // it may be freed before this one, which whoever builds in it still looks at
  --scope.seat->scopes;
  free_scope_if_over(scope);
  return awaited;
}

void ContainerCore::free_scope_if_over(ScopeRecord& scope) {
  if (scope.ended && scope.builds == 0) scopes.erase(scope.id);
}

/// Gives the lock up meanwhile.
void ContainerCore::end_scopes_of(Lock& lock, ContainerSeat& seat) {
  std::shared_ptr<ScopeEnd> end;
  bool awaited = false;
  const auto is_outermost = [&seat](const auto& item) {
    return item.second->seat == &seat && !item.second->ended && item.second->outer == nullptr;
  };
  for (auto next = std::find_if(scopes.begin(), scopes.end(), is_outermost); next != scopes.end();
       next = std::find_if(scopes.begin(), scopes.end(), is_outermost)) {
    if (end == nullptr) end = next->second->end;
    awaited |= end_scope(*next->second, end->rest);
  }
  if (end == nullptr) return;
  end->core = shared_from_this();
  end->rest.sort([](const Product* a, const Product* b) { return a->made < b->made; });
  if (awaited) collect(lock);
  changed.notify_all();
  lock.unlock();
  dispose_scope(end);
  lock.lock();
}

Result<std::uint64_t> Container::open(ContainerSeat& seat, std::uint64_t outer, ScopeContext context) {
  Error error;
  std::uint64_t id = 0;
  const Code code = core_->open(seat, outer, std::move(context), id, error);
  if (code != Code::ok) return error;
  return id;
}

Code Container::close(ContainerSeat& seat, std::uint64_t id) {
  ContainerCore& core = *core_;
  std::shared_ptr<ScopeEnd> end;
  {
    ContainerCore::Lock lock(core.mutex);
    const auto found = core.scopes.find(id);
    if (found == core.scopes.end() || found->second->seat != &seat || found->second->ended) return Code::not_found;
    end = found->second->end;
    end->core = core_;
    const bool awaited = core.end_scope(*found->second, end->rest);
    end->rest.sort([](const Product* a, const Product* b) { return a->made < b->made; });
    if (awaited) core.collect(lock);
    core.changed.notify_all();
  }
  core.dispose_scope(end);
  return Code::ok;
}

Result<const ScopeContext*> Container::describe(const ContainerSeat& seat, std::uint64_t id) const {
  const std::lock_guard lock(core_->mutex);
  Error error;
  ScopeRecord* scope = nullptr;
  if (core_->find_scope(seat, id, scope, error) != Code::ok) return error;
  static const ScopeContext root;
  return scope == nullptr ? &root : &scope->context;
}

// ---- the scope of a call

CallScope::CallScope(Container& container, std::shared_ptr<ContainerSeat> seat, ScopeKind kind, Call& call)
    : container_(container), seat_(std::move(seat)), kind_(kind), call_(call) {}

CallScope::~CallScope() {
  if (linked_) innermost = outer_;
  if (id_ != 0) static_cast<void>(container_.close(*seat_, id_));
}

Result<std::uint64_t> CallScope::id(const ScopeContext* said) {
  if (id_ != 0) return id_;
  // Only on the thread the call is made on: another one of the module's has other calls around it.
  const Frame* frame = current_frame();
  const bool here = !linked_ && frame != nullptr && frame->call == &call_;
  ScopeContext context;
  if (said != nullptr) context = *said;
  context.kind = kind_;
  context.deadline_ns = std::min(context.deadline_ns, deadline_of(call_));
  const ScopeContext* around = here && innermost != nullptr ? &innermost->passed_on_ : nullptr;
  if (around != nullptr) fill_in(context, *around);
  auto made = container_.open(*seat_, 0, std::move(context));
  if (!made) return made;
  id_ = *made;
  if (!here) return id_;
  const auto all = container_.describe(*seat_, id_);
  if (around != nullptr) passed_on_ = *around;
  if (all && seat_->trusted)
    passed_on_ = **all;
  else if (all && passed_on_.request_id.empty() && (said == nullptr || said->request_id.empty()))
    passed_on_.request_id = (*all)->request_id;  // made by the host
  passed_on_.deadline_ns = no_deadline;          // that goes with the calls themselves
  outer_ = innermost;
  innermost = this;
  linked_ = true;
  return id_;
}

std::uint64_t CallScope::keep() { return std::exchange(id_, 0); }

}  // namespace tenon::host
