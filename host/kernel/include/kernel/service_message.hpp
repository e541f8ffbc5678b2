// What a service is asked and what it answers: bytes, a content type, pairs.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::host {

struct ServicePair {
  std::string_view key, value;
};

/// Views only, valid until the call returns. Limits: below.
struct Request {
  std::string_view payload;
  std::string_view content_type;
  std::span<const ServicePair> metadata;
};

inline constexpr std::size_t max_service_payload = 64UL * 1024 * 1024;
inline constexpr std::size_t max_service_content_type = 127;
/// Printable ASCII, not too long; may be empty.
inline bool is_content_type(std::string_view text) {
  if (text.size() > max_service_content_type) return false;
  for (const char c : text)
    if (c < 0x20 || c > 0x7e) return false;
  return true;
}
inline constexpr std::size_t max_service_pairs = 64;
inline constexpr std::size_t max_service_metadata = 16UL * 1024;  ///< bytes of all keys and values

/// Bytes that change owner: `release(owner)` is called exactly once, on any thread; null = nothing to free.
struct ServiceBlob {
  const char* data = nullptr;
  std::size_t size = 0;
  void (*release)(void* owner) = nullptr;
  void* owner = nullptr;
};

/// An answer. What fits goes into the buffer its maker gave (no allocation), more into owned memory. Not thread-safe.
class Reply {
 public:
  Reply() noexcept {}  // NOLINT(modernize-use-equals-default): must not zero the content type
  /// The buffer must outlive the Reply.
  explicit Reply(std::span<char> buffer) noexcept : buffer_(buffer.data()), capacity_(buffer.size()) {}
  ~Reply() { clear(); }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  /// Makes the payload `size` bytes long, with undefined content, and returns it; nullptr beyond max_service_payload or without memory.
  char* reserve(std::size_t size) {
    drop_payload();
    if (size > capacity_) return reserve_owned(size);
    data_ = buffer_;
    size_ = size;
    return buffer_;
  }
  /// False beyond max_service_payload or without memory; the payload is empty then.
  bool assign(std::string_view bytes) {
    if (bytes.empty()) {
      drop_payload();
      return true;
    }
    char* to = reserve(bytes.size());
    if (to == nullptr) return false;
    std::memcpy(to, bytes.data(), bytes.size());
    return true;
  }
  /// Takes the blob over, whatever it returns; false (and empty) beyond max_service_payload.
  bool give(const ServiceBlob& blob);
  /// False, and unchanged, if it is none.
  bool set_content_type(std::string_view type) {
    if (!is_content_type(type)) return false;
    if (!type.empty()) std::memcpy(content_type_, type.data(), type.size());
    content_type_size_ = static_cast<unsigned char>(type.size());
    return true;
  }
  /// Copies; false beyond the limits.
  bool add_pair(std::string_view key, std::string_view value);

  /// The buffer it was made with. What is written there becomes the payload by `reserve`.
  [[nodiscard]] std::span<char> buffer() const { return {buffer_, capacity_}; }
  [[nodiscard]] std::string_view payload() const { return {data_, size_}; }
  [[nodiscard]] std::string_view content_type() const { return {content_type_, content_type_size_}; }
  [[nodiscard]] std::vector<ServicePair> metadata() const;
  /// The same without memory: f(ServicePair) for each.
  template <class F>
  void for_each_pair(F&& f) const {
    if (!pairs_) return;
    for (const auto& [key, value] : pairs_->list) f(ServicePair{key, value});
  }

  void clear() {
    drop_payload();
    content_type_size_ = 0;
    if (pairs_) pairs_.reset();
  }
  /// Becomes what `other` is, which is empty afterwards: copied if it fits into the buffer or lies in that of `other`, else taken over. False without
  /// memory.
  bool take(Reply& other);

 private:
  struct Pairs {
    std::vector<std::pair<std::string, std::string>> list;
    std::size_t bytes = 0;
  };
  char* reserve_owned(std::size_t size);
  void drop_payload() {
    if (release_ != nullptr) std::exchange(release_, nullptr)(owner_);
    data_ = nullptr;
    size_ = 0;
  }

  char* buffer_ = nullptr;
  std::size_t capacity_ = 0;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  void (*release_)(void*) = nullptr;
  void* owner_ = nullptr;
  std::unique_ptr<Pairs> pairs_;
  unsigned char content_type_size_ = 0;
  char content_type_[max_service_content_type];
};

}  // namespace tenon::host
