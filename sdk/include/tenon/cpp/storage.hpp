// Storage: what a module keeps, on disk. StorageSpace is one namespace, StorageTransaction a transaction as a value, StorageCursor an ordered scan.
#ifndef TENON_CPP_STORAGE_HPP
#define TENON_CPP_STORAGE_HPP

#include <chrono>
#include <string>
#include <vector>

#include "tenon/cpp/context.hpp"
#include "tenon/storage.h"

namespace tenon {
inline namespace v1 {

/// A key or a value: text or bytes. Borrowed for the call it is passed to.
class BytesArg {
 public:
  constexpr BytesArg(Bytes b) noexcept : raw_(b) {}
  BytesArg(std::string_view s) noexcept : raw_(Bytes(s)) {}
  BytesArg(const std::string& s) noexcept : BytesArg(std::string_view(s)) {}
  BytesArg(const char* s) noexcept : BytesArg(std::string_view(s)) {}
  operator tenon_bytes() const noexcept { return raw_; }
  [[nodiscard]] std::string_view text() const noexcept { return Bytes(raw_).text(); }

 private:
  tenon_bytes raw_;
};

/// How to put: `{}`, or `PutOptions().type("text/plain").ttl(5min)`.
class PutOptions {
 public:
  PutOptions() noexcept = default;
  PutOptions& type(std::string_view content_type) noexcept {
    raw_.content_type = to_c(content_type);
    return *this;
  }
  /// From the moment of the commit; 0 = never expires.
  PutOptions& ttl(std::chrono::nanoseconds time) noexcept {
    raw_.ttl_ns = time.count();
    return *this;
  }
  [[nodiscard]] const tenon_put_options& raw() const noexcept { return raw_; }

 private:
  tenon_put_options raw_ = {sizeof(tenon_put_options), 0, {nullptr, 0}, 0};
};

/// An entry with its value.
struct Stored {
  std::string value, content_type;
  std::uint64_t revision = 0;
  std::int64_t expires_ns = 0;  ///< CLOCK_REALTIME; 0 = never
};

namespace detail {

inline tenon_value_info empty_info() noexcept {
  tenon_value_info info;
  info.struct_size = sizeof info;
  info.size = 0;
  return info;
}

inline void fill(Stored& out, const tenon_value_info& info) {
  out.value.resize(static_cast<std::size_t>(info.size));
  out.content_type.assign(info.content_type, info.content_type_len);
  out.revision = info.revision;
  out.expires_ns = info.expires_ns;
}

inline std::uint8_t* bytes_of(std::string& text) noexcept { return reinterpret_cast<std::uint8_t*>(text.data()); }

}  // namespace detail

/// Operations and the revisions they expect, each key at most once. Owns its bytes; nothing happens before it is committed.
class StorageTransaction {
 public:
  StorageTransaction& put(BytesArg key, BytesArg value, const PutOptions& options = {}) {
    return add(TENON_STORAGE_PUT, 0, 0, key, value, options);
  }
  /// Only if the entry has that revision; 0 = if nothing is there.
  StorageTransaction& put_if(BytesArg key, std::uint64_t expected, BytesArg value, const PutOptions& options = {}) {
    return add(TENON_STORAGE_PUT, TENON_STORAGE_EXPECT, expected, key, value, options);
  }
  /// An absent key is no error.
  StorageTransaction& erase(BytesArg key) { return add(TENON_STORAGE_ERASE, 0, 0, key, Bytes(), {}); }
  StorageTransaction& erase_if(BytesArg key, std::uint64_t expected) {
    return add(TENON_STORAGE_ERASE, TENON_STORAGE_EXPECT, expected, key, Bytes(), {});
  }
  /// Changes nothing, only expects.
  StorageTransaction& check(BytesArg key, std::uint64_t expected) {
    return add(TENON_STORAGE_CHECK, TENON_STORAGE_EXPECT, expected, key, Bytes(), {});
  }
  [[nodiscard]] std::size_t size() const noexcept { return ops_.size(); }
  [[nodiscard]] bool empty() const noexcept { return ops_.empty(); }
  void clear() noexcept {
    ops_.clear();
    data_.clear();
  }

  /// f(ops, count), as the C functions take them.
  template <class F>
  auto with_ops(F&& f) const {
    std::vector<tenon_storage_op> ops;
    std::vector<const tenon_storage_op*> pointers;
    ops.reserve(ops_.size());
    pointers.reserve(ops_.size());
    for (const Op& o : ops_) {
      const char* at = data_.data() + o.offset;
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(at);
      ops.push_back({sizeof(tenon_storage_op),
                     o.kind,
                     o.flags,
                     0,
                     o.expected,
                     {bytes, o.key_size},
                     {bytes + o.key_size, o.value_size},
                     {at + o.key_size + o.value_size, o.type_size},
                     o.ttl_ns});
      pointers.push_back(&ops.back());
    }
    return f(pointers.data(), pointers.size());
  }

 private:
  struct Op {
    std::uint32_t kind, flags;
    std::uint64_t expected;
    std::int64_t ttl_ns;
    std::size_t offset, key_size, value_size, type_size;
  };
  StorageTransaction& add(std::uint32_t kind, std::uint32_t flags, std::uint64_t expected, BytesArg key, BytesArg value,
                          const PutOptions& options) {
    const auto type = view(options.raw().content_type);
    const std::size_t offset = data_.size();
    data_.append(key.text()).append(value.text()).append(type);
    // Last: without memory for the bytes there is no operation that has none.
    ops_.push_back({kind, flags, expected, options.raw().ttl_ns, offset, key.text().size(), value.text().size(), type.size()});
    return *this;
  }

  std::vector<Op> ops_;
  std::string data_;
};

/// One row of a scan; views live until the cursor's next batch.
class StorageRow {
 public:
  explicit StorageRow(const tenon_storage_row& raw) noexcept : raw_(&raw) {}
  [[nodiscard]] std::string_view key() const noexcept { return Bytes(raw_->key).text(); }
  [[nodiscard]] Bytes value() const noexcept { return raw_->value; }
  [[nodiscard]] std::string_view content_type() const noexcept { return view(raw_->content_type); }
  [[nodiscard]] std::uint64_t revision() const noexcept { return raw_->revision; }
  [[nodiscard]] std::int64_t expires_ns() const noexcept { return raw_->expires_ns; }

 private:
  const tenon_storage_row* raw_;
};

/// A batch of rows: size, [i], for (StorageRow row : rows).
using StorageRows = Views<StorageRow, tenon_storage_row>;

/// A scan in the order of keys, of storage or (Table = tenon_state) of the keys of the state; closed with the object. Move-only.
template <class Table>
class BasicCursor {
 public:
  BasicCursor(tenon_ctx* ctx, const Table* table, tenon_id id) noexcept : ctx_(ctx), table_(table), id_(id) {}
  BasicCursor(BasicCursor&& o) noexcept : ctx_(o.ctx_), table_(o.table_), id_(std::exchange(o.id_, 0)) {}
  BasicCursor& operator=(BasicCursor&& o) noexcept {
    if (this != &o) {
      close();
      ctx_ = o.ctx_;
      table_ = o.table_;
      id_ = std::exchange(o.id_, 0);
    }
    return *this;
  }
  BasicCursor(const BasicCursor&) = delete;
  BasicCursor& operator=(const BasicCursor&) = delete;
  ~BasicCursor() { close(); }

  /// The next rows; empty at the end. [control][worker]
  Result<StorageRows> next() {
    const tenon_storage_row* const* rows = nullptr;
    std::size_t count = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->next(ctx_, id_, &rows, &count, e); });
    if (!status.ok()) return status;
    return StorageRows(rows, count);
  }
  void close() noexcept {
    if (id_ != 0) (void)table_->close(ctx_, std::exchange(id_, 0));
  }

