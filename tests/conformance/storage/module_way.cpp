// Through the C tables: the puppet is loaded as any module, over a store in memory whose disk can be full.
#include <cstdlib>
#include <thread>

#include "kernel/storage_backend.hpp"
#include "memory_backend.hpp"
#include "tenon/calls.h"
#include "test_disk.hpp"
#include "ways.hpp"
#include "world.hpp"

namespace tenon::test {
namespace {

using namespace host;

class ModuleWay : public Way {
 public:
  explicit ModuleWay(bool strict) : world_({}, strict) {
    StorageOptions storage_options;
    storage_options.clock = [this] { return now_.load(); };
    StateOptions state_options;
    state_options.clock = [this] { return now_.load(); };
    REQUIRE(world_.kernel().open_storage(std::make_unique<TestDisk>(disk_), storage_options, state_options));
    char address[32];
    std::snprintf(address, sizeof address, "%llx", static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(&bridge_)));
    ::setenv(PUPPET_VARIABLE, address, 1);
    PermissionSet asked;
    asked.storage_namespaces = {"shared", "asked"};
    PermissionSet granted;
    granted.storage_namespaces = {"shared"};
    PuppetSpec spec;
    spec.file = TENON_TEST_PUPPET_FILE;
    spec.name = "puppet";
    spec.needs = {TENON_STATE, TENON_STORAGE, TENON_CALLS};
    spec.permissions = std::make_shared<Permissions>(Permissions::of_plugin("puppet", asked, granted));
    puppets_ = world_.prepare({spec});
    puppets_[0]->boot();
    ctx = bridge_.ctx;
    storage = bridge_.storage;
    state = bridge_.state;
  }
  ~ModuleWay() override { leave(); }

  void advance(std::chrono::nanoseconds time) override {
    now_ += time.count();
    REQUIRE(world_.kernel().storage()->expire());
  }
  bool settle(const std::function<bool()>& done) override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  void set_quota(const std::string& name, std::uint64_t bytes) override {
    REQUIRE(world_.kernel().storage()->define(name, {.quota = bytes}));
  }
  void set_disk_full(bool full) override { disk_.full = full; }
  void put_from_elsewhere(const std::string& name, const std::string& key, const std::string& value) override {
    const auto space = world_.kernel().storage()->use(name);
    REQUIRE(space);
    REQUIRE(world_.kernel().storage()->put(*space, key, value));
  }
  void broke_stale_id() override { world_.expect_finding("puppet STALE_ID"); }
  void broke_reentry() override { world_.expect_finding("puppet REENTRANT"); }
  void leave() override {
    if (puppets_.empty()) return;
    CHECK(puppets_[0]->end());
    puppets_.clear();
  }

 private:
  std::atomic<std::int64_t> now_{1'700'000'000'000'000'000};
  DiskState disk_;
  World world_;
  puppet_bridge bridge_{};
  std::vector<std::unique_ptr<Puppet>> puppets_;
};

}  // namespace

std::unique_ptr<Way> module_way(bool strict) { return std::make_unique<ModuleWay>(strict); }

}  // namespace tenon::test
