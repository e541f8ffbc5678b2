#include "tasks_part.hpp"

#include <optional>
#include <utility>

#include "callback.hpp"
#include "kernel/kernel.hpp"
#include "once_per_second.hpp"

namespace tenon::host {
namespace {

/// What the log says of a background loop that has ended by itself; a loop that does so again and again is one line per second.
class LoopEnds {
 public:
  explicit LoopEnds(const LoopOptions& options) : policy_(options.policy), decided_by_(options.decided_by) {}

  void tell(Instance& instance, std::string_view name, Code code) {
    const std::optional<std::uint64_t> since = lines_.due();
    if (!since) return;
    const std::string untold = std::to_string(*since);
    std::vector<LogField> fields = {
        {"module", instance.name()}, {"name", name}, {"code", code_name(code)}, {"policy", policy_name(policy_)}};
    if (!decided_by_.empty()) fields.push_back({"decided_by", decided_by_});
    if (untold != "0") fields.push_back({"untold_ends", untold});
    instance.host().log().log(policy_ == LoopPolicy::fail ? warn : info, "a background loop has ended", fields);
  }

 private:
  const LoopPolicy policy_;
  const std::string decided_by_;
  OncePerSecond lines_;
};

/// A task of a module: the C function behind the kernel's handler.
struct Work {
  Work(Instance& instance, const tenon_task& task)
      : callback(instance, "a task"), name(view(task.name)), run_fn(task.run), data(task.data), release(task.release) {}
  Callback callback;
  const std::string name;
  const tenon_task_run run_fn;
  void* const data;
  void (*const release)(void*) noexcept;
  std::optional<LoopEnds> ends;  ///< of a loop

  static Code run(void* self, Call&) noexcept {
    auto& w = *static_cast<Work*>(self);
    const Code code = w.callback.run(w.name, [&w](tenon_call* call, tenon_error* error) { return w.run_fn(w.data, call, error); });
    if (w.ends) w.ended(code);
    return code;
  }
  void ended(Code code) noexcept {
    // Not by itself: it was cancelled, or is about to be, as its module stops.
    if (callback.call().cancelled.load() != 0 || callback.instance().gate().state() != Gate::State::open) return;
    try {
      ends->tell(callback.instance(), name, code);
    } catch (const std::bad_alloc&) {  // its status says it all the same
    }
  }
  static void end(void* self) noexcept {
    const std::unique_ptr<Work> w(static_cast<Work*>(self));
    if (w->release != nullptr) w->release(w->data);
  }
};

// What was registered belongs to the kernel until its release.
Result<std::uint64_t> hand_over(std::unique_ptr<Work> work, tenon_id* out, const TasksPart::Add& add) {
  TaskHandler handler;
  handler.run = &Work::run;
  handler.release = &Work::end;
  handler.data = work.get();
  handler.call = &work->callback.call();
  handler.id = out;
  auto added = add(handler);
  if (added) static_cast<void>(work.release());
  return added;
}

}  // namespace

std::unique_ptr<Part> TasksPart::make(Instance& instance) { return std::make_unique<TasksPart>(instance); }

TasksPart::TasksPart(Instance& instance) : instance_(instance), tasks_(instance.host().kernel()->tasks()) {}

void TasksPart::reach_changed() {
  if (instance_.reach() == Reach::callable) tasks_.started(instance_);
}

void TasksPart::drain(std::int64_t) { tasks_.drain(instance_); }

bool TasksPart::leave(std::int64_t) {
  tasks_.drain(instance_);
  return true;
}

bool TasksPart::closed(std::int64_t deadline_ns) { return tasks_.leave(instance_, deadline_ns).quiet; }

std::vector<std::string> TasksPart::holders() const {
  std::vector<std::string> out;
  for (const TaskStatus& t : tasks_.list(&instance_))
    if (t.state == TaskState::running) out.push_back(t.name.empty() ? "a task that runs" : "the task `" + t.name + "`, which runs");
  return out;
}

Result<std::uint64_t> TasksPart::add(const tenon_task& task, tenon_id* out, const Add& add) {
  if (instance_.host().strict() == nullptr) return hand_over(std::make_unique<Work>(instance_, task), out, add);
  return noted([&] { return hand_over(std::make_unique<Work>(instance_, task), out, add); });
}

Result<std::uint64_t> TasksPart::noted(const std::function<Result<std::uint64_t>()>& add) {
  struct Registering {
    std::atomic<std::uint32_t>& count;
    ~Registering() { --count; }
  };
  ++registering_;
  const Registering registering{registering_};
  Result<std::uint64_t> made = add();
  tenon_id newest = newest_;
  while (made && newest < *made && !newest_.compare_exchange_weak(newest, *made)) continue;
  return made;
}

Result<std::uint64_t> TasksPart::loop(const tenon_task& task, tenon_id* out, LoopOptions options) {
  if (const LoopDecision* decision = decision_on(instance_.options().loops, options.name)) {
    options.policy = decision->policy;
    options.decided_by = decision->key;
  }
  auto work = std::make_unique<Work>(instance_, task);
  work->ends.emplace(options);
  const auto add = [this, &options](const TaskHandler& handler) { return tasks_.loop(instance_, handler, std::move(options)); };
  if (instance_.host().strict() == nullptr) return hand_over(std::move(work), out, add);
  return noted([&] { return hand_over(std::move(work), out, add); });
}

}  // namespace tenon::host
