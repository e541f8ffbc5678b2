// StateWatches: who wants to hear of changes, and what it has not heard yet.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/state.hpp"

namespace tenon::host {

class StateWatch;

/// Thread-safe; note() and dispatch() are the writer's. No lock is held while anything of a watch runs.
class StateWatches {
 public:
  using Executor = StateOptions::Executor;
  /// What all watches share; a delivery may outlast the list of them.
  struct Posting {
    explicit Posting(Executor e) : executor(std::move(e)) {}
    const Executor executor;
    std::atomic<bool> late{false};  ///< one has something to say, and there was no memory for it
  };
  explicit StateWatches(Executor executor);
  ~StateWatches();
  StateWatches(const StateWatches&) = delete;
  StateWatches& operator=(const StateWatches&) = delete;

  Result<std::uint64_t> add(Owner* owner, WatchOptions options);
  Result<void> remove(std::uint64_t id);
  Result<void> remove_wait(std::uint64_t id, std::int64_t deadline_ns);
  void revoke(const Owner& owner);
  void reach_changed(const Owner& owner);
  /// Posts again what there was no memory for.
  void retry();
  [[nodiscard]] std::size_t count() const;

  /// Remembers a change; an empty key concerns all. Nobody hears of it before dispatch().
  void note(NamespaceId space, StateChange::Kind kind, std::uint64_t revision, std::string_view key);
  void dispatch();

 private:
  using Ref = std::shared_ptr<StateWatch>;
  Ref take(std::uint64_t id);
  void forget(const Ref& watch);

  const std::shared_ptr<Posting> posting_;
  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Ref> by_id_;
  std::unordered_map<NamespaceId, std::vector<Ref>> by_space_;
  std::atomic<std::size_t> count_{0};
  std::vector<std::pair<Ref, StateChange>> noted_;  ///< the writer's
};

}  // namespace tenon::host
