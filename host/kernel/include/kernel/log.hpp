// Log: one core that stamps, formats and writes records; module writers with level and rate limit.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace tenon::host {

/// Levels of the ABI (tenon/log.h).
enum Level : int { trace = 0, debug = 10, info = 20, warn = 30, error = 40, fatal = 50 };
Result<int> parse_level(std::string_view word);  ///< "trace" .. "fatal"
std::string_view level_name(int level);          ///< next lower name

/// A key and a value; the value is text (numbers are rendered by the caller).
struct LogField {
  std::string_view key, value;
};

/// One record as receivers see it; views are borrowed.
struct LogRecordView {
  int level;
  std::uint64_t seq;
  std::int64_t time_ns;  ///< realtime
  std::uint64_t call_id;
  std::uint64_t thread_id;
  std::string_view module, phase, message;
  std::span<const LogField> fields;
};

struct LogFileOptions {
  std::string path;
  std::uint64_t max_size = 0;  ///< rotate beyond; 0 = never
  std::uint32_t max_files = 5;
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

class ModuleLog;

/// The log of the process. Before open() records are kept (at most 4096, then the oldest are dropped and counted) and replayed by it.
/// Thread-safe. Sequence numbers start at 1 and have no gaps in what is written; rate-limited lines get none.
class LogCore {
 public:
  LogCore();
  ~LogCore();
  LogCore(const LogCore&) = delete;
  LogCore& operator=(const LogCore&) = delete;

  /// Opens the target, or switches to new options (reload). The old target stays on error.
  Result<void> open(const LogOptions& options);
  /// SIGUSR1: closes and opens the file again. Nothing is lost in between.
  Result<void> reopen();
  void flush();
  /// Reports drops, flushes what is due; call once per second.
  void tick(std::int64_t monotonic_ns);

  /// A writer for a module, with its own level and rate. Lives as long as the core.
  std::shared_ptr<ModuleLog> module(const std::string& name);
  /// Level for `name` ("" = all others) at run time; -1 = back to the default.
  void set_level(const std::string& name, int level);

  /// The host's own lines.
  void log(int level, std::string_view message, std::span<const LogField> fields = {});
  void log(int level, std::string_view message, std::initializer_list<LogField> fields) {
    log(level, message, std::span<const LogField>(fields.begin(), fields.size()));
  }
  [[nodiscard]] bool enabled(int level) const;

  /// Receives every record in sequence order, on the logging thread, after it was written; early ones are replayed first. Returns a handle for
  /// remove_receiver, after whose return it is not called any more.
  using Receiver = std::function<void(const LogRecordView&)>;
  std::uint64_t add_receiver(Receiver receiver);
  void remove_receiver(std::uint64_t handle);

  /// Descriptor crash output may be written to (stderr or the log file); valid until the next open or reopen.
  [[nodiscard]] int crash_fd() const;

 private:
  friend class ModuleLog;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writer of one module. Thread-safe, no allocation and no lock for lines below the level.
class ModuleLog {
 public:
  /// What the ABI table points at: changed by set_level, read relaxed.
  std::atomic<std::int32_t>* min_level_slot = nullptr;  ///< of this module's tenon_log table; kept up to date if set
  void write(int level, std::string_view message, std::span<const LogField> fields, std::string_view phase, std::uint64_t call_id);
  [[nodiscard]] int min_level() const { return min_level_.load(std::memory_order_relaxed); }

 private:
  friend class LogCore;
  friend struct LogCore::Impl;
  ModuleLog(LogCore::Impl& core, std::string name) : core_(core), name_(std::move(name)) {}
  LogCore::Impl& core_;
  std::string name_;
  std::atomic<std::int32_t> min_level_{info};
};

}  // namespace tenon::host
