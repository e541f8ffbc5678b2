// --output json: shapes a program can rely on, without a daemon.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "process.hpp"

using namespace tenon::test;
using nlohmann::json;

namespace {

struct Plugins {
  TempDir dir;
  std::string state = dir / "state", plugins = dir.make_dir("plugins");
  std::string config = dir.write("host.yaml", "instance: {environment: local}\npaths: {manifests: []}\n");
  Plugins() {
    for (const char* name : {"alpha", "orphan"})
      dir.copy(std::string(TENON_TEST_FIXTURES) + "/modules/lib" + name + ".so", std::string("plugins/") + name + ".so");
  }
  [[nodiscard]] Ran ask(std::vector<std::string> words) const {
    std::vector<std::string> arguments = {tenond()};
    arguments.insert(arguments.end(), words.begin(), words.end());
    for (const std::string& w : {std::string("--config"), config, std::string("--state-dir"), state, std::string("--plugins-dir"), plugins})
      arguments.push_back(w);
    return run(arguments);
  }
  [[nodiscard]] json ask_json(std::vector<std::string> words, int exit = 0) const {
    words.insert(words.end(), {"--output", "json"});
    const Ran r = ask(std::move(words));
    CHECK(r.exit == exit);
    CHECK(r.err.empty());
    json parsed = json::parse(r.out, nullptr, false);
    REQUIRE_MESSAGE(parsed.is_object(), r.out, r.err);
    CHECK(parsed.at("format") == 1);
    return parsed;
  }
};

const json* named(const json& modules, const std::string& name) {
  for (const json& m : modules)
    if (m.at("name") == name) return &m;
  return nullptr;
}

}  // namespace

TEST_CASE("output: list names every module, its fate and why") {
  const Plugins p;
  const json modules = p.ask_json({"list"}).at("modules");
  const json* alpha = named(modules, "alpha");
  const json* orphan = named(modules, "orphan");
  REQUIRE(alpha != nullptr);
  REQUIRE(orphan != nullptr);
  CHECK(alpha->at("version") == "1.0.0");
  CHECK(alpha->at("kind") == "plugin");
  CHECK(alpha->at("fate") == "planned");
  CHECK(alpha->at("required") == false);
  CHECK(alpha->at("requires") == json::array());
  CHECK(alpha->at("path") == p.plugins + "/alpha.so");
  CHECK_FALSE(alpha->contains("reason"));
  CHECK(orphan->at("fate") == "blocked");
  CHECK(orphan->at("reason").get<std::string>().find("missing_module") != std::string::npos);
  CHECK(orphan->at("requires") == json::array({"missing_module"}));
  const Ran text = p.ask({"list"});
  CHECK(text.out.starts_with("MODULE"));
  CHECK(text.out.find('\x1b') == std::string::npos);  // not a terminal
}

TEST_CASE("output: check has its exit code, findings and modules") {
  const Plugins p;
  const json found = p.ask_json({"check"});
  CHECK(found.at("exit") == 0);
  CHECK(found.at("findings").is_array());
  CHECK_FALSE(found.at("findings").empty());
  CHECK(named(found.at("modules"), "alpha") != nullptr);
  const json wrong = p.ask_json({"check", "--set", "no_such_key=1"}, 78);
  CHECK(wrong.at("exit") == 78);
  CHECK(wrong.at("modules") == json::array());
  CHECK(wrong.at("findings").dump().find("no_such_key") != std::string::npos);
}

TEST_CASE("output: graph and config in each of their formats") {
  const Plugins p;
  CHECK(p.ask_json({"graph"}).dump().find("alpha") != std::string::npos);
  CHECK(p.ask_json({"graph", "--format", "json"}).dump().find("alpha") != std::string::npos);
  const json config = p.ask_json({"config"});
  CHECK(config.at("exit") == 0);
  CHECK(config.at("findings").is_array());
  CHECK(config.at("config").at("paths").at("state") == p.state);
  CHECK(config.at("provenance").contains("paths.state"));
  CHECK(config.at("secret").is_array());
  const json list = p.ask_json({"list"});
  CHECK(list.at("exit") == 0);
  CHECK_FALSE(list.at("findings").empty());
  CHECK(p.ask({"graph", "--format", "dot"}).out.starts_with("digraph"));
  CHECK(p.ask({"graph", "--format", "svg"}).out.find("<svg") != std::string::npos);
}

