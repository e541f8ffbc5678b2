// tenon.audit/1
#include "driver.hpp"

using namespace tenon::test;

TEST_CASE("an event is recorded below the module's name, with the module as actor") {
  three_ways([](Driver& d, Way) {
    CHECK(d.record({"refund.approved", "warn", "order 4711", "r-1", "ok", {{"user", "kim"}, {"amount", "12"}}}).ok());
    const std::vector<Recorded> all = d.records();
    REQUIRE(all.size() == 1);
    CHECK(all[0].type == "puppet.refund.approved");
    CHECK(all[0].level == "warn");
    CHECK(all[0].target == "order 4711");
    CHECK(all[0].request_id == "r-1");
    CHECK(all[0].outcome == "ok");
    CHECK(all[0].meta == Labels{{"user", "kim"}, {"amount", "12"}});
  });
}

TEST_CASE("what is no event is refused, and not recorded") {
  three_ways([](Driver& d, Way way) {
    if (way == Way::kernel) return;  // the kernel takes what it is given and cuts it: these rules are the boundary's
    const auto bad = [&](const Recorded& e) {
      const Answer a = d.record(e);
      return a.status == TENON_INVALID_ARGUMENT && a.reason == "BAD_EVENT" && !a.message.empty();
    };
    CHECK(bad({"", "info", "", "", "ok", {}}));
    CHECK(bad({"a b", "info", "", "", "ok", {}}));
    CHECK(bad({"a..b", "info", "", "", "ok", {}}));
    CHECK(bad({std::string(65, 'a'), "info", "", "", "ok", {}}));
    CHECK(bad({"a", "loud", "", "", "ok", {}}));
    CHECK(bad({"a", "info", "", "", "", {}}));
    CHECK(bad({"a", "info", "(null, 4)", "", "ok", {}}));  // as the driver gives it
    CHECK(bad({"a", "info", "", "", "o.k", {}}));
    CHECK(bad({"a", "info", "", "", std::string(33, 'o'), {}}));
    CHECK(d.records().empty());
    CHECK(d.record({"a", "error", "", "", "failed", {}}).ok());
    CHECK(d.records().size() == 1);
  });
}

TEST_CASE("of many pairs the first 32 are kept") {
  three_ways([](Driver& d, Way way) {
    if (way == Way::kernel) return;  // its console writer gets the event as it came; the file cuts (tests of the kernel)
    CHECK(d.record({"a", "info", "", "", "ok", Labels(40, {"k", "v"})}).ok());
    REQUIRE(d.records().size() == 1);
    CHECK(d.records()[0].meta.size() == 32);
  });
}
