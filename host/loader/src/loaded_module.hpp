// LoadedModule: the life of a module that is a .so in this process.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "abi/instance.hpp"
#include "loader/loader.hpp"
#include "stage.hpp"

namespace tenon::host {

/// What a late callback can still reach. Outlives its LoadedModule: kept by the loader, or for ever if wedged.
struct ModuleRecord {
  ModuleRecord(HostContext& host, InstanceOptions options) : instance(host, std::move(options)) {}
  Instance instance;
  void* self = nullptr;
};

struct Loader::Shared {
  Shared(HostContext& h, const ModuleStore* s, CodeRanges& r, LoaderOptions o) : host(h), store(s), ranges(r), options(std::move(o)) {}
  ~Shared() {
    for (auto& record : records)
      if (record && (record->instance.wedged() || record->instance.leaked()))
        static_cast<void>(record.release());  // a thread is inside: kept for ever
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  HostContext& host;
  const ModuleStore* store;
  CodeRanges& ranges;
  LoaderOptions options;
  std::unique_ptr<Stage> stage;
  std::size_t unloaded = 0;  ///< instances whose load has not been reached yet; the stage ends with the last
  std::mutex mutex;
  std::vector<std::unique_ptr<ModuleRecord>> records;  ///< by index of spec
};

class LoadedModule final : public ModuleInstance {
 public:
  using Shared = Loader::Shared;
  LoadedModule(std::shared_ptr<Shared> shared, std::uint32_t index, LoadSpec spec);
  ~LoadedModule() override;

  [[nodiscard]] bool has(Phase phase) const override;
  Outcome run(Phase phase, std::int64_t deadline_ns) override;
  void skipped(Phase phase) override;
  Outcome configure(const ConfigChange& change, std::int64_t deadline_ns) override;
  void on_completed(std::function<void(Phase, Outcome)> fn) override { completed_ = std::move(fn); }
  void cancel(std::int64_t deadline_ns) override;
  void abandon(Phase phase) override;
  [[nodiscard]] bool is_in_dynamic_loader() const override { return opening_.load() == Opening::begun; }
  [[nodiscard]] std::vector<std::string> holders() const override;

 private:
  enum class Opening : std::uint8_t { not_yet, begun, given_up };
  using Callback = tenon_status (*)(void*, tenon_call*, tenon_error*) noexcept;
  Outcome load();
  Outcome create(std::int64_t deadline_ns);
  void offer_capabilities();
  Outcome call(Phase phase, Callback fn, std::int64_t deadline_ns);
  Outcome stop(std::int64_t deadline_ns);
  Outcome call_stop(std::int64_t deadline_ns);
  Outcome destroy(std::int64_t deadline_ns);
  void close(std::int64_t until_ns);
  bool is_quiet(std::int64_t until_ns);
  void passed(Phase phase);
  [[nodiscard]] Callback callback(Phase phase) const;

  std::shared_ptr<Shared> shared_;
  std::uint32_t index_;
  std::unique_ptr<LoadSpec> spec_;  ///< until load
  const tenon_module* module_ = nullptr;
  std::atomic<ModuleRecord*> record_{nullptr};
  std::atomic<Opening> opening_{Opening::not_yet};
  std::function<void(Phase, Outcome)> completed_;
};

}  // namespace tenon::host
