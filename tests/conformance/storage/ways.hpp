// The three ways every case runs: on the kernel, through the C tables with a real module, on the fake host. All three look like the C tables.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "puppet.h"

namespace tenon::test {

/// The module is called `puppet`; besides its own namespace it may use `shared`.
class Way {
 public:
  virtual ~Way() = default;
  tenon_ctx* ctx = nullptr;
  const tenon_storage* storage = nullptr;
  const tenon_state* state = nullptr;

  /// The clock of times to live; what is over by then is removed.
  virtual void advance(std::chrono::nanoseconds time) = 0;
  /// Until `done` holds; false if it never does. What is to be delivered is, meanwhile.
  virtual bool settle(const std::function<bool()>& done) = 0;
  /// Of a namespace that was opened.
  virtual void set_quota(const std::string& name, std::uint64_t bytes) = 0;
  virtual void set_disk_full(bool full) = 0;
  /// As another module would.
  virtual void put_from_elsewhere(const std::string& name, const std::string& key, const std::string& value) = 0;
  /// The instance ends.
  virtual void leave() = 0;
  /// The module has named an id that is none, on purpose: a strict host reports it.
  virtual void broke_stale_id() {}
  /// It has waited for itself: likewise.
  virtual void broke_reentry() {}
  /// Permissions are checked where the module's calls come in: the kernel itself asks nobody.
  [[nodiscard]] virtual bool checks_permissions() const { return true; }
};

std::unique_ptr<Way> kernel_way();
std::unique_ptr<Way> module_way(bool strict = false);
std::unique_ptr<Way> fake_way();

inline tenon_bytes bytes(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
inline std::string text(tenon_bytes b) { return {reinterpret_cast<const char*>(b.ptr), b.len}; }

/// What a call answered: "OK", or "ABORTED STORAGE_CONFLICT".
struct Answer {
  Answer() {
    error.struct_size = sizeof error;
    error.reason[0] = '\0';
  }
  tenon_status status = TENON_OK;
  tenon_error error{};
  std::uint64_t revision = 0;
  [[nodiscard]] std::string str() const;
};

/// The calls as a test likes to write them.
class Space {
 public:
  Space(Way& way, std::string_view name, std::uint32_t flags = 0) : way_(&way) {
    opened.status = way.storage->open(way.ctx, {name.data(), name.size()}, flags, &id, &opened.error);
  }
  Answer opened;
  tenon_id id = 0;

  Answer put(std::string_view key, std::string_view value, std::string_view type = {}, std::int64_t ttl_ns = 0) {
    Answer a;
    const tenon_put_options options = {sizeof options, 0, {type.data(), type.size()}, ttl_ns};
    a.status = way_->storage->put(way_->ctx, id, bytes(key), bytes(value), &options, &a.revision, &a.error);
    return a;
  }
  Answer erase(std::string_view key) {
    Answer a;
    a.status = way_->storage->erase(way_->ctx, id, bytes(key), &a.revision, &a.error);
    return a;
  }
  Answer set(std::string_view key, std::uint64_t expected, std::string_view value) {
    Answer a;
    a.status = way_->storage->compare_and_set(way_->ctx, id, bytes(key), expected, bytes(value), nullptr, &a.revision, &a.error);
    return a;
  }
  Answer commit(const std::vector<tenon_storage_op>& ops) {
    Answer a;
    const auto p = pointers(ops);
    a.status = way_->storage->commit(way_->ctx, id, p.data(), p.size(), &a.revision, &a.error);
    return a;
  }
  Answer commit_async(const std::vector<tenon_storage_op>& ops, puppet_done* done) {
    Answer a;
    const auto p = pointers(ops);
    a.status = way_->storage->commit_async(way_->ctx, id, p.data(), p.size(), done->done, done, &a.error);
    return a;
  }
  Answer clear() {
    Answer a;
    a.status = way_->storage->clear(way_->ctx, id, &a.revision, &a.error);
    return a;
  }
  /// The value, or "<NOT_FOUND KEY>".
  std::string get(std::string_view key, tenon_value_info* info = nullptr) {
    Answer a;
    std::string out(std::size_t{1} << 20U, '\0');
    tenon_value_info own{};
    own.struct_size = sizeof own;
    if (info == nullptr) info = &own;
    a.status = way_->storage->get(way_->ctx, id, bytes(key), reinterpret_cast<std::uint8_t*>(out.data()), out.size(), info, &a.error);
    return a.status == TENON_OK ? out.substr(0, static_cast<std::size_t>(info->size)) : "<" + a.str() + ">";
  }
  /// "key=value key=value", and how many batches it took.
  std::string all(std::string_view prefix = {}, std::size_t* batches = nullptr);
  tenon_storage_stats stats() {
    tenon_storage_stats out{};
    out.struct_size = sizeof out;
    CHECK(way_->storage->stats(way_->ctx, id, &out, nullptr) == TENON_OK);
    return out;
  }

 private:
  static std::vector<const tenon_storage_op*> pointers(const std::vector<tenon_storage_op>& ops) {
    std::vector<const tenon_storage_op*> out;
    for (const tenon_storage_op& o : ops) out.push_back(&o);
    return out;
  }
  Way* way_;
};

inline tenon_storage_op op(std::uint32_t kind, std::string_view key, std::string_view value = {}) {
  return {sizeof(tenon_storage_op), kind, 0, 0, 0, bytes(key), bytes(value), {nullptr, 0}, 0};
}
inline tenon_storage_op op_if(std::uint32_t kind, std::string_view key, std::uint64_t expected, std::string_view value = {}) {
  return {sizeof(tenon_storage_op), kind, TENON_STORAGE_EXPECT, 0, expected, bytes(key), bytes(value), {nullptr, 0}, 0};
}

/// The same for the state, and what a watch heard: "put:key", "reset:".
class Mirror {
 public:
  Mirror(Way& way, std::string_view name) : way_(&way) {
    opened.status = way.state->open(way.ctx, {name.data(), name.size()}, &id, &opened.error);
  }
  Answer opened;
  tenon_id id = 0;

  std::string get(std::string_view key, tenon_value_info* info = nullptr) const;
  [[nodiscard]] std::string keys(std::string_view prefix = {}, std::size_t* batches = nullptr) const;

 private:
  Way* way_;
};

class Listener {
 public:
  explicit Listener(Way& way) : way_(&way) {}
  Answer watch(const Mirror& mirror, std::string_view prefix = {}) {
    Answer a;
    a.status = way_->state->watch(way_->ctx, mirror.id, bytes(prefix), &Listener::changed, &handler, nullptr, &id, &a.error);
    return a;
  }
  bool hears(std::size_t count) {
    return way_->settle([&] {
      const std::lock_guard lock(mutex);
      return heard.size() >= count;
    });
  }
  bool is_released() {
    return way_->settle([&] { return released() != 0; });
  }
  int released() {
    const std::lock_guard lock(mutex);
    return released_;
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(heard, {});
  }

  tenon_id id = 0;
  std::mutex mutex;
  std::vector<std::string> heard;
  std::function<void()> also;  ///< inside the handler

 private:
  static tenon_status changed(void* data, tenon_call* call, const tenon_state_change* const* changes, std::size_t count,
                              tenon_error* err) noexcept;
  static void release(void* data) noexcept {
    auto& self = *static_cast<Listener*>(data);
    const std::lock_guard lock(self.mutex);
    ++self.released_;
  }
  Way* way_;
  int released_ = 0;
  puppet_watch handler{&Listener::changed, &Listener::release, this};
};

}  // namespace tenon::test

#define WAYS_JOIN(a, b) a##b
#define WAYS_NAME(a, b) WAYS_JOIN(a, b)
/// A case that runs three ways, through the C tables also in a strict host: CONFORMS("name") { ... way ... }
#define CONFORMS(name)                                           \
  static void WAYS_NAME(conforms_, __LINE__)(tenon::test::Way&); \
  TEST_CASE(name " (kernel)") {                                  \
    const auto way = tenon::test::kernel_way();                  \
    WAYS_NAME(conforms_, __LINE__)(*way);                        \
  }                                                              \
  TEST_CASE(name " (module)") {                                  \
    const auto way = tenon::test::module_way();                  \
    WAYS_NAME(conforms_, __LINE__)(*way);                        \
  }                                                              \
  TEST_CASE(name " (strict)") {                                  \
    const auto way = tenon::test::module_way(true);              \
    WAYS_NAME(conforms_, __LINE__)(*way);                        \
  }                                                              \
  TEST_CASE(name " (fake)") {                                    \
    const auto way = tenon::test::fake_way();                    \
    WAYS_NAME(conforms_, __LINE__)(*way);                        \
  }                                                              \
  static void WAYS_NAME(conforms_, __LINE__)([[maybe_unused]] tenon::test::Way & way)
