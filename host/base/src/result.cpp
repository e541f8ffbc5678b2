#include "base/result.hpp"

#include <array>
#include <system_error>

namespace tenon::host {

std::string_view code_name(Code code) {
  constexpr std::array<std::string_view, 17> names = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto i = static_cast<std::size_t>(code);
  return i < names.size() ? names[i] : names[2];
}

Error Error::system(int err, std::string what, ExitCode exit) {
  // std::generic_category is thread-safe where strerror is not.
  Code code = Code::unknown;
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      code = Code::not_found;
      break;
    case EACCES:
    case EPERM:
      code = Code::permission_denied;
      break;
    case EEXIST:
      code = Code::already_exists;
      break;
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      code = Code::resource_exhausted;
      break;
    default:
      break;
  }
  return {code, what + ": " + std::generic_category().message(err), {}, err, exit};
}

}  // namespace tenon::host