 private:
  tenon_ctx* ctx_;
  const Table* table_;
  tenon_id id_;
};
using StorageCursor = BasicCursor<tenon_storage>;

namespace detail {

/// f(StorageRow) -> void, or bool: false ends it.
template <class Cursor, class F>
Status each_row(Cursor cursor, F&& f) {
  for (;;) {
    Result<StorageRows> rows = cursor.next();
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return Status();
    for (const StorageRow row : *rows) {
      if constexpr (std::is_void_v<decltype(f(row))>) {
        f(row);
      } else {
        if (!f(row)) return Status();
      }
    }
  }
}

}  // namespace detail

/// One namespace: two pointers and an id; copy it freely. Thread-safe.
class StorageSpace {
 public:
  StorageSpace() noexcept = default;  ///< of nothing: only to be assigned to
  StorageSpace(tenon_ctx* ctx, const tenon_storage* table, tenon_id id) noexcept : ctx_(ctx), table_(table), id_(id) {}
  [[nodiscard]] tenon_id id() const noexcept { return id_; }

  /// NOT_FOUND if there is none. [control][worker]
  Result<Stored> get(BytesArg key) const {
    Stored out;
    out.value.resize(256);
    for (;;) {
      tenon_value_info info = detail::empty_info();
      Status status = get(key, detail::bytes_of(out.value), out.value.size(), info);
      if (status.ok()) {
        detail::fill(out, info);
        return out;
      }
      if (status.code() != TENON_OUT_OF_RANGE) return status;
      out.value.resize(static_cast<std::size_t>(info.size));
    }
  }
  /// Into the caller's buffer; OUT_OF_RANGE: info.size says what it takes. [control][worker]
  Status get(BytesArg key, std::uint8_t* buffer, std::size_t capacity, tenon_value_info& info) const {
    return Status::of([&](tenon_error* e) { return table_->get(ctx_, id_, key, buffer, capacity, &info, e); });
  }