TEST_CASE("output: config masks what a schema calls secret, whatever becomes of the module") {
  const Plugins p;
  p.dir.write(
      "plugins/sm.yaml",
      "manifest: 1\nsdk: \"1.0\"\nname: sm\nversion: 1.0.0\nlibrary: libsm.so\nconfig_schema: {type: object, properties: {pin: {type: "
      "string, secret: true}, plain: {type: integer}}}\n");
  p.dir.write("host.yaml", "instance: {environment: local}\npaths: {manifests: []}\nmodules: {sm: {config: {pin: \"31337\", plain: 5}}}\n");
  const auto check = [&](const std::vector<std::string>& extra, bool schema_known) {
    std::vector<std::string> words = {"config"};
    words.insert(words.end(), extra.begin(), extra.end());
    const Ran text = p.ask(words);
    INFO(text.out);
    CHECK(text.exit == 0);
    CHECK((text.out + text.err).find("31337") == std::string::npos);
    CHECK(text.out.find("pin: \"***\"") != std::string::npos);
    CHECK((text.out.find("plain: 5") != std::string::npos) == schema_known);
    words.insert(words.end(), {"--output", "json"});
    const Ran printed = p.ask(words);
    CHECK((printed.out + printed.err).find("31337") == std::string::npos);
    CHECK(printed.out.find("\"modules.sm.config.pin\"") != std::string::npos);
  };
  check({}, true);  // refused: its library is missing
  check({"--safe-mode"}, true);
  check({"--set", "modules.sm.enabled=false"}, true);
  check({"--set", "modules.sm.config.other={a: 1}"}, true);
  for (const char* command : {"check", "list", "graph"})
    CHECK((p.ask({command, "--set", "modules.sm.config.plain=x"}).err).find("31337") == std::string::npos);
  p.dir.write("plugins/sm.yaml", "manifest: 1\nname: sm\n");  // nobody can tell what is secret
  CHECK(p.ask({"config"}).out.find("31337") == std::string::npos);
  CHECK(p.ask({"config"}).out.find("plain: \"***\"") != std::string::npos);
  p.dir.write("plugins/sm.yaml", "manifest: 1\nsdk: \"1.0\"\nname: nobody\nversion: 1.0.0\nlibrary: libsm.so\n");  // no such module
  const Ran absent = p.ask({"check"});
  CHECK(absent.err.find("configures a module that was not found") != std::string::npos);
  CHECK(absent.err.find("31337") == std::string::npos);
  CHECK(p.ask({"config"}).out.find("31337") == std::string::npos);
}

TEST_CASE("output: config says what it found, and which configuration is not in force, in text and JSON") {
  const Plugins p;
  p.dir.write("plugins/sm.yaml",
              "manifest: 1\nsdk: \"1.0\"\nname: sm\nversion: 1.0.0\nlibrary: libsm.so\nconfig_schema: {type: object, properties: {plain: "
              "{type: integer}, word: {type: string}}}\n");
  p.dir.write("host.yaml",
              "instance: {environment: local}\npaths: {manifests: []}\nmodules: {sm: {config: {word: \"${X:-a}\"}}, gone: {config: {}}}\n");
  for (const std::string setting : {"modules.sm.config.plain=x", "modules.sm.enabled=false"}) {
    CAPTURE(setting);
    const Ran text = p.ask({"config", "--set", setting});
    const json printed = p.ask_json({"config", "--set", setting});
    INFO(text.out);
    INFO(text.err);
    CHECK(text.exit == 0);
    CHECK(printed.at("exit") == 0);
    for (const json& finding : printed.at("findings")) CHECK(text.err.find(finding.at("message").get<std::string>()) != std::string::npos);
    CHECK_FALSE(printed.at("findings").empty());
    const auto why = printed.at("not_in_force").at("sm").get<std::string>();
    CHECK(text.out.find("\n    config:                                     # not in force: " + why + "\n      word: \"${X:-a}\"") !=
          std::string::npos);
    CHECK(why.starts_with(setting.ends_with("false") ? "disabled: " : "refused: "));
    CHECK(printed.at("not_in_force").at("gone") == "no such module was found");
    CHECK(text.out.find("; not in force: no such module was found\n") != std::string::npos);
    CHECK_FALSE(printed.at("not_in_force").contains("alpha"));
  }
  CHECK(p.ask({"config"}).err == p.ask({"check"}).err);
}

