#include "reload.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "build.hpp"
#include "temporary_directory.hpp"

using namespace tenon::host;
using tenon::host::test::World;
using tenon::test::TemporaryDirectory;
using List = std::vector<std::string>;

namespace {

Digest digest_of(std::uint8_t byte) {
  Digest out{};
  out[0] = byte;
  return out;
}

RunningModule running(const std::string& name, const Digest& digest = {}) {
  return {name, "1.0.0", "/plugins/lib" + name + ".so", digest, false, false, {}};
}

/// Real configuration files, real plugins in a directory of their own, no RuntimeModule.
class Installation {
 public:
  Installation() {
    directory.make("plugins", 0755);
    input.files = {directory / "tenon.yaml"};
    input.files_given = true;
    input.sets = {"paths.state=" + directory / "state"};
    boot.executable = directory / "bin/tenond";
  }
  void configure(const std::string& yaml) const {
    directory.write("tenon.yaml", "instance: {environment: local}\npaths: {plugins: [" + (directory / "plugins") +
                                      "], manifests: []}\nsecurity: {path_checks: file_only}\n" + yaml);
  }
  void add(const std::string& fixture, const std::string& file = {}) const {
    const std::string to = directory / ("plugins/lib" + (file.empty() ? fixture : file) + ".so");
    std::filesystem::copy_file(std::string(TENON_TEST_FIXTURES) + "/modules/lib" + fixture + ".so", to,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::permissions(to, std::filesystem::perms(0644));
  }
  /// What a daemon started now would run with.
  void start() {
    Diagnostics diagnostics;
    config = load_config(input, diagnostics);
    REQUIRE_MESSAGE(config, to_text(diagnostics));
    Plan plan = prepare_plan(*config, boot);
    REQUIRE(plan.exit == ExitCode::ok);
    modules.clear();
    for (std::size_t i = 0; i < plan.planned; ++i) {
      PlannedModule& p = plan.modules[i];
      modules.push_back({p.candidate.name, p.candidate.manifest->version.str(), p.candidate.file->path, p.candidate.file->digest, p.trusted,
                         p.required, std::make_shared<const ModuleConfig>(std::move(p.config))});
    }
  }
  [[nodiscard]] ReloadOutcome reload() const { return compute_reload(input, boot, *config, modules); }

  TemporaryDirectory directory;
  ConfigInput input;
  BootOptions boot;
  std::shared_ptr<const Config> config;
  std::vector<RunningModule> modules;
};

bool contains(const List& list, const std::string& part) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& s) { return s.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("reload: an error of the configuration does not hide what is wrong with running modules") {
  Installation s;
  s.configure("log: {level: info}\n");
  s.add("alpha");
  s.start();
  s.configure("log: {level: loud}\nmodules: {alpha: {config: {no_such_key: 1}}}\n");
  const ReloadOutcome outcome = s.reload();
  const std::string text = to_text(outcome.errors);
  INFO(text);
  CHECK(text.find("`log.level`") != std::string::npos);
  CHECK(text.find("alpha") != std::string::npos);
  CHECK_FALSE(outcome.next);
}

TEST_CASE("nothing changed: a restart would change nothing") {
  World w;
  w.plugin("alpha");
  w.plugin("beta").needs_module("alpha");
  CHECK(restart_would(w.plan(), {running("alpha"), running("beta")}).empty());
  CHECK(restart_would(World().plan(), {}).empty());
}

TEST_CASE("what is new, another file, gone, or cannot run is one sentence each, sorted") {
  World w;
  w.plugin("fresh", "2.0.0");
  w.plugin("same");
  w.plugin("swapped", "1.1.0");
  w.plugin("lonely").needs_module("absent");
  w.plugin("broken_now").broken("it has text relocations");
  const List sentences =
      restart_would(w.plan(), {running("same"), running("swapped", digest_of(7)), running("broken_now"), running("removed")});
  REQUIRE(sentences.size() == 5);
  CHECK(sentences[0].starts_with("`fresh` 2.0.0 would be loaded"));
  CHECK(sentences[1].starts_with("`lonely` would not run: blocked: "));
  CHECK(sentences[2] == "`swapped` 1.0.0 would be replaced by 1.1.0 (another file); the running one is not touched");
  CHECK(sentences[3].starts_with("running `broken_now` would not run any more: refused: "));
  CHECK(sentences[4] == "running `removed` would be gone: its file or manifest was removed; the running one is not touched");
}

TEST_CASE("two candidates with the name of a running module are one sentence") {
  World w;
  w.plugin("alpha").at("/plugins/a.so");
  w.plugin("alpha").at("/plugins/b.so");
  const List sentences = restart_would(w.plan(), {running("alpha")});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0].starts_with("running `alpha` would not run any more: refused: "));
}

