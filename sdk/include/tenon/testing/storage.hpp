// FakeStorage: storage and state of a test, kept in memory, with a clock, a quota and a disk that the test controls.
#ifndef TENON_TESTING_STORAGE_HPP
#define TENON_TESTING_STORAGE_HPP

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tenon/cpp/state.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

/// What the module and the test keep in namespaces. As in a host, the state is what is committed; changes are heard by watches when the test delivers (the
/// end of each phase does). Thread-safe.
class FakeStorage {
 public:
  /// Namespaces besides its own the module may use.
  void grant(std::string name) {
    const Lock lock(mutex_);
    granted_.insert(std::move(name));
  }
  /// At first 64 MiB each.
  void set_quota(std::string_view name, std::uint64_t bytes) {
    const Lock lock(mutex_);
    space(name).quota = bytes;
  }
  /// Every write is RESOURCE_EXHAUSTED `STORAGE_FULL` until it is set back; reads go on.
  void set_disk_full(bool full) {
    const Lock lock(mutex_);
    disk_full_ = full;
  }
  /// The next `times` commits of the module are ABORTED `STORAGE_CONFLICT`, as if somebody had been faster.
  void conflict_next(int times = 1) {
    const Lock lock(mutex_);
    conflicts_ = times;
  }
  /// The clock of times to live. Starts at a fixed time and stands still. What is over by then is removed, and watches hear of it.
  void advance(std::chrono::nanoseconds time);
  [[nodiscard]] std::int64_t now_ns() const {
    const Lock lock(mutex_);
    return now_ns_;
  }

  /// As somebody else: no quota, no conflict, no full disk.
  std::uint64_t put(std::string_view name, std::string_view key, std::string_view value, const PutOptions& options = {});
  void erase(std::string_view name, std::string_view key);
  [[nodiscard]] std::optional<Stored> get(std::string_view name, std::string_view key) const;
  [[nodiscard]] std::vector<std::string> keys(std::string_view name) const;
  [[nodiscard]] std::uint64_t bytes(std::string_view name) const {
    const Lock lock(mutex_);
    const auto at = spaces_.find(name);
    return at == spaces_.end() ? 0 : at->second.bytes();
  }
  [[nodiscard]] std::size_t open_cursors() const {
    const Lock lock(mutex_);
    return cursors_.size();
  }

 private:
  friend struct StorageTables;
  using Lock = std::lock_guard<std::recursive_mutex>;
  static constexpr std::size_t batch_rows = 256, batch_bytes = 65536, most_open = 64;

  struct Entry {
    std::string value, content_type;
    std::uint64_t revision = 0;
    std::int64_t expires_ns = 0;
  };
  struct Space {
    std::map<std::string, Entry, std::less<>> entries;
    std::uint64_t quota = std::uint64_t{64} << 20U;
    bool secret = false;
    [[nodiscard]] std::uint64_t bytes() const {
      std::uint64_t sum = 0;
      for (const auto& [key, e] : entries) sum += TENON_STORAGE_ENTRY_COST + key.size() + e.value.size() + e.content_type.size();
      return sum;
    }
  };
  struct Opened {
    std::string name;
    std::uint32_t flags;
  };
  struct Cursor {
    std::string name, prefix, from;
    bool of_state = false, done = false;
    std::vector<std::pair<std::string, Entry>> batch;
    std::vector<tenon_storage_row> rows;
    std::vector<const tenon_storage_row*> pointers;
  };
  struct Change {
    std::uint32_t kind;
    std::uint64_t revision;
  };
  struct Watch {
    tenon_id id;
    std::string name, prefix;
    tenon_state_changed fn;
    void* data;
    void (*release)(void*) noexcept;
    std::map<std::string, Change> waiting;
    bool inside = false, ended = false, released = false;
    std::thread::id runner;
  };
  struct Done {
    tenon_storage_done fn;
    void* data;
    Status status;
    std::uint64_t revision;
  };
  struct Op {
    std::uint32_t kind;
    bool expects;
    std::uint64_t expected;
    std::int64_t ttl_ns;
    std::string key, value, content_type;
  };

  Space& space(std::string_view name) { return spaces_[std::string(name)]; }
  [[nodiscard]] bool is_there(const Entry& e) const { return e.expires_ns == 0 || e.expires_ns > now_ns_; }
  [[nodiscard]] const Entry* find(std::string_view name, std::string_view key) const {
    const auto s = spaces_.find(name);
    if (s == spaces_.end()) return nullptr;
    const auto e = s->second.entries.find(key);
    return e != s->second.entries.end() && is_there(e->second) ? &e->second : nullptr;
  }
  [[nodiscard]] std::int64_t expires_at(std::int64_t ttl_ns) const {
    return ttl_ns == 0 ? 0 : ttl_ns > INT64_MAX - now_ns_ ? INT64_MAX : now_ns_ + ttl_ns;
  }
  void note(std::string_view name, std::string_view key, std::uint32_t kind, std::uint64_t revision);
  Status check(const std::vector<Op>& ops) const;
  /// Commits as the module.
  Status commit(const std::string& name, const std::vector<Op>& ops, std::uint64_t& revision);
  Status clear(const std::string& name, std::uint64_t& revision);
  void fill(Cursor& cursor) const;

