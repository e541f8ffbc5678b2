// Cursors: the scans an instance has open through one interface.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "abi/instance.hpp"
#include "kernel/storage_types.hpp"
#include "tenon/storage.h"

namespace tenon::host {

/// Thread-safe.
class Cursors {
 public:
  static constexpr std::size_t max = 64;
  /// Fetches the next batch.
  using Fetch = std::function<Result<void>(StorageCursor&, StorageBatch&)>;

  Cursors(const Instance& instance, Fetch fetch) : instance_(instance), fetch_(std::move(fetch)) {}

  Result<tenon_id> open(NamespaceId space, std::string_view prefix);
  /// The rows live until the cursor is used again.
  Result<void> next(tenon_id id, const tenon_storage_row* const*& rows, std::size_t& count);
  /// False if there is none.
  bool close(tenon_id id);
  /// Those still open of the ones opened in a function: StrictCall::number_here.
  [[nodiscard]] std::vector<tenon_id> opened_in(std::uint64_t number);

 private:
  struct Open;
  const tenon_storage_row* const* lend(Open& cursor) const;
  [[nodiscard]] bool is_left(const Open& cursor) const;

  const Instance& instance_;
  const Fetch fetch_;
  std::mutex mutex_;
  std::map<tenon_id, std::shared_ptr<Open>> open_;
  tenon_id last_id_ = 0;
};

}  // namespace tenon::host
