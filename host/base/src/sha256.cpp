#include "base/sha256.hpp"

#include <nettle/sha2.h>

namespace tenon::host {

static_assert(sizeof(Digest) == SHA256_DIGEST_SIZE);

Digest sha256(std::span<const std::byte> bytes) {
  sha256_ctx state;
  sha256_init(&state);
  sha256_update(&state, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
  Digest out{};
  sha256_digest(&state, out.size(), out.data());
  return out;
}

std::string to_hex(const Digest& d) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(d.size() * 2);
  for (std::uint8_t byte : d) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

}  // namespace tenon::host
