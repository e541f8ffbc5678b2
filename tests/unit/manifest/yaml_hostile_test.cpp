// Limits, and that no text of a megabyte costs a stack or more than linear time.
#include <pthread.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <vector>

#include "support.hpp"

using namespace tenon::host;
using test::refusal;
using test::yaml;

namespace {

std::string repeat(std::string_view unit, std::size_t bytes) {
  std::string out;
  out.reserve(bytes);
  while (out.size() + unit.size() <= bytes) out += unit;
  return out;
}

/// Runs `f` on a stack of 256 KiB (sanitizers need more for their red zones: 2 MiB).
void on_small_stack(std::function<void()> f) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::size_t size = 2048 * 1024;
#else
  constexpr std::size_t size = 256 * 1024;
#endif
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, size);
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, &attributes,
              [](void* p) -> void* {
                (*static_cast<std::function<void()>*>(p))();
                return nullptr;
              },
              &f) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

/// Of this thread's own time, so that a busy machine does not count.
double milliseconds(const std::string& text) {
  const SourceRef source = test::source(text);
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
  };
  double best = 1e9;
  for (int round = 0; round < 2; ++round) {
    Diagnostics d;
    const double begin = now();
    (void)parse_yaml(source, d);
    best = std::min(best, now() - begin);
  }
  return best;
}

const std::vector<std::string>& units() {
  static const std::vector<std::string> all = {"[",         "{",         "- ",          "? ",        "[ ",       "{a: ",        "[[],",
                                               "- - ",      "? - ",      "a: ",         "- [",       "\n- ",     "\n[",         ": ",
                                               "[: ",       "[? ",       "{? ",         "&a ",       "!a ",      "*a ",         "[*a,",
                                               "\"",        "'",         "\\",          "a",         "a\n",      "\n",          "#",
                                               "# x\n",     "- a\n",     "a,",          "[a,",       "{a,",      "|",           ">\n ",
                                               "- |\n a\n", "%A\n",      "---\n",       "...\n",     "\t",       "--- ",        "[\"a\"]",
                                               "\"\\\"",    "\xC3\xA9",  "- &a x\n",    "a:\n",      "a: 1\n",   "x: [",        "? a\n",
                                               "[a]: ",     "{}: ",      "''\n",        "- 1e999\n", "<<: *a\n", "- \"a\\\"\n", "-\n#-\n",
                                               "!<",        "- !!str\n", "\xEF\xBB\xBF"};
  return all;
}

}  // namespace

TEST_CASE("yaml limit: size, nodes, depth, aliases") {
  YamlLimits limits;
  limits.max_bytes = 10;
  CHECK(yaml("a: 1234567", limits) == R"({"a":1234567})");
  CHECK(refusal("a: 12345678", limits) == "0:0+1 yaml.limit");
  limits = {};
  limits.max_nodes = 5;
  CHECK(yaml("[1, 2, 3, 4]", limits) == "[1,2,3,4]");
  CHECK(refusal("- 1\n- 2\n- 3\n- 4\n- 5", limits) == "5:3+1 yaml.limit");
  CHECK(refusal("a: &x [1, 2]\nb: *x", limits) == "2:1+1 yaml.limit");
  limits = {};
  limits.max_depth = 3;
  CHECK(yaml("[[[1]]]", limits) == "[[[1]]]");
  CHECK(refusal("[[[[1]]]]", limits) == "1:4+1 yaml.limit");
  CHECK(refusal("a: &x [[1]]\nb: [*x]", limits) == "2:5+2 yaml.limit");
  CHECK(yaml("a: &x [[1]]\nb: *x", limits) == R"({"a":[[1]],"b":[[1]]})");
  limits = {};
  limits.max_aliases = 2;
  CHECK(yaml("[&a 1, *a, *a]", limits) == "[1,1,1]");
  CHECK(refusal("[&a 1, *a, *a, *a]", limits) == "1:16+2 yaml.limit");
}