  mutable std::recursive_mutex mutex_;
  std::condition_variable_any quiet_;  ///< a handler of a watch has returned, or its release
  std::map<std::string, Space, std::less<>> spaces_;
  std::set<std::string, std::less<>> granted_;
  std::vector<Opened> opened_, opened_state_;
  std::map<tenon_id, Cursor> cursors_;
  std::vector<std::shared_ptr<Watch>> watches_;
  std::deque<Done> done_;
  std::deque<std::shared_ptr<Watch>> releases_;
  std::uint64_t revision_ = 0;
  std::int64_t now_ns_ = 1'700'000'000'000'000'000;
  tenon_id last_id_ = 0;
  int conflicts_ = 0;
  bool disk_full_ = false, left_ = false;
};

inline void FakeStorage::note(std::string_view name, std::string_view key, std::uint32_t kind, std::uint64_t revision) {
  for (const auto& w : watches_) {
    if (w->name != name || (kind != TENON_STATE_RESET && key.substr(0, w->prefix.size()) != w->prefix)) continue;
    const bool reset = kind == TENON_STATE_RESET || w->waiting.size() >= 1024;
    if (reset) w->waiting.clear();
    w->waiting[reset ? std::string() : std::string(key)] = {reset ? TENON_STATE_RESET : kind, revision};
  }
}

inline void FakeStorage::advance(std::chrono::nanoseconds time) {
  const Lock lock(mutex_);
  now_ns_ += time.count();
  for (auto& [name, s] : spaces_) {
    std::vector<std::string> over;
    for (const auto& [key, e] : s.entries)
      if (!is_there(e)) over.push_back(key);
    if (over.empty()) continue;
    ++revision_;
    for (const std::string& key : over) {
      s.entries.erase(key);
      note(name, key, TENON_STATE_EXPIRED, revision_);
    }
  }
}

inline std::uint64_t FakeStorage::put(std::string_view name, std::string_view key, std::string_view value, const PutOptions& options) {
  const Lock lock(mutex_);
  space(name).entries[std::string(key)] = {std::string(value), std::string(view(options.raw().content_type)), ++revision_,
                                           expires_at(options.raw().ttl_ns)};
  note(name, key, TENON_STATE_PUT, revision_);
  return revision_;
}

inline void FakeStorage::erase(std::string_view name, std::string_view key) {
  const Lock lock(mutex_);
  auto& entries = space(name).entries;
  const auto at = entries.find(key);
  if (at == entries.end()) return;
  entries.erase(at);
  note(name, key, TENON_STATE_ERASED, ++revision_);
}

inline std::optional<Stored> FakeStorage::get(std::string_view name, std::string_view key) const {
  const Lock lock(mutex_);
  const Entry* e = find(name, key);
  if (e == nullptr) return std::nullopt;
  return Stored{e->value, e->content_type, e->revision, e->expires_ns};
}

inline std::vector<std::string> FakeStorage::keys(std::string_view name) const {
  const Lock lock(mutex_);
  std::vector<std::string> out;
  if (const auto s = spaces_.find(name); s != spaces_.end())
    for (const auto& [key, e] : s->second.entries)
      if (is_there(e)) out.push_back(key);
  return out;
}

