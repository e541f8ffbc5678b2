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

tenon_status give(tenon_error* out, tenon_status status, std::int32_t sys_errno, std::string_view reason,
                  std::string_view message) noexcept {
  if (out == nullptr) return status;
  if (reaches(*out, out->status)) out->status = status;
  if (reaches(*out, out->sys_errno)) out->sys_errno = sys_errno;
  if (reaches(*out, out->reason)) put(out->reason, sizeof out->reason, reason);
  if (reaches(*out, out->message)) {
    put(out->message, sizeof out->message, message);
    out->message_len = static_cast<std::uint32_t>(std::strlen(out->message));
  }
  return status;
}

}  // namespace

Code code_of(tenon_status status) { return status >= 0 && status <= 16 ? static_cast<Code>(status) : Code::unknown; }

Error error_of(tenon_status status, const tenon_error* error) {
  Error out{code_of(status), {}, {}, 0, ExitCode::unavailable};
  if (error != nullptr) {
    if (reaches(*error, error->sys_errno)) out.sys_errno = error->sys_errno;
    if (reaches(*error, error->reason)) out.reason = printable(field(error->reason, sizeof error->reason));
    if (reaches(*error, error->message)) {
      // As it was written, as far as it is text: whoever prints it escapes it, and what is escaped twice is hard to read.
      const std::string_view message = field(error->message, sizeof error->message);
      out.message = invalid_utf8_at(message) == std::string_view::npos ? std::string(message) : printable(message, sizeof error->message);
    }
  }
  if (out.message.empty()) out.message = "returned " + std::string(code_name(out.code)) + " without a message";
  return out;
}

tenon_status give_error(tenon_error* out, const Error& error) {
  return give(out, static_cast<tenon_status>(error.code), error.sys_errno, error.reason, error.message);
}

tenon_status give_no_memory(tenon_error* out) noexcept {
  return give(out, TENON_RESOURCE_EXHAUSTED, 0, "NO_MEMORY", "there is no memory for this: free some, or try again later");
}

bool is_view(tenon_str s) {
  // Far above any memory and far below what std::string answers with an exception of its own (length_error).
  constexpr std::size_t longest = std::size_t{1} << 52U;
  return s.len == 0 || (s.ptr != nullptr && s.len <= longest);
}

}  // namespace tenon::host
