// What is refused, and where the finding points.
#include "support.hpp"

using namespace tenon::host;
using test::refusal;

TEST_CASE("yaml refusal: duplicate keys, all of them") {
  CHECK(refusal("a: 1\nb: {x: 1, y: 2, x: 3}\na: 2\n") == "2:17+1 yaml.duplicate_key; 3:1+1 yaml.duplicate_key");
  CHECK(refusal("\"a\": 1\n'a': 2") == "2:1+3 yaml.duplicate_key");
  CHECK(refusal("a: 1\na: {b: 1, b: 2}") == "2:1+1 yaml.duplicate_key; 2:11+1 yaml.duplicate_key");
  std::string many;
  for (int i = 0; i < 40; ++i) many += "k" + std::to_string(i) + ": 1\n";
  CHECK(refusal(many + "k7: 2\n") == "41:1+2 yaml.duplicate_key");
}

TEST_CASE("yaml refusal: an alias to what a duplicate key dropped adds no finding") {
  CHECK(refusal("a: &x 1\na: &y [1, &z 2]\nb: *y\nc: [*z, *x]\n") == "2:1+1 yaml.duplicate_key");
  CHECK(refusal("? {a: &z 1}\n: 2\nb: *z\n") == "1:3+1 yaml.key_type");
}

TEST_CASE("yaml refusal: keys that are not strings") {
  CHECK(refusal("80: a\ntrue: b\n~: c\n1.5: d\n") == "1:1+2 yaml.key_type; 2:1+4 yaml.key_type; 3:1+1 yaml.key_type; 4:1+3 yaml.key_type");
  CHECK(refusal("[a]: 1\nb: {{c: d}: 2}") == "1:1+1 yaml.key_type; 2:5+1 yaml.key_type");
  CHECK(refusal("? - a\n: 1") == "1:3+1 yaml.key_type");
  CHECK(refusal("{: 1}") == "1:2+1 yaml.key_type");
  CHECK(refusal("x: &k a\n*k : 1") == "2:1+2 yaml.key_type");
}

TEST_CASE("yaml refusal: what yaml-cpp lets pass") {
  CHECK(refusal("a: \"x\n") == "1:4+1 yaml.syntax");  // the end of the file as closing quote
  CHECK(refusal("a: 'x\nb: 1\n") == "1:4+1 yaml.syntax");
  CHECK(refusal("a: 1\nb") == "2:1+1 yaml.syntax");  // a key without a colon
  CHECK(refusal("a: 1\n'b'\n") == "2:1+1 yaml.syntax");
  CHECK(refusal("[a,,b]") == "1:4+1 yaml.syntax");  // an entry that is not there
  CHECK(refusal("[,]") == "1:2+1 yaml.syntax");
  CHECK(refusal("%FOO\na: 1") == "1:1+1 yaml.syntax");  // a directive without document
  CHECK(refusal("%FOO\n") == "1:1+1 yaml.syntax");
  CHECK(refusal("a: 1\n---\nb: 2\n") == "2:1+3 yaml.second_document");
  CHECK(refusal("---\n---\n") == "2:1+3 yaml.second_document");
  CHECK(refusal("a: 1\n...\nb: 2\n") == "3:1+1 yaml.syntax");
  CHECK(refusal("{a: 1} b") == "1:8+1 yaml.syntax");
  CHECK(refusal("- a\nb: 1\n") == "2:1+1 yaml.syntax");
  CHECK(refusal("a: &x [*x]") == "1:8+2 yaml.cyclic_alias");
  CHECK(refusal("&r\na: {b: [1, *r]}") == "2:12+2 yaml.cyclic_alias");
}

TEST_CASE("yaml refusal: syntax points at the culprit") {
  CHECK(refusal("a: b: c") == "1:5+1 yaml.syntax");
  CHECK(refusal("a:\n\tb: 1") == "2:1+1 yaml.syntax");
  CHECK(refusal("\ta: 1") == "1:1+1 yaml.syntax");
  CHECK(refusal("a: {b: [1, 2\n") == "1:8+1 yaml.syntax");  // the bracket that is open
  CHECK(refusal("{a: 1") == "1:1+1 yaml.syntax");
  CHECK(refusal("a: [1, 2\nb: 3\n") == "2:2+1 yaml.syntax");
  CHECK(refusal("[a, \"x, y]\n") == "1:5+1 yaml.syntax");  // the quote that is open
  CHECK(refusal("a: 1\n]") == "2:1+1 yaml.syntax");
  CHECK(refusal("a: @x") == "1:4+1 yaml.syntax");
  CHECK(refusal("a: 'x' y") == "1:8+1 yaml.syntax");
  CHECK(refusal("a: \"x\\qy\"") == "1:7+1 yaml.syntax");
  CHECK(refusal("a: - b") == "1:4+1 yaml.syntax");
  CHECK(refusal("a:\n    b: 1\n  c: 2\n") == "3:3+1 yaml.syntax");
  CHECK(refusal("a: \"x\n---\ny\"") == "2:1+3 yaml.syntax");
  CHECK(refusal("a: | x\n") == "1:6+1 yaml.syntax");
  CHECK(refusal("a: *x") == "1:4+2 yaml.unknown_alias");
  CHECK(refusal("? &k a\n: *k") == "2:3+2 yaml.unknown_alias");
}

