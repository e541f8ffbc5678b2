// FakeLogSink: the records a module gets that receives the log, as the test writes them, and the levels it sets.
#ifndef TENON_TESTING_LOG_SINK_HPP
#define TENON_TESTING_LOG_SINK_HPP

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tenon/check.h"
#include "tenon/cpp/status.hpp"
#include "tenon/log.h"
#include "tenon/log_sink.h"

namespace tenon {
inline namespace v1 {
namespace testing {

/// One record: what another module, or the host, has logged; and what the module emits when it dumps.
struct SinkRecord {
  std::string module = "host", message = {};
  std::int32_t level = TENON_LEVEL_INFO;
  std::string phase = {};
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::uint64_t seq = 0;  ///< given by the sink
  std::int64_t time_ns = 1'000'000'000;
  std::uint64_t call_id = 0, thread_id = 1;
};

/// The log of a testing::Host as its receiver sees it: `host.log_sink()`.
///
///   host.log_sink().add_module("orders");
///   host.log_sink().write({"orders", "synced"});           // reaches the module at once; before it has attached, then
///   CHECK(host.log_sink().dump(50).back().message == "synced");
///   CHECK(host.log_sink().level("orders") == TENON_LEVEL_INFO);
///
/// Levels are kept, but keep no record back. Thread-safe, except that a record is received on the thread that writes it.
class FakeLogSink {
 public:
  /// Numbers the record and gives it to the module, if it has attached; else it is replayed then. Its number.
  std::uint64_t write(SinkRecord record) {
    const std::lock_guard<std::mutex> turn(turn_);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      record.seq = ++last_seq_;
      if (!attached_) {
        early_.push_back(std::move(record));
        return last_seq_;
      }
    }
    (void)give(record);
    return record.seq;
  }
  /// What the module keeps: its last `count` records, oldest first. Empty if it has not attached, or dumps nothing.
  [[nodiscard]] std::vector<SinkRecord> dump(std::size_t count) const {
    std::vector<SinkRecord> out;
    const Visit visit(*this);
    if (!visit || visit.receiver().dump == nullptr) return out;
    visit.receiver().dump(
        visit.data(), count,
        [](void* to, const tenon_log_record* r) noexcept { static_cast<std::vector<SinkRecord>*>(to)->push_back(copy(*r)); }, &out);
    return out;
  }
  [[nodiscard]] bool attached() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return attached_;
  }
  /// Another module that has been loaded: it has a level.
  void add_module(const std::string& name, std::int32_t level = TENON_LEVEL_DEFAULT) {
    const std::lock_guard<std::mutex> lock(mutex_);
    levels_[name] = level;
  }
  /// The level lines of `name` need: a module, "host", or "" for all others.
  [[nodiscard]] std::int32_t level(const std::string& name = {}) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return level_of(name);
  }
  /// From now on attach answers this.
  void refuse(Status status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    refusal_ = std::move(status);
  }

  /// The C table; finds its FakeLogSink through the host of ctx.
  static const tenon_log_sink& table() {
    static const tenon_log_sink all = {sizeof(tenon_log_sink), 0, &attach_fn, &detach_fn, &level_fn, &set_level_fn};
    return all;
  }
  /// After stop: the host detaches; also what another thread has detached is over then, or 5 s later.
  void leave() {
    (void)detach(id_);
    std::unique_lock<std::mutex> lock(mutex_);
    if (!is_inside()) (void)quiet_.wait_for(lock, std::chrono::seconds(5), [this] { return ending_ == 0; });
  }

 private:
  static FakeLogSink& of(tenon_ctx* ctx);        // tables.hpp
  static std::int32_t phase_of(tenon_ctx* ctx);  // tables.hpp
  static tenon_id next_id(tenon_ctx* ctx);       // tables.hpp
  static bool is_name(tenon_str s) { return s.ptr != nullptr || s.len == 0; }

