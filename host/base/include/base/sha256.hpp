// SHA-256 (FIPS 180-4) over Nettle: the digest is all that is needed here, and libcrypto would cost a small host 2.8 MiB and 2 ms of its start.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tenon::host {

using Digest = std::array<std::uint8_t, 32>;

/// Thread-safe; allocates nothing.
Digest sha256(std::span<const std::byte> bytes);
std::string to_hex(const Digest& d);  ///< 64 lower-case hexadecimal digits

}  // namespace tenon::host
