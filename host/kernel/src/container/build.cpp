// Factories: each singleton and scoped instance is made once, however many threads ask. Who waits for whom is one graph of threads, so that a circle
// is found when it closes.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "core.hpp"
#include "kernel/services.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t slice_ns = 5'000'000;  // how often those who wait look for what nobody tells them

Call* call_of_this_thread() {
  const Frame* frame = current_frame();
  return frame == nullptr ? nullptr : frame->call;
}

Code too_late(Error& error, const std::string& token) {
  return container_fail(error, Code::deadline_exceeded, "DEADLINE", [&] { return "the deadline came before `" + token + "` was made"; });
}

Code given_up(Error& error, const std::string& token) {
  return container_fail(error, Code::cancelled, "CANCELLED",
                        [&] { return "nobody waits for the call that acquires `" + token + "` any more"; });
}

Code closed_circle(Error& error, const std::string& path) {
  return container_error(error, Code::failed_precondition, "each of these needs the next one to be made: " + path, "CYCLE");
}

/// A copy of an error, or what there is memory for of it.
Error worded_as(const Error& error) noexcept {
  try {
    return error;
  } catch (const std::bad_alloc&) {
    return {error.code, {}, {}, error.sys_errno, error.exit};
  }
}

struct Registered {
  Registered(std::vector<const Waiting*>& l, const Waiting& w) : list(l), waiting(w) { list.push_back(&waiting); }
  ~Registered() { std::erase(list, &waiting); }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  std::vector<const Waiting*>& list;
  const Waiting& waiting;
};

}  // namespace

/// With the lock: the factory this thread stands in, if it stands directly in one.
const Build* ContainerCore::factory_of_this_thread() const {
  const ThreadFrames* me = existing_thread_frames();
  if (me == nullptr) return nullptr;
  const std::uint32_t depth = me->depth.load(std::memory_order_relaxed);
  for (auto b = builds.rbegin(); b != builds.rend(); ++b)
    if ((*b)->thread == me) return (*b)->depth == depth ? b->get() : nullptr;
  return nullptr;
}

/// With the lock: true if what this thread's factories make ends no later than `scope`.
bool ContainerCore::may_keep(const ScopeRecord* scope) const {
  for (const Build* b = factory_of_this_thread(); b != nullptr; b = b->outer) {
    const ScopeRecord* of = b->scope;
    while (of != nullptr && of != scope) of = of->outer;
    if (of == nullptr) return false;
  }
  return true;
}

/// With the lock: "`a/1` -> `b/1` -> `a/1`" if the thread in `from` waits for itself, else empty.
std::string ContainerCore::cycle(const Waiting& from) const {
  std::string path, first;
  const auto add = [&](const std::string& text) {
    if (path.empty()) first = text;
    path.append(path.empty() ? "`" : " -> `").append(text).append("`");
  };
  const Waiting* w = &from;
  for (std::size_t steps = 0; steps <= waiting.size(); ++steps) {
    if (w->build != nullptr && w->build->ended) return {};
    const ThreadFrames* next = w->build != nullptr ? w->build->thread : w->strand->holder();
    if (next == nullptr) return {};
    if (w->build == nullptr) add(*w->module);
    bool seen = w->build == nullptr;
    for (const auto& b : builds) {
      seen = seen || b.get() == w->build;
      if (seen && b->thread == next) add(b->provision->text);
    }
    if (next == from.thread) return path + " -> `" + first + "`";
    const auto found = std::find_if(waiting.begin(), waiting.end(), [next](const Waiting* o) { return o->thread == next; });
    if (found == waiting.end()) return {};
    w = *found;
  }
  return {};
}

Code ContainerCore::await(Lock& lock, const std::shared_ptr<Build>& build, std::int64_t deadline, Error& error) {
  const Waiting mine{&this_thread_frames(), build.get(), nullptr, nullptr};
  const Registered registered(waiting, mine);
  const Blocking blocking;
  const Call* call = call_of_this_thread();
  while (!build->ended) {
    if (const std::string path = cycle(mine); !path.empty()) return closed_circle(error, path);
    const bool over = call != nullptr && is_cancelled(*call);  // the clock after it: who is only late is told so
    const std::int64_t now = monotonic_ns();
    if (now >= deadline) return too_late(error, build->provision->text);
    if (over) return given_up(error, build->provision->text);
    changed.wait_for(lock, Nanos(std::min(slice_ns, deadline - now)));
  }
  if (build->code != Code::ok) error = build->error;
  return build->code;
}

