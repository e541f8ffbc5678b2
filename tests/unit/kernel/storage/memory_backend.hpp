// A second backend, written without a look at the first: it shows that the suites test the seam and not SQLite.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "kernel/storage_backend.hpp"

namespace tenon::host::test {

struct MemoryRow {
  std::string value, content_type;
  std::uint64_t revision = 0;
  std::int64_t expires_ns = 0;
};

/// What outlives the backend, as a file does.
struct MemoryFile {
  using Rows = std::map<std::string, MemoryRow, std::less<>>;
  std::mutex mutex;
  std::map<NamespaceId, Rows> spaces;
  std::map<std::string, NamespaceId, std::less<>> names;
  std::set<NamespaceId> secret;
  std::uint64_t revision = 0;
};

std::unique_ptr<StorageBackend> memory_backend(std::shared_ptr<MemoryFile> file);

}  // namespace tenon::host::test
