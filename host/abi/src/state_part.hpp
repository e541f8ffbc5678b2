// StatePart: what one instance has of the state: open namespaces, cursors, watches.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "abi/part.hpp"
#include "cursors.hpp"
#include "kernel/state.hpp"
#include "kernel/storage.hpp"
#include "open_spaces.hpp"
#include "tenon/state.h"

namespace tenon::host {

/// Thread-safe.
class StatePart final : public Part {
 public:
  static constexpr PartId id = PartId::state;
  /// nullptr if the host has no storage.
  static std::unique_ptr<Part> make(Instance& instance);
  StatePart(Instance& instance, Storage& storage, State& state);
  ~StatePart() override;

  [[nodiscard]] const State& state() const { return state_; }
  Cursors& cursors() { return cursors_; }
  Result<tenon_id> open(const std::string& name);
  /// nullptr if it is not open.
  [[nodiscard]] const OpenSpaces::Space* space(tenon_id space_id) const { return spaces_.find(space_id); }

  struct Handler {
    tenon_state_changed fn = nullptr;
    void* data = nullptr;
    void (*release)(void*) noexcept = nullptr;
  };
  Result<tenon_id> watch(NamespaceId space, std::string_view prefix, const Handler& handler);
  Result<void> unwatch(tenon_id watch_id);
  Result<void> unwatch_wait(tenon_id watch_id, std::int64_t deadline_ns);

  void reach_changed() override;
  void drain(std::int64_t deadline_ns) override;
  bool leave(std::int64_t deadline_ns) override;

 private:
  struct Watch;
  Result<std::shared_ptr<Watch>> take(tenon_id watch_id);

  Instance& instance_;
  Storage& storage_;
  State& state_;
  OpenSpaces spaces_;
  Cursors cursors_;
  mutable std::mutex mutex_;
  std::map<tenon_id, std::shared_ptr<Watch>> watches_;
  std::map<tenon_id, std::shared_ptr<Watch>> ended_;  ///< by us; those that are still to be released among them
  bool left_ = false;
};

}  // namespace tenon::host
