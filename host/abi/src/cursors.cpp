#include "cursors.hpp"

#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "abi/strict.hpp"
#include "strict_tables.hpp"

namespace tenon::host {

struct Cursors::Open {
  explicit Open(StorageCursor cursor) : at(std::move(cursor)) {}
  StorageCursor at;
  StorageBatch batch = {};
  std::vector<tenon_storage_row> rows = {};
  std::vector<const tenon_storage_row*> pointers = {};
  std::atomic<bool> busy{false};
  // Where it was opened: the frame of the instance on that thread; nullptr on a thread of the module's own.
  const ThreadFrames* thread = nullptr;
  std::uint32_t depth = 0;
  // Of a strict host only.
  std::uint64_t opened_in = 0;
  std::unique_ptr<Borrowed> lent = nullptr;
};

/// The function of the module that opened it has returned.
bool Cursors::is_left(const Open& cursor) const {
  if (cursor.thread == nullptr) return false;
  return cursor.thread->depth.load(std::memory_order_acquire) < cursor.depth ||
         cursor.thread->frames[cursor.depth - 1].owner.load(std::memory_order_acquire) != &instance_;
}

Result<tenon_id> Cursors::open(NamespaceId space, std::string_view prefix) {
  auto cursor = std::make_shared<Open>(StorageCursor{space, std::string(prefix)});
  const ThreadFrames& thread = this_thread_frames();
  const std::uint32_t depth = thread.depth.load(std::memory_order_relaxed);
  if (depth > 0 && thread.frames[depth - 1].owner.load(std::memory_order_relaxed) == &instance_) {
    cursor->thread = &thread;
    cursor->depth = depth;
    cursor->opened_in = StrictCall::number_here(instance_);
  }
  const std::lock_guard lock(mutex_);
  if (open_.size() >= max) std::erase_if(open_, [this](const auto& row) { return is_left(*row.second); });
  if (open_.size() >= max) return Error{Code::resource_exhausted, "64 cursors are open: close those that are done", "CURSORS"};
  open_.emplace(++last_id_, std::move(cursor));
  return last_id_;
}

Result<void> Cursors::next(tenon_id id, const tenon_storage_row* const*& rows, std::size_t& count) {
  std::shared_ptr<Open> cursor;
  {
    const std::lock_guard lock(mutex_);
    const auto at = open_.find(id);
    if (at == open_.end()) return Error{Code::not_found, "there is no such cursor, or it was closed", "CURSOR"};
    cursor = at->second;
  }
  if (cursor->busy.exchange(true, std::memory_order_acquire))
    return Error{Code::failed_precondition, "another thread is using this cursor", "CURSOR_BUSY"};
  struct Use {
    Open& cursor;
    ~Use() { cursor.busy.store(false, std::memory_order_release); }
  } const use{*cursor};
  cursor->lent.reset();
  cursor->batch.clear();
  cursor->rows.clear();
  cursor->pointers.clear();
  StorageCursor before = cursor->at;
  try {
    // A batch may be empty in the middle: everything in it has expired.
    while (cursor->batch.empty() && !cursor->at.done)
      if (Result<void> r = fetch_(cursor->at, cursor->batch); !r) return r;
    cursor->pointers.reserve(cursor->batch.size());
    cursor->rows.reserve(cursor->batch.size());
  } catch (const std::bad_alloc&) {
    cursor->at = std::move(before);  // the same rows come next
    throw;
  }
  const auto bytes = [](std::string_view s) { return tenon_bytes{reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; };
  for (std::size_t i = 0; i < cursor->batch.size(); ++i) {
    const StorageBatch::Row row = cursor->batch[i];
    cursor->rows.push_back(
        {sizeof(tenon_storage_row), 0, bytes(row.key), bytes(row.value), c_str(row.content_type), row.revision, row.expires_ns});
  }
  for (const tenon_storage_row& row : cursor->rows) cursor->pointers.push_back(&row);
  rows = strict_of_process() == nullptr ? cursor->pointers.data() : lend(*cursor);
  count = cursor->pointers.size();
  return {};
}

/// The rows on pages that are gone when the cursor is used again: all in one block, pointers first. They stay as they are without memory for it.
const tenon_storage_row* const* Cursors::lend(Open& cursor) const {
  Strict* const strict = strict_of_process();
  if (strict == nullptr || cursor.rows.empty()) return cursor.pointers.data();
  const std::size_t count = cursor.rows.size();
  std::size_t size = count * (sizeof(tenon_storage_row*) + sizeof(tenon_storage_row));
  for (const tenon_storage_row& row : cursor.rows) size += row.key.len + row.value.len + row.content_type.len;
  cursor.lent.reset(new (std::nothrow) Borrowed(*strict, instance_));
  auto* const block = cursor.lent == nullptr ? nullptr : cursor.lent->array<std::byte>("the rows of a cursor", size);
  if (block == nullptr) return cursor.pointers.data();
  auto** const pointers = reinterpret_cast<const tenon_storage_row**>(block);
  auto* const rows = reinterpret_cast<tenon_storage_row*>(pointers + count);
  auto* at = reinterpret_cast<std::uint8_t*>(rows + count);
  const auto put = [&at](const void* from, std::size_t n) {
    if (n != 0) std::memcpy(at, from, n);
    return std::exchange(at, at + n);
  };
  const auto bytes = [&put](tenon_bytes b) { return tenon_bytes{b.len == 0 ? b.ptr : put(b.ptr, b.len), b.len}; };
  for (std::size_t i = 0; i < count; ++i) {
    tenon_storage_row row = cursor.rows[i];
    row.key = bytes(row.key);
    row.value = bytes(row.value);
    if (row.content_type.len != 0) row.content_type.ptr = reinterpret_cast<const char*>(put(row.content_type.ptr, row.content_type.len));
    rows[i] = row;
    pointers[i] = &rows[i];
  }
  return pointers;
}

std::vector<tenon_id> Cursors::opened_in(std::uint64_t number) {
  std::vector<tenon_id> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, cursor] : open_)
    if (cursor->opened_in == number) out.push_back(id);
  return out;
}

bool Cursors::close(tenon_id id) {
  std::shared_ptr<Open> gone;  // freed without the lock
  const std::lock_guard lock(mutex_);
  const auto at = open_.find(id);
  if (at == open_.end()) return false;
  gone = std::move(at->second);
  open_.erase(at);
  return true;
}

}  // namespace tenon::host
