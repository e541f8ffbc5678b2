// Where values and keys were written.
#include "support.hpp"

using namespace tenon::host;

namespace {

std::string at(const Where& w) { return std::to_string(w.line) + ":" + std::to_string(w.column) + "+" + std::to_string(w.length); }

/// Every value with its place, maps with the places of their keys.
std::string places(const Value& v) {
  std::string out = at(v.where());
  if (const ValueMap* map = v.as_map()) {
    out += "{";
    for (const ValueMap::Member& m : *map) out += " " + m.key + "@" + at(m.key_where) + "=" + places(m.value);
    out += " }";
  }
  if (const ValueList* list = v.as_list()) {
    out += "[";
    for (const Value& x : *list) out += " " + places(x);
    out += " ]";
  }
  return out;
}

std::string places(const std::string& text) {
  Diagnostics d;
  const SourceRef source = test::source(text);
  const std::optional<Value> v = parse_yaml(source, d);
  REQUIRE_MESSAGE(v.has_value(), to_text(d));
  CHECK(v->source() == source);
  return places(*v);
}

}  // namespace

TEST_CASE("yaml place: scalars are underlined whole") {
  CHECK(places("a: foo\n\"b\": 'x y'\n") == "1:1+1{ a@1:1+1=1:4+3 b@2:1+3=2:6+5 }");
  CHECK(places("[a, 'it''s', \"\\\"\", 12]") == "1:1+1[ 1:2+1 1:5+7 1:14+4 1:20+2 ]");
  CHECK(places("a: |\n  foo\nb: >- # c\n  x\n") == "1:1+1{ a@1:1+1=1:4+1 b@3:1+1=3:4+6 }");
  CHECK(places("a: foo\n  bar\nb: \"x\n  y\"\n") == "1:1+1{ a@1:1+1=1:4+3 b@3:1+1=3:4+2 }");
}

TEST_CASE("yaml place: columns count characters") {
  CHECK(places("\xC3\xA9: \xC3\xA9\xC3\xA9\nx: [\xF0\x9F\x98\x80, b]\n") == "1:1+1{ \xC3\xA9@1:1+1=1:4+2 x@2:1+1=2:4+1[ 2:5+1 2:8+1 ] }");
  CHECK(places("a: 1\r\nb:\r\n  - c\r\n") == "1:1+1{ a@1:1+1=1:4+1 b@2:1+1=3:3+1[ 3:5+1 ] }");
  CHECK(places("\xEF\xBB\xBF"
               "a: 1\nb: 2") == "1:2+1{ a@1:2+1=1:5+1 b@2:1+1=2:4+1 }");
}

TEST_CASE("yaml place: lists and maps begin at their first entry or bracket") {
  CHECK(places("a:\n  - x\n  - y: 1\n    z: {}\n") == "1:1+1{ a@1:1+1=2:3+1[ 2:5+1 3:5+1{ y@3:5+1=3:8+1 z@4:5+1=4:8+1{ } } ] }");
  CHECK(places("[a: 1, b]") == "1:1+1[ 1:2+1{ a@1:2+1=1:5+1 } 1:8+1 ]");
  CHECK(places("? a\n: b\n") == "1:1+1{ a@1:3+1=2:3+1 }");
}

TEST_CASE("yaml place: what is not written has the place of its key or dash") {
  CHECK(places("a:\nbb:\n  # c\nc: 1\n") == "1:1+1{ a@1:1+1=1:1+1 bb@2:1+2=2:1+2 c@4:1+1=4:4+1 }");
  CHECK(places("a:\nnull_x: 1\n") == "1:1+1{ a@1:1+1=1:1+1 null_x@2:1+6=2:9+1 }");
  CHECK(places("key:\n  null\n") == "1:1+1{ key@1:1+3=2:3+4 }");
  CHECK(places("{a, b: , c: ~}") == "1:1+1{ a@1:2+1=1:2+1 b@1:5+1=1:5+1 c@1:10+1=1:13+1 }");
  CHECK(places("- a\n-\n# -\n- [x]\n-\n") == "1:1+1[ 1:3+1 2:1+1 4:3+1[ 4:4+1 ] 5:1+1 ]");
  CHECK(places("-") == "1:1+1[ 1:1+1 ]");
}

TEST_CASE("yaml place: properties do not count") {
  CHECK(places("a: &x !!str foo\nb: *x\nc: !!map\n  d: 1\n") == "1:1+1{ a@1:1+1=1:13+3 b@2:1+1=2:4+2 c@3:1+1=4:3+1{ d@4:3+1=4:6+1 } }");
}
