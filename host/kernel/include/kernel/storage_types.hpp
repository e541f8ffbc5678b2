// Values that storage and state speak in: transactions, batches of rows, cursors, and their limits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace tenon::host {

inline constexpr std::size_t storage_max_key = 512;  ///< bytes; at least 1
inline constexpr std::size_t storage_max_value = std::size_t{1} << 20U;
inline constexpr std::size_t storage_max_content_type = 127;                   ///< printable ASCII
inline constexpr std::size_t storage_max_operations = 4096;                    ///< of one transaction
inline constexpr std::size_t storage_max_transaction = std::size_t{8} << 20U;  ///< bytes of keys, types and values of one transaction
inline constexpr std::size_t storage_batch_rows = 256;
inline constexpr std::size_t storage_batch_bytes = std::size_t{64} << 10U;
/// What an entry counts for besides its bytes, so that a quota also bounds how many there are.
inline constexpr std::uint64_t storage_entry_cost = 64;
inline constexpr std::uint64_t storage_default_quota = std::uint64_t{64} << 20U;

/// A namespace within one store. Stable for as long as the store's file lives.
using NamespaceId = std::uint32_t;

/// What is known of a value besides its bytes and content type.
struct ValueHead {
  std::uint64_t revision = 0;   ///< of the transaction that wrote it
  std::int64_t expires_ns = 0;  ///< realtime; 0 = never
  std::size_t size = 0;         ///< of the whole value, also when the buffer was too small
  std::uint8_t type_size = 0;   ///< bytes of its content type
};

/// And its content type. The caller's, so that reading allocates nothing.
struct ValueInfo : ValueHead {
  std::array<char, storage_max_content_type> type_bytes;  ///< not initialised beyond type_size

  [[nodiscard]] std::string_view content_type() const { return {type_bytes.data(), type_size}; }
  void set_content_type(std::string_view type) {
    type_size = static_cast<std::uint8_t>(type.size() < type_bytes.size() ? type.size() : type_bytes.size());
    if (type_size != 0) std::memcpy(type_bytes.data(), type.data(), type_size);  // an empty view may have no pointer
  }
};

struct PutOptions {
  std::string_view content_type = {};
  std::int64_t ttl_ns = 0;                               ///< from the moment of the commit; 0 = never expires
  std::optional<std::uint64_t> expected = std::nullopt;  ///< revision that must be there; 0 = nothing must be there
};

/// A transaction as a value: operations and the revisions they expect, in one namespace, each key at most once. Nothing happens before it is
/// committed; then all of it does, or nothing. An operation that breaks a limit is not kept, and makes `valid()` fail.
class StorageTransaction {
 public:
  enum class Kind : std::uint8_t {
    put,
    erase,
    check,  ///< changes nothing, only expects
    clear,  ///< everything in the namespace; must be alone
    reap,   ///< erases only what has expired; the storage's own
  };
  struct Operation {
    Kind kind;
    std::optional<std::uint64_t> expected;
    std::int64_t ttl_ns;
    std::string_view key, content_type, value;

    /// When what is put at `now_ns` is over; 0 = never.
    [[nodiscard]] std::int64_t expires_at(std::int64_t now_ns) const {
      return ttl_ns == 0 ? 0 : ttl_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + ttl_ns;
    }
  };

  explicit StorageTransaction(NamespaceId space) : space_(space) {}

  StorageTransaction& put(std::string_view key, std::string_view value, const PutOptions& options = {});
  /// An absent key is no error, unless a revision is expected.
  StorageTransaction& erase(std::string_view key, std::optional<std::uint64_t> expected = std::nullopt);
  StorageTransaction& check(std::string_view key, std::uint64_t expected);
  StorageTransaction& clear();
  StorageTransaction& reap(std::string_view key);
  /// Whether it waits for the disk, whatever its namespace is set to.
  StorageTransaction& durable(bool yes) {
    durable_ = yes;
    return *this;
  }

  [[nodiscard]] NamespaceId space() const { return space_; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  [[nodiscard]] Operation operator[](std::size_t index) const;
  /// Bytes of all keys, content types and values.
  [[nodiscard]] std::size_t bytes() const { return data_.size(); }
  [[nodiscard]] bool has_expectations() const { return expects_; }
  [[nodiscard]] std::optional<bool> durable() const { return durable_; }
  /// INVALID_ARGUMENT or RESOURCE_EXHAUSTED naming the first limit that was broken, a key that came twice, or that there is nothing to do.
  [[nodiscard]] Result<void> valid() const;

 private:
  struct Record {
    std::int64_t ttl_ns;
    std::uint64_t expected;
    std::uint32_t offset, value_size;
    std::uint16_t key_size;
    std::uint8_t type_size;
    Kind kind;
    bool expects;
  };
  void add(Kind kind, std::string_view key, std::string_view value, const PutOptions& options);
  void refuse(Code code, std::string message, std::string reason);

  NamespaceId space_;
  bool expects_ = false;
  std::optional<bool> durable_;
  std::vector<Record> records_;
  std::string data_;  ///< key, content type, value of each
  std::optional<Error> error_;
};

/// Rows of one read, in one buffer that is used again.
class StorageBatch {
 public:
  struct Row {
    std::string_view key, content_type, value;
    std::uint64_t revision;
    std::int64_t expires_ns;
  };

  void clear();
  /// False if it has as many rows or bytes as a batch may have; a first row always fits.
  [[nodiscard]] bool fits(std::size_t bytes) const;
  void add(const Row& row);
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  [[nodiscard]] bool empty() const { return records_.empty(); }
  [[nodiscard]] Row operator[](std::size_t index) const;  ///< valid until the batch is changed

 private:
  struct Record {
    std::uint64_t revision;
    std::int64_t expires_ns;
    std::size_t offset, value_size;
    std::uint16_t key_size;
    std::uint8_t type_size;
  };
  std::vector<Record> records_;
  std::string data_;
};

/// Where a scan is: a value that holds nothing open. Each batch sees one moment of the namespace; keys come in ascending order of their bytes, never
/// twice; what is there during the whole scan is seen, what comes or goes meanwhile may be.
struct StorageCursor {
  NamespaceId space = 0;
  std::string prefix;
  std::string from = {};  ///< the next key is at least this
  bool done = false;

  /// Goes on behind `key`.
  void advance(std::string_view key) { (from = key).push_back('\0'); }
};

/// The smallest key above all that begin with `prefix`; empty if there is none.
std::string after_prefix(std::string_view prefix);

}  // namespace tenon::host
