// How the fake container provides, makes, leases and ends things.
#ifndef TENON_TESTING_CONTAINER_RUN_HPP
#define TENON_TESTING_CONTAINER_RUN_HPP

#include "tenon/testing/container.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

inline void FakeContainer::end(Ends& ends) {
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const End e = ends[i];
    if (e.product != nullptr) {
      const OfferPtr& offer = e.product->offer;
      if (offer->dispose && offer->own) host_.as_worker([&] { offer->dispose(e.product->self); });
      if (offer->dispose && !offer->own) offer->dispose(e.product->self);
      const Lock lock(host_.mutex_);
      --offer->products;
      release_if_over(offer, ends);
    } else if (e.offer->release != nullptr) {
      host_.as_worker([&] { e.offer->release(e.offer->data); });
    }
    const Lock lock(host_.mutex_);
    host_.changed_.notify_all();
  }
}

inline tenon_status FakeContainer::provide_raw(const tenon_token* token, const tenon_instance* instance, const tenon_factory* factory,
                                               std::uint32_t flags, void* data, void (*on_release)(void*) noexcept, tenon_id* out,
                                               tenon_error* err) {
  using tenon::detail::fill;
  const auto bad = [err](std::string_view reason, const std::string& message) {
    return fill(err, TENON_INVALID_ARGUMENT, reason, message);
  };
  const bool complete = token != nullptr && token->struct_size >= sizeof(tenon_token) && out != nullptr &&
                        (instance != nullptr ? instance->struct_size >= sizeof(tenon_instance)
                                             : factory != nullptr && factory->struct_size >= sizeof(tenon_factory));
  if (!complete) return bad("NULL_ARGUMENT", "a token, an instance or a factory with its struct_size, and a place for the id are needed");
  if ((flags & ~TENON_PROVIDE_REPLACE) != 0) return bad("BAD_FLAGS", "flags has bits this host does not know");
  if (instance == nullptr && factory->make == nullptr) return bad("NO_FACTORY", "the factory has no `make`");
  if (instance == nullptr && factory->lifetime > TENON_TRANSIENT)
    return bad("BAD_LIFETIME", "no such lifetime: singleton is 0, scoped 1, transient 2");
  const OfferPtr offer = new_offer(*token, true);
  if (!is_token(offer->name)) return bad("BAD_TOKEN", "`" + offer->name + "` is no token: expected one as in `catalog.client/1`");
  if (!offer->key.empty() && !is_name(offer->key)) return bad("BAD_KEY", "`" + offer->key + "` is no key of a token");
  if (instance != nullptr && (instance->table == nullptr || *static_cast<const std::uint32_t*>(instance->table) < 8))
    return bad("BAD_INSTANCE", "`" + offer->text() + "` has no table that begins with its size");
  if (offer->name.compare(0, 6, "tenon.") == 0 || offer->name.compare(0, 6, "tenon/") == 0)
    return fill(err, TENON_PERMISSION_DENIED, "FOREIGN_TOKEN", "tokens below `tenon` are the host's own");
  offer->data = data;
  offer->release = on_release;
  if (instance != nullptr) {
    offer->is_instance = true;
  } else {
    offer->factory = *factory;
    offer->lifetime = factory->lifetime;
    offer->make = [f = *factory, data](tenon_call* call, tenon_id scope, tenon_instance* made, tenon_error* e) {
      return f.make(data, call, scope, made, e);
    };
    if (factory->dispose != nullptr) offer->dispose = [f = *factory, data](void* self) { f.dispose(data, self); };
  }
  Ends ends;
  {
    const Lock lock(host_.mutex_);
    if (left_) return fill(err, TENON_UNAVAILABLE, "LEAVING", "the module is leaving: it provides nothing any more");
    if (const OfferPtr old = find(offer->name, offer->key)) {
      bool same = old->own && old->is_instance == offer->is_instance;
      if (same && instance != nullptr) {
        for (const ProductPtr& p : products_)
          if (p->offer == old) same = p->table == instance->table && p->self == instance->self;
      } else if (same) {
        same = old->factory.make == factory->make && old->factory.dispose == factory->dispose && old->lifetime == factory->lifetime &&
               old->data == data;
      }
      if (same) {
        *out = old->id;
        return TENON_OK;
      }
      if (!old->own || (flags & TENON_PROVIDE_REPLACE) == 0)
        return fill(err, TENON_ALREADY_EXISTS, "TAKEN", "`" + offer->text() + "` is provided already");
      close(old, ends);
    }
    offers_.push_back(offer);
    if (instance != nullptr) {
      products_.push_back(std::make_shared<Product>(Product{offer, instance->table, instance->self, 0, ++made_, 0}));
      ++offer->products;
    }
    *out = offer->id;
  }
  end(ends);
  return TENON_OK;
}

