#include "state_watches.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <optional>
#include <string>
#include <thread>

#include "base/no_memory.hpp"
#include "kernel/owner.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t most_waiting = 1024;
constexpr std::size_t batch_changes = 256;

}  // namespace

/// One watch. It is delivered to by at most one task at a time, which is posted when there is something to say.
class StateWatch : public std::enable_shared_from_this<StateWatch> {
 public:
  StateWatch(std::uint64_t id, Owner* owner, WatchOptions options, std::shared_ptr<StateWatches::Posting> posting)
      : id_(id), owner_(owner), options_(std::move(options)), posting_(std::move(posting)) {}

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const Owner* owner() const { return owner_; }
  [[nodiscard]] NamespaceId space() const { return options_.space; }
  [[nodiscard]] bool concerns(std::string_view key) const { return key.empty() || key.starts_with(options_.prefix); }

  void add(StateChange change) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (change.kind == StateChange::Kind::reset || waiting_.size() >= most_waiting) {
      waiting_.clear();
      change.kind = StateChange::Kind::reset;
      change.key.clear();
    }
    std::string key = change.key;
    waiting_.insert_or_assign(std::move(key), std::move(change));
  }

  void post_if_needed() noexcept {
    // Under the lock: the owner is there for as long as the watch is not closed.
    const std::lock_guard lock(mutex_);
    if (closed_ || posted_ || waiting_.empty()) return;
    if (owner_ != nullptr && owner_->reach() != Reach::callable) return;
    try {
      posting_->executor(owner_, [self = shared_from_this()] { self->deliver(); });
      posted_ = true;
    } catch (...) {  // no memory
      posting_->late = true;
    }
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      if (delivering_) return;  // who delivers ends it
    }
    end();
  }

  /// The calling thread is inside its on_change.
  bool is_inside() {
    const std::lock_guard lock(mutex_);
    return delivering_ && deliverer_ == std::this_thread::get_id();
  }

  Result<void> close_wait(std::int64_t deadline_ns) {
    close();
    std::unique_lock lock(mutex_);
    if (returned_.wait_until(lock, std::chrono::steady_clock::time_point(Nanos(std::min(deadline_ns, no_deadline / 2))),
                             [&] { return !delivering_; }))
      return {};
    return Error{Code::deadline_exceeded, "the watch has not returned in time, it has ended otherwise", "WATCH_DEADLINE"};
  }

 private:
  using Waiting = std::map<std::string, StateChange>;  ///< by key: a newer change takes the place of an older one

  /// Needs no memory: without any it tells one change at a time.
  void deliver() {
    std::vector<StateChange> many;
    StateChange one;
    std::span<StateChange> batch;
    Waiting::node_type place;
    std::optional<GateEntry> inside;
    bool entered = true;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      if (waiting_.empty()) {
        posted_ = false;
        return;
      }
      place = waiting_.extract(waiting_.begin());
      one = std::move(place.mapped());
      batch = std::span(&one, 1);
      if (const std::size_t more = std::min(waiting_.size(), batch_changes - 1); more != 0 && has_room(many, more + 1)) {
        many.push_back(std::move(one));
        while (many.size() <= more) many.push_back(std::move(waiting_.extract(waiting_.begin()).mapped()));
        batch = many;
      }
      // Under the lock: whoever ends the watch afterwards finds this thread inside its owner, and so does not destroy that.
      if (owner_ != nullptr)
        entered = static_cast<bool>(inside.emplace(*owner_, Phase::run, ThreadTag::worker, options_.call, Gate::State::open));
      delivering_ = true;
      deliverer_ = std::this_thread::get_id();
    }
    const bool heard = !entered || call(batch);
    inside.reset();
    bool ended = false;
    {
      const std::lock_guard lock(mutex_);
      posted_ = false;
      if (!closed_) delivering_ = false;
      ended = closed_;
      if (!entered) waiting_.clear();  // the owner is leaving
      if (!heard && !closed_) {
        StateChange& reset = place.mapped();
        reset = {StateChange::Kind::reset, newest(batch), {}};
        place.key().clear();
        waiting_.insert(std::move(place));
      }
    }
    if (ended) {
      end();
      const std::lock_guard lock(mutex_);
      delivering_ = false;
      returned_.notify_all();
    } else if (heard) {
      post_if_needed();
    } else {
      posting_->late = true;  // not at once: there is no memory
    }
  }

  static bool has_room(std::vector<StateChange>& list, std::size_t n) {
    try {
      list.reserve(n);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  static std::uint64_t newest(std::span<const StateChange> changes) {
    std::uint64_t out = 0;
    for (const StateChange& c : changes) out = std::max(out, c.revision);
    return out;
  }

  /// False: it had no memory, and may have heard nothing of it.
  bool call(std::span<const StateChange> changes) {
    try {
      options_.on_change(changes);
    } catch (const std::bad_alloc&) {
      return false;
    } catch (...) {  // NOLINT(bugprone-empty-catch): its failure is its own, and what comes next is told again
    }
    return true;
  }

  /// Once: by whoever closed it, or by the delivery that was going on.
  void end() {
    std::function<void()> release;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      ended_ = true;
      waiting_.clear();
      release = std::move(options_.release);
    }
    options_.on_change = nullptr;
    if (release) release();
  }

  const std::uint64_t id_;
  Owner* const owner_;
  WatchOptions options_;
  const std::shared_ptr<StateWatches::Posting> posting_;
  std::mutex mutex_;
  std::condition_variable returned_;
  Waiting waiting_;
  bool posted_ = false, delivering_ = false, closed_ = false, ended_ = false;
  std::thread::id deliverer_;
};

