// Audit: who did what to whom, and whether he was let. One record per line, each sealed with the hash of the one before it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace tenon::host {

/// What happened. Texts are cut at their limits and made valid UTF-8; nothing of it is trusted.
struct AuditEvent {
  std::string_view type;                                            ///< dotted: "module.denied"; at most 128 bytes
  std::string_view level;                                           ///< "info", "warn" or "error"
  std::string_view actor;                                           ///< who: "host", a module, a user; at most 255 bytes
  std::string_view target;                                          ///< on what: a service, a file; at most 1024 bytes, may be empty
  std::string_view request_id;                                      ///< of the call or request, or its traceparent; at most 128 bytes
  std::string_view outcome;                                         ///< "ok", "denied", "failed"; at most 32 bytes
  std::vector<std::pair<std::string_view, std::string_view>> meta;  ///< at most 32 pairs of at most 1024 bytes each
};

enum class AuditWriter : std::uint8_t { none, console, file };

struct AuditOptions {
  AuditWriter writer = AuditWriter::none;
  std::string path;          ///< of `file`; made with mode 0600
  std::uint32_t rate = 100;  ///< records per second and actor other than the host; what is over is counted in one record
  std::function<void(const AuditEvent&)> console;  ///< of `console`; several threads at once. `file`: hears of losses
  std::function<std::int64_t()> clock;             ///< realtime in ns; empty = the system's
};

/// Records are written at once (one write(2) each, so that kill -9 loses none) and made durable by `tick` and by the end. Thread-safe;
/// only the end waits for the disk.
/// A record that cannot be written is lost, counted, and the first record that can be written again says how many. If the disk refuses to make
/// records durable they count as lost, too, a record says so, and the end of that file is not noted any more.
class AuditLog {
 public:
  /// Continues the file's chain, or that of the file which was at the path before, if the note of its end is still there. Errors:
  /// no_permission, cannot_create, io_error; data (`AUDIT_CHANGED`) if the file's last whole line is no record, or what was noted as written is
  /// not there any more (run `tenond audit verify`): nothing is appended to what somebody has changed; set_aside_audit makes room for a new
  /// file. data (`NO_AUDIT_FILE`) if it never was one: that must be left alone.
  static Result<std::unique_ptr<AuditLog>> open(AuditOptions options);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void record(const AuditEvent& event) noexcept;
  /// Reports what the rate limit dropped, follows a file that was rotated, and has the file made durable on another thread, which then notes
  /// its end beside it (`<path>.head`). Call once per second.
  void tick() noexcept;
  /// The same, and waits until all of it is on the disk. At the end of a process that runs no destructors.
  void flush() noexcept;
  /// Records that could not be written or made durable; 0 if all is well.
  [[nodiscard]] std::uint64_t lost() const;

 private:
  struct Impl;
  explicit AuditLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Moves an audit file and the note of its end to `<path>.damaged-<UTC time>`; gives that path. Nothing is overwritten. Errors: as of rename(2).
Result<std::string> set_aside_audit(const std::string& path);

/// What is wrong with a file, by line from 1.
struct AuditFinding {
  std::uint64_t line = 0;
  std::string what;
};
struct AuditReport {
  std::uint64_t records = 0, first_seq = 0, last_seq = 0;
  std::string last_hash;
  std::vector<AuditFinding> findings;  ///< at most 100; empty: every record is the one that was written, in its place
  [[nodiscard]] bool ok() const { return findings.empty(); }
};

/// Reads the whole file: every record's own hash, its link to the one before, its number; torn lines are accepted where the record behind them says
/// so; the noted end (`<path>.head`), if there is one, must be in the file. Detects edits, reordering, insertions, removals behind
/// the first record that is there, and cutting off what was noted. Not the exchange of the whole file together with its note, and not that its
/// first records are gone: then it looks like a file that goes on with another one's chain; compare `first_seq` with the end of that.
/// Errors: the file cannot be read.
Result<AuditReport> verify_audit(const std::string& path);

}  // namespace tenon::host