inline tenon_status FakeContainer::withdraw_raw(tenon_id id, bool wait, std::int64_t deadline_ns) {
  Ends ends;
  OfferPtr offer;
  {
    const Lock lock(host_.mutex_);
    for (const OfferPtr& o : offers_)
      if (o->own && o->id == id) offer = o;
    if (offer == nullptr) return TENON_NOT_FOUND;
    if (wait)
      for (const BuildPtr& b : builds_)
        if (b->offer == offer && b->thread == std::this_thread::get_id()) return TENON_FAILED_PRECONDITION;
    close(offer, ends);
  }
  end(ends);
  if (!wait) return TENON_OK;
  Lock lock(host_.mutex_);
  while (std::find(closed_.begin(), closed_.end(), offer) != closed_.end()) {
    const std::int64_t left = deadline_ns - detail::now_ns();
    if (left <= 0) return TENON_DEADLINE_EXCEEDED;
    host_.changed_.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(left, 3'600'000'000'000)));
  }
  return TENON_OK;
}

inline Status FakeContainer::make(Lock& lock, const OfferPtr& offer, tenon_id scope, ProductPtr& out) {
  const tenon_id home = offer->lifetime == TENON_SINGLETON ? 0 : scope;
  const auto me = std::this_thread::get_id();
  const detail::CallState* const asked_in = detail::entered() == &host_ ? detail::within().call : nullptr;
  const std::int64_t until = std::min(asked_in != nullptr ? asked_in->deadline_ns : INT64_MAX, detail::now_ns() + 5'000'000'000);
  for (;;) {
    if (offer->lifetime != TENON_TRANSIENT)
      for (const ProductPtr& p : products_)
        if (p->offer == offer && p->scope == home) {
          out = p;
          return Status();
        }
    BuildPtr other;
    std::string path;
    for (const BuildPtr& b : builds_) {
      const bool this_one = b->offer == offer && (offer->lifetime == TENON_TRANSIENT ? b->thread == me : b->scope == home);
      if (this_one && other == nullptr) other = b;
      if (other != nullptr && b->thread == me) path += "`" + b->offer->text() + "` -> ";
    }
    if (other == nullptr) break;
    if (other->thread == me)
      return Status(TENON_FAILED_PRECONDITION, "CYCLE", "each of these needs the next one to be made: " + path + "`" + offer->text() + "`");
    while (!other->ended) {
      const std::int64_t left = until - detail::now_ns();
      if (left <= 0) return Status(TENON_DEADLINE_EXCEEDED, "DEADLINE", "the deadline came before `" + offer->text() + "` was made");
      host_.changed_.wait_for(lock, std::chrono::nanoseconds(left));
    }
    if (!other->status.ok()) return other->status;
    if (offer->closed) return Status(TENON_NOT_FOUND, "NO_PROVIDER", "`" + offer->text() + "` was withdrawn");
  }
  const auto build = std::make_shared<Build>();
  build->offer = offer;
  build->scope = home;
  build->thread = me;
  builds_.push_back(build);
  ++offer->builds;
  const auto outer = host_.running_;
  lock.unlock();
  const auto call = host_.new_call(false);
  {
    const Lock again(host_.mutex_);
    call->deadline_ns = std::min(call->deadline_ns, until);
  }
  tenon_error error;
  tenon::detail::init_error(error);
  tenon_instance made{sizeof(tenon_instance), 0, nullptr, nullptr};
  tenon_status code = TENON_OK;
  {
    const detail::Inside inside(&host_, TENON_THREAD_WORKER, call.get());
    code = offer->make(reinterpret_cast<tenon_call*>(call.get()), home, &made, &error);
  }
  Status status = host_.end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), "make");
  if (status.ok() && (made.table == nullptr || *static_cast<const std::uint32_t*>(made.table) < 8))
    status = Status(TENON_INTERNAL, "BAD_INSTANCE", "the factory of `" + offer->text() + "` gave no table that begins with its size");
  lock.lock();
  host_.running_ = outer;
  build->ended = true;
  build->status = status;
  builds_.erase(std::find(builds_.begin(), builds_.end(), build));
  --offer->builds;
  host_.changed_.notify_all();
  Ends ends;
  if (status.ok()) {
    out = std::make_shared<Product>(Product{offer, made.table, made.self, home, ++made_, 0});
    ++offer->products;
    if (home != 0 && scopes_.count(home) == 0) {
      ends.push_back({std::exchange(out, nullptr), nullptr});
      status = Status(TENON_FAILED_PRECONDITION, "NO_SCOPE", "the scope ended before `" + offer->text() + "` was made in it");
    } else {
      products_.push_back(out);
    }
  } else {
    release_if_over(offer, ends);
  }
  if (!ends.empty()) {
    lock.unlock();
    end(ends);
    lock.lock();
  }
  return status;
}

