// Notifier: one thread that calls what modules must hear but must not be called back with from inside a host function.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace tenon::host {

class Instance;

/// Delivers ended calls and releases, in the order posted. The thread starts with the first delivery. A delivery that does not return within `limit`
/// is written off: its instance is wedged, another thread goes on. Thread-safe.
class Notifier {
 public:
  static constexpr std::int64_t limit_ns = 2'000'000'000;
  Notifier();
  ~Notifier();  ///< delivers what is queued, unless a delivery hangs
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// `deliver` runs on the notifier's thread; it enters the module itself. `owner` is only for naming who hangs.
  void post(Instance* owner, std::function<void()> deliver);
  /// Waits until everything posted for `owner` so far was delivered, or until the deadline. False if not.
  bool flush(const Instance* owner, std::int64_t deadline_ns);
  /// The instance whose delivery hangs beyond the limit, written off by this call; nullptr if none. Call about once per second.
  Instance* write_off_hanging(std::int64_t now_ns);

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace tenon::host
