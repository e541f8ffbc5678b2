// Patterns that cannot be used say which part of them it is.
#include <doctest/doctest.h>

#include "schema_pattern.hpp"

using namespace tenon::host;
using namespace tenon::host::json_schema;

namespace {
std::string why_not(std::string_view pattern) {
  const auto compiled = Pattern::compile(pattern);
  return compiled ? "" : compiled.error().message;
}
bool finds(std::string_view pattern, std::string_view text) {
  const auto compiled = Pattern::compile(pattern);
  REQUIRE_MESSAGE(compiled, compiled.error().message);
  return compiled->search(text);
}
}  // namespace

TEST_CASE("what RE2 cannot do is named") {
  CHECK(why_not("a(?=b)") == "look-ahead `(?=` is not supported");
  CHECK(why_not("a(?!b)") == "look-ahead `(?!` is not supported");
  CHECK(why_not("(?<=a)b") == "look-behind `(?<=` is not supported");
  CHECK(why_not("(?<!a)b") == "look-behind `(?<!` is not supported");
  CHECK(why_not("(a)\\1") == "the back-reference `\\1` is not supported");
  CHECK(why_not("(?<n>a)\\k<n>") == "the back-reference `\\k` is not supported");
  CHECK(why_not("a{1001}") == "`{1001}` repeats more than 1000 times");
  CHECK(why_not("a{2,99999999999999999999}") == "`{2,99999999999999999999}` repeats more than 1000 times");
  CHECK(why_not("(?:a{500}){500}").find("RE2 says ") == 0);
  CHECK(why_not("((((((((((\\p{L}{100}){2}){2}){2}){2}){2}){2}){2}){2}){2})").find("RE2 says ") == 0);
}

TEST_CASE("what is not ECMA-262 is named") {
  CHECK(why_not("\\Afoo") == "the escape `\\A` is not ECMA-262; the beginning is `^`");
  CHECK(why_not("foo\\z") == "the escape `\\z` is not ECMA-262; the end is `$`");
  CHECK(why_not("\\Qa.b\\E") == "the escape `\\Q` is not ECMA-262");
  CHECK(why_not("\\a") == "the escape `\\a` is not ECMA-262");
  CHECK(why_not("\\07") == "the escape `\\0` is not ECMA-262");
  CHECK(why_not("\\c1") == "the escape `\\c` is not ECMA-262");
  CHECK(why_not("(?i)foo") == "`(?i` is not ECMA-262; for either case write `(?i:...)`");
  CHECK(why_not("(?P<n>a)") == "`(?P<` is not ECMA-262; a named group is written `(?<name>...)`");
  CHECK(why_not("(?<>a)") == "the group name after `(?<` is missing or not closed by `>`");
  CHECK(why_not("[a") == "a `[` is not closed");
  CHECK(why_not("[z-a]") == "a range in `[...]` is out of order");
  CHECK(why_not("\\") == "it ends in a lone backslash");
  CHECK(why_not("[\\") == "it ends in a lone backslash");
  CHECK(why_not("\\x1") == "`\\x` needs two hexadecimal digits");
  CHECK(why_not("\\u12") == "`\\u` needs four hexadecimal digits, or a code point in braces");
  CHECK(why_not("\\u{110000}") == "`\\u` needs four hexadecimal digits, or a code point in braces");
  CHECK(why_not("\\u{}") == "`\\u` needs four hexadecimal digits, or a code point in braces");
  CHECK(why_not("\\uD83D") == "`\\u` names half of a surrogate pair, which no text contains");
  CHECK(why_not("\\uD83D\\u0041") == "`\\u` names half of a surrogate pair, which no text contains");
  CHECK(why_not("\\pL") == "`\\p` needs a property in braces, such as `\\p{Letter}`");
  CHECK(why_not("\\p{Emoji=x}") == "the property `\\p{Emoji=x}` is not known");
  CHECK(why_not("\\p{}") == "the property `\\p{}` is not known");
  CHECK(why_not("\\p{Nonsense}").find("RE2 says ") == 0);
  CHECK(why_not("(").find("RE2 says ") == 0);
  CHECK(why_not(")").find("RE2 says ") == 0);
  CHECK(why_not("*").find("RE2 says ") == 0);
  CHECK(why_not("a**").find("RE2 says ") == 0);
  CHECK(why_not("\xff") == "it is not valid UTF-8");
  CHECK(why_not(std::string(4097, 'a')) == "it is longer than 4096 bytes");
}

TEST_CASE("patterns match bytes that are no text without harm") {
  CHECK_FALSE(finds("^.$", "\xff"));
  CHECK(finds("b",
              "\xff\xfe"
              "b"));
  CHECK(finds("", "\xff"));
}

TEST_CASE("a pattern of properties repeated is within the limits") { CHECK(finds("^[\\p{L}\\p{N}_-]{1,64}$", "größe_1")); }

TEST_CASE("hostile patterns run in linear time") {
  const std::string text(100'000, 'a');
  CHECK_FALSE(finds("^(a+)+$", text + "b"));
  CHECK_FALSE(finds("^(a|a)*$", text + "b"));
  CHECK(finds("^(a?){100}a{100}", text));
}