inline tenon_status FakeContainer::acquire_raw(bool own, const tenon_token* token, tenon_id scope, tenon_leased* out, tenon_error* err) {
  using tenon::detail::fill;
  if (token == nullptr || token->struct_size < sizeof(tenon_token) || out == nullptr || out->struct_size < sizeof(tenon_leased))
    return fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "a token and a place for the lease, with their struct_size, are needed");
  Ends ends;
  tenon_status result = TENON_OK;
  {
    Lock lock(host_.mutex_);
    if (own && left_) return fill(err, TENON_UNAVAILABLE, "LEAVING", "the module has left: it acquires nothing any more");
    const std::string name(view(token->name)), key(view(token->key));
    const OfferPtr offer = find(name, key);
    const std::int32_t phase = host_.phase_;
    const bool hidden =
        offer != nullptr && offer->own && !own && (phase < TENON_PHASE_INIT || (phase == TENON_PHASE_INIT && host_.running_ != nullptr));
    if (offer == nullptr || hidden) {
      if (!is_token(name)) return fill(err, TENON_INVALID_ARGUMENT, "BAD_TOKEN", "`" + name + "` is no token: `catalog.client/1` is one");
      return fill(err, TENON_NOT_FOUND, "NO_PROVIDER", "no module provides `" + (key.empty() ? name : name + " (" + key + ")") + "`");
    }
    if (offer->own != own) {
      if (own && !offer->required)
        return fill(err, TENON_FAILED_PRECONDITION, "NOT_REQUIRED", "the module does not require who provides `" + offer->text() + "`");
      if (own ? phase < TENON_PHASE_START : phase < TENON_PHASE_RUN)
        return fill(err, TENON_UNAVAILABLE, "NOT_STARTED", "acquire `" + offer->text() + "` in start, or later");
    }
    if (!may_see(own, scope)) return fill(err, TENON_NOT_FOUND, "NO_SCOPE", "there is no such scope, or it is somebody else's");
    const bool scoped = !offer->is_instance && offer->lifetime == TENON_SCOPED;
    if (const Build* maker = factory_here()) {
      tenon_id of = maker->scope;
      while (of != 0 && of != scope) of = scopes_[of].outer;
      if (scope != 0 ? of == 0 : scoped)
        return fill(err, TENON_FAILED_PRECONDITION, "CAPTIVE_SCOPE",
                    "`" + maker->offer->text() + "` would keep `" + offer->text() + "` longer than the scope that has it");
    }
    if (scoped && scope == 0)
      return fill(err, TENON_FAILED_PRECONDITION, "NEEDS_SCOPE", "`" + offer->text() + "` is made once per scope, not in the root");
    ProductPtr product;
    if (offer->is_instance) {
      for (const ProductPtr& p : products_)
        if (p->offer == offer) product = p;
    } else {
      const Status status = make(lock, offer, scope, product);
      if (!status.ok()) return status.report(err);
    }
    if (const auto size = *static_cast<const std::uint32_t*>(product->table); size < token->min_size) {
      result =
          fill(err, TENON_FAILED_PRECONDITION, "TABLE_TOO_SMALL",
               std::to_string(token->min_size) + " bytes of `" + offer->text() + "` are needed, " + std::to_string(size) + " are offered");
      if (offer->lifetime == TENON_TRANSIENT && !offer->is_instance) take(product, ends);
    } else {
      ++product->leases;
      *out = {out->struct_size, 0, host_.next_id_++, product->table, product->self};
      leases_[out->id] = {product, scope, own};
    }
  }
  end(ends);
  return result;
}

