// The short cut for plain texts gives what yaml-cpp gives, places included, and is taken where it should be.
#include "manifest/yaml_paths.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "support.hpp"

using namespace tenon::host;

namespace {

std::string at(const Where& w) { return std::to_string(w.line) + ":" + std::to_string(w.column) + "+" + std::to_string(w.length); }

std::string shape(const Value& v) {
  std::string out = at(v.where()) + " ";
  if (const ValueMap* map = v.as_map()) {
    out += "{";
    for (const ValueMap::Member& m : *map) out += m.key + "@" + at(m.key_where) + "=" + shape(m.value) + ",";
    return out + "}";
  }
  if (const ValueList* list = v.as_list()) {
    out += "[";
    for (const Value& x : *list) out += shape(x) + ",";
    return out + "]";
  }
  return out + to_json(v);
}

/// True if the short cut read the text; then yaml-cpp must agree.
bool agree(const std::string& text) {
  const SourceRef source = test::source(text);
  const std::optional<Value> plain = parse_plain_yaml(source);
  if (!plain) return false;
  Diagnostics d;
  const std::optional<Value> full = parse_yaml_with_yaml_cpp(source, d);
  CHECK_MESSAGE(full.has_value(), text << "\n" << to_text(d));
  if (full) CHECK_MESSAGE(shape(*plain) == shape(*full), text);
  return true;
}

const char* const plain_texts[] = {
    "a: 1\n",
    "a: 1",
    "# c\n\na: foo bar # c\n  # d\nb: 'it''s'\n\"c\": \"q\\\"\\\\\\n\\t\"\n",
    "a:\n  b:\n    c: 1\n  d: ~\ne:\nf: null\n",
    "a:\n- x\n-\n- - 1\n  - 2\n- k: v\n  l:\n  - m\n-\n  n: o\nb: []\n",
    "a: [1, 2.5, true, x y, http://a/b, 'q', \"r\", {}, [[]], {k: v, l: [m]}] # c\n",
    "a: [1,\n    # c\n    2,\n\n  {k: v,\n   \"l m\": w}]\nb: 1\n",
    "a: x#y\nb: x:y\nc: -1\nd: -x\ne: 1.4.2\nf: ${X:-y}\ng: a, b] }\nh: it's \"q\"\n",
    "caf: \xC3\xA9t\xC3\xA9 # \xC3\xA9\nb: [\xC3\xA9, x]\n",
    "a:    1   \nb:   [ x , y ]   \nc:   {  k:   v  }  \n",
    "x-a: 1\nx.b: 2\n_c: 3\nD-9: 4\n",
    "a:\n\n  # c\n\n  b: 1\n\n\nc: 2\n\n",
};

}  // namespace

TEST_CASE("yaml paths: plain texts take the short cut and mean the same") {
  for (const char* text : plain_texts) CHECK_MESSAGE(agree(text), text);
}

TEST_CASE("yaml paths: what is not plain is left to yaml-cpp") {
  for (const char* text : {"",
                           "# c\n",
                           "- a\n",
                           "[a]",
                           "a: &x 1\n",
                           "a: *x\n",
                           "a: !!str 1\n",
                           "a: |\n  x\n",
                           "a: >\n  x\n",
                           "a: x\n  y\n",
                           "a: 'x\n  y'\n",
                           "? a\n: b\n",
                           "---\na: 1\n",
                           "a: 1\n---\n",
                           "a: 1\n...\n",
                           "%YAML 1.2\n---\na: 1\n",
                           "a:\tb\n",
                           "a: 1\r\n",
                           "a: \"\\x41\"\n",
                           "1: a\n",
                           "null: a\n",
                           "true: a\n",
                           "a: 1\na: 2\n",
                           "a: {b: 1, b: 2}\n",
                           "a: b: c\n",
                           "a: [1, 2\n",
                           "a: {b}\n",
                           "a: [b: c]\n",
                           "a: [1,]\n",
                           "a: [,]\n",
                           "a: 'x\n",
                           "a\n",
                           "a: 1\n  b: 2\n",
                           "a:\n    b: 1\n  c: 2\n",
                           "a: - b\n",
                           "a: .inf\n",
                           "a: @x\n",
                           "a: 'x' y\n",
                           "a: [x] y\n",
                           "a: [x?y]\n",
                           "a: [\nb]\n",
                           " a: 1\n",
                           "a: 1\n b: 2\n",
                           "a:\n  x\n",
                           "a: x:\n",
                           "a:b\n",
                           "- a: 1\n",
                           "a:\n - b\n  - c\n",
                           "a: [{b: c}\n",
                           "a : 1\n",
                           "\xEF\xBB\xBF"
                           "a: 1\n",
                           "a: \x01\n",
                           "a: \xFF\n"})
    CHECK_MESSAGE(!agree(text), text);
}

TEST_CASE("yaml paths: the same limits") {
  YamlLimits limits;
  limits.max_nodes = 5;  // map, key, list, two entries
  CHECK(parse_plain_yaml(test::source("a: [1, 2]\n"), limits));
  limits.max_nodes = 4;
  CHECK_FALSE(parse_plain_yaml(test::source("a: [1, 2]\n"), limits));
  limits = {};
  for (std::size_t depth : {63, 64}) {
    const std::string text = "a: " + std::string(depth, '[') + std::string(depth, ']') + "\n";
    CHECK(agree(text) == (depth == 63));
    Diagnostics d;
    CHECK(parse_yaml(test::source(text), d).has_value() == (depth == 63));
  }
  CHECK_FALSE(parse_plain_yaml(test::source("a: " + std::string(500000, '[')), limits));
}

TEST_CASE("yaml paths: every stored text") {
  std::size_t taken = 0;
  for (const char* directory : {TENON_GOLDEN_DIR, TENON_CORPUS_DIR})
    for (const auto& e : std::filesystem::directory_iterator(directory)) {
      std::ifstream in(e.path(), std::ios::binary);
      taken += agree({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()}) ? 1 : 0;
    }
  CHECK(taken >= 10);
}

TEST_CASE("yaml paths: mutated texts") {
  // Deterministic. Each round changes a few bytes or lines of a plain text, mostly into what YAML gives a meaning.
  std::mt19937 random(1);  // NOLINT: the same texts in every run
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::string alphabet = "\n\n  :-#,[]{}\"'ab1~.?!&*|>%\\\t\r";
  std::size_t taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = plain_texts[below(std::size(plain_texts))];
    for (std::size_t edits = 1 + below(4); edits > 0 && !text.empty(); --edits) {
      const std::size_t i = below(text.size());
      switch (below(4)) {
        case 0:
          text[i] = alphabet[below(alphabet.size())];
          break;
        case 1:
          text.insert(i, 1, alphabet[below(alphabet.size())]);
          break;
        case 2:
          text.erase(i, 1 + below(3));
          break;
        default:
          text.insert(i, plain_texts[below(std::size(plain_texts))]);
      }
    }
    taken += agree(text) ? 1 : 0;
  }
  CHECK(taken > 2000);
}
