// One line of an audit file: {"seq":N,...,"prev":"<64 hex>","hash":"<64 hex>"}. The hash is that of everything before `,"hash":`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/audit.hpp"

namespace tenon::host {

/// `prev` of the very first record.
inline constexpr std::string_view audit_chain_begin = "0000000000000000000000000000000000000000000000000000000000000000";

/// Where a record stands.
struct AuditSeal {
  std::uint64_t seq = 0;
  std::string prev, hash;
};

/// Without newline. `seal` comes with seq and prev; its hash is set.
std::string make_audit_line(const AuditEvent& event, std::int64_t time_ns, AuditSeal& seal);

/// The seal of a line as it stands there, and whether its hash is the one of its text; nullopt if it has not the form of a record.
struct ReadSeal {
  AuditSeal seal;
  bool intact = false;
};
std::optional<ReadSeal> read_audit_line(std::string_view line);

/// Of a record that tells of a torn line before it: the bytes of that line. nullopt for any other record.
std::optional<std::uint64_t> torn_bytes(std::string_view line);

/// The note beside the file: "<seq> <hash>\n".
std::string audit_head_path(const std::string& path);
std::string make_audit_head(const AuditSeal& seal);
std::optional<AuditSeal> read_audit_head(std::string_view text);

}  // namespace tenon::host
