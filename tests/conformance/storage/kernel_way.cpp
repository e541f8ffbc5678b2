// On the kernel: what a C++ user of Storage and State sees, in the clothes of the C tables. Completions and watches are run by settle().
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>

#include "kernel/owner.hpp"
#include "kernel/state.hpp"
#include "kernel/storage.hpp"
#include "test_disk.hpp"
#include "ways.hpp"

namespace tenon::test {
namespace {

using namespace host;

std::string_view sv(tenon_bytes b) { return {reinterpret_cast<const char*>(b.ptr), b.len}; }

class KernelWay : public Way {
 public:
  KernelWay() {
    prepare_gates();
    owner_.set_reach(Reach::callable);
    StateOptions state_options;
    state_options.executor = [this](Owner*, std::function<void()> work) { later(std::move(work)); };
    state_options.clock = [this] { return now_.load(); };
    mirror_ = std::make_unique<State>(state_options);
    StorageOptions options;
    options.clock = [this] { return now_.load(); };
    options.executor = [this](std::function<void()> work) { later(std::move(work)); };
    options.state = mirror_.get();
    auto opened = Storage::open(std::make_unique<TestDisk>(disk_), options);
    REQUIRE(opened);
    store_ = std::move(*opened);
    ctx = reinterpret_cast<tenon_ctx*>(this);
    storage = &storage_table;
    state = &state_table;
  }
  ~KernelWay() override {
    leave();
    static_cast<void>(store_->close());
  }

  void advance(std::chrono::nanoseconds time) override {
    now_ += time.count();
    REQUIRE(store_->expire());
  }
  bool settle(const std::function<bool()>& done) override {
    for (int i = 0; i < 100 && !done(); ++i) {
      REQUIRE(store_->usage(*store_->define("settled")));  // the writer has come this far
      for (;;) {
        std::function<void()> next;
        {
          const std::lock_guard lock(mutex_);
          if (work_.empty()) break;
          next = std::move(work_.front());
          work_.pop_front();
        }
        next();
      }
    }
    return done();
  }
  void set_quota(const std::string& name, std::uint64_t bytes) override { REQUIRE(store_->define(name, {.quota = bytes})); }
  void set_disk_full(bool full) override { disk_.full = full; }
  void put_from_elsewhere(const std::string& name, const std::string& key, const std::string& value) override {
    REQUIRE(store_->put(*store_->use(name), key, value));
  }
  void leave() override {
    if (left_) return;
    left_ = true;
    settle([] { return false; });
    mirror_->revoke(owner_);
  }
  [[nodiscard]] bool checks_permissions() const override { return false; }

