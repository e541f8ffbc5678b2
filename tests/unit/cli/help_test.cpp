// Help, as a person asks for it.
#include <doctest/doctest.h>

#include "options.hpp"
#include "process.hpp"

using namespace tenon::host;
using tenon::test::run;
using tenon::test::tenond;

namespace {
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("help: the whole lists every command and every option of run") {
  const std::string text = help_text("");
  for (const std::string& name : command_names()) CHECK(has(text, "\n  " + name));
  for (const char* option : {"--help", "--version", "--config", "--set", "--state-dir", "--plugins-dir", "--manifests-dir", "--log-level",
                             "--log-format", "--safe-mode", "--output", "--startup-report", "--migrate-only"})
    CHECK(has(text, option));
  CHECK(has(text, "Exit codes: 0 ok, 64 usage"));
  for (const auto& line : tenon::test::lines_of(text)) CHECK_MESSAGE(line.size() <= 140, line);
}

TEST_CASE("help: of each command, wherever it is asked") {
  for (const std::string& name : command_names()) {
    CAPTURE(name);
    const std::string text = help_text(name);
    CHECK(text.starts_with("tenond " + name));
    CHECK(has(text, "--config"));
    CHECK(has(text, "--format") == (name == "graph"));
    CHECK(has(text, "--running") == (name == "list"));
    CHECK(has(text, "--startup-report") == (name == "run"));
    for (const std::vector<std::string>& asked :
         {std::vector<std::string>{name, "--help"}, {"--help", name}, {"--output", "json", name, "-h"}}) {
      std::vector<std::string> arguments = {tenond()};
      arguments.insert(arguments.end(), asked.begin(), asked.end());
      const auto ran = run(arguments);
      CHECK(ran.exit == 0);
      CHECK(ran.err.empty());
      CHECK(ran.out == text);
    }
  }
  CHECK(run({tenond(), "--help"}).out == help_text(""));
  CHECK(run({tenond(), "--safe-mode", "-h"}).out == help_text(""));
}
