// sysmon: samples the machine at an interval, on its own thread. Each sample is logged, published as `sysmon.sample`, and kept in storage: from there
// tenon.state/1 shows the last one to whom the namespace is granted.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <tenon/tenon.hpp>
#include <thread>

#include "keeper.hpp"
#include "sample.hpp"

namespace sysmon {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using tenon::Clock;
using tenon::Status;

constexpr nanoseconds shortest_interval = 10ms, longest_interval = 24h;
constexpr std::uint32_t longest_history = 100'000;

class Sysmon {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Config, tenon::Calls, tenon::Events, tenon::Storage>;

  explicit Sysmon(tenon::Ctx ctx)
      : log_(ctx), config_(ctx), events_(ctx), storage_(ctx), interval_(read_interval()), history_(read_history()) {}
  ~Sysmon() {
    request_stop();
    if (thread_.joinable()) thread_.join();
  }

  Status init() {
    // A sample that is lost with the power is no loss: normal durability.
    keeper_.emplace(storage_.open(TENON_MODULE_NAME, TENON_STORAGE_NORMAL).value(), [this](const Status& status) { keeping(status); });
    (void)config_
        .on_change("interval",
                   [this](std::string_view) {
                     const nanoseconds interval = read_interval();  // throws before anything has changed
                     const std::lock_guard lock(mutex_);
                     interval_ = interval;
                     changed_.notify_all();
                   })
        .value();
    return config_
        .on_change("history",
                   [this](std::string_view) {
                     const std::uint32_t history = read_history();
                     const std::lock_guard lock(mutex_);
                     history_ = history;
                   })
        .status();
  }

  Status start() {
    Reader reader(config_.require<std::string>("proc_root").value(), [this](const std::string& path, const std::string& problem) {
      log_.warn("cannot use a file of the kernel; going on without it", "path", path, "problem", problem);
    });
    Snapshot first = reader.read();
    if (first.files_read == 0) return Status::unavailable("none of the files below `proc_root` can be read");
    if (Status status = keeper_->resume(); !status.ok()) return status;
    thread_ = std::thread([this, reader = std::move(reader), first = std::move(first)]() mutable { run(reader, std::move(first)); });
    return {};
  }

  Status stop(tenon::Call call) {
    if (!thread_.joinable()) return {};
    request_stop();
    {
      std::unique_lock lock(mutex_);
      const Clock::time_point deadline = call.deadline();
      while (!ended_) {
        if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && !ended_)
          return Status::deadline_exceeded("the sampling thread did not end in time");
      }
    }
    thread_.join();
    return {};
  }

 private:
  nanoseconds read_interval() const {
    const nanoseconds interval = config_.require<nanoseconds>("interval").value();
    if (interval < shortest_interval || interval > longest_interval)
      throw tenon::Failure(Status::invalid_argument("`interval` has to be between 10ms and 24h"));
    return interval;
  }

  std::uint32_t read_history() const {
    const auto history = config_.require<std::uint32_t>("history").value();
    if (history > longest_history) throw tenon::Failure(Status::invalid_argument("`history` has to be between 0 and 100000 samples"));
    return history;
  }

  void keeping(const Status& status) const noexcept {
    if (status.ok()) {
      log_.info("samples are kept in storage again");
    } else {
      log_.warn("samples cannot be kept in storage; going on without it", "reason", status.reason(), "problem", status.message());
    }
  }

  void request_stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }

  void run(Reader& reader, Snapshot before) {
    std::unique_lock lock(mutex_);
    Clock::time_point last = before.at;
    while (!stopping_) {
      if (Clock::now() < last + interval_) {
        changed_.wait_until(lock, last + interval_);  // a new interval counts from the last sample
        continue;
      }
      lock.unlock();
      // The next sample is due one interval after this one was; samples missed while the machine slept are not made up for.
      const auto [interval, history] = settings();
      last = std::max(last + interval, Clock::now() - shortest_interval);
      const tenon_status status = tenon::guard(nullptr, [&] { sample(reader, before, history); });
      if (status != TENON_OK) log_.error("a sample failed", "status", tenon::status_name(status));
      lock.lock();
    }
    ended_ = true;
    changed_.notify_all();
  }

  std::pair<nanoseconds, std::uint32_t> settings() {
    const std::lock_guard lock(mutex_);
    return {interval_, history_};
  }

  void sample(Reader& reader, Snapshot& before, std::uint32_t history) {
    Snapshot now = reader.read();
    const Use use = use_between(before, now);
    before = std::move(now);
    if (log_.enabled(TENON_LEVEL_INFO)) {
      const Fields all = fields_of(use);
      tenon::Fields<TENON_LOG_MAX_KV> fields;
      for (const auto& [key, value] : all) fields.add(key, value);
      log_.info("sample", fields);
    }
    const std::string json = json_of(use, std::chrono::system_clock::now());
    keeper_->keep(json, history);
    const auto published = events_.publish(TENON_MODULE_NAME ".sample", json, {"application/json", {}, true});
    if (published.ok() != published_) {
      published_ = published.ok();
      if (!published_) log_.warn("samples cannot be published", "problem", published.status().message());
    }
  }

  tenon::Log log_;
  tenon::Config config_;
  tenon::Events events_;
  tenon::Storage storage_;
  std::optional<Keeper> keeper_;
  std::thread thread_;
  bool published_ = true;  // of the thread
  std::mutex mutex_;       // guards what follows
  std::condition_variable changed_;
  nanoseconds interval_;
  std::uint32_t history_;
  bool stopping_ = false, ended_ = false;
};

}  // namespace sysmon

TENON_MODULE(sysmon::Sysmon);
