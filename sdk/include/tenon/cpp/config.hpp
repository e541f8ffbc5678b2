// Config: typed getters over the module's configuration, and on_change for live keys.
#ifndef TENON_CPP_CONFIG_HPP
#define TENON_CPP_CONFIG_HPP

#include <limits>
#include <string>

#include "tenon/config.h"
#include "tenon/cpp/handler.hpp"
#include "tenon/cpp/log.hpp"

namespace tenon {
inline namespace v1 {

/// A number of bytes, written "16MiB" in the configuration.
struct Size {
  std::uint64_t bytes = 0;
  friend constexpr bool operator==(Size a, Size b) noexcept { return a.bytes == b.bytes; }
  friend constexpr bool operator!=(Size a, Size b) noexcept { return a.bytes != b.bytes; }
};

/// Types: bool, integers (range-checked), floating point, std::string_view (lives as long as ctx), std::string, chrono durations (rounded
/// towards zero to their own unit), tenon::Size. A pair of pointers; thread-safe.
class Config {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_CONFIG;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_config, unsubscribe);

  /// Throws Failure if the host gives none (see needs<...>).
  explicit Config(Ctx ctx) : ctx_(ctx), table_(ctx.require<tenon_config>(id)) {}

  [[nodiscard]] bool has(std::string_view path) const noexcept { return table_->has(ctx_.raw(), to_c(path)) != 0; }

  /// The value at path; NOT_FOUND if absent or null, INVALID_ARGUMENT if it is of another type.
  template <class T>
  Result<T> require(std::string_view path) const {
    return get<T>(path, nullptr);
  }
  /// The value at path, or the fallback if absent or null.
  template <class T>
  Result<T> optional(std::string_view path, T fallback) const {
    return get<T>(path, &fallback);
  }
  /// Any value as compact JSON; "" = everything. The view lives as long as ctx.
  Result<std::string_view> json(std::string_view path) const {
    tenon_str out{};
    return call(
        out, [&](tenon_error* e) { return table_->json(ctx_.raw(), to_c(path), &out, e); }, [](tenon_str s) { return view(s); });
  }
  /// Elements of a list, or keys of a map.
  Result<std::size_t> count(std::string_view path) const {
    std::size_t out = 0;
    return call(
        out, [&](tenon_error* e) { return table_->count(ctx_.raw(), to_c(path), &out, e); }, [](std::size_t n) { return n; });
  }

  /// f(path) or f(path, Call), returning Status or void, is called [control] when a live value at `path`, above or below it has changed. In
  /// create or init only. The host keeps f until after stop, or until some time after unsubscribe.
  template <class F>
  Result<tenon_id> on_change(std::string_view path, F f) const {
    using Handler = detail::Handler<F, std::string_view>;
    static_assert(Handler::is_callable, "f is called with (std::string_view path) or (path, tenon::Call)");
    auto handler = std::make_unique<Handler>(std::move(f), ctx_);
    const auto changed = [](void* data, tenon_call* call, tenon_str changed_path, tenon_error* err) noexcept {
      return Handler::run(data, call, err, view(changed_path));
    };
    void* const data = handler.get();
    return detail::hand_over(std::move(handler), [&](tenon_id* out, tenon_error* e) {
      return table_->on_change(ctx_.raw(), to_c(path), changed, data, &Handler::release, out, e);
    });
  }
  /// Nothing new is delivered after it returned.
  Status unsubscribe(tenon_id registration) const noexcept { return Status(table_->unsubscribe(ctx_.raw(), registration)); }

 private:
  /// One C call: its out parameter as T, or its error as Status.
  template <class Raw, class F, class Convert>
  static auto call(Raw& out, F&& f, Convert&& convert) -> Result<decltype(convert(out))> {
    Status status = Status::of(std::forward<F>(f));
    if (!status.ok()) return status;
    return convert(out);
  }

  template <class T>
  Result<T> get(std::string_view path, const T* fallback) const {
    tenon_ctx* const c = ctx_.raw();
    const tenon_str p = to_c(path);
    if constexpr (std::is_same_v<T, bool>) {
      std::int32_t out = 0;
      return call(
          out,
          [&](tenon_error* e) {
            return fallback != nullptr ? table_->optional_bool(c, p, *fallback ? 1 : 0, &out, e) : table_->require_bool(c, p, &out, e);
          },
          [](std::int32_t v) { return v != 0; });
    } else if constexpr (std::is_integral_v<T>) {
      std::int64_t out = 0;
      auto wide = call(
          out, [&](tenon_error* e) { return table_->require_i64(c, p, &out, e); }, [](std::int64_t v) { return v; });
      if (!wide.ok()) {  // one look, so that no reload comes between; and an uint64_t fallback need not fit the C getter
        if (fallback != nullptr && wide.status().code() == TENON_NOT_FOUND) return *fallback;
        return wide.status();
      }
      if (!fits<T>(*wide)) return out_of_range(path, *wide);
      return static_cast<T>(*wide);
    } else if constexpr (std::is_floating_point_v<T>) {
      double out = 0;
      return call(
          out,
          [&](tenon_error* e) {
            return fallback != nullptr ? table_->optional_f64(c, p, static_cast<double>(*fallback), &out, e)
                                       : table_->require_f64(c, p, &out, e);
          },
          [](double v) { return static_cast<T>(v); });
    } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>) {
      tenon_str out{};
      return call(
          out,
          [&](tenon_error* e) {
            return fallback != nullptr ? table_->optional_str(c, p, to_c(*fallback), &out, e) : table_->require_str(c, p, &out, e);
          },
          [](tenon_str s) { return T(view(s)); });
    } else if constexpr (detail::is_duration<T>::value) {
      std::int64_t out = 0;
      const auto ns = [](T d) { return static_cast<std::int64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count()); };
      return call(
          out,
          [&](tenon_error* e) {
            return fallback != nullptr ? table_->optional_duration(c, p, ns(*fallback), &out, e) : table_->require_duration(c, p, &out, e);
          },
          [](std::int64_t v) { return std::chrono::duration_cast<T>(std::chrono::nanoseconds(v)); });
    } else {
      static_assert(std::is_same_v<T, Size>, "not a type the configuration has");
      std::uint64_t out = 0;
      return call(
          out,
          [&](tenon_error* e) {
            return fallback != nullptr ? table_->optional_size(c, p, fallback->bytes, &out, e) : table_->require_size(c, p, &out, e);
          },
          [](std::uint64_t v) { return Size{v}; });
    }
  }

  template <class T>
  static constexpr bool fits(std::int64_t v) noexcept {
    if constexpr (std::is_unsigned_v<T>) {
      return v >= 0 && static_cast<std::uint64_t>(v) <= std::numeric_limits<T>::max();
    } else {
      return v >= std::numeric_limits<T>::min() && v <= std::numeric_limits<T>::max();
    }
  }
  static Status out_of_range(std::string_view path, std::int64_t value) {
    std::string text = "`";
    text.append(path).append("` is ").append(std::to_string(value)).append(", beyond what the module can hold");
    return {TENON_OUT_OF_RANGE, "OUT_OF_RANGE", text};
  }

  Ctx ctx_;
  const tenon_config* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
