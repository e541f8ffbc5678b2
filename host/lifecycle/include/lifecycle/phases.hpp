// The list of phases. Each runs over all planned modules before the next begins.
#pragma once

#include <array>

#include "kernel/phase.hpp"

namespace tenon::host {

enum class Who : std::uint8_t {
  all,              ///< in lifecycle order: RuntimeModules by their table, then plugins topologically, ties by name
  all_load_order,   ///< RuntimeModules, required plugins with what they require, then optional ones
  runtime_modules,  ///< RuntimeModules only
};

struct PhaseRow {
  Phase phase;
  Who who;
  bool migrate_only;           ///< also part of `--migrate-only`
  bool ends_at_first_failure;  ///< a required failure ends the phase at once; else the phase goes on, so that all are reported together
};

// What happens before: 0 discover and 1 plan, in which the host reads and checks and no module code runs.
// What happens after: run until a signal, a required module's end, or a failed boot; then
//   stop     exactly the modules whose start was called, in reverse of the order in which it was, one by one
//   destroy  every module whose create succeeded, in reverse
inline constexpr std::array<PhaseRow, 6> boot_phases = {{
    {Phase::load, Who::all_load_order, true, false},         // store copy, digest, dlopen, bind
    {Phase::create, Who::all, true, false},                  // constructor: light, only log and configuration
    {Phase::pre_init, Who::runtime_modules, true, false},    // wire the host's internals
    {Phase::init, Who::all, false, false},                   // register what others use
    {Phase::post_init, Who::runtime_modules, false, false},  // barrier: every init is done
    {Phase::start, Who::all, false, true},                   // begin work; may go on in the background until complete
}};

}  // namespace tenon::host
