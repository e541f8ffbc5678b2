// Texts as the fake host checks them.
#ifndef TENON_TESTING_UTF8_HPP
#define TENON_TESTING_UTF8_HPP

#include <cstddef>
#include <string_view>

namespace tenon {
inline namespace v1 {
namespace testing {
namespace detail {

/// Well-formed: nothing overlong, no surrogates, nothing above U+10FFFF.
inline bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    if (first < 0xc2 || first > 0xf4) return false;
    const int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (int k = 0; k < more; ++k, low = 0x80, high = 0xbf) {
      if (i == text.size()) return false;
      const auto next = static_cast<unsigned char>(text[i++]);
      if (next < low || next > high) return false;
    }
  }
  return true;
}

}  // namespace detail
}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
