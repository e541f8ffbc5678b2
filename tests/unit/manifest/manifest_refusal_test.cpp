// What is wrong with a manifest, and where the finding points.
#include "support.hpp"

using namespace tenon::host;
using test::with;

namespace {

/// Findings of the least manifest followed by `more`, whose first line is line 5.
std::string findings(const std::string& more) { return test::brief(test::read(with(more)).diagnostics); }
std::string raw(const std::string& text) { return test::brief(test::read(text).diagnostics); }
std::string help(const std::string& more) {
  const test::Read r = test::read(with(more));
  REQUIRE(r.diagnostics.items().size() == 1);
  return r.diagnostics.items()[0].help;
}
std::string message(const std::string& more) {
  const test::Read r = test::read(with(more));
  REQUIRE(r.diagnostics.items().size() == 1);
  return r.diagnostics.items()[0].message;
}

}  // namespace

TEST_CASE("manifest refusal: all problems of one file at once") {
  CHECK(findings("requres: [a]\nafter: a\ncapabilities: [rset, rest, rest]\nneeds: [log]\ntimeouts: {start: 5}\nlibrary: /a.so\ndefaults: "
                 "{a: 1}\n") ==
        "5:1+7 manifest.unknown_key; 10:10+5 manifest.bad_library; 6:8+1 manifest.wrong_type; 7:16+4 manifest.unknown_capability; "
        "7:28+4 manifest.duplicate; 8:9+3 manifest.bad_interface; 9:19+1 manifest.wrong_type; 11:1+8 manifest.defaults_without_schema");
  CHECK(test::read(with("requres: [a]\n")).diagnostics.items()[0].module == "orders");
}

TEST_CASE("manifest refusal: required keys") {
  CHECK(raw("") == "1:1+1 manifest.missing_key; 1:1+1 manifest.missing_key; 1:1+1 manifest.missing_key; 1:1+1 manifest.missing_key");
  CHECK(raw("manifest: 1\nname: a\n") == "1:1+1 manifest.missing_key; 1:1+1 manifest.missing_key");
  CHECK(raw("[a]") == "1:1+1 manifest.wrong_type");
  CHECK(raw("orders") == "1:1+6 manifest.wrong_type");
}

TEST_CASE("manifest refusal: keys of the operator are sent to the operator") {
  CHECK(help("required: true\n") == "this belongs to the operator, in the configuration: `modules.orders.required`");
  CHECK(help("enabled: true\n") == "this belongs to the operator, in the configuration: `modules.orders.enabled`");
  CHECK(help("requred: true\n").find("did you mean") == 0);
}

TEST_CASE("manifest refusal: format") {
  CHECK(raw("manifest: 2\nanything: new\n") == "1:11+1 manifest.format");
  CHECK(raw("manifest: 0\n") == "1:11+1 manifest.format");
  CHECK(raw("manifest: \"1\"\nsdk: \"1.0\"\nname: a\nversion: 1.0.0\n") == "1:11+3 manifest.wrong_type");
  CHECK(raw("manifest: 1.0\nsdk: \"1.0\"\nname: a\nversion: 1.0.0\n") == "1:11+3 manifest.wrong_type");
}

TEST_CASE("manifest refusal: sdk, name, version") {
  const auto top = [](const std::string& sdk, const std::string& name, const std::string& version) {
    return raw("manifest: 1\nsdk: " + sdk + "\nname: " + name + "\nversion: " + version + "\n");
  };
  CHECK(top("1.0", "a", "1.0.0") == "2:6+3 manifest.wrong_type");
  for (const char* sdk : {"\"1\"", "\"1.\"", "\"1.x\"", "\"v1.0\"", "\"01.0\"", "\"1.0.0\"", "\"\"", "\"1.9999999999\"", "\"-1.0\""})
    CHECK_MESSAGE(top(sdk, "a", "1.0.0").find(" manifest.bad_sdk") != std::string::npos, sdk);
  for (const char* name : {"Orders", "or-ders", "_a", "a_", "a__b", "9a", "\"\"", "a.b", "\"a b\"", "\"a\\0\"", "\xC3\xA9"})
    CHECK_MESSAGE(top("\"1.0\"", name, "1.0.0").find(" manifest.bad_name") != std::string::npos, name);
  CHECK(top("\"1.0\"", std::string(64, 'a'), "1.0.0") == "3:7+64 manifest.bad_name");
  CHECK(top("\"1.0\"", std::string(63, 'a'), "1.0.0").empty());
  CHECK(top("\"1.0\"", "7", "1.0.0") == "3:7+1 manifest.wrong_type");
  CHECK(top("\"1.0\"", "", "1.0.0") == "3:1+4 manifest.wrong_type");
  CHECK(top("\"1.0\"", "a", "1.4") == "4:10+3 manifest.wrong_type");
  CHECK(top("\"1.0\"", "a", "\"1.4\"") == "4:10+5 manifest.bad_version");
  CHECK(top("\"1.0\"", "a", "v1.0.0") == "4:10+6 manifest.bad_version");
}

