// SHA-256 (FIPS 180-4) over OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tenon::host {

using Digest = std::array<std::uint8_t, 32>;

/// Thread-safe; does not read openssl.cnf.
Digest sha256(std::span<const std::byte> bytes);
std::string to_hex(const Digest& d);  ///< 64 lower-case hexadecimal digits

}  // namespace tenon::host
