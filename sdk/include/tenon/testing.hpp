// tenon/testing.hpp - run a module in a unit test: a fake host that loads nothing and needs nothing but the standard library. For any test framework.
//
//   TEST_CASE("says hello") {
//     tenon::testing::Host host = tenon::testing::Host::of<Hello>({{"name", "world"}, {"interval", 50ms}});
//     REQUIRE(host.boot().ok());                            // create .. start; or phase by phase
//     CHECK(host.log().back().field("to") == "world");
//     CHECK(host.change("interval", 10ms).ok());            // a reload
//     CHECK(host.stop().ok());
//     CHECK(host.finish().empty());                         // breaches of the contract: double completion, PENDING without defer, ...
//   }
//
// The fake host knows nothing of the manifest: no `config_schema` is checked, and no `defaults` apply but those given as second argument:
// `Host::of<Hello>({{"name", "world"}}, {{"interval", 1s}})`, or `tenon::testing::Config::parse(json)` in place of the braces.
//
// A module in C, or one whose class is not at hand, is given by its entry: `Host host(tenon_entry_v1, {...})`.
#ifndef TENON_TESTING_HPP
#define TENON_TESTING_HPP

#include "tenon/tenon.hpp"
#include "tenon/testing/audit.hpp"
#include "tenon/testing/config.hpp"
#include "tenon/testing/container.hpp"
#include "tenon/testing/events.hpp"
#include "tenon/testing/health.hpp"
#include "tenon/testing/host.hpp"
#include "tenon/testing/log_sink.hpp"
#include "tenon/testing/metrics.hpp"
#include "tenon/testing/run.hpp"
#include "tenon/testing/services.hpp"
#include "tenon/testing/storage.hpp"
#include "tenon/testing/tables.hpp"
#include "tenon/testing/tasks.hpp"

#endif
