// A host in the test's process that loads real modules: kernel, tables, loader, without a lifecycle around them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "abi/host_context.hpp"
#include "kernel/kernel.hpp"
#include "kernel/log.hpp"
#include "kernel/permissions.hpp"
#include "loader/loader.hpp"
#include "process.hpp"
#include "tenon/core.h"

namespace tenon::test {

/// What the test knows of a module it loads; must agree with the file's descriptor.
struct PuppetSpec {
  std::string file;  ///< path of the .so
  std::string name, version = "1.0.0";
  std::vector<std::string> needs;
  std::vector<std::string> capabilities = {"runnable"};
  bool trusted = false;
  std::vector<std::string> required{};                   ///< modules named by `requires`
  std::shared_ptr<const host::Permissions> permissions;  ///< null: what is its own
};

/// One loaded module.
class Puppet {
 public:
  explicit Puppet(std::unique_ptr<host::ModuleInstance> instance) : instance_(std::move(instance)) {}
  /// Fails the test case if the phase does.
  void run(host::Phase phase);
  /// load, create, init, start.
  void boot();
  /// stop, destroy. True if both went well.
  bool end();
  host::ModuleInstance& instance() { return *instance_; }

 private:
  std::unique_ptr<host::ModuleInstance> instance_;
};

/// Everything of a host that a module can reach. Ends the kernel's threads in the destructor, and in a strict host fails the test case if modules
/// broke other rules than expected; puppets must have ended before.
class World {
 public:
  /// `strict`: modules get checking proxies of all tables.
  explicit World(host::KernelOptions options = {}, bool strict = false);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Not loaded yet. Several with the same file are several instances of it, as different names.
  std::vector<std::unique_ptr<Puppet>> prepare(const std::vector<PuppetSpec>& specs);
  host::Kernel& kernel() { return *kernel_; }
  host::HostContext& host() { return *host_; }
  host::LogCore& log() { return log_; }
  [[nodiscard]] bool is_strict() const { return host_->strict() != nullptr; }
  /// In a strict host: a rule that the test breaks on purpose, once more, as "module RULE". In the end exactly these must have been found.
  void expect_finding(std::string finding) { expected_.push_back(std::move(finding)); }

 private:
  TempDir dir_;
  host::LogCore log_;
  std::unique_ptr<host::Kernel> kernel_;
  std::unique_ptr<host::HostContext> host_;
  host::CodeRanges ranges_;
  std::optional<host::ModuleStore> store_;
  std::vector<std::unique_ptr<host::Loader>> loaders_;
  std::vector<std::string> expected_;
};

}  // namespace tenon::test