TEST_CASE("output: an error of the configuration hides nothing of what discovery and plan find, neither from check nor from run") {
  const Plugins p;
  p.dir.write("plugins/sm.yaml",
              "manifest: 1\nsdk: \"1.0\"\nname: sm\nversion: 1.0.0\nlibrary: libsm.so\nconfig_schema: {type: object, additionalProperties: "
              "false, properties: {size: {type: integer}}}\n");
  p.dir.write("plugins/bad.yaml", "manifest: 1\nsdk: \"1.0\"\nname: bad\nnmae: x\nversion: 1.0.0\n");
  p.dir.write("host.yaml", "instance: {environment: local}\npaths: {manifests: []}\nmodules: {sm: {config: {sise: 5}, required: 3}}\n");
  for (const char* command : {"check", "run", "list", "config"}) {
    CAPTURE(command);
    const Ran ran = p.ask({command});
    INFO(ran.err);
    CHECK(ran.exit == 78);
    CHECK(ran.out.empty());
    for (const char* part :
         {"`modules.sm.required` must be", "`sise` is not a known key", "know the key `nmae`", "missing_module", "libsm.so"})
      CHECK(ran.err.find(part) != std::string::npos);
  }
  const json found = p.ask_json({"check"}, 78);
  CHECK(found.at("findings").dump().find("nmae") != std::string::npos);
  // Nothing is looked for where the directories themselves are in doubt.
  p.dir.write("host.yaml", "instance: {environment: local}\npaths: {manifests: 5}\nmodules: {sm: {required: 3}}\n");
  const Ran doubt = p.ask({"check"});
  CHECK(doubt.exit == 78);
  CHECK(doubt.err.find("nmae") == std::string::npos);
}

TEST_CASE("output: inspect tells what the gate sees, and refuses what it would refuse") {
  const Plugins p;
  const auto inspect = [](const std::string& path) { return run({tenond(), "inspect", path, "--output", "json"}); };
  const Ran good = inspect(p.plugins + "/alpha.so");
  CHECK(good.exit == 0);
  const json found = json::parse(good.out);
  CHECK(found.at("format") == 1);
  CHECK(found.at("exit") == 0);
  CHECK(found.at("file").is_object());
  CHECK(found.at("manifest_findings") == json::array());
  const Ran bad = inspect(p.dir.write("text.so", "no ELF"));
  CHECK(bad.exit == 69);
  CHECK(json::parse(bad.out).at("exit") == 69);
  CHECK(inspect(p.dir.path()).exit == 66);
  CHECK(inspect("/dev/null").exit == 66);
}

