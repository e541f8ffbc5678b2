// On the fake host: the same puppet, linked into the test.
#include <cstdlib>

#include "tenon/testing.hpp"
#include "ways.hpp"

namespace tenon::test {
namespace {

class FakeWay : public Way {
 public:
  FakeWay() : host_(tenon_entry_v1) {
    char address[32];
    std::snprintf(address, sizeof address, "%llx", static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(&bridge_)));
    ::setenv(PUPPET_VARIABLE, address, 1);
    host_.storage().grant("shared");
    REQUIRE(host_.boot().ok());
    ctx = bridge_.ctx;
    storage = bridge_.storage;
    state = bridge_.state;
  }
  ~FakeWay() override { leave(); }

  void advance(std::chrono::nanoseconds time) override { host_.storage().advance(time); }
  bool settle(const std::function<bool()>& done) override {
    host_.deliver();
    return done();
  }
  void set_quota(const std::string& name, std::uint64_t bytes) override { host_.storage().set_quota(name, bytes); }
  void set_disk_full(bool full) override { host_.storage().set_disk_full(full); }
  void put_from_elsewhere(const std::string& name, const std::string& key, const std::string& value) override {
    host_.storage().put(name, key, value);
  }
  void leave() override { CHECK(host_.finish().empty()); }

 private:
  puppet_bridge bridge_{};
  testing::Host host_;
};

}  // namespace

std::unique_ptr<Way> fake_way() { return std::make_unique<FakeWay>(); }

}  // namespace tenon::test
