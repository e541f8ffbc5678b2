// What goes through a service, as tests see it, and how the fake reads and writes the structs of the C side.
#ifndef TENON_TESTING_SERVICE_MESSAGE_HPP
#define TENON_TESTING_SERVICE_MESSAGE_HPP

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tenon/cpp/status.hpp"
#include "tenon/services.h"

namespace tenon {
inline namespace v1 {
namespace testing {

struct ServiceMessage {
  std::string payload, content_type;
  std::vector<std::pair<std::string, std::string>> metadata;
  /// Value of a key, or "" if it is not there.
  [[nodiscard]] std::string meta(std::string_view key) const {
    for (const auto& [k, v] : metadata)
      if (k == key) return v;
    return "";
  }
};

/// What is asked: by the test of the module, or by the module of a mock.
struct ServiceRequest : ServiceMessage {
  std::string service;                              ///< as called; set by the fake
  std::string caller = "test";                      ///< who asks; of a mock: the module
  std::string traceparent;                          ///< W3C, may be empty
  std::chrono::nanoseconds timeout{5'000'000'000};  ///< until the deadline; at a mock what is left of it
  std::size_t room = 512;                           ///< of the caller's buffer
};

/// What is answered. A mock returns one, or what makes one: a payload, a message, a Status.
struct ServiceAnswer : ServiceMessage {
  ServiceAnswer() = default;
  ServiceAnswer(const char* text) { payload = text; }                            // NOLINT(google-explicit-constructor)
  ServiceAnswer(std::string text) { payload = std::move(text); }                 // NOLINT(google-explicit-constructor)
  ServiceAnswer(ServiceMessage message) : ServiceMessage(std::move(message)) {}  // NOLINT(google-explicit-constructor)
  ServiceAnswer(Status s) : status(std::move(s)) {}                              // NOLINT(google-explicit-constructor)
  ServiceAnswer(Status s, ServiceMessage message) : ServiceMessage(std::move(message)), status(std::move(s)) {}
  Status status;
  tenon_id id = 0;  ///< of a call the module has deferred: for completion() and cancel()
  [[nodiscard]] bool ok() const { return status.ok(); }
};

namespace detail {

/// What a call of a service has beside that of any call.
struct ServiceRecord {
  std::string service, caller, traceparent;
  ServiceMessage reply;  // of complete()
  bool good = true;      // and whether it can be one
  bool left = false;     // the module has left before it completed
};

inline bool is_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
    const unsigned first = byte(i);
    const std::size_t n = first < 0x80                    ? 1
                          : first >= 0xC2 && first < 0xE0 ? 2
                          : first >= 0xE0 && first < 0xF0 ? 3
                          : first >= 0xF0 && first < 0xF5 ? 4
                                                          : 0;
    if (n == 0) return false;
    for (std::size_t k = 1; k < n; ++k)
      if ((byte(i + k) & 0xC0U) != 0x80U) return false;
    if ((first == 0xE0 && byte(i + 1) < 0xA0) || (first == 0xED && byte(i + 1) >= 0xA0) || (first == 0xF0 && byte(i + 1) < 0x90) ||
        (first == 0xF4 && byte(i + 1) >= 0x90))
      return false;
    i += n;
  }
  return true;
}

inline bool is_content_type(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

/// Copies; false if something is beyond the limits.
inline bool read_message(tenon_bytes payload, tenon_str type, const tenon_kv* pairs, std::size_t count, ServiceMessage& out) {
  const auto is_view = [](tenon_str s) { return s.len == 0 || s.ptr != nullptr; };
  if ((payload.len != 0 && payload.ptr == nullptr) || payload.len > TENON_MESSAGE_MAX) return false;
  if (!is_view(type) || type.len > TENON_CONTENT_TYPE_MAX || !is_content_type(view(type))) return false;
  if (count > TENON_METADATA_MAX || (count != 0 && pairs == nullptr)) return false;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_view(pairs[i].key) || !is_view(pairs[i].value) || pairs[i].key.len == 0) return false;
    bytes += pairs[i].key.len + pairs[i].value.len;
    if (bytes > TENON_METADATA_MAX_BYTES || !is_text(view(pairs[i].key)) || !is_text(view(pairs[i].value))) return false;
  }
  out.payload = Bytes(payload.ptr, payload.len).text();
  out.content_type = view(type);
  out.metadata.clear();
  for (std::size_t i = 0; i < count; ++i) out.metadata.emplace_back(view(pairs[i].key), view(pairs[i].value));
  return true;
}

/// What a handler answered; takes its blob. `buffer` and `capacity` are those it was given, whatever it has written there.
inline bool take_reply(const tenon_reply& from, const std::uint8_t* buffer, std::size_t capacity, ServiceMessage& to) {
  const auto begin = reinterpret_cast<std::uintptr_t>(buffer), at = reinterpret_cast<std::uintptr_t>(from.payload.ptr);
  const bool ends_behind = from.payload.release == nullptr && buffer != nullptr && at >= begin && at - begin < capacity &&
                           from.payload.len > capacity - (at - begin);
  const bool good =
      !ends_behind && read_message({from.payload.ptr, from.payload.len}, from.content_type, from.metadata, from.metadata_count, to);
  if (from.payload.release != nullptr) from.payload.release(from.payload.owner);
  return good;
}

inline void clear_reply(tenon_reply& reply) {
  reply.payload = {};
  reply.content_type = {};
  reply.metadata = nullptr;
  reply.metadata_count = 0;
}

/// Pairs as views into the message.
inline std::vector<tenon_kv> pairs_of(const ServiceMessage& m) {
  std::vector<tenon_kv> out;
  for (const auto& [k, v] : m.metadata) out.push_back({to_c(k), to_c(v)});
  return out;
}

/// Everything of the message into the caller's buffer: payload, content type, pairs. False if there is no room.
inline bool write_reply(const ServiceMessage& m, tenon_reply& to) {
  const std::size_t at = (m.payload.size() + m.content_type.size() + alignof(tenon_kv) - 1) / alignof(tenon_kv) * alignof(tenon_kv);
  std::size_t need = m.metadata.empty() ? m.payload.size() + m.content_type.size() : at + m.metadata.size() * sizeof(tenon_kv);
  for (const auto& [k, v] : m.metadata) need += k.size() + v.size();
  const bool aligned = m.metadata.empty() || reinterpret_cast<std::uintptr_t>(to.buffer) % alignof(tenon_kv) == 0;
  if (need > to.capacity || !aligned) return false;
  auto* next = reinterpret_cast<char*>(to.buffer);
  const auto put = [&next](std::string_view text) {
    if (!text.empty()) std::memcpy(next, text.data(), text.size());
    const tenon_str out = {next, text.size()};
    next += text.size();
    return out;
  };
  const tenon_str payload = put(m.payload);
  to.payload = {reinterpret_cast<const std::uint8_t*>(payload.ptr), payload.len, nullptr, nullptr};
  to.content_type = put(m.content_type);
  if (m.metadata.empty()) return true;
  auto* pairs = reinterpret_cast<tenon_kv*>(to.buffer + at);
  next = reinterpret_cast<char*>(pairs + m.metadata.size());
  for (std::size_t i = 0; i < m.metadata.size(); ++i) {
    const tenon_str key = put(m.metadata[i].first);
    pairs[i] = {key, put(m.metadata[i].second)};
  }
  to.metadata = pairs;
  to.metadata_count = m.metadata.size();
  return true;
}

}  // namespace detail
}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
