// State: the process-local view of what storage holds: read mostly, without a lock, without allocating.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/storage_types.hpp"

namespace tenon::host {

struct Call;
class Owner;
class StateSpace;
class StateWatches;
class StateReclaimer;

/// What happened to a key. The value is not in it: read it when it is needed.
struct StateChange {
  enum class Kind : std::uint8_t {
    put,
    erased,
    expired,
    reset,  ///< everything may have changed (the namespace was cleared, or too many changes were waiting): read it anew; the key is empty
  };
  Kind kind = Kind::put;
  std::uint64_t revision = 0;
  std::string key;
};

struct WatchOptions {
  NamespaceId space = 0;
  std::string prefix;  ///< of keys; empty = all
  /// Runs on the executor, inside the gate of its owner, never twice at once, and not before that is callable. At most 256 changes, ordered by key.
  /// Several changes of a key that waited meanwhile are one, the last. What is seen in the state when it runs is at least as new. If it throws
  /// std::bad_alloc it is told later, by one `reset`, that there was something; what else it throws is its own.
  std::function<void(std::span<const StateChange>)> on_change;
  /// Called exactly once, after the last on_change, without a lock, on whichever thread ends it: unwatch, revoke, the executor, the destructor.
  std::function<void()> release;
  Call* call = nullptr;  ///< what the frame shows while on_change runs; lives until release
};

struct StateOptions {
  /// Runs what it is given for an owner (null: the host) later, on any thread; never at once, as it is called by the storage's writer. Empty: there is no
  /// watching. May throw if there is no memory: tried again by retry_watches.
  using Executor = std::function<void(Owner*, std::function<void()>)>;
  Executor executor = {};
  /// Realtime; asked only for values that expire. A coarse clock is meant: its steps of 4 ms are those of a time to live.
  std::function<std::int64_t()> clock = coarse_realtime_ns;

  static std::int64_t coarse_realtime_ns();
};

/// Reads: any thread, at any time. Writes: one thread at a time, the storage's writer.
class State {
 public:
  static constexpr std::size_t max_spaces = 4096;
  static constexpr std::size_t max_watches = 256;  ///< per namespace

  explicit State(StateOptions options = {});
  ~State();  ///< releases all watches; nobody may be reading, and nothing be left in the executor
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// OK; NOT_FOUND (also: not mirrored, expired); OUT_OF_RANGE: `buffer` is smaller than info.size, nothing was copied. [any]
  Code get(NamespaceId space, std::string_view key, std::span<char> buffer, ValueInfo& info) const {
    return get(space, key, buffer, info, info.type_bytes.data());
  }
  /// The same. `type`: null, or room for the longest content type.
  Code get(NamespaceId space, std::string_view key, std::span<char> buffer, ValueHead& head, char* type) const;
  /// The next batch of keys, in ascending order: rows without value. Takes a lock for as long as it copies them.
  void keys(StorageCursor& cursor, StorageBatch& out) const;

  /// Hears of every change from now on; of one that is just being made perhaps, too. `owner` null: the host. Returns an id that is never used again.
  Result<std::uint64_t> watch(Owner* owner, WatchOptions options);
  /// Nothing begins to be delivered afterwards. NOT_FOUND if the id is stale.
  Result<void> unwatch(std::uint64_t id);
  /// The same, and waits until what is being delivered has returned. FAILED_PRECONDITION inside its own on_change, and nothing is changed.
  Result<void> unwatch_wait(std::uint64_t id, std::int64_t deadline_ns);
  /// Ends all watches of an owner that leaves.
  void revoke(const Owner& owner);
  /// To be called after each `set_reach` of an owner that watches: what has waited is delivered once it is callable. [any]
  void owner_reach_changed(const Owner& owner);
  /// What could not be delivered for want of memory is tried again. Call about once a second. [any]
  void retry_watches();
  [[nodiscard]] std::size_t watch_count() const;

  // The writer's side. Returns false if what is there is as new; what was deleted leaves its revision behind.
  void open_space(NamespaceId space);
  void close_space(NamespaceId space);  ///< not mirrored any more
  bool put(NamespaceId space, const StorageBatch::Row& row);
  bool erase(NamespaceId space, std::string_view key, std::uint64_t revision, StateChange::Kind kind = StateChange::Kind::erased);
  /// Everything older than `revision` is gone.
  void clear(NamespaceId space, std::uint64_t revision);
  /// Tells the watches what was applied since the last call, and frees what nobody reads any more.
  void notify();

 private:
  StateSpace* open(NamespaceId space) const;

  const StateOptions options_;
  const std::uint64_t seed_;
  std::unique_ptr<std::array<std::atomic<StateSpace*>, max_spaces>> spaces_;
  std::vector<std::unique_ptr<StateSpace>> owned_;
  std::unique_ptr<StateReclaimer> reclaimer_;
  std::unique_ptr<StateWatches> watches_;
};

}  // namespace tenon::host