TEST_CASE("yaml limit: depth 64 is allowed in every style, 65 is not") {
  for (const char* open : {"[", "- ", "{a: "}) {
    std::string text, closing;
    for (int i = 0; i < 64; ++i) {
      text += open;
      if (*open == '[') closing += "]";
      if (*open == '{') closing += "}";
    }
    CHECK(yaml(text + "1" + closing).find("error") == std::string::npos);
    CHECK(yaml(std::string(open) + text + "1" + closing).find("nested deeper than 64 levels") != std::string::npos);
  }
}

TEST_CASE("yaml limit: brackets are counted before yaml-cpp reads ahead") {
  CHECK(refusal(std::string(5000, '[')) == "1:1025+1 yaml.limit");
  CHECK(refusal("a: 1\nb: " + repeat("{x: ", 20000)) == "2:4100+1 yaml.limit");
  CHECK(refusal("- [" + repeat("a,", 300000) + "]").find("yaml.limit") != std::string::npos);
  CHECK(yaml("a: '" + std::string(1000, '[') + "'\n").find("error") == std::string::npos);
  CHECK(yaml("b: |\n  " + repeat("1,2,", 400000)).find("error") == std::string::npos);
}

TEST_CASE("yaml limit: an alias bomb is refused before it is written out") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) bomb += (j == 0 ? "" : ", ") + below;
    bomb += "]\n";
  }
  CHECK(refusal(bomb).find("yaml.limit") != std::string::npos);
  CHECK(milliseconds(bomb) < 1000);
}

TEST_CASE("yaml hostile: a megabyte of nesting fits a small stack") {
  on_small_stack([] {
    for (const std::string& unit : units()) {
      const bool nests = unit.find_first_of("[{-?:") != std::string::npos;
      const SourceRef source = test::source(repeat(unit, (nests ? 1024 : 64) * 1024));
      Diagnostics d;
      const std::optional<Value> v = parse_yaml(source, d);
      CHECK_MESSAGE(v.has_value() != d.has_errors(), unit);
    }
  });
}

TEST_CASE("yaml hostile: twice the text costs about twice the time") {
  for (const std::string& unit : units()) {
    const std::string text = repeat(unit, 64 * 1024);
    const std::string first_half = repeat(unit, 32 * 1024);
    // Quadratic would be 4, every time; the absolute bound forgives noise where nearly nothing is done, the attempts a busy machine.
    double half = 0, whole = 0;
    bool linear = false;
    for (int attempt = 0; attempt < 8 && !linear; ++attempt) {
      half = milliseconds(first_half);
      whole = milliseconds(text);
      linear = whole < 10 || whole < 3.3 * half;
    }
    CHECK_MESSAGE(linear, unit << ": " << half << " ms, " << whole << " ms");
  }
}

TEST_CASE("yaml hostile: many keys, anchors, wide lines") {
  std::string keys, anchors, line = "{";
  for (int i = 0; i < 20000; ++i) {
    keys += "k" + std::to_string(i) + ": 1\n";
    anchors += "- &k" + std::to_string(i) + " 1\n";
    line += "k\xC3\xA9" + std::to_string(i) + ": ~, ";
  }
  line += "}";
  for (const std::string& text : {keys, anchors, line}) {
    Diagnostics d;
    CHECK(parse_yaml(test::source(text), d));
    CHECK(milliseconds(text) < 30000);
  }
}

TEST_CASE("yaml hostile: every prefix of a text with everything in it") {
  const std::string text =
      "%YAML 1.2\n---\n# c\na: &x [1, {b: \"q\\u00e9\", 'c': *y}, c: ~]\nd: !!str |2-\n   x\n\n  y\n? e\n: >+\n z\n\nf: p\n  q # "
      "r\n\"g\":\n- - *x\n  -\n-\n...\n";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    Diagnostics d;
    const std::optional<Value> v = parse_yaml(test::source(text.substr(0, n)), d);
    CHECK(v.has_value() != d.has_errors());
    for (const Diagnostic& x : d.items()) CHECK(x.where.line <= 30);
    (void)to_text(d);
  }
}
