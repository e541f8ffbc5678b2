// Runs the recipes in the fake host: each by its entry, as the daemon gets it. Nothing here sleeps or needs a daemon.
#include <doctest/doctest.h>

#include <tenon/testing.hpp>

#include "catalog.h"

using namespace std::chrono_literals;
using tenon::testing::Host;

// The only symbol of a module is `tenon_entry_v1`. To have all of them in one program the build gives each another name.
extern "C" {
extern const tenon_entry cookbook_alarms, cookbook_ledger, cookbook_sessions, cookbook_janitor, cookbook_catalog, cookbook_basket,
    cookbook_turnstile, cookbook_refunds, cookbook_tally, cookbook_dimmer;
}

TEST_CASE("alarms: a full queue refuses, and its publisher knows") {
  Host host(cookbook_alarms);
  REQUIRE(host.boot().ok());
  CHECK(host.tasks().run() == 1);  // what init has posted
  CHECK(host.events().published("alarms.>").size() == 2);
  REQUIRE(host.log().size() == 1);
  CHECK(host.log()[0].message == "alarm not delivered");
  CHECK(host.log()[0].field("what") == "burglar");
  CHECK(host.stop().ok());  // drain: what is queued is delivered
  REQUIRE(host.log().size() == 3);
  CHECK(host.log()[2].field("what") == "water");
  CHECK(host.finish().empty());
}

TEST_CASE("ledger: a transfer is whole, is tried again when somebody was faster, and does not overdraw") {
  Host host(cookbook_ledger);
  host.storage().put("ledger", "cash", "100");
  REQUIRE(host.boot().ok());
  host.storage().conflict_next(2);
  REQUIRE(host.events().publish("ledger.transfer", "30").ok());
  CHECK(host.events().deliver() == 1);
  CHECK(host.storage().get("ledger", "cash")->value == "70");
  CHECK(host.storage().get("ledger", "bank")->value == "30");
  CHECK(host.log().at(0).field("attempts") == "3");

  REQUIRE(host.events().publish("ledger.transfer", "71").ok());
  host.events().deliver();
  REQUIRE(host.events().failures().size() == 1);
  CHECK(host.events().failures()[0].code() == TENON_FAILED_PRECONDITION);
  CHECK(host.storage().get("ledger", "cash")->value == "70");

  for (const char* amount : {"-10", "0"}) {
    REQUIRE(host.events().publish("ledger.transfer", amount).ok());
    host.events().deliver();
    CHECK(host.events().failures().back().code() == TENON_INVALID_ARGUMENT);
  }
  CHECK(host.storage().get("ledger", "cash")->value == "70");

  host.storage().conflict_next(5);
  REQUIRE(host.events().publish("ledger.transfer", "1").ok());
  host.events().deliver();
  CHECK(host.events().failures().back().reason() == "CONTENTION");
  CHECK(host.finish().empty());
}

TEST_CASE("ledger: a full disk is the transfer's error, and nothing has changed") {
  Host host(cookbook_ledger);
  host.storage().put("ledger", "cash", "100");
  REQUIRE(host.boot().ok());
  host.storage().set_disk_full(true);
  REQUIRE(host.events().publish("ledger.transfer", "30").ok());
  host.events().deliver();
  REQUIRE(host.events().failures().size() == 1);
  CHECK(host.events().failures()[0].reason() == "STORAGE_FULL");
  CHECK_FALSE(host.storage().get("ledger", "bank"));
  CHECK(host.finish().empty());
}

TEST_CASE("sessions: an entry lives as long as it said") {
  Host host(cookbook_sessions);
  REQUIRE(host.boot().ok());
  REQUIRE(host.events().publish("sessions.seen", "kim").ok());
  REQUIRE(host.events().publish("sessions.seen", "kim").ok());
  CHECK(host.events().deliver() == 2);
  const auto first = host.storage().get("sessions", "kim");
  REQUIRE(first);
  CHECK(first->value == "new");
  host.storage().advance(31s);
  CHECK_FALSE(host.storage().get("sessions", "kim"));
  REQUIRE(host.events().publish("sessions.seen", "kim").ok());
  host.events().deliver();
  CHECK(host.storage().get("sessions", "kim")->revision > first->revision);
  CHECK(host.events().failures().empty());
  CHECK(host.finish().empty());
}

