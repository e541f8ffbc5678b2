// HealthPart: the checks one instance offers, behind the kernel's.
#pragma once

#include <memory>
#include <vector>

#include "abi/instance.hpp"
#include "kernel/health.hpp"
#include "tenon/health.h"

namespace tenon::host {

/// Made by the host, not asked for by the module. The table is constant data of the module and was examined before (loader).
class HealthPart final : public Part {
 public:
  static constexpr PartId id = PartId::health;
  static std::unique_ptr<Part> make(Instance& instance);
  explicit HealthPart(Instance& instance);
  ~HealthPart() override;

  Result<void> offer(const tenon_health& table, void* self);
  void reach_changed() override;
  void drain(std::int64_t deadline_ns) override;
  bool leave(std::int64_t deadline_ns) override;
  bool closed(std::int64_t deadline_ns) override;

 private:
  struct Check;
  Instance& instance_;
  Health& health_;
  std::vector<std::unique_ptr<Check>> checks_;
};

}  // namespace tenon::host
