// The recipes about services in the fake host, and shop with a stand-in for the module it calls.
#include <doctest/doctest.h>

#include <tenon/testing.hpp>

using tenon::testing::Host;
using tenon::testing::ServiceAnswer;
using tenon::testing::ServiceRequest;

extern "C" {
extern const tenon_entry cookbook_price_list, cookbook_shop, cookbook_renderer, cookbook_echo;
}

TEST_CASE("price_list: an answer, and an error with its message") {
  Host host(cookbook_price_list);
  REQUIRE(host.boot().ok());
  const ServiceAnswer tea = host.services().call("price_list.get", "tea");
  CHECK(tea.status.ok());
  CHECK(tea.payload == "4");
  CHECK(tea.content_type == "text/plain");
  CHECK(host.services().call("price_list.get", "sand").status.message() == "there is no article `sand`");
  CHECK(host.finish().empty());
}

TEST_CASE("shop: calls a stand-in, and does not start without it") {
  Host host(cookbook_shop);
  host.services().mock("price_list.get", [](const ServiceRequest& q) -> ServiceAnswer {
    if (q.payload == "sand") return tenon::Status::not_found("none");
    return "1";
  });
  REQUIRE(host.boot().ok());
  CHECK(host.services().deliver() == 1);  // the asynchronous call
  CHECK(host.services().called("price_list.get").size() == 3);
  REQUIRE(host.log().size() == 3);
  CHECK(host.log()[1].field("why") == "none");
  CHECK(host.log()[2].field("article") == "cake");
  CHECK(host.finish().empty());

  Host alone(cookbook_shop);
  CHECK(alone.boot().code() == TENON_NOT_FOUND);
}

TEST_CASE("renderer: PENDING now, the answer later") {
  Host host(cookbook_renderer);
  REQUIRE(host.boot().ok());
  ServiceAnswer answer = host.services().call("renderer.draw", "circle");
  if (answer.status.is_pending()) answer = host.services().completion(answer.id);
  CHECK(answer.status.ok());
  CHECK(answer.payload == "<svg>circle</svg>");
  CHECK(host.finish().empty());
}

TEST_CASE("renderer: stop without a thread, as after a start that failed") {
  Host host(cookbook_renderer);
  REQUIRE(host.create().ok());
  REQUIRE(host.init().ok());
  CHECK(host.stop().ok());
  CHECK(host.finish().empty());
}

TEST_CASE("echo: a service in C") {
  Host host(cookbook_echo);
  REQUIRE(host.boot().ok());
  CHECK(host.services().call("echo.upper", "Tea for 2").payload == "TEA FOR 2");
  CHECK(host.services().call("echo.upper", std::string(60000, 'a')).payload == std::string(60000, 'A'));
  CHECK(host.services().call("echo.upper", std::string(70000, 'a')).status.code() == TENON_RESOURCE_EXHAUSTED);
  CHECK(host.finish().empty());
}
