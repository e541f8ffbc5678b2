// The command line: every command and flag, and what is wrong with the others.
#include "options.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace tenon::host;

namespace {

std::variant<Options, UsageError> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "tenond");
  std::vector<const char*> argv;
  for (const std::string& w : words) argv.push_back(w.c_str());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}
Options good(std::vector<std::string> words) {
  auto parsed = parse(std::move(words));
  const UsageError* wrong = std::get_if<UsageError>(&parsed);
  REQUIRE_MESSAGE(wrong == nullptr, wrong->message);
  return std::get<Options>(std::move(parsed));
}
/// "message; help", or nothing if it is in order.
std::string usage(std::vector<std::string> words) {
  const auto parsed = parse(std::move(words));
  const UsageError* wrong = std::get_if<UsageError>(&parsed);
  return wrong == nullptr ? std::string() : wrong->message + "; " + wrong->help;
}

}  // namespace

TEST_CASE("options: every command, and run when there is none") {
  CHECK(command_names() == std::vector<std::string>{"run", "migrate", "check", "list", "graph", "config", "inspect", "audit"});
  CHECK(good({}).command == "run");
  CHECK(good({"--safe-mode"}).command == "run");
  for (const std::string& name : command_names()) {
    if (name == "inspect" || name == "audit") continue;
    const Options o = good({name});
    CHECK(o.command == name);
    CHECK(o.arguments.empty());
    CHECK(o.migrate_only == (name == "migrate"));
    CHECK_FALSE(o.help);
  }
  CHECK(good({"inspect", "a.so"}).arguments == std::vector<std::string>{"a.so"});
  CHECK(good({"audit", "verify"}).arguments == std::vector<std::string>{"verify"});
  CHECK(good({"audit", "verify", "a.log"}).arguments == std::vector<std::string>{"verify", "a.log"});
  CHECK(good({"inspect", "inspect"}).arguments == std::vector<std::string>{"inspect"});
  CHECK(good({"inspect", "--", "-a.so"}).arguments == std::vector<std::string>{"-a.so"});
}

TEST_CASE("options: the command may stand behind options, whatever their values are called") {
  CHECK(good({"--config", "list", "check"}).command == "check");
  CHECK(good({"-c", "list", "check"}).command == "check");
  CHECK(good({"-clist", "check"}).command == "check");
  CHECK(good({"--config=list", "check"}).command == "check");
  CHECK(good({"--set", "a=b", "--state-dir", "graph", "--plugins-dir", "run", "--manifests-dir", "run", "--log-level", "run",
              "--log-format", "run", "--output", "json", "config"})
            .command == "config");
  CHECK(good({"--running", "list"}).running);
  CHECK(good({"--format", "svg", "graph"}).graph_format == "svg");
  CHECK(good({"--startup-report", "check.svg"}).command == "run");
  CHECK(good({"--config", "check"}).command == "run");
}

TEST_CASE("options: flags arrive as what they mean") {
  const Options o = good({"run", "--migrate-only", "--safe-mode", "--startup-report", "/tmp/r.json", "--output", "json"});
  CHECK(o.migrate_only);
  CHECK(o.safe_mode);
  CHECK(o.json);
  CHECK(o.startup_report == "/tmp/r.json");
  CHECK(good({"--startup-report=r.svg"}).startup_report == (std::filesystem::current_path() / "r.svg").string());
  CHECK(good({"list", "--running"}).running);
  CHECK_FALSE(good({"list", "--output", "text"}).json);
  CHECK(good({"--version"}).version);
  CHECK(good({"-h"}).help);
  CHECK(good({"inspect", "--help"}).help);  // needs no file then
}

TEST_CASE("options: of migrate, and those that are refused with a reason") {
  CHECK(good({"migrate", "--dry-run"}).dry_run);
  CHECK(good({"migrate", "--status"}).status);
  CHECK(good({"--module", "run", "migrate"}).module == "run");
  CHECK(usage({"migrate", "--dry-run", "--status"}) == "`--dry-run` and `--status` exclude each other; give one of them");
  CHECK(usage({"migrate", "--module", "A b"}).find("--module is `A b`") == 0);
  // The other spelling knows the same.
  CHECK(good({"--migrate-only", "--dry-run"}).dry_run);
  CHECK(good({"run", "--status", "--migrate-only"}).status);
  CHECK(good({"--migrate-only", "--module", "run"}).module == "run");
  CHECK(good({"--module", "run", "--migrate-only"}).command == "run");
  CHECK(usage({"--migrate-only", "--dry-run", "--status"}) == "`--dry-run` and `--status` exclude each other; give one of them");
  for (const char* option : {"--dry-run", "--status"})
    CHECK(usage({"run", option}) == "`" + std::string(option) + "` goes with migrations only; say `tenond migrate`, or `--migrate-only`");
  CHECK(usage({"--module", "orders"}).starts_with("`--module` goes with migrations only"));
  CHECK(usage({"check", "--dry-run"}).find("unknown option `--dry-run`") == 0);
  CHECK(good({"--strict"}).strict);
  CHECK(good({"run", "--strict"}).strict);
  CHECK(usage({"check", "--strict"}).find("unknown option `--strict`") == 0);
  CHECK(usage({"run", "--output", "json"}).find("`run` has no output that could be JSON") == 0);
  CHECK(usage({"--output", "json"}).find("`run` has no output that could be JSON") == 0);
  CHECK(good({"run", "--migrate-only", "--output", "json"}).json);
  CHECK(good({"--version", "--output", "json"}).json);
}

