#include "expansion.hpp"

#include <sys/stat.h>

#include "support.hpp"

using namespace tenon::test;

namespace {
// `text` as instance of log.file.path, the simplest text there is.
std::string expand(Loader& l, const std::string& text) {
  l.input.sets.clear();
  l.set("log.file.path=" + text);
  return l.good().host.log.file->path;
}
std::string failure(Loader& l, const std::string& text) {
  l.input.sets.clear();
  const std::string out = l.set("log.file.path=" + text).bad();
  CHECK(l.diagnostics.error_count() == 1);
  CHECK(l.has("config.expansion", "log.file.path"));
  CHECK(contains(out, "`log.file.path`"));
  return out;
}
}  // namespace

TEST_CASE("expansion: variables, defaults, escapes") {
  Loader l;
  l.env("A", "/a").env("EMPTY", "").env("NESTED", "${A}").env("DOLLARS", "$${A}");
  CHECK(expand(l, "${A}") == "/a");
  CHECK(expand(l, "x${A}y${A}") == "x/ay/a");
  CHECK(expand(l, "${B:-fallback}") == "fallback");
  CHECK(expand(l, "x${B:-}y") == "xy");
  CHECK(expand(l, "${A:-fallback}") == "/a");
  CHECK(expand(l, "${EMPTY:-fallback}") == "fallback");
  CHECK(expand(l, "x${EMPTY}") == "x");
  CHECK(expand(l, "${B:-a:-b}") == "a:-b");
  CHECK(expand(l, "$A $ $$ $") == "$A $ $$ $");
}

TEST_CASE("expansion: once only, what comes in stays text") {
  Expander expander({{"NESTED", "${A}"}, {"A", "x"}}, "");
  std::size_t budget = 1000;
  CHECK(expander.expand("${NESTED}", budget)->text == "${A}");
  CHECK(expander.expand("$${A}", budget)->text == "${A}");
  CHECK(expander.expand("$$${A}", budget)->text == "$${A}");
  CHECK(expander.expand("${B:-$}{A}", budget)->text == "${A}");
  CHECK_FALSE(expander.expand("${B:-${A}}", budget));
  // A host key that would hold a reference after its expansion is refused: it can only be an attempt or a mistake.
  Loader l;
  l.env("NESTED", "${A}").set("log.file.path=${NESTED}").bad();
  CHECK(l.has("config.type"));
}

TEST_CASE("expansion: errors name the key and what is missing") {
  Loader l;
  CHECK(contains(failure(l, "${MISSING}"), "the environment variable `MISSING` is not set"));
  CHECK(contains(failure(l, "${MISSING"), "is not closed by `}`"));
  CHECK(contains(failure(l, "${}"), "is none of"));
  CHECK(contains(failure(l, "${a-b}"), "is none of"));
  CHECK(contains(failure(l, "${1A}"), "is none of"));
  CHECK(contains(failure(l, "${vault:x}"), "`${vault:...}` is none of"));
  CHECK(contains(failure(l, "${A:-${B}}"), "does not nest"));
  CHECK(contains(failure(l, "${file:relative}"), "needs an absolute path"));
  CHECK(contains(failure(l, "${file:}"), "needs an absolute path"));
  CHECK(contains(failure(l, "${cred:x}"), "$CREDENTIALS_DIRECTORY is not set"));
}

TEST_CASE("expansion: files") {
  Loader l;
  const std::string file = l.directory.write("secret", "/hunter2\n");
  CHECK(expand(l, "${file:" + file + "}") == "/hunter2");
  CHECK(expand(l, "${file:" + l.directory.write("crlf", "/x\r\n") + "}") == "/x");
  CHECK(expand(l, "x${file:" + l.directory.write("two", "a\n\n") + "}") == "xa\n");
  CHECK(contains(failure(l, "${file:" + l.directory.file("none") + "}"), "No such file"));
  CHECK(contains(failure(l, "${file:" + l.directory.path() + "}"), "is not a regular file"));
  CHECK(contains(failure(l, "${file:/dev/zero}"), "is not a regular file"));
  REQUIRE(::mkfifo(l.directory.file("fifo").c_str(), 0600) == 0);
  CHECK(contains(failure(l, "${file:" + l.directory.file("fifo") + "}"), "is not a regular file"));
  CHECK(contains(failure(l, "${file:" + l.directory.write("large", std::string(64 * 1024 + 1, 'x')) + "}"), "is larger than 64KiB"));
  CHECK(contains(failure(l, "${file:" + l.directory.write("binary", "\xFF\xFE") + "}"), "is no text"));
  CHECK(contains(failure(l, "${file:" + l.directory.write("nul", std::string("a\0b", 3)) + "}"), "is no text"));
}

