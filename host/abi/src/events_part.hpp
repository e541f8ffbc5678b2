// EventsPart: what one instance publishes and is subscribed to.
#pragma once

#include <memory>

#include "abi/instance.hpp"
#include "abi/part.hpp"
#include "kernel/events.hpp"
#include "tenon/events.h"

namespace tenon::host {

class EventsPart final : public Part {
 public:
  static constexpr PartId id = PartId::events;
  static std::unique_ptr<Part> make(Instance& instance);
  explicit EventsPart(Instance& instance);

  void reach_changed() override;
  void drain(std::int64_t deadline_ns) override;
  bool leave(std::int64_t deadline_ns) override;

  [[nodiscard]] EventClient& client() { return client_; }
  Result<std::uint64_t> subscribe(std::string_view pattern, tenon_event_handler fn, void* data, void (*release)(void*) noexcept,
                                  const EventOptions& options);
  Result<void> unsubscribe_wait(std::uint64_t subscription, std::int64_t deadline_ns);

 private:
  Instance& instance_;
  Events& events_;
  EventClient client_;
};

extern const tenon_events events_table;

}  // namespace tenon::host
