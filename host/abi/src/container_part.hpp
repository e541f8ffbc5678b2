// ContainerPart: what one instance provides to others by token, and holds of them.
#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "abi/instance.hpp"
#include "abi/part.hpp"
#include "kernel/container.hpp"
#include "tenon/container.h"

namespace tenon::host {

class ContainerPart final : public Part {
 public:
  static constexpr PartId id = PartId::container;
  static std::unique_ptr<Part> make(Instance& instance);
  explicit ContainerPart(Instance& instance);
  ~ContainerPart() override;

  void drain(std::int64_t deadline_ns) override;
  bool leave(std::int64_t deadline_ns) override;
  Pinned finish(std::int64_t deadline_ns) override;
  void destroyed() override;
  [[nodiscard]] std::vector<std::string> holders() const override;

  [[nodiscard]] Container& container() { return container_; }
  [[nodiscard]] ContainerSeat& seat() { return *seat_; }
  Result<std::uint64_t> provide_factory(const TokenOffer& offer, const tenon_factory& factory);
  /// With a deadline: and waits until it is over.
  Code withdraw(std::uint64_t registration, const std::int64_t* deadline_ns);
  Result<std::uint64_t> call_scope(tenon_call& call, const ScopeContext* said);

 private:
  struct Factory;
  void forget(Factory& factory);

  Instance& instance_;
  Container& container_;
  const std::shared_ptr<ContainerSeat> seat_;
  std::mutex mutex_;
  std::list<Factory> factories_;  ///< not yet released
  bool departed_ = false;
};

extern const tenon_container container_table;
extern const tenon_lease lease_table;

}  // namespace tenon::host
