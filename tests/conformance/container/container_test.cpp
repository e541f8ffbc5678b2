// Each case runs three ways. On the fake host orders' scopes carry no deadline, and nothing runs on other threads: races are in the kernel's tests.
#include "tenon/container.h"
#include "driver.hpp"

namespace tenon::test {
namespace {

constexpr std::uint32_t singleton = 0, scoped = 1, transient = 2;
using Case = void (*)(Driver&);

void three_ways(Case run) {
  SUBCASE("kernel") { run(*kernel_driver()); }
  SUBCASE("C tables") { run(*module_driver(false)); }
  SUBCASE("C tables of a strict host") { run(*module_driver(true)); }
  SUBCASE("fake host") { run(*fake_driver()); }
}

TEST_CASE("container conformance: an instance is acquired by token and key, and released once, after its last lease") {
  three_ways([](Driver& d) {
    const Answer id = d.provide("catalog.client/1", d.thing("one"));
    REQUIRE(id.ok());
    REQUIRE(d.provide("payments.gateway/1", d.thing("two", 18), "catalog.eu", false).ok());
    const Answer lease = d.get(Who::orders, "catalog.client/1");
    REQUIRE(lease.ok());
    CHECK(lease.value == 17);
    CHECK(d.get(Who::orders, "payments.gateway/1", 0, "catalog.eu").value == 18);
    CHECK(d.get(Who::catalog, "catalog.client/1").value == 17);
    failed(d.get(Who::orders, "catalog.client/2"), TENON_NOT_FOUND, "NO_PROVIDER");
    failed(d.get(Who::orders, "payments.gateway/1"), TENON_NOT_FOUND, "NO_PROVIDER");
    failed(d.get(Who::orders, "catalog.client"), TENON_INVALID_ARGUMENT, "BAD_TOKEN");
    CHECK(d.withdraw(id.id).ok());
    CHECK(d.withdraw(id.id).status == TENON_NOT_FOUND);
    failed(d.get(Who::orders, "catalog.client/1"), TENON_NOT_FOUND, "NO_PROVIDER");
    CHECK(d.count("release one") == 0);
    CHECK(d.release(Who::orders, lease.id).ok());
    CHECK(d.release(Who::orders, lease.id).status == TENON_NOT_FOUND);
    d.end();
    CHECK(d.count("release one") == 1);
    CHECK(d.count("release two") == 1);
  });
}

TEST_CASE("container conformance: what is refused when something is provided") {
  three_ways([](Driver& d) {
    Thing& one = d.thing("one");
    failed(d.provide("catalog", one), TENON_INVALID_ARGUMENT, "BAD_TOKEN");
    failed(d.provide("catalog.a b/1", one), TENON_INVALID_ARGUMENT, "BAD_TOKEN");
    failed(d.provide("catalog.x/1", one, "no key", false), TENON_INVALID_ARGUMENT, "BAD_KEY");
    failed(d.provide("tenon.x/1", one), TENON_PERMISSION_DENIED, "FOREIGN_TOKEN");
    const Answer id = d.provide("catalog.client/1", one);
    REQUIRE(id.ok());
    CHECK(d.provide("catalog.client/1", one).id == id.id);
    failed(d.provide("catalog.client/1", d.thing("two")), TENON_ALREADY_EXISTS, "TAKEN");
    failed(d.factory("catalog.client/1", singleton, d.thing("three")), TENON_ALREADY_EXISTS, "TAKEN");
    Thing& made = d.thing("four");
    const Answer factory = d.factory("catalog.made/1", singleton, made);
    REQUIRE(factory.ok());
    CHECK(d.factory("catalog.made/1", singleton, made).status == TENON_OK);
    failed(d.factory("catalog.made/1", transient, made), TENON_ALREADY_EXISTS, "TAKEN");
    d.end();
    Lines lines = d.lines();
    std::sort(lines.begin() + 1, lines.end() - 1);  // in no particular order
    CHECK(lines == Lines{"destroy orders", "release four", "release one", "destroy catalog"});
  });
}

TEST_CASE("container conformance: lifetimes: once, once per scope, once per lease") {
  three_ways([](Driver& d) {
    REQUIRE(d.factory("catalog.one/1", singleton, d.thing("one")).ok());
    REQUIRE(d.factory("catalog.request/1", scoped, d.thing("request")).ok());
    REQUIRE(d.factory("catalog.each/1", transient, d.thing("each")).ok());
    const std::uint64_t a = d.open(Who::orders, 0, {}).id, b = d.open(Who::orders, a, {}).id;
    for (const std::uint64_t scope : {std::uint64_t{0}, a, b}) CHECK(d.get(Who::orders, "catalog.one/1", scope).ok());
    CHECK(d.count("make one") == 1);
    for (const std::uint64_t scope : {a, a, b}) CHECK(d.get(Who::orders, "catalog.request/1", scope).ok());
    CHECK(d.count("make request") == 2);
    failed(d.get(Who::orders, "catalog.request/1"), TENON_FAILED_PRECONDITION, "NEEDS_SCOPE");
    failed(d.get(Who::orders, "catalog.request/1", 987654), TENON_NOT_FOUND, "NO_SCOPE");
    failed(d.get(Who::catalog, "catalog.request/1", a), TENON_NOT_FOUND, "NO_SCOPE");
    const Answer each = d.get(Who::orders, "catalog.each/1");
    CHECK(d.get(Who::orders, "catalog.each/1", b).ok());
    CHECK(d.count("make each") == 2);
    CHECK(d.release(Who::orders, each.id).ok());
    CHECK(d.gets("dispose each", 1));
    CHECK(d.close(Who::catalog, a).status == TENON_NOT_FOUND);
    CHECK(d.close(Who::orders, a).ok());
    CHECK(d.close(Who::orders, b).status == TENON_NOT_FOUND);
    CHECK(d.count("dispose each") == 2);
    CHECK(d.count("dispose request") == 2);
    CHECK(d.count("dispose one") == 0);
    d.end();
    CHECK(d.count("dispose one") == 1);
  });
}

TEST_CASE("container conformance: a scope ends in reverse order of creation, and its leases with it") {
  three_ways([](Driver& d) {
    REQUIRE(d.factory("catalog.db/1", scoped, d.thing("db")).ok());
    REQUIRE(d.factory("catalog.list/1", scoped, d.thing("list", 1, [&d](std::uint64_t scope) {
               return d.get(Who::catalog, "catalog.db/1", scope).status;
             })).ok());
    REQUIRE(d.factory("catalog.each/1", transient, d.thing("each")).ok());
    const std::uint64_t scope = d.open(Who::orders, 0, {}).id, within = d.open(Who::orders, scope, {}).id;
    const Answer lease = d.get(Who::orders, "catalog.list/1", scope);
    CHECK(lease.ok());
    CHECK(d.get(Who::orders, "catalog.each/1", within).ok());
    CHECK(d.close(Who::orders, scope).ok());
    CHECK(d.lines() == Lines{"make list", "make db", "make each", "dispose each", "dispose list", "dispose db"});
    CHECK(d.release(Who::orders, lease.id).status == TENON_NOT_FOUND);
  });
}

TEST_CASE("container conformance: a failed factory is told, nothing is kept, the next acquire tries again") {
  three_ways([](Driver& d) {
    int tries = 0;
    REQUIRE(d.factory("catalog.one/1", singleton, d.thing("one", 5, [&tries](std::uint64_t) {
               return ++tries == 1 ? TENON_UNAVAILABLE : 0;
             })).ok());
    failed(d.get(Who::orders, "catalog.one/1"), TENON_UNAVAILABLE, "TOLD_TO");
    CHECK(d.get(Who::orders, "catalog.one/1").value == 5);
    CHECK(d.get(Who::orders, "catalog.one/1").ok());
    CHECK(tries == 2);
    d.end();
    CHECK(d.count("dispose one") == 1);
  });
}

TEST_CASE("container conformance: a circle is an error, and so is a singleton that would keep what a scope has") {
  three_ways([](Driver& d) {
    Answer inner, captive, elsewhere;
    const std::uint64_t scope = d.open(Who::catalog, 0, {}).id;
    REQUIRE(d.factory("catalog.a/1", singleton, d.thing("a", 1, [&](std::uint64_t s) {
               return d.get(Who::catalog, "catalog.b/1", s).status;
             })).ok());
    REQUIRE(d.factory("catalog.b/1", singleton, d.thing("b", 1, [&](std::uint64_t s) {
               inner = d.get(Who::catalog, "catalog.a/1", s);
               return inner.status;
             })).ok());
    CHECK(d.get(Who::orders, "catalog.a/1").status == TENON_FAILED_PRECONDITION);
    failed(inner, TENON_FAILED_PRECONDITION, "CYCLE");
    REQUIRE(d.factory("catalog.request/1", scoped, d.thing("request")).ok());
    REQUIRE(d.factory("catalog.keeper/1", singleton, d.thing("keeper", 1, [&](std::uint64_t s) {
               CHECK(s == 0);
               captive = d.get(Who::catalog, "catalog.request/1", s);
               elsewhere = d.get(Who::catalog, "catalog.request/1", scope);
               return 0;
             })).ok());
    CHECK(d.get(Who::catalog, "catalog.keeper/1", scope).ok());
    failed(captive, TENON_FAILED_PRECONDITION, "CAPTIVE_SCOPE");
    failed(elsewhere, TENON_FAILED_PRECONDITION, "CAPTIVE_SCOPE");
    CHECK(d.close(Who::catalog, scope).ok());
    CHECK(d.count("make request") == 0);
  });
}

TEST_CASE("container conformance: who asks for more than the table has is refused") {
  three_ways([](Driver& d) {
    REQUIRE(d.provide("catalog.client/1", d.thing("one")).ok());
    REQUIRE(d.factory("catalog.each/1", transient, d.thing("each")).ok());
    for (const char* token : {"catalog.client/1", "catalog.each/1"}) {
      CHECK(d.acquire(Who::orders, token, 0, {}, 16).ok());
      failed(d.acquire(Who::orders, token, 0, {}, 24), TENON_FAILED_PRECONDITION, "TABLE_TOO_SMALL");
    }
    CHECK(d.gets("dispose each", 1));
  });
}

TEST_CASE("container conformance: replaced: holders keep the old one until they release it") {
  three_ways([](Driver& d) {
    REQUIRE(d.provide("catalog.client/1", d.thing("old", 1)).ok());
    const Answer old = d.get(Who::orders, "catalog.client/1");
    REQUIRE(d.provide("catalog.client/1", d.thing("new", 2), {}, true).ok());
    CHECK(d.get(Who::orders, "catalog.client/1").value == 2);
    CHECK(d.count("release old") == 0);
    CHECK(d.release(Who::orders, old.id).ok());
    CHECK(d.gets("release old"));
    REQUIRE(d.provide_factory("catalog.client/1", singleton, d.thing("made", 3), {}, true).ok());
    CHECK(d.get(Who::orders, "catalog.client/1").value == 3);
  });
}

TEST_CASE("container conformance: withdraw_wait waits for the last lease until its deadline, and inside its own factory is refused") {
  three_ways([](Driver& d) {
    std::uint64_t id = 0;
    Answer inside;
    Thing& one = d.thing("one", 1, [&](std::uint64_t) {
      inside = d.withdraw_wait(id, INT64_MAX);
      return 0;
    });
    const Answer made = d.factory("catalog.one/1", singleton, one);
    REQUIRE(made.ok());
    id = made.id;
    const Answer lease = d.get(Who::orders, "catalog.one/1");
    CHECK(inside.status == TENON_FAILED_PRECONDITION);
    CHECK(d.factory("catalog.one/1", singleton, one).id == id);  // what was refused has changed nothing
    CHECK(d.release(Who::orders, lease.id).ok());
    CHECK(d.withdraw_wait(id, INT64_MAX).ok());
    CHECK(d.lines() == Lines{"make one", "dispose one", "release one"});
    const Answer again = d.provide("catalog.one/1", d.thing("two"));
    CHECK(d.get(Who::orders, "catalog.one/1").ok());
    CHECK(d.withdraw_wait(again.id, 1).status == TENON_DEADLINE_EXCEEDED);
    CHECK(d.withdraw_wait(again.id, 1).status == TENON_NOT_FOUND);
  });
}

TEST_CASE("container conformance: a text of a scope that is not UTF-8 is refused by the tables") {
  for (const auto& make : {+[] { return module_driver(false); }, &fake_driver}) {
    const auto d = make();
    for (const char* text : {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80"}) {
      failed(d->open(Who::catalog, 0, {1, text, "", "", INT64_MAX}), TENON_INVALID_ARGUMENT, "BAD_UTF8");
      failed(d->open(Who::catalog, 0, {1, "", text, "", INT64_MAX}), TENON_INVALID_ARGUMENT, "BAD_UTF8");
      failed(d->open(Who::catalog, 0, {1, "", "", text, INT64_MAX}), TENON_INVALID_ARGUMENT, "BAD_UTF8");
    }
  }
}

TEST_CASE("container conformance: a scope carries what it is told, the rest comes from the one around it") {
  three_ways([](Driver& d) {
    const Answer outer = d.open(Who::catalog, 0, {1, "r-1", "acme", "user:7", 1000});
    const Answer inner = d.open(Who::catalog, outer.id, {2, "", "other", "", 2000});
    Info info;
    REQUIRE(d.describe(inner.id, info).ok());
    CHECK(info.kind == TENON_SCOPE_JOB);
    CHECK(info.request_id == "r-1");
    CHECK(info.tenant == "other");
    CHECK(info.auth == "user:7");
    CHECK(info.deadline_ns == 1000);
    REQUIRE(d.describe(0, info).ok());
    CHECK(info.kind == TENON_SCOPE_ROOT);
    const Answer own = d.open(Who::catalog, 0, {});
    REQUIRE(d.describe(own.id, info).ok());
    CHECK(info.request_id.size() == 16);
    failed(d.open(Who::catalog, 0, {0, "", "", "", INT64_MAX}), TENON_INVALID_ARGUMENT, "BAD_KIND");
    failed(d.open(Who::catalog, 0, {2, std::string(1025, 'x'), "", "", INT64_MAX}), TENON_INVALID_ARGUMENT, "TOO_LONG");
    failed(d.open(Who::catalog, 987654, {}), TENON_NOT_FOUND, "NO_SCOPE");
    const std::uint64_t others = d.open(Who::orders, 0, {}).id;
    failed(d.describe(others, info), TENON_NOT_FOUND, "NO_SCOPE");
    failed(d.open(Who::catalog, others, {}), TENON_NOT_FOUND, "NO_SCOPE");
    CHECK(d.close(Who::catalog, outer.id).ok());
    failed(d.describe(inner.id, info), TENON_NOT_FOUND, "NO_SCOPE");
  });
}

TEST_CASE(
    "container conformance: the end: leases forgotten end with their holder, then what was made ends, the youngest first, then the "
    "provider") {
  three_ways([](Driver& d) {
    REQUIRE(d.factory("catalog.first/1", singleton, d.thing("first")).ok());
    REQUIRE(d.factory("catalog.second/1", singleton, d.thing("second")).ok());
    REQUIRE(d.factory("catalog.request/1", scoped, d.thing("request")).ok());
    CHECK(d.get(Who::catalog, "catalog.first/1").ok());
    CHECK(d.get(Who::orders, "catalog.second/1").ok());
    CHECK(d.get(Who::catalog, "catalog.request/1", d.open(Who::catalog, 0, {}).id).ok());
    d.end();
    Lines lines = d.lines();
    std::erase_if(lines, [](const std::string& l) { return l.rfind("make", 0) == 0 || l.rfind("release", 0) == 0; });
    CHECK(lines == Lines{"dispose request", "destroy orders", "dispose second", "dispose first", "destroy catalog"});
    CHECK(d.lines().back() == "destroy catalog");
    CHECK(d.count("release first") + d.count("release second") + d.count("release request") == 3);
  });
}

}  // namespace
}  // namespace tenon::test