 private:
  struct Cursor {
    StorageCursor at;
    StorageBatch batch = {};
    std::vector<tenon_storage_row> rows = {};
    std::vector<const tenon_storage_row*> pointers = {};
  };
  static KernelWay& of(tenon_ctx* c) { return *reinterpret_cast<KernelWay*>(c); }
  void later(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  static tenon_status give(const Error& e, tenon_error* out) {
    if (out != nullptr) std::snprintf(out->reason, sizeof out->reason, "%s", e.reason.c_str());
    return static_cast<tenon_status>(e.code);
  }
  template <class T>
  static tenon_status give(const Result<T>& r, tenon_error* out) {
    return r ? TENON_OK : give(r.error(), out);
  }
  static tenon_status give_revision(const Result<std::uint64_t>& r, std::uint64_t* revision, tenon_error* e) {
    if (r && revision != nullptr) *revision = *r;
    return give(r, e);
  }
  static tenon_status found(const ValueInfo& from, tenon_value_info* info) {
    info->revision = from.revision;
    info->expires_ns = from.expires_ns;
    info->size = from.size;
    info->content_type_len = from.type_size;
    std::memcpy(info->content_type, from.type_bytes.data(), from.type_size);
    info->content_type[from.type_size] = '\0';
    return TENON_OK;
  }
  static NamespaceId space_of(tenon_id id) { return static_cast<NamespaceId>(id & 0xffffffff); }
  static StorageTransaction begin(tenon_id id) {
    return std::move(StorageTransaction(space_of(id)).durable((id >> 32U & TENON_STORAGE_NORMAL) == 0));
  }
  static StorageTransaction transaction(tenon_id id, const tenon_storage_op* const* ops, std::size_t n) {
    StorageTransaction t = begin(id);
    for (std::size_t i = 0; i < n; ++i) {
      const tenon_storage_op& o = *ops[i];
      const auto expected = (o.flags & TENON_STORAGE_EXPECT) != 0 ? std::optional(o.expected) : std::nullopt;
      if (o.kind == TENON_STORAGE_PUT)
        t.put(sv(o.key), sv(o.value), {{o.content_type.ptr, o.content_type.len}, o.ttl_ns, expected});
      else if (o.kind == TENON_STORAGE_ERASE)
        t.erase(sv(o.key), expected);
      else
        t.check(sv(o.key), o.expected);
    }
    return t;
  }

  static tenon_status open(tenon_ctx* c, tenon_str name, std::uint32_t flags, tenon_id* out, tenon_error* e) noexcept {
    const std::string text(name.ptr, name.len);
    NamespaceOptions options;
    options.secret = (flags & TENON_STORAGE_SECRET) != 0;
    const auto id = text == "puppet" ? of(c).store_->define(text, options) : of(c).store_->use(text);
    if (id) *out = *id | std::uint64_t{flags} << 32U;
    return give(id, e);
  }
  static tenon_status get(tenon_ctx* c, tenon_id s, tenon_bytes key, std::uint8_t* buffer, std::size_t n, tenon_value_info* info,
                          tenon_error* e) noexcept {
    ValueInfo value;
    const auto r = of(c).store_->get(space_of(s), sv(key), {reinterpret_cast<char*>(buffer), n}, value);
    if (r || r.error().code == Code::out_of_range) found(value, info);
    return give(r, e);
  }
  static tenon_status put(tenon_ctx* c, tenon_id s, tenon_bytes key, tenon_bytes value, const tenon_put_options* o, std::uint64_t* r,
                          tenon_error* e) noexcept {
    PutOptions options;
    if (o != nullptr) options = {{o->content_type.ptr, o->content_type.len}, o->ttl_ns, std::nullopt};
    return give_revision(of(c).store_->commit(std::move(begin(s).put(sv(key), sv(value), options))), r, e);
  }
  static tenon_status erase(tenon_ctx* c, tenon_id s, tenon_bytes key, std::uint64_t* r, tenon_error* e) noexcept {
    return give_revision(of(c).store_->commit(std::move(begin(s).erase(sv(key)))), r, e);
  }
  static tenon_status compare_and_set(tenon_ctx* c, tenon_id s, tenon_bytes key, std::uint64_t expected, tenon_bytes value,
                                      const tenon_put_options*, std::uint64_t* r, tenon_error* e) noexcept {
    return give_revision(of(c).store_->commit(std::move(begin(s).put(sv(key), sv(value), {.expected = expected}))), r, e);
  }
  static tenon_status commit(tenon_ctx* c, tenon_id s, const tenon_storage_op* const* ops, std::size_t n, std::uint64_t* r,
                             tenon_error* e) noexcept {
    return give_revision(of(c).store_->commit(transaction(s, ops, n)), r, e);
  }
  static tenon_status commit_async(tenon_ctx* c, tenon_id s, const tenon_storage_op* const* ops, std::size_t n, tenon_storage_done,
                                   void* data, tenon_error* e) noexcept {
    auto* const done = static_cast<puppet_done*>(data);
    return give(of(c).store_->commit_async(transaction(s, ops, n),
                                           [done](const Result<std::uint64_t>& r) {
                                             tenon_error error{};
                                             error.struct_size = sizeof error;
                                             const tenon_status status = give(r, &error);
                                             done->done(done->data, status, r ? *r : 0, r ? nullptr : &error);
                                           }),
                e);
  }
  static tenon_status clear(tenon_ctx* c, tenon_id s, std::uint64_t* r, tenon_error* e) noexcept {
    return give_revision(of(c).store_->commit(std::move(begin(s).clear())), r, e);
  }
  static tenon_status scan(tenon_ctx* c, tenon_id s, tenon_bytes prefix, tenon_id* out, tenon_error*) noexcept {
    of(c).cursors_.emplace(++of(c).last_cursor_, Cursor{{space_of(s), std::string(sv(prefix))}});
    *out = of(c).last_cursor_;
    return TENON_OK;
  }
  template <bool of_state>
  static tenon_status next(tenon_ctx* c, tenon_id id, const tenon_storage_row* const** rows, std::size_t* n, tenon_error* e) noexcept {
    const auto at = of(c).cursors_.find(id);
    if (at == of(c).cursors_.end()) return TENON_NOT_FOUND;
    Cursor& cursor = at->second;
    cursor.batch.clear();
    while (cursor.batch.empty() && !cursor.at.done) {
      if (of_state)
        of(c).mirror_->keys(cursor.at, cursor.batch);
      else if (const auto r = of(c).store_->scan(cursor.at, cursor.batch); !r)
        return give(r, e);
    }
    cursor.rows.clear();
    cursor.pointers.clear();
    for (std::size_t i = 0; i < cursor.batch.size(); ++i) {
      const auto row = cursor.batch[i];
      cursor.rows.push_back({sizeof(tenon_storage_row),
                             0,
                             bytes(row.key),
                             bytes(row.value),
                             {row.content_type.data(), row.content_type.size()},
                             row.revision,
                             row.expires_ns});
    }
    for (const tenon_storage_row& row : cursor.rows) cursor.pointers.push_back(&row);
    *rows = cursor.pointers.data();
    *n = cursor.pointers.size();
    return TENON_OK;
  }
  static tenon_status close(tenon_ctx* c, tenon_id id) noexcept { return of(c).cursors_.erase(id) != 0 ? TENON_OK : TENON_NOT_FOUND; }
  static tenon_status stats(tenon_ctx* c, tenon_id s, tenon_storage_stats* out, tenon_error* e) noexcept {
    const auto usage = of(c).store_->usage(space_of(s));
    if (!usage) return give(usage, e);
    out->bytes = usage->bytes;
    out->quota = usage->quota;
    out->disk_full = of(c).store_->statistics().disk_full ? 1 : 0;
    return TENON_OK;
  }

  static tenon_status open_state(tenon_ctx* c, tenon_str name, tenon_id* out, tenon_error* e) noexcept {
    const auto id = of(c).store_->use(std::string(name.ptr, name.len));
    if (!id) return give(id, e);
    if (of(c).store_->usage(*id)->secret) return give(Error{Code::failed_precondition, "it is secret", "SECRET"}, e);
    *out = *id;
    return TENON_OK;
  }
  static tenon_status get_state(tenon_ctx* c, tenon_id s, tenon_bytes key, std::uint8_t* buffer, std::size_t n,
                                tenon_value_info* info) noexcept {
    ValueInfo value;
    const Code code = of(c).mirror_->get(space_of(s), sv(key), {reinterpret_cast<char*>(buffer), n}, value);
    if (code != Code::not_found) found(value, info);
    return static_cast<tenon_status>(code);
  }
  static tenon_status watch(tenon_ctx* c, tenon_id s, tenon_bytes prefix, tenon_state_changed, void* data, void (*)(void*) noexcept,
                            tenon_id* out, tenon_error* e) noexcept {
    auto* const w = static_cast<puppet_watch*>(data);
    WatchOptions options;
    options.space = space_of(s);
    options.prefix = sv(prefix);
    options.on_change = [w](std::span<const StateChange> changes) {
      std::vector<tenon_state_change> rows;
      for (const StateChange& change : changes)
        rows.push_back({sizeof(tenon_state_change), static_cast<std::uint32_t>(change.kind) + 1, change.revision, bytes(change.key)});
      std::vector<const tenon_state_change*> pointers;
      for (const tenon_state_change& row : rows) pointers.push_back(&row);
      static_cast<void>(w->fn(w->data, nullptr, pointers.data(), pointers.size(), nullptr));
    };
    options.release = [w] { w->release(w->data); };
    const auto id = of(c).mirror_->watch(&of(c).owner_, std::move(options));
    if (id) *out = *id;
    return give(id, e);
  }
  static tenon_status unwatch(tenon_ctx* c, tenon_id id) noexcept { return give(of(c).mirror_->unwatch(id), nullptr); }
  static tenon_status unwatch_wait(tenon_ctx* c, tenon_id id, std::int64_t deadline_ns, tenon_error* e) noexcept {
    return give(of(c).mirror_->unwatch_wait(id, deadline_ns), e);
  }

  static constexpr tenon_storage storage_table = {
      sizeof(tenon_storage), 0,      &open, &get,         &put,   &erase, &compare_and_set, &commit,
      &commit_async,         &clear, &scan, &next<false>, &close, &stats};
  static constexpr tenon_state state_table = {sizeof(tenon_state), 0,      &open_state, &get_state, &scan,
                                              &next<true>,         &close, &watch,      &unwatch,   &unwatch_wait};

  std::atomic<std::int64_t> now_{1'700'000'000'000'000'000};
  DiskState disk_;
  Owner owner_{"puppet", 1, false};
  std::mutex mutex_;
  std::deque<std::function<void()>> work_;
  std::unique_ptr<State> mirror_;
  std::unique_ptr<Storage> store_;
  std::map<tenon_id, Cursor> cursors_;
  tenon_id last_cursor_ = 0;
  bool left_ = false;
};

}  // namespace

std::unique_ptr<Way> kernel_way() { return std::make_unique<KernelWay>(); }

}  // namespace tenon::test
