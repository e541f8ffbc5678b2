#include <algorithm>
#include <cstring>

#include "abi/instance.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

// The text in a fixed field a module filled: up to its NUL or its end.
std::string_view field(const char* data, std::size_t size) { return {data, ::strnlen(data, size)}; }

void put(char* to, std::size_t size, std::string_view text) {
  std::size_t n = std::min(text.size(), size - 1);
  if (n < text.size())  // not through the middle of a character
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) --n;
  std::memcpy(to, text.data(), n);
  to[n] = '\0';
}

template <class T>
bool reaches(const tenon_error& e, const T& member) {
  const auto end = static_cast<std::size_t>(reinterpret_cast<const char*>(&member) - reinterpret_cast<const char*>(&e)) + sizeof(T);
  return e.struct_size >= end;
}

}  // namespace

Code code_of(tenon_status status) { return status >= 0 && status <= 16 ? static_cast<Code>(status) : Code::unknown; }

Error error_of(tenon_status status, const tenon_error* error) {
  Error out{code_of(status), {}, {}, 0, ExitCode::unavailable};
  if (error != nullptr) {
    if (reaches(*error, error->sys_errno)) out.sys_errno = error->sys_errno;
    if (reaches(*error, error->reason)) out.reason = printable(field(error->reason, sizeof error->reason));
    if (reaches(*error, error->message)) out.message = printable(field(error->message, sizeof error->message), sizeof error->message);
  }
  if (out.message.empty()) out.message = "returned " + std::string(code_name(out.code)) + " without a message";
  return out;
}

tenon_status give_error(tenon_error* out, const Error& error) {
  const auto status = static_cast<tenon_status>(error.code);
  if (out == nullptr) return status;
  if (reaches(*out, out->status)) out->status = status;
  if (reaches(*out, out->sys_errno)) out->sys_errno = error.sys_errno;
  if (reaches(*out, out->reason)) put(out->reason, sizeof out->reason, error.reason);
  if (reaches(*out, out->message)) {
    put(out->message, sizeof out->message, error.message);
    out->message_len = static_cast<std::uint32_t>(std::strlen(out->message));
  }
  return status;
}

bool is_view(tenon_str s) {
  // Far above any memory and far below what std::string answers with an exception of its own (length_error).
  constexpr std::size_t longest = std::size_t{1} << 52U;
  return s.len == 0 || (s.ptr != nullptr && s.len <= longest);
}

}  // namespace tenon::host