  // What changes something gives the revision of its transaction. [control][worker]
  Result<std::uint64_t> put(BytesArg key, BytesArg value, const PutOptions& options = {}) const {
    return change([&](std::uint64_t* r, tenon_error* e) { return table_->put(ctx_, id_, key, value, &options.raw(), r, e); });
  }
  Result<std::uint64_t> erase(BytesArg key) const {
    return change([&](std::uint64_t* r, tenon_error* e) { return table_->erase(ctx_, id_, key, r, e); });
  }
  /// ABORTED unless the entry has that revision; 0 = unless nothing is there.
  Result<std::uint64_t> compare_and_set(BytesArg key, std::uint64_t expected, BytesArg value, const PutOptions& options = {}) const {
    return change(
        [&](std::uint64_t* r, tenon_error* e) { return table_->compare_and_set(ctx_, id_, key, expected, value, &options.raw(), r, e); });
  }
  Result<std::uint64_t> commit(const StorageTransaction& transaction) const {
    return change([&](std::uint64_t* r, tenon_error* e) {
      return transaction.with_ops([&](auto ops, std::size_t n) { return table_->commit(ctx_, id_, ops, n, r, e); });
    });
  }
  Result<std::uint64_t> clear() const {
    return change([&](std::uint64_t* r, tenon_error* e) { return table_->clear(ctx_, id_, r, e); });
  }
  /// Does not wait: if OK, f(Result<std::uint64_t>) follows, exactly once, on a worker; else f was not kept. [any]
  template <class F>
  Status commit_async(const StorageTransaction& transaction, F f) const {
    static_assert(std::is_nothrow_invocable_v<F, Result<std::uint64_t>>, "done runs on a thread of the host: declare it noexcept");
    auto owned = std::make_unique<F>(std::move(f));
    const auto done = [](void* data, tenon_status status, std::uint64_t revision, const tenon_error* error) noexcept {
      const std::unique_ptr<F> fn(static_cast<F*>(data));
      if (status == TENON_OK) {
        (*fn)(Result<std::uint64_t>(revision));
      } else {
        (*fn)(Result<std::uint64_t>(error != nullptr ? Status::from_c(status, *error) : Status(status)));
      }
    };
    Status status = Status::of([&](tenon_error* e) {
      return transaction.with_ops([&](auto ops, std::size_t n) { return table_->commit_async(ctx_, id_, ops, n, done, owned.get(), e); });
    });
    if (status.ok()) (void)owned.release();
    return status;
  }

  /// [control][worker]
  Result<StorageCursor> scan(BytesArg prefix = "") const {
    tenon_id cursor = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->scan(ctx_, id_, prefix, &cursor, e); });
    if (!status.ok()) return status;
    return StorageCursor(ctx_, table_, cursor);
  }
  /// f(StorageRow) for all entries below `prefix`, in the order of keys; returning false ends it. [control][worker]
  template <class F>
  Status for_each(BytesArg prefix, F&& f) const {
    Result<StorageCursor> cursor = scan(prefix);
    if (!cursor.ok()) return cursor.status();
    return detail::each_row(std::move(*cursor), std::forward<F>(f));
  }
  /// [any]
  Result<tenon_storage_stats> stats() const {
    tenon_storage_stats out{};
    out.struct_size = sizeof out;
    Status status = Status::of([&](tenon_error* e) { return table_->stats(ctx_, id_, &out, e); });
    if (!status.ok()) return status;
    return out;
  }

 private:
  template <class F>
  static Result<std::uint64_t> change(F&& f) {
    std::uint64_t revision = 0;
    Status status = Status::of([&](tenon_error* e) { return f(&revision, e); });
    if (!status.ok()) return status;
    return revision;
  }

  tenon_ctx* ctx_ = nullptr;
  const tenon_storage* table_ = nullptr;
  tenon_id id_ = 0;
};

/// The interface, for needs<...>.
class Storage {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_STORAGE;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_storage, stats);

  /// Throws Failure if the host gives none (see needs<...>).
  explicit Storage(Ctx ctx) : ctx_(ctx.raw()), table_(ctx.require<tenon_storage>(id)) {}

  /// A namespace: the module's own (its name), or one granted. Flags: TENON_STORAGE_NORMAL, TENON_STORAGE_SECRET. [control][worker]
  Result<StorageSpace> open(std::string_view name, std::uint32_t flags = 0) const {
    tenon_id space = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->open(ctx_, to_c(name), flags, &space, e); });
    if (!status.ok()) return status;
    return StorageSpace(ctx_, table_, space);
  }
  [[nodiscard]] const tenon_storage* table() const noexcept { return table_; }

 private:
  tenon_ctx* ctx_;
  const tenon_storage* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
