// The C functions of the fake storage and state, and what the fake host does for them around phases.
#ifndef TENON_TESTING_STORAGE_TABLES_HPP
#define TENON_TESTING_STORAGE_TABLES_HPP

#include "tenon/testing/host.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

struct StorageTables {
  using Op = FakeStorage::Op;
  using Lock = FakeStorage::Lock;

  static FakeStorage& of(tenon_ctx* ctx) { return Host::from(ctx).storage(); }
  static tenon_status null_argument(tenon_error* err) {
    return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "a null pointer, or a view without bytes, was passed");
  }
  static tenon_status fail(tenon_error* err, tenon_status status, const char* reason, std::string_view message) {
    return tenon::detail::fill(err, status, reason, message);
  }
  static bool is_view(tenon_bytes b) { return b.len == 0 || b.ptr != nullptr; }
  static bool is_view(tenon_str s) { return s.len == 0 || s.ptr != nullptr; }
  static bool is_name(std::string_view name) {
    bool word = false;
    for (const char c : name) {
      if (c == '.' && !word) return false;
      if (c != '.' && !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return false;
      word = c != '.';
    }
    return word && name.size() <= 255;
  }

  // ---- namespaces ----------------------------------------------------------------------------------------------------

  static constexpr tenon_id storage_tag = 0x100, state_tag = 0x200;
  static const std::string* name_of(const FakeStorage& s, tenon_id id, tenon_id tag) {
    const auto& all = tag == storage_tag ? s.opened_ : s.opened_state_;
    return (id & ~tenon_id{63}) == tag && (id & 63) < all.size() ? &all[id & 63].name : nullptr;
  }
  static tenon_status no_space(tenon_error* err) {
    return fail(err, TENON_NOT_FOUND, "SPACE", "that is no namespace this instance has opened");
  }
  static tenon_status open_in(tenon_ctx* ctx, std::vector<FakeStorage::Opened>& all, tenon_id tag, std::string_view name,
                              std::uint32_t flags, tenon_id* out, tenon_error* err) {
    FakeStorage& s = of(ctx);
    if (!is_name(name)) return fail(err, TENON_INVALID_ARGUMENT, "NAMESPACE_NAME", "a namespace is dotted words of at most 255 bytes");
    const bool own = name == Host::from(ctx).module_name();
    if (!own && s.granted_.count(name) == 0)
      return fail(err, TENON_PERMISSION_DENIED, "NOT_GRANTED",
                  "the module may not use the storage namespace `" + std::string(name) + "`: host.storage().grant(...) would grant it");
    if ((flags & TENON_STORAGE_SECRET) != 0 && !own)
      return fail(err, TENON_PERMISSION_DENIED, "NOT_OWNER", "only the module a namespace belongs to can make it secret");
    if (tag == storage_tag && own) s.space(name).secret = (flags & TENON_STORAGE_SECRET) != 0;
    if (tag == state_tag && s.space(name).secret)
      return fail(err, TENON_FAILED_PRECONDITION, "SECRET", "the namespace is secret, so it is not in the state");
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].name != name || all[i].flags != flags) continue;
      *out = tag | i;
      return TENON_OK;
    }
    if (all.size() == FakeStorage::most_open) return fail(err, TENON_RESOURCE_EXHAUSTED, "SPACES", "64 namespaces are open already");
    all.push_back({std::string(name), flags});
    *out = tag | (all.size() - 1);
    return TENON_OK;
  }

  static tenon_status open(tenon_ctx* ctx, tenon_str name, std::uint32_t flags, tenon_id* out, tenon_error* err) noexcept {
    if (!is_view(name) || out == nullptr) return null_argument(err);
    if ((flags & ~(TENON_STORAGE_NORMAL | TENON_STORAGE_SECRET)) != 0)
      return fail(err, TENON_INVALID_ARGUMENT, "FLAGS", "open knows TENON_STORAGE_NORMAL and TENON_STORAGE_SECRET only");
    const Lock lock(of(ctx).mutex_);
    return open_in(ctx, of(ctx).opened_, storage_tag, view(name), flags, out, err);
  }
  static tenon_status open_state(tenon_ctx* ctx, tenon_str name, tenon_id* out, tenon_error* err) noexcept {
    if (!is_view(name) || out == nullptr) return null_argument(err);
    const Lock lock(of(ctx).mutex_);
    return open_in(ctx, of(ctx).opened_state_, state_tag, view(name), 0, out, err);
  }

  // ---- reading -------------------------------------------------------------------------------------------------------

  static tenon_status read(tenon_ctx* ctx, tenon_id id, tenon_id tag, tenon_bytes key, std::uint8_t* buffer, std::size_t capacity,
                           tenon_value_info* info, tenon_error* err) {
    if (!is_view(key) || (buffer == nullptr && capacity != 0) || (info != nullptr && info->struct_size < sizeof(tenon_value_info)))
      return null_argument(err);
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    const std::string* name = name_of(s, id, tag);
    if (name == nullptr) return no_space(err);
    const FakeStorage::Entry* e = s.find(*name, Bytes(key).text());
    if (e == nullptr || (tag == state_tag && s.space(*name).secret)) return fail(err, TENON_NOT_FOUND, "KEY", "there is no such entry");
    if (info != nullptr) {
      info->revision = e->revision;
      info->expires_ns = e->expires_ns;
      info->size = e->value.size();
      info->content_type_len = tenon::detail::copy_text(info->content_type, sizeof info->content_type, e->content_type);
    }
    if (e->value.size() > capacity) return fail(err, TENON_OUT_OF_RANGE, "BUFFER_TOO_SMALL", "the value is larger than the buffer");
    std::copy(e->value.begin(), e->value.end(), buffer);
    return TENON_OK;
  }
  static tenon_status get(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint8_t* buffer, std::size_t capacity,
                          tenon_value_info* info, tenon_error* err) noexcept {
    return read(ctx, space, storage_tag, key, buffer, capacity, info, err);
  }
  static tenon_status get_state(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint8_t* buffer, std::size_t capacity,
                                tenon_value_info* info) noexcept {
    return read(ctx, space, state_tag, key, buffer, capacity, info, nullptr);
  }

  static tenon_status open_cursor(tenon_ctx* ctx, tenon_id id, tenon_id tag, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) {
    if (!is_view(prefix) || cursor == nullptr) return null_argument(err);
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    const std::string* name = name_of(s, id, tag);
    if (name == nullptr) return no_space(err);
    std::size_t mine = 0;
    for (const auto& [other, c] : s.cursors_) mine += c.of_state == (tag == state_tag) ? 1 : 0;
    if (mine == FakeStorage::most_open)
      return fail(err, TENON_RESOURCE_EXHAUSTED, "CURSORS", "64 cursors are open: close those that are done");
    *cursor = ++s.last_id_;
    FakeStorage::Cursor& c = s.cursors_[*cursor];
    c.name = *name;
    c.prefix = std::string(Bytes(prefix).text());
    c.of_state = tag == state_tag;
    return TENON_OK;
  }
  static tenon_status scan(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) noexcept {
    return open_cursor(ctx, space, storage_tag, prefix, cursor, err);
  }
  static tenon_status keys(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) noexcept {
    return open_cursor(ctx, space, state_tag, prefix, cursor, err);
  }
  template <bool of_state>
  static tenon_status next(tenon_ctx* ctx, tenon_id id, const tenon_storage_row* const** rows, std::size_t* count,
                           tenon_error* err) noexcept {
    if (rows == nullptr || count == nullptr) return null_argument(err);
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    const auto at = s.cursors_.find(id);
    if (at == s.cursors_.end() || at->second.of_state != of_state)
      return fail(err, TENON_NOT_FOUND, "CURSOR", "there is no such cursor, or it was closed");
    s.fill(at->second);
    *rows = at->second.pointers.data();
    *count = at->second.pointers.size();
    return TENON_OK;
  }
  template <bool of_state>
  static tenon_status close(tenon_ctx* ctx, tenon_id id) noexcept {
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    const auto at = s.cursors_.find(id);
    if (at == s.cursors_.end() || at->second.of_state != of_state) return TENON_NOT_FOUND;
    s.cursors_.erase(at);
    return TENON_OK;
  }
  static tenon_status stats(tenon_ctx* ctx, tenon_id id, tenon_storage_stats* out, tenon_error* err) noexcept {
    if (out == nullptr || out->struct_size < sizeof(tenon_storage_stats)) return null_argument(err);
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    const std::string* name = name_of(s, id, storage_tag);
    if (name == nullptr) return no_space(err);
    out->disk_full = s.disk_full_ ? 1 : 0;
    out->bytes = s.space(*name).bytes();
    out->quota = s.space(*name).quota;
    return TENON_OK;
  }

  // ---- writing -------------------------------------------------------------------------------------------------------

  /// f(name, revision) -> Status.
  template <class F>
  static tenon_status write(tenon_ctx* ctx, tenon_id id, std::uint64_t* revision, tenon_error* err, F&& f) {
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    const std::string* name = name_of(s, id, storage_tag);
    if (name == nullptr) return no_space(err);
    std::uint64_t made = 0;
    const Status status = f(s, *name, made);
    if (status.ok() && revision != nullptr) *revision = made;
    return status.report(err);
  }
  static bool is_valid(const tenon_put_options* o) {
    return o == nullptr || (o->struct_size >= sizeof(tenon_put_options) && is_view(o->content_type));
  }
  static Op put_op(tenon_bytes key, tenon_bytes value, const tenon_put_options* o, bool expects, std::uint64_t expected) {
    return {TENON_STORAGE_PUT,
            expects,
            expected,
            o == nullptr ? 0 : o->ttl_ns,
            std::string(Bytes(key).text()),
            std::string(Bytes(value).text()),
            o == nullptr ? std::string() : std::string(view(o->content_type))};
  }
  static tenon_status put(tenon_ctx* ctx, tenon_id space, tenon_bytes key, tenon_bytes value, const tenon_put_options* options,
                          std::uint64_t* revision, tenon_error* err) noexcept {
    if (!is_view(key) || !is_view(value) || !is_valid(options)) return null_argument(err);
    return write(ctx, space, revision, err, [&](FakeStorage& s, const std::string& name, std::uint64_t& made) {
      return s.commit(name, {put_op(key, value, options, false, 0)}, made);
    });
  }
  static tenon_status compare_and_set(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint64_t expected, tenon_bytes value,
                                      const tenon_put_options* options, std::uint64_t* revision, tenon_error* err) noexcept {
    if (!is_view(key) || !is_view(value) || !is_valid(options)) return null_argument(err);
    return write(ctx, space, revision, err, [&](FakeStorage& s, const std::string& name, std::uint64_t& made) {
      return s.commit(name, {put_op(key, value, options, true, expected)}, made);
    });
  }
  static tenon_status erase(tenon_ctx* ctx, tenon_id space, tenon_bytes key, std::uint64_t* revision, tenon_error* err) noexcept {
    if (!is_view(key)) return null_argument(err);
    return write(ctx, space, revision, err, [&](FakeStorage& s, const std::string& name, std::uint64_t& made) {
      return s.commit(name, {{TENON_STORAGE_ERASE, false, 0, 0, std::string(Bytes(key).text()), {}, {}}}, made);
    });
  }
  static tenon_status clear(tenon_ctx* ctx, tenon_id space, std::uint64_t* revision, tenon_error* err) noexcept {
    return write(ctx, space, revision, err,
                 [](FakeStorage& s, const std::string& name, std::uint64_t& made) { return s.clear(name, made); });
  }
  static Status read_ops(const tenon_storage_op* const* ops, std::size_t count, std::vector<Op>& out) {
    for (std::size_t i = 0; i < count && i <= TENON_STORAGE_MAX_OPS; ++i) {
      const tenon_storage_op* o = ops[i];
      if (o == nullptr || o->struct_size < sizeof(tenon_storage_op) || !is_view(o->key) || !is_view(o->value) || !is_view(o->content_type))
        return {TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "a null pointer, or a view without bytes, was passed"};
      if ((o->flags & ~TENON_STORAGE_EXPECT) != 0)
        return {TENON_INVALID_ARGUMENT, "FLAGS", "an operation knows the flag TENON_STORAGE_EXPECT only"};
      if (o->kind < TENON_STORAGE_PUT || o->kind > TENON_STORAGE_CHECK)
        return {TENON_INVALID_ARGUMENT, "KIND", "an operation is TENON_STORAGE_PUT, _ERASE or _CHECK"};
      const bool puts = o->kind == TENON_STORAGE_PUT;
      out.push_back({o->kind, o->kind == TENON_STORAGE_CHECK || o->flags != 0, o->expected, puts ? o->ttl_ns : 0,
                     std::string(Bytes(o->key).text()), puts ? std::string(Bytes(o->value).text()) : std::string(),
                     puts ? std::string(view(o->content_type)) : std::string()});
    }
    return Status();
  }
  static tenon_status commit(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, std::size_t count, std::uint64_t* revision,
                             tenon_error* err) noexcept {
    if (ops == nullptr && count != 0) return null_argument(err);
    return write(ctx, space, revision, err, [&](FakeStorage& s, const std::string& name, std::uint64_t& made) {
      std::vector<Op> all;
      Status status = read_ops(ops, count, all);
      return status.ok() ? s.commit(name, all, made) : std::move(status);
    });
  }
  /// What a host refuses at once, the fake does too; the rest is told when the test delivers.
  static tenon_status commit_async(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, std::size_t count,
                                   tenon_storage_done done, void* data, tenon_error* err) noexcept {
    if ((ops == nullptr && count != 0) || done == nullptr) return null_argument(err);
    return write(ctx, space, nullptr, err, [&](FakeStorage& s, const std::string& name, std::uint64_t& made) {
      if (s.left_) return Status(TENON_UNAVAILABLE, "CLOSED", "the instance is leaving");
      std::vector<Op> all;
      Status status = read_ops(ops, count, all);
      if (status.ok()) status = s.check(all);
      if (!status.ok()) return status;
      Status outcome = s.commit(name, all, made);
      s.done_.push_back({done, data, std::move(outcome), made});
      return Status();
    });
  }

  // ---- watches -------------------------------------------------------------------------------------------------------

  static tenon_status watch(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_state_changed fn, void* data,
                            void (*release)(void*) noexcept, tenon_id* out, tenon_error* err) noexcept {
    if (!is_view(prefix) || fn == nullptr || out == nullptr) return null_argument(err);
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    const std::string* name = name_of(s, space, state_tag);
    if (name == nullptr) return no_space(err);
    if (s.left_) return fail(err, TENON_UNAVAILABLE, "CLOSED", "the instance is leaving: nothing can be registered");
    for (const auto& w : s.watches_) {
      if (w->name != *name || w->prefix != Bytes(prefix).text() || w->fn != fn || w->data != data) continue;
      *out = w->id;
      return TENON_OK;
    }
    if (s.watches_.size() == FakeStorage::most_open)
      return fail(err, TENON_RESOURCE_EXHAUSTED, "WATCHES", "the instance has 64 watches already");
    auto w = std::make_shared<FakeStorage::Watch>();
    w->id = *out = ++s.last_id_;
    w->name = *name;
    w->prefix = std::string(Bytes(prefix).text());
    w->fn = fn;
    w->data = data;
    w->release = release;
    s.watches_.push_back(std::move(w));
    return TENON_OK;
  }
  /// True if it was there. Released after the handler that runs.
  static bool end_watch(FakeStorage& s, tenon_id id) {
    const auto at = std::find_if(s.watches_.begin(), s.watches_.end(), [id](const auto& w) { return w->id == id; });
    if (at == s.watches_.end()) return false;
    (*at)->ended = true;
    if (!(*at)->inside) s.releases_.push_back(*at);
    s.watches_.erase(at);
    return true;
  }
  static tenon_status unwatch(tenon_ctx* ctx, tenon_id id) noexcept {
    FakeStorage& s = of(ctx);
    const Lock lock(s.mutex_);
    return end_watch(s, id) ? TENON_OK : TENON_NOT_FOUND;
  }
  static tenon_status unwatch_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns, tenon_error* err) noexcept {
    FakeStorage& s = of(ctx);
    std::shared_ptr<FakeStorage::Watch> w;
    {
      std::unique_lock<std::recursive_mutex> lock(s.mutex_);
      for (const auto& other : s.watches_)
        if (other->id == id) w = other;
      if (w != nullptr && w->inside && w->runner == std::this_thread::get_id())
        return fail(err, TENON_FAILED_PRECONDITION, "REENTRANT", "a watch cannot wait for itself inside its own handler");
      if (Host::from(ctx).on_own_turn())
        return fail(err, TENON_FAILED_PRECONDITION, "SERIAL", "a serial module cannot wait for its own callbacks");
      if (!end_watch(s, id)) return fail(err, TENON_NOT_FOUND, "WATCH", "there is no such watch, or it has ended");
      wait(s, lock, w->inside, false, deadline_ns);
    }
    release_all(Host::from(ctx));
    std::unique_lock<std::recursive_mutex> lock(s.mutex_);
    wait(s, lock, w->released, true, deadline_ns);
    if (w->released) return TENON_OK;
    return fail(err, TENON_DEADLINE_EXCEEDED, "WATCH_DEADLINE", "the watch has ended, but its release has not returned in time");
  }
  static void wait(FakeStorage& s, std::unique_lock<std::recursive_mutex>& lock, const bool& flag, bool wanted, std::int64_t deadline_ns) {
    constexpr std::int64_t longest_ns = 1'000'000'000;
    for (std::int64_t left = 0; flag != wanted && (left = deadline_ns - detail::now_ns()) > 0;)
      s.quiet_.wait_for(lock, std::chrono::nanoseconds(std::min(left, longest_ns)));
  }

  // ---- what the fake host does -----------------------------------------------------------------------------------------

  static void release_all(Host& h) {
    FakeStorage& s = h.storage();
    for (;;) {
      std::shared_ptr<FakeStorage::Watch> next;
      {
        const Lock lock(s.mutex_);
        if (s.releases_.empty()) return;
        next = s.releases_.front();
        s.releases_.pop_front();
      }
      if (next->release != nullptr) h.release(next->release, next->data);
      const Lock lock(s.mutex_);
      next->released = true;
      s.quiet_.notify_all();
    }
  }

  /// Ended commits, releases, and, once start was called, changes: until there is nothing left to tell.
  static void deliver(Host& h) {
    FakeStorage& s = h.storage();
    for (bool again = true; again;) {
      again = false;
      for (;;) {
        std::optional<FakeStorage::Done> done;
        {
          const Lock lock(s.mutex_);
          if (s.done_.empty()) break;
          done.emplace(std::move(s.done_.front()));
          s.done_.pop_front();
        }
        again = true;
        tenon_error error;
        tenon::detail::init_error(error);
        (void)done->status.report(&error);
        h.as_worker([&done, &error] { done->fn(done->data, done->status.code(), done->revision, done->status.ok() ? nullptr : &error); });
      }
      std::vector<std::shared_ptr<FakeStorage::Watch>> due;
      {
        const Lock lock(s.mutex_);
        if (h.is_running())
          for (const auto& w : s.watches_)
            if (!w->waiting.empty() && !w->inside) due.push_back(w);
      }
      for (const auto& w : due) again = tell(h, w) || again;
      release_all(h);
    }
  }

  static bool tell(Host& h, const std::shared_ptr<FakeStorage::Watch>& told) {
    FakeStorage& s = h.storage();
    FakeStorage::Watch& w = *told;
    std::vector<std::pair<std::string, FakeStorage::Change>> batch;
    {
      const Lock lock(s.mutex_);
      const bool there = std::any_of(s.watches_.begin(), s.watches_.end(), [&w](const auto& other) { return other.get() == &w; });
      if (!there) return false;  // a handler before this one has ended it
      while (!w.waiting.empty() && batch.size() < FakeStorage::batch_rows) {
        auto first = w.waiting.extract(w.waiting.begin());
        batch.emplace_back(std::move(first.key()), first.mapped());
      }
      w.inside = true;
      w.runner = std::this_thread::get_id();
    }
    std::vector<tenon_state_change> rows;
    std::vector<const tenon_state_change*> pointers;
    rows.reserve(batch.size());
    for (const auto& [key, change] : batch) rows.push_back({sizeof(tenon_state_change), change.kind, change.revision, Bytes(key)});
    for (const tenon_state_change& row : rows) pointers.push_back(&row);
    (void)h.handle("a watch of the state",
                   [&](tenon_call* call, tenon_error* err) { return w.fn(w.data, call, pointers.data(), pointers.size(), err); });
    const Lock lock(s.mutex_);
    w.inside = false;
    if (w.ended) s.releases_.push_back(told);
    s.quiet_.notify_all();
    return true;
  }

  /// The instance leaves: everything is taken back.
  static void leave(Host& h) {
    FakeStorage& s = h.storage();
    {
      const Lock lock(s.mutex_);
      s.left_ = true;
    }
    deliver(h);
    {
      const Lock lock(s.mutex_);
      while (!s.watches_.empty()) end_watch(s, s.watches_.front()->id);
      s.cursors_.clear();
    }
    release_all(h);
  }

  static inline const tenon_storage storage = {sizeof(tenon_storage), 0,       &open,         &get,   &put,  &erase,
                                               &compare_and_set,      &commit, &commit_async, &clear, &scan, &next<false>,
                                               &close<false>,         &stats};
  static inline const tenon_state state = {sizeof(tenon_state), 0,      &open_state, &get_state,   &keys, &next<true>,
                                           &close<true>,        &watch, &unwatch,    &unwatch_wait};
};

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#include "tenon/testing/tables.hpp"  // which ends with run.hpp: the body of Host::handle, a template

#endif