TEST_CASE("a file that took the name of a module which goes on is a sentence of its own") {
  World w;
  w.plugin("alpha").at("/plugins/libalpha.so");
  Plan plan = w.plan();
  PlannedModule squatter = plan.modules[0];
  squatter.candidate.file->path = "/plugins/liblogger.so";
  squatter.fate = Fate::refused;
  squatter.reason = "`alpha` is the name of a RuntimeModule";
  plan.modules.push_back(squatter);
  RunningModule alpha = running("alpha");
  alpha.path = plan.modules[0].candidate.file->path;
  alpha.digest = plan.modules[0].candidate.file->digest;
  CHECK(restart_would(plan, {alpha}) == List{"`/plugins/liblogger.so` would not run: refused: `alpha` is the name of a RuntimeModule"});
}

TEST_CASE("several files with one name that does not run are one sentence") {
  World w;
  for (const char* file : {"a", "b", "c"}) w.plugin("alpha").at(std::string("/plugins/") + file + ".so");
  CHECK(restart_would(w.plan(), {}).size() == 1);
}

TEST_CASE("what was told and holds no longer is withdrawn, once") {
  RestartNews news;
  news.began_with({"`bad.so` would not run"});
  List withdrawn;
  CHECK(news.new_modules({"`x` would be loaded", "`y` would be loaded"}, &withdrawn).size() == 2);
  CHECK(withdrawn.empty());  // that one was never told
  CHECK(news.new_modules({"`y` would be loaded"}, &withdrawn).empty());
  CHECK(withdrawn == List{"`x` would be loaded"});
  CHECK(news.new_modules({"`y` would be loaded"}, &withdrawn).empty());
  CHECK(withdrawn.size() == 1);
  CHECK(news.any());
}

TEST_CASE("a running module's file that says no name any more is changed, not removed") {
  Installation i;
  i.add("alpha");
  i.add("epsilon");
  i.configure("");
  i.start();
  REQUIRE(i.modules.size() == 2);
  i.directory.write("plugins/libalpha.so", "");
  i.directory.write("plugins/libepsilon.so", "no ELF file");
  const List sentences = i.reload().restart_would;
  REQUIRE(sentences.size() == 2);
  CHECK(sentences[0].starts_with("running `alpha` would not run any more: its file or manifest changed and is refused: "));
  CHECK(sentences[1].starts_with("running `epsilon` would not run any more: its file or manifest changed and is refused: "));
}

TEST_CASE("warnings of a configuration that is taken are kept, those of a refused one are among its errors") {
  Installation i;
  i.configure("");
  i.start();
  CHECK(i.reload().warnings.empty());
  i.configure("modules: {absent: {config: {a: 1}}}\n");
  const ReloadOutcome outcome = i.reload();
  REQUIRE(outcome.errors.empty());
  REQUIRE(outcome.warnings.items().size() == 1);
  CHECK(outcome.warnings.items()[0].message.find("absent") != std::string::npos);
}

TEST_CASE("a hostile file name is printable in the sentence") {
  World w;
  Diagnostic d;
  d.severity = Severity::error;
  d.message = "no ELF file";
  w.unreadable("x\x1b[2J\n.so", Origin::plugin, d);
  const List sentences = restart_would(w.plan(), {});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0].find('\x1b') == std::string::npos);
  CHECK(sentences[0].find('\n') == std::string::npos);
}

TEST_CASE("a live key of the host is applied, another one needs a restart, and the running configuration is not touched") {
  Installation i;
  i.configure("log: {level: info}\n");
  i.start();
  i.configure("log: {level: debug}\nlifecycle: {parallelism: 3}\n");
  const ReloadOutcome outcome = i.reload();
  REQUIRE(outcome.errors.empty());
  CHECK(outcome.diff.applied == List{"log.level"});
  CHECK(outcome.needs_restart == List{"`lifecycle.parallelism` changed and takes effect after a restart"});
  REQUIRE(outcome.next);
  CHECK(outcome.next->host.log.level == 10);
  CHECK(outcome.next->host.parallelism == 1);
  CHECK(i.config->host.log.level == 20);
}