TEST_CASE("manifest refusal: what lacks nothing but quotes is shown in quotes as it was written") {
  const auto advice = [](const std::string& text) {
    const test::Read r = test::read(text);
    REQUIRE(r.diagnostics.items().size() == 1);
    return r.diagnostics.items()[0].help;
  };
  const auto sdk = [&](const std::string& written) {
    return advice("manifest: 1\nsdk: " + written + "  # a comment\r\nname: a\nversion: 1.0.0\n");
  };
  CHECK(sdk("1.10") == "put it in quotes: \"1.10\"");
  CHECK(sdk("1.0") == "put it in quotes: \"1.0\"");
  for (const char* written : {"1", "1.0e1", "1.00", "[1.10]", "{a: 1.10}", "true"})
    CHECK_MESSAGE(sdk(written) == "write it in quotes, for example \"1.0\"", written);
  CHECK(advice("\xEF\xBB\xBF{x-é: é, sdk: 1.20, manifest: 1, name: a, version: 1.0.0}\n") == "put it in quotes: \"1.20\"");
  CHECK(help("requires: [{name: b, version: 1.10}]\n") == "put it in quotes: \"1.10\"");
  CHECK(help("requires: [{name: b, version: 1e3}]\n") == "put it in quotes: \">=1.2 <2\"");
}

TEST_CASE("manifest refusal: unknown keys come with the nearest known one") {
  CHECK(help("requres: [a]\n") == "did you mean `requires`?");
  CHECK(help("capabilites: []\n") == "did you mean `capabilities`?");
  CHECK(help("zzzzzz: 1\n") == "keys of your own begin with `x-`");
  CHECK(help("x-: 1\n") == "keys of your own begin with `x-`");
  CHECK(help("X-a: 1\n").empty() == false);
  CHECK(help("provides: {service: [a.b]}\n") == "did you mean `services`?");
  CHECK(help("permissions: {events: {emit: []}}\n") == "known keys: publish subscribe");
  CHECK(help("timeouts: {strat: 5s}\n") == "did you mean `start`?");
  CHECK(help("requires: [{name: a, versoin: \"1\"}]\n") == "did you mean `version`?");
  CHECK(help("capabilities: [runable]\n") == "did you mean `runnable`?");
}

TEST_CASE("manifest refusal: requires and after") {
  CHECK(findings("requires: a\n") == "5:11+1 manifest.wrong_type");
  CHECK(help("requires: a\n") == "write [a]");
  CHECK(findings("requires: [1, [a], {version: \"1\"}, {name: 5}, ~]\n") ==
        "5:12+1 manifest.wrong_type; 5:15+1 manifest.wrong_type; 5:20+1 manifest.missing_key; 5:43+1 manifest.wrong_type; 5:47+1 "
        "manifest.wrong_type");
  CHECK(message("requires: [a, 7]\n") == "`requires[1]` is an integer, expected a module name or a map {name, version}");
  CHECK(findings("requires: [{name: a, version: 1}]\n") == "5:31+1 manifest.wrong_type");
  CHECK(findings("requires: [{name: a, version: \"^1\"}]\n") == "5:31+4 manifest.bad_range");
  CHECK(findings("requires: [A]\n") == "5:12+1 manifest.bad_name");
  CHECK(help("requires: [\"catalog >=1.2 <2\"]\n") == "a version stands beside the name: {name: catalog, version: \">=1.2 <2\"}");
  CHECK(help("requires: [catalog>=1.2]\n") == "a version stands beside the name: {name: catalog, version: \">=1.2\"}");
  CHECK(help("requires: [catalog@1.2]\n") == "a version stands beside the name: {name: catalog, version: \"1.2\"}");
  CHECK(findings("after: [a, B, {name: c}]\n") == "5:12+1 manifest.bad_name; 5:15+1 manifest.wrong_type");
}

TEST_CASE("manifest refusal: capabilities and needs") {
  CHECK(findings("capabilities: [rest, 1, rest]\n") == "5:22+1 manifest.wrong_type; 5:25+4 manifest.duplicate");
  CHECK(findings("needs: [tenon.log/1, {id: tenon.log/1, optional: true}]\n") == "5:27+11 manifest.duplicate");
  for (const char* id : {"log/1", "tenon/1", "tenon.log/0", "tenon.log/01", "tenon.log/65536", "tenon.log/", "tenon.Log/1", "tenon..log/1",
                         "tenon.log/1/2", "tenon.log/x", "other.log/1", "tenon.1og/1"})
    CHECK_MESSAGE(findings("needs: [" + std::string(id) + "]\n").find("manifest.bad_interface") != std::string::npos, id);
  CHECK(help("needs: [tenon.log]\n") == "add the major version: tenon.log/1");
  CHECK(findings("needs: [{id: tenon.log/1, optional: yes}]\n") == "5:37+3 manifest.wrong_type");
  CHECK(findings("needs: [{optional: true}]\n") == "5:9+1 manifest.missing_key");
  CHECK(findings("needs: [{id: tenon.log/1, minimum: 1}]\n") == "5:27+7 manifest.unknown_key");
}

