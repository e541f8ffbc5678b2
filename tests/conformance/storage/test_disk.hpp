// A store in memory that refuses to write while its disk is full.
#pragma once

#include <atomic>

#include "memory_backend.hpp"

namespace tenon::test {

struct DiskState {
  std::atomic<bool> full{false};
  std::shared_ptr<host::test::MemoryFile> file = std::make_shared<host::test::MemoryFile>();
};

class TestDisk : public host::StorageBackend {
 public:
  explicit TestDisk(DiskState& disk) : disk_(disk), memory_(host::test::memory_backend(disk.file)) {}
  host::Result<void> open() override { return memory_->open(); }
  host::Result<host::BackendSpace> space(std::string_view name) override { return memory_->space(name); }
  host::Result<void> set_secret(host::NamespaceId space, bool secret) override { return memory_->set_secret(space, secret); }
  host::Result<void> commit(std::span<host::BackendItem> group, bool durable, std::int64_t now_ns) override {
    if (disk_.full) return host::Error{host::Code::resource_exhausted, "the disk is full", "STORAGE_FULL"};
    return memory_->commit(group, durable, now_ns);
  }
  host::Result<bool> get(host::NamespaceId space, std::string_view key, std::int64_t now_ns, std::span<char> buffer,
                         host::ValueInfo& info) override {
    return memory_->get(space, key, now_ns, buffer, info);
  }
  host::Result<void> scan(host::StorageCursor& cursor, std::int64_t now_ns, host::StorageBatch& out) override {
    return memory_->scan(cursor, now_ns, out);
  }
  host::Result<std::vector<host::StorageTransaction>> expired(std::int64_t now_ns, std::size_t max) override {
    return memory_->expired(now_ns, max);
  }
  void maintain() override { memory_->maintain(); }
  host::Result<void> close() override { return memory_->close(); }

 private:
  DiskState& disk_;
  const std::unique_ptr<host::StorageBackend> memory_;
};

}  // namespace tenon::test