TEST_CASE("expansion: credentials") {
  Loader l;
  l.directory.write("credentials/db", "hunter2\n");
  l.directory.write("outside", "no");
  l.input.credentials_dir = l.directory.file("credentials");
  CHECK(expand(l, "/${cred:db}") == "/hunter2");
  for (const char* name : {"../outside", "a/b", "", ".", ".."}) {
    CAPTURE(name);
    CHECK(contains(failure(l, "${cred:" + std::string(name) + "}"), "needs the name of a credential"));
  }
  CHECK(contains(failure(l, "${cred:other}"), "`${cred:other}`"));
}

TEST_CASE("expansion: results are typed by their key") {
  Loader l;
  l.env("N", "4").env("T", "false").env("D", "5m");
  const Config& c = l.file("lifecycle: {parallelism: \"${N}\", shutdown: \"${D}\"}\nplugins: {default_enabled: \"${T}\"}\n")
                        .env("TENON__LOG__RATE", "${N}${N}")
                        .good();
  CHECK(c.host.parallelism == 4);
  CHECK_FALSE(c.host.plugins_default_enabled);
  CHECK(c.host.shutdown == std::chrono::minutes(5));
  CHECK(c.host.log.rate == 44);
  Loader wrong;
  CHECK(contains(wrong.env("N", "400").file("lifecycle: {parallelism: \"${N}\"}").bad(),
                 "a.yaml:1:26: error: `lifecycle.parallelism` must be an integer from 1 to 64"));
}

TEST_CASE("expansion: in lists, element by element, never making structure") {
  Loader l;
  const Config& c = l.env("A", "/a, /b").file("paths: {plugins: [\"${A}\", /c]}").good();
  CHECK(c.host.plugin_dirs == std::vector<std::string>{"/a, /b", "/c"});
  CHECK(contains(Loader().env("A", "[/a]").file("paths: {plugins: \"${A}\"}").bad(), "must be a list"));
}

TEST_CASE("expansion: only of what is in force") {
  Loader l;
  CHECK(l.file("log: {level: \"${MISSING}\"}").set("log.level=debug").good().host.log.level == 10);
}

TEST_CASE("expansion: what is secret") {
  Loader l;
  const std::string file = l.directory.write("pw", "hunter2");
  l.env("PLAIN", "x").env("DB_PASSWORD", "x").env("TENON_SUPER__LOG__RATE", "7");
  const Config& c = l.file("log: {file: {path: \"/a/${file:" + file +
                           "}/b\"}, rate: 5}\ninstance: {name: \"${PLAIN}\"}\npaths: {plugins: [\"/${DB_PASSWORD}\"], state: "
                           "\"/${TENON_SUPER__LOG__RATE}\"}\n")
                        .good();
  CHECK(c.host.log.file->path == "/a/hunter2/b");
  CHECK(c.secret_paths == std::vector<std::string>{"log.file.path", "paths.plugins", "paths.state"});
}

TEST_CASE("expansion: many references to large files are bounded") {
  Loader l;
  const std::string file = l.directory.write("large", std::string(64 * 1024, 'x'));
  std::string list = "paths:\n  plugins:\n";
  for (int i = 0; i < 5; ++i) {
    list += "    - \"";
    for (int k = 0; k < 60; ++k) list += "${file:" + file + "}";
    list += "\"\n";
  }
  l.file(list);
  CHECK(contains(l.bad(), "expanded values add up to more than 16MiB"));
}

TEST_CASE("expansion: variables that are not UTF-8") {
  Loader l;
  CHECK(contains(l.env("BAD", "\xFF").file("log: {level: \"${BAD}\"}").bad(), "`BAD` is not valid UTF-8"));
}
