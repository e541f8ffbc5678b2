// The effective tree, typed: HostSettings.
#pragma once

#include "config/config.hpp"
#include "layers.hpp"

namespace tenon::host::config_room {

/// Fills in everything but the directories of state and status. `tree`: effective, checked.
void fill_settings(const Value& tree, std::unordered_map<std::string, std::vector<PendingSetting>>&& pending, HostSettings& out);

/// The part `log` of an effective tree.
void fill_log(const Value& tree, LogSettings& out);

/// `path`, begun at the absolute `directory` if it is relative; as it is if that is empty.
std::string begun_at(const std::string& directory, const std::string& path);

/// state_dir and runtime_dir_status; and all other paths begin at `input.directory`.
void fill_directories(const Value& tree, const ConfigInput& input, HostSettings& out, Diagnostics& diagnostics);

}  // namespace tenon::host::config_room
