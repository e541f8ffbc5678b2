// StoragePart: what one instance has of the storage: open namespaces, cursors, and commits whose end it has not heard yet.
#pragma once

#include <memory>
#include <string>

#include "abi/part.hpp"
#include "cursors.hpp"
#include "kernel/storage.hpp"
#include "open_spaces.hpp"
#include "tenon/storage.h"

namespace tenon::host {

class StorageCompletions;

/// Thread-safe.
class StoragePart final : public Part {
 public:
  static constexpr PartId id = PartId::storage;
  /// nullptr if the host has no storage.
  static std::unique_ptr<Part> make(Instance& instance);
  StoragePart(Instance& instance, Storage& storage);
  ~StoragePart() override;

  Storage& storage() { return storage_; }
  Cursors& cursors() { return cursors_; }
  Result<tenon_id> open(const std::string& name, std::uint32_t flags);
  /// nullptr if it is not open.
  [[nodiscard]] const OpenSpaces::Space* space(tenon_id space_id) const { return spaces_.find(space_id); }
  /// An empty transaction in an open namespace, as durable as that was opened; NOT_FOUND.
  [[nodiscard]] Result<StorageTransaction> transaction(tenon_id space) const;
  Result<void> commit_async(StorageTransaction transaction, tenon_storage_done done, void* data);

  bool leave(std::int64_t deadline_ns) override;

 private:
  Instance& instance_;
  Storage& storage_;
  OpenSpaces spaces_;
  Cursors cursors_;
  const std::shared_ptr<StorageCompletions> completions_;
};

/// INVALID_ARGUMENT for what is no name; PERMISSION_DENIED, recorded, unless the namespace is the instance's own or granted to it.
Result<void> may_use_namespace(Instance& instance, std::string_view name);
Error no_space();

}  // namespace tenon::host
