// Who provides what.
#include <algorithm>

#include "base/text.hpp"
#include "core.hpp"
#include "kernel/names.hpp"

namespace tenon::host {
namespace {

Error refusal(Code code, std::string message, std::string reason) {
  return {code, std::move(message), std::move(reason), 0, ExitCode::unavailable};
}

Error no_token(const Token& token) {
  const bool key = !token_interface(token.name).empty();
  return refusal(Code::invalid_argument,
                 "`" + printable(key ? token.key : token.name, 300) +
                     (key ? "` is no key of a token: expected words of letters, digits, `_` and `-` joined by dots"
                          : "` is no token: expected words joined by dots and a major, as in `catalog.client/1`"),
                 key ? "BAD_KEY" : "BAD_TOKEN");
}

}  // namespace

std::string token_text(std::string_view name, std::string_view key) {
  std::string out(name);
  if (!key.empty()) out.append(" (").append(key).append(")");
  return out;
}

std::string_view token_interface(std::string_view name) {
  const auto parsed = parse_service_name(name);
  // "x/1" and "x" are one service; of a token the major is always written, so that one token has one name.
  return parsed && parsed->name.size() != name.size() ? parsed->name : std::string_view{};
}

Code container_error(Error& error, Code code, std::string message, std::string reason) {
  error = refusal(code, std::move(message), std::move(reason));
  return code;
}

const std::string& seat_module(const ContainerSeat& seat) { return seat.module; }

std::string whose(const ContainerSeat& seat) { return "`" + seat.module + "` (generation " + std::to_string(seat.generation) + ")"; }

/// With everything that it takes to add it. Throws std::bad_alloc.
std::unique_ptr<Product> ContainerCore::make_product() {
  auto made = std::make_unique<Product>();
  decltype(ContainerSeat::products) in_seat;
  made->in_seat = in_seat.extract(in_seat.emplace(0, nullptr).first);
  decltype(ScopeRecord::made) in_made;
  made->in_made = in_made.extract(in_made.emplace(nullptr, nullptr).first);
  return made;
}

Product& ContainerCore::add_product(Provision& p, std::unique_ptr<Product> made, const TokenInstance& instance) {
  made->provision = &p;
  made->instance = instance;
  made->table_size = table_size(instance.table);
  made->made = ++last_id;
  made->in_seat.key() = made->made;
  made->in_seat.mapped() = made.get();
  p.seat->products.insert(std::move(made->in_seat));
  ++p.products;
  return *made.release();
}

Result<std::uint64_t> ContainerCore::provide(ContainerSeat& seat, const TokenOffer& offer, std::unique_ptr<Provision> made,
                                             const TokenInstance* instance) {
  const Token& token = offer.token;
  const std::string_view interface = token_interface(token.name);
  if (interface.empty() || (!token.key.empty() && !is_dotted_name(token.key))) return no_token(token);
  const std::string text = token_text(token.name, token.key);
  if (instance != nullptr && (instance->table == nullptr || table_size(instance->table) < smallest_table))
    return refusal(Code::invalid_argument,
                   "`" + text + "` has no table: expected one that begins with its size in bytes, as the host's own do", "BAD_INSTANCE");
  if (instance == nullptr && made->make == nullptr)
    return refusal(Code::invalid_argument, "`" + text + "` has no factory: expected a function that makes an instance", "NO_FACTORY");
  const bool own = has_prefix(interface, seat.module) || (!token.key.empty() && has_prefix(token.key, seat.module));
  if (has_prefix(interface, "tenon") || (!seat.trusted && !own)) {
    Error error =
        refusal(Code::permission_denied,
                "`" + seat.module + "` may not provide `" + text + "`: what is not below its own name it provides under the key `" +
                    seat.module + "`, and nothing below `tenon`",
                "FOREIGN_TOKEN");
    if (options.denied) options.denied(seat, text, error);
    return error;
  }

  Lock lock(mutex);
  if (seat.left.load(std::memory_order_relaxed) || seat.owner->gate().state() != Gate::State::open)
    return refusal(Code::unavailable, "`" + seat.module + "` is leaving: it provides nothing any more", "LEAVING");
  TokenEntry* entry = tokens.find(token.name, token.key);
  Provision* replaced = nullptr;
  if (entry != nullptr) {
    for (Provision* p : entry->provisions) {
      const ContainerSeat& holder = *p->seat;
      if (&holder == &seat) {
        const Product* ready = p->ready.load(std::memory_order_relaxed);
        const bool same = instance != nullptr
                              ? p->is_instance && ready->instance.table == instance->table && ready->instance.self == instance->self
                              : !p->is_instance && p->make == made->make && p->data == made->data && p->lifetime == made->lifetime;
        if (same) return p->id;
        if (offer.replace) {
          replaced = p;
          continue;
        }
        return refusal(Code::already_exists, whose(seat) + " provides another `" + text + "` already: withdraw that, or ask to replace it",
                       "TAKEN");
      }
      if (holder.module == seat.module && holder.generation < seat.generation) continue;
      return refusal(Code::already_exists,
                     "`" + text + "` is provided by " + whose(holder) + ": " + whose(seat) + " has to provide it under a key of its own",
                     "TAKEN");
    }
  }
  if (seat.offered >= options.max_tokens)
    return refusal(Code::resource_exhausted, whose(seat) + " provides " + std::to_string(seat.offered) + " tokens, no more are taken",
                   "TOO_MANY_TOKENS");

  // All that can fail comes before anything is changed.
  Provision& p = *made;
  p.text = text;
  std::unique_ptr<Product> product = instance != nullptr ? make_product() : nullptr;
  decltype(seat.provisions) place;
  place.emplace(0, &p);
  if (entry != nullptr)
    make_room(entry->provisions, entry->provisions.size() + 1);
  else
    entry = &tokens.insert(token.name, token.key);
  p.seat = &seat;
  p.owner = seat.owner;
  p.keeps_seat = seat.shared_from_this();
  p.entry = entry;
  p.id = p.serial = ++last_id;
  p.data = offer.data;
  p.release = offer.release;
  if (instance != nullptr) {
    p.is_instance = true;
    p.ready.store(&add_product(p, std::move(product), *instance), std::memory_order_release);
  }
  auto node = place.extract(place.begin());
  node.key() = p.id;
  seat.provisions.insert(std::move(node));
  static_cast<void>(made.release());
  ++seat.offered;
  const auto at = std::find(entry->provisions.begin(), entry->provisions.end(), replaced);
  entry->provisions.insert(at, &p);
  if (replaced == nullptr) {
    set_active(*entry);
  } else {
    unlink(*replaced);
    collect(lock);
  }
  return p.id;
}

void ContainerCore::set_active(TokenEntry& entry) {
  entry.shadowed.store(entry.provisions.size() > 1, std::memory_order_seq_cst);
  entry.active.store(entry.provisions.empty() ? nullptr : entry.provisions.front(), std::memory_order_seq_cst);
}

void ContainerCore::unlink(Provision& p) {
  p.closing = true;
  --p.seat->offered;
  std::erase(p.entry->provisions, &p);
  set_active(*p.entry);
  if (p.entry->provisions.empty()) tokens.erase(*p.entry);
  p.entry = nullptr;
  for (const auto& [made, product] : p.seat->products)
    if (product->provision == &p) product->closing.store(true, std::memory_order_seq_cst);
}

/// After a ReadEpochs::wait: what was taken out before that is seen by nobody.
void ContainerCore::free_gone() {
  tokens.free_unlinked();
  while (gone_products != nullptr) delete std::exchange(gone_products, gone_products->gone);
  while (gone_provisions != nullptr) delete std::exchange(gone_provisions, gone_provisions->gone);
}

Container::Container(WorkerPool& pool) : Container(pool, Options{}) {}
Container::Container(WorkerPool& pool, Options options) : core_(std::make_shared<ContainerCore>(pool, std::move(options))) {}
Container::~Container() = default;

void Container::tick() { core_->tick(); }

std::shared_ptr<ContainerSeat> Container::join(Owner& owner, ContainerSeatOptions options) {
  auto seat = std::make_shared<ContainerSeat>(owner, std::move(options));
  const std::lock_guard lock(core_->mutex);
  core_->seats.push_back(seat);
  return seat;
}

Result<std::uint64_t> Container::provide(ContainerSeat& seat, const TokenOffer& offer, const TokenInstance& instance) {
  return core_->provide(seat, offer, std::make_unique<Provision>(), &instance);
}

Result<std::uint64_t> Container::provide_factory(ContainerSeat& seat, const TokenOffer& offer, Lifetime lifetime, TokenMake make,
                                                 TokenDispose dispose) {
  auto made = std::make_unique<Provision>();
  made->lifetime = lifetime;
  made->make = make;
  made->dispose = dispose;
  made->data = offer.data;
  return core_->provide(seat, offer, std::move(made), nullptr);
}

Code Container::withdraw(ContainerSeat& seat, std::uint64_t id) {
  ContainerCore::Lock lock(core_->mutex);
  const auto found = seat.provisions.find(id);
  if (found == seat.provisions.end() || found->second->closing) return Code::not_found;
  core_->unlink(*found->second);
  core_->collect(lock);
  return Code::ok;
}

Code Container::withdraw_wait(ContainerSeat& seat, std::uint64_t id, std::int64_t deadline_ns) {
  ContainerCore::Lock lock(core_->mutex);
  const auto found = seat.provisions.find(id);
  if (found == seat.provisions.end() || found->second->closing) return Code::not_found;
  Provision& p = *found->second;
  for (const auto& b : core_->builds)
    if (b->provision == &p && b->thread == &this_thread_frames()) return Code::failed_precondition;
  if (is_ending_on_this_thread(p)) return Code::failed_precondition;
  const auto withdrawal = std::make_shared<Withdrawal>();
  p.withdrawal = withdrawal;
  core_->unlink(p);
  core_->collect(lock);
  const Blocking blocking;
  while (!withdrawal->over) {
    const std::int64_t left = deadline_ns - monotonic_ns();
    if (left <= 0) return Code::deadline_exceeded;
    core_->changed.wait_for(lock, Nanos(std::min<std::int64_t>(left, 3'600'000'000'000)));
  }
  return Code::ok;
}

void Container::promote(ContainerSeat& seat) {
  const std::lock_guard lock(core_->mutex);
  for (const auto& [id, p] : seat.provisions) {
    if (p->closing) continue;
    std::vector<Provision*>& list = p->entry->provisions;
    const auto at = std::find(list.begin(), list.end(), p);
    std::rotate(list.begin(), at, at + 1);
    ContainerCore::set_active(*p->entry);
  }
}

Container::Stats Container::stats() const {
  const std::lock_guard lock(core_->mutex);
  Stats out;
  out.scopes = core_->scopes.size();
  for (const auto& seat : core_->seats) {
    out.tokens += seat->provisions.size();
    out.instances += seat->products.size();
    seat->slots.for_each([&out](const LeaseSlot& slot) {
      if (slot.product.load(std::memory_order_relaxed) != nullptr) ++out.leases;
    });
  }
  return out;
}

}  // namespace tenon::host
