// Copying text while looking for characters that need an escape, eight bytes at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tenon::host {

enum class Escape {
  json,    ///< content of a JSON string: \n, \", \u009b
  quoted,  ///< content of "..." in a text line: \n, \", \\, \x9b, \u{2028}
  bare,    ///< outside of quotes in a text line: as quoted, but `"` and `\` stay
};

static_assert(std::endian::native == std::endian::little, "the first special byte is found from the low end");

constexpr std::uint64_t each_byte(unsigned char b) { return 0x0101010101010101U * b; }
constexpr std::uint64_t high_bits = each_byte(0x80);

template <class Word>
Word load(const char* from) {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}
template <class Word>
void store(char* to, Word word) {
  std::memcpy(to, &word, sizeof word);
}

/// The high bit of each special byte: below 0x20, DEL, above 0x7F, and in quotes `"` and `\`. Carries and borrows can mark bytes above the
/// first special one falsely, never below it: zero means none, and the lowest mark is true.
template <Escape how>
constexpr std::uint64_t special_bytes(std::uint64_t word) {
  std::uint64_t special = word | (word - each_byte(0x20)) | (word + each_byte(0x01));
  if constexpr (how != Escape::bare) special |= ((word ^ each_byte('"')) - each_byte(0x01)) | ((word ^ each_byte('\\')) - each_byte(0x01));
  return special & high_bits;
}

template <Escape how>
constexpr bool is_special(unsigned char c) {
  return c < 0x20 || c >= 0x7F || (how != Escape::bare && (c == '"' || c == '\\'));
}

/// Copies plain bytes until the first special one, and returns their number. Writes nothing behind to + text.size().
template <Escape how>
inline std::size_t copy_plain(char* to, std::string_view text) {
  const char* from = text.data();
  const std::size_t size = text.size();
  if (size >= 8) {
    std::size_t n = 0;
    for (; n + 8 <= size; n += 8) {
      const auto word = load<std::uint64_t>(from + n);
      store(to + n, word);
      if (const std::uint64_t special = special_bytes<how>(word); special != 0)
        return n + static_cast<std::size_t>(std::countr_zero(special)) / 8;
    }
    // Once more the last eight, of which the first are known to be plain.
    const auto word = load<std::uint64_t>(from + size - 8);
    store(to + size - 8, word);
    const std::uint64_t special = special_bytes<how>(word);
    return special == 0 ? size : size - 8 + static_cast<std::size_t>(std::countr_zero(special)) / 8;
  }
  if (size >= 4) {
    const auto low = load<std::uint32_t>(from), high = load<std::uint32_t>(from + size - 4);
    store(to, low);
    store(to + size - 4, high);
    if (special_bytes<how>(std::uint64_t{high} << 32U | low) == 0) return size;
  }
  if (size > 0 && size < 4) {
    const auto byte = [from](std::size_t i) { return static_cast<unsigned char>(from[i]); };
    const std::uint64_t word = (each_byte('x') << 24U) | static_cast<std::uint64_t>(byte(0) | byte(size / 2) << 8U | byte(size - 1) << 16U);
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
    if (special_bytes<how>(word) == 0) return size;
  }
  std::size_t n = 0;
  for (; n < size && !is_special<how>(static_cast<unsigned char>(from[n])); ++n) to[n] = from[n];
  return n;
}

}  // namespace tenon::host
