// Capability health: tenon.health/1
#include <cstring>

#include "driver.hpp"

using namespace tenon::test;
using tenon::host::CheckState;

namespace {

tenon_status say(tenon_error* err, tenon_status status, const char* message) {
  err->status = status;
  std::strcpy(err->message, message);
  err->message_len = static_cast<std::uint32_t>(std::strlen(message));
  return status;
}

}  // namespace

TEST_CASE("a check that answers OK is healthy, any other is unhealthy and says why") {
  three_ways([](Driver& d, Way) {
    CHECK(d.ask("database", [](tenon_call*, tenon_error*) { return TENON_OK; }).state == CheckState::healthy);
    const CheckResult bad = d.ask("database", [](tenon_call*, tenon_error* e) { return say(e, TENON_UNAVAILABLE, "no connection"); });
    CHECK(bad.state == CheckState::unhealthy);
    CHECK(bad.why == "no connection");
    CHECK(d.ask("cache", [](tenon_call*, tenon_error* e) { return say(e, TENON_INTERNAL, "cold"); }).why == "cold");
    CHECK(d.ask("database", [](tenon_call*, tenon_error*) { return TENON_OK; }).state == CheckState::healthy);
  });
}

TEST_CASE("PENDING is no answer") {
  three_ways([](Driver& d, Way way) {
    if (way != Way::abi && way != Way::strict)
      return;  // the kernel knows no such code; the fake reports it as a problem, which its own test shows
    CHECK(d.ask("database", [](tenon_call*, tenon_error*) { return TENON_PENDING; }).state == CheckState::unhealthy);
  });
}

TEST_CASE("a check has a call of its own, with a deadline") {
  three_ways([](Driver& d, Way way) {
    if (way == Way::kernel) return;  // it is given the kernel's Call, whose deadline its own tests read
    bool called = false;
    CHECK(d.ask("cache", [&called](tenon_call* call, tenon_error*) {
             called = call != nullptr;
             return TENON_OK;
           }).state == CheckState::healthy);
    CHECK(called);
  });
}

TEST_CASE("checks end with the module") {
  three_ways([](Driver& d, Way) {
    CHECK(d.ask("cache", [](tenon_call*, tenon_error*) { return TENON_OK; }).state == CheckState::healthy);
    d.leave();
  });
}