  static SinkRecord copy(const tenon_log_record& r) {
    SinkRecord out{std::string(view(r.module)),
                   std::string(view(r.message)),
                   r.level,
                   std::string(view(r.phase)),
                   {},
                   r.seq,
                   r.time_ns,
                   r.call_id,
                   r.thread_id};
    for (std::size_t i = 0; i < r.kv_count; ++i) out.fields.emplace_back(view(r.kv[i].key), view(r.kv[i].value));
    return out;
  }
  /// While it lasts, what the receiver was attached with is there.
  class Visit {
   public:
    explicit Visit(const FakeLogSink& sink) : sink_(sink) {
      const std::lock_guard<std::mutex> lock(sink.mutex_);
      there_ = sink.attached_;
      if (!there_) return;
      receiver_ = sink.receiver_;
      data_ = sink.data_;
      sink.inside_.push_back(std::this_thread::get_id());
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
      if (!there_) return;
      std::unique_lock<std::mutex> lock(sink_.mutex_);
      sink_.inside_.erase(std::find(sink_.inside_.begin(), sink_.inside_.end(), std::this_thread::get_id()));
      sink_.release_if_quiet(lock);
    }
    explicit operator bool() const { return there_; }
    [[nodiscard]] const tenon_log_receiver& receiver() const { return receiver_; }
    [[nodiscard]] void* data() const { return data_; }

   private:
    const FakeLogSink& sink_;
    tenon_log_receiver receiver_{};
    void* data_ = nullptr;
    bool there_ = false;
  };

