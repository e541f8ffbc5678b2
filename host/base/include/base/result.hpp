// Error and Result: how functions of the host report failure to their caller.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/exit_code.hpp"

namespace tenon::host {

/// google.rpc.Code; the numbers are those of tenon_status in the C ABI.
enum class Code : int {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

/// UPPER_SNAKE name of a code, e.g. "DEADLINE_EXCEEDED"; numbers outside 0..16 give "UNKNOWN".
std::string_view code_name(Code code);

/// One failure, for people (message) and programs (code, reason). Library code returns it and never logs it.
struct Error {
  Code code = Code::unknown;
  std::string message;                 ///< one sentence, no trailing newline
  std::string reason;                  ///< UPPER_SNAKE, may be empty
  int sys_errno = 0;                   ///< errno of the failing system call, 0 if none
  ExitCode exit = ExitCode::io_error;  ///< what the process would end with, were this fatal

  static Error system(int err, std::string what, ExitCode exit = ExitCode::io_error);  ///< "what: strerror"
};

/// A T or an Error. `value()` asserts; test with `if (!r)` first.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : v_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return v_.index() == 0; }
  T& value() & {
    assert(*this);
    return *std::get_if<0>(&v_);
  }
  const T& value() const& {
    assert(*this);
    return *std::get_if<0>(&v_);
  }
  T&& value() && {
    assert(*this);
    return std::move(*std::get_if<0>(&v_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    assert(!*this);
    return *std::get_if<1>(&v_);
  }

 private:
  std::variant<T, Error> v_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : e_(std::move(error)), failed_(true) {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return !failed_; }
  const Error& error() const {
    assert(failed_);
    return e_;
  }

 private:
  Error e_;
  bool failed_ = false;
};

}  // namespace tenon::host
