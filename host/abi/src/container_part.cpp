#include "container_part.hpp"

#include <cstring>

#include "abi/strict.hpp"
#include "base/no_memory.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {

/// A factory of a module: the C functions behind the kernel's.
struct ContainerPart::Factory {
  /// This thread is inside a function of it.
  class Inside {
   public:
    explicit Inside(const Factory& factory) : factory_(&factory), outer_(std::exchange(innermost_, this)) {}
    ~Inside() { innermost_ = outer_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    static bool of(const Factory& factory) {
      const Inside* i = innermost_;
      while (i != nullptr && i->factory_ != &factory) i = i->outer_;
      return i != nullptr;
    }

   private:
    const Factory* const factory_;
    const Inside* const outer_;
    static constinit thread_local const Inside* innermost_;
  };

  ContainerPart* part = nullptr;
  tenon_factory functions{};
  void* data = nullptr;
  void (*release)(void*) = nullptr;
  std::string name, key;
  std::uint64_t id = 0;  ///< 0: not provided yet, or withdrawn
  std::list<Factory>::iterator place;

  static Code make(void* self, Call& call, std::uint64_t scope, TokenInstance& out, Error& error) {
    const auto& f = *static_cast<Factory*>(self);
    tenon_call c;
    c.instance = &f.part->instance_;
    c.target = &call;
    c.phase = Phase::run;
    tenon_error e;
    std::memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    tenon_instance made{sizeof(tenon_instance), 0, nullptr, nullptr};
    const StrictCall live(f.part->instance_.host().strict(), &c);
    const Inside here(f);
    tenon_status status = f.functions.make(f.data, &c, scope, &made, &e);
    if (status == TENON_OK) {
      out = {made.table, made.self};
      return Code::ok;
    }
    if (status == TENON_PENDING) {
      error = worded(Code::internal, "BAD_PENDING", [] { return std::string("a factory returned PENDING, which it may not"); });
      return Code::internal;
    }
    try {
      error = error_of(status, &e);
    } catch (const std::bad_alloc&) {  // the status says enough
      error = {code_of(status), {}, {}, 0, ExitCode::unavailable};
    }
    return error.code;
  }
  static void dispose(void* self, const TokenInstance& instance) {
    const auto& f = *static_cast<Factory*>(self);
    const Inside here(f);
    if (f.functions.dispose != nullptr) f.functions.dispose(f.data, instance.self);
  }
  static void end(void* self) {
    auto& f = *static_cast<Factory*>(self);
    if (f.release != nullptr) f.release(f.data);
    f.part->forget(f);
  }
};

constinit thread_local const ContainerPart::Factory::Inside* ContainerPart::Factory::Inside::innermost_ = nullptr;

std::unique_ptr<Part> ContainerPart::make(Instance& instance) { return std::make_unique<ContainerPart>(instance); }

ContainerPart::ContainerPart(Instance& instance)
    : instance_(instance),
      container_(instance.host().kernel()->container()),
      seat_(container_.join(instance, {instance.options().required, instance.trusted(), instance.strand()})) {}

ContainerPart::~ContainerPart() { destroyed(); }

void ContainerPart::drain(std::int64_t) { container_.drain(*seat_); }
bool ContainerPart::leave(std::int64_t deadline_ns) { return container_.leave(*seat_, deadline_ns); }

Part::Pinned ContainerPart::finish(std::int64_t deadline_ns) {
  const Container::Finished finished = container_.finish(*seat_, deadline_ns);
  if (finished.may_go()) return Pinned::no;
  bool blameless = finished.quiet;
  for (const LeaseHolder& h : finished.holders) blameless = blameless && h.wedged;
  return blameless ? Pinned::by_wedged : Pinned::yes;
}

void ContainerPart::destroyed() {
  if (!std::exchange(departed_, true)) container_.depart(*seat_);
}

std::vector<std::string> ContainerPart::holders() const {
  std::vector<std::string> out;
  for (const LeaseHolder& h : container_.holders(*seat_))
    out.push_back("`" + h.module + "`" + (h.wedged ? ", which hangs," : "") + " has " + std::to_string(h.count) + " of `" + h.token + "`");
  return out;
}

Result<std::uint64_t> ContainerPart::provide_factory(const TokenOffer& offer, const tenon_factory& factory) {
  const std::lock_guard lock(mutex_);
  for (const Factory& f : factories_)
    if (f.id != 0 && f.name == offer.token.name && f.key == offer.token.key && f.functions.make == factory.make &&
        f.functions.dispose == factory.dispose && f.functions.lifetime == factory.lifetime && f.data == offer.data)
      return f.id;
  std::list<Factory> fresh(1);
  Factory& f = fresh.front();
  f.part = this;
  f.functions = factory;
  f.data = offer.data;
  f.release = offer.release;
  f.name = offer.token.name;
  f.key = offer.token.key;
  TokenOffer kept = offer;
  kept.data = &f;
  kept.release = &Factory::end;
  auto made = container_.provide_factory(*seat_, kept, static_cast<Lifetime>(factory.lifetime), &Factory::make, &Factory::dispose);
  if (!made) return made;
  factories_.splice(factories_.end(), fresh);
  f.place = std::prev(factories_.end());
  for (Factory& old : factories_)  // replaced
    if (&old != &f && old.name == f.name && old.key == f.key) old.id = 0;
  f.id = *made;
  return made;
}

Code ContainerPart::withdraw(std::uint64_t registration, const std::int64_t* deadline_ns) {
  {
    const std::lock_guard lock(mutex_);
    for (Factory& f : factories_)
      if (f.id == registration && (deadline_ns == nullptr || !Factory::Inside::of(f))) f.id = 0;  // who would wait for himself is refused
  }
  return deadline_ns == nullptr ? container_.withdraw(*seat_, registration) : container_.withdraw_wait(*seat_, registration, *deadline_ns);
}

void ContainerPart::forget(Factory& factory) {
  const std::lock_guard lock(mutex_);
  factories_.erase(factory.place);
}

Result<std::uint64_t> ContainerPart::call_scope(tenon_call& call, const ScopeContext* said) {
  if (call.scope == nullptr)
    call.scope = new CallScope(container_, seat_, call.target->is_service ? ScopeKind::request : ScopeKind::job, *call.target);
  return call.scope->id(said);
}

}  // namespace tenon::host