Code ContainerCore::enter_strand(Lock& lock, const Provision& p, std::int64_t deadline, bool& entered, Error& error) {
  Strand* strand = p.seat->strand;
  if (strand == nullptr) return Code::ok;
  const ThreadFrames* me = &this_thread_frames();
  if (strand->holder() == me) {
    const Frame* frame = current_frame();
    if (frame != nullptr && frame->owner.load(std::memory_order_relaxed) == p.owner) return Code::ok;  // it calls itself, as it were
    return container_error(error, Code::failed_precondition,
                           "`" + p.seat->module + "` takes one call at a time and is in one that waits for `" + p.text + "`", "REENTRANT");
  }
  if (strand->try_enter()) {
    entered = true;
    return Code::ok;
  }
  const Waiting mine{me, nullptr, strand, &p.seat->module};
  const Registered registered(waiting, mine);
  const Blocking blocking;
  const Call* call = call_of_this_thread();
  while (!entered) {
    if (const std::string path = cycle(mine); !path.empty()) return closed_circle(error, path);
    const bool over = call != nullptr && is_cancelled(*call);
    const std::int64_t now = monotonic_ns();
    if (now >= deadline) return too_late(error, p.text);
    if (over) return given_up(error, p.text);
    if (p.owner->gate().state() != Gate::State::open)
      return container_error(error, Code::unavailable, "`" + p.seat->module + "` is leaving: `" + p.text + "` is not made any more",
                             "LEAVING");
    lock.unlock();
    entered = strand->enter(std::min(deadline, now + slice_ns));
    lock.lock();
  }
  return Code::ok;
}

/// Gives what is there, or makes it. The lock is given up meanwhile; `p` and `scope` are good until it is given up again afterwards, unless `out`
/// is nullptr: then somebody withdrew it.
Code ContainerCore::make(Lock& lock, ContainerSeat& seat, Provision& p, ScopeRecord* scope, Product*& out, Error& error) noexcept {
  const auto find = [&]() -> Product* {
    if (p.lifetime == Lifetime::singleton) return p.closing ? nullptr : p.ready.load(std::memory_order_relaxed);
    if (p.lifetime == Lifetime::transient) return nullptr;
    const auto found = scope->made.find(&p);
    return found == scope->made.end() ? nullptr : found->second;
  };
  const ThreadFrames* const me = &this_thread_frames();
  ScopeRecord* const home = p.lifetime == Lifetime::singleton ? nullptr : scope;
  const auto running = [&]() -> std::shared_ptr<Build> {
    if (p.lifetime == Lifetime::transient) return nullptr;
    const auto found = std::find_if(builds.begin(), builds.end(), [&](const auto& b) { return b->provision == &p && b->scope == home; });
    return found == builds.end() ? nullptr : *found;
  };
  const auto made_below = [&]() -> const Build* {
    if (const auto b = running()) return b->thread == me ? b.get() : nullptr;
    const Build* b = p.lifetime == Lifetime::transient ? factory_of_this_thread() : nullptr;
    while (b != nullptr && b->provision != &p) b = b->outer;
    return b;
  };
  if ((out = find()) != nullptr) return Code::ok;
  Call* const call = call_of_this_thread();
  std::int64_t deadline = call == nullptr ? no_deadline : deadline_of(*call);
  if (deadline == no_deadline) deadline = monotonic_ns() + options.timeout_ns;

  ++p.builds;
  if (scope != nullptr) ++scope->builds;
  // Its turn before the claim: who is on the strand never waits for one who waits for the strand.
  bool on_strand = false;
  Code code = Code::ok;
  try {
    if (const Build* own = made_below(); own != nullptr)
      code = closed_circle(error, cycle({me, own, nullptr, nullptr}));
    else
      code = enter_strand(lock, p, deadline, on_strand, error);
    while (code == Code::ok && !p.closing && (out = find()) == nullptr) {
      if (const auto other = running()) {
        code = await(lock, other, deadline, error);
        continue;
      }
      code = build(lock, seat, p, scope, deadline, out, error);
      break;
    }
  } catch (const std::bad_alloc&) {
    out = nullptr;
    code = no_memory_for(error, p.text);
  }
  if (on_strand) p.seat->strand->leave();
  --p.builds;
  if (scope != nullptr) {
    --scope->builds;
    if (scope->ended && code == Code::ok) {
      if (const Product* orphan = std::exchange(out, nullptr); orphan != nullptr && orphan->closing.load(std::memory_order_relaxed))
        collect(lock);
      code = container_fail(error, Code::failed_precondition, "NO_SCOPE",
                            [&] { return "the scope ended before `" + p.text + "` was made in it"; });
    }
    free_scope_if_over(*scope);
  }
  release_if_over(p);
  changed.notify_all();
  return code;
}

