// Bounds-checked reading of untrusted bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace tenon::host {

static_assert(std::endian::native == std::endian::little, "the gate reads little-endian files by copying");

/// A view of bytes; nothing outside can be reached through it, whatever offsets a file claims.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::span<const std::byte> data) : data_(data) {}
  explicit Bytes(std::string_view text) : data_(std::as_bytes(std::span(text))) {}

  [[nodiscard]] std::uint64_t size() const { return data_.size(); }
  [[nodiscard]] bool contains(std::uint64_t offset, std::uint64_t length) const {
    return offset <= data_.size() && length <= data_.size() - offset;
  }
  /// A copy of the T at `offset` (any alignment); nullopt if it is not wholly inside.
  template <class T>
  [[nodiscard]] std::optional<T> at(std::uint64_t offset) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!contains(offset, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, data_.data() + offset, sizeof value);
    return value;
  }
  /// The part [offset, offset + length); empty if it is not wholly inside.
  [[nodiscard]] Bytes part(std::uint64_t offset, std::uint64_t length) const {
    if (!contains(offset, length)) return {};
    return Bytes(data_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(length)));
  }
  [[nodiscard]] Bytes from(std::uint64_t offset) const { return offset <= size() ? part(offset, size() - offset) : Bytes(); }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data_.data()), data_.size()}; }

 private:
  std::span<const std::byte> data_;
};

}  // namespace tenon::host
