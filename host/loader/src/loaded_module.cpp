#include "loaded_module.hpp"

#include <algorithm>

#include "abi/notifier.hpp"
#include "base/text.hpp"
#include "kernel/owner.hpp"
#include "library.hpp"

namespace tenon::host {
namespace {

void start_is_complete(Instance& instance) {
  instance.set_phase(Phase::run);
  instance.tell_unknown_loops();
}

/// Its constructors run as a callback of it, so that one which crashes or ends the process is named.
Result<OpenedLibrary> open_library_of(ModuleRecord& record, const std::string& path) {
  const GateEntry inside(record.instance, Phase::load, ThreadTag::control, nullptr, Gate::State::closed);
  return open_library(path);
}

}  // namespace

LoadedModule::LoadedModule(std::shared_ptr<Shared> shared, std::uint32_t index, LoadSpec spec)
    : shared_(std::move(shared)), index_(index), spec_(std::make_unique<LoadSpec>(std::move(spec))) {}

LoadedModule::~LoadedModule() = default;

LoadedModule::Callback LoadedModule::callback(Phase phase) const {
  if (module_ == nullptr) return nullptr;
  const tenon_lifecycle& life = *module_->lifecycle;
  switch (phase) {
    case Phase::pre_init:
      return TENON_HAS(&life, pre_init) ? life.pre_init : nullptr;
    case Phase::init:
      return TENON_HAS(&life, init) ? life.init : nullptr;
    case Phase::post_init:
      return TENON_HAS(&life, post_init) ? life.post_init : nullptr;
    case Phase::start:
      return TENON_HAS(&life, start) ? life.start : nullptr;
    case Phase::stop:
      return TENON_HAS(&life, stop) ? life.stop : nullptr;
    default:
      return nullptr;
  }
}

bool LoadedModule::has(Phase phase) const {
  switch (phase) {
    case Phase::load:
    case Phase::create:
    case Phase::stop:
    case Phase::destroy:
      return true;
    default:
      return callback(phase) != nullptr;
  }
}

Outcome LoadedModule::run(Phase phase, std::int64_t deadline_ns) {
  switch (phase) {
    case Phase::load:
      return load();
    case Phase::create:
      return create(deadline_ns);
    case Phase::stop:
      return stop(deadline_ns);
    case Phase::destroy:
      return destroy(deadline_ns);
    default:
      return call(phase, callback(phase), deadline_ns);
  }
}

Outcome LoadedModule::load() {
  const std::unique_ptr<LoadSpec> spec = std::move(spec_);  // of no use afterwards
  const Result<std::string> path = shared_->stage->take(index_);
  {
    const std::lock_guard lock(shared_->mutex);
    if (--shared_->unloaded == 0) shared_->stage.reset();
  }
  if (!path) return Outcome::failure(path.error());
  if (Opening expected = Opening::not_yet; !opening_.compare_exchange_strong(expected, Opening::begun))
    return Outcome::failure({Code::cancelled, "was given up before its library was opened", "GIVEN_UP", 0, ExitCode::unavailable});
  const Result<OpenedLibrary> library = open_library_of(*shared_->records[index_], *path);
  if (shared_->options.after_load) shared_->options.after_load();
  if (!library) return Outcome::failure(library.error());
  shared_->ranges.add({library->image.begin, library->image.end, spec->expected.name, spec->build_id});
  const auto module = bind_descriptor(*library->entry, library->image, spec->expected);
  if (!module) return Outcome::failure(module.error());
  module_ = *module;
  if ((module_->flags & TENON_SERIAL) != 0) shared_->records[index_]->instance.make_serial();
  record_.store(shared_->records[index_].get(), std::memory_order_release);
  return Outcome::ok();
}

Outcome LoadedModule::create(std::int64_t deadline_ns) {
  ModuleRecord& record = *record_.load();
  if (!TENON_HAS(module_->lifecycle, create)) {
    offer_capabilities();
    return Outcome::ok();
  }
  const auto fn = module_->lifecycle->create;
  Outcome outcome = record.instance.enter(Phase::create, deadline_ns, Gate::State::open, {}, [&record, fn](tenon_call* c, tenon_error* e) {
    return fn(record.instance.ctx(), c, &record.self, e);
  });
  if (outcome.kind == Outcome::Kind::failed) {  // destroy is not owed, but what it registered must go
    close(deadline_ns);
    if (!is_quiet(deadline_ns)) record.instance.wedge();
    if (!record.instance.wedged() && record.instance.finish_parts(deadline_ns) != Part::Pinned::no) record.instance.leak();
    if (!record.instance.wedged() && !record.instance.leaked()) record.instance.parts_destroyed();
    return outcome;
  }
  offer_capabilities();
  return outcome;
}

// The tables were examined when the descriptor was bound, so that nothing is left to refuse.
void LoadedModule::offer_capabilities() {
  ModuleRecord& record = *record_.load();
  if (!TENON_HAS(module_, query)) return;
  if (const auto* health = static_cast<const tenon_health*>(module_->query(c_str(TENON_HEALTH))))
    static_cast<void>(record.instance.offer_health(*health, record.self));
}

Outcome LoadedModule::call(Phase phase, Callback fn, std::int64_t deadline_ns) {
  ModuleRecord& record = *record_.load();
  std::function<void(Outcome)> completed;
  if (phase == Phase::start)
    completed = [this, &record](Outcome o) {
      if (o.kind == Outcome::Kind::done) start_is_complete(record.instance);
      completed_(Phase::start, std::move(o));
    };
  Outcome outcome = record.instance.enter(phase, deadline_ns, Gate::State::open, std::move(completed),
                                          [&record, fn](tenon_call* c, tenon_error* e) { return fn(record.self, c, e); });
  if (phase == Phase::start && outcome.kind == Outcome::Kind::done) start_is_complete(record.instance);
  if (outcome.kind != Outcome::Kind::failed) passed(phase);
  return outcome;
}

// What was registered becomes visible as a whole after init, and is called from start on.
void LoadedModule::passed(Phase phase) {
  Instance& instance = record_.load()->instance;
  if (phase == Phase::init) instance.reach_to(Reach::visible);
  if (phase == Phase::start) instance.reach_to(Reach::callable);
}

void LoadedModule::skipped(Phase phase) {
  passed(phase);
  if (phase == Phase::start) record_.load()->instance.tell_unknown_loops();
}

Outcome LoadedModule::stop(std::int64_t deadline_ns) {
  Instance& instance = record_.load()->instance;
  const std::int64_t now = monotonic_ns();
  instance.gate().advance(Gate::State::draining);
  instance.cancel(now);
  const std::int64_t half = now + (deadline_ns - now) / 2;
  instance.drain_parts(half);
  const bool empty = Gate::wait_until_empty(instance, half);
  Outcome outcome = callback(Phase::stop) != nullptr ? call_stop(deadline_ns) : Outcome::ok();
  if (instance.wedged()) return outcome;
  if (!empty && outcome.kind != Outcome::Kind::failed && !Gate::wait_until_empty(instance, deadline_ns)) {
    std::string who;
    for (const std::string& h : holders()) who += (who.empty() ? "" : ", ") + h;
    outcome = Outcome::failure({Code::failed_precondition, "calls were still inside after stop: " + who, "BUSY", 0, ExitCode::unavailable});
  }
  close(deadline_ns);
  instance.host().notifier().flush(&instance, deadline_ns);
  return outcome;
}

// stop may be deferred too; then this waits for its completion, as nothing else can go on meanwhile.
Outcome LoadedModule::call_stop(std::int64_t deadline_ns) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Outcome> outcome;
  };
  const auto wait = std::make_shared<Wait>();  // a completion may come after this has given up
  ModuleRecord& record = *record_.load();
  const Callback fn = callback(Phase::stop);
  Outcome outcome = record.instance.enter(
      Phase::stop, deadline_ns, Gate::State::draining,
      [wait](Outcome o) {
        const std::lock_guard lock(wait->mutex);
        wait->outcome = std::move(o);
        wait->answered.notify_all();
      },
      [&record, fn](tenon_call* c, tenon_error* e) { return fn(record.self, c, e); });
  if (outcome.kind != Outcome::Kind::deferred) return outcome;
  std::unique_lock lock(wait->mutex);
  while (!wait->outcome) {
    const std::int64_t now = monotonic_ns();
    if (deadline_ns <= now)
      return Outcome::failure({Code::deadline_exceeded, "was PENDING and did not complete in time", "DEADLINE", 0, ExitCode::unavailable});
    // In slices: time_point arithmetic must not overflow for "never".
    wait->answered.wait_for(lock, Nanos(std::min<std::int64_t>(deadline_ns - now, 3'600'000'000'000)));
  }
  return std::move(*wait->outcome);
}

