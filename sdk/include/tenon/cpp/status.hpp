// Status, Result and Failure: how C++ code of a module reports errors, and guard(), the one place that catches.
#ifndef TENON_CPP_STATUS_HPP
#define TENON_CPP_STATUS_HPP

#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "tenon/cpp/views.hpp"

#ifdef __cpp_exceptions
#define TENON_CPP_EXCEPTIONS 1
#else
#define TENON_CPP_EXCEPTIONS 0
#include <cstdlib>
#endif

namespace tenon {
inline namespace v1 {

namespace detail {

[[gnu::visibility("hidden")]] inline constexpr std::string_view status_names[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

/// Copies text, cut at a character boundary, with a NUL; returns the bytes without it.
inline std::uint32_t copy_text(char* out, std::size_t capacity, std::string_view text) noexcept {
  std::size_t n = text.size();
  if (n > capacity - 1) {
    n = capacity - 1;
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) --n;
  }
  if (n != 0) std::memcpy(out, text.data(), n);
  out[n] = '\0';
  return static_cast<std::uint32_t>(n);
}

inline void init_error(tenon_error& e) noexcept {
  e.struct_size = sizeof(tenon_error);
  e.status = TENON_OK;
  e.sys_errno = 0;
  e.message_len = 0;
  e.reason[0] = '\0';
  e.message[0] = '\0';
}

/// Fills the caller's error, as far as its struct_size reaches.
inline tenon_status fill(tenon_error* out, tenon_status status, std::string_view reason, std::string_view message,
                         int sys_errno = 0) noexcept {
  if (out == nullptr || status == TENON_OK || status == TENON_PENDING || out->struct_size < sizeof(tenon_error)) return status;
  out->status = status;
  out->sys_errno = sys_errno;
  copy_text(out->reason, sizeof out->reason, reason);
  out->message_len = copy_text(out->message, sizeof out->message, message);
  return status;
}

}  // namespace detail

/// "INVALID_ARGUMENT"; numbers outside 0..16 read as UNKNOWN, TENON_PENDING as "PENDING".
constexpr std::string_view status_name(tenon_status code) noexcept {
  if (code == TENON_PENDING) return "PENDING";
  return detail::status_names[code >= 0 && code <= 16 ? code : TENON_UNKNOWN];
}

/// The outcome of a call. OK costs nothing; an error carries reason (for programs) and message (for people) in one allocation.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;  ///< OK
  explicit Status(tenon_status code) noexcept : code_(code) {}
  Status(tenon_status code, std::string_view reason, std::string_view message, int sys_errno = 0) : code_(code) {
    if (code_ == TENON_OK || code_ == TENON_PENDING) return;
    error_ = std::make_unique<tenon_error>();
    error_->struct_size = sizeof(tenon_error);
    detail::fill(error_.get(), code_, reason, message, sys_errno);
  }
  /// What a C function returned, with the error it filled.
  static Status from_c(tenon_status code, const tenon_error& e) {
    return code == TENON_OK ? Status() : Status(code, e.reason, {e.message, ::strnlen(e.message, sizeof e.message)}, e.sys_errno);
  }
  /// Calls f(tenon_error*) -> tenon_status and takes over what it reports: `Status::of([&](tenon_error* e) { return table->attach(ctx, e); })`.
  template <class F>
  static Status of(F&& f) {
    tenon_error error;
    detail::init_error(error);
    return from_c(f(&error), error);
  }
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  Status(const Status& o) : code_(o.code_), error_(o.error_ ? std::make_unique<tenon_error>(*o.error_) : nullptr) {}
  Status& operator=(const Status& o) { return *this = Status(o); }
  ~Status() = default;

  /// "Not ended yet": the phase or handler has called defer() and completes later.
  static Status pending() noexcept { return Status(TENON_PENDING); }
  static Status cancelled(std::string_view message) { return {TENON_CANCELLED, "CANCELLED", message}; }
  static Status invalid_argument(std::string_view message) { return {TENON_INVALID_ARGUMENT, "INVALID_ARGUMENT", message}; }
  static Status deadline_exceeded(std::string_view message) { return {TENON_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", message}; }
  static Status not_found(std::string_view message) { return {TENON_NOT_FOUND, "NOT_FOUND", message}; }
  static Status failed_precondition(std::string_view message) { return {TENON_FAILED_PRECONDITION, "FAILED_PRECONDITION", message}; }
  static Status unavailable(std::string_view message) { return {TENON_UNAVAILABLE, "UNAVAILABLE", message}; }
  static Status internal(std::string_view message) { return {TENON_INTERNAL, "INTERNAL", message}; }
  /// A system call failed: "open /x: No such file or directory".
  static Status system(int sys_errno, std::string_view what) {
    std::string text(what);
    text.append(": ").append(std::generic_category().message(sys_errno));
    return {TENON_UNAVAILABLE, "SYSTEM", text, sys_errno};
  }

  [[nodiscard]] bool ok() const noexcept { return code_ == TENON_OK; }
  [[nodiscard]] bool is_pending() const noexcept { return code_ == TENON_PENDING; }
  [[nodiscard]] tenon_status code() const noexcept { return code_; }
  [[nodiscard]] std::string_view reason() const noexcept { return error_ ? std::string_view(error_->reason) : std::string_view(); }
  [[nodiscard]] std::string_view message() const noexcept {
    return error_ ? std::string_view(error_->message, error_->message_len) : std::string_view();
  }
  [[nodiscard]] int sys_errno() const noexcept { return error_ ? error_->sys_errno : 0; }
  /// nullptr if there are no details.
  [[nodiscard]] const tenon_error* error() const noexcept { return error_.get(); }

  /// Writes the details to the C side's error and gives the code to return.
  tenon_status report(tenon_error* out) const noexcept { return detail::fill(out, code_, reason(), message(), sys_errno()); }

 private:
  tenon_status code_ = TENON_OK;
  std::unique_ptr<tenon_error> error_;
};

/// A Status as an exception: thrown by Result::value(), turned back into its status by guard().
class Failure : public std::exception {
 public:
  explicit Failure(Status status) : status_(std::make_shared<const Status>(std::move(status))), what_(status_->message()) {}
  [[nodiscard]] const Status& status() const noexcept { return *status_; }
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::shared_ptr<const Status> status_;
  std::string what_;
};

/// Throws Failure; without exceptions it ends the process, as any other broken precondition.
[[noreturn]] inline void fail(Status status) {
#if TENON_CPP_EXCEPTIONS
  throw Failure(std::move(status));
#else
  (void)status;
  std::abort();
#endif
}

/// A T or the Status that says why not.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status error) : error_(std::move(error)) {}
  [[nodiscard]] bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Status& status() const noexcept { return error_; }
  /// The value, or throws Failure: inside a phase that ends the phase with this very status.
  T& value() & {
    if (!value_) fail(error_);
    return *value_;
  }
  T value() && {
    if (!value_) fail(std::move(error_));
    return std::move(*value_);
  }
  T& operator*() noexcept { return *value_; }
  const T& operator*() const noexcept { return *value_; }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }

 private:
  std::optional<T> value_;
  Status error_;
};

/// Runs f() -> Status or void so that nothing unwinds: exceptions become INTERNAL with reason CPP_EXCEPTION and what().
template <class F>
tenon_status guard(tenon_error* err, F&& f) noexcept {
#if TENON_CPP_EXCEPTIONS
  try {
#endif
    if constexpr (std::is_void_v<decltype(f())>) {
      f();
      return TENON_OK;
    } else {
      return f().report(err);
    }
#if TENON_CPP_EXCEPTIONS
  } catch (const Failure& e) {
    // PENDING and OK are not failures: thrown, they would promise what nobody keeps.
    const tenon_status code = e.status().code();
    if (code != TENON_OK && code != TENON_PENDING) return e.status().report(err);
    return detail::fill(err, TENON_INTERNAL, "CPP_EXCEPTION", "a Failure without a failing status was thrown");
  } catch (const std::system_error& e) {
    const bool is_errno = e.code().category() == std::generic_category() || e.code().category() == std::system_category();
    return detail::fill(err, TENON_INTERNAL, "CPP_EXCEPTION", e.what(), is_errno ? e.code().value() : 0);
  } catch (const std::exception& e) {
    return detail::fill(err, TENON_INTERNAL, "CPP_EXCEPTION", e.what());
  } catch (...) {
    return detail::fill(err, TENON_INTERNAL, "CPP_EXCEPTION", "an exception that is no std::exception");
  }
#endif
}

}  // namespace v1
}  // namespace tenon

#endif
