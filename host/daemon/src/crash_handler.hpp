// Crash handler: names the module a fatal signal or an exit() came from, and saves the log lines that are still in memory.
#pragma once

#include <string>

#include "kernel/log.hpp"
#include "loader/code_ranges.hpp"

namespace tenon::host {

class Strict;

/// Handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, and an atexit hook (under sanitizers only the hook): they write what the log
/// still buffers, then their report, to the log's target, and leave a marker in `directory_fd` (-1: none). Once per process. After its end the
/// handlers stay, but report to standard error and know no module.
class CrashHandler {
 public:
  /// `strict` (may be null) knows the views that were taken back from modules.
  CrashHandler(const CodeRanges& ranges, LogCore& log, int directory_fd, const std::string& version, const Strict* strict = nullptr);
  ~CrashHandler();
  CrashHandler(const CrashHandler&) = delete;
  CrashHandler& operator=(const CrashHandler&) = delete;
};

/// Puts the handlers back: a module's constructor may have replaced them.
void reinstall_crash_handler();
/// An alternate stack for this thread, so that an overflow of its own can be reported. Once per thread.
void prepare_thread_for_crashes();
/// The host is about to end by itself: exit() is no module's doing any more.
void expect_exit();

inline constexpr const char* crash_marker_name = "crash.marker";

}  // namespace tenon::host
