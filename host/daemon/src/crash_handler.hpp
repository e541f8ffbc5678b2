// Crash handler: names the module a fatal signal or an exit() came from.
#pragma once

#include <string>

#include "loader/code_ranges.hpp"

namespace tenon::host {

/// Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, and an atexit hook. Under sanitizers only the hook.
/// `ranges` must live as long as the process. `directory_fd`: where the crash marker goes, -1 = none.
void install_crash_handler(const CodeRanges& ranges, int directory_fd, const std::string& version);
/// Puts the handlers back: a module's constructor may have replaced them.
void reinstall_crash_handler();
/// An alternate stack for this thread, so that an overflow of its own can be reported. Once per thread.
void prepare_thread_for_crashes();
/// Where crash reports are written, besides the marker: follows the log's target.
void set_crash_output(int fd);
/// The host is about to end by itself: exit() is no module's doing any more.
void expect_exit();

inline constexpr const char* crash_marker_name = "crash.marker";

}  // namespace tenon::host
