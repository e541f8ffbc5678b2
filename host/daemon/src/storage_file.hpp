// The store the configuration names: which file it is, whether it is needed, and opening it.
#pragma once

#include "base/file.hpp"
#include "config/config.hpp"
#include "daemon/state_dir.hpp"
#include "graph/plan.hpp"
#include "kernel/kernel.hpp"

namespace tenon::host {

/// A planned module needs tenon.storage/1 or tenon.state/1.
bool needs_storage(const Plan& plan);
/// `storage.url` names a file this host can keep a store in.
bool serves_storage_url(const Config& config);
/// Adds a finding if storage is needed and `storage.url` is none this host serves.
void check_storage_url(const Config& config, Plan& plan);
/// What `open_storage` would say in a process of the user `owner`, as far as that shows without touching the store (kernel/storage_file.hpp). OK while a
/// daemon holds the state directory, and if that is not there yet. `storage.url` must be one this host serves.
Result<void> look_at_storage(const Config& config, std::uint32_t owner);
/// Opens it in the state directory. `directory` pins that for as long as the storage is open. Errors carry the exit code: 65 damaged or newer, 73 cannot be
/// made, 75 in use, 77 not safe.
Result<void> open_storage(Kernel& kernel, const Config& config, const StateDir& state, UniqueFd& directory);

}  // namespace tenon::host