TEST_CASE("options: graph formats, and what --output json makes of them") {
  CHECK(good({"graph"}).graph_format == "text");
  for (const char* format : {"text", "dot", "json", "svg"}) CHECK(good({"graph", "--format", format}).graph_format == format);
  CHECK(good({"graph", "--output", "json"}).graph_format == "json");
  CHECK(good({"graph", "--output", "json", "--format", "dot"}).graph_format == "dot");
}

TEST_CASE("options: configuration, with the option that said it as its source") {
  const Options o =
      good({"check",       "-c",           "/a.yaml",       "--config", "/b.yaml",       "--set", "log.level=debug", "--set", "x.y=a=b",
            "--state-dir", "/s/../state",  "--plugins-dir", "/p",       "--plugins-dir", "q",     "--manifests-dir", "/m",    "--log-level",
            "warn",        "--log-format", "json"});
  CHECK(o.config.files == std::vector<std::string>{"/a.yaml", "/b.yaml"});
  CHECK(o.config.files_given);
  CHECK(o.config.sets == std::vector<std::string>{"log.level=debug", "x.y=a=b"});
  std::vector<std::string> told;
  for (const auto& option : o.config.options) told.push_back(option.flag + " " + option.path + " " + option.value);
  CHECK(told == std::vector<std::string>{"--state-dir paths.state /state", "--plugins-dir paths.plugins /p",
                                         "--plugins-dir paths.plugins " + (std::filesystem::current_path() / "q").string(),
                                         "--manifests-dir paths.manifests /m", "--log-level log.level warn",
                                         "--log-format log.format json"});
  const Options none = good({});
  CHECK(none.config.files == std::vector<std::string>{"/etc/tenon/tenon.yaml"});
  CHECK_FALSE(none.config.files_given);
  CHECK(none.config.options.empty());
}

TEST_CASE("options: what is unknown is named, with what is near") {
  CHECK(usage({"chekc"}) == "unknown command `chekc`; did you mean `check`?");
  CHECK(usage({"frobnicate"}) == "unknown command `frobnicate`; commands are run, migrate, check, list, graph, config, inspect, audit");
  CHECK(usage({"a\nb\x1b"}).find_first_of("\n\x1b") == std::string::npos);
  CHECK(usage({"--confg", "x"}).find("did you mean `--config`?") != std::string::npos);
  CHECK(usage({"--safemode"}) == "unknown option `--safemode`; did you mean `--safe-mode`?");
  CHECK(usage({"list", "--runing"}) == "unknown option `--runing`; did you mean `--running`?");
  CHECK(usage({"graph", "--fromat", "dot"}).find("did you mean `--format`?") != std::string::npos);
  CHECK(usage({"--frobnicate"}) == "unknown option `--frobnicate`; see `tenond --help`");
  CHECK(usage({"-x"}) == "unknown option `-x`; see `tenond --help`");
  CHECK(usage({"--conf", "x"}).find("unknown option") == 0);  // no guessing: a prefix is not an option
  // An option of another command is none of this one.
  CHECK(usage({"check", "--running"}).find("unknown option `--running`") == 0);
  CHECK(usage({"list", "--format", "dot"}).find("unknown option `--format`") == 0);
  CHECK(usage({"check", "--startup-report", "r.svg"}).find("unknown option `--startup-report`") == 0);
  CHECK(usage({"migrate", "--migrate-only"}).find("unknown option `--migrate-only`") == 0);
}

TEST_CASE("options: missing and surplus arguments, values that cannot be") {
  for (const char* option : {"--config", "-c", "--set", "--state-dir", "--plugins-dir", "--manifests-dir", "--log-level", "--log-format",
                             "--output", "--startup-report"}) {
    CAPTURE(option);
    CHECK(usage({"run", option}).find("see `tenond run --help`") != std::string::npos);
  }
  CHECK(usage({"graph", "--format"}).find("see `tenond graph --help`") != std::string::npos);
  CHECK(usage({"inspect"}) == "inspect takes one file, 0 were given; see `tenond inspect --help`");
  CHECK(usage({"inspect", "a.so", "b.so"}) == "inspect takes one file, 2 were given; see `tenond inspect --help`");
  CHECK(usage({"run", "surplus"}) == "unexpected argument `surplus`; see `tenond run --help`");
  CHECK(usage({"check", "check"}) == "unexpected argument `check`; see `tenond check --help`");
  CHECK(usage({"--", "check"}) == "unexpected argument `check`; see `tenond run --help`");
  CHECK(usage({"--output", "xml"}) == "--output is `xml`; expected text or json");
  CHECK(usage({"graph", "--format", "png"}) == "--format is `png`; expected text, dot, json or svg");
  CHECK(usage({"--startup-report", "/r.txt"}) ==
        "--startup-report is `/r.txt`; the name must end in .json or .svg, which decides the format");
  for (const char* once : {"--state-dir", "--log-level", "--log-format", "--output", "--startup-report"})
    CHECK(usage({"run", once, "text", once, "json"}).find("is given more than once; give it once") != std::string::npos);
  CHECK(usage({"run", "--safe-mode=yes"}).find("see `tenond run --help`") != std::string::npos);
}

TEST_CASE("an empty path is a mistake, not the default") {
  for (const char* option : {"--config", "--state-dir", "--plugins-dir", "--manifests-dir", "--startup-report"}) {
    CAPTURE(option);
    CHECK(usage({"run", option, ""}) == "`" + std::string(option) + "` is empty; give a path, or leave the option out");
  }
  CHECK(usage({"--config", "/a.yaml", "--config", ""}).starts_with("`--config` is empty"));
}
