#include "core.hpp"

#include <array>
#include <new>
#include <thread>

namespace tenon::host {
namespace {

/// The subscriptions an event goes to: mostly few, so that no memory is needed.
class Targets {
 public:
  void add(EventSubscription& s) {
    if (count_ < first_.size())
      first_[count_] = &s;
    else
      more_.push_back(&s);
    ++count_;
    refusing_ = refusing_ || s.refuses();
  }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool refusing() const { return refusing_; }
  EventSubscription& operator[](std::size_t i) { return i < first_.size() ? *first_[i] : *more_[i - first_.size()]; }
  void set(std::size_t i, EventSubscription& s) { (i < first_.size() ? first_[i] : more_[i - first_.size()]) = &s; }

 private:
  std::array<EventSubscription*, 64> first_;
  std::vector<EventSubscription*> more_;
  std::size_t count_ = 0;
  bool refusing_ = false;
};

/// A place in each queue that refuses, or none and the reason.
Result<void> reserve_all(Targets& targets, const EventDraft& draft, std::size_t bytes) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EventSubscription& s = targets[i];
    if (!s.refuses() || s.reserve(bytes)) continue;
    for (std::size_t k = 0; k < i; ++k)
      if (targets[k].refuses()) targets[k].unreserve(bytes);
    return Error{Code::resource_exhausted,
                 "the queue of `" + s.account().name + "` for `" + s.pattern + "` is full and refuses more, so nobody got the event on `" +
                     std::string(draft.topic) + "`",
                 "QUEUE_FULL", 0, ExitCode::unavailable};
  }
  return {};
}

}  // namespace

EventAccount::EventAccount(std::shared_ptr<EventCore> c, Owner& o, Permissions p)
    : core(std::move(c)),
      owner(o),
      name(o.name()),
      generation(o.generation()),
      permissions(std::move(p)),
      is_host(&o == &core->host),
      reach(o.reach()) {}

std::uint64_t EventSlots::reserve() {
  if (free_.empty()) {
    // Room to be freed again, so that freeing never fails.
    if (free_.capacity() <= slots_.size()) free_.reserve(slots_.size() * 2 + 16);
    slots_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  return std::uint64_t{slots_[number - 1].generation} << 32 | number;
}

void EventSlots::set(std::uint64_t id, std::shared_ptr<EventSubscription> subscription) {
  slots_[index_of(id)].subscription = std::move(subscription);
}

void EventSlots::free(std::uint64_t id) {
  Slot& slot = slots_[index_of(id)];
  slot.subscription = nullptr;
  // A slot whose generations are used up is not used again.
  if (++slot.generation != 0) free_.push_back(index_of(id) + 1);
}

std::shared_ptr<EventSubscription> EventSlots::find(std::uint64_t id) const {
  const std::uint32_t index = index_of(id);
  if (index >= slots_.size() || slots_[index].generation != id >> 32) return nullptr;
  return slots_[index].subscription;
}

Result<EventRef> EventCore::dispatch(const EventDraft& draft, std::uint64_t id) {
  Targets targets;
  std::size_t posts = 0;
  EventRef event;
  {
    const GracePeriods::Reader reader(grace);
    tree.match(draft.topic, [&targets](EventSubscription& s) {
      if (s.account().reach.load(std::memory_order_acquire) != Reach::hidden) targets.add(s);
    });
    if (targets.size() == 0 && !draft.retain) return event;
    event.reset(EventRecord::make(spares, draft, id, realtime_ns()));
    if (event == nullptr) return Error{Code::resource_exhausted, "there is no memory for an event", "NO_MEMORY", 0, ExitCode::unavailable};
    if (targets.refusing())
      if (auto ok = reserve_all(targets, draft, event->bytes()); !ok) return ok.error();
    // All at once, and what is not taken given back at once: subscribers drop theirs meanwhile.
    const std::size_t count = targets.size(), bytes = event->bytes();
    event->set_references(static_cast<std::uint32_t>(count + (draft.retain ? 1 : 0)));
    EventRecord* const record = draft.retain ? event.get() : event.release();  // not looked at again: it is read elsewhere by then
    std::uint32_t not_taken = 0;
    for (std::size_t i = 0; i < count; ++i) {
      EventSubscription& s = targets[i];
      const EventSubscription::Pushed pushed = s.push(*record, bytes, s.refuses());
      if (!pushed.taken) ++not_taken;
      if (pushed.post) targets.set(posts++, s);
    }
    if (not_taken != 0) record->drop_references(not_taken);
  }
  for (std::size_t i = 0; i < posts; ++i) targets[i].post();
  return event;
}

void EventCore::tell_waiters() {
  if (waiters == 0) return;
  { const std::lock_guard lock(waiting_mutex); }
  changed.notify_all();
}

void EventCore::post_parked() noexcept {
  if (parked == 0) return;
  std::vector<std::shared_ptr<EventSubscription>> claimed;
  {
    const std::lock_guard lock(mutex);
    std::size_t n = 0;
    for (const auto& [key, account] : accounts) n += account->subscriptions.size();
    try {
      claimed.reserve(n);  // before any is claimed: who claims has to post
    } catch (const std::bad_alloc&) {
      return;  // the next time
    }
    for (const auto& [key, account] : accounts)
      for (const auto& [id, s] : account->subscriptions)
        if (s->claim_parked()) claimed.push_back(s);
  }
  for (const auto& s : claimed) s->post();
}

std::shared_ptr<EventAccount> EventCore::find(const Owner& owner) const {
  const std::lock_guard lock(mutex);
  const auto found = accounts.find(&owner);
  return found == accounts.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<EventSubscription>> EventCore::subscriptions_of(const EventAccount& account) const {
  const std::lock_guard lock(mutex);
  std::vector<std::shared_ptr<EventSubscription>> out;
  out.reserve(account.subscriptions.size());
  for (const auto& [id, s] : account.subscriptions) out.push_back(s);
  return out;
}

bool EventCore::take_out(EventSubscription& subscription) noexcept {
  if (slots.find(subscription.id) == nullptr) return false;
  slots.free(subscription.id);
  tree.erase(subscription.pattern, subscription);
  in_tree.fetch_sub(1, std::memory_order_release);
  grace.retire(subscription.tree_garbage());
  grace.collect();
  return true;
}

void EventCore::forget(EventSubscription& subscription) noexcept {
  EventAccount& account = subscription.account();
  const std::lock_guard lock(mutex);
  account.unreported += subscription.take_unreported();
  const EventStats stats = subscription.stats();
  account.dropped += stats.dropped;
  account.delivered += stats.delivered;
  account.failed += stats.failed;
  account.subscriptions.erase(subscription.id);
}

void EventCore::prime(EventSubscription& subscription) {
  try {
    subscription.prime(retained.matching(subscription.pattern));
  } catch (const std::bad_alloc&) {
    subscription.prime({});
  }
}

}  // namespace tenon::host
