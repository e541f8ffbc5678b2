#include "kernel/storage_types.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tenon::host {
namespace {

bool is_content_type(std::string_view type) {
  return std::all_of(type.begin(), type.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

StorageTransaction& StorageTransaction::put(std::string_view key, std::string_view value, const PutOptions& options) {
  add(Kind::put, key, value, options);
  return *this;
}

StorageTransaction& StorageTransaction::erase(std::string_view key, std::optional<std::uint64_t> expected) {
  add(Kind::erase, key, {}, {.expected = expected});
  return *this;
}

StorageTransaction& StorageTransaction::check(std::string_view key, std::uint64_t expected) {
  add(Kind::check, key, {}, {.expected = expected});
  return *this;
}

StorageTransaction& StorageTransaction::clear() {
  if (records_.size() == storage_max_operations) {
    refuse(Code::resource_exhausted, "a transaction has more than 4096 operations, commit it in parts", "TRANSACTION_TOO_LARGE");
    return *this;
  }
  records_.push_back({0, 0, static_cast<std::uint32_t>(data_.size()), 0, 0, 0, Kind::clear, false});
  return *this;
}

StorageTransaction& StorageTransaction::reap(std::string_view key) {
  add(Kind::reap, key, {}, {});
  return *this;
}

void StorageTransaction::refuse(Code code, std::string message, std::string reason) {
  if (!error_) error_ = Error{code, std::move(message), std::move(reason)};
}

void StorageTransaction::add(Kind kind, std::string_view key, std::string_view value, const PutOptions& options) {
  const std::string_view type = options.content_type;
  if (key.empty()) return refuse(Code::invalid_argument, "a key is empty, it must have at least one byte", "KEY_EMPTY");
  if (key.size() > storage_max_key)
    return refuse(Code::invalid_argument, "a key has " + std::to_string(key.size()) + " bytes, at most 512 are allowed", "KEY_TOO_LONG");
  if (value.size() > storage_max_value)
    return refuse(Code::resource_exhausted, "the value of `" + printable(key) + "` is larger than 1MiB, store it in parts",
                  "VALUE_TOO_LARGE");
  if (type.size() > storage_max_content_type || !is_content_type(type))
    return refuse(Code::invalid_argument, "the content type of `" + printable(key) + "` is not printable ASCII of at most 127 bytes",
                  "CONTENT_TYPE");
  if (options.ttl_ns < 0)
    return refuse(Code::invalid_argument, "the time to live of `" + printable(key) + "` is negative, 0 means for ever", "TTL");
  if (records_.size() == storage_max_operations)
    return refuse(Code::resource_exhausted, "a transaction has more than 4096 operations, commit it in parts", "TRANSACTION_TOO_LARGE");
  if (data_.size() + key.size() + type.size() + value.size() > storage_max_transaction)
    return refuse(Code::resource_exhausted, "a transaction is larger than 8MiB, commit it in parts", "TRANSACTION_TOO_LARGE");
  expects_ = expects_ || options.expected.has_value();
  records_.push_back({options.ttl_ns, options.expected.value_or(0), static_cast<std::uint32_t>(data_.size()),
                      static_cast<std::uint32_t>(value.size()), static_cast<std::uint16_t>(key.size()),
                      static_cast<std::uint8_t>(type.size()), kind, options.expected.has_value()});
  data_.append(key).append(type).append(value);
}

StorageTransaction::Operation StorageTransaction::operator[](std::size_t index) const {
  const Record& r = records_[index];
  const std::string_view bytes = std::string_view(data_).substr(r.offset, std::size_t{r.key_size} + r.type_size + r.value_size);
  return {r.kind,
          r.expects ? std::optional(r.expected) : std::nullopt,
          r.ttl_ns,
          bytes.substr(0, r.key_size),
          bytes.substr(r.key_size, r.type_size),
          bytes.substr(std::size_t{r.key_size} + r.type_size)};
}

Result<void> StorageTransaction::valid() const {
  if (error_) return *error_;
  if (records_.empty()) return Error{Code::invalid_argument, "a transaction has no operation", "TRANSACTION_EMPTY"};
  if (records_.size() == 1) return {};
  std::vector<std::string_view> keys;
  keys.reserve(records_.size());
  for (const Record& r : records_) {
    if (r.kind == Kind::clear)
      return Error{Code::invalid_argument, "`clear` must be the only operation of its transaction", "CLEAR_NOT_ALONE"};
    keys.push_back(std::string_view(data_).substr(r.offset, r.key_size));
  }
  // Mostly they come in order; then this is one pass.
  if (!std::is_sorted(keys.begin(), keys.end())) std::sort(keys.begin(), keys.end());
  if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end())
    return Error{Code::invalid_argument, "the key `" + printable(*twice) + "` comes twice in one transaction", "KEY_TWICE"};
  return {};
}

void StorageBatch::clear() {
  records_.clear();
  data_.clear();
}

bool StorageBatch::fits(std::size_t bytes) const {
  return records_.empty() || (records_.size() < storage_batch_rows && data_.size() + bytes <= storage_batch_bytes);
}

void StorageBatch::add(const Row& row) {
  records_.push_back({row.revision, row.expires_ns, data_.size(), row.value.size(), static_cast<std::uint16_t>(row.key.size()),
                      static_cast<std::uint8_t>(row.content_type.size())});
  data_.append(row.key).append(row.content_type).append(row.value);
}

StorageBatch::Row StorageBatch::operator[](std::size_t index) const {
  const Record& r = records_[index];
  const std::string_view bytes = std::string_view(data_).substr(r.offset, std::size_t{r.key_size} + r.type_size + r.value_size);
  return {bytes.substr(0, r.key_size), bytes.substr(r.key_size, r.type_size), bytes.substr(std::size_t{r.key_size} + r.type_size),
          r.revision, r.expires_ns};
}

std::string after_prefix(std::string_view prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.remove_suffix(1);
  std::string out(prefix);
  if (!out.empty()) out.back() = static_cast<char>(static_cast<unsigned char>(out.back()) + 1);
  return out;
}

}  // namespace tenon::host
