// The interfaces of this host: one row each, and how a row becomes a table for an instance.
#pragma once

#include <memory>
#include <span>

#include "abi/host_context.hpp"
#include "abi/part.hpp"

namespace tenon::host {

class Instance;

struct Interface {
  InterfaceInfo info;
  const void* table = nullptr;  ///< null: the instance's own (log)
  /// Of the kernel: which part the table's functions look for, made for an instance by `make`. Null: needs none. `make` may give nullptr: this
  /// host does not offer it now.
  std::unique_ptr<Part> (*make)(Instance&) = nullptr;
  PartId part = PartId::count;
  const void* strict = nullptr;  ///< its checking proxy; null: the table itself
};

/// Sorted by id.
std::span<const Interface> interfaces();

}  // namespace tenon::host
