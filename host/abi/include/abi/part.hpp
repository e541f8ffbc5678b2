// Part: one part of the kernel as one instance uses it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tenon::host {

/// In the order in which they are told and left: what calls others goes before what is called.
enum class PartId : std::uint8_t { tasks, events, services, container, state, storage, metrics, audit, health, count };

/// Made when the module first asks for an interface of it; belongs to its instance. The instance calls these, never two at a time, and never a
/// callback of the module from `reach_changed`. What the C functions of the interface call beside them is the part's own business and thread-safe.
class Part {
 public:
  Part() = default;
  virtual ~Part() = default;  ///< only after `closed` was quiet, or if nothing was ever registered
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  /// The owner's reach was moved. [any]
  virtual void reach_changed() {}
  /// The gate is draining: nothing new comes in, what runs is asked to end; queues that are to be emptied are, until the deadline. Not called if the
  /// instance never started.
  virtual void drain(std::int64_t deadline_ns) { static_cast<void>(deadline_ns); }
  /// The gate is draining for the last time: everything registered is taken back, what is still to be delivered (ended calls, releases) is. False: some
  /// callback did not come back in time, and the instance is never freed.
  virtual bool leave(std::int64_t deadline_ns) {
    static_cast<void>(deadline_ns);
    return true;
  }
  /// The gate is closed. The same, for what needs that.
  virtual bool closed(std::int64_t deadline_ns) {
    static_cast<void>(deadline_ns);
    return true;
  }
  /// What others hold of the instance: nothing; something, but all of them hang for good, so that it is kept as it is and not to blame; something.
  enum class Pinned : std::uint8_t { no, by_wedged, yes };
  /// It is about to be destroyed, its gate is closed. Waits for those who hold something; ends what could not end before.
  virtual Pinned finish(std::int64_t deadline_ns) {
    static_cast<void>(deadline_ns);
    return Pinned::no;
  }
  /// It was destroyed: what it still holds of others ends.
  virtual void destroyed() {}
  /// What keeps the instance from being destroyed now, in words, for messages. Empty = nothing. [any]
  [[nodiscard]] virtual std::vector<std::string> holders() const { return {}; }
};

}  // namespace tenon::host
