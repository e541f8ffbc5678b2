// Permissions: what one module may do beyond what is its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/names.hpp"

namespace tenon::host {

/// What a manifest asks for, and, in the same shape, what the operator grants. Topics and services are patterns, namespaces are names.
struct PermissionSet {
  std::vector<ServicePattern> service_calls;
  std::vector<ServicePattern> service_provides;  ///< asked for by the manifest's `provides.services`
  std::vector<std::string> event_publishes, event_subscribes;
  std::vector<std::string> storage_namespaces;
  std::optional<std::uint64_t> storage_max_bytes;  ///< of its own namespace
};

/// Immutable; one per owner. A RuntimeModule may do everything. A plugin may do what is its own (services, topics and the storage namespace of its
/// name), and beyond that what both its manifest asks for and the operator grants. No function allocates unless it refuses.
class Permissions {
 public:
  static constexpr std::uint64_t own_storage_bytes = 64ULL * 1024 * 1024;

  /// May do everything.
  static Permissions all(std::string module);
  /// `granted` absent: the host grants what is asked (`permissions.default: manifest`).
  static Permissions of_plugin(std::string module, PermissionSet asked, std::optional<PermissionSet> granted);

  /// Errors: PERMISSION_DENIED, reason `NOT_ASKED` (the manifest has to name it) or `NOT_GRANTED`; the message names the permission and
  /// the line of the configuration, or of the manifest, that would allow it. `RESERVED`: its first
  /// word is reserved (base/reserved_names.hpp), and nothing allows it.
  [[nodiscard]] Result<void> may_call(const ServiceName& service) const;
  /// Never below `host` and `tenon`, also not who may do everything; a plugin not below any reserved word.
  [[nodiscard]] Result<void> may_publish(std::string_view topic) const;
  /// `pattern` as a whole must lie within one pattern asked for and one granted.
  [[nodiscard]] Result<void> may_subscribe(std::string_view pattern) const;
  [[nodiscard]] Result<void> may_use_namespace(std::string_view name) const;
  /// As may_publish. A grant for the prefix of a present or reserved module is refused when the plan is made, and cannot get here.
  [[nodiscard]] Result<void> may_register(const ServiceName& service) const;
  /// Bytes its own namespace may hold: what is asked for and granted, at least 64 MiB; no limit for a RuntimeModule.
  [[nodiscard]] std::uint64_t storage_bytes() const;

 private:
  struct Kind;
  [[nodiscard]] bool is_hosts(std::string_view name) const;
  [[nodiscard]] Error reserved(const Kind& kind, std::string_view name) const;
  explicit Permissions(std::string module) : module_(std::move(module)) {}
  template <class Names, class Name>
  [[nodiscard]] Result<void> check(const Kind& kind, Names PermissionSet::*list, const Name& name) const;
  [[nodiscard]] bool own(std::string_view name) const { return has_prefix(name, module_); }

  std::string module_;
  bool everything_ = false;
  PermissionSet asked_;
  std::optional<PermissionSet> granted_;  ///< absent: what is asked
};

}  // namespace tenon::host
