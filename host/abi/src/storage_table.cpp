#include "deadline_here.hpp"
#include "kernel/workers.hpp"
#include "space_table.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

using Kind = StorageTransaction::Kind;

template <class Work>
tenon_status with_part(tenon_ctx* ctx, bool valid, tenon_error* err, Work&& work) noexcept {
  return with_space_part<StoragePart>(TENON_STORAGE, "storage", ctx, valid, err, std::forward<Work>(work));
}

/// Commits, waits, and says with which revision.
Result<void> commit_here(Instance& instance, StoragePart& part, StorageTransaction transaction, std::uint64_t* revision) {
  const Blocking blocking;
  const Result<std::uint64_t> done = part.storage().commit(std::move(transaction), deadline_here(instance));
  if (!done) return done.error();
  if (revision != nullptr) *revision = *done;
  return {};
}

bool is_valid(const tenon_put_options* o) {
  return o == nullptr || (o->struct_size >= TENON_UP_TO(tenon_put_options, ttl_ns) && is_view(o->content_type));
}

PutOptions options_of(const tenon_put_options* o, std::optional<std::uint64_t> expected) {
  if (o == nullptr) return {.expected = expected};
  return {.content_type = view(o->content_type), .ttl_ns = o->ttl_ns, .expected = expected};
}

/// What a module wrote is read once: another thread of it may change it meanwhile.
Result<void> add_op(StorageTransaction& transaction, const tenon_storage_op* given) {
  if (given == nullptr || given->struct_size < TENON_UP_TO(tenon_storage_op, ttl_ns)) return null_struct_of(TENON_STORAGE);
  const tenon_storage_op op = *given;
  if (!is_view(op.key) || !is_view(op.value) || !is_view(op.content_type)) return null_struct_of(TENON_STORAGE);
  if ((op.flags & ~TENON_STORAGE_EXPECT) != 0)
    return Error{Code::invalid_argument, "an operation knows the flag TENON_STORAGE_EXPECT only", "FLAGS"};
  const bool expects = (op.flags & TENON_STORAGE_EXPECT) != 0;
  const std::optional<std::uint64_t> expected = expects ? std::optional(op.expected) : std::nullopt;
  switch (op.kind) {
    case TENON_STORAGE_PUT:
      transaction.put(view(op.key), view(op.value), {.content_type = view(op.content_type), .ttl_ns = op.ttl_ns, .expected = expected});
      return {};
    case TENON_STORAGE_ERASE:
      transaction.erase(view(op.key), expected);
      return {};
    case TENON_STORAGE_CHECK:
      transaction.check(view(op.key), op.expected);
      return {};
    default:
      return Error{Code::invalid_argument, "an operation is TENON_STORAGE_PUT, _ERASE or _CHECK, not " + std::to_string(op.kind), "KIND"};
  }
}

Result<StorageTransaction> transaction_of(StoragePart& part, tenon_id space, const tenon_storage_op* const* ops, std::size_t count) {
  Result<StorageTransaction> transaction = part.transaction(space);
  if (!transaction) return transaction;
  // What is beyond the limit is not even looked at; one too many makes it say so.
  for (std::size_t i = 0; i < count && i <= storage_max_operations; ++i)
    if (Result<void> r = add_op(*transaction, ops[i]); !r) return r.error();
  return transaction;
}

tenon_status open(tenon_ctx* ctx, tenon_str name, std::uint32_t flags, tenon_id* out, tenon_error* err) noexcept {
  return with_part(ctx, is_view(name) && out != nullptr, err,
                   [&](Instance&, StoragePart& part) { return give_id(part.open(std::string(view(name)), flags), out); });
}

tenon_status get(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint8_t* buffer, std::size_t capacity, tenon_value_info* info,
                 tenon_error* err) noexcept {
  const bool valid = is_view(key) && (buffer != nullptr || capacity == 0) && (info == nullptr || info->struct_size >= value_info_size);
  return with_part(ctx, valid, err, [&](Instance&, StoragePart& part) -> Result<void> {
    const OpenSpaces::Space* const open = part.space(space);
    if (open == nullptr) return no_space();
    ValueInfo found;
    Result<void> got = part.storage().get(open->id, view(key), buffer_view(buffer, capacity), found);
    if (got || got.error().code == Code::out_of_range) give_info(info, found);
    return got;
  });
}

