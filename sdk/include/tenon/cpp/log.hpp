// Log: `log.info("listening", "port", 8080, "tls", true)`. No allocation; below the level one load and one compare.
#ifndef TENON_CPP_LOG_HPP
#define TENON_CPP_LOG_HPP

#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>

#include "tenon/cpp/context.hpp"
#include "tenon/log.h"

namespace tenon {
inline namespace v1 {

#pragma GCC visibility push(hidden)
namespace detail {

inline constexpr std::size_t number_size = 32;  // the longest: "-1.7976931348623157e+308", and durations with their unit

template <class T>
struct is_duration : std::false_type {};
template <class Rep, class Period>
struct is_duration<std::chrono::duration<Rep, Period>> : std::true_type {};

template <class Period>
constexpr std::string_view unit_of() noexcept {
  if constexpr (std::is_same_v<Period, std::nano>)
    return "ns";
  else if constexpr (std::is_same_v<Period, std::micro>)
    return "us";
  else if constexpr (std::is_same_v<Period, std::milli>)
    return "ms";
  else if constexpr (std::is_same_v<Period, std::ratio<1>>)
    return "s";
  else if constexpr (std::is_same_v<Period, std::ratio<60>>)
    return "m";
  else if constexpr (std::is_same_v<Period, std::ratio<3600>>)
    return "h";
  else
    return {};
}

template <class T>
std::string_view number_text(char* out, T value) noexcept {
#ifndef __cpp_lib_to_chars  // a library with to_chars for integers only
  if constexpr (std::is_floating_point_v<T>) {
    const int n = std::snprintf(out, number_size, "%.17g", static_cast<double>(value));
    return {out, static_cast<std::size_t>(n)};
  } else
#endif
  {
    const auto end = std::to_chars(out, out + number_size, value).ptr;
    return {out, static_cast<std::size_t>(end - out)};
  }
}

/// Text of a value: text itself is borrowed, everything else is written to `out` (number_size bytes).
template <class T>
std::string_view value_text(char* out, const T& value) noexcept {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out[0] = value;
    return {out, 1};
  } else if constexpr (std::is_same_v<T, tenon_str>) {
    return view(value);
  } else if constexpr (is_duration<T>::value) {
    constexpr std::string_view unit = unit_of<typename T::period>();
    if constexpr (unit.empty()) {
      return value_text(out, std::chrono::duration_cast<std::chrono::nanoseconds>(value));
    } else if constexpr (std::is_floating_point_v<typename T::rep>) {
      return value_text(out, std::chrono::round<std::chrono::nanoseconds>(value));
    } else {
      const std::size_t n = number_text(out, value.count()).size();
      std::memcpy(out + n, unit.data(), unit.size());
      return {out, n + unit.size()};
    }
  } else if constexpr (std::is_enum_v<T>) {
    return number_text(out, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_same_v<T, long double>) {
    return number_text(out, static_cast<double>(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return number_text(out, value);
  } else if constexpr (std::is_convertible_v<const T&, const char*>) {
    const char* text = value;
    return text != nullptr ? std::string_view(text) : std::string_view("(null)");
  } else {
    static_assert(std::is_convertible_v<const T&, std::string_view>, "log values are text, numbers, bool, enums and durations");
    return value;
  }
}

}  // namespace detail
#pragma GCC visibility pop

/// Key/values collected at run time, at most N. Keys and text values are borrowed until the line is written.
template <std::size_t N>
class Fields {
  static_assert(N > 0 && N <= TENON_LOG_MAX_KV, "a line holds up to TENON_LOG_MAX_KV pairs");

 public:
  Fields() noexcept {}
  Fields(const Fields&) = delete;  // values point into this very object
  Fields& operator=(const Fields&) = delete;
  /// False if there is no room; then the pair is not added.
  template <class T>
  bool add(std::string_view key, const T& value) noexcept {
    if (count_ == N) return false;
    kv_[count_] = {to_c(key), to_c(detail::value_text(numbers_[count_], value))};
    ++count_;
    return true;
  }
  [[nodiscard]] const tenon_kv* data() const noexcept { return kv_; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  std::size_t count_ = 0;
  tenon_kv kv_[N];
  char numbers_[N][detail::number_size];
};

/// Structured log of the module. A pair of pointers; thread-safe; usable from create until destroy has returned.
class Log {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_LOG;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_log, write);

  /// Throws Failure if the host gives none (see needs<...>).
  explicit Log(Ctx ctx) : ctx_(ctx.raw()), table_(ctx.require<tenon_log>(id)) {}

  [[nodiscard]] bool enabled(std::int32_t level) const noexcept { return TENON_LOG_ENABLED(table_, level); }

  /// Message and alternating keys and values: `log.info("connected", "peer", name, "after", 3ms)`.
  template <class... Pairs>
  void write(std::int32_t level, std::string_view message, const Pairs&... pairs) const noexcept {
    if (!enabled(level)) return;
    if constexpr (sizeof...(Pairs) == 0) {
      table_->write(ctx_, level, to_c(message), nullptr, 0);
    } else {
      static_assert(sizeof...(Pairs) % 2 == 0, "keys and values alternate: every key needs a value");
      Fields<sizeof...(Pairs) / 2> fields;
      add_pairs(fields, pairs...);
      table_->write(ctx_, level, to_c(message), fields.data(), fields.size());
    }
  }
  template <std::size_t N>
  void write(std::int32_t level, std::string_view message, const Fields<N>& fields) const noexcept {
    if (enabled(level)) table_->write(ctx_, level, to_c(message), fields.data(), fields.size());
  }

  template <class... Pairs>
  void trace(std::string_view message, const Pairs&... pairs) const noexcept {
    write(TENON_LEVEL_TRACE, message, pairs...);
  }
  template <class... Pairs>
  void debug(std::string_view message, const Pairs&... pairs) const noexcept {
    write(TENON_LEVEL_DEBUG, message, pairs...);
  }
  template <class... Pairs>
  void info(std::string_view message, const Pairs&... pairs) const noexcept {
    write(TENON_LEVEL_INFO, message, pairs...);
  }
  template <class... Pairs>
  void warn(std::string_view message, const Pairs&... pairs) const noexcept {
    write(TENON_LEVEL_WARN, message, pairs...);
  }
  template <class... Pairs>
  void error(std::string_view message, const Pairs&... pairs) const noexcept {
    write(TENON_LEVEL_ERROR, message, pairs...);
  }
  template <class... Pairs>
  void fatal(std::string_view message, const Pairs&... pairs) const noexcept {
    write(TENON_LEVEL_FATAL, message, pairs...);
  }

 private:
  template <std::size_t N, class V, class... Rest>
  static void add_pairs(Fields<N>& fields, std::string_view key, const V& value, const Rest&... rest) noexcept {
    fields.add(key, value);
    if constexpr (sizeof...(Rest) > 0) add_pairs(fields, rest...);
  }

  tenon_ctx* ctx_;
  const tenon_log* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
