#include "support.hpp"

using namespace tenon::host;
using test::with;

namespace {

/// The key in which two manifests differ; both ways round must agree.
std::string difference(const std::string& a, const std::string& b) {
  const test::Read x = test::read(a), y = test::read(b);
  REQUIRE_MESSAGE(x.manifest, to_text(x.diagnostics));
  REQUIRE_MESSAGE(y.manifest, to_text(y.diagnostics));
  CHECK_FALSE(differing_key(*x.manifest, *x.manifest));
  const std::optional<ManifestDifference> d = differing_key(*x.manifest, *y.manifest), reverse = differing_key(*y.manifest, *x.manifest);
  REQUIRE(d.has_value() == reverse.has_value());
  if (!d) return "";
  CHECK(d->key == reverse->key);
  CHECK(d->a.line == reverse->b.line);
  CHECK(d->b.line == reverse->a.line);
  return d->key;
}

std::string difference_of(const std::string& a, const std::string& b) { return difference(with(a), with(b)); }

}  // namespace

TEST_CASE("difference: what is written differently and means the same") {
  CHECK(difference_of("requires: [a, b]\n", "requires: [{name: b}, {name: a, version: \"\"}, a]\n") == "");
  CHECK(difference_of("requires: [{name: a, version: \">=1.0 <2\"}]\n", "requires: [{name: a, version: \"<2.0.0 >=1\"}]\n") == "");
  CHECK(difference_of("capabilities: [rest, health]\n", "capabilities:\n- health\n- rest\n") == "");
  CHECK(difference_of("needs: [tenon.log/1, {id: tenon.a/1, optional: true}]\n",
                      "needs: [{id: tenon.a/1, optional: true}, {id: tenon.log/1, optional: false}]\n") == "");
  CHECK(difference_of("after: [a, b]\n", "after: [b, a, b]\n") == "");
  CHECK(difference_of("provides: {services: [a.b, a.c/1], events: []}\n", "provides: {services: [a.c, a.b/1]}\n") == "");
  CHECK(difference_of("permissions: {}\n", "") == "");
  CHECK(difference_of("permissions: {storage: {max_bytes: 1MiB}}\n", "permissions: {storage: {max_bytes: 1024KiB}}\n") == "");
  CHECK(difference_of("timeouts: {start: 60s, stop: 1s}\n", "timeouts: {stop: 1000ms, start: 1m}\n") == "");
  CHECK(difference_of("requires: []\ndefaults: {}\n", "") == "");
  CHECK(difference_of("description: a\nlibrary: a.so\n", "description: b\n") == "");
  CHECK(difference_of("config_schema: {a: 1, b: 2}\ndefaults: {x: 1, y: 2}\n",
                      "config_schema: {b: 2.0, a: 1}\ndefaults: {y: 2, x: 1.0}\n") == "");
  CHECK(difference_of("x-a: [1, {b: 2}]\n", "x-a:\n- 1\n- b: 2\n") == "");
  CHECK(difference_of("critical: [name, version]\n", "critical: [version, name]\n") == "");
}

TEST_CASE("difference: each key") {
  CHECK(difference("manifest: 1\nsdk: \"1.0\"\nname: a\nversion: 1.0.0\n", "manifest: 1\nsdk: \"1.0\"\nname: b\nversion: 1.0.0\n") ==
        "name");
  CHECK(difference("manifest: 1\nsdk: \"1.0\"\nname: a\nversion: 1.0.0\n", "manifest: 1\nsdk: \"1.0\"\nname: a\nversion: 1.0.1\n") ==
        "version");
  CHECK(difference("manifest: 1\nsdk: \"1.0\"\nname: a\nversion: 1.0.0+a\n", "manifest: 1\nsdk: \"1.0\"\nname: a\nversion: 1.0.0+b\n") ==
        "version");
  CHECK(difference("manifest: 1\nsdk: \"1.0\"\nname: a\nversion: 1.0.0\n", "manifest: 1\nsdk: \"0.9\"\nname: a\nversion: 1.0.0\n") ==
        "sdk");
  CHECK(difference_of("requires: [a]\n", "") == "requires");
  CHECK(difference_of("requires: [a, b]\n", "requires: [a, c]\n") == "requires");
  CHECK(difference_of("requires: [{name: a, version: \"1\"}]\n", "requires: [a]\n") == "requires");
  CHECK(difference_of("after: [a]\n", "after: [b]\n") == "after");
  CHECK(difference_of("capabilities: [rest]\n", "capabilities: [health]\n") == "capabilities");
  CHECK(difference_of("needs: [tenon.a/1]\n", "needs: [{id: tenon.a/1, optional: true}]\n") == "needs");
  CHECK(difference_of("provides: {services: [a.b]}\n", "provides: {services: [a.b/2]}\n") == "provides");
  CHECK(difference_of("provides: {events: [a]}\n", "") == "provides");
  CHECK(difference_of("permissions: {services: {call: [a]}}\n", "") == "permissions");
  CHECK(difference_of("permissions: {events: {publish: [a]}}\n", "permissions: {events: {subscribe: [a]}}\n") == "permissions");
  CHECK(difference_of("permissions: {storage: {max_bytes: 1B}}\n", "permissions: {storage: {}}\n") == "permissions");
  CHECK(difference_of("permissions: {storage: {namespaces: [a]}}\n", "") == "permissions");
  CHECK(difference_of("permissions: {http: {routes: [/a]}}\n", "") == "permissions");
  CHECK(difference_of("config_schema: {}\n", "") == "config_schema");
  CHECK(difference_of("config_schema: true\n", "config_schema: {}\n") == "config_schema");
  CHECK(difference_of("config_schema: {}\ndefaults: {a: 1}\n", "config_schema: {}\ndefaults: {a: 2}\n") == "defaults");
  CHECK(difference_of("config_schema: {}\ndefaults: {a: 1}\n", "config_schema: {}\n") == "defaults");
  CHECK(difference_of("timeouts: {start: 1s}\n", "timeouts: {start: 2s}\n") == "timeouts");
  CHECK(difference_of("x-a: 1\n", "") == "x-a");
  CHECK(difference_of("x-a: 1\n", "x-a: \"1\"\n") == "x-a");
  CHECK(difference_of("critical: [name]\n", "") == "critical");
}

TEST_CASE("difference: both places are given, the whole source where a key is absent") {
  const test::Read a = test::read(with("x-q: 1\nafter: [b]\n")), b = test::read(with("x-q: 1\n"));
  const std::optional<ManifestDifference> d = differing_key(*a.manifest, *b.manifest);
  REQUIRE(d);
  CHECK(d->key == "after");
  CHECK(d->a.line == 6);
  CHECK(d->a.column == 8);
  CHECK(d->b.line == 0);
  CHECK(d->b.source == b.manifest->source);
}