TEST_CASE("an invalid file, or a plan that would not start, is refused as a whole") {
  Installation i;
  i.add("alpha");
  i.configure("log: {level: info}\n");
  i.start();
  SUBCASE("unknown key beside a good change") {
    i.configure("log: {level: debug, colour: 1}\n");
    const ReloadOutcome outcome = i.reload();
    CHECK(outcome.errors.error_count() == 1);
    CHECK_FALSE(outcome.next);
    CHECK(outcome.modules.empty());
  }
  SUBCASE("no file") {
    std::filesystem::remove(i.directory / "tenon.yaml");
    CHECK_FALSE(i.reload().errors.empty());
  }
  SUBCASE("a required module that is not there") {
    i.configure("modules: {absent: {required: true}}\n");
    const ReloadOutcome outcome = i.reload();
    CHECK_FALSE(outcome.errors.empty());
    CHECK_FALSE(outcome.next);
  }
  SUBCASE("configuration that a running module would not take") {
    i.configure("log: {level: debug}\nmodules: {alpha: {config: {log_lines: many}}}\n");
    const ReloadOutcome outcome = i.reload();
    CHECK_FALSE(outcome.errors.empty());
    CHECK_FALSE(outcome.next);
  }
  SUBCASE("the same for one that does not run is told and harmless") {
    i.add("epsilon");
    i.configure("log: {level: debug}\nmodules: {epsilon: {config: {log_lines: many}}}\n");
    const ReloadOutcome outcome = i.reload();
    REQUIRE_MESSAGE(outcome.errors.empty(), to_text(outcome.errors));
    CHECK(outcome.diff.applied == List{"log.level"});
    CHECK(contains(outcome.restart_would, "`epsilon` would not run: "));
  }
}

TEST_CASE("a module gets its live keys at once, hears of no other, and keeps what it has while its file is another one") {
  Installation i;
  i.add("alpha");
  i.add("epsilon");
  i.configure("modules: {alpha: {config: {live_value: one, log_lines: 1}}}\n");
  i.start();
  REQUIRE(i.modules.size() == 2);
  i.configure("modules: {alpha: {config: {live_value: two, log_lines: 2}}}\n");
  SUBCASE("live keys") {
    const ReloadOutcome outcome = i.reload();
    REQUIRE(outcome.errors.empty());
    REQUIRE(outcome.modules.size() == 1);
    CHECK(i.modules[outcome.modules[0].module].name == "alpha");
    CHECK(outcome.modules[0].change.paths == List{"live_value"});
    CHECK(outcome.needs_restart == List{"`modules.alpha.config.log_lines` is not declared live and takes effect after a restart"});
    const Value* lines = outcome.modules[0].change.next.as_map()->find("log_lines");
    REQUIRE(lines != nullptr);
    CHECK(*lines->as_integer() == 1);
  }
  SUBCASE("another file") {
    i.add("alpha");
    std::ofstream(i.directory / "plugins/libalpha.so", std::ios::app) << "changed";
    const ReloadOutcome outcome = i.reload();
    REQUIRE_MESSAGE(outcome.errors.empty(), to_text(outcome.errors));
    CHECK(outcome.modules.empty());
    CHECK(contains(outcome.restart_would, "`alpha` 1.0.0 would be replaced by 1.0.0 (another file)"));
  }
  SUBCASE("a file that is gone") {
    std::filesystem::remove(i.directory / "plugins/libepsilon.so");
    const ReloadOutcome outcome = i.reload();
    CHECK(outcome.modules.size() == 1);
    CHECK(contains(outcome.restart_would, "running `epsilon` would be gone"));
  }
}

TEST_CASE("what a restart would change is told once, and keys and modules do not wipe each other") {
  RestartNews news;
  news.began_with({"`bad.so` would not run"});
  CHECK_FALSE(news.any());
  CHECK(news.new_modules({"`bad.so` would not run"}).empty());
  CHECK_FALSE(news.any());  // it did not run before either
  CHECK(news.new_keys({"`a` changed"}) == List{"`a` changed"});
  CHECK(news.new_modules({"`bad.so` would not run"}).empty());
  CHECK(news.any());
  CHECK(news.new_keys({"`a` changed"}).empty());
  CHECK(news.new_keys({}).empty());
  CHECK_FALSE(news.any());
  CHECK(news.new_modules({"`bad.so` would not run", "`x` would be loaded"}) == List{"`x` would be loaded"});
  CHECK(news.new_keys({}).empty());
  CHECK(news.new_modules({"`x` would be loaded"}).empty());
  CHECK(news.any());
  CHECK(news.new_modules({}).empty());
  CHECK_FALSE(news.any());
  CHECK(news.new_modules({"`bad.so` would not run"}) == List{"`bad.so` would not run"});  // it came again
  CHECK(news.any());
}
