#include "tasks_part.hpp"

#include "callback.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {
namespace {

/// A task of a module: the C function behind the kernel's handler.
struct Work {
  Work(Instance& instance, const tenon_task& task)
      : callback(instance, "a task"), name(view(task.name)), run_fn(task.run), data(task.data), release(task.release) {}
  Callback callback;
  const std::string name;
  const tenon_task_run run_fn;
  void* const data;
  void (*const release)(void*) noexcept;

  static Code run(void* self, Call&) noexcept {
    auto& w = *static_cast<Work*>(self);
    return w.callback.run(w.name, [&w](tenon_call* call, tenon_error* error) { return w.run_fn(w.data, call, error); });
  }
  static void end(void* self) noexcept {
    const std::unique_ptr<Work> w(static_cast<Work*>(self));
    if (w->release != nullptr) w->release(w->data);
  }
};

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

Result<std::uint64_t> TasksPart::add(const tenon_task& task, const std::function<Result<std::uint64_t>(const TaskHandler&)>& add) {
  auto work = std::make_unique<Work>(instance_, task);
  TaskHandler handler;
  handler.run = &Work::run;
  handler.release = &Work::end;
  handler.data = work.get();
  handler.call = &work->callback.call();
  auto added = add(handler);
  if (added) static_cast<void>(work.release());
  return added;
}

}  // namespace tenon::host
