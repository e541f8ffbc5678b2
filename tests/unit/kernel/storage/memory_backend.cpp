#include "memory_backend.hpp"

namespace tenon::host::test {
namespace {

using Kind = StorageTransaction::Kind;

bool over(const MemoryRow& row, std::int64_t now) { return row.expires_ns != 0 && row.expires_ns <= now; }

std::uint64_t bytes_of(const MemoryFile::Rows& rows) {
  std::uint64_t sum = 0;
  for (const auto& [key, row] : rows) sum += storage_entry_cost + key.size() + row.value.size() + row.content_type.size();
  return sum;
}

class MemoryBackend : public StorageBackend {
 public:
  explicit MemoryBackend(std::shared_ptr<MemoryFile> file) : file_(std::move(file)) {}
  Result<void> open() override { return {}; }
  Result<void> close() override { return {}; }
  void maintain() override {}

  Result<BackendSpace> space(std::string_view name) override {
    const std::lock_guard lock(file_->mutex);
    const auto [at, is_new] = file_->names.emplace(name, static_cast<NamespaceId>(file_->names.size() + 1));
    return BackendSpace{at->second, bytes_of(file_->spaces[at->second]), file_->secret.contains(at->second)};
  }
  Result<void> set_secret(NamespaceId space, bool secret) override {
    const std::lock_guard lock(file_->mutex);
    if (secret)
      file_->secret.insert(space);
    else
      file_->secret.erase(space);
    return {};
  }

  Result<void> commit(std::span<BackendItem> group, bool, std::int64_t now) override {
    const std::lock_guard lock(file_->mutex);
    for (BackendItem& item : group) {
      item.outcome = one(*item.transaction, item.quota, now);
      item.space_bytes = bytes_of(file_->spaces[item.transaction->space()]);
    }
    return {};
  }

  Result<bool> get(NamespaceId space, std::string_view key, std::int64_t now, std::span<char> buffer, ValueInfo& info) override {
    const std::lock_guard lock(file_->mutex);
    const MemoryFile::Rows& rows = file_->spaces[space];
    const auto at = rows.find(key);
    if (at == rows.end() || over(at->second, now)) return false;
    info.revision = at->second.revision;
    info.expires_ns = at->second.expires_ns;
    info.size = at->second.value.size();
    info.set_content_type(at->second.content_type);
    if (info.size <= buffer.size()) at->second.value.copy(buffer.data(), info.size);
    return true;
  }

  Result<void> scan(StorageCursor& cursor, std::int64_t now, StorageBatch& out) override {
    const std::lock_guard lock(file_->mutex);
    out.clear();
    const MemoryFile::Rows& rows = file_->spaces[cursor.space];
    for (auto at = rows.lower_bound(std::max(cursor.from, cursor.prefix)); !cursor.done; ++at) {
      if (at == rows.end() || !at->first.starts_with(cursor.prefix)) {
        cursor.done = true;
        break;
      }
      const MemoryRow& row = at->second;
      if (over(row, now)) continue;
      if (!out.fits(at->first.size() + row.content_type.size() + row.value.size())) {
        cursor.from = at->first;
        break;
      }
      out.add({at->first, row.content_type, row.value, row.revision, row.expires_ns});
    }
    return {};
  }

  Result<std::vector<StorageTransaction>> expired(std::int64_t now, std::size_t max) override {
    const std::lock_guard lock(file_->mutex);
    std::vector<StorageTransaction> out;
    for (const auto& [id, rows] : file_->spaces) {
      StorageTransaction mine(id);
      for (const auto& [key, row] : rows)
        if (over(row, now) && max > 0) {
          mine.reap(key);
          --max;
        }
      if (mine.size() > 0) out.push_back(std::move(mine));
    }
    return out;
  }

 private:
  /// On a copy, which takes the place of the original if all went well.
  Result<std::uint64_t> one(const StorageTransaction& transaction, std::uint64_t quota, std::int64_t now) {
    MemoryFile::Rows& original = file_->spaces[transaction.space()];
    MemoryFile::Rows rows = original;
    for (std::size_t i = 0; i < transaction.size(); ++i) {
      const StorageTransaction::Operation o = transaction[i];
      const auto at = rows.find(o.key);
      const std::uint64_t there = at == rows.end() || over(at->second, now) ? 0 : at->second.revision;
      if (o.expected && *o.expected != there) return Error{Code::aborted, "another revision", "STORAGE_CONFLICT"};
      if (o.kind == Kind::put)
        rows.insert_or_assign(std::string(o.key),
                              MemoryRow{std::string(o.value), std::string(o.content_type), file_->revision + 1, o.expires_at(now)});
      else if (o.kind == Kind::clear)
        rows.clear();
      else if (at != rows.end() && (o.kind == Kind::erase || (o.kind == Kind::reap && over(at->second, now))))
        rows.erase(at);
    }
    const std::uint64_t bytes = bytes_of(rows);
    if (bytes > quota && bytes > bytes_of(original)) return Error{Code::resource_exhausted, "over quota", "STORAGE_QUOTA"};
    original = std::move(rows);
    return ++file_->revision;
  }

  const std::shared_ptr<MemoryFile> file_;
};

}  // namespace

std::unique_ptr<StorageBackend> memory_backend(std::shared_ptr<MemoryFile> file) {
  return std::make_unique<MemoryBackend>(std::move(file));
}

}  // namespace tenon::host::test