/// The limits, as a host has them.
inline Status FakeStorage::check(const std::vector<Op>& ops) const {
  const auto bad = [](const char* reason, std::string_view text) { return Status(TENON_INVALID_ARGUMENT, reason, text); };
  const auto large = [](const char* reason, std::string_view text) { return Status(TENON_RESOURCE_EXHAUSTED, reason, text); };
  std::set<std::string_view> keys;
  std::size_t bytes = 0;
  if (ops.empty()) return bad("TRANSACTION_EMPTY", "a transaction has no operation");
  if (ops.size() > TENON_STORAGE_MAX_OPS) return large("TRANSACTION_TOO_LARGE", "a transaction has more than 4096 operations");
  for (const Op& o : ops) {
    if (o.key.empty()) return bad("KEY_EMPTY", "a key is empty");
    if (o.key.size() > TENON_STORAGE_MAX_KEY) return bad("KEY_TOO_LONG", "a key has more than 512 bytes");
    if (o.value.size() > TENON_STORAGE_MAX_VALUE) return large("VALUE_TOO_LARGE", "a value is larger than 1MiB");
    if (o.content_type.size() > TENON_STORAGE_MAX_CONTENT_TYPE ||
        !std::all_of(o.content_type.begin(), o.content_type.end(), [](char c) { return c >= 0x20 && c < 0x7f; }))
      return bad("CONTENT_TYPE", "a content type is not printable ASCII of at most 127 bytes");
    if (o.ttl_ns < 0) return bad("TTL", "a time to live is negative");
    bytes += o.key.size() + o.value.size() + o.content_type.size();
    if (bytes > TENON_STORAGE_MAX_TRANSACTION) return large("TRANSACTION_TOO_LARGE", "a transaction is larger than 8MiB");
  }
  for (const Op& o : ops)
    if (!keys.insert(o.key).second) return bad("KEY_TWICE", "the key `" + o.key + "` comes twice in one transaction");
  return Status();
}

inline Status FakeStorage::commit(const std::string& name, const std::vector<Op>& ops, std::uint64_t& revision) {
  Status valid = check(ops);
  if (!valid.ok()) return valid;
  if (disk_full_) return {TENON_RESOURCE_EXHAUSTED, "STORAGE_FULL", "the disk is full"};
  if (conflicts_ > 0) {
    --conflicts_;
    return {TENON_ABORTED, "STORAGE_CONFLICT", "the test wants this commit to fail"};
  }
  Space& s = space(name);
  Space after = s;
  for (const Op& o : ops) {
    const Entry* e = find(name, o.key);
    const std::uint64_t there = e == nullptr ? 0 : e->revision;
    if (o.expects && o.expected != there)
      return {TENON_ABORTED, "STORAGE_CONFLICT",
              "`" + o.key + "` has revision " + std::to_string(there) + ", not " + std::to_string(o.expected) + ": read it again"};
    if (o.kind == TENON_STORAGE_PUT) after.entries[o.key] = {o.value, o.content_type, revision_ + 1, expires_at(o.ttl_ns)};
    if (o.kind == TENON_STORAGE_ERASE) after.entries.erase(o.key);
  }
  if (after.bytes() > s.quota && after.bytes() > s.bytes())
    return {TENON_RESOURCE_EXHAUSTED, "STORAGE_QUOTA", "the namespace `" + name + "` would hold more than its quota"};
  revision = ++revision_;
  s.entries.swap(after.entries);
  for (const Op& o : ops)
    // Erasing what was not there changes nothing.
    if (o.kind == TENON_STORAGE_PUT || (o.kind == TENON_STORAGE_ERASE && after.entries.count(o.key) != 0))
      note(name, o.key, o.kind == TENON_STORAGE_PUT ? TENON_STATE_PUT : TENON_STATE_ERASED, revision_);
  return Status();
}

inline Status FakeStorage::clear(const std::string& name, std::uint64_t& revision) {
  if (disk_full_) return {TENON_RESOURCE_EXHAUSTED, "STORAGE_FULL", "the disk is full"};
  space(name).entries.clear();
  revision = ++revision_;
  note(name, {}, TENON_STATE_RESET, revision_);
  return Status();
}

/// The next batch, in the order of unsigned bytes, as std::map<std::string> has it.
inline void FakeStorage::fill(Cursor& c) const {
  c.batch.clear();
  std::size_t bytes = 0;
  const auto s = spaces_.find(c.name);
  bool more = false;
  if (!c.done && s != spaces_.end()) {
    for (auto at = s->second.entries.lower_bound(std::max(c.from, c.prefix)); at != s->second.entries.end(); ++at) {
      if (at->first.compare(0, c.prefix.size(), c.prefix) != 0) break;
      if (!is_there(at->second)) continue;
      Entry e = at->second;
      if (c.of_state) e.value.clear();
      const std::size_t size = at->first.size() + e.value.size() + e.content_type.size();
      more = !c.batch.empty() && (c.batch.size() == batch_rows || bytes + size > batch_bytes);
      if (more) break;
      bytes += size;
      c.batch.emplace_back(at->first, std::move(e));
    }
  }
  c.done = !more;
  if (more) c.from = c.batch.back().first + '\0';
  c.rows.clear();
  c.pointers.clear();
  c.rows.reserve(c.batch.size());
  for (const auto& [key, e] : c.batch)
    c.rows.push_back({sizeof(tenon_storage_row), 0, Bytes(key), Bytes(e.value), to_c(e.content_type), e.revision, e.expires_ns});
  for (const tenon_storage_row& row : c.rows) c.pointers.push_back(&row);
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
