// What a puppet does when it is told, behind real tables or those of the fake host.
#pragma once

#include <map>

#include "driver.hpp"

namespace tenon::test {

class TableDriver : public Driver {
 public:
  using Driver::call;
  using Driver::leave;
  using Driver::offer;
  Answer offer(Who who, const std::string& name, Service& service, std::uint32_t flags) override;
  Answer withdraw(Who who, std::uint64_t id) override;
  Answer withdraw_wait(Who who, std::uint64_t id, std::int64_t deadline_ns) override;
  bool has(Who who, const std::string& name) override;
  Answer resolve(Who who, const std::string& name) override;
  Answer release_handle(Who who, std::uint64_t handle) override;
  Said call(Who who, const Target& target, const Ask& ask) override;
  Answer call_async(Who who, const Target& target, const Ask& ask, Ending& done) override;
  Answer cancel(Who who, std::uint64_t id) override;
  Answer complete(std::uint64_t id, const Said& said) override;
  Answer on_cancel(std::uint64_t id, Ending& ended) override;
  bool id_cancelled(std::uint64_t id) override;

 protected:
  [[nodiscard]] virtual const puppet& the(Who who) const = 0;

 private:
  PuppetService& behind(Who who, Service& service);
  PuppetEnding& behind(Ending& ending);

  std::mutex mutex_;
  std::map<std::pair<Who, Service*>, PuppetService> services_;
  std::map<Ending*, PuppetEnding> endings_;
};

}  // namespace tenon::test
