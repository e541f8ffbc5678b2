// Where finished lines go: spdlog sinks that take bytes as they are.
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernel/log.hpp"

namespace tenon::host {

/// Something a target wants said in the log: it broke, it works again.
struct TargetNews {
  int level;
  std::string message;
  bool on_stderr;  ///< also there, as the target itself cannot say it
};

/// A sink without formatter, for lines that are finished. Not thread-safe: used under the mutex of the log. Never throws; what cannot be
/// written is counted as lost, reported once, and tried again by tick().
class LogTarget : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit LogTarget(bool is_stderr) : base_sink(nullptr), is_stderr_(is_stderr) {}

  /// One line with its newline.
  void put(std::string_view line, int level, std::uint64_t seq) noexcept;
  /// Once per second: writes out, and tries again what failed.
  virtual void tick() noexcept = 0;
  virtual Result<void> reopen() = 0;
  /// Descriptor written to, -1 if there is none. Changes with reopen and rotation.
  [[nodiscard]] virtual int fd() const = 0;
  /// Lines accepted, but not written yet.
  [[nodiscard]] virtual std::string_view pending() const = 0;

  [[nodiscard]] bool has_news() const { return !news_.empty(); }
  std::vector<TargetNews> take_news() { return std::exchange(news_, {}); }
  /// Before it is closed for good: counts what is still pending as lost and says so, for the next target.
  void abandon_pending();

 protected:
  /// "log file `/var/log/x`", for messages.
  [[nodiscard]] virtual std::string describe() const = 0;
  /// The line being put is the oldest that is pending.
  void pending_begins() { pending_since_ = seq_; }
  /// The line being put is lost.
  void lose_current() { lose(seq_, 1); }
  /// Enters or leaves the broken state, and says so if that is a change.
  void broke(int error) noexcept;
  void works() noexcept;
  [[nodiscard]] bool broken() const { return broken_; }
  /// Without memory for it nothing is said.
  template <class Text>
  void say(int level, Text text, bool on_stderr = false) noexcept try {
    news_.push_back({level, text(), on_stderr});
  } catch (...) {
  }

 private:
  void lose(std::uint64_t first_seq, std::uint64_t lines);
  [[nodiscard]] std::string lost_text() const;

  const bool is_stderr_;
  std::vector<TargetNews> news_;
  std::uint64_t seq_ = 0;            ///< of the line being put
  std::uint64_t pending_since_ = 0;  ///< seq of the oldest line that is pending
  std::uint64_t lost_ = 0, first_lost_ = 0, last_lost_ = 0;
  bool broken_ = false;
};

/// Buffered, written out once per second and with every line from warn on, rotated by size.
Result<std::unique_ptr<LogTarget>> make_file_target(const LogFileOptions& options);
/// Each line at once in one write(2), to a duplicate of descriptor 2: closing that one later harms nobody.
std::unique_ptr<LogTarget> make_stderr_target();

/// write(2) for descriptors others may stop reading: at most `patience_ms` waiting, no SIGPIPE. Returns bytes written, or -errno if none.
std::int64_t write_patiently(int fd, std::string_view bytes, int patience_ms) noexcept;

}  // namespace tenon::host
