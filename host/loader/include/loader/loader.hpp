// Loader: makes ModuleInstances out of .so files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "abi/host_context.hpp"
#include "abi/module_instance.hpp"
#include "kernel/loop_policy.hpp"
#include "loader/code_ranges.hpp"
#include "loader/descriptor.hpp"
#include "loader/module_store.hpp"
#include "tenon/log_sink.h"

namespace tenon::host {

class LoadedModule;
class Permissions;

/// One module to be loaded, as planned.
struct LoadSpec {
  ExpectedDescriptor expected;
  bool trusted = false;  ///< loaded from where it is; others from the store
  StoreRequest file;
  std::string build_id;
  std::shared_ptr<const Value> config;
  std::function<bool(std::string_view)> may_change;  ///< see InstanceOptions
  std::shared_ptr<const Permissions> permissions;    ///< see InstanceOptions
  LoopDecisions loops;                               ///< the operator's
  std::vector<std::string> required;                 ///< modules named by `requires`
};

struct LoaderOptions {
  /// After each dlopen, before anything of the module is called: what a constructor may have replaced (signal handlers) is put back.
  std::function<void()> after_load;
};

/// Lives as long as its instances. Nothing it loads is ever unloaded.
class Loader {
 public:
  /// `store` may be null if no spec is a plugin's.
  Loader(HostContext& host, const ModuleStore* store, CodeRanges& ranges, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// One instance per spec, in the same order; loads nothing yet. Copies in the store are prepared and their digests compared in the background, in the
  /// order `first`, so that the loading thread finds them ready. Call once.
  std::vector<std::unique_ptr<ModuleInstance>> prepare(std::vector<LoadSpec> specs, const std::vector<std::uint32_t>& first);
  /// Prints what the attached log receiver kept; false if there is none. [any thread]
  bool dump_log(std::size_t count, const std::function<void(const tenon_log_record&)>& emit);
  /// Index (in specs) of the module whose delivery on the notifier hangs, or -1. Call about once a second.
  std::int64_t hanging_delivery(std::int64_t now_ns);

 private:
  friend class LoadedModule;
  class Stage;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace tenon::host
