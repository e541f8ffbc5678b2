// Manifest: what a module says about itself, before any of its code runs.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "manifest/version.hpp"

namespace tenon::host {

/// A name with the place it was written at.
struct Named {
  std::string name;
  Where where;
};

struct Requirement {
  std::string name;
  VersionRange range;
  Where where;
};

/// Interface ids are `tenon.<words>/<major>`.
struct InterfaceNeed {
  std::string id;
  bool optional = false;
  Where where;
};

struct Provides {
  std::vector<Named> services;  ///< dotted names, optional "/major" suffix
  std::vector<Named> events;    ///< topic patterns
};

/// What a plugin asks for beyond its own. Shape and syntax are checked here; granting is not this room's business.
struct PermissionRequests {
  std::vector<Named> service_calls, event_publishes, event_subscribes, storage_namespaces, http_routes;
  std::optional<std::uint64_t> storage_max_bytes;
};

struct Manifest {
  std::string name;
  Where name_where;
  Version version;
  std::string sdk;  ///< "1.0"
  std::string description;
  std::string library;  ///< as written; empty = not said (embedded manifests)
  Where library_where;
  std::vector<Requirement> requirements;  ///< `requires`, in order written; duplicates are kept (one edge, the graph decides)
  std::vector<Named> after;
  std::vector<Named> capabilities;  ///< known words only
  std::vector<InterfaceNeed> needs;
  Provides provides;
  PermissionRequests permissions;
  std::optional<Value> config_schema;                                      ///< well-formed YAML; not yet compiled
  Value defaults;                                                          ///< a map, or null
  std::vector<std::pair<std::string, std::chrono::nanoseconds>> timeouts;  ///< phase name -> duration
  Value document;  ///< everything as written, for comparing manifests; see same_manifest()
  SourceRef source;
};

/// What a manifest may say in this host: its words. Capabilities that the ABI knows but this host does not serve are a matter of the plan,
/// not of the text. All lists sorted.
bool is_known_capability(std::string_view word);
/// Names no plugin may have, besides the built-in modules': core, host, tenon, grpc_hub, directory.
bool is_reserved_module_name(std::string_view name);

/// Parses and checks one manifest. `host_sdk` = this host's SDK version ("1.0"): unknown keys of a newer `sdk` are warnings unless listed
/// under `critical`. All problems are reported; nullopt if any was an error. Thread-safe.
std::optional<Manifest> read_manifest(const SourceRef& source, std::string_view host_sdk, Diagnostics& diagnostics);

/// The first author key (all but `description` and `library`) in which two manifests of one library differ, with both places; nullopt if they agree.
struct ManifestDifference {
  std::string key;
  Where a, b;
};
std::optional<ManifestDifference> differing_key(const Manifest& a, const Manifest& b);

}  // namespace tenon::host