// `until_ns`: how long others may keep what this instance is still to be told. One of them that hangs is written off after Notifier::limit_ns.
void LoadedModule::close(std::int64_t until_ns) {
  Instance& instance = record_.load()->instance;
  if (instance.wedged()) return;  // somebody is inside for good: nothing of it is called any more
  instance.gate().advance(Gate::State::draining);
  instance.answer_deferred();
  // Behind a closed gate nobody would hear that a call has ended: the gate stays as it is, and destroy tries once more.
  if (!instance.host().notifier().flush(&instance, until_ns) || instance.wedged()) return;
  const bool left = instance.leave_parts(until_ns);
  instance.revoke_all();
  instance.gate().advance(Gate::State::closed);
  if (!instance.close_parts(until_ns) || !left) instance.wedge();  // a thread is inside for good
}

// Nobody is inside, and nobody will be: all that it was to be told has been told. What is inside may leave something to be told, and who tells it is
// inside for a moment.
bool LoadedModule::is_quiet(std::int64_t until_ns) {
  Instance& instance = record_.load()->instance;
  return !instance.wedged() && instance.gate().state() == Gate::State::closed && Gate::wait_until_empty(instance, until_ns) &&
         instance.host().notifier().flush(&instance, until_ns) && Gate::wait_until_empty(instance, until_ns) && !instance.wedged();
}

