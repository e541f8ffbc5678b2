#include "daemon/boot.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "abi/host_context.hpp"
#include "base/clock.hpp"
#include "discovery/candidate.hpp"
#include "loader/module_store.hpp"
#include "markers.hpp"
#include "storage_file.hpp"
#include "tenon/core.h"

extern char** environ;

namespace tenon::host {

namespace {

// Trying again would hang again: the dynamic loader runs the same constructor.
void refuse_hung(Discovery& discovery, const Config& config, const BootOptions& options) {
  if (options.hung_digests.empty()) return;
  for (Candidate& c : discovery.candidates) {
    const auto settings = config.host.modules.find(c.name);
    const bool required = c.origin == Origin::runtime || (settings != config.host.modules.end() && settings->second.required);
    if (required || !c.file ||
        std::find(options.hung_digests.begin(), options.hung_digests.end(), to_hex(c.file->digest)) == options.hung_digests.end())
      continue;
    Diagnostic& d = c.diagnostics.error(
        "load.hung", {}, "`" + c.name + "` did not return from its constructors at an earlier start, so it is not loaded",
        "replace `" + c.file->path + "`, or delete " + load_marker_name + " in the state directory to try it again");
    d.module = c.name;
    d.exit = ExitCode::unavailable;
  }
}

}  // namespace

std::vector<std::string> hung_digests(const std::string& state_dir) {
  std::vector<std::string> out;
  for (const LoadMarker& m : read_load_markers(state_dir)) out.push_back(m.digest);
  return out;
}

const BuiltinTable& builtin_modules() {
  static const BuiltinTable table = {{"logger", true}};
  return table;
}

std::string host_version() { return TENON_HOST_VERSION; }

HostOffer host_offer() {
  HostOffer offer;
  offer.host_version = host_version();
  for (const InterfaceInfo& i : offered_interfaces()) offer.interfaces.push_back({std::string(i.id), i.runtime_only});
  offer.capabilities = {"runnable", "system", "health"};
  return offer;
}

std::string runtime_directory(const std::string& executable) {
  const std::size_t slash = executable.rfind('/');
  return executable.substr(0, slash == std::string::npos ? 0 : slash) + "/../lib/tenon/runtime";
}

Plan prepare_plan(const Config& config, const BootOptions& options, BootTimes* times) {
  DiscoveryOptions where;
  where.runtime_dir = runtime_directory(options.executable);
  where.plugin_dirs = config.host.plugin_dirs;
  where.manifest_dirs = config.host.manifest_dirs;
  where.path_checks = config.host.path_checks_file_only ? PathChecks::file_only : PathChecks::strict;
  where.host_sdk = TENON_SDK_VERSION;
  where.skip_plugins = options.safe_mode;
  if (options.store != nullptr)
    where.known_digest = [store = options.store](const LibraryFile& file, std::span<const std::byte> bytes) {
      return store->digest_of(file.device, file.inode, bytes);
    };

  const std::int64_t begin = monotonic_ns();
  Discovery discovery = discover(where);
  refuse_hung(discovery, config, options);
  const std::int64_t discovered = monotonic_ns();
  if (options.discovered) options.discovered();
  PlanOptions plan_options;
  plan_options.safe_mode = options.safe_mode;
  plan_options.notes = options.notes;
  Plan plan = make_plan(std::move(discovery), options.builtins, host_offer(), config, plan_options);
  check_storage_url(config, plan);
  if (times != nullptr) *times = {begin, discovered, monotonic_ns()};
  return plan;
}

std::string own_executable() {
  char path[PATH_MAX];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : std::string();
}

void add_process_environment(ConfigInput& input) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (equals != nullptr)
      input.environment.emplace_back(std::string(*entry, static_cast<std::size_t>(equals - *entry)), std::string(equals + 1));
  }
  if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY")) input.credentials_dir = credentials;
}

}  // namespace tenon::host
