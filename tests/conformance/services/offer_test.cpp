// Who offers what, and who finds it: names, refusals, handles, phases, release.
#include "driver.hpp"

namespace tenon::test {
namespace {

Said echo(Current&, const Message& asked) {
  Said out;
  static_cast<Message&>(out) = asked;
  return out;
}
Said name(Current& current, const Message&) { return current.service(); }

}  // namespace

TEST_CASE("services conformance: what is offered is found and called, by name and by handle, and majors are different services") {
  every_way([](Driver& d) {
    CHECK_FALSE(d.has(Who::web, "orders.create"));
    REQUIRE(d.offer("orders.create", d.service(name)).ok());
    REQUIRE(d.offer("orders.create/2", d.service(name)).ok());
    CHECK(d.has(Who::web, "orders.create"));
    CHECK(d.has(Who::web, "orders.create/1"));
    CHECK(d.has(Who::web, "orders.create/2"));
    CHECK_FALSE(d.has(Who::web, "orders.create/3"));
    CHECK(d.has(Who::orders, "orders.create"));
    for (const Target& target : {Target("orders.create"), Target("orders.create/1"), Target(d.resolve(Who::web, "orders.create"))})
      CHECK(d.call(target).payload == "orders.create");
    CHECK(d.call("orders.create/2").payload == "orders.create/2");
    CHECK(d.call(Who::orders, "orders.create", {}).payload == "orders.create");
    failed(d.call("orders.create/3"), TENON_NOT_FOUND, "NO_SERVICE");
    CHECK(d.call("orders.nothing").message == "no module offers `orders.nothing`");
  });
}

TEST_CASE("services conformance: names that are none, everywhere a name goes in") {
  every_way([](Driver& d) {
    Service& s = d.service(echo);
    for (const std::string& bad :
         {std::string(), std::string("."), std::string("orders..x"), std::string("orders.a b"), std::string("orders.x/0"),
          std::string("orders.x/01"), std::string("orders.x/1000000"), std::string("orders.x/"), std::string("orders.*"), std::string(">"),
          std::string("orders.\xff"), "orders." + std::string(256, 'a')}) {
      CAPTURE(bad);
      failed(d.offer(bad, s), TENON_INVALID_ARGUMENT, "BAD_NAME");
      failed(d.resolve(Who::orders, bad), TENON_INVALID_ARGUMENT, "BAD_NAME");
      failed(d.call(Who::orders, bad, {}), TENON_INVALID_ARGUMENT, "BAD_NAME");
      failed(d.call(bad), TENON_INVALID_ARGUMENT, "BAD_NAME");
      CHECK_FALSE(d.has(Who::orders, bad));
    }
    CHECK(s.released == 0);
  });
}

TEST_CASE("services conformance: what belongs to others cannot be offered, and nothing is left of the attempt") {
  every_way([](Driver& d) {
    Service& s = d.service(echo);
    for (const char* foreign : {"logger.log", "web.stolen", "web.stolen/2"}) {
      CAPTURE(foreign);
      const Answer a = d.offer(foreign, s);
      CHECK(a.status == TENON_PERMISSION_DENIED);
      CHECK_FALSE(d.has(Who::orders, foreign));
      if (!d.is_real()) continue;  // the fake knows no manifest: what is denied there, the test has said
      CHECK(a.reason == "NOT_ASKED");
      CHECK(a.message == "`orders` may not register the service `" + std::string(foreign) + "`: missing `provides.services: [\"" + foreign +
                             "\"]` in its manifest and `modules.orders.grants.services.provide: [\"" + foreign + "\"]`");
    }
    REQUIRE(d.offer_web("web.echo", d.service(echo)).ok());
    if (d.is_real()) {
      const Answer stolen = d.offer("web.stolen", s);
      failed(stolen, TENON_PERMISSION_DENIED, "FOREIGN_NAME");
      CHECK(stolen.message == "`orders` may not register the service `web.stolen`: it belongs to the module `web`, and cannot be granted");
      CHECK(d.offer("web.stolen/2", s).message ==
            "`orders` may not register the service `web.stolen/2`: it belongs to the module `web`, and cannot be granted");
    }
    const Answer asked = d.offer("shop.other", s);
    failed(asked, TENON_PERMISSION_DENIED, "NOT_GRANTED");
    if (d.is_real())
      CHECK(asked.message ==
            "`orders` may not register the service `shop.other`: its manifest asks for it, and "
            "`modules.orders.grants.services.provide: [\"shop.other\"]` would grant it");
    failed(d.offer("tenon.stop", s), TENON_PERMISSION_DENIED, "RESERVED");
    failed(d.offer("tenon", s), TENON_PERMISSION_DENIED, "RESERVED");
    failed(d.offer("host.stop/2", s), TENON_PERMISSION_DENIED, "RESERVED");
    for (const char* below : {"core.x", "directory.x", "grpc_hub.x"}) {
      failed(d.offer(below, s), TENON_PERMISSION_DENIED, "RESERVED");
      if (d.is_real()) CHECK(d.offer(below, s).message.find("manifest") == std::string::npos);
    }
    CHECK(d.offer("shop.list", s).ok());
    CHECK(d.call("shop.list", "x").payload == "x");
    CHECK(s.released == 0);
    d.leave(Who::orders);
    CHECK(s.released == 1);
  });
}

TEST_CASE("services conformance: the same offer again is the same, another one is told who has the name") {
  every_way([](Driver& d) {
    Service &s = d.service(echo), &other = d.service(echo);
    const Answer first = d.offer("orders.create", s);
    REQUIRE(first.ok());
    CHECK(d.offer("orders.create/1", s).id == first.id);
    CHECK(d.offer("orders.create", s, TENON_SERVICE_OFFLOAD).id == first.id);
    const Answer taken = d.offer("orders.create", other);
    failed(taken, TENON_ALREADY_EXISTS, "TAKEN");
    CHECK(taken.message.find("`orders`") != std::string::npos);
    REQUIRE(d.offer_web("shop.list", other).ok());
    const Answer theirs = d.offer("shop.list", s);
    failed(theirs, TENON_ALREADY_EXISTS, "TAKEN");
    if (d.is_real()) CHECK(theirs.message.find("`web`") != std::string::npos);  // the fake speaks of a mock
    CHECK(d.call("orders.create", "x").payload == "x");
    CHECK(s.released == 0);
    CHECK(other.released == 0);
  });
}

TEST_CASE("services conformance: taken back: nothing new comes, release comes once, and the name is free for another handler") {
  every_way([](Driver& d) {
    Service &one = d.service([](Current&, const Message&) { return "one"; }),
            &two = d.service([](Current&, const Message&) { return "two"; });
    const Answer first = d.offer("orders.create", one);
    const Answer handle = d.resolve(Who::web, "orders.create");
    REQUIRE(handle.ok());
    CHECK(d.call(handle).payload == "one");
    CHECK(d.withdraw(Who::orders, first.id).ok());
    CHECK(d.until([&] { return one.released == 1; }));
    failed(d.call(handle), TENON_NOT_FOUND, "NO_SERVICE");
    failed(d.call("orders.create"), TENON_NOT_FOUND, "NO_SERVICE");
    d.expect(Who::orders, "STALE_ID", "");
    CHECK(d.withdraw(Who::orders, first.id).status == TENON_NOT_FOUND);
    const Answer second = d.offer("orders.create", two);
    REQUIRE(second.ok());
    CHECK(second.id != first.id);
    CHECK(d.call(handle).payload == "two");
    CHECK(d.withdraw_wait(Who::orders, second.id, soon()).ok());
    CHECK(two.released == 1);
    d.expect(Who::orders, "STALE_ID", "");
    CHECK(d.withdraw_wait(Who::orders, second.id, soon()).status == TENON_NOT_FOUND);
    REQUIRE(d.offer("orders.create", one).ok());
    CHECK(d.call(handle).payload == "one");
    d.leave(Who::orders);
    CHECK(one.released == 2);
    CHECK(two.released == 1);
    CHECK(one.calls == 2);
  });
}

TEST_CASE("services conformance: a handler cannot wait for its own end, but it can take itself back") {
  every_way([](Driver& d) {
    std::uint64_t id = 0;
    int status = -1;
    Service& waits = d.service([&](Current&, const Message&) {
      status = d.withdraw_wait(Who::orders, id, soon()).status;
      return "still here";
    });
    id = d.offer("orders.waits", waits).id;
    CHECK(d.call("orders.waits").payload == "still here");
    CHECK(status == TENON_FAILED_PRECONDITION);
    d.expect(Who::orders, "REENTRANT", "");
    CHECK(d.call("orders.waits").ok());
    d.expect(Who::orders, "REENTRANT", "");
    CHECK(waits.released == 0);
    Service& ends = d.service({});
    ends.handle = [&](Current&, const Message&) {
      status = d.withdraw(Who::orders, id).status;
      CHECK(ends.released == 0);
      return "the last one";
    };
    id = d.offer("orders.ends", ends).id;
    CHECK(d.call("orders.ends").payload == "the last one");
    CHECK(status == TENON_OK);
    CHECK(d.until([&] { return ends.released == 1; }));
    CHECK_FALSE(d.has(Who::web, "orders.ends"));
  });
}

TEST_CASE("services conformance: a handle stands for the name: NOT_FOUND while nobody offers it, good again when somebody does") {
  every_way([](Driver& d) {
    failed(d.resolve(Who::orders, "web.get"), TENON_NOT_FOUND, "NO_SERVICE");
    Service &first = d.service([](Current&, const Message&) { return "first life"; }),
            &second = d.service([](Current&, const Message&) { return "second life"; });
    REQUIRE(d.offer_web("web.get", first).ok());
    const Answer handle = d.resolve(Who::orders, "web.get");
    REQUIRE(handle.ok());
    CHECK(d.call(Who::orders, handle, {}).payload == "first life");
    d.leave(Who::web);
    failed(d.call(Who::orders, handle, {}), TENON_NOT_FOUND, "NO_SERVICE");
    Ending& never = d.ending();
    failed(d.call_async(Who::orders, handle, {}, never), TENON_NOT_FOUND, "NO_SERVICE");
    d.return_web();
    failed(d.call(Who::orders, handle, {}), TENON_NOT_FOUND, "NO_SERVICE");
    REQUIRE(d.offer_web("web.get", second).ok());
    CHECK(d.call(Who::orders, handle, {}).payload == "second life");
    CHECK(d.release_handle(Who::orders, handle.id).ok());
    d.expect(Who::orders, "STALE_ID", "");
    CHECK(d.release_handle(Who::orders, handle.id).status == TENON_NOT_FOUND);
    failed(d.call(Who::orders, handle, {}), TENON_NOT_FOUND, "STALE_HANDLE");
    const Answer other = d.resolve(Who::orders, "web.get");
    CHECK(other.id != handle.id);
    Answer made_up;
    for (const std::uint64_t id : {std::uint64_t{4711}, ~std::uint64_t{0}, std::uint64_t{1} << 32U}) {
      made_up.id = id;
      failed(d.call(Who::orders, made_up, {}), TENON_NOT_FOUND, "STALE_HANDLE");
    }
    CHECK(never.times() == 0);
  });
}

TEST_CASE("services conformance: who may not call is told which permission, and which line grants it") {
  every_way([](Driver& d) {
    const Said asked = d.call(Who::orders, "billing.charge", {});
    failed(asked, TENON_PERMISSION_DENIED, "NOT_GRANTED");
    failed(d.resolve(Who::orders, "billing.charge"), TENON_PERMISSION_DENIED, "NOT_GRANTED");
    Ending& never = d.ending();
    failed(d.call_async(Who::orders, "billing.charge", {}, never), TENON_PERMISSION_DENIED, "NOT_GRANTED");
    CHECK(d.call(Who::orders, "logger.log", {}).status == TENON_PERMISSION_DENIED);
    CHECK(never.times() == 0);
    if (!d.is_real()) return;  // the fake knows no manifest
    CHECK(asked.message ==
          "`orders` may not call the service `billing.charge`: its manifest asks for it, and "
          "`modules.orders.grants.services.call: [\"billing.charge\"]` would grant it");
    const Said not_asked = d.call(Who::orders, "logger.log", {});
    CHECK(not_asked.reason == "NOT_ASKED");
    CHECK(not_asked.message ==
          "`orders` may not call the service `logger.log`: missing `permissions.services.call: [\"logger.log\"]` in its manifest and "
          "`modules.orders.grants.services.call: [\"logger.log\"]`");
  });
}

TEST_CASE("services conformance: seen when init has returned, called when start has") {
  Setup setup;
  setup.boot = false;
  setup.init = [](Driver& d) {
    CHECK(d.offer("orders.create", d.service(echo)).ok());
    CHECK_FALSE(d.has(Who::web, "orders.none"));
    failed(d.call("orders.create"), TENON_NOT_FOUND, "NO_SERVICE");
    CHECK(d.has(Who::orders, "orders.create"));
    failed(d.call(Who::orders, "orders.create", {}), TENON_UNAVAILABLE, "NOT_STARTED");
    return true;
  };
  every_way(
      [](Driver& d) {
        CHECK(d.has(Who::web, "orders.create"));
        const Answer handle = d.resolve(Who::web, "orders.create");
        REQUIRE(handle.ok());
        const Said early = d.call(handle);
        failed(early, TENON_UNAVAILABLE, "NOT_STARTED");
        CHECK(early.message == "`orders`, which offers `orders.create`, has not started yet");
        failed(d.call("orders.create"), TENON_UNAVAILABLE, "NOT_STARTED");
        d.start(Who::orders);
        CHECK(d.call(handle, "x").payload == "x");
        CHECK(d.call("orders.create", "y").payload == "y");
      },
      setup);
}

TEST_CASE("services conformance: an init that fails leaves nothing") {
  Setup setup;
  Service* offered = nullptr;
  setup.init = [&](Driver& d) {
    offered = &d.service(echo);
    CHECK(d.offer("orders.create", *offered).ok());
    return false;
  };
  every_way(
      [&](Driver& d) {
        CHECK_FALSE(d.has(Who::web, "orders.create"));
        failed(d.call("orders.create"), TENON_NOT_FOUND, "NO_SERVICE");
        CHECK(offered->released == 1);
        CHECK(offered->calls == 0);
      },
      setup);
}

}  // namespace tenon::test