Outcome LoadedModule::destroy(std::int64_t deadline_ns) {
  ModuleRecord& record = *record_.load();
  Instance& instance = record.instance;
  if (instance.gate().state() != Gate::State::closed) close(deadline_ns);
  const std::int64_t now = monotonic_ns();
  if (!is_quiet(now + (deadline_ns - now) / 2)) {
    std::string who;
    for (const std::string& h : holders()) who += (who.empty() ? "" : ", ") + h;
    instance.wedge();
    return Outcome::failure(
        {Code::failed_precondition, "not destroyed, because it is still in use: " + who, "PINNED", 0, ExitCode::unavailable});
  }
  if (const Part::Pinned pinned = instance.finish_parts(now + (deadline_ns - now) / 2); pinned != Part::Pinned::no) {
    instance.leak();
    std::string who;
    for (const std::string& h : holders()) who += (who.empty() ? "" : ", ") + h;
    if (pinned == Part::Pinned::yes)
      return Outcome::failure(
          {Code::failed_precondition, "not destroyed, because it is still in use: " + who, "PINNED", 0, ExitCode::unavailable});
    instance.host().log().log(warn, "not destroyed: what hangs still holds something of it",
                              {{"module", instance.name()}, {"holders", who}});
    return Outcome::ok();
  }
  if (!TENON_HAS(module_->lifecycle, destroy)) {
    instance.parts_destroyed();
    return Outcome::ok();
  }
  const auto fn = module_->lifecycle->destroy;
  const Outcome outcome = instance.enter(Phase::destroy, deadline_ns, Gate::State::closed, {}, [&record, fn](tenon_call*, tenon_error*) {
    fn(record.self);
    return TENON_OK;
  });
  if (outcome.kind == Outcome::Kind::done) instance.parts_destroyed();
  return outcome;
}

Outcome LoadedModule::configure(const ConfigChange& change, std::int64_t deadline_ns) {
  Instance& instance = record_.load()->instance;
  instance.config().replace(change.next);
  return instance.deliver(change, deadline_ns);
}

void LoadedModule::cancel(std::int64_t deadline_ns) {
  if (ModuleRecord* record = record_.load(std::memory_order_acquire)) record->instance.cancel(deadline_ns);
}

void LoadedModule::abandon(Phase) {
  Opening expected = Opening::not_yet;
  opening_.compare_exchange_strong(expected, Opening::given_up);
  ModuleRecord* record = record_.load(std::memory_order_acquire);
  if (record == nullptr) return;
  record->instance.wedge();
  record->instance.cancel(monotonic_ns());
  const std::lock_guard lock(shared_->mutex);
  static_cast<void>(shared_->records[index_].release());  // a thread is inside: kept for ever
}

std::vector<std::string> LoadedModule::holders() const {
  std::vector<std::string> out;
  const ModuleRecord* record = record_.load(std::memory_order_acquire);
  if (record == nullptr) return out;
  for (const ThreadFrames* f = all_thread_frames(); f != nullptr; f = f->next) {
    if (f == existing_thread_frames()) continue;
    for (std::uint32_t i = 0; i < f->depth.load(std::memory_order_seq_cst) && i < ThreadFrames::max_depth; ++i)
      if (f->frames[i].owner.load(std::memory_order_seq_cst) == &record->instance) {
        std::string holder = "thread " + std::to_string(f->thread_id.load()) + " in " + std::string(phase_name(f->frames[i].phase()));
        if (out.empty() || out.back() != holder) out.push_back(std::move(holder));  // calls within calls are one
      }
  }
  if (const std::size_t n = record->instance.deferred_count(); n != 0)
    out.push_back(std::to_string(n) + " unanswered call" + (n == 1 ? "" : "s"));
  if (!shared_->host.notifier().flush(&record->instance, 0)) out.emplace_back("something it is still to be told");
  for (std::string& holder : record->instance.part_holders()) out.push_back(std::move(holder));
  return out;
}

}  // namespace tenon::host
