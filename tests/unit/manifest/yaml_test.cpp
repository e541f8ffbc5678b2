// What YAML texts mean.
#include "support.hpp"

using namespace tenon::host;
using test::yaml;

TEST_CASE("yaml: plain scalars resolve by the core schema") {
  CHECK(yaml("[null, Null, NULL, ~]") == "[null,null,null,null]");
  CHECK(yaml("[true, True, TRUE, false, False, FALSE]") == "[true,true,true,false,false,false]");
  CHECK(yaml("[yes, no, on, off, y, n, nULL, tRUE]") == R"(["yes","no","on","off","y","n","nULL","tRUE"])");
  CHECK(yaml("[0, 7, -7, +7, 9223372036854775807, -9223372036854775808]") == "[0,7,-7,7,9223372036854775807,-9223372036854775808]");
  CHECK(yaml("[0o17, 0x1F, 0xff, 0o8, 0xg, -0x1]") == R"([15,31,255,"0o8","0xg","-0x1"])");
  CHECK(yaml("[0777, 00, -01, 0, 1_000]") == R"(["0777","00","-01",0,"1_000"])");
  CHECK(yaml("[1.5, -.5, 1., 1e3, 1E-2, +2.5e+1, 1e-400]") == "[1.5,-0.5,1.0,1000.0,0.01,25.0,0.0]");
  CHECK(yaml("[9223372036854775808, 0x10000000000000000]") == "[9223372036854775808.0,18446744073709551616.0]");
  CHECK(yaml("[., -, +, .e1, 1e, 1e+, 1.2.3, 12:30, 2024-01-01, 1.4.2, e5]") ==
        R"([".","-","+",".e1","1e","1e+","1.2.3","12:30","2024-01-01","1.4.2","e5"])");
}

TEST_CASE("yaml: quoted and block scalars are strings") {
  CHECK(yaml(R"(["null", 'true', "1", '', ""])") == R"(["null","true","1","",""])");
  CHECK(yaml(R"(["a\tb\n\x41\u00e9\U0001F600\\\"", 'it''s'])") == R"j(["a\tb\nAé😀\\\"","it's"])j");
  CHECK(yaml("a: |\n  x\n   y\n\nb: >-\n  p\n  q\n\n  r\n") == R"({"a":"x\n y\n","b":"p q\nr"})");
  CHECK(yaml("a: |-\n  1\nb: |+\n  2\n\nc: 3") == R"({"a":"1","b":"2\n\n","c":3})");
  CHECK(yaml("a: \"x\n  y\"\nb: p\n  q") == R"({"a":"x y","b":"p q"})");
}

TEST_CASE("yaml: lists and maps, block and flow") {
  CHECK(yaml("a:\n- 1\n- - 2\n  - 3\n-\n  b: 4\n  c:\n    d: 5\n") == R"({"a":[1,[2,3],{"b":4,"c":{"d":5}}]})");
  CHECK(yaml("{a: [1, {b: 2}, c: 3], \"d\":4, e}") == R"({"a":[1,{"b":2},{"c":3}],"d":4,"e":null})");
  CHECK(yaml("{}") == "{}");
  CHECK(yaml("[]") == "[]");
  CHECK(yaml("[1, 2,]") == "[1,2]");
  CHECK(yaml("? a\n: 1\n? b\n") == R"({"a":1,"b":null})");
  CHECK(yaml("?\n  a\n: 1\n") == R"({"a":1})");
  CHECK(yaml("a:\nb: ~\nc: # nothing\n") == R"({"a":null,"b":null,"c":null})");
  CHECK(yaml("- a\n-\n- # c\n- b\n") == R"(["a",null,null,"b"])");
  CHECK(yaml("<<: {a: 1}\nb: 2") == R"({"<<":{"a":1},"b":2})");
  CHECK(yaml("a: ${X:-y}\nb: http://x/y#z\nc: x:y") == R"({"a":"${X:-y}","b":"http://x/y#z","c":"x:y"})");
}

TEST_CASE("yaml: comments, line ends, byte order mark, document marks, directives") {
  CHECK(yaml("# c\na: 1 # d\n#e\nb: a#b\n") == R"({"a":1,"b":"a#b"})");
  CHECK(yaml("a: 1\r\nb:\r\n  - c\r\n") == R"({"a":1,"b":["c"]})");
  CHECK(yaml("\xEF\xBB\xBF"
             "a: 1") == R"({"a":1})");
  CHECK(yaml("---\na: 1\n...\n") == R"({"a":1})");
  CHECK(yaml("--- {a: 1}\n# end\n") == R"({"a":1})");
  CHECK(yaml("%YAML 1.2\n---\na: 1\n") == R"({"a":1})");
  CHECK(yaml("a: \xC3\xA9\xF0\x9F\x98\x80\nb: \"\xE2\x80\xA8\"\n") == "{\"a\":\"\xC3\xA9\xF0\x9F\x98\x80\",\"b\":\"\xE2\x80\xA8\"}");
}

TEST_CASE("yaml: nothing is an empty map, a written null is null") {
  CHECK(yaml("") == "{}");
  CHECK(yaml("# only a comment\n") == "{}");
  CHECK(yaml("---\n") == "{}");
  CHECK(yaml("\n  \n...\n") == "{}");
  CHECK(yaml("null") == "null");
  CHECK(yaml("~\n") == "null");
  CHECK(yaml("5") == "5");
}

TEST_CASE("yaml: tags of the core schema") {
  CHECK(yaml("[!!str 5, !!int 5, !!float 5, !!float 5.5, !!bool true, !!null ~, ! 5, !!str ]") == R"(["5",5,5.0,5.5,true,null,"5",""])");
  CHECK(yaml("!!map {a: !!seq [1]}") == R"({"a":[1]})");
  CHECK(yaml("!!str 5: a") == R"({"5":"a"})");
}

TEST_CASE("yaml: aliases are written out") {
  CHECK(yaml("a: &x {p: [1, &y {q: 2}]}\nb: *x\nc: *y\n") == R"({"a":{"p":[1,{"q":2}]},"b":{"p":[1,{"q":2}]},"c":{"q":2}})");
  CHECK(yaml("- &a 1\n- &a 2\n- *a\n") == "[1,2,2]");
  CHECK(yaml("a: [&x 1, [*x, *x]]\nb: {c: &z , d: *z}") == R"({"a":[1,[1,1]],"b":{"c":null,"d":null}})");
  CHECK(yaml("&r\na: 1\nb: [&s [x], {k: *s}]") == R"({"a":1,"b":[["x"],{"k":["x"]}]})");
}

TEST_CASE("yaml: one value in flow form") {
  const auto flow = [](const std::string& text) {
    Diagnostics d;
    const std::optional<Value> v = parse_yaml_flow(test::source(text), d);
    CHECK(v.has_value() == !d.has_errors());
    return v ? to_json(*v) : test::brief(d);
  };
  CHECK(flow("[a, 1, {b: true}]") == R"(["a",1,{"b":true}])");
  CHECK(flow("{x: 1}") == R"({"x":1})");
  CHECK(flow("5") == "5");
  CHECK(flow("\"5\"") == "\"5\"");
  CHECK(flow("") == "null");
  CHECK(flow("a: 1") == "1:1+1 yaml.syntax");
  CHECK(flow("- a") == "1:1+1 yaml.syntax");
  CHECK(flow("[a") == "1:1+1 yaml.syntax");
  CHECK(flow("{a: 1, a: 2}") == "1:8+1 yaml.duplicate_key");
  CHECK(flow("[a]\n[b]") == "2:1+1 yaml.syntax");
}