TEST_CASE("output: inspect refuses what the host would refuse for what its manifest says") {
  const Plugins p;
  const std::string honest = read_file(p.plugins + "/alpha.so");
  const auto inspect = [&](const std::string& from, std::string to, const std::string& told, int exit) {
    CAPTURE(to);
    REQUIRE(to.size() <= from.size());
    to.resize(from.size(), ' ');
    std::string bytes = honest;
    REQUIRE(bytes.find(from) != std::string::npos);
    for (std::size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from)) bytes.replace(at, from.size(), to);
    const std::string file = p.dir.write("patched.so", bytes);
    const Ran text = run({tenond(), "inspect", file});
    INFO(text.err);
    CHECK(text.exit == exit);
    CHECK(text.err.find(told) != std::string::npos);
    CHECK(text.out.find("verdict: passes the gate") == std::string::npos);
    CHECK(text.out.find("verdict: refused for what its manifest says\n") != std::string::npos);
    const json printed = json::parse(run({tenond(), "inspect", file, "--output", "json"}).out, nullptr, false);
    CHECK(printed.at("exit") == exit);
    CHECK(printed.at("accepted") == false);
  };
  const std::string description = "description: Misbehaves on demand, for tests of the host";
  inspect("tenon.log/1,", "tenon.log/9,", "needs tenon.log/9", 69);
  inspect("config_schema:\n  type: object", "config_schema:\n  type: objct", "objct", 78);
  inspect(description, "defaults: {a: 1}", "`a` is not a known key", 78);
  inspect(description, "defaults: {live_value: 1}", "`live_value` is 1", 78);
  inspect("name: alpha", "nmae: alpha", "nmae", 78);
  inspect("name: alpha", "name: host", "reserved name", 69);
  inspect("[runnable]", "[system]", "RuntimeModules", 69);
  // What others have to give is not its fault.
  const Ran orphan = run({tenond(), "inspect", p.plugins + "/orphan.so"});
  CHECK(orphan.exit == 0);
  CHECK(orphan.out.find("verdict: passes the gate\n") != std::string::npos);
  const Ran logger = run({tenond(), "inspect", tenond().substr(0, tenond().rfind('/')) + "/../lib/tenon/runtime/liblogger.so"});
  CHECK_MESSAGE(logger.exit == 0, logger.err);
}

TEST_CASE("output: version, ABI and interfaces") {
  const json v = json::parse(run({tenond(), "--version", "--output", "json"}).out);
  CHECK(v.at("format") == 1);
  CHECK(v.at("name") == "tenond");
  CHECK(v.at("abi") == "1.0");
  CHECK(v.at("interfaces").size() >= 14);
  for (const json& i : v.at("interfaces")) {
    CHECK(i.at("size").get<int>() >= 16);
    CHECK((i.at("for") == (i.at("id") == "tenon.log_sink/1" ? "runtime" : "all")));
  }
  const std::string text = run({tenond(), "--version"}).out;
  CHECK(text.starts_with("tenond "));
  CHECK(text.find("ABI 1.0") != std::string::npos);
  CHECK(text.find("  tenon.log_sink/1 (RuntimeModules only)\n") != std::string::npos);
}

TEST_CASE("output: list --running refuses what is no status file, and a daemon that is gone") {
  const Plugins p;
  CHECK(p.ask({"list", "--running"}).exit == 69);
  for (const char* text : {"", "no JSON", "[]", "{}", "{\"pid\":\"1\",\"modules\":[]}", "{\"pid\":1,\"modules\":{}}"}) {
    p.dir.write("state/status.json", text, 0600);
    CHECK(p.ask({"list", "--running"}).exit == 65);
  }
  for (const char* pid : {"0", "-1", "2147483647", "4294967297", "18446744073709551615"}) {
    CAPTURE(pid);
    p.dir.write("state/status.json", std::string("{\"pid\":") + pid + ",\"modules\":[]}", 0600);
    // What no process can have is no pid: the file is not one of ours.
    CHECK(p.ask({"list", "--running"}).exit == (std::string_view(pid) == "2147483647" ? 69 : 65));
  }
}

