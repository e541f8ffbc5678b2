// LogCore::Impl: what LogCore and ModuleLog share.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/file.hpp"
#include "kernel/log.hpp"
#include "log_early.hpp"
#include "log_format.hpp"
#include "log_rate.hpp"
#include "log_receivers.hpp"
#include "log_target.hpp"

namespace tenon::host {

/// The way of a line: level (a load) > rate limit (a compare-and-swap) > body formatted on the caller's stack > under the mutex: number,
/// head, target, baton of receivers > receivers, without the mutex > what the target has to say, as lines of the host.
struct LogCore::Impl {
  Impl();

  /// A line that passed level and rate. Never throws; without memory for it, it is counted.
  void write(const LogRecordView& record, std::size_t left_out = 0) noexcept;
  /// The host's own line.
  void say(int level, std::string_view message, std::initializer_list<LogField> fields = {});

  Result<void> open(const LogOptions& options);
  std::optional<Result<void>> open_same(const LogOptions& options);
  Result<void> reopen();
  void flush();
  void tick(std::int64_t monotonic_ns);

  std::shared_ptr<ModuleLog> module(const std::string& name);
  void set_level(const std::string& name, int level);
  std::optional<int> level(const std::string& name);
  void bind(ModuleLog& log, std::atomic<std::int32_t>* slot);

  std::mutex mutex_;  ///< of everything below that is no atomic; never held while a receiver runs

  // Target and numbering
  std::unique_ptr<LogTarget> target_;
  LogFileOptions opened_file_;  ///< without path if the target is none
  SecondCache seconds_;
  std::uint64_t last_seq_ = 0;
  std::int64_t last_time_ns_ = 0;
  EarlyRecords early_;
  Receivers receivers_{mutex_};
  std::uint64_t last_handle_ = 0;
  std::int64_t last_report_ns_ = INT64_MIN;
  std::atomic<LineStyle> style_{LineStyle{}};  ///< changes under the mutex
  static_assert(std::atomic<LineStyle>::is_always_lock_free);

  // Writers and their levels
  std::map<std::string, std::shared_ptr<ModuleLog>, std::less<>> modules_;
  std::map<std::string, int, std::less<>> own_levels_;
  int opened_level_ = info;
  int default_level_ = info;
  std::shared_ptr<ModuleLog> host_;

  // Drops, since the last report
  RateLimit rate_;
  std::atomic<bool> any_rate_drops_{false};
  std::atomic<std::uint64_t> logged_in_receiver_{0}, out_of_memory_{0};

  // Read by the crash handler
  std::atomic<int> crash_fd_{2};
  std::atomic<const char*> crash_data_{nullptr};
  std::atomic<std::size_t> crash_size_{0};
  UniqueFd crash_owned_;
  int crash_of_ = -1;  ///< the target's descriptor that crash_fd_ duplicates

 private:
  using News = std::vector<TargetNews>;

  /// The record is within limits and well-formed, its body made for `style`.
  void write_body(LogRecordView record, LineBuffer& line, LineStyle style);
  /// Held: the record gets its number, and everybody is told.
  News number_and_put(LogRecordView& record, LineBuffer& line);
  void replay();
  /// Held, after everything that touched the target: what it has to say, for say_news. Keeps what the crash handler reads up to date.
  News after_target() noexcept;
  void say_news(const News& news);
  void report_drops();
  void deliver_waiting();
  [[nodiscard]] int level_of(std::string_view name) const;
  void apply_levels();
};

}  // namespace tenon::host
