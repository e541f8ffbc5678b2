// TasksPart: what one instance wants run.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "abi/instance.hpp"
#include "abi/part.hpp"
#include "kernel/tasks.hpp"
#include "tenon/tasks.h"

namespace tenon::host {

class TasksPart final : public Part {
 public:
  static constexpr PartId id = PartId::tasks;
  static std::unique_ptr<Part> make(Instance& instance);
  explicit TasksPart(Instance& instance);

  void reach_changed() override;
  void drain(std::int64_t deadline_ns) override;
  bool leave(std::int64_t deadline_ns) override;
  bool closed(std::int64_t deadline_ns) override;
  [[nodiscard]] std::vector<std::string> holders() const override;

  [[nodiscard]] Instance& instance() { return instance_; }
  [[nodiscard]] Tasks& tasks() { return tasks_; }
  using Add = std::function<Result<std::uint64_t>(const TaskHandler&)>;
  /// Makes a handler of what the module gave and registers it by `add`; keeps it alive until its release. `out`: TaskHandler::id.
  Result<std::uint64_t> add(const tenon_task& task, tenon_id* out, const Add& add);
  /// The same for a background loop. What the operator decided about it comes before `options.policy`.
  Result<std::uint64_t> loop(const tenon_task& task, tenon_id* out, LoopOptions options);
  /// Certainly; false also while one is being registered, which knows its id before `add` does. Of a strict host only.
  [[nodiscard]] bool was_never_given(tenon_id task) const { return registering_ == 0 && (task == 0 || task > newest_); }

 private:
  Result<std::uint64_t> noted(const std::function<Result<std::uint64_t>()>& add);
  Instance& instance_;
  Tasks& tasks_;
  std::atomic<std::uint32_t> registering_{0};
  std::atomic<tenon_id> newest_{0};  ///< the kernel's ids only grow
};

extern const tenon_tasks tasks_table;

}  // namespace tenon::host
