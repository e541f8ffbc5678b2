// PuppetHost: the puppet in the real host, as a loaded file, or in the fake one, as code of the test.
#pragma once

#include <functional>
#include <memory>

#include "abi/instance.hpp"
#include "puppet.h"
#include "tenon/testing.hpp"
#include "world.hpp"

namespace tenon::test {

/// What the puppet asks the test. Handlers get it as `data`; it lives until the end of the test.
struct PuppetHandler {
  std::function<tenon_status(tenon_call*, const tenon_event&)> event;
  std::function<tenon_status(tenon_call*)> task;
  std::atomic<int> released{0};
};

/// One puppet at a time: it looks for one pair of hooks.
class PuppetHost {
 public:
  virtual ~PuppetHost() = default;
  /// create and init; false if init failed.
  virtual bool boot(std::function<tenon_status()> init) = 0;
  virtual void start() = 0;
  /// stop and destroy. `in_stop` runs inside stop.
  virtual void leave(std::function<tenon_status()> in_stop) = 0;
  [[nodiscard]] const puppet_api& api() const { return *api_; }

 protected:
  PuppetHost();
  std::function<tenon_status()> init_, stop_;
  const puppet_api* api_ = nullptr;
};

/// As a real .so behind the real tables. `trusted`: may publish and subscribe everything.
class LoadedPuppet final : public PuppetHost {
 public:
  LoadedPuppet(const std::string& file, bool trusted, bool strict = false);
  ~LoadedPuppet() override;
  bool boot(std::function<tenon_status()> init) override;
  void start() override;
  void leave(std::function<tenon_status()> in_stop) override;
  World& world() { return world_; }

 private:
  World world_;
  std::vector<std::unique_ptr<Puppet>> puppets_;
  bool gone_ = true;
};

/// In tenon::testing::Host.
class FakePuppet final : public PuppetHost {
 public:
  FakePuppet() : host_(tenon_entry_v1) {}
  bool boot(std::function<tenon_status()> init) override;
  void start() override;
  void leave(std::function<tenon_status()> in_stop) override;
  testing::Host& host() { return host_; }

 private:
  testing::Host host_;
};

/// A driver (EventDriver, TaskDriver) whose module is the puppet, in either host.
template <class Driver>
class PuppetDriver : public Driver {
 public:
  explicit PuppetDriver(std::unique_ptr<PuppetHost> host) : host_(std::move(host)) {}
  void start() override { host_->start(); }
  void leave(std::function<void()> in_stop = {}) override {
    host_->leave([in_stop = std::move(in_stop)] {
      if (in_stop) in_stop();
      return TENON_OK;
    });
  }

 protected:
  [[nodiscard]] const puppet_api& api() const { return host_->api(); }
  bool boot(const std::function<bool(Driver&)>& init) {
    return host_->boot([&]() -> tenon_status { return !init || init(*this) ? TENON_OK : TENON_FAILED_PRECONDITION; });
  }
  std::unique_ptr<PuppetHost> host_;
};

}  // namespace tenon::test