StateWatches::StateWatches(Executor executor) : posting_(std::make_shared<Posting>(std::move(executor))) {}

StateWatches::~StateWatches() {
  for (const auto& [id, watch] : by_id_) watch->close();
}

Result<std::uint64_t> StateWatches::add(Owner* owner, WatchOptions options) {
  if (!posting_->executor || !options.on_change)
    return Error{Code::failed_precondition, "nothing can be watched: there is no executor or no on_change", "WATCH"};
  const std::lock_guard lock(mutex_);
  std::vector<Ref>& of_space = by_space_[options.space];
  if (of_space.size() >= State::max_watches)
    return Error{Code::resource_exhausted, "the namespace is watched " + std::to_string(State::max_watches) + " times already", "WATCHES"};
  const auto watch = std::make_shared<StateWatch>(++last_id_, owner, std::move(options), posting_);
  make_room(of_space, of_space.size() + 1);
  by_id_.emplace(watch->id(), watch);
  of_space.push_back(watch);
  count_.store(by_id_.size(), std::memory_order_seq_cst);
  return watch->id();
}

void StateWatches::forget(const Ref& watch) {
  std::erase(by_space_[watch->space()], watch);
  by_id_.erase(watch->id());
  count_.store(by_id_.size(), std::memory_order_seq_cst);
}

StateWatches::Ref StateWatches::take(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto at = by_id_.find(id);
  if (at == by_id_.end()) return nullptr;
  Ref watch = at->second;
  forget(watch);
  return watch;
}

Result<void> StateWatches::remove(std::uint64_t id) {
  const Ref watch = take(id);
  if (!watch) return Error{Code::not_found, "there is no watch " + std::to_string(id), "WATCH"};
  watch->close();
  return {};
}

Result<void> StateWatches::remove_wait(std::uint64_t id, std::int64_t deadline_ns) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = by_id_.find(id); at != by_id_.end() && at->second->is_inside())
      return Error{Code::failed_precondition, "a watch cannot wait for itself inside its own on_change: use unwatch", "REENTRANT"};
  }
  const Ref watch = take(id);
  if (!watch) return Error{Code::not_found, "there is no watch " + std::to_string(id), "WATCH"};
  return watch->close_wait(deadline_ns);
}

void StateWatches::revoke(const Owner& owner) {
  std::vector<Ref> mine;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, watch] : by_id_)
      if (watch->owner() == &owner) mine.push_back(watch);
    for (const Ref& watch : mine) forget(watch);
  }
  for (const Ref& watch : mine) watch->close();
}

void StateWatches::reach_changed(const Owner& owner) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, watch] : by_id_)
    if (watch->owner() == &owner) watch->post_if_needed();
}

void StateWatches::retry() {
  if (!posting_->late.exchange(false)) return;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, watch] : by_id_) watch->post_if_needed();
}

// In one order with the entries of the state: who has begun to watch, and then does not see a change yet, is told of it.
std::size_t StateWatches::count() const { return count_.load(std::memory_order_seq_cst); }

void StateWatches::note(NamespaceId space, StateChange::Kind kind, std::uint64_t revision, std::string_view key) {
  if (count() == 0) return;
  const std::lock_guard lock(mutex_);
  const auto at = by_space_.find(space);
  if (at == by_space_.end()) return;
  for (const Ref& watch : at->second)
    if (watch->concerns(key)) noted_.emplace_back(watch, StateChange{kind, revision, std::string(key)});
}

void StateWatches::dispatch() {
  for (auto& [watch, change] : noted_) watch->add(std::move(change));
  for (const auto& [watch, change] : noted_) watch->post_if_needed();
  noted_.clear();
}

}  // namespace tenon::host
