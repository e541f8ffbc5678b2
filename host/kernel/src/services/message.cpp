#include "kernel/service_message.hpp"

#include <new>

namespace tenon::host {

char* Reply::reserve_owned(std::size_t size) {
  if (size > max_service_payload) return nullptr;
  char* memory = new (std::nothrow) char[size];
  if (memory == nullptr) return nullptr;
  data_ = memory;
  size_ = size;
  owner_ = memory;
  release_ = [](void* owner) { delete[] static_cast<char*>(owner); };
  return memory;
}

bool Reply::give(const ServiceBlob& blob) {
  drop_payload();
  if (blob.size > max_service_payload || (blob.data == nullptr && blob.size != 0)) {
    if (blob.release != nullptr) blob.release(blob.owner);
    return false;
  }
  data_ = blob.data;
  size_ = blob.size;
  release_ = blob.release;
  owner_ = blob.owner;
  return true;
}

bool Reply::add_pair(std::string_view key, std::string_view value) {
  if (key.size() > max_service_metadata || value.size() > max_service_metadata) return false;
  if (!pairs_) pairs_ = std::make_unique<Pairs>();
  const std::size_t bytes = pairs_->bytes + key.size() + value.size();
  if (pairs_->list.size() >= max_service_pairs || bytes > max_service_metadata) return false;
  pairs_->list.emplace_back(key, value);
  pairs_->bytes = bytes;
  return true;
}

std::vector<ServicePair> Reply::metadata() const {
  std::vector<ServicePair> out;
  if (!pairs_) return out;
  out.reserve(pairs_->list.size());
  for (const auto& [key, value] : pairs_->list) out.push_back({key, value});
  return out;
}

bool Reply::take(Reply& other) {
  if (&other == this) return true;
  clear();
  bool ok = true;
  if (other.size_ <= capacity_ || other.data_ == other.buffer_) {
    ok = assign(other.payload());
  } else {
    data_ = other.data_;
    size_ = other.size_;
    owner_ = other.owner_;
    release_ = std::exchange(other.release_, nullptr);
  }
  set_content_type(other.content_type());
  pairs_ = std::move(other.pairs_);
  other.clear();
  return ok;
}

}  // namespace tenon::host
