// counter: named counters that outlive the process. A module to copy from: it offers services, keeps values in storage, publishes events, runs a task,
// and follows its configuration while it runs.
//
//   counter.add   metadata name [by=1]   -> the new value
//   counter.get   metadata name          -> the value
//   counter.list                         -> {"name":value,...}
//
// Values live in memory; every `flush_interval`, and at the end, those that changed are written in one transaction. A process that is killed loses
// at most that interval. Each change is published as `counter.changed`: {"name":"visits","by":1,"value":7}.
#include <charconv>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tenon/tenon.hpp>

namespace counter {

using std::chrono::nanoseconds;
using tenon::Reply;
using tenon::Request;
using tenon::Status;

/// What comes from others is checked before it is used: names by their characters and length, numbers by from_chars, which takes no sign but '-',
/// no space, and nothing out of range.
bool is_name(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return !name.empty() && name.size() <= 64 && name.find_first_not_of(allowed) == std::string_view::npos;
}

bool parse(std::string_view text, std::int64_t& out) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && at == end;
}

class Counter {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Config, tenon::Calls, tenon::Services, tenon::Events, tenon::Storage, tenon::Tasks>;

  explicit Counter(tenon::Ctx ctx) : log_(ctx), config_(ctx), services_(ctx), events_(ctx), storage_(ctx), tasks_(ctx) { read_limit(); }

  // value() of something that failed throws, and init then ends with its status: nothing of what was registered remains.
  Status init() {
    space_ = storage_.open(TENON_MODULE_NAME).value();
    load();
    (void)services_.offer("counter.add", [this](const Request& request, Reply& reply) { return add(request, reply); }).value();
    (void)services_.offer("counter.get", [this](const Request& request, Reply& reply) { return get(request, reply); }).value();
    (void)services_.offer("counter.list", [this](const Request&, Reply& reply) { list(reply); }).value();
    schedule_flush();
    (void)config_.on_change("flush_interval", [this](std::string_view) { schedule_flush(); }).value();
    (void)config_.on_change("max_counters", [this](std::string_view) { read_limit(); }).value();
    return {};
  }

  // No call comes any more, and the task was cancelled, but its last run may still be on its way: flush() waits for it.
  Status stop() { return flush(); }

 private:
  Status add(const Request& request, Reply& reply) {
    const std::string_view name = request.metadata("name"), by_text = request.metadata("by");
    std::int64_t by = 1, value = 0;
    if (!is_name(name)) return bad_name();
    if (!by_text.empty() && !parse(by_text, by)) return Status::invalid_argument("metadata `by` has to be a decimal number of 64 bits");
    {
      const std::lock_guard lock(mutex_);
      auto at = values_.find(name);
      if (at == values_.end()) {
        if (values_.size() >= max_counters_)
          return {TENON_RESOURCE_EXHAUSTED, "TOO_MANY_COUNTERS",
                  "there are as many counters as `max_counters` in the configuration allows"};
        at = values_.emplace(name, 0).first;
      }
      if (__builtin_add_overflow(at->second, by, &value))
        return {TENON_OUT_OF_RANGE, "OVERFLOW", "the counter would leave the range of 64-bit numbers"};
      dirty_.insert(at->first);  // may throw: before anything has changed
      at->second = value;
      // publish never waits and calls nobody, so it may stand under the lock, which keeps the events in the order of the values. If it fails
      // (a subscriber that refuses), the counter has changed all the same.
      (void)events_.publish("counter.changed",
                            R"({"name":")" + at->first + R"(","by":)" + std::to_string(by) + R"(,"value":)" + std::to_string(value) + '}',
                            {"application/json"});
    }
    give(reply, value);
    return {};
  }

  Status get(const Request& request, Reply& reply) {
    const std::string_view name = request.metadata("name");
    if (!is_name(name)) return bad_name();
    const std::lock_guard lock(mutex_);
    const auto at = values_.find(name);
    if (at == values_.end()) return Status::not_found("there is no counter of this name");
    give(reply, at->second);
    return {};
  }

  void list(Reply& reply) {
    std::string json = "{";
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, value] : values_) json += (json.size() == 1 ? "\"" : ",\"") + name + "\":" + std::to_string(value);
    }
    reply.payload(json + '}');
    reply.content_type("application/json");
  }

  static void give(Reply& reply, std::int64_t value) {
    reply.payload(std::to_string(value));
    reply.content_type("text/plain");
  }
  static Status bad_name() { return Status::invalid_argument("metadata `name` has to be 1 to 64 letters, digits, `_`, `.` and `-`"); }

  void load() {
    const Status status = space_.for_each("", [this](tenon::StorageRow row) {
      std::int64_t value = 0;
      if (values_.size() < TENON_STORAGE_MAX_OPS && is_name(row.key()) && parse(row.value().text(), value)) {
        values_.emplace(row.key(), value);
      } else {
        log_.warn("an entry that is no counter, or one too many, is left alone", "key", row.key());
      }
    });
    if (!status.ok()) tenon::fail(status);
  }

  /// Writes what has changed since the last flush; what could not be written stays for the next one.
  Status flush() {
    const std::lock_guard one_at_a_time(flushing_);  // else an older value could be written over a newer one
    tenon::StorageTransaction transaction;
    Unwritten unwritten{*this, {}};
    {
      const std::lock_guard lock(mutex_);
      unwritten.names.swap(dirty_);
      for (const std::string& name : unwritten.names) transaction.put(name, std::to_string(values_[name]));
    }
    if (transaction.empty()) return {};
    const auto revision = space_.commit(transaction);  // mutex_ is free meanwhile: nobody waits for the disk but this thread
    if (revision.ok()) unwritten.names.clear();
    return revision.status();
  }
  /// What is left of it is dirty again, also when there was no memory for the rest.
  struct Unwritten {
    Counter& counter;
    std::set<std::string, std::less<>> names;
    ~Unwritten() {
      const std::lock_guard lock(counter.mutex_);
      counter.dirty_.merge(names);
    }
  };

  void schedule_flush() {
    const auto interval = config_.require<nanoseconds>("flush_interval").value();
    const tenon_id task = tasks_.every(interval, [this] { return flush(); }, {"flush"}).value();  // throws before the old one is given up
    if (task_ != 0) (void)tasks_.cancel(task_);
    task_ = task;
  }

  void read_limit() {
    const auto limit = config_.require<std::uint32_t>("max_counters").value();
    if (limit > TENON_STORAGE_MAX_OPS)
      tenon::fail(Status::invalid_argument("`max_counters` is at most 4096: as many as one transaction takes"));
    const std::lock_guard lock(mutex_);
    max_counters_ = limit;
  }

  tenon::Log log_;
  tenon::Config config_;
  tenon::Services services_;
  tenon::Events events_;
  tenon::Storage storage_;
  tenon::Tasks tasks_;
  tenon::StorageSpace space_;
  tenon_id task_ = 0;
  std::mutex flushing_;  // before mutex_
  std::mutex mutex_;     // guards what follows
  std::map<std::string, std::int64_t, std::less<>> values_;
  std::set<std::string, std::less<>> dirty_;
  std::uint32_t max_counters_ = 0;
};

}  // namespace counter

TENON_MODULE(counter::Counter);