TEST_CASE("janitor: the clock of tasks is moved by hand, loops run on threads of their own") {
  Host host(cookbook_janitor);
  host.tasks().set_time("2026-02-27T04:29:00Z");  // a Friday
  REQUIRE(host.boot().ok());
  CHECK(host.wait_for_log("three rooms swept"));
  CHECK(host.tasks().advance(1min) == 1);
  CHECK(host.wait_for_log("rounds"));
  CHECK(host.tasks().advance(48h) == 0);  // the weekend
  CHECK(host.stop().ok());                // cancels the loop and waits for it
  CHECK(host.finish().empty());
}

TEST_CASE("catalog and basket: the two ends of a token, each alone") {
  Host provider(cookbook_catalog);
  REQUIRE(provider.boot().ok());
  CHECK(provider.container().provided() == std::vector<std::string>{"catalog.client/1"});
  auto lease = provider.container().acquire(catalog_token);  // as a module that requires it
  REQUIRE(lease.ok());
  CHECK(lease->call(&catalog_client::price, 5) == 15);
  CHECK(provider.container().release(lease->id).ok());
  CHECK(provider.finish().empty());

  static constexpr catalog_client cheap = {sizeof(catalog_client), 0, [](void*, std::int64_t) noexcept -> std::int64_t { return 1; }};
  Host holder(cookbook_basket);
  holder.container().give(catalog_token, &cheap, nullptr);  // a stand-in for the module it requires
  REQUIRE(holder.boot().ok());
  CHECK(holder.log().at(0).field("total") == "2");
  CHECK(holder.container().leases() == 1);
  CHECK(holder.stop().ok());
  CHECK(holder.container().leases() == 0);
  CHECK(holder.finish().empty());

  Host alone(cookbook_basket);
  CHECK(alone.boot().reason() == "NO_PROVIDER");
}

TEST_CASE("turnstile: what it counts, and how it feels") {
  Host host(cookbook_turnstile);
  REQUIRE(host.boot().ok());
  REQUIRE(host.health_checks().size() == 1);
  CHECK(host.health_checks()[0].required);
  CHECK(host.check_health("turns").ok());
  REQUIRE(host.events().publish("turnstile.coin", "penny").ok());
  REQUIRE(host.events().publish("turnstile.coin", "a large wheel").ok());
  CHECK(host.events().deliver() == 2);
  CHECK(host.metrics().counter("coins_total", {{"result", "passed"}}) == 1);
  CHECK(host.metrics().counter("coins_total", {{"result", "jammed"}}) == 1);
  CHECK(host.metrics().find("coin_grams")->buckets == std::vector<std::uint64_t>{0, 1, 0, 1});
  CHECK(host.check_health("turns").message() == "a coin is stuck");
  CHECK(host.finish().empty());
}

TEST_CASE("refunds: every decision is recorded, with its outcome") {
  Host host(cookbook_refunds);
  REQUIRE(host.boot().ok());
  REQUIRE(host.events().publish("refunds.asked", "4711").ok());
  REQUIRE(host.events().publish("refunds.asked", "47112").ok());
  host.events().deliver();
  const auto records = host.audit().records();
  REQUIRE(records.size() == 2);
  CHECK(records[0].type == "refund.decided");
  CHECK(records[0].target == "order 4711");
  CHECK(records[0].outcome == "ok");
  CHECK(records[1].outcome == "denied");
  CHECK(records[1].meta[0] == std::pair<std::string, std::string>("user", "kim"));
  CHECK(host.finish().empty());
}

TEST_CASE("tally: a serial module counts without a lock") {
  Host host(cookbook_tally);
  REQUIRE(host.boot().ok());
  for (int i = 0; i < 3; ++i) REQUIRE(host.events().publish("tally.one", "").ok());
  host.events().deliver();
  CHECK(host.tasks().advance(2s) == 2);
  REQUIRE(host.log().size() == 2);
  CHECK(host.log()[0].field("new") == "3");
  CHECK(host.log()[1].field("new") == "0");
  CHECK(host.log()[1].field("total") == "3");
  CHECK(host.finish().empty());
}

TEST_CASE("dimmer: a live value changes, another one does not") {
  Host host(cookbook_dimmer, {{"level", 10}}, "dimmer", {{"level", 50}, {"fade", 200ms}});
  host.declare_live({"level"});
  REQUIRE(host.boot().ok());
  CHECK(host.change("level", 80).ok());
  REQUIRE(host.log().size() == 2);
  CHECK(host.log()[0].field("level") == "10");
  CHECK(host.log()[1].field("level") == "80");
  CHECK(host.change("fade", 1s).code() == TENON_FAILED_PRECONDITION);
  CHECK(host.finish().empty());
}
