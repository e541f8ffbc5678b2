// A hash of short texts, for tables that are looked into on hot paths.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tenon::host {

/// In the manner of wyhash: products of 64 bits folded together. With a seed that is nobody's to know, nobody can choose texts that collide. The last 16
/// bytes are read from the end, so that nothing has to be copied first.
inline std::uint64_t hash_of_text(std::string_view text, std::uint64_t seed = 0) {
  constexpr std::uint64_t a = 0xa0761d6478bd642fU;
  constexpr std::uint64_t b = 0xe7037ed1a0b428dbU;
  constexpr std::uint64_t c = 0x8ebc6af09c88c6e3U;
  const auto read64 = [](const char* at) {
    std::uint64_t v = 0;
    std::memcpy(&v, at, 8);
    return v;
  };
  const auto read32 = [](const char* at) {
    std::uint32_t v = 0;
    std::memcpy(&v, at, 4);
    return std::uint64_t{v};
  };
  const auto fold = [](std::uint64_t x, std::uint64_t y) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(x) * y;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  };
  std::uint64_t h = seed ^ a;
  const char* p = text.data();
  const std::size_t size = text.size();
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (size >= 8) {
    for (std::size_t left = size; left > 16; left -= 16, p += 16)
      h = fold(read64(p) ^ c, read64(p + 8) ^ h);  // not a: swapped halves would look alike with seed 0
    const char* const end = text.data() + size;
    first = read64(size >= 16 ? end - 16 : text.data());
    last = read64(end - 8);
  } else if (size >= 4) {
    first = read32(p);
    last = read32(p + size - 4);
  } else if (size > 0) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint64_t>(static_cast<unsigned char>(p[at])); };
    first = byte(0) | byte(size / 2) << 8U | byte(size - 1) << 16U;
  }
  return fold(fold(first ^ b, last ^ h) ^ size, h ^ c);
}

/// The same bytes? For texts of some ten bytes, where calling memcmp costs more than comparing.
inline bool same_text(std::string_view x, std::string_view y) {
  if (x.size() != y.size()) return false;
  const auto differ = [&](std::size_t at) {
    std::uint64_t u = 0, v = 0;
    std::memcpy(&u, x.data() + at, 8);
    std::memcpy(&v, y.data() + at, 8);
    return u ^ v;
  };
  const std::size_t size = x.size();
  if (size < 8 || size > 64) return x == y;
  std::uint64_t difference = differ(size - 8);
  for (std::size_t at = 0; at + 8 < size; at += 8) difference |= differ(at);
  return difference == 0;
}

}  // namespace tenon::host
