#include "retained.hpp"

#include <algorithm>

#include "core.hpp"
#include "kernel/names.hpp"

namespace tenon::host {

Result<void> RetainedStore::keep(EventAccount& account, std::string_view topic, std::uint64_t bytes, std::uint64_t limit,
                                 const std::function<Result<EventRef>()>& publish) {
  Shard& shard = shard_of(topic);
  const std::lock_guard lock(shard.mutex);
  // Leaving closes the account before it looks for values: what is kept here is found there.
  if (account.closed) return Error{Code::unavailable, "`" + account.name + "` has left", "CLOSED", 0, ExitCode::unavailable};
  auto at = shard.values.find(topic);
  const bool fresh = at == shard.values.end();
  const std::uint64_t cost = bytes + overhead;
  const std::uint64_t before = !fresh && at->second.account == &account ? at->second.cost() : 0;
  // Booked is what the account grows by, and not before it is known to fit: others look at the sum meanwhile.
  const std::uint64_t grows = cost > before ? cost - before : 0;
  // Given back, and the empty place with it, unless the value is kept in the end.
  bool placed = false, kept = false;
  const auto give_back = [&](const void*) {
    if (kept) return;
    account.retained_bytes.fetch_sub(grows, std::memory_order_relaxed);
    if (placed) shard.values.erase(at);
  };
  std::uint64_t held = account.retained_bytes.load(std::memory_order_relaxed);
  do {
    if (grows != 0 && held + grows > limit)
      return Error{Code::resource_exhausted,
                   "the retained values of `" + account.name + "` would need " + std::to_string(held + grows) + " bytes with that of `" +
                       std::string(topic) + "`, and may need " + std::to_string(limit),
                   "RETAINED_FULL", 0, ExitCode::unavailable};
  } while (!account.retained_bytes.compare_exchange_weak(held, held + grows, std::memory_order_relaxed));
  const std::unique_ptr<const void, decltype(give_back)> claim(&cost, give_back);
  if (fresh) {  // before anything is published: there must be a place to keep it
    at = shard.values.try_emplace(std::string(topic)).first;
    placed = true;
  }
  Result<EventRef> event = publish();
  if (!event) return event.error();
  if (!fresh) {
    const std::uint64_t freed = at->second.account == &account ? before + grows - cost : at->second.cost();
    at->second.account->retained_bytes.fetch_sub(freed, std::memory_order_relaxed);
  }
  at->second = {std::move(*event), &account};
  kept = true;
  return {};
}

bool RetainedStore::forget(EventAccount& account, std::string_view topic) {
  Shard& shard = shard_of(topic);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.values.find(topic);
  if (found == shard.values.end() || found->second.account != &account) return false;
  account.retained_bytes.fetch_sub(found->second.cost(), std::memory_order_relaxed);
  shard.values.erase(found);
  return true;
}

void RetainedStore::forget_all(EventAccount& account) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    std::erase_if(shard.values, [&account](auto& item) {
      if (item.second.account != &account) return false;
      account.retained_bytes.fetch_sub(item.second.cost(), std::memory_order_relaxed);
      return true;
    });
  }
}

std::vector<EventRef> RetainedStore::matching(std::string_view pattern) {
  std::vector<EventRef> out;
  const bool one = pattern.find_first_of("*>") == std::string_view::npos;
  for (Shard& shard : shards_) {
    if (one && &shard != &shard_of(pattern)) continue;
    const std::lock_guard lock(shard.mutex);
    for (auto& [topic, value] : shard.values)
      if (matches(pattern, topic)) {
        value.event->add_references(1);
        out.push_back(EventRef(value.event.get()));
      }
  }
  std::sort(out.begin(), out.end(), [](const EventRef& a, const EventRef& b) { return a->id() < b->id(); });
  return out;
}

}  // namespace tenon::host