inline tenon_status FakeContainer::release_raw(bool own, tenon_id id) {
  Ends ends;
  {
    const Lock lock(host_.mutex_);
    const auto lease = leases_.find(id);
    if (lease == leases_.end() || lease->second.own != own) return TENON_NOT_FOUND;
    end_lease(lease, ends);
  }
  end(ends);
  return TENON_OK;
}

inline void FakeContainer::leave() {
  Ends ends;
  {
    const Lock lock(host_.mutex_);
    left_ = true;
    std::vector<tenon_id> own;
    for (const auto& [id, s] : scopes_)
      if (s.own) own.push_back(id);
    end_scopes(own, ends);
    const std::vector<OfferPtr> all = offers_;
    for (const OfferPtr& o : all) {
      if (!o->own) continue;
      o->closed = true;
      offers_.erase(std::find(offers_.begin(), offers_.end(), o));
      closed_.push_back(o);
    }
  }
  end(ends);
}

/// Just before destroy: what the test still holds is a problem, what was made ends, the youngest first.
inline void FakeContainer::finish() {
  Ends ends;
  {
    const Lock lock(host_.mutex_);
    if (std::exchange(gone_, true)) return;
    std::vector<tenon_id> others;
    for (const auto& [id, l] : leases_)
      if (!l.own && l.product->offer->own) {
        host_.problem("the test still has a lease of `" + l.product->offer->text() + "`: the daemon would not destroy the module");
        others.push_back(id);
      }
    for (const tenon_id id : others) leases_.erase(id);
    for (auto l = leases_.begin(); l != leases_.end();)
      l = l->second.product->offer->own ? leases_.erase(l) : std::next(l);  // its own, on its own
    std::vector<ProductPtr> all = products_;
    for (auto p = all.rbegin(); p != all.rend(); ++p)
      if ((*p)->offer->own) take(*p, ends);
    const std::vector<OfferPtr> closed = closed_;
    for (const OfferPtr& o : closed)
      if (o->own) release_if_over(o, ends);
  }
  end(ends);
}

inline void FakeContainer::destroyed() {
  Ends ends;
  {
    const Lock lock(host_.mutex_);
    for (auto l = leases_.begin(); l != leases_.end();) {
      const auto lease = l++;
      if (lease->second.own) end_lease(lease, ends);
    }
  }
  end(ends);
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
