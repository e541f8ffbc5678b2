#include "cursors.hpp"

#include <atomic>
#include <new>

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
  rows = cursor->pointers.data();
  count = cursor->pointers.size();
  return {};
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