  /// False if there is no receiver any more.
  bool give(const SinkRecord& r) const {
    const Visit visit(*this);
    if (!visit) return false;
    std::vector<tenon_kv> kv;
    for (const auto& [key, value] : r.fields) kv.push_back({to_c(key), to_c(value)});
    const tenon_log_record raw = {sizeof(tenon_log_record), r.level,       r.seq,           r.time_ns, r.call_id, r.thread_id,
                                  to_c(r.module),           to_c(r.phase), to_c(r.message), kv.data(), kv.size()};
    visit.receiver().record(visit.data(), &raw);
    return true;
  }
  // With the mutex held.
  [[nodiscard]] std::int32_t level_of(const std::string& name) const {
    const auto found = levels_.find(name);
    return found == levels_.end() || found->second == TENON_LEVEL_DEFAULT ? levels_.at("") : found->second;
  }
  [[nodiscard]] bool is_inside() const { return std::find(inside_.begin(), inside_.end(), std::this_thread::get_id()) != inside_.end(); }
  tenon_status detach(tenon_id id) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!attached_ || id != id_) return TENON_NOT_FOUND;
    attached_ = false;
    ++ending_;
    const std::pair<void (*)(void*) noexcept, void*> release(release_, data_);
    // Who waits releases, and so returns after it. Inside of it nobody waits for itself: the last one to leave releases.
    if (!is_inside()) (void)quiet_.wait_for(lock, std::chrono::seconds(5), [this] { return inside_.empty(); });
    releases_.push_back(release);
    release_if_quiet(lock);
    return TENON_OK;
  }
  /// Unlocks.
  void release_if_quiet(std::unique_lock<std::mutex>& lock) const {
    std::vector<std::pair<void (*)(void*) noexcept, void*>> due;
    if (inside_.empty()) {
      due.swap(releases_);
      quiet_.notify_all();
    }
    lock.unlock();
    if (due.empty()) return;
    for (const auto& [release, data] : due)
      if (release != nullptr) release(data);
    lock.lock();
    ending_ -= due.size();
    quiet_.notify_all();
    lock.unlock();
  }

  static tenon_status attach_fn(tenon_ctx* ctx, const tenon_log_receiver* receiver, void* data, void (*release)(void*) noexcept,
                                tenon_id* out, tenon_error* err) noexcept {
    if (receiver == nullptr || out == nullptr || !TENON_HAS(receiver, record))
      return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT",
                                 "attach needs a receiver with `record`, and a place for the id");
    const std::int32_t phase = phase_of(ctx);
    if (phase != TENON_PHASE_CREATE && phase != TENON_PHASE_PRE_INIT && phase != TENON_PHASE_INIT)
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "WRONG_PHASE", "attach is for create, pre_init and init");
    FakeLogSink& self = of(ctx);
    const std::lock_guard<std::mutex> turn(self.turn_);
    std::vector<SinkRecord> early;
    tenon_log_receiver known{};
    {
      const std::lock_guard<std::mutex> lock(self.mutex_);
      if (!self.refusal_.ok()) return self.refusal_.report(err);
      if (self.attached_) return tenon::detail::fill(err, TENON_ALREADY_EXISTS, "ONE_SINK", "this instance has a log receiver already");
      std::memcpy(&known, receiver, receiver->struct_size < sizeof known ? receiver->struct_size : sizeof known);
      self.receiver_ = known;
      self.data_ = data;
      self.release_ = release;
      self.id_ = *out = next_id(ctx);
      self.attached_ = true;
      early.swap(self.early_);
    }
    for (const SinkRecord& r : early)
      if (!self.give(r)) break;
    return TENON_OK;
  }
  static tenon_status detach_fn(tenon_ctx* ctx, tenon_id id) noexcept { return of(ctx).detach(id); }
  static tenon_status no_module(tenon_error* err, const std::string& name) {
    return tenon::detail::fill(err, TENON_NOT_FOUND, "NO_MODULE", "no module `" + name + "` has been loaded");
  }
  static tenon_status level_fn(tenon_ctx* ctx, tenon_str name, std::int32_t* out, tenon_error* err) noexcept {
    if (out == nullptr || !is_name(name))
      return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "level needs a name and a place");
    FakeLogSink& self = of(ctx);
    const std::string of_whom(view(name));
    const std::lock_guard<std::mutex> lock(self.mutex_);
    if (self.levels_.count(of_whom) == 0) return no_module(err, of_whom);
    *out = self.level_of(of_whom);
    return TENON_OK;
  }
  static tenon_status set_level_fn(tenon_ctx* ctx, tenon_str name, std::int32_t level, tenon_error* err) noexcept {
    if (!is_name(name)) return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "set_level needs a name");
    if (level != TENON_LEVEL_DEFAULT && (level < TENON_LEVEL_TRACE || level > TENON_LEVEL_FATAL))
      return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "LEVEL",
                                 "a log level is a number from 0 (trace) to 50 (fatal), or -1 for none of its own");
    FakeLogSink& self = of(ctx);
    const std::string of_whom(view(name));
    const std::lock_guard<std::mutex> lock(self.mutex_);
    const auto found = self.levels_.find(of_whom);
    if (found == self.levels_.end()) return no_module(err, of_whom);
    // That of "" is taken back to what the configuration says: info.
    const std::int32_t named = level == TENON_LEVEL_DEFAULT ? level : level / 10 * 10;
    found->second = level == TENON_LEVEL_DEFAULT && of_whom.empty() ? TENON_LEVEL_INFO : named;
    return TENON_OK;
  }

  std::mutex turn_;  ///< one record at a time, in the order of their numbers
  mutable std::mutex mutex_;
  mutable std::condition_variable quiet_;
  mutable std::vector<std::thread::id> inside_;  ///< of whom the receiver runs
  mutable std::vector<std::pair<void (*)(void*) noexcept, void*>> releases_;
  mutable std::size_t ending_ = 0;  ///< receivers that were detached and not yet released
  std::map<std::string, std::int32_t> levels_ = {{"", TENON_LEVEL_INFO}, {"host", TENON_LEVEL_DEFAULT}};
  std::vector<SinkRecord> early_;
  tenon_log_receiver receiver_{};
  void* data_ = nullptr;
  void (*release_)(void*) noexcept = nullptr;
  tenon_id id_ = 0;
  std::uint64_t last_seq_ = 0;
  bool attached_ = false;
  Status refusal_;
};

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
