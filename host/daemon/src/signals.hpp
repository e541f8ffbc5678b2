// The signals that the main loop handles; daemon.hpp blocks and unblocks them.
#pragma once

#include <array>
#include <csignal>

namespace tenon::host {

inline constexpr std::array<int, 5> handled_signals = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT};
sigset_t handled_signal_set();

}  // namespace tenon::host
