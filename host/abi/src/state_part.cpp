#include "state_part.hpp"

#include <chrono>
#include <thread>

#include "abi/instance.hpp"
#include "abi/strict.hpp"
#include "base/text.hpp"
#include "bytes.hpp"
#include "callback.hpp"
#include "deadline_here.hpp"
#include "handler_call.hpp"
#include "kernel/kernel.hpp"
#include "storage_part.hpp"

namespace tenon::host {
namespace {

constexpr std::uint64_t state_tag = 2;
constexpr std::size_t max_watches = 64;
constexpr std::int64_t tell_ns = 1'000'000'000;

Error no_watch() { return {Code::not_found, "there is no such watch, or it has ended", "WATCH"}; }

std::uint32_t kind_of(StateChange::Kind kind) {
  switch (kind) {
    case StateChange::Kind::put:
      return TENON_STATE_PUT;
    case StateChange::Kind::erased:
      return TENON_STATE_ERASED;
    case StateChange::Kind::expired:
      return TENON_STATE_EXPIRED;
    case StateChange::Kind::reset:
      break;
  }
  return TENON_STATE_RESET;
}

}  // namespace

/// One watch of the module. The kernel's watch holds it until it has ended, the job that releases it until that is done.
struct StatePart::Watch : std::enable_shared_from_this<StatePart::Watch> {
  Watch(Instance& i, NamespaceId s, std::string_view p, const Handler& h) : instance(i), space(s), prefix(p), handler(h) {
    call.instance = &instance;
  }

  Instance& instance;
  const NamespaceId space;
  const std::string prefix;
  const Handler handler;
  tenon_call call;  ///< of the delivery that is going on
  std::mutex mutex;
  std::condition_variable changed;
  bool released = false;
  std::atomic<bool> unposted{false};         ///< it has ended, and there was no memory to have it released
  std::shared_ptr<Watch> of_job;             ///< itself, while the pool has the job for that
  std::atomic<std::thread::id> deliverer{};  ///< inside the handler
  std::int64_t told_ns = 0;                  ///< of failures; the deliverer's, as the next one
  std::uint64_t untold = 0;

  /// On a worker, one at a time, inside the gate.
  void deliver(std::span<const StateChange> changes) {
    const HandlerTurn turn(instance, Gate::State::open);
    if (!turn || instance.wedged()) return;  // it is leaving
    begin_call(call, instance);
    std::vector<tenon_state_change> rows;
    std::vector<const tenon_state_change*> pointers;
    rows.reserve(changes.size());
    pointers.reserve(changes.size());
    for (const StateChange& c : changes) {
      rows.push_back(
          {sizeof(tenon_state_change), kind_of(c.kind), c.revision, {reinterpret_cast<const std::uint8_t*>(c.key.data()), c.key.size()}});
      pointers.push_back(&rows.back());
    }
    tenon_error error{};
    error.struct_size = sizeof error;
    deliverer.store(std::this_thread::get_id(), std::memory_order_relaxed);
    const tenon_status status = tell(pointers, error);
    deliverer.store({}, std::memory_order_relaxed);
    call.free_reserved();
    if (status == TENON_OK) return;
    failed(error_of(status, &error));
  }

  /// One that always fails is one line per second.
  void failed(const Error& e) {
    const std::int64_t now = monotonic_ns();
    if (told_ns != 0 && now - told_ns < tell_ns) {
      ++untold;
      return;
    }
    told_ns = now;
    const std::string since = std::to_string(std::exchange(untold, 0));
    std::vector<LogField> fields = {{"module", instance.name()}, {"reason", e.reason}, {"error", e.message}};
    if (since != "0") fields.push_back({"untold_failures", since});
    instance.host().log().log(warn, "a watch of the state has failed", fields);
  }

  tenon_status tell(const std::vector<const tenon_state_change*>& changes, tenon_error& error) {
    Strict* const strict = instance.host().strict();
    const StrictCall live(strict, &call);
    if (strict == nullptr) return handler.fn(handler.data, &call, changes.data(), changes.size(), &error);
    // All of it on pages that are gone when the handler has returned.
    Borrowed borrowed(*strict, instance);
    auto* list = borrowed.array<const tenon_state_change*>("the changes of a watch", changes.size());
    for (std::size_t i = 0; list != nullptr && i < changes.size(); ++i) {
      tenon_state_change own = *changes[i];
      tenon_state_change* copy = borrowed.object("the changes of a watch", own);
      list[i] = copy == &own ? changes[i] : copy;
      if (copy != &own) copy->key = borrowed.bytes("the key of a change", own.key);
    }
    return handler.fn(handler.data, &call, list == nullptr ? changes.data() : list, changes.size(), &error);
  }

