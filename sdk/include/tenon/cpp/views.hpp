// Views of the C ABI as C++ types, and Blob, the one type that owns bytes.
#ifndef TENON_CPP_VIEWS_HPP
#define TENON_CPP_VIEWS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_span
#include <span>
#endif

#include "tenon/core.h"

namespace tenon {
inline namespace v1 {

constexpr std::string_view view(tenon_str s) noexcept { return {s.ptr, s.len}; }
constexpr tenon_str to_c(std::string_view s) noexcept { return {s.data(), s.size()}; }

/// Borrowed bytes.
class Bytes {
 public:
  constexpr Bytes() noexcept = default;
  constexpr Bytes(const std::uint8_t* data, std::size_t size) noexcept : data_(data), size_(size) {}
  constexpr Bytes(tenon_bytes b) noexcept : data_(b.ptr), size_(b.len) {}
  explicit Bytes(std::string_view s) noexcept : data_(reinterpret_cast<const std::uint8_t*>(s.data())), size_(s.size()) {}

  [[nodiscard]] constexpr const std::uint8_t* data() const noexcept { return data_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] constexpr const std::uint8_t* begin() const noexcept { return data_; }
  [[nodiscard]] constexpr const std::uint8_t* end() const noexcept { return data_ + size_; }
  [[nodiscard]] std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  constexpr operator tenon_bytes() const noexcept { return {data_, size_}; }
#ifdef __cpp_lib_span
  constexpr operator std::span<const std::uint8_t>() const noexcept { return {data_, size_}; }
#endif

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Borrowed structs of the C ABI, which come as an array of pointers: size, [i], for (View v : views). View is made from a `const Raw&`.
template <class View, class Raw>
class Views {
 public:
  class Iterator {
   public:
    explicit Iterator(const Raw* const* at) noexcept : at_(at) {}
    View operator*() const noexcept { return View(**at_); }
    Iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    friend bool operator==(Iterator a, Iterator b) noexcept { return a.at_ == b.at_; }
    friend bool operator!=(Iterator a, Iterator b) noexcept { return a.at_ != b.at_; }

   private:
    const Raw* const* at_;
  };
  Views() noexcept = default;
  Views(const Raw* const* items, std::size_t count) noexcept : items_(items), count_(count) {}
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  View operator[](std::size_t i) const noexcept { return View(*items_[i]); }
  [[nodiscard]] Iterator begin() const noexcept { return Iterator(items_); }
  [[nodiscard]] Iterator end() const noexcept { return Iterator(items_ + count_); }

 private:
  const Raw* const* items_ = nullptr;
  std::size_t count_ = 0;
};

/// Bytes that change owner: releases them exactly once, unless they are handed on. Move-only.
class Blob {
 public:
  constexpr Blob() noexcept = default;
  /// Takes over what the C side gave.
  explicit constexpr Blob(tenon_blob raw) noexcept : raw_(raw) {}
  /// Moves a container of bytes (std::string, std::vector<std::uint8_t>) to the heap and owns it there.
  template <class Container>
  static Blob adopt(Container container) {
    static_assert(sizeof(*container.data()) == 1, "a container of bytes");
    auto* owner = new Container(std::move(container));
    return Blob({reinterpret_cast<const std::uint8_t*>(owner->data()), owner->size(),
                 [](void* p) noexcept { delete static_cast<Container*>(p); }, owner});
  }
  /// Bytes that live for ever, such as a literal.
  static Blob of_static(std::string_view s) noexcept {
    return Blob({reinterpret_cast<const std::uint8_t*>(s.data()), s.size(), nullptr, nullptr});
  }
  Blob(Blob&& o) noexcept : raw_(std::exchange(o.raw_, tenon_blob{})) {}
  Blob& operator=(Blob&& o) noexcept {
    if (this != &o) {
      reset();
      raw_ = std::exchange(o.raw_, tenon_blob{});
    }
    return *this;
  }
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;
  ~Blob() { reset(); }

  [[nodiscard]] Bytes bytes() const noexcept { return {raw_.ptr, raw_.len}; }
  void reset() noexcept {
    const tenon_blob old = std::exchange(raw_, tenon_blob{});
    if (old.release != nullptr) old.release(old.owner);
  }
  /// Gives the bytes up to C code, which releases them.
  [[nodiscard]] tenon_blob hand_over() noexcept { return std::exchange(raw_, tenon_blob{}); }

 private:
  tenon_blob raw_{};
};

}  // namespace v1
}  // namespace tenon

#endif
