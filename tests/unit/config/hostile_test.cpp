#include <chrono>
#include <random>

#include "support.hpp"

using namespace tenon::test;

TEST_CASE("hostile: an environment of 100 000 variables") {
  Loader l;
  for (int i = 0; i < 100'000; ++i) l.env("V" + std::to_string(i), "x");
  CHECK(l.env("TENON__LOG__LEVEL", "debug").good().host.log.level == 10);
}

TEST_CASE("hostile: 20 000 unknown settings are refused with a bounded report") {
  Loader l;
  for (int i = 0; i < 20'000; ++i) l.env("TENON__UNKNOWN" + std::to_string(i) + "__X", "x").env("TENON_" + std::to_string(i) + "__X", "x");
  const std::string text = l.bad();
  CHECK(l.diagnostics.error_count() == 101);
  CHECK(contains(text, "there are 19900 more errors here"));
  CHECK(contains(text, "there are 19900 more warnings here"));
}

TEST_CASE("hostile: 20 000 settings of one module") {
  Loader l;
  for (int i = 0; i < 20'000; ++i) l.env("TENON__MODULES__M__CONFIG__K" + std::to_string(i), "x");
  const Config& c = l.good();
  CHECK(c.host.modules.at("m").pending.size() == 20'000);
}

TEST_CASE("hostile: a file with as many unknown keys as fit") {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  Loader l;
  l.file(text).bad();
  CHECK(l.diagnostics.error_count() == 101);
}

TEST_CASE("hostile: values of a megabyte, names with control characters, NUL, broken UTF-8") {
  const std::string megabyte(1024 * 1024, 'x');
  Loader l;
  l.env("TENON__LOG__LEVEL", megabyte)
      .env("TENON__LOG__\x1b[31mLEVEL", "x")
      .env("TENON__\xFF\xFE", "x")
      .env("TENON__INSTANCE__NAME", "\xFF")
      .env(std::string("TENON__A\0B", 10), "x")
      .env("TENON__LOG__FILE__PATH", std::string("/a\0b", 4))
      .env("TENON__PATHS__PLUGINS", "[" + megabyte + "]")
      .env("TENON__" + megabyte, "x")
      .set(megabyte)
      .set(megabyte + "=1")
      .set("log.level=" + megabyte)
      .set(std::string("log.\0=1", 7))
      .set("modules.m.config.\x1b=1")
      .set("modules.\n.enabled=true");
  const std::string text = l.bad();
  CHECK(text.size() < 100'000);
  for (char c : text) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
}

TEST_CASE("hostile: deep paths") {
  std::string deep = "modules.m.config";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  Loader l;
  CHECK(contains(l.set(deep + "=1").bad(), "the path has more than 64 keys"));
  std::string name = "TENON__MODULES__M__CONFIG";
  for (int i = 0; i < 40'000; ++i) name += "__A";
  CHECK(contains(Loader().env(name, "x").bad(), "more than 64 keys"));
}

TEST_CASE("hostile: files that are not YAML") {
  for (const std::string& text : {std::string("\xFF\xFE"), std::string("a: [", 4), std::string("a: 1\na: 2"), std::string("--- a\n--- b"),
                                  std::string("&a [*a]"), std::string("\0", 1), std::string(200, '['), std::string("a: &x 1\nb: *y")}) {
    Loader l;
    CHECK_FALSE(l.file(text).bad().empty());
  }
}

TEST_CASE("hostile: names of files") {
  Loader l;
  l.input.files_given = true;
  l.input.files = {"", std::string("a\0b", 3), std::string(5000, 'x'), "/dev/null/x", "/proc/self/mem/../../nonexistent"};
  l.bad();
  CHECK(l.diagnostics.error_count() >= 5);
}

TEST_CASE("hostile: random texts in every place change nothing but the report") {
  std::mt19937 random(1);
  const std::string alphabet = "TENONSUPER__.=${}:-[]\",'ab\n\t\x01\xC3\xBC*|>&!#%@/0129logmdueselcinfg ";
  const auto text = [&](std::size_t max) {
    std::string out;
    for (std::size_t n = random() % max; n > 0; --n) out += alphabet[random() % alphabet.size()];
    return out;
  };
  for (int i = 0; i < 500; ++i) {
    Loader l;
    for (int k = 0; k < 4; ++k)
      l.env((k % 2 != 0 ? "TENON__" : "TENON_SUPER__MODULES__M__CONFIG__") + text(12), text(40))
          .set(text(40))
          .set("modules.m.config." + text(8) + "=" + text(30));
    ConfigInput input = l.input;
    Diagnostics d;
    const auto c = load_config(input, d);
    CHECK((c == nullptr) == d.has_errors());
    if (!c) continue;
    Diagnostics m;
    const auto resolved = resolve_module_config("m", yaml("{type: object}"), Value(), *c, m);
    if (resolved) CHECK_FALSE(config_to_json(*c, {{"m", &*resolved}}).empty());
  }
}

TEST_CASE("cost: a thousand modules with settings are linear") {
  const auto seconds = [](int modules) {
    std::string text = "modules:\n";
    for (int i = 0; i < modules; ++i)
      text += "  m" + std::to_string(i) + ": {enabled: true, timeouts: {start: 5s}, config: {a: 1, b: {c: [1, 2], d: text}}}\n";
    Loader l;
    l.file(text);
    for (int i = 0; i < modules; ++i) l.env("TENON__MODULES__M" + std::to_string(i) + "__CONFIG__A", "2");
    double best = 1e9;
    for (int run = 0; run < 3; ++run) {
      const auto start = std::chrono::steady_clock::now();
      l.load();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      REQUIRE(l.config);
    }
    return best;
  };
  // Ten times the input; quadratic cost would be a hundred times, every time. A busy machine gets several attempts.
  bool linear = false;
  for (int attempt = 0; attempt < 5 && !linear; ++attempt) {
    const double small = seconds(100), large = seconds(1000);
    MESSAGE("100 modules " << small * 1000 << " ms, 1000 modules " << large * 1000 << " ms");
    linear = large < small * 40;
  }
  CHECK(linear);
}