TEST_CASE("yaml refusal: tags and numbers") {
  CHECK(refusal("a: !foo x\nb: !!int y\nc: !!binary z") == "1:4+4 yaml.tag; 2:10+1 yaml.tag; 3:4+8 yaml.tag");
  CHECK(refusal("a: &x !<tag:y> [1]\nb: !!seq {c: 1}") == "1:7+8 yaml.tag; 2:4+5 yaml.tag");
  CHECK(refusal("[.inf, -.INF, .nan, 1e999, -1e999]") ==
        "1:2+4 yaml.number; 1:8+5 yaml.number; 1:15+4 yaml.number; 1:21+5 yaml.number; 1:28+6 yaml.number");
}

TEST_CASE("yaml refusal: bytes that are no text") {
  using namespace std::string_literals;
  CHECK(refusal("a: 1\nb: \xFFx") == "2:4+1 yaml.encoding");
  CHECK(refusal("a: \xC0\x80") == "1:4+1 yaml.encoding");
  CHECK(refusal("a: \xED\xA0\x80") == "1:4+1 yaml.encoding");
  CHECK(refusal("\xC3\xA9: \xE2\x82") == "1:4+1 yaml.encoding");
  CHECK(refusal("abc: x\0y"s) == "1:7+1 yaml.encoding");
  CHECK(refusal("a: \x07") == "1:4+1 yaml.encoding");
  CHECK(refusal("a: 1\x04\nb: 2") == "1:5+1 yaml.encoding");  // yaml-cpp's mark for the end of the file
  CHECK(refusal("a: \x7F") == "1:4+1 yaml.encoding");
  CHECK(refusal("a: \xC2\x80") == "1:4+1 yaml.encoding");
  CHECK(refusal("a: \xEF\xBF\xBE") == "1:4+1 yaml.encoding");
  CHECK(refusal("a: 1\rb: 2\r") == "1:5+1 yaml.encoding");
  CHECK(refusal("\xFF\xFE"
                "a\0"s) == "0:0+1 yaml.encoding");
  CHECK(refusal("a\0:\0 \0b\0"s) == "0:0+1 yaml.encoding");
  CHECK(refusal("\0\0\0a"s) == "0:0+1 yaml.encoding");
  CHECK(test::yaml("a: \xC2\x85").find("error") == std::string::npos);
}

TEST_CASE("yaml refusal: at most 100 errors of one text") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "a: 1\n";
  Diagnostics d;
  CHECK_FALSE(parse_yaml(test::source(text), d));
  CHECK(d.error_count() == 100);
}

TEST_CASE("yaml refusal: escapes give whole characters or are refused, never half of one") {
  CHECK(test::yaml(R"(a: "\U0001F600 \u00e9 \xe9 \x80 \uFFFD \U0010FFFF")") ==
        "{\"a\":\"\xF0\x9F\x98\x80 \xC3\xA9 \xC3\xA9 \xC2\x80 \xEF\xBF\xBD \xF4\x8F\xBF\xBF\"}");
  for (const char* half : {R"(\ud83d)", R"(\uDE00)", R"(\uD83D\uDE00)", R"(\ude00\ud83d)"}) {
    CHECK_MESSAGE(test::refusal(std::string("a: \"") + half + "\"\n") == "1:5+6 yaml.syntax", half);
    CHECK_MESSAGE(test::refusal(std::string("{\"a\": [\"x") + half + "\"]}\n") == "1:10+6 yaml.syntax", half);
    CHECK_MESSAGE(test::refusal(std::string("\"") + half + "\": 1\n") == "1:2+6 yaml.syntax", half);
  }
  for (const char* beyond : {R"(\U00110000)", R"(\UFFFFFFFF)", R"(\U0000D800)"})
    CHECK_MESSAGE(test::refusal(std::string("a: \"") + beyond + "\"\n") == "1:5+10 yaml.syntax", beyond);
  CHECK(test::refusal(R"(a: "\u12")").find("yaml.syntax") != std::string::npos);
  CHECK(test::yaml(R"(a: "\ud83d\ude00")").find("`\\ud83d` is the escape of no character") != std::string::npos);
}
