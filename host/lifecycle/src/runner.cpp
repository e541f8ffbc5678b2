#include "lifecycle/runner.hpp"

#include "core.hpp"

namespace tenon::host {

Runner::Runner(std::vector<RunnerModule> modules, RunnerOptions options, RunnerObserver& observer)
    : core_(std::make_shared<Core>(std::move(modules), std::move(options), observer)) {}
Runner::~Runner() { core_->free_instances(); }

// A control thread may own the core a moment longer than the runner: what its rows refer to would be gone when it lets go.
void Runner::Core::free_instances() {
  std::vector<std::unique_ptr<ModuleInstance>> instances;
  const Lock lock(mutex_);
  if (!told_end_ || result_.wedged) return;  // somebody is still inside one
  for (Row& row : rows_) instances.push_back(std::move(row.module.instance));
}

void Runner::start() { core_->start(); }
void Runner::request_stop() { core_->request_stop(); }
std::int64_t Runner::check() { return core_->check(); }
void Runner::configure(std::uint32_t module, ConfigChange change) { core_->configure(module, std::move(change)); }
void Runner::module_wedged(std::uint32_t module, Error why) { core_->module_wedged(module, std::move(why)); }
bool Runner::finished() const { return core_->finished(); }
void Runner::wait_finished() { core_->wait_finished(); }
RunnerResult Runner::result() const { return core_->result(); }
std::vector<ModuleStatus> Runner::status() const { return core_->status(); }
ModuleStatus Runner::status(std::uint32_t module) const { return core_->status(module); }
std::int64_t Runner::latest_deadline() const { return core_->latest_deadline(); }

}  // namespace tenon::host
