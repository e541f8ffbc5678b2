// RetainedStore: the last value of each topic whose publisher asked for it to be kept.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "record.hpp"

namespace tenon::host {

/// Sharded by topic, so that publishers of different topics do not wait for each other. Thread-safe.
class RetainedStore {
 public:
  static constexpr std::uint64_t overhead = 64;  ///< what each value counts beyond its bytes

  /// Runs `publish` with the topic's shard locked, so that values are kept in the order in which they reach queues, and keeps what it returns
  /// instead of what was there. If it fails the old value stays. RESOURCE_EXHAUSTED `RETAINED_FULL`.
  Result<void> keep(EventAccount& account, std::string_view topic, std::uint64_t bytes, std::uint64_t limit,
                    const std::function<Result<EventRef>()>& publish);
  /// False: the account has none there.
  bool forget(EventAccount& account, std::string_view topic);
  /// All of a closed account.
  void forget_all(EventAccount& account);
  /// Those that match, in the order of their ids.
  std::vector<EventRef> matching(std::string_view pattern);

 private:
  struct Value {
    EventRef event;
    EventAccount* account = nullptr;  ///< whom it counts for
    [[nodiscard]] std::uint64_t cost() const { return event->bytes() + overhead; }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Value, Hash, std::equal_to<>> values;
  };
  Shard& shard_of(std::string_view topic) { return shards_[Hash()(topic) % shards_.size()]; }
  std::array<Shard, 16> shards_;
};

}  // namespace tenon::host
