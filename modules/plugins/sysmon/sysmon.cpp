// sysmon: samples the machine at an interval, on its own thread, and logs what happened since the sample before.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <tenon/tenon.hpp>
#include <thread>

#include "sample.hpp"

namespace sysmon {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using tenon::Clock;
using tenon::Status;

constexpr nanoseconds shortest_interval = 10ms, longest_interval = 24h;

class Sysmon {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Config, tenon::Calls>;

  explicit Sysmon(tenon::Ctx ctx) : log_(ctx), config_(ctx), interval_(read_interval()) {}
  ~Sysmon() {
    request_stop();
    if (thread_.joinable()) thread_.join();
  }

  Status init() {
    return config_
        .on_change("interval",
                   [this](std::string_view) {
                     const nanoseconds interval = read_interval();  // throws before anything has changed
                     const std::lock_guard lock(mutex_);
                     interval_ = interval;
                     changed_.notify_all();
                   })
        .status();
  }

  Status start() {
    Reader reader(config_.require<std::string>("proc_root").value(), [this](const std::string& path, const std::string& problem) {
      log_.warn("cannot use a file of the kernel; going on without it", "path", path, "problem", problem);
    });
    Snapshot first = reader.read();
    if (first.files_read == 0) return Status::unavailable("none of the files below `proc_root` can be read");
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
      last = std::max(last + interval_of_sample(), Clock::now() - shortest_interval);
      const tenon_status status = tenon::guard(nullptr, [&] { sample(reader, before); });
      if (status != TENON_OK) log_.error("a sample failed", "status", tenon::status_name(status));
      lock.lock();
    }
    ended_ = true;
    changed_.notify_all();
  }

  nanoseconds interval_of_sample() {
    const std::lock_guard lock(mutex_);
    return interval_;
  }

  void sample(Reader& reader, Snapshot& before) const {
    Snapshot now = reader.read();
    if (log_.enabled(TENON_LEVEL_INFO)) {
      const Sample sample = make_sample(before, now);
      tenon::Fields<TENON_LOG_MAX_KV> fields;
      for (const auto& [key, value] : sample) fields.add(key, value);
      log_.info("sample", fields);
    }
    before = std::move(now);
  }

  tenon::Log log_;
  tenon::Config config_;
  std::thread thread_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  nanoseconds interval_;
  bool stopping_ = false, ended_ = false;
};

}  // namespace sysmon

TENON_MODULE(sysmon::Sysmon);
