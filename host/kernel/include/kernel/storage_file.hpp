// The file of a store, looked at without opening the store.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "kernel/storage_backend.hpp"

namespace tenon::host {

/// What opening the store `options` names would say in a process of the user `owner`, as far as its kind, mode, size and first bytes show; pages
/// behind the first one, and anything while a write-ahead log is beside it, are not looked at. Takes no lock, makes and changes nothing. Not for a
/// process that has the store open: closing a descriptor would drop SQLite's locks.
Result<void> look_at_store(const SqliteOptions& options, std::uint32_t owner);

}  // namespace tenon::host
