// LineBuffer: the bytes of one line while it is made, on the stack for usual lines.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace tenon::host {

/// Written through a plain pointer, `p`, that the writer keeps in a register and hands back: ensure() before, done() after. The head (time,
/// sequence number) is only known under the lock, after the body was made, and grows backwards from body(). Allocates only for bodies
/// beyond 2 KiB. Not thread-safe.
class LineBuffer {
 public:
  static constexpr std::size_t head_room = 112;

  LineBuffer() = default;
  LineBuffer(const LineBuffer&) = delete;
  LineBuffer& operator=(const LineBuffer&) = delete;

  [[nodiscard]] char* body() { return data_ + head_room; }
  /// Where to go on so that `n` more bytes fit: `p`, or its counterpart in a larger buffer.
  [[nodiscard]] char* ensure(char* p, std::size_t n) { return static_cast<std::size_t>(limit_ - p) >= n ? p : grow(p, n); }
  void done(char* p) { end_ = p; }

  /// The line begins at `p`, at most head_room before body().
  void begins(char* p) { begin_ = p; }
  [[nodiscard]] std::string_view view() const { return {begin_, static_cast<std::size_t>(end_ - begin_)}; }

 private:
  [[gnu::noinline]] char* grow(char* p, std::size_t n) {
    const auto used = static_cast<std::size_t>(p - data_);
    const std::size_t capacity = (used + n) * 2;
    std::unique_ptr<char[]> bigger(new char[capacity]);
    std::memcpy(bigger.get(), data_, used);
    spill_ = std::move(bigger);
    data_ = spill_.get();
    limit_ = data_ + capacity;
    return data_ + used;
  }

  char inline_[head_room + 2048];
  std::unique_ptr<char[]> spill_;
  char* data_ = inline_;
  char* limit_ = inline_ + sizeof inline_;
  char* begin_ = inline_ + head_room;
  char* end_ = inline_ + head_room;
};

/// Appends bytes for which there is room.
inline char* put(char* p, std::string_view bytes) {
  std::memcpy(p, bytes.data(), bytes.size());
  return p + bytes.size();
}
inline char* put(char* p, char c) {
  *p = c;
  return p + 1;
}

}  // namespace tenon::host
