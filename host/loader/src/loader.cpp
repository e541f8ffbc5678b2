#include "loader/loader.hpp"

#include "abi/notifier.hpp"
#include "loaded_module.hpp"

namespace tenon::host {

Loader::Loader(HostContext& host, const ModuleStore* store, CodeRanges& ranges, LoaderOptions options)
    : shared_(std::make_shared<Shared>(host, store, ranges, std::move(options))) {}

Loader::~Loader() = default;

std::vector<std::unique_ptr<ModuleInstance>> Loader::prepare(std::vector<LoadSpec> specs, const std::vector<std::uint32_t>& first) {
  std::vector<StoreRequest> requests;
  std::vector<bool> wanted;
  for (const LoadSpec& spec : specs) {
    requests.push_back(spec.file);
    wanted.push_back(!spec.trusted);
  }
  shared_->unloaded = specs.size();
  // Now, not while loading: the dynamic loader walks the list of everything loaded again and again, and is faster if its own blocks lie together.
  for (LoadSpec& spec : specs) {
    InstanceOptions options;
    options.name = spec.expected.name;
    options.trusted = spec.trusted;
    options.config = std::move(spec.config);
    options.may_change = std::move(spec.may_change);
    options.required = std::move(spec.required);
    options.permissions = std::move(spec.permissions);
    options.loops = std::move(spec.loops);
    shared_->records.push_back(std::make_unique<ModuleRecord>(shared_->host, std::move(options)));
  }
  shared_->stage = std::make_unique<Stage>(shared_->store, std::move(requests), std::move(wanted), first);
  std::vector<std::unique_ptr<ModuleInstance>> out;
  for (std::uint32_t i = 0; i < specs.size(); ++i) out.push_back(std::make_unique<LoadedModule>(shared_, i, std::move(specs[i])));
  return out;
}

bool Loader::dump_log(std::size_t count, const std::function<void(const tenon_log_record&)>& emit) {
  std::vector<Instance*> instances;
  {
    const std::lock_guard lock(shared_->mutex);
    for (const auto& record : shared_->records)
      if (record && record->instance.trusted()) instances.push_back(&record->instance);
  }
  for (Instance* instance : instances)
    if (instance->dump_log(count, emit)) return true;
  return false;
}

std::int64_t Loader::hanging_delivery(std::int64_t now_ns) {
  const Instance* culprit = shared_->host.notifier().write_off_hanging(now_ns);
  if (culprit == nullptr) return -1;
  const std::lock_guard lock(shared_->mutex);
  for (std::size_t i = 0; i < shared_->records.size(); ++i)
    if (shared_->records[i] && &shared_->records[i]->instance == culprit) return static_cast<std::int64_t>(i);
  return -1;
}

}  // namespace tenon::host
