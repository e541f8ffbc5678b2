#include "puppet_host.hpp"

#include <doctest/doctest.h>

extern "C" {
puppet_hooks tenon_puppet_hooks;
}

namespace tenon::test {

using namespace host;

PuppetHost::PuppetHost() {
  tenon_puppet_hooks.test = this;
  tenon_puppet_hooks.created = [](void* test, const puppet_api* api) noexcept { static_cast<PuppetHost*>(test)->api_ = api; };
  tenon_puppet_hooks.init = [](void* test) noexcept {
    auto& self = *static_cast<PuppetHost*>(test);
    return self.init_ ? self.init_() : TENON_OK;
  };
  tenon_puppet_hooks.stop = [](void* test) noexcept {
    auto& self = *static_cast<PuppetHost*>(test);
    return self.stop_ ? self.stop_() : TENON_OK;
  };
  tenon_puppet_hooks.event = [](void* data, tenon_call* call, const tenon_event* event) noexcept {
    return static_cast<PuppetHandler*>(data)->event(call, *event);
  };
  tenon_puppet_hooks.task = [](void* data, tenon_call* call) noexcept { return static_cast<PuppetHandler*>(data)->task(call); };
  tenon_puppet_hooks.released = [](void* data) noexcept { ++static_cast<PuppetHandler*>(data)->released; };
}

LoadedPuppet::LoadedPuppet(const std::string& file, bool trusted, bool strict) : world_({}, strict) {
  PuppetSpec spec;
  spec.file = file;
  spec.name = "puppet";
  spec.needs = {TENON_CALLS, TENON_EVENTS, TENON_TASKS};
  spec.trusted = trusted;
  puppets_ = world_.prepare({spec});
}

LoadedPuppet::~LoadedPuppet() {
  if (!gone_) leave({});
}

bool LoadedPuppet::boot(std::function<tenon_status()> init) {
  init_ = std::move(init);
  Puppet& puppet = *puppets_.front();
  puppet.run(Phase::load);
  puppet.run(Phase::create);
  gone_ = false;
  return puppet.instance().run(Phase::init, monotonic_ns() + 30'000'000'000).kind == Outcome::Kind::done;
}

void LoadedPuppet::start() { puppets_.front()->run(Phase::start); }

void LoadedPuppet::leave(std::function<tenon_status()> in_stop) {
  stop_ = std::move(in_stop);
  gone_ = true;
  CHECK(puppets_.front()->end());
}

bool FakePuppet::boot(std::function<tenon_status()> init) {
  init_ = std::move(init);
  REQUIRE(host_.create().ok());
  return host_.init().ok();
}

void FakePuppet::start() { REQUIRE(host_.start().ok()); }

void FakePuppet::leave(std::function<tenon_status()> in_stop) {
  stop_ = std::move(in_stop);
  CHECK(host_.finish().empty());
}

}  // namespace tenon::test
