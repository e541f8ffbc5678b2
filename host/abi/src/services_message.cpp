// Requests and replies between C and the kernel.
#include <cstring>
#include <new>

#include "base/text.hpp"
#include "services_part.hpp"

namespace tenon::host {
namespace {

bool is_text(tenon_str s, std::size_t most) {
  if (s.len == 0) return true;
  return is_view(s) && s.len <= most && invalid_utf8_at(view(s)) == std::string_view::npos;
}

bool are_pairs(const tenon_kv* pairs, std::size_t count) {
  if (count == 0) return true;
  if (pairs == nullptr || count > max_service_pairs) return false;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_text(pairs[i].key, max_service_metadata) || !is_text(pairs[i].value, max_service_metadata)) return false;
    bytes += pairs[i].key.len + pairs[i].value.len;
  }
  return bytes <= max_service_metadata;
}

/// What a caller's reply lies in when the buffer is too small for it.
struct HeldReply {
  Reply reply;
  std::vector<tenon_kv> pairs;
};

std::uint8_t* put(std::uint8_t*& at, std::string_view text) {
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return std::exchange(at, at + text.size());
}

}  // namespace

bool is_request(const tenon_request* q) {
  return q != nullptr && q->struct_size >= sizeof(tenon_request) && (q->payload.len == 0 || q->payload.ptr != nullptr) &&
         q->payload.len <= max_service_payload && is_view(q->content_type) && is_content_type(view(q->content_type)) &&
         are_pairs(q->metadata, q->metadata_count);
}

namespace {

Code take_payload(ServicesPart& provider, const tenon_blob& body, Reply& to) {
  if (body.release != nullptr) {
    ServiceBlob blob;
    if (!provider.pin(body, blob)) return Code::resource_exhausted;
    return to.give(blob) ? Code::ok : Code::internal;
  }
  if (body.len != 0 && (body.ptr == nullptr || body.len > max_service_payload)) return Code::internal;
  if (body.len == 0) {
    to.assign({});
    return Code::ok;
  }
  const std::span<char> buffer = to.buffer();
  const auto at = reinterpret_cast<std::uintptr_t>(body.ptr), begin = reinterpret_cast<std::uintptr_t>(buffer.data());
  const bool starts_inside = at == begin || (at > begin && at - begin < buffer.size());
  if (starts_inside && body.len > buffer.size() - (at - begin)) return Code::internal;  // as told by snprintf of what did not fit
  char* const room = to.reserve(body.len);
  if (room == nullptr) return Code::resource_exhausted;
  if (room != reinterpret_cast<const char*>(body.ptr)) std::memmove(room, body.ptr, body.len);
  return Code::ok;
}

}  // namespace

Code take_reply(ServicesPart& provider, tenon_reply& from, Reply& to) noexcept {
  Code code = take_payload(provider, std::exchange(from.payload, {}), to);
  bool good = is_view(from.content_type) && to.set_content_type(view(from.content_type)) && are_pairs(from.metadata, from.metadata_count);
  try {
    for (std::size_t i = 0; good && code == Code::ok && i < from.metadata_count; ++i)
      good = to.add_pair(view(from.metadata[i].key), view(from.metadata[i].value));
  } catch (const std::bad_alloc&) {
    code = Code::resource_exhausted;
  }
  if (!good && code == Code::ok) code = Code::internal;
  if (code != Code::ok) to.clear();
  return code;
}

namespace {

/// Throws std::bad_alloc.
bool give_all(Reply& from, tenon_reply& to) {
  const std::string_view payload = from.payload();
  const std::string_view type = from.content_type();
  const std::vector<ServicePair> pairs = from.metadata();
  const bool inside = payload.empty() || reinterpret_cast<const std::uint8_t*>(payload.data()) == to.buffer;
  // Behind the payload in the buffer: pairs first, they are aligned.
  std::size_t needed = type.size() + pairs.size() * sizeof(tenon_kv);
  for (const ServicePair& p : pairs) needed += p.key.size() + p.value.size();
  const auto address = reinterpret_cast<std::uintptr_t>(to.buffer) + payload.size();
  const std::size_t gap = pairs.empty() ? 0 : (0 - address) % alignof(tenon_kv);
  std::uint8_t* at = nullptr;
  if (inside && (needed == 0 || (payload.size() <= to.capacity && needed + gap <= to.capacity - payload.size()))) {
    to.payload = {payload.empty() ? nullptr : to.buffer, payload.size(), nullptr, nullptr};
    if (needed == 0) return true;
    at = to.buffer + payload.size() + gap;
  } else {
    auto made = std::make_unique<HeldReply>();
    made->pairs.reserve(pairs.size());
    if (!made->reply.take(from)) return false;
    HeldReply* const held = made.release();
    const std::string_view kept = held->reply.payload();
    to.payload = {reinterpret_cast<const std::uint8_t*>(kept.data()), kept.size(),
                  [](void* p) noexcept { delete static_cast<HeldReply*>(p); }, held};
    to.content_type = c_str(held->reply.content_type());
    held->reply.for_each_pair([held](const ServicePair& p) { held->pairs.push_back({c_str(p.key), c_str(p.value)}); });
    to.metadata = held->pairs.data();
    to.metadata_count = held->pairs.size();
    return true;
  }
  auto* kv = reinterpret_cast<tenon_kv*>(at);
  at += pairs.size() * sizeof(tenon_kv);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto* key = reinterpret_cast<const char*>(put(at, pairs[i].key));
    const auto* value = reinterpret_cast<const char*>(put(at, pairs[i].value));
    kv[i] = {{key, pairs[i].key.size()}, {value, pairs[i].value.size()}};
  }
  to.metadata = pairs.empty() ? nullptr : kv;
  to.metadata_count = pairs.size();
  const auto* text = reinterpret_cast<const char*>(put(at, type));
  to.content_type = {type.empty() ? nullptr : text, type.size()};
  return true;
}

}  // namespace

bool give_reply(Reply& from, tenon_reply& to) noexcept {
  clear_reply(to);
  try {
    return give_all(from, to);
  } catch (const std::bad_alloc&) {
    clear_reply(to);
    return false;
  }
}

}  // namespace tenon::host
