// Strict: the checking proxy around the tables. For authors and tests; the daemon's `--strict`.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/log.hpp"
#include "tenon/core.h"

namespace tenon::host {

class Instance;

/// A rule of the contract that a module broke.
struct Violation {
  std::string module;
  std::string rule;     ///< WRONG_THREAD, WRONG_PHASE, BLOCKING_IN_ANY, REENTRANT, STALE_CALL, STALE_ID, COMPLETED_TWICE, AFTER_DESTROY,
                        ///< LEFT_OPEN
  std::string message;  ///< one sentence naming the function
};

/// What the proxies know together. Violations are logged as errors and go on: what the host itself refuses is refused as ever. With it requests, what
/// info() tells and reserve() gives, events, changes of a state, paths of on_change, errors of health checks, rows and outcomes of asynchronous calls lie on
/// pages of their own that become unreadable when their time is over: who uses them later crashes on the spot, and the crash handler names module and view.
/// (Records of the log, and errors of commit_async, are given as they are.) At most one per process. Thread-safe; slow by nature.
class Strict {
 public:
  explicit Strict(LogCore& log);
  ~Strict();
  Strict(const Strict&) = delete;
  Strict& operator=(const Strict&) = delete;

  void violation(std::string_view module, std::string_view rule, const std::string& message);
  /// The same, unless one of `rule` was reported that ends with `ending`.
  void violation_once(std::string_view module, std::string_view rule, const std::string& message, std::string_view ending);
  /// Those so far, at most the last 1000.
  [[nodiscard]] std::vector<Violation> violations() const;

  /// A call is valid from its begin to its end.
  void call_begins(const tenon_call* call);
  void call_ends(const tenon_call* call);
  [[nodiscard]] bool is_live(const tenon_call* call) const;
  /// Whose it was, of the last 1024 that ended; "" if it is none of them.
  [[nodiscard]] std::string holder_of_ended(const tenon_call* call) const;
  /// Lent bytes that are taken back when the call ends; false: it is not live, or there is no memory, and they stay the caller's.
  bool ends_with(const tenon_call* call, std::byte* lent) noexcept;
  /// What an instance has ended itself, the last 4096 ids: to end it once more is a mistake, while what others end may be ended too late.
  enum class Ended : std::uint8_t { call, lease, scope };
  void ended(const Instance& instance, Ended what, tenon_id id);
  [[nodiscard]] bool was_ended(const Instance& instance, Ended what, tenon_id id) const;
  void forget(const Instance& instance) noexcept;
  /// Ids of scopes only grow.
  void scope_given(tenon_id id);
  [[nodiscard]] bool was_scope_given(tenon_id id) const;

  /// Handles that are pointers (tenon.metrics/1): given to an instance, and over with it.
  void handle_given(Instance& instance, const void* handle);
  void handles_end(const Instance& instance);
  /// Calls fn(instance) with whose it is, which is not freed meanwhile; false if it is nobody's.
  template <class F>
  bool with_holder(const void* handle, F&& fn) const {
    const std::lock_guard lock(handles_mutex_);
    const auto found = handles_.find(handle);
    if (found == handles_.end()) return false;
    fn(*found->second);
    return true;
  }
  /// As holder_of_ended, of the last 4096 handles.
  [[nodiscard]] std::string holder_of_ended_handle(const void* handle) const;

  /// Room for borrowed bytes on pages of its own; nullptr without memory (then the original is given).
  std::byte* lend(const Instance& instance, const char* what, std::size_t bytes) noexcept;
  /// The function it was given to has returned: unreadable from now on, until 1024 later ones.
  void take_back(std::byte* lent);
  /// For the crash handler: what view `address` lies in, "" if none. Async-signal-safe.
  struct Lent {
    char module[64] = {};
    const char* what = "";
  };
  [[nodiscard]] bool find_lent(const void* address, Lent& out) const noexcept;

 private:
  static constexpr std::size_t kept_pages = 1024;
  struct Slot {
    std::atomic<std::uintptr_t> begin{0};
    std::atomic<std::size_t> bytes{0};
    Lent lent;
  };
  LogCore& log_;
  mutable std::mutex mutex_;
  std::deque<Violation> violations_;
  struct Live {
    std::string holder;
    std::vector<std::byte*> lent;
  };
  struct EndedId {
    const Instance* instance;
    Ended what;
    tenon_id id;
    bool operator==(const EndedId&) const = default;
  };
  std::map<const tenon_call*, Live> calls_;
  std::deque<std::pair<const tenon_call*, std::string>> ended_calls_;  ///< the youngest first
  std::deque<EndedId> ended_;
  tenon_id newest_scope_ = 0;
  std::map<std::byte*, Slot> lent_;          ///< in use
  std::array<Slot, kept_pages> taken_back_;  ///< unreadable; read by the crash handler
  std::size_t next_ = 0;
  mutable std::mutex handles_mutex_;  ///< before mutex_
  std::map<const void*, Instance*> handles_;
  std::deque<std::pair<const void*, std::string>> ended_handles_;  ///< the youngest first
};

/// A call is live for the scope's time, in which this thread is in the function that got it; without a Strict it costs nothing.
class StrictCall {
 public:
  StrictCall(Strict* strict, const tenon_call* call) : strict_(strict), call_(call) {
    if (strict_ != nullptr) begin();
  }
  ~StrictCall() {
    if (strict_ != nullptr) end();
  }
  StrictCall(const StrictCall&) = delete;
  StrictCall& operator=(const StrictCall&) = delete;
  /// Which function of `instance` this thread is in, a number that is never given twice; 0: in none, or in no strict host.
  [[nodiscard]] static std::uint64_t number_here(const Instance& instance) noexcept;

 private:
  void begin();
  void end() noexcept;
  Strict* strict_;
  const tenon_call* call_;
  const StrictCall* outer_;
  std::uint64_t number_;
};

/// The bytes of views for the time of one call, as Strict lends them. Without memory for it, what was to be lent is given itself.
class Borrowed {
 public:
  Borrowed(Strict& strict, const Instance& instance) : strict_(strict), instance_(instance) {}
  ~Borrowed() {
    for (std::byte* b : blocks_) strict_.take_back(b);
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  tenon_str text(const char* what, tenon_str s);
  tenon_bytes bytes(const char* what, tenon_bytes b);
  /// A copy of a struct, whose own views the caller replaces; `from` itself without memory.
  template <class T>
  T* object(const char* what, T& from) {
    void* const lent = copy(what, &from, sizeof(T));
    return lent == nullptr ? &from : static_cast<T*>(lent);
  }
  /// Room for `count` of T, zeroed; nullptr without memory.
  template <class T>
  T* array(const char* what, std::size_t count) {
    return static_cast<T*>(room(what, count * sizeof(T)));
  }

 private:
  void* copy(const char* what, const void* from, std::size_t n) noexcept;
  void* room(const char* what, std::size_t n) noexcept;
  Strict& strict_;
  const Instance& instance_;
  std::vector<std::byte*> blocks_;
};

}  // namespace tenon::host