TEST_CASE("output: whatever fails answers in JSON, if JSON was asked for") {
  const Plugins p;
  const auto failure = [](const Ran& r, int exit) {
    INFO(r.err);
    CHECK(r.exit == exit);
    const json answer = json::parse(r.out, nullptr, false);
    REQUIRE_MESSAGE(answer.is_object(), r.out);
    CHECK(answer.at("format") == 1);
    CHECK(answer.at("exit") == exit);
    REQUIRE(answer.at("findings").is_array());
    REQUIRE_FALSE(answer.at("findings").empty());
    CHECK(answer.at("findings").at(0).at("severity").is_string());
    CHECK_FALSE(answer.at("findings").at(0).at("message").get<std::string>().empty());
  };
  failure(run({tenond(), "check", "--bogus", "--output", "json"}), 64);
  failure(run({tenond(), "chekc", "--output=json"}), 64);
  failure(run({tenond(), "--output", "json"}), 64);
  failure(run({tenond(), "run", "--output", "json"}), 64);
  failure(run({tenond(), "inspect", "/nope", "--output", "json"}), 66);
  failure(run({tenond(), "inspect", p.dir.path(), "--output", "json"}), 66);
  failure(p.ask({"list", "--running", "--output", "json"}), 69);
  p.dir.write("state/status.json", "{}", 0600);
  failure(p.ask({"list", "--running", "--output", "json"}), 65);
  failure(p.ask({"list", "--running", "--output", "json", "--set", "no_such_key=1"}), 78);
  failure(p.ask({"migrate", "--output", "json", "--set", "no_such_key=1"}), 78);
  failure(p.ask({"migrate", "--output", "json", "--set", "modules.orphan.required=true"}), 69);
  failure(p.ask({"migrate", "--status", "--output", "json", "--set", "modules.orphan.required=true"}), 69);
  failure(run({tenond(), "migrate", "--config", "/nope.yaml", "--output", "json"}), 66);
}

TEST_CASE("output: migrate tells what it would do, for one module too, and writes nothing then") {
  const Plugins p;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"migrate", "--dry-run"},
                                                {"migrate", "--status"},
                                                {"migrate", "--status", "--module", "alpha"},
                                                {"--migrate-only", "--dry-run"},
                                                {"run", "--status", "--module", "alpha", "--migrate-only"}}) {
    CHECK(p.ask(words).out == "no module offers migrations: nothing to do\n");
    CHECK(p.ask_json(words).at("migrations") == json::array());
  }
  CHECK_FALSE(std::filesystem::exists(p.state));
  const Ran unknown = p.ask({"migrate", "--module", "alhpa"});
  CHECK(unknown.exit == 69);
  CHECK(unknown.err.find("there is no module `alhpa`") != std::string::npos);
  CHECK(unknown.err.find("did you mean `alpha`?") != std::string::npos);
  CHECK(p.ask({"--migrate-only", "--module", "alhpa"}).err == unknown.err);
  const Ran blocked = p.ask({"migrate", "--dry-run", "--module", "orphan"});
  CHECK(blocked.exit == 69);
  CHECK(blocked.err.find("`orphan` would not run: it is blocked") != std::string::npos);
  const Ran whole = p.ask({"migrate", "--module", "alpha", "--output", "json"});  // through the phases, which it logs
  CHECK(whole.exit == 0);
  CHECK(json::parse(whole.out).at("exit") == 0);
}

TEST_CASE("output: usage errors go to stderr with the way on, nothing is on stdout") {
  const Ran r = run({tenond(), "chekc"});
  CHECK(r.exit == 64);
  CHECK(r.out.empty());
  CHECK(r.err == "error: unknown command `chekc`\n  = help: did you mean `check`?\n");
}

TEST_CASE("output: check says who can run in the process of the host only") {
  const Plugins p;
  p.dir.write("plugins/sm.yaml",
              "manifest: 1\nsdk: \"1.0\"\nname: sm\nversion: 1.0.0\nlibrary: libsm.so\nneeds: [tenon.log/1, tenon.lease/1]\n");
  const Ran with = p.ask({"check"});
  CHECK(with.err.find("`sm` uses `tenon.lease/1`, so it can only run in the process of the host") != std::string::npos);
  CHECK(with.err.find("[plan.in_process_only]") != std::string::npos);
  CHECK(p.ask({"check", "--output", "json"}).out.find("plan.in_process_only") != std::string::npos);
  p.dir.write("plugins/sm.yaml", "manifest: 1\nsdk: \"1.0\"\nname: sm\nversion: 1.0.0\nlibrary: libsm.so\nneeds: [tenon.log/1]\n");
  const Ran without = p.ask({"check"});
  CHECK(without.err.find("in_process_only") == std::string::npos);
  CHECK(without.exit == with.exit);
}
