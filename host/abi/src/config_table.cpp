#include <new>

#include "abi/instance.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

constexpr tenon_status cancelled = TENON_CANCELLED;

Error null_argument() {
  return {Code::invalid_argument, "a null pointer, or a view without bytes, was passed to tenon.config/1", "NULL_ARGUMENT", 0,
          ExitCode::software};
}

// The frame of every getter: checks what the module passed, converts, and lets nothing out.
template <class T, class Get>
tenon_status get(tenon_ctx* ctx, tenon_str path, T* out, tenon_error* err, const T* fallback, Get&& read) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || out == nullptr || !is_view(path)) return give_error(err, &null_argument);
  if (instance->wedged()) return cancelled;
  try {
    auto result = read(instance->config(), view(path));
    if (result) {
      *out = static_cast<T>(*result);
      return TENON_OK;
    }
    if (fallback != nullptr && result.error().code == Code::not_found) {
      *out = *fallback;
      return TENON_OK;
    }
    return give_error(err, result.error());
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

Result<std::int32_t> read_bool(ConfigStore& c, std::string_view p) {
  const auto r = c.boolean(p);
  if (!r) return r.error();
  return *r ? 1 : 0;
}
auto read_i64 = [](ConfigStore& c, std::string_view p) { return c.integer(p); };
auto read_f64 = [](ConfigStore& c, std::string_view p) { return c.real(p); };
auto read_duration = [](ConfigStore& c, std::string_view p) { return c.duration_ns(p); };
auto read_size = [](ConfigStore& c, std::string_view p) { return c.size(p); };
Result<tenon_str> text(Result<std::string_view> r) {
  if (!r) return r.error();
  return c_str(*r);
}
auto read_str = [](ConfigStore& c, std::string_view p) { return text(c.string(p)); };
auto read_json = [](ConfigStore& c, std::string_view p) { return text(c.json(p)); };

std::int32_t has(tenon_ctx* ctx, tenon_str path) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || !is_view(path)) return 0;
  try {
    return instance->config().has(view(path)) ? 1 : 0;
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

tenon_status require_bool(tenon_ctx* c, tenon_str p, std::int32_t* out, tenon_error* e) noexcept {
  return get<std::int32_t>(c, p, out, e, nullptr, read_bool);
}
tenon_status require_i64(tenon_ctx* c, tenon_str p, std::int64_t* out, tenon_error* e) noexcept {
  return get<std::int64_t>(c, p, out, e, nullptr, read_i64);
}
tenon_status require_f64(tenon_ctx* c, tenon_str p, double* out, tenon_error* e) noexcept {
  return get<double>(c, p, out, e, nullptr, read_f64);
}
tenon_status require_str(tenon_ctx* c, tenon_str p, tenon_str* out, tenon_error* e) noexcept {
  return get<tenon_str>(c, p, out, e, nullptr, read_str);
}
tenon_status require_duration(tenon_ctx* c, tenon_str p, std::int64_t* out, tenon_error* e) noexcept {
  return get<std::int64_t>(c, p, out, e, nullptr, read_duration);
}
tenon_status require_size(tenon_ctx* c, tenon_str p, std::uint64_t* out, tenon_error* e) noexcept {
  return get<std::uint64_t>(c, p, out, e, nullptr, read_size);
}
tenon_status optional_bool(tenon_ctx* c, tenon_str p, std::int32_t f, std::int32_t* out, tenon_error* e) noexcept {
  return get<std::int32_t>(c, p, out, e, &f, read_bool);
}
tenon_status optional_i64(tenon_ctx* c, tenon_str p, std::int64_t f, std::int64_t* out, tenon_error* e) noexcept {
  return get<std::int64_t>(c, p, out, e, &f, read_i64);
}
tenon_status optional_f64(tenon_ctx* c, tenon_str p, double f, double* out, tenon_error* e) noexcept {
  return get<double>(c, p, out, e, &f, read_f64);
}
tenon_status optional_str(tenon_ctx* c, tenon_str p, tenon_str f, tenon_str* out, tenon_error* e) noexcept {
  return get<tenon_str>(c, p, out, e, &f, read_str);
}
tenon_status optional_duration(tenon_ctx* c, tenon_str p, std::int64_t f, std::int64_t* out, tenon_error* e) noexcept {
  return get<std::int64_t>(c, p, out, e, &f, read_duration);
}
tenon_status optional_size(tenon_ctx* c, tenon_str p, std::uint64_t f, std::uint64_t* out, tenon_error* e) noexcept {
  return get<std::uint64_t>(c, p, out, e, &f, read_size);
}
tenon_status json(tenon_ctx* c, tenon_str p, tenon_str* out, tenon_error* e) noexcept {
  return get<tenon_str>(c, p, out, e, nullptr, read_json);
}
tenon_status count(tenon_ctx* c, tenon_str p, std::size_t* out, tenon_error* e) noexcept {
  return get<std::size_t>(c, p, out, e, nullptr, [](ConfigStore& store, std::string_view path) { return store.count(path); });
}

tenon_status on_change(tenon_ctx* ctx, tenon_str path, tenon_config_changed fn, void* data, void (*release)(void*) noexcept, tenon_id* out,
                       tenon_error* err) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || fn == nullptr || out == nullptr || !is_view(path)) return give_error(err, &null_argument);
  if (instance->wedged()) return cancelled;
  try {
    Error error;
    if (instance->subscribe(std::string(view(path)), fn, data, release, out, error) == TENON_OK) return TENON_OK;
    return give_error(err, error);
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

tenon_status unsubscribe(tenon_ctx* ctx, tenon_id id) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr) return TENON_INVALID_ARGUMENT;
  if (instance->wedged()) return cancelled;
  try {
    return instance->unsubscribe(id);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

}  // namespace

const tenon_config config_table = {sizeof(tenon_config),
                                   0,
                                   &has,
                                   &require_bool,
                                   &require_i64,
                                   &require_f64,
                                   &require_str,
                                   &require_duration,
                                   &require_size,
                                   &optional_bool,
                                   &optional_i64,
                                   &optional_f64,
                                   &optional_str,
                                   &optional_duration,
                                   &optional_size,
                                   &json,
                                   &count,
                                   &on_change,
                                   &unsubscribe};

}  // namespace tenon::host
