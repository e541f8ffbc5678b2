// The C functions of the fake host.
#ifndef TENON_TESTING_TABLES_HPP
#define TENON_TESTING_TABLES_HPP

#include "tenon/container.h"
#include "tenon/events.h"
#include "tenon/tasks.h"
#include "tenon/testing/host.hpp"
#include "tenon/testing/service_message.hpp"
#include "tenon/testing/storage_tables.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

namespace detail {

/// Where this thread is: in the module of which host, in what kind of callback, in which call.
struct Within {
  const Host* host = nullptr;
  std::int32_t thread = TENON_THREAD_OTHER;
  CallState* call = nullptr;
  bool own_turn = true;  // false: of a serial module, beside its turns
};
inline Within& within() {
  thread_local Within here;
  return here;
}
inline const Host* entered() { return within().host; }

/// Whose module waits, on this thread, for a call of a service.
inline const Host*& asking() {
  thread_local const Host* host = nullptr;
  return host;
}

}  // namespace detail

struct Host::Tables {
  static Host& of(tenon_ctx* ctx) { return *reinterpret_cast<Seat*>(ctx)->host; }
  static detail::CallState& of(tenon_call* call) { return *reinterpret_cast<detail::CallState*>(call); }

  static const void* query(tenon_ctx* ctx, tenon_str id) noexcept {
    Host& h = of(ctx);
    const auto name = view(id);
    if (!h.declared(name)) {
      const Lock lock(h.mutex_);
      h.problem("the module asked for `" + std::string(name) + "`, which is not in its needs");
      return nullptr;
    }
    if (h.withheld_.count(name) != 0) return nullptr;
    const auto found = h.provided_.find(name);
    if (found != h.provided_.end()) return found->second;
    if (name == TENON_LOG) return &h.log_;
    if (name == TENON_CONFIG) return &config;
    if (name == TENON_CALLS) return &calls;
    if (name == TENON_CHECK) return &check;
    if (name == TENON_EVENTS) return h.events_table();
    if (name == TENON_TASKS) return h.tasks_table();
    if (name == TENON_SERVICES) return h.services_table();
    if (name == TENON_METRICS) return &FakeMetrics::table();
    if (name == TENON_AUDIT) return &FakeAudit::table();
    if (name == TENON_LOG_SINK) return &FakeLogSink::table();
    if (name == TENON_STORAGE) return &StorageTables::storage;
    if (name == TENON_STATE) return &StorageTables::state;
    if (name == TENON_CONTAINER || name == TENON_LEASE) return h.container_table(name == TENON_LEASE);
    return nullptr;
  }

  // ---- log -------------------------------------------------------------------------------------------------------------

