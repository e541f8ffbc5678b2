// The SQLite side of the seam: one writer, some readers, one file.
#include <algorithm>
#include <memory>

#include "kernel/storage_backend.hpp"
#include "pinned_vfs.hpp"
#include "sqlite_file.hpp"
#include "sqlite_readers.hpp"
#include "sqlite_writer.hpp"

namespace tenon::host {
namespace {

bool is_over(std::int64_t expires_ns, std::int64_t now_ns) { return expires_ns != 0 && expires_ns <= now_ns; }

class SqliteBackend : public StorageBackend {
 public:
  explicit SqliteBackend(SqliteOptions options) : options_(std::move(options)), writer_(options_.shown, options_.sync) {}
  ~SqliteBackend() override {
    if (readers_) readers_->close();
  }

  Result<void> open() override {
    if (Result<void> r = life_.take(options_); !r) return r;
    if (Result<void> r = prepare_store_file(options_, life_.was_clean()); !r) {
      if (life_.was_clean()) life_.closed_cleanly();  // nothing was touched: the next start judges it as this one
      return r;
    }
    if (Result<void> r = vfs_.add(options_.vfs); !r) return r;
    const std::string path = "/proc/self/fd/" + std::to_string(options_.directory) + "/" + options_.name;
    if (const int rc = writer_.connection().open(path, vfs_.name()); rc != SQLITE_OK)
      return sqlite_error(writer_.connection().get(), rc, "cannot open the store", options_.shown);
    if (Result<void> r = prepare_store(writer_.connection(), options_, life_.was_unclean()); !r) return r;
    if (Result<void> r = writer_.start(); !r) return r;
    readers_ = std::make_unique<SqliteReaders>(path, vfs_.name(), options_.shown);
    return {};
  }

  Result<BackendSpace> space(std::string_view name) override { return writer_.space(name); }
  Result<void> set_secret(NamespaceId space, bool secret) override { return writer_.set_secret(space, secret); }
  Result<void> commit(std::span<BackendItem> group, bool durable, std::int64_t now_ns) override {
    return writer_.commit(group, durable, now_ns);
  }
  Result<std::vector<StorageTransaction>> expired(std::int64_t now_ns, std::size_t max) override { return writer_.expired(now_ns, max); }
  void maintain() override { writer_.maintain(); }

  Result<bool> get(NamespaceId space, std::string_view key, std::int64_t now_ns, std::span<char> buffer, ValueInfo& info) override {
    Result<SqliteReaders::Lease> reader = readers_->take();
    if (!reader) return reader.error();
    SqliteStatement& get = (*reader)->get;
    const ResetAtEnd end(get);
    get.bind(1, space);
    get.bind_bytes(2, key);
    const int rc = get.step();
    if (rc == SQLITE_DONE) return false;
    if (rc != SQLITE_ROW) return sqlite_error((*reader)->connection.get(), rc, "cannot read", options_.shown);
    info.revision = static_cast<std::uint64_t>(get.number(0));
    info.expires_ns = get.number(1);
    if (is_over(info.expires_ns, now_ns)) return false;
    info.set_content_type(get.bytes(2));
    const std::string_view value = get.bytes(3);
    info.size = value.size();
    if (!value.empty() && value.size() <= buffer.size()) value.copy(buffer.data(), value.size());
    return true;
  }

  Result<void> scan(StorageCursor& cursor, std::int64_t now_ns, StorageBatch& out) override {
    out.clear();
    if (cursor.done) return {};
    Result<SqliteReaders::Lease> reader = readers_->take();
    if (!reader) return reader.error();
    // Above every key there can be.
    std::string end_key = after_prefix(cursor.prefix);
    if (end_key.empty()) end_key.assign(storage_max_key + 1, '\xff');
    SqliteStatement& scan = (*reader)->scan;
    const ResetAtEnd end(scan);
    scan.bind(1, cursor.space);
    scan.bind_bytes(2, std::max(cursor.from, cursor.prefix));
    scan.bind_bytes(3, end_key);
    int rc = SQLITE_ROW;
    while ((rc = scan.step()) == SQLITE_ROW) {
      const StorageBatch::Row row{scan.bytes(0), scan.bytes(3), scan.bytes(4), static_cast<std::uint64_t>(scan.number(1)), scan.number(2)};
      if (is_over(row.expires_ns, now_ns)) continue;
      if (!out.fits(row.key.size() + row.content_type.size() + row.value.size())) {
        cursor.advance(out[out.size() - 1].key);
        return {};
      }
      out.add(row);
    }
    if (rc != SQLITE_DONE) {
      out.clear();
      return sqlite_error((*reader)->connection.get(), rc, "cannot read", options_.shown);
    }
    cursor.done = true;
    return {};
  }

  Result<void> close() override {
    if (readers_) readers_->close();
    Result<void> closed = writer_.close();
    if (closed) life_.closed_cleanly();
    return closed;
  }

 private:
  const SqliteOptions options_;
  LifeMark life_;
  PinnedVfs vfs_;
  SqliteWriter writer_;
  std::unique_ptr<SqliteReaders> readers_;
};

}  // namespace

std::unique_ptr<StorageBackend> sqlite_storage_backend(SqliteOptions options) {
  return std::make_unique<SqliteBackend>(std::move(options));
}

}  // namespace tenon::host
