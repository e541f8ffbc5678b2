#include "kernel/state.hpp"

#include <sys/random.h>
#include <time.h>

#include <cstring>

#include "state_reader.hpp"
#include "state_space.hpp"
#include "state_watches.hpp"

namespace tenon::host {
namespace {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Without entropy (early in the boot of a machine) an address is still not for everybody to know.
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof seed)) seed = reinterpret_cast<std::uintptr_t>(&seed);
  return seed;
}

/// Two moves for most content types: a call of memcpy would cost more than the bytes.
void copy_short(char* to, std::string_view from) {
  const std::size_t size = from.size();
  const auto ends = [&](auto word) {
    std::memcpy(&word, from.data(), sizeof word);
    auto last = word;
    std::memcpy(&last, from.data() + size - sizeof last, sizeof last);
    std::memcpy(to, &word, sizeof word);
    std::memcpy(to + size - sizeof last, &last, sizeof last);
  };
  if (size > 16)
    std::memcpy(to, from.data(), size);
  else if (size >= 8)
    ends(std::uint64_t{});
  else if (size >= 4)
    ends(std::uint32_t{});
  else
    for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
}

}  // namespace

std::int64_t StateOptions::coarse_realtime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

State::State(StateOptions options)
    : options_(std::move(options)),
      seed_(random_seed()),
      spaces_(std::make_unique<std::array<std::atomic<StateSpace*>, max_spaces>>()),
      reclaimer_(std::make_unique<StateReclaimer>()),
      watches_(std::make_unique<StateWatches>(options_.executor)) {}

State::~State() = default;

StateSpace* State::open(NamespaceId space) const {
  return space < max_spaces ? (*spaces_)[space].load(std::memory_order_seq_cst) : nullptr;
}

Code State::get(NamespaceId space, std::string_view key, std::span<char> buffer, ValueHead& head, char* type) const {
  const StateSpace* const s = open(space);
  if (s == nullptr || key.size() > storage_max_key) return Code::not_found;
  const std::uint64_t hash = state_hash(key, seed_);
  const StateReader reader;
  const StateEntry* const entry = s->find(hash, key);
  if (entry == nullptr || entry->erased) return Code::not_found;
  if (entry->expires_ns != 0 && entry->expires_ns <= options_.clock()) return Code::not_found;
  head.revision = entry->revision;
  head.expires_ns = entry->expires_ns;
  head.size = entry->value_size;
  head.type_size = entry->type_size;
  if (type != nullptr) copy_short(type, entry->content_type());
  if (entry->value_size > buffer.size()) return Code::out_of_range;
  const std::string_view value = entry->value();
  if (!value.empty()) std::memcpy(buffer.data(), value.data(), value.size());
  return Code::ok;
}

void State::keys(StorageCursor& cursor, StorageBatch& out) const {
  out.clear();
  const StateSpace* const s = open(cursor.space);
  if (s != nullptr && !cursor.done) {
    const std::int64_t now_ns = options_.clock();
    const StateReader reader;
    bool more = false;
    s->keys_from(std::max(cursor.from, cursor.prefix), [&](std::string_view key) {
      if (!key.starts_with(cursor.prefix)) return false;
      const StateEntry* const entry = s->find(state_hash(key, seed_), key);
      if (entry == nullptr || entry->erased || (entry->expires_ns != 0 && entry->expires_ns <= now_ns)) return true;
      more = !out.fits(key.size() + entry->type_size);
      if (!more) out.add({key, entry->content_type(), {}, entry->revision, entry->expires_ns});
      return !more;
    });
    if (more) return cursor.advance(out[out.size() - 1].key);
  }
  cursor.done = true;
}

Result<std::uint64_t> State::watch(Owner* owner, WatchOptions options) {
  if (open(options.space) == nullptr)
    return Error{Code::not_found, "the namespace is not in the state, so it cannot be watched", "NAMESPACE"};
  return watches_->add(owner, std::move(options));
}
Result<void> State::unwatch(std::uint64_t id) { return watches_->remove(id); }
Result<void> State::unwatch_wait(std::uint64_t id, std::int64_t deadline_ns) { return watches_->remove_wait(id, deadline_ns); }
void State::revoke(const Owner& owner) { watches_->revoke(owner); }
void State::owner_reach_changed(const Owner& owner) { watches_->reach_changed(owner); }
void State::retry_watches() { watches_->retry(); }
std::size_t State::watch_count() const { return watches_->count(); }

void State::open_space(NamespaceId space) {
  if (space >= max_spaces || open(space) != nullptr) return;
  // Kept to the end: a reader may still hold one that was closed.
  owned_.push_back(std::make_unique<StateSpace>());
  (*spaces_)[space].store(owned_.back().get(), std::memory_order_seq_cst);
}

void State::close_space(NamespaceId space) {
  StateSpace* const s = open(space);
  if (s == nullptr) return;
  (*spaces_)[space].store(nullptr, std::memory_order_seq_cst);
  s->clear(UINT64_MAX, *reclaimer_);
  watches_->note(space, StateChange::Kind::reset, 0, {});
  notify();
}

bool State::put(NamespaceId space, const StorageBatch::Row& row) {
  StateSpace* const s = open(space);
  if (s == nullptr || !s->set(state_hash(row.key, seed_), row, false, *reclaimer_)) return false;
  watches_->note(space, StateChange::Kind::put, row.revision, row.key);
  return true;
}

bool State::erase(NamespaceId space, std::string_view key, std::uint64_t revision, StateChange::Kind kind) {
  StateSpace* const s = open(space);
  if (s == nullptr) return false;
  const StateSpace::Set set = s->set(state_hash(key, seed_), {key, {}, {}, revision, 0}, true, *reclaimer_);
  if (set.was_there) watches_->note(space, kind, revision, key);  // else nothing has changed
  return set.is_new;
}

void State::clear(NamespaceId space, std::uint64_t revision) {
  StateSpace* const s = open(space);
  if (s == nullptr) return;
  s->clear(revision, *reclaimer_);
  watches_->note(space, StateChange::Kind::reset, revision, {});
}

void State::notify() {
  watches_->dispatch();
  reclaimer_->collect();
}

}  // namespace tenon::host