  static void write(tenon_ctx* ctx, std::int32_t level, tenon_str message, const tenon_kv* kv, std::size_t n) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    if (h.destroyed_) h.problem("the module logged after destroy: " + std::string(view(message)));
    if (!TENON_LOG_ENABLED(&h.log_, level)) return;
    LogLine line{level, std::string(view(message)), {}};
    for (std::size_t i = 0; i < n && i < TENON_LOG_MAX_KV; ++i) line.fields.emplace_back(view(kv[i].key), view(kv[i].value));
    if (n > TENON_LOG_MAX_KV) h.problem("a log line had more than TENON_LOG_MAX_KV pairs");
    h.lines_.push_back(std::move(line));
    h.changed_.notify_all();
  }

  // ---- config ------------------------------------------------------------------------------------------------------------

  static tenon_status wrong_type(tenon_error* err, tenon_str path, const Value& found, std::string_view wanted) {
    return tenon::detail::fill(
        err, TENON_INVALID_ARGUMENT, "WRONG_TYPE",
        "`" + std::string(view(path)) + "` is of type " + std::string(found.kind_name()) + ", not " + std::string(wanted));
  }
  static tenon_status absent(tenon_error* err, tenon_str path) {
    return tenon::detail::fill(err, TENON_NOT_FOUND, "NOT_FOUND", "there is no value at `" + std::string(view(path)) + "`");
  }

  // How a value is read as each type; false if it is of another.
  struct AsBool {
    using Out = std::int32_t;
    static constexpr std::string_view name = "boolean";
    static bool read(Host&, const Value& v, Out& out) {
      out = static_cast<Out>(v.integer());
      return v.kind() == Value::Kind::boolean;
    }
  };
  struct AsInteger {
    using Out = std::int64_t;
    static constexpr std::string_view name = "integer";
    static bool read(Host&, const Value& v, Out& out) {
      out = v.integer();
      return v.kind() == Value::Kind::integer;
    }
  };
  struct AsNumber {
    using Out = double;
    static constexpr std::string_view name = "number";
    static bool read(Host&, const Value& v, Out& out) {
      out = v.real();
      return v.kind() == Value::Kind::integer || v.kind() == Value::Kind::real;
    }
  };
  struct AsText {
    using Out = tenon_str;
    static constexpr std::string_view name = "string";
    static bool read(Host& h, const Value& v, Out& out) {
      out = h.keep(v.text());
      return v.kind() == Value::Kind::text;
    }
  };
  struct AsDuration {
    using Out = std::int64_t;
    static constexpr std::string_view name = "duration";
    static bool read(Host&, const Value& v, Out& out) { return v.kind() == Value::Kind::text && detail::parse_duration(v.text(), out); }
  };
  struct AsSize {
    using Out = std::uint64_t;
    static constexpr std::string_view name = "size";
    static bool read(Host&, const Value& v, Out& out) { return v.kind() == Value::Kind::text && detail::parse_size(v.text(), out); }
  };

  template <class As>
  static tenon_status get(tenon_ctx* ctx, tenon_str path, const typename As::Out* fallback, typename As::Out* out, tenon_error* err) {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const Value* value = h.config_.at(view(path));
    if (value == nullptr || value->kind() == Value::Kind::null) {
      if (fallback == nullptr) return absent(err, path);
      *out = *fallback;
      return TENON_OK;
    }
    typename As::Out read{};
    if (!As::read(h, *value, read)) return wrong_type(err, path, *value, As::name);
    *out = read;
    return TENON_OK;
  }
  template <class As>
  static tenon_status required(tenon_ctx* ctx, tenon_str path, typename As::Out* out, tenon_error* err) noexcept {
    return get<As>(ctx, path, nullptr, out, err);
  }
  template <class As>
  static tenon_status optional(tenon_ctx* ctx, tenon_str path, typename As::Out fallback, typename As::Out* out,
                               tenon_error* err) noexcept {
    return get<As>(ctx, path, &fallback, out, err);
  }

  static std::int32_t has(tenon_ctx* ctx, tenon_str path) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const Value* value = h.config_.at(view(path));
    return value != nullptr && value->kind() != Value::Kind::null ? 1 : 0;
  }
  static tenon_status json(tenon_ctx* ctx, tenon_str path, tenon_str* out, tenon_error* err) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const Value* value = h.config_.at(view(path));
    if (value == nullptr) return absent(err, path);
    *out = h.keep(value->json());
    return TENON_OK;
  }
  static tenon_status count(tenon_ctx* ctx, tenon_str path, std::size_t* out, tenon_error* err) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const Value* value = h.config_.at(view(path));
    if (value == nullptr || value->kind() == Value::Kind::null) return absent(err, path);
    if (value->kind() != Value::Kind::list && value->kind() != Value::Kind::map) return wrong_type(err, path, *value, "list or map");
    *out = value->kind() == Value::Kind::list ? value->items().size() : value->members().size();
    return TENON_OK;
  }
  static tenon_status on_change(tenon_ctx* ctx, tenon_str path, tenon_config_changed fn, void* data, void (*release)(void*) noexcept,
                                tenon_id* out, tenon_error* err) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const std::int32_t phase = h.phase_;
    if (phase != TENON_PHASE_CREATE && phase != TENON_PHASE_INIT)
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "WRONG_PHASE", "on_change is for create and init only");
    if (!h.is_live(view(path))) {
      const std::string text = "`" + std::string(view(path)) + "` is not declared live";
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "NOT_LIVE", text);
    }
    for (const auto& [id, s] : h.subscriptions_) {
      if (s.fn == fn && s.data == data && s.path == view(path)) {
        *out = id;
        return TENON_OK;
      }
    }
    *out = h.next_id_++;
    h.subscriptions_[*out] = {std::string(view(path)), fn, data, release};
    return TENON_OK;
  }
  static tenon_status unsubscribe(tenon_ctx* ctx, tenon_id id) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const auto found = h.subscriptions_.find(id);
    if (found == h.subscriptions_.end()) return TENON_NOT_FOUND;
    // Released later: the caller may be inside of it, and functions of a host never call back.
    h.unsubscribed_.push_back(std::move(found->second));
    h.subscriptions_.erase(found);
    return TENON_OK;
  }

  // ---- calls -------------------------------------------------------------------------------------------------------------

  static bool is_cancelled(const detail::CallState& c) {
    return c.cancelled || detail::now_ns() >= c.deadline_ns || (c.parent != nullptr && is_cancelled(*c.parent));
  }

  static std::int64_t deadline_ns(tenon_call* call) noexcept { return of(call).deadline_ns; }
  static std::int32_t cancelled(tenon_call* call) noexcept {
    const Lock lock(of(call).host->mutex_);
    return is_cancelled(of(call)) ? 1 : 0;
  }
  static std::int32_t wait(tenon_call* call, std::int64_t until_ns) noexcept {
    detail::CallState& c = of(call);
    Lock lock(c.host->mutex_);
    const std::int64_t end = std::min(until_ns, c.deadline_ns);
    while (!is_cancelled(c) && detail::now_ns() < end) {
      if (end == INT64_MAX) {
        c.host->changed_.wait(lock);
      } else {
        c.host->changed_.wait_until(lock, Clock::time_point(std::chrono::nanoseconds(end)));
      }
    }
    return is_cancelled(c) ? 1 : 0;
  }
  static std::uint8_t* reserve(tenon_call* call, std::size_t n) noexcept {
    detail::CallState& c = of(call);
    const Lock lock(c.host->mutex_);
    if (n > 65536 - c.reserved_bytes) return nullptr;
    c.reserved_bytes += n;
    c.reserved.emplace_back(new std::uint8_t[n]);
    return c.reserved.back().get();
  }
  static tenon_status defer(tenon_call* call, tenon_id* out) noexcept {
    detail::CallState& c = of(call);
    Host& h = *c.host;
    const Lock lock(h.mutex_);
    if (!c.may_defer) return TENON_FAILED_PRECONDITION;
    if (c.id == 0) {
      c.id = h.next_id_++;
      if (c.service == nullptr) h.last_deferred_ = c.shared_from_this();
      h.deferred_[c.id] = c.shared_from_this();
    }
    *out = c.id;
    return TENON_OK;
  }
  static tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_blob* body) noexcept {
    tenon_reply reply = {};
    if (body != nullptr) reply.payload = *body;
    return end_deferred(ctx, id, status, error, reply);
  }
  /// Takes the payload whatever it returns.
  static tenon_status end_deferred(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, const tenon_reply& reply) {
    Host& h = of(ctx);
    ServiceMessage message;
    const bool good = detail::take_reply(reply, nullptr, 0, message);
    tenon_status result = TENON_OK;
    {
      const Lock lock(h.mutex_);
      const auto found = h.deferred_.find(id);
      if (found == h.deferred_.end() || found->second->completed) {
        if (found != h.deferred_.end()) h.problem("a deferred call was completed twice");
        result = TENON_NOT_FOUND;
      } else {
        detail::CallState& c = *found->second;
        if (status < 0 || status > TENON_UNAUTHENTICATED) {
          h.problem("a deferred call was completed with the status " + std::to_string(status));
          status = TENON_UNKNOWN;
        }
        c.completed = true;
        c.answer = status == TENON_OK ? Status() : error != nullptr ? Status::from_c(status, *error) : Status(status);
        if (c.service != nullptr) {
          c.service->reply = std::move(message);
          c.service->good = good;
        }
        h.end(c, TENON_OK);
        h.changed_.notify_all();
      }
    }
    return result;
  }
  static std::int32_t id_cancelled(tenon_ctx* ctx, tenon_id id) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const auto found = h.deferred_.find(id);
    return found == h.deferred_.end() || found->second->ended || is_cancelled(*found->second) ? 1 : 0;
  }
  static tenon_status on_cancel(tenon_ctx* ctx, tenon_id id, tenon_call_ended fn, void* data) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    const auto found = h.deferred_.find(id);
    if (found == h.deferred_.end() || found->second->ended) return TENON_NOT_FOUND;
    detail::CallState& c = *found->second;
    if (c.on_cancel != nullptr) return TENON_ALREADY_EXISTS;
    c.on_cancel = fn;
    c.on_cancel_data = data;
    if (c.cancelled) h.due_.push_back({{fn, data}, TENON_CANCELLED});
    return TENON_OK;
  }

  // ---- check -------------------------------------------------------------------------------------------------------------

  static std::int32_t thread(tenon_ctx* ctx) noexcept {
    return detail::entered() == &of(ctx) ? detail::within().thread : TENON_THREAD_OTHER;
  }
  static std::int32_t current_phase(tenon_ctx* ctx) noexcept { return of(ctx).phase_; }
  static void violation(tenon_ctx* ctx, tenon_str rule, tenon_str message) noexcept {
    Host& h = of(ctx);
    const Lock lock(h.mutex_);
    h.violations_.push_back(std::string(view(rule)).append(": ").append(view(message)));
  }

  static inline const tenon_config config = {sizeof(tenon_config),
                                             0,
                                             &has,
                                             &required<AsBool>,
                                             &required<AsInteger>,
                                             &required<AsNumber>,
                                             &required<AsText>,
                                             &required<AsDuration>,
                                             &required<AsSize>,
                                             &optional<AsBool>,
                                             &optional<AsInteger>,
                                             &optional<AsNumber>,
                                             &optional<AsText>,
                                             &optional<AsDuration>,
                                             &optional<AsSize>,
                                             &json,
                                             &count,
                                             &on_change,
                                             &unsubscribe};
  static inline const tenon_calls calls = {sizeof(tenon_calls), 0,         &deadline_ns, &cancelled, &wait, &reserve, &defer, &complete,
                                           &id_cancelled,       &on_cancel};
  static inline const tenon_check check = {sizeof(tenon_check), 0, &thread, &current_phase, &violation};
};

inline bool Host::given_up(const detail::CallState& call) { return Tables::is_cancelled(call); }
inline FakeMetrics& FakeMetrics::of(tenon_ctx* ctx) { return Host::Tables::of(ctx).metrics_; }
inline FakeAudit& FakeAudit::of(tenon_ctx* ctx) { return Host::Tables::of(ctx).audit_; }
inline FakeLogSink& FakeLogSink::of(tenon_ctx* ctx) { return Host::Tables::of(ctx).log_sink_; }
inline std::int32_t FakeLogSink::phase_of(tenon_ctx* ctx) { return Host::Tables::of(ctx).phase_; }
inline tenon_id FakeLogSink::next_id(tenon_ctx* ctx) {
  Host& host = Host::Tables::of(ctx);
  const std::lock_guard<std::mutex> lock(host.mutex_);
  return host.next_id_++;
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#include "tenon/testing/run.hpp"  // the bodies of what is used above, for whoever includes this page alone

#endif