  /// The kernel's watch has ended, whoever ended it: on a worker, as nobody who ends one expects to be called back.
  void end() {
    if (handler.release == nullptr || instance.wedged()) return told();
    Job job;
    job.run = [](void* p) noexcept { static_cast<Watch*>(p)->release(); };
    job.end = [](void* p, JobEnd how) noexcept {
      const std::shared_ptr<Watch> mine = std::move(static_cast<Watch*>(p)->of_job);
      if (how == JobEnd::dropped) mine->release();
    };
    job.data = this;
    of_job = shared_from_this();
    job.timeout_ns = handler_ns;
    job.limit = Gate::State::closed;
    job.notification = true;
    try {
      if (instance.host().kernel()->workers().post(instance, job)) return;
    } catch (const std::bad_alloc&) {
      const std::shared_ptr<Watch> mine = std::move(of_job);
      unposted.store(true);
      return;
    }
    const std::shared_ptr<Watch> mine = std::move(of_job);
    release();  // the pool is gone, and with it everybody who could be inside
  }
  /// What `end` could not do; on a thread that may call the module.
  void release_unposted() {
    if (unposted.exchange(false)) release();
  }
  void release() {
    const HandlerTurn turn(instance, Gate::State::closed);
    if (!instance.wedged()) {
      const GateEntry entry(instance, Phase::run, ThreadTag::worker, nullptr, Gate::State::closed);
      if (entry) handler.release(handler.data);
    }
    told();
  }
  void told() {
    const std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }
  bool is_released() {
    const std::lock_guard lock(mutex);
    return released;
  }
  bool wait_released(std::int64_t deadline_ns) {
    std::unique_lock lock(mutex);
    const std::chrono::steady_clock::time_point until(Nanos(std::min(deadline_ns, no_deadline / 2)));
    return changed.wait_until(lock, until, [this] { return released; });
  }
};

std::unique_ptr<Part> StatePart::make(Instance& instance) {
  Kernel& kernel = *instance.host().kernel();
  if (kernel.storage() == nullptr) return nullptr;
  return std::make_unique<StatePart>(instance, *kernel.storage(), *kernel.state());
}

StatePart::StatePart(Instance& instance, Storage& storage, State& state)
    : instance_(instance),
      storage_(storage),
      state_(state),
      spaces_(instance.generation() << 8U | state_tag),
      cursors_(instance, [&state](StorageCursor& cursor, StorageBatch& batch) -> Result<void> {
        state.keys(cursor, batch);
        return {};
      }) {}

StatePart::~StatePart() = default;

Result<tenon_id> StatePart::open(const std::string& name) {
  if (Result<void> r = may_use_namespace(instance_, name); !r) return r.error();
  const std::int64_t deadline_ns = deadline_here(instance_);
  const Blocking blocking;
  const Result<NamespaceId> found = storage_.use(name, deadline_ns);
  if (!found) return found.error();
  const Result<StorageUsage> usage = storage_.usage(*found);
  if (usage && usage->secret)
    return Error{Code::failed_precondition,
                 "the namespace `" + printable(name) + "` is secret, so it is not in the state: read the storage", "SECRET"};
  return spaces_.add({*found, 0});
}

Result<tenon_id> StatePart::watch(NamespaceId space, std::string_view prefix, const Handler& handler) {
  const std::lock_guard lock(mutex_);
  if (left_) return Error{Code::unavailable, "the instance is leaving: nothing can be registered", "CLOSED"};
  for (const auto& [watch_id, w] : watches_)
    if (w->space == space && w->prefix == prefix && w->handler.fn == handler.fn && w->handler.data == handler.data) return watch_id;
  if (watches_.size() >= max_watches)
    return Error{Code::resource_exhausted, "the instance has 64 watches already, and may have no more", "WATCHES"};
  std::erase_if(ended_, [](const auto& item) { return item.second->is_released(); });
  const auto watch = std::make_shared<Watch>(instance_, space, prefix, handler);
  decltype(watches_) place;
  place.emplace(0, watch);
  WatchOptions options;
  options.space = space;
  options.prefix = prefix;
  options.on_change = [watch](std::span<const StateChange> changes) { watch->deliver(changes); };
  options.release = [watch] { watch->end(); };
  options.call = &watch->call;
  const Result<std::uint64_t> made = state_.watch(&instance_, std::move(options));
  if (made) {
    auto node = place.extract(place.begin());
    node.key() = *made;
    watches_.insert(std::move(node));
  }
  return made;
}

Result<std::shared_ptr<StatePart::Watch>> StatePart::take(tenon_id watch_id) {
  const std::lock_guard lock(mutex_);
  const auto at = watches_.find(watch_id);
  if (at == watches_.end()) return no_watch();
  std::shared_ptr<Watch> watch = at->second;
  ended_.insert(watches_.extract(at));  // until it was released
  return watch;
}

Result<void> StatePart::unwatch(tenon_id watch_id) {
  const Result<std::shared_ptr<Watch>> watch = take(watch_id);
  if (!watch) return watch.error();
  return state_.unwatch(watch_id);
}

Result<void> StatePart::unwatch_wait(tenon_id watch_id, std::int64_t deadline_ns) {
  std::shared_ptr<Watch> watch;
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = watches_.find(watch_id); at != watches_.end()) watch = at->second;
  }
  if (watch == nullptr) return no_watch();
  if (watch->deliverer.load(std::memory_order_relaxed) == std::this_thread::get_id())
    return Error{Code::failed_precondition, "a watch cannot wait for itself inside its own handler: use unwatch", "REENTRANT"};
  if (on_own_strand(instance_)) return own_strand_error("a watch");
  if (const Result<std::shared_ptr<Watch>> mine = take(watch_id); !mine) return mine.error();
  if (Result<void> r = state_.unwatch_wait(watch_id, deadline_ns); !r) return r;
  watch->release_unposted();
  if (watch->wait_released(deadline_ns)) return {};
  return Error{Code::deadline_exceeded, "the watch has ended, but its release has not returned in time", "WATCH_DEADLINE"};
}

void StatePart::reach_changed() { state_.owner_reach_changed(instance_); }

void StatePart::drain(std::int64_t) {
  const std::lock_guard lock(mutex_);
  for (const auto& [watch_id, watch] : watches_) watch->call.cancel();
}

bool StatePart::leave(std::int64_t deadline_ns) {
  std::map<tenon_id, std::shared_ptr<Watch>> mine;
  {
    const std::lock_guard lock(mutex_);
    left_ = true;
    mine.swap(watches_);
    mine.merge(ended_);
  }
  state_.revoke(instance_);
  bool quiet = true;
  for (const auto& [watch_id, watch] : mine) {
    watch->release_unposted();
    quiet = watch->wait_released(deadline_ns) && quiet;
  }
  return quiet;
}

}  // namespace tenon::host