Code ContainerCore::run_factory(Build& build, std::uint64_t scope, TokenInstance& made, Error& error) noexcept {
  const Provision& p = *build.provision;
  const GateEntry entry(*p.owner, Phase::run, ThreadTag::worker, &build.call, Gate::State::open);
  if (!entry) {
    if (p.owner->gate().state() == Gate::State::open)
      return container_fail(error, Code::resource_exhausted, "TOO_DEEP",
                            [&] { return "calls are nested too deep to make `" + p.text + "`"; });
    return container_fail(error, Code::unavailable, "LEAVING",
                          [&] { return "`" + p.seat->module + "` is leaving: `" + p.text + "` is not made any more"; });
  }
  error = {};
  Code code = Code::internal;
  try {
    code = p.make(p.data, build.call, scope, made, error);
  } catch (const std::exception& e) {
    return container_fail(error, Code::internal, "EXCEPTION",
                          [&] { return "the factory of `" + p.text + "` threw: " + printable(e.what()); });
  } catch (...) {
    return container_fail(error, Code::internal, "EXCEPTION",
                          [&] { return "the factory of `" + p.text + "` threw something that is no std::exception"; });
  }
  if (code == Code::ok) {
    if (made.table != nullptr && table_size(made.table) >= smallest_table) return Code::ok;
    return container_fail(error, Code::internal, "BAD_INSTANCE",
                          [&] { return "the factory of `" + p.text + "` gave no table: expected one that begins with its size in bytes"; });
  }
  if (static_cast<unsigned>(code) > 16) code = Code::unknown;
  if (error.message.empty())
    return container_fail(error, code, "FACTORY_FAILED",
                          [&] { return "the factory of `" + p.text + "` answered " + std::string(code_name(code)); });
  error.code = code;
  return code;
}

Code ContainerCore::build(Lock& lock, ContainerSeat& seat, Provision& p, ScopeRecord* scope, std::int64_t deadline, Product*& out,
                          Error& error) {
  auto product_made = make_product();  // before the factory is called: what that has made is never lost
  const auto build = std::make_shared<Build>();
  build->provision = &p;
  build->scope = p.lifetime == Lifetime::singleton ? nullptr : scope;
  build->thread = &this_thread_frames();
  build->depth = build->thread->depth.load(std::memory_order_relaxed) + 1;
  build->outer = factory_of_this_thread();
  build->call.deadline_ns.store(deadline, std::memory_order_relaxed);
  builds.push_back(build);
  const std::uint64_t scope_id = build->scope == nullptr ? 0 : build->scope->id;
  lock.unlock();
  TokenInstance made;
  const Code code = run_factory(*build, scope_id, made, error);
  lock.lock();
  build->ended = true;
  build->code = code;
  if (code != Code::ok) build->error = worded_as(error);
  std::erase(builds, build);
  if (code != Code::ok) return code;

  Product& product = add_product(p, std::move(product_made), made);
  if (p.lifetime == Lifetime::singleton) {
    if (p.closing)
      product.closing.store(true, std::memory_order_seq_cst);  // who asked still gets it
    else
      p.ready.store(&product, std::memory_order_release);
  } else if (scope != nullptr && scope->ended) {
    queue(product);
    return Code::ok;
  } else if (scope != nullptr) {
    product.scope = scope;
    product.in_scope.front() = &product;
    scope->products.splice(scope->products.end(), product.in_scope);
    if (p.lifetime == Lifetime::scoped) {
      product.in_made.key() = &p;
      product.in_made.mapped() = &product;
      scope->made.insert(std::move(product.in_made));
    }
  }
  if (p.lifetime == Lifetime::transient) product.holder = &seat;
  out = &product;
  return Code::ok;
}

void Container::drain(ContainerSeat& seat) {
  const std::lock_guard lock(core_->mutex);
  for (const auto& b : core_->builds)
    if (b->provision->seat == &seat) b->call.cancel();
}

}  // namespace tenon::host
