// Through the C tables: the puppets are loaded as any module.
#include "table_driver.hpp"
#include "ticking.hpp"

namespace tenon::test {
namespace {

class LoadedDriver final : public TableDriver {
 public:
  using TableDriver::leave;
  LoadedDriver(const Setup& setup, bool strict)
      : puppets_(std::make_unique<LoadedPuppets>(PuppetSetup{setup.serial, setup.serial, strict, kernel_options(setup)})) {
    puppets_->strings.init = [&](Who who) -> tenon_status {
      return who == Who::web || !setup.init || setup.init(*this) ? TENON_OK : TENON_FAILED_PRECONDITION;
    };
    REQUIRE(puppets_->begin(Who::web));
    puppets_->start(Who::web);
    if (!puppets_->begin(Who::orders)) {
      LoadedDriver::leave(Who::orders, {});
      return;
    }
    if (setup.boot) LoadedDriver::start(Who::orders);
  }
  ~LoadedDriver() override {
    for (const Who who : {Who::orders, Who::web})
      if (puppets_->strings.find(who) != nullptr) LoadedDriver::leave(who, {});
  }
  void start(Who who) override { puppets_->start(who); }
  void leave(Who who, const std::function<void()>& in_stop) override {
    puppets_->strings.stop = [&](Who leaving) {
      if (in_stop && leaving == Who::orders) in_stop();
      return TENON_OK;
    };
    CHECK(puppets_->leave(who));
  }
  void return_web() override {
    puppets_->strings.init = nullptr;
    REQUIRE(puppets_->begin(Who::web));
    puppets_->start(Who::web);
  }
  bool until(const std::function<bool()>& done) override {
    return tenon::test::becomes_ticking(puppets_->world().kernel().workers(), done);
  }
  std::optional<host::ServiceMetrics> metrics(const std::string& service) override {
    for (const host::ServiceMetrics& m : puppets_->world().kernel().services().metrics())
      if (m.service == service) return m;
    return host::ServiceMetrics{};
  }
  [[nodiscard]] bool is_real() const override { return true; }
  void expect(Who who, const std::string& rule, const std::string&) override {
    if (!rule.empty()) puppets_->world().expect_finding(std::string(name_of(who)) + " " + rule);
  }

 private:
  [[nodiscard]] const puppet& the(Who who) const override { return (*puppets_)[who]; }
  std::unique_ptr<LoadedPuppets> puppets_;
};

}  // namespace

std::unique_ptr<Driver> loaded_driver(const Setup& setup, bool strict) { return std::make_unique<LoadedDriver>(setup, strict); }

}  // namespace tenon::test
