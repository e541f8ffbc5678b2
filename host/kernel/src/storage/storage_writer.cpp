// The writer's thread of Storage: takes what is queued, writes it as one group, tells the state, then whoever waits, then the watches.
#include <utility>

#include "base/memory.hpp"
#include "kernel/state.hpp"
#include "kernel/storage.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t group_transactions = 256;
constexpr std::size_t group_bytes = std::size_t{8} << 20U;
constexpr std::size_t expired_at_once = 1024;

using Kind = StorageTransaction::Kind;

}  // namespace

void Storage::write_until_closed() {
  // What is written has to reach the state, and whoever waits: none of it can be given up for want of memory.
  const WaitsForMemory waits;
  std::vector<Job> group;
  while (take_group(group)) {
    busy_since_ns_.store(monotonic_ns(), std::memory_order_relaxed);
    if (group.front().action)
      group.front().action();
    else
      write_group(group);
    group.clear();
    backend_->maintain();
    busy_since_ns_.store(0, std::memory_order_relaxed);
  }
}

/// Waits for work; a group is either transactions or a single action. False: closed, and nothing left.
bool Storage::take_group(std::vector<Job>& group) {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [&] { return !queue_.empty() || closing_; });
  std::size_t bytes = 0;
  while (!queue_.empty() && group.size() < group_transactions && bytes < group_bytes) {
    Job& next = queue_.front();
    if (next.action && !group.empty()) break;
    if (!next.action) {
      const std::size_t size = next.transaction.bytes();
      Space& space = spaces_[next.transaction.space()];
      --space.queued;
      space.queued_bytes -= size;
      queued_bytes_ -= size;
      bytes += size;
    }
    group.push_back(std::move(next));
    queue_.pop_front();
    if (group.back().action) break;
  }
  return !group.empty();
}

Result<void> Storage::commit_items(std::span<BackendItem> items, bool durable, std::int64_t now_ns) {
  Result<void> written = backend_->commit(items, durable, now_ns);
  groups_.fetch_add(1, std::memory_order_relaxed);
  disk_full_.store(!written && written.error().reason == "STORAGE_FULL", std::memory_order_relaxed);
  if (!written) return written;
  const std::lock_guard lock(mutex_);
  for (const BackendItem& item : items) {
    // What expires may belong to a namespace nobody has defined in this life.
    if (const auto at = spaces_.find(item.transaction->space()); at != spaces_.end()) at->second.bytes = item.space_bytes;
  }
  return written;
}

void Storage::write_group(std::vector<Job>& group) {
  std::vector<BackendItem> items(group.size());
  bool durable = false;
  for (std::size_t i = 0; i < group.size(); ++i) {
    items[i].transaction = &group[i].transaction;
    items[i].quota = group[i].quota;
    durable = durable || group[i].durable;
  }
  const std::int64_t now_ns = options_.clock();
  const Result<void> written = commit_items(items, durable, now_ns);
  if (written && options_.state != nullptr)
    for (std::size_t i = 0; i < group.size(); ++i)
      if (items[i].outcome) apply_to_state(group[i].transaction, *items[i].outcome, now_ns);
  for (std::size_t i = 0; i < group.size(); ++i)
    answer(group[i], written ? std::move(items[i].outcome) : Result<std::uint64_t>(written.error()));
  if (options_.state != nullptr) options_.state->notify();
}

void Storage::answer(Job& job, Result<std::uint64_t> outcome) {
  if (outcome)
    committed_.fetch_add(1, std::memory_order_relaxed);
  else if (outcome.error().code == Code::aborted || outcome.error().reason == "STORAGE_QUOTA")
    refused_.fetch_add(1, std::memory_order_relaxed);
  else
    failed_.fetch_add(1, std::memory_order_relaxed);
  if (!job.done) return;
  if (job.on_writer)
    job.done(std::move(outcome));
  else
    options_.executor([done = std::move(job.done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
}

/// Namespaces that are not mirrored are not open in the state, which ignores them.
void Storage::apply_to_state(const StorageTransaction& transaction, std::uint64_t revision, std::int64_t now_ns) {
  State& state = *options_.state;
  const NamespaceId space = transaction.space();
  for (std::size_t i = 0; i < transaction.size(); ++i) {
    const StorageTransaction::Operation o = transaction[i];
    switch (o.kind) {
      case Kind::put:
        state.put(space, {o.key, o.content_type, o.value, revision, o.expires_at(now_ns)});
        break;
      case Kind::erase:
        state.erase(space, o.key, revision);
        break;
      case Kind::reap:
        state.erase(space, o.key, revision, StateChange::Kind::expired);
        break;
      case Kind::clear:
        state.clear(space, revision);
        break;
      case Kind::check:
        break;
    }
  }
}

/// On the writer. Batch by batch, so that others are written in between.
Result<std::size_t> Storage::expire_batch() {
  const std::int64_t now_ns = options_.clock();
  const Result<std::vector<StorageTransaction>> over = backend_->expired(now_ns, expired_at_once);
  if (!over) return over.error();
  if (over->empty()) return std::size_t{0};
  std::size_t count = 0;
  std::vector<BackendItem> items(over->size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].transaction = &(*over)[i];
    items[i].quota = UINT64_MAX;
    count += items[i].transaction->size();
  }
  // Not durable: after a loss of power it has expired all the same.
  if (const Result<void> written = commit_items(items, false, now_ns); !written) return written.error();
  expired_.fetch_add(count, std::memory_order_relaxed);
  if (options_.state == nullptr) return count;
  for (const BackendItem& item : items)
    if (item.outcome) apply_to_state(*item.transaction, *item.outcome, now_ns);
  options_.state->notify();
  return count;
}

Result<std::size_t> Storage::expire() {
  for (std::size_t removed = 0;;) {
    Result<std::size_t> count = std::size_t{0};
    if (Result<void> r = run_on_writer([&] { count = expire_batch(); }, no_deadline); !r) return r.error();
    if (!count) return count;
    removed += *count;
    if (*count < expired_at_once) return removed;
  }
}

void Storage::expire_soon() {
  if (expiring_.exchange(true)) return;
  const auto again = [this] {
    const Result<std::size_t> count = expire_batch();
    expiring_ = false;
    // A disk that refuses is tried again with the next call.
    if (count && *count == expired_at_once) expire_soon();
  };
  if (!post_to_writer(again)) expiring_ = false;
}

}  // namespace tenon::host