tenon_status put(tenon_ctx* ctx, tenon_id space, tenon_bytes key, tenon_bytes value, const tenon_put_options* options,
                 std::uint64_t* revision, tenon_error* err) noexcept {
  return with_part(ctx, is_view(key) && is_view(value) && is_valid(options), err, [&](Instance& i, StoragePart& part) -> Result<void> {
    Result<StorageTransaction> transaction = part.transaction(space);
    if (!transaction) return transaction.error();
    transaction->put(view(key), view(value), options_of(options, std::nullopt));
    return commit_here(i, part, std::move(*transaction), revision);
  });
}

tenon_status erase(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint64_t* revision, tenon_error* err) noexcept {
  return with_part(ctx, is_view(key), err, [&](Instance& i, StoragePart& part) -> Result<void> {
    Result<StorageTransaction> transaction = part.transaction(space);
    if (!transaction) return transaction.error();
    transaction->erase(view(key));
    return commit_here(i, part, std::move(*transaction), revision);
  });
}

tenon_status compare_and_set(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint64_t expected, tenon_bytes value,
                             const tenon_put_options* options, std::uint64_t* revision, tenon_error* err) noexcept {
  return with_part(ctx, is_view(key) && is_view(value) && is_valid(options), err, [&](Instance& i, StoragePart& part) -> Result<void> {
    Result<StorageTransaction> transaction = part.transaction(space);
    if (!transaction) return transaction.error();
    transaction->put(view(key), view(value), options_of(options, expected));
    return commit_here(i, part, std::move(*transaction), revision);
  });
}

tenon_status commit(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, std::size_t count, std::uint64_t* revision,
                    tenon_error* err) noexcept {
  return with_part(ctx, ops != nullptr || count == 0, err, [&](Instance& i, StoragePart& part) -> Result<void> {
    Result<StorageTransaction> transaction = transaction_of(part, space, ops, count);
    if (!transaction) return transaction.error();
    return commit_here(i, part, std::move(*transaction), revision);
  });
}

tenon_status commit_async(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, std::size_t count, tenon_storage_done done,
                          void* data, tenon_error* err) noexcept {
  return with_part(ctx, (ops != nullptr || count == 0) && done != nullptr, err, [&](Instance&, StoragePart& part) -> Result<void> {
    Result<StorageTransaction> transaction = transaction_of(part, space, ops, count);
    if (!transaction) return transaction.error();
    return part.commit_async(std::move(*transaction), done, data);
  });
}

tenon_status clear(tenon_ctx* ctx, tenon_id space, std::uint64_t* revision, tenon_error* err) noexcept {
  return with_part(ctx, true, err, [&](Instance& i, StoragePart& part) -> Result<void> {
    Result<StorageTransaction> transaction = part.transaction(space);
    if (!transaction) return transaction.error();
    transaction->clear();
    return commit_here(i, part, std::move(*transaction), revision);
  });
}

tenon_status scan(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) noexcept {
  return with_part(ctx, is_view(prefix) && cursor != nullptr, err,
                   [&](Instance&, StoragePart& part) { return open_cursor(part, space, prefix, cursor); });
}

tenon_status next(tenon_ctx* ctx, tenon_id cursor, const tenon_storage_row* const** rows, std::size_t* count, tenon_error* err) noexcept {
  return with_part(ctx, rows != nullptr && count != nullptr, err,
                   [&](Instance&, StoragePart& part) { return part.cursors().next(cursor, *rows, *count); });
}

tenon_status close(tenon_ctx* ctx, tenon_id cursor) noexcept {
  return with_part(ctx, true, nullptr, [&](Instance&, StoragePart& part) { return close_cursor(part, cursor); });
}

tenon_status stats(tenon_ctx* ctx, tenon_id space, tenon_storage_stats* out, tenon_error* err) noexcept {
  const bool valid = out != nullptr && out->struct_size >= TENON_UP_TO(tenon_storage_stats, quota);
  return with_part(ctx, valid, err, [&](Instance&, StoragePart& part) -> Result<void> {
    const OpenSpaces::Space* const open = part.space(space);
    if (open == nullptr) return no_space();
    const Result<StorageUsage> usage = part.storage().usage(open->id);
    if (!usage) return usage.error();
    out->disk_full = part.storage().statistics().disk_full ? 1 : 0;
    out->bytes = usage->bytes;
    out->quota = usage->quota;
    return {};
  });
}

}  // namespace

const tenon_storage storage_table = {sizeof(tenon_storage), 0,      &open, &get,  &put,   &erase, &compare_and_set, &commit,
                                     &commit_async,         &clear, &scan, &next, &close, &stats};

}  // namespace tenon::host
