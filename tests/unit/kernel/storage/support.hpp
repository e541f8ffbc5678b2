// What tests of storage share: a store in a directory of its own that can be closed and opened again, over either backend, and a clock that is set.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "kernel/state.hpp"
#include "kernel/storage.hpp"
#include "memory_backend.hpp"

namespace tenon::host::test {

class StoreDir {
 public:
  StoreDir() {
    // In memory where possible: what reaches the disk is the shim's matter, and waiting for a real one only takes time.
    const bool in_memory = ::access("/dev/shm", W_OK | X_OK) == 0;
    std::string name =
        ((in_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) / "tenon-storage-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
    fd_.reset(::open(name.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
    REQUIRE(fd_);
  }
  ~StoreDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  StoreDir(const StoreDir&) = delete;
  StoreDir& operator=(const StoreDir&) = delete;
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] SqliteOptions sqlite() const { return {fd_.get(), "kernel.db", path_ / "kernel.db", {}, true}; }

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  REQUIRE(out.good());
}

/// Runs what was posted when the test says so.
class Later {
 public:
  std::function<void(std::function<void()>)> executor() {
    return [this](std::function<void()> work) {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    };
  }
  StateOptions::Executor for_state() {
    return [run = executor()](Owner*, std::function<void()> work) { run(std::move(work)); };
  }
  std::size_t run() {
    std::size_t ran = 0;
    for (;; ++ran) {
      std::function<void()> next;
      {
        const std::lock_guard lock(mutex_);
        if (work_.empty()) return ran;
        next = std::move(work_.front());
        work_.pop_front();
      }
      next();
    }
  }
  std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return work_.size();
  }

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> work_;
};

enum class Behind { sqlite, memory };

/// Storage with its state, as a host has them.
class Store {
 public:
  explicit Store(Behind behind) : behind_(behind) { open(); }
  explicit Store(SqliteOptions sqlite) : behind_(Behind::sqlite), given_(std::move(sqlite)) { open(); }

  Result<void> try_open() {
    later = std::make_unique<Later>();
    state = std::make_unique<State>(StateOptions{later->for_state(), [this] { return now.load(); }});
    StorageOptions options;
    options.clock = [this] { return now.load(); };
    options.state = state.get();
    Result<std::unique_ptr<Storage>> opened = Storage::open(backend(), options);
    if (!opened) return opened.error();
    storage = std::move(*opened);
    return {};
  }
  void open() {
    const Result<void> opened = try_open();
    REQUIRE_MESSAGE(opened, opened.error().message);
  }
  void close() {
    const Result<void> closed = storage->close();
    CHECK_MESSAGE(closed, closed.error().message);
    storage.reset();
    state.reset();
  }
  void reopen() {
    close();
    check_accounts();
    open();
  }
  /// What the backend believes a namespace to hold is what it holds. While it is closed.
  void check_accounts() {
    const std::unique_ptr<StorageBackend> closed = backend();
    REQUIRE(closed->open());
    StorageBatch batch;
    for (const std::string& name : names_) {
      const Result<BackendSpace> space = closed->space(name);
      std::uint64_t bytes = 0;
      for (StorageCursor cursor{space->id, {}}; !cursor.done;) {
        REQUIRE(closed->scan(cursor, INT64_MIN, batch));
        for (std::size_t i = 0; i < batch.size(); ++i)
          bytes += storage_entry_cost + batch[i].key.size() + batch[i].content_type.size() + batch[i].value.size();
      }
      CHECK_MESSAGE(space->bytes == bytes, name);
    }
    CHECK(closed->close());
  }
  [[nodiscard]] NamespaceId define(const std::string& name, const NamespaceOptions& options = {}) {
    const Result<NamespaceId> id = storage->define(name, options);
    REQUIRE_MESSAGE(id, id.error().message);
    names_.insert(name);
    return *id;
  }
  std::unique_ptr<StorageBackend> backend() {
    if (behind_ == Behind::memory) return memory_backend(file_);
    return sqlite_storage_backend(given_.directory >= 0 ? given_ : dir.sqlite());
  }

  StoreDir dir;
  std::atomic<std::int64_t> now{1'700'000'000'000'000'000};
  std::unique_ptr<Later> later;
  std::unique_ptr<State> state;
  std::unique_ptr<Storage> storage;

 private:
  const Behind behind_;
  const SqliteOptions given_;
  std::set<std::string> names_;
  const std::shared_ptr<MemoryFile> file_ = std::make_shared<MemoryFile>();
};

inline std::string value_in(const Store& store, NamespaceId space, std::string_view key) {
  Result<Storage::Stored> r = store.storage->get(space, key);
  return r ? r->value : "<" + std::string(code_name(r.error().code)) + ">";
}

inline std::string state_of(const Store& store, NamespaceId space, std::string_view key) {
  std::string buffer(storage_max_value, '\0');
  ValueInfo info;
  const Code code = store.state->get(space, key, std::span(buffer.data(), buffer.size()), info);
  return code == Code::ok ? buffer.substr(0, info.size) : "<" + std::string(code_name(code)) + ">";
}

/// key -> "value@revision", through the cursor.
inline std::map<std::string, std::string> scan_all(Storage& storage, NamespaceId space, const std::string& prefix = {}) {
  std::map<std::string, std::string> out;
  StorageBatch batch;
  std::string last;
  for (StorageCursor cursor{space, prefix}; !cursor.done;) {
    const Result<void> r = storage.scan(cursor, batch);
    REQUIRE_MESSAGE(r, r.error().message);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      CHECK(std::string(batch[i].key) > last);
      last = batch[i].key;
      out[last] = std::string(batch[i].value) + "@" + std::to_string(batch[i].revision);
    }
  }
  return out;
}

/// The same through the state.
inline std::map<std::string, std::string> state_all(const Store& store, NamespaceId space) {
  std::map<std::string, std::string> out;
  StorageBatch batch;
  for (StorageCursor cursor{space, {}}; !cursor.done;) {
    store.state->keys(cursor, batch);
    for (std::size_t i = 0; i < batch.size(); ++i)
      out[std::string(batch[i].key)] = state_of(store, space, batch[i].key) + "@" + std::to_string(batch[i].revision);
  }
  return out;
}

inline Code code_of(const auto& result) { return result ? Code::ok : result.error().code; }
inline std::string reason_of(const auto& result) { return result ? "" : result.error().reason; }

}  // namespace tenon::host::test

#define STORAGE_CASE_JOIN(a, b) a##b
#define STORAGE_CASE_NAME(a, b) STORAGE_CASE_JOIN(a, b)
/// A case that runs over both backends: STORAGE_CASE("name") { ... store ... }
#define STORAGE_CASE(name)                                                                  \
  static void STORAGE_CASE_NAME(storage_case_, __LINE__)(tenon::host::test::Store & store); \
  TEST_CASE(name " (sqlite)") {                                                             \
    tenon::host::test::Store store(tenon::host::test::Behind::sqlite);                      \
    STORAGE_CASE_NAME(storage_case_, __LINE__)(store);                                      \
  }                                                                                         \
  TEST_CASE(name " (memory)") {                                                             \
    tenon::host::test::Store store(tenon::host::test::Behind::memory);                      \
    STORAGE_CASE_NAME(storage_case_, __LINE__)(store);                                      \
  }                                                                                         \
  static void STORAGE_CASE_NAME(storage_case_, __LINE__)(tenon::host::test::Store & store)
