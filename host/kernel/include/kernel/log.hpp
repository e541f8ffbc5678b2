// Log: one core that stamps, formats and writes records; module writers with level and rate limit.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tenon::host {

/// Levels of the ABI (tenon/log.h).
enum Level : int { trace = 0, debug = 10, info = 20, warn = 30, error = 40, fatal = 50 };
Result<int> parse_level(std::string_view word);  ///< "trace" .. "fatal"
std::string_view level_name(int level);          ///< next lower name

/// Limits of one line (those of tenon/log.h): pairs, and bytes of message plus pairs. What is over is cut with "…" or left out, and the
/// line says so in a last pair `tenon.dropped_pairs`.
inline constexpr std::size_t log_max_pairs = 64;
inline constexpr std::size_t log_max_bytes = 16384;

/// A key and a value; the value is text (numbers are rendered by the caller).
struct LogField {
  std::string_view key, value;
};

/// One record as receivers see it; views are borrowed. Text is well-formed UTF-8 within the limits above, but may contain control
/// characters: whoever prints it escapes them (log_line does).
struct LogRecordView {
  int level;
  std::uint64_t seq;
  std::int64_t time_ns;  ///< realtime
  std::uint64_t call_id;
  std::uint64_t thread_id;  ///< gettid() of the thread that logged
  std::string_view module, phase, message;
  std::span<const LogField> fields;
};

struct LogFileOptions {
  std::string path;
  std::uint64_t max_size = 0;   ///< rotate beyond; 0 = never
  std::uint32_t max_files = 5;  ///< rotated files kept beside the current one: app.log > app.1.log > app.2.log ...
};

struct LogOptions {
  enum class Format { text, json } format = Format::text;
  enum class Target { standard_error, file } target = Target::standard_error;
  LogFileOptions file;
  bool journal_prefix = false;  ///< "<N>" priorities: stderr is connected to the journal ($JOURNAL_STREAM)
  bool colour = false;
  int level = info;
  std::uint32_t rate = 1000, burst = 5000;  ///< per module; rate 0 = no limit
};

/// A record as one finished line with its newline, in the format of `options` (host/kernel/README.md describes both).
std::string log_line(const LogRecordView& record, const LogOptions& options);

class ModuleLog;

/// The log of the process. Before open() records are kept (at most 4096 or 8 MiB, then the oldest are dropped and counted) and replayed
/// by it. Thread-safe. Sequence numbers start at 1 and have no gaps in what is written; rate-limited lines get none. A gap in the target
/// means lines lost to a target that could not be written; the line about its recovery names them.
/// The process ignores SIGPIPE and SIGXFSZ: a broken target is an error code here, never a signal.
class LogCore {
 public:
  LogCore();
  ~LogCore();  ///< as flush(), without receivers; nobody logs any more
  LogCore(const LogCore&) = delete;
  LogCore& operator=(const LogCore&) = delete;

  /// Opens the target, or switches to new options (reload). The old target stays on error.
  Result<void> open(const LogOptions& options);
  /// SIGUSR1: opens the file at its path again. Nothing is lost in between. On error the old file stays; the error has been logged.
  Result<void> reopen();
  /// Reports pending drops and writes everything out. Also the last thing before a process ends by _exit.
  void flush();
  /// Reports drops, flushes what is due, tries a broken target again; call once per second.
  void tick(std::int64_t monotonic_ns);

  /// A writer for a module, with its own level and rate; the same one for the same name. Lives as long as the core.
  std::shared_ptr<ModuleLog> module(const std::string& name);
  /// Level for `name` ("" = all others, "host" = the host's own lines) at run time; -1 = back to the default, which is what open() was
  /// given. Levels of names survive open(), that of "" is replaced by it.
  void set_level(const std::string& name, int level);
  /// The level of `name`, as above; nullopt if it has no writer and no level of its own.
  [[nodiscard]] std::optional<int> level(const std::string& name) const;

  /// The host's own lines. Never rate-limited.
  void log(int level, std::string_view message, std::span<const LogField> fields = {});
  void log(int level, std::string_view message, std::initializer_list<LogField> fields) {
    log(level, message, std::span<const LogField>(fields.begin(), fields.size()));
  }
  [[nodiscard]] bool enabled(int level) const;

  /// Receives every record in sequence order, one at a time, on a thread that logs, after it was written; early ones are replayed first,
  /// before add_receiver returns. No lock is held meanwhile. A receiver must not log: lines it logs are dropped and counted. One that
  /// blocks delays nobody for more than 500 ms; then it misses records, which is counted and reported.
  using Receiver = std::function<void(const LogRecordView&)>;
  std::uint64_t add_receiver(Receiver receiver);
  /// After its return the receiver is not called any more. False: it was still inside a call at the deadline (monotonic) and will not be
  /// called again after that. From inside the receiver itself: returns at once, the current call is the last.
  bool remove_receiver(std::uint64_t handle, std::int64_t deadline_ns = no_deadline);
  /// Early records stay available to receivers until this is called (when the daemon is ready), or until 4096 records or 8 MiB are kept.
  void end_early();

  /// Descriptor crash output may be written to (stderr or the log file). Its number never changes after the first open(), also when the
  /// file is rotated or opened again.
  [[nodiscard]] int crash_fd() const;
  /// For the crash handler: writes lines still in memory to crash_fd(), without locks. Async-signal-safe; nothing is logged afterwards.
  void flush_from_crash() const noexcept;

 private:
  friend class ModuleLog;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writer of one module. Thread-safe, no allocation and no lock for lines below the level.
class ModuleLog {
 public:
  /// Of this module's tenon_log table: what the module reads, relaxed, before it formats a line. Kept up to date once bound.
  std::atomic<std::atomic<std::int32_t>*> min_level_slot{nullptr};
  /// Stores the level in `slot` and keeps it up to date until another one, or nullptr, is bound.
  void bind_min_level(std::atomic<std::int32_t>* slot);

  /// `left_out`: pairs beyond log_max_pairs that the caller did not even pass; they are counted in the line.
  void write(int level, std::string_view message, std::span<const LogField> fields, std::string_view phase, std::uint64_t call_id,
             std::size_t left_out = 0) {
    if (level >= min_level()) write_kept(level, message, fields, phase, call_id, left_out);
  }
  [[nodiscard]] int min_level() const { return min_level_.load(std::memory_order_relaxed); }

 private:
  friend class LogCore;
  friend struct LogCore::Impl;
  ModuleLog(LogCore::Impl& core, std::string name);
  void write_kept(int level, std::string_view message, std::span<const LogField> fields, std::string_view phase, std::uint64_t call_id,
                  std::size_t left_out);

  LogCore::Impl& core_;
  std::string name_;
  std::atomic<std::int32_t> min_level_{info};
  std::atomic<std::int64_t> next_allowed_{0};  ///< of the rate limit: when the bucket would be full again
  std::atomic<std::uint64_t> dropped_{0};      ///< by the rate limit, since the last report
};

}  // namespace tenon::host
