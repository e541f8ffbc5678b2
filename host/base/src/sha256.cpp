#include "base/sha256.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <new>

namespace tenon::host {

Digest sha256(std::span<const std::byte> bytes) {
  // Without its configuration file: a daemon's digests must not depend on openssl.cnf, nor pay for reading it.
  static const bool ready = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
  // Fetched once; an implicit fetch in each digest would cost more than hashing a small module.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Digest out{};
  unsigned length = 0;
  if (!ready || algorithm == nullptr || EVP_Digest(bytes.data(), bytes.size(), out.data(), &length, algorithm, nullptr) != 1 ||
      length != out.size())
    throw std::bad_alloc();  // the only way these calls fail
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
