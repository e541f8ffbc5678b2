// Is standard error the journal's?
#pragma once

#include <string>

#include "base/diagnostic.hpp"

namespace tenon::host {

/// True if $JOURNAL_STREAM names the device and inode of standard error (systemd.exec(5)). Needs no memory.
bool stderr_is_journal();
/// What is written to standard error beside the log: if that is the journal's, each line begins with the priority of `level`, as the log's lines do.
std::string for_stderr(std::string text, int level);
/// Findings as text, each line with its priority if standard error is the journal's.
std::string for_stderr(const Diagnostics& findings, bool colour);

}  // namespace tenon::host
