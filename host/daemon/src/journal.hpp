// Is standard error the journal's?
#pragma once

namespace tenon::host {

/// True if $JOURNAL_STREAM names the device and inode of standard error (systemd.exec(5)).
bool stderr_is_journal();

}  // namespace tenon::host