TEST_CASE("manifest refusal: provides and permissions") {
  CHECK(findings("provides: [a.b]\n") == "5:11+1 manifest.wrong_type");
  CHECK(findings("provides: {services: [a.b, a.b/1], events: [a, a]}\n") == "5:28+5 manifest.duplicate; 5:48+1 manifest.duplicate");
  CHECK(findings("provides: {services: [\"a.*\", a b, a.b/0, .a]}\n") ==
        "5:23+5 manifest.bad_name; 5:30+3 manifest.bad_name; 5:35+5 manifest.bad_name; 5:42+2 manifest.bad_name");
  CHECK(findings("provides: {events: [\"a.>.b\", \"*.a\"]}\n") == "5:21+7 manifest.bad_name");
  CHECK(findings("permissions: {services: [a], storage: 5, grpc: {}}\n") ==
        "5:42+4 manifest.unknown_key; 5:25+1 manifest.wrong_type; 5:39+1 manifest.wrong_type");
  CHECK(findings("permissions: {services: {call: [a.b, a.b]}}\n") == "5:38+3 manifest.duplicate");
  CHECK(findings("permissions: {storage: {max_bytes: 5}}\n") == "5:36+1 manifest.wrong_type");
  CHECK(findings("permissions: {storage: {max_bytes: 5 apples, namespaces: [\"a.*\"]}}\n") ==
        "5:59+5 manifest.bad_name; 5:36+8 manifest.bad_size");
  for (const char* route :
       {"a", "", "//", "/a//b", "/a/", "/{}", "/{a", "/a{b}", "/{a...}/b", "/../a", "/a b", "/{a-b}", "/%2e", "/a?b", "/{...}"})
    CHECK_MESSAGE(
        findings("permissions: {http: {routes: [\"" + std::string(route) + "\"]}}\n").find("manifest.bad_name") != std::string::npos,
        route);
}

TEST_CASE("manifest refusal: config_schema, defaults, timeouts") {
  CHECK(findings("config_schema: []\n") == "5:16+1 manifest.wrong_type");
  CHECK(findings("config_schema: {}\ndefaults: 5\n") == "6:11+1 manifest.wrong_type");
  CHECK(findings("defaults: {a: 1}\n") == "5:1+8 manifest.defaults_without_schema");
  CHECK(findings("timeouts: {start: 121s, load: 9ms, create: soon, init: 5, open: 1s, stop: 10s}\n") ==
        "5:59+4 manifest.unknown_key; 5:19+4 manifest.bounds; 5:31+3 manifest.bounds; 5:44+4 manifest.bad_duration; 5:56+1 "
        "manifest.wrong_type");
  CHECK(message("timeouts: {start: 121s}\n") == "`timeouts.start` is 2m1s, allowed are 10ms to 2m");
}

TEST_CASE("manifest refusal: library and description") {
  for (const char* path :
       {"/lib/a.so", "../a.so", "a/../../b.so", "a/..", "\"\"", "\"a\\0.so\"", "\"a\\n.so\"", "a/", "a//b.so", ".", "a/."})
    CHECK_MESSAGE(findings("library: " + std::string(path) + "\n").find("manifest.bad_library") != std::string::npos, path);
  CHECK(findings("library: " + std::string(1025, 'a') + "\n").find("manifest.bad_library") != std::string::npos);
  CHECK(findings("library: [a.so]\n") == "5:10+1 manifest.wrong_type");
  CHECK(findings("description: \"a\\nb\"\n") == "5:14+6 manifest.bad_description");
  CHECK(findings("description: \"a\\e[31mb\"\n") == "5:14+10 manifest.bad_description");
  CHECK(findings("description: " + std::string(201, 'a') + "\n") == "5:14+201 manifest.bad_description");
  CHECK(findings("description: " + std::string(200, 'a') + "\n").empty());
}

TEST_CASE("manifest refusal: critical") {
  CHECK(findings("critical: [nothing]\n") == "5:12+7 manifest.critical");
  CHECK(findings("critical: [x-a]\nx-a: 1\n") == "6:1+3 manifest.unknown_key");
  CHECK(findings("critical: future\n") == "5:11+6 manifest.wrong_type");
  CHECK(findings("critical: [name, name]\n") == "5:18+4 manifest.duplicate");
}

TEST_CASE("manifest refusal: hostile names reach no terminal") {
  const test::Read r = test::read(with("\"\\e[31m\\u202e\": 1\nrequires: [\"\\e]0;x\\a\"]\n"));
  const std::string text = to_text(r.diagnostics);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\a') == std::string::npos);
  CHECK(text.find("\xE2\x80\xAE") == std::string::npos);
}

TEST_CASE("manifest refusal: bounds on lists and findings") {
  std::string list = "[a", keys;
  for (int i = 0; i < 1024; ++i) list += ", a";
  for (int i = 0; i < 5000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  CHECK(findings("requires: " + list + "]\n") == "5:11+1 manifest.limit");
  CHECK(test::read(with(keys)).diagnostics.error_count() == 100);
  test::Read newer = test::read("manifest: 1\nsdk: \"9.0\"\nname: a\nversion: 1.0.0\n" + keys);
  CHECK(newer.manifest);
  CHECK(newer.diagnostics.items().size() == 100);
}
