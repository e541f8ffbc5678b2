// The host's side: owners come and leave.
#include "kernel/events.hpp"

#include <algorithm>
#include <thread>
#include <tuple>

#include "core.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t end_ns = 2'000'000'000;

std::uint64_t delivered_by(const std::vector<std::shared_ptr<EventSubscription>>& subscriptions) {
  std::uint64_t n = 0;
  for (const auto& s : subscriptions) n += s->delivered();
  return n;
}

}  // namespace

Events::Events(Owner& host, WorkerPool& pool, EventLimits limits, EventHooks hooks)
    : core_(std::make_shared<EventCore>(host, pool, limits, std::move(hooks))) {}

Events::~Events() {
  const std::int64_t deadline = monotonic_ns() + end_ns;
  std::vector<Owner*> owners;
  {
    const std::lock_guard lock(core_->mutex);
    for (const auto& [key, account] : core_->accounts) owners.push_back(&account->owner);
  }
  for (Owner* owner : owners) leave(*owner, deadline);
  const std::lock_guard lock(core_->mutex);
  core_->accounts.clear();
  // What waits for readers keeps the core alive; readers stay for microseconds.
  while (!core_->grace.collect()) std::this_thread::yield();
}

EventClient Events::join(Owner& owner, Permissions permissions) {
  const std::lock_guard lock(core_->mutex);
  auto at = core_->accounts.find(&owner);
  if (at == core_->accounts.end())
    at = core_->accounts.emplace(&owner, std::make_shared<EventAccount>(core_, owner, std::move(permissions))).first;
  return EventClient(at->second);
}

EventClient Events::host() { return join(core_->host, Permissions::all(core_->host.name())); }

bool Events::has_subscriptions() const { return core_->in_tree.load(std::memory_order_acquire) != 0; }

void Events::owner_reach_changed(Owner& owner) {
  std::vector<std::shared_ptr<EventSubscription>> claimed;
  {
    const std::lock_guard lock(core_->mutex);
    const auto found = core_->accounts.find(&owner);
    if (found == core_->accounts.end()) return;
    EventAccount& account = *found->second;
    claimed.reserve(account.subscriptions.size());
    account.reach.store(owner.reach(), std::memory_order_release);
    if (owner.reach() == Reach::hidden) return;
    for (const auto& [id, s] : account.subscriptions) {
      if (!s->primed()) core_->prime(*s);
      if (s->claim_post()) claimed.push_back(s);
    }
  }
  for (const auto& s : claimed) s->post();
}

EventsLeft Events::drain(Owner& owner, std::int64_t deadline_ns) {
  const std::shared_ptr<EventAccount> account = core_->find(owner);
  if (account == nullptr) return {};
  {
    const std::lock_guard lock(core_->mutex);
    account->draining = true;
  }
  const auto subscriptions = core_->subscriptions_of(*account);
  const std::uint64_t discarded = account->discarded, delivered = delivered_by(subscriptions);
  for (const auto& s : subscriptions) s->stop(s->options.drain, deadline_ns);
  const auto waited_for = [](const auto& s) { return s->options.drain && !s->idle(); };
  const bool quiet = core_->wait(deadline_ns, [&] { return std::none_of(subscriptions.begin(), subscriptions.end(), waited_for); });
  for (const auto& s : subscriptions) s->stop(false, deadline_ns);
  return {quiet, account->discarded - discarded, delivered_by(subscriptions) - delivered};
}

EventsLeft Events::leave(Owner& owner, std::int64_t deadline_ns) {
  const std::shared_ptr<EventAccount> account = core_->find(owner);
  if (account == nullptr) return {};
  EventsLeft out;
  const std::uint64_t discarded = account->discarded;
  if (!account->draining) out.delivered = drain(owner, deadline_ns).delivered;
  std::vector<std::shared_ptr<EventSubscription>> subscriptions;
  {
    const std::lock_guard lock(core_->mutex);
    account->closed = true;
    for (const auto& [id, s] : account->subscriptions) {
      core_->take_out(*s);
      subscriptions.push_back(s);
    }
  }
  core_->retained.forget_all(*account);
  for (const auto& s : subscriptions) {
    s->stop(false, deadline_ns);
    s->close_here();
  }
  out.quiet = core_->wait(deadline_ns, [&] {
    return std::all_of(subscriptions.begin(), subscriptions.end(), [](const auto& s) { return s->ended() && !s->posting(); });
  });
  out.discarded = account->discarded - discarded;
  if (!out.quiet) return out;
  const std::lock_guard lock(core_->mutex);
  if (account->unreported != 0)
    core_->last_drops.push_back({account->name, account->generation, 0, {}, account->unreported, account->dropped});
  core_->accounts.erase(&owner);
  return out;
}

void Events::tick(std::int64_t now) {
  core_->post_parked();
  std::vector<EventDrops> drops;
  {
    const std::lock_guard lock(core_->mutex);
    if (core_->reported && now - core_->last_report_ns < core_->limits.drop_report_ns) return;
    core_->reported = true;
    core_->last_report_ns = now;
    drops.swap(core_->last_drops);
    for (const auto& [key, account] : core_->accounts) {
      for (const auto& [id, s] : account->subscriptions)
        if (const std::uint64_t n = s->take_unreported(); n != 0)
          drops.push_back({account->name, account->generation, id, s->pattern, n, s->dropped()});
      if (account->unreported != 0) drops.push_back({account->name, account->generation, 0, {}, account->unreported, account->dropped});
      account->unreported = 0;
    }
  }
  if (core_->hooks.dropped)
    for (const EventDrops& d : drops) core_->hooks.dropped(d);
}

std::vector<Events::Totals> Events::totals() const {
  std::map<std::string, Totals> by_owner;
  const std::lock_guard lock(core_->mutex);
  for (const auto& [key, account] : core_->accounts) {
    Totals& t = by_owner[account->name];
    t.dropped += account->dropped;
    t.delivered += account->delivered;
    t.failed += account->failed;
    for (const auto& [id, s] : account->subscriptions) {
      const EventStats stats = s->stats();
      t.dropped += stats.dropped;
      t.delivered += stats.delivered;
      t.failed += stats.failed;
      t.queued += stats.queued;
    }
  }
  std::vector<Totals> out;
  for (auto& [owner, t] : by_owner) {
    t.owner = owner;
    out.push_back(std::move(t));
  }
  return out;
}

std::vector<Events::Info> Events::subscriptions() const {
  std::vector<Info> out;
  {
    const std::lock_guard lock(core_->mutex);
    for (const auto& [key, account] : core_->accounts)
      for (const auto& [id, s] : account->subscriptions) out.push_back({account->name, account->generation, id, s->pattern, s->stats()});
  }
  std::sort(out.begin(), out.end(),
            [](const Info& a, const Info& b) { return std::tie(a.owner, a.generation, a.id) < std::tie(b.owner, b.generation, b.id); });
  return out;
}

}  // namespace tenon::host
