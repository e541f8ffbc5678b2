#include "log_core.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "log_level.hpp"

namespace tenon::host {
namespace {

constexpr std::string_view host_name = "host";
constexpr std::int64_t report_interval = 900'000'000;  // once per second, with a timer that may be early

std::uint64_t this_thread_id() {
  thread_local pid_t id = 0;
  if (id == 0) id = gettid();
  return static_cast<std::uint64_t>(id);
}

}  // namespace

// ---- a line ------------------------------------------------------------------------------------------------------------------------

void LogCore::Impl::write(const LogRecordView& record, std::size_t left_out) noexcept {
  if (receivers_.inside()) {
    logged_in_receiver_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  try {
    LineBuffer line;
    const LineStyle style = style_.load(std::memory_order_relaxed);
    // Formatting finds what is not UTF-8 on its way.
    if (left_out == 0 && is_within_limits(record) && (style.open ? make_body(line, record, style) : is_well_formed(record))) {
      write_body(record, line, style);
    } else {
      const OwnedRecord clean(record, left_out);
      if (style.open) make_body(line, clean.view(), style);
      write_body(clean.view(), line, style);
    }
  } catch (...) {
    out_of_memory_.fetch_add(1, std::memory_order_relaxed);
  }
}

void LogCore::Impl::write_body(LogRecordView record, LineBuffer& line, LineStyle style) {
  News news;
  Receivers::Claimed claimed = nullptr;
  {
    std::unique_lock lock(mutex_);
    if (receivers_.any()) receivers_.wait_for_room(lock);
    // Another target was opened meanwhile.
    if (const LineStyle now = style_.load(std::memory_order_relaxed); now != style) make_body(line, record, now);
    news = number_and_put(record, line);
    if (receivers_.any()) claimed = receivers_.announce(record);
  }
  if (claimed != nullptr) receivers_.deliver(claimed, &record);
  if (!news.empty()) say_news(news);
}

LogCore::Impl::News LogCore::Impl::number_and_put(LogRecordView& record, LineBuffer& line) {
  // Time was read before the lock. Threads that overtook each other must not look like a clock that went back.
  constexpr std::int64_t overtaking = 100'000'000;
  if (record.time_ns < last_time_ns_ && last_time_ns_ - record.time_ns < overtaking) record.time_ns = last_time_ns_;
  last_time_ns_ = record.time_ns;
  record.seq = ++last_seq_;
  if (early_.keeping()) {
    try {
      early_.keep(std::make_shared<const OwnedRecord>(record));
    } catch (...) {
      out_of_memory_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  const LineStyle style = style_.load(std::memory_order_relaxed);
  if (!style.open) return {};
  make_head(line, record, style, seconds_);
  target_->put(line.view(), record.level, record.seq);
  return after_target();
}

LogCore::Impl::News LogCore::Impl::after_target() noexcept {
  if (target_->fd() != crash_of_) {
    crash_of_ = target_->fd();
    if (crash_of_ < 0) {
      crash_fd_.store(STDERR_FILENO, std::memory_order_relaxed);
    } else if (!crash_owned_) {
      crash_owned_.reset(fcntl(crash_of_, F_DUPFD_CLOEXEC, 3));
    } else {
      dup3(crash_of_, crash_owned_.get(), O_CLOEXEC);  // atomically: the number is always open
    }
    if (crash_of_ >= 0 && crash_owned_) crash_fd_.store(crash_owned_.get(), std::memory_order_relaxed);
  }
  const std::string_view pending = target_->pending();
  crash_size_.store(0, std::memory_order_relaxed);
  crash_data_.store(pending.data(), std::memory_order_release);
  crash_size_.store(pending.size(), std::memory_order_release);
  return target_->has_news() ? target_->take_news() : News();
}

void LogCore::Impl::say(int level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < host_->min_level()) return;
  write({level, 0, realtime_ns(), 0, this_thread_id(), host_name, {}, message, {fields.begin(), fields.size()}});
}

void LogCore::Impl::say_news(const News& news) {
  for (const TargetNews& one : news) {
    say(one.level, one.message);
    if (!one.on_stderr) continue;
    const LogRecordView record{one.level, 0, realtime_ns(), 0, this_thread_id(), host_name, {}, one.message, {}};
    write_patiently(STDERR_FILENO, log_line(record, {}), 0);
  }
}

// ---- target ------------------------------------------------------------------------------------------------------------------------

// A file that stays the same is opened anew by its own target, which keeps what it could not write yet. nullopt: it is another one.
std::optional<Result<void>> LogCore::Impl::open_same(const LogOptions& options) {
  std::optional<Result<void>> result;
  News news;
  {
    const std::lock_guard lock(mutex_);
    const LogFileOptions& file = options.file;
    const bool is_same = target_ && options.target == LogOptions::Target::file && file.path == opened_file_.path &&
                         file.max_size == opened_file_.max_size && file.max_files == opened_file_.max_files;
    if (!is_same) return std::nullopt;
    result = target_->reopen();
    news = after_target();
  }
  say_news(news);
  return result;
}

Result<void> LogCore::Impl::open(const LogOptions& options) {
  std::unique_ptr<LogTarget> target;
  if (const std::optional<Result<void>> same = open_same(options)) {
    if (!*same) return *same;
  } else if (options.target == LogOptions::Target::file) {
    Result<std::unique_ptr<LogTarget>> file = make_file_target(options.file);
    if (!file) return file.error();
    target = std::move(*file);
  } else {
    target = make_stderr_target();
  }
  News old_news, news;
  std::uint64_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool first = !target_;
    if (target) {
      if (target_) {
        target_->flush();
        target_->abandon_pending();
        old_news = target_->take_news();
      }
      target_.swap(target);
      opened_file_ = options.target == LogOptions::Target::file ? options.file : LogFileOptions{};
    }
    style_.store(LineStyle::of(options), std::memory_order_relaxed);
    rate_.configure(options.rate, options.burst);
    opened_level_ = default_level_ = named_level(options.level);
    apply_levels();
    if (first) {
      replay();
      dropped = early_.dropped();
    }
    news = after_target();
  }
  say_news(old_news);
  if (dropped != 0) say(warn, "early lines were dropped before the log was open", {{"dropped", std::to_string(dropped)}});
  say_news(news);
  return {};
}

void LogCore::Impl::replay() {
  const LineStyle style = style_.load(std::memory_order_relaxed);
  for (const SharedRecord& record : early_.all()) {
    LineBuffer line;
    make_body(line, record->view(), style);
    make_head(line, record->view(), style, seconds_);
    target_->put(line.view(), record->view().level, record->view().seq);
  }
  early_.opened();
}

Result<void> LogCore::Impl::reopen() {
  Result<void> result;
  News news;
  {
    const std::lock_guard lock(mutex_);
    if (!target_) return {};
    result = target_->reopen();
    news = after_target();
  }
  say_news(news);
  if (!result) say(error, result.error().message + "; the log goes on in the file that was open");
  return result;
}

void LogCore::Impl::flush() {
  report_drops();
  News news;
  {
    const std::lock_guard lock(mutex_);
    if (!target_) return;
    target_->flush();
    news = after_target();
  }
  say_news(news);
  deliver_waiting();
}

void LogCore::Impl::tick(std::int64_t monotonic_ns) {
  News news;
  bool report = false;
  {
    const std::lock_guard lock(mutex_);
    if (target_) {
      target_->tick();
      news = after_target();
    }
    report = last_report_ns_ == INT64_MIN || monotonic_ns - last_report_ns_ >= report_interval;
    if (report) last_report_ns_ = monotonic_ns;
  }
  say_news(news);
  if (report) report_drops();
  deliver_waiting();
}

void LogCore::Impl::deliver_waiting() {
  Receivers::Claimed claimed = nullptr;
  {
    const std::lock_guard lock(mutex_);
    claimed = receivers_.claim_waiting();
  }
  receivers_.deliver(claimed, nullptr);
}

void LogCore::Impl::report_drops() {
  struct Drops {
    const std::string* module;
    std::uint64_t lines;
  };
  std::vector<Drops> drops;
  Receivers::Faults faults;
  {
    const std::lock_guard lock(mutex_);
    faults = receivers_.take_faults();
    if (any_rate_drops_.exchange(false, std::memory_order_relaxed)) {
      for (const auto& [name, log] : modules_)
        if (const std::uint64_t n = log->dropped_.exchange(0, std::memory_order_relaxed); n != 0) drops.push_back({&name, n});
    }
  }
  const std::string rate = std::to_string(rate_.rate());
  for (const Drops& drop : drops) {
    const std::string count = std::to_string(drop.lines);
    say(warn, "`" + printable(*drop.module) + "` logged more than " + rate + " lines per second; " + count + " of its lines were dropped",
        {{"source", *drop.module}, {"dropped", count}});
  }
  const auto report = [this](std::uint64_t n, std::string_view what) {
    if (n != 0) say(warn, what, {{"count", std::to_string(n)}});
  };
  report(faults.missed, "records were not delivered to a log receiver that did not return");
  report(faults.threw, "a log receiver ended calls with an exception");
  report(logged_in_receiver_.exchange(0, std::memory_order_relaxed), "lines logged from inside a log receiver were dropped");
  report(out_of_memory_.exchange(0, std::memory_order_relaxed), "lines were dropped for lack of memory");
}

// ---- writers and levels --------------------------------------------------------------------------------------------------------------

LogCore::Impl::Impl() { host_.reset(new ModuleLog(*this, std::string(host_name))); }

int LogCore::Impl::level_of(std::string_view name) const {
  const auto own = own_levels_.find(name);
  return own == own_levels_.end() ? default_level_ : own->second;
}

void LogCore::Impl::apply_levels() {
  const auto apply = [this](std::string_view name, ModuleLog& log) {
    const int level = level_of(name);
    log.min_level_.store(level, std::memory_order_relaxed);
    if (std::atomic<std::int32_t>* slot = log.min_level_slot.load(std::memory_order_relaxed)) slot->store(level, std::memory_order_relaxed);
  };
  apply(host_name, *host_);
  for (const auto& [name, log] : modules_) apply(name, *log);
}

void LogCore::Impl::set_level(const std::string& name, int level) {
  const std::lock_guard lock(mutex_);
  if (name.empty())
    default_level_ = level == -1 ? opened_level_ : named_level(level);
  else if (level == -1)
    own_levels_.erase(name);
  else
    own_levels_[name] = named_level(level);
  apply_levels();
}

std::optional<int> LogCore::Impl::level(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (name.empty()) return default_level_;
  if (name != host_name && !modules_.contains(name) && !own_levels_.contains(name)) return std::nullopt;
  return level_of(name);
}

std::shared_ptr<ModuleLog> LogCore::Impl::module(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<ModuleLog>& log = modules_[name];
  if (!log) {
    log.reset(new ModuleLog(*this, printable(name)));  // the one text of a line that is not checked again
    log->min_level_.store(level_of(name), std::memory_order_relaxed);
  }
  return log;
}

void LogCore::Impl::bind(ModuleLog& log, std::atomic<std::int32_t>* slot) {
  const std::lock_guard lock(mutex_);
  if (slot != nullptr) slot->store(log.min_level(), std::memory_order_relaxed);
  log.min_level_slot.store(slot, std::memory_order_relaxed);
}

ModuleLog::ModuleLog(LogCore::Impl& core, std::string name) : core_(core), name_(std::move(name)) {}

void ModuleLog::bind_min_level(std::atomic<std::int32_t>* slot) { core_.bind(*this, slot); }

void ModuleLog::write_kept(int level, std::string_view message, std::span<const LogField> fields, std::string_view phase,
                           std::uint64_t call_id, std::size_t left_out) {
  const std::int64_t now = realtime_ns();
  if (core_.rate_.admit(next_allowed_, now))
    return core_.write({named_level(level), 0, now, call_id, this_thread_id(), name_, phase, message, fields}, left_out);
  dropped_.fetch_add(1, std::memory_order_relaxed);
  core_.any_rate_drops_.store(true, std::memory_order_relaxed);
}

// ---- the public face -----------------------------------------------------------------------------------------------------------------

LogCore::LogCore() : impl_(std::make_unique<Impl>()) {}
LogCore::~LogCore() {
  impl_->receivers_.forget();
  impl_->flush();
}

Result<void> LogCore::open(const LogOptions& options) { return impl_->open(options); }
Result<void> LogCore::reopen() { return impl_->reopen(); }
void LogCore::flush() { impl_->flush(); }
void LogCore::tick(std::int64_t monotonic_ns) { impl_->tick(monotonic_ns); }
std::shared_ptr<ModuleLog> LogCore::module(const std::string& name) { return impl_->module(name); }
void LogCore::set_level(const std::string& name, int level) { impl_->set_level(name, level); }
std::optional<int> LogCore::level(const std::string& name) const { return impl_->level(name); }
bool LogCore::enabled(int level) const { return level >= impl_->host_->min_level(); }

void LogCore::log(int level, std::string_view message, std::span<const LogField> fields) {
  if (!enabled(level)) return;
  impl_->write({named_level(level), 0, realtime_ns(), 0, this_thread_id(), host_name, {}, message, fields});
}

std::uint64_t LogCore::add_receiver(Receiver receiver) {
  Receivers::Claimed claimed = nullptr;
  std::uint64_t handle = 0;
  {
    const std::lock_guard lock(impl_->mutex_);
    handle = ++impl_->last_handle_;
    claimed = impl_->receivers_.add(handle, std::move(receiver), impl_->early_.all());
  }
  impl_->receivers_.deliver(claimed, nullptr);
  return handle;
}

bool LogCore::remove_receiver(std::uint64_t handle, std::int64_t deadline_ns) { return impl_->receivers_.remove(handle, deadline_ns); }

void LogCore::end_early() {
  const std::lock_guard lock(impl_->mutex_);
  impl_->early_.end();
}

int LogCore::crash_fd() const { return impl_->crash_fd_.load(std::memory_order_relaxed); }

void LogCore::flush_from_crash() const noexcept {
  std::size_t left = impl_->crash_size_.load(std::memory_order_acquire);
  const char* data = impl_->crash_data_.load(std::memory_order_acquire);
  while (left > 0) {
    const ssize_t n = ::write(crash_fd(), data, left);
    if (n <= 0) return;
    data += n;
    left -= static_cast<std::size_t>(n);
  }
}

}  // namespace tenon::host
