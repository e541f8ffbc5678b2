#include <algorithm>
#include <vector>

#include "support.hpp"

using namespace tenon::host;

namespace {

Version v(std::string_view text) {
  Result<Version> r = Version::parse(text);
  REQUIRE_MESSAGE(static_cast<bool>(r), text);
  return *r;
}

bool in(std::string_view range, std::string_view version) {
  Result<VersionRange> r = VersionRange::parse(range);
  REQUIRE_MESSAGE(static_cast<bool>(r), range);
  CHECK(r->str() == range);
  return r->contains(v(version));
}

std::string range_error(std::string_view range) {
  Result<VersionRange> r = VersionRange::parse(range);
  REQUIRE_MESSAGE(!r, range);
  return r.error().message;
}

}  // namespace

TEST_CASE("version: what semver 2.0.0 allows is read and written back") {
  for (const char* text : {"0.0.0", "1.2.3", "10.20.30", "1.1.2-prerelease+meta", "1.1.2+meta", "1.0.0-alpha.0valid", "1.0.0-0A.is.legal",
                           "1.0.0--", "1.2.3----RC-SNAPSHOT.12.9.1--.12+788", "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
                           "18446744073709551615.0.0", "1.0.0-99999999999999999999999", "2.0.0+001", "1.0.0-0.0"})
    CHECK(v(text).str() == text);
  CHECK(v("1.2.3-a.b+c.d").prerelease == "a.b");
  CHECK(v("1.2.3-a.b+c.d").build == "c.d");
  CHECK(v("1.2.3+c-d").prerelease == "");
}

TEST_CASE("version: what semver 2.0.0 forbids is refused") {
  for (const char* text : {"",          "1",         "1.2",      "1.2.3.4",    "01.1.1",    "1.01.1",  "1.1.01",
                           "1.2.3-",    "1.2.3+",    "1.2.3-01", "1.2.3-a..b", "1.2.3-a.",  "v1.2.3",  "1.2.3-é",
                           "1.2.3+a+b", "1.2.3+a_b", "-1.2.3",   "+1.2.3",     "1..3",      "1.2.",    ".1.2",
                           " 1.2.3",    "1.2.3 ",    "1.2.x",    "a.b.c",      "1.2.3-a_b", "1.2.3.",  "1,2,3",
                           "1.2-beta",  "1.2+b.3",   "0x1.2.3",  "1.2.3-+b",   "1.2.3-a+",  "1.2.3\n", "18446744073709551616.0.0"})
    CHECK_MESSAGE(!Version::parse(text), text);
  CHECK(!Version::parse(std::string_view("1.2.3\0", 6)));
  CHECK(!Version::parse("1.2.3-" + std::string(250, 'a')));
  CHECK(Version::parse("1.2.3-" + std::string(249, 'a')));
}

TEST_CASE("version: the error says what is wrong") {
  CHECK(Version::parse("1.4").error().message == "`1.4` is not a version: it has fewer than three numbers");
  CHECK(Version::parse("1.2.3.4").error().message == "`1.2.3.4` is not a version: it has more than three numbers");
  CHECK(Version::parse("v1.2.3").error().message == "`v1.2.3` is not a version: it does not start with a number");
  CHECK(Version::parse("1.02.3").error().message == "`1.02.3` is not a version: the minor number has a leading zero");
  CHECK(Version::parse("1.2.99999999999999999999").error().message ==
        "`1.2.99999999999999999999` is not a version: the patch number does not fit 64 bits");
  CHECK(Version::parse("1.2.3-x.01").error().message ==
        "`1.2.3-x.01` is not a version: the number `01` in its prerelease part has a leading zero");
  CHECK(Version::parse("1.x.3").error().message == "`1.x.3` is not a version: the minor number is missing");
  CHECK(Version::parse("1.2.\x1b[31m").error().message.find('\x1b') == std::string::npos);
}

TEST_CASE("version: precedence is that of semver 11") {
  const std::vector<std::string> ordered = {"0.0.0-0",
                                            "0.0.0",
                                            "0.0.1",
                                            "0.1.0",
                                            "1.0.0-0",
                                            "1.0.0-2",
                                            "1.0.0-11",
                                            "1.0.0-99999999999999999999",
                                            "1.0.0-100000000000000000000",
                                            "1.0.0-alpha",
                                            "1.0.0-alpha.1",
                                            "1.0.0-alpha.1.0",
                                            "1.0.0-alpha.beta",
                                            "1.0.0-beta",
                                            "1.0.0-beta.2",
                                            "1.0.0-beta.11",
                                            "1.0.0-rc.1",
                                            "1.0.0",
                                            "1.0.1",
                                            "1.2.0",
                                            "1.10.0",
                                            "2.0.0",
                                            "18446744073709551615.0.0"};
  for (std::size_t i = 0; i < ordered.size(); ++i)
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      const auto order = v(ordered[i]) <=> v(ordered[j]);
      CHECK_MESSAGE(order == (i <=> j), ordered[i] << " against " << ordered[j]);
      CHECK((v(ordered[i]) == v(ordered[j])) == (i == j));
    }
  CHECK(v("1.0.0+a") == v("1.0.0+b"));
  CHECK(v("1.0.0-a.b") < v("1.0.0-a.b.c"));
  CHECK(v("1.0.0-A") < v("1.0.0-a"));
}

TEST_CASE("range: each operator") {
  CHECK(in("", "0.0.1"));
  CHECK(in("   ", "9.9.9"));
  CHECK(in("=1.4.2", "1.4.2"));
  CHECK(in("1.4.2", "1.4.2+build"));
  CHECK_FALSE(in("= 1.4.2", "1.4.3"));
  CHECK(in(">1.4.2", "1.4.3"));
  CHECK_FALSE(in(">1.4.2", "1.4.2"));
  CHECK(in(">=1.4.2", "1.4.2"));
  CHECK(in("<1.4.2", "1.4.1"));
  CHECK_FALSE(in("<1.4.2", "1.4.2"));
  CHECK(in("<=1.4.2", "1.4.2"));
  CHECK_FALSE(in("<=1.4.2", "1.4.3"));
}

TEST_CASE("range: missing numbers") {
  CHECK(in(">=1.2", "1.2.0"));
  CHECK_FALSE(in(">=1.2", "1.1.9"));
  CHECK(in("<2", "1.99.99"));
  CHECK_FALSE(in("<2", "2.0.0"));
  CHECK(in(">1.2", "1.3.0"));
  CHECK_FALSE(in(">1.2", "1.2.99"));
  CHECK_FALSE(in(">1", "1.99.0"));
  CHECK(in(">1", "2.0.0"));
  CHECK(in("<=1.2", "1.2.99"));
  CHECK_FALSE(in("<=1.2", "1.3.0"));
  CHECK(in("1.2", "1.2.7"));
  CHECK(in("=1.2", "1.2.0-rc.1"));
  CHECK_FALSE(in("1.2", "1.3.0-0"));
  CHECK_FALSE(in("1.2", "1.1.99"));
  CHECK(in("1", "1.0.0-0"));
  CHECK_FALSE(in("1", "2.0.0-0"));
}

TEST_CASE("range: conjunction") {
  CHECK(in(">=1.2 <2", "1.5.0"));
  CHECK_FALSE(in(">=1.2 <2", "2.0.0"));
  CHECK_FALSE(in(">=1.2 <2", "1.1.0"));
  CHECK(in("  >= 1.2   <  2  ", "1.5.0"));
  CHECK_FALSE(in("<1 >2", "1.5.0"));
}

TEST_CASE("range: prereleases are compared by precedence and nothing else") {
  CHECK(in("<2", "2.0.0-rc.1"));
  CHECK_FALSE(in(">=2", "2.0.0-rc.1"));
  CHECK(in(">=2.0.0-rc.1", "2.0.0"));
  CHECK(in(">=2.0.0-rc.1", "2.0.0-rc.2"));
  CHECK_FALSE(in("=2.0.0", "2.0.0-rc.1"));
}

TEST_CASE("range: numbers at the end of what 64 bits hold") {
  const std::string top = "18446744073709551615";
  CHECK(in("<=" + top, top + ".7.7"));
  CHECK(in("=" + top, top + ".7.7"));
  CHECK_FALSE(in("=" + top, "1.0.0"));
  CHECK_FALSE(in(">" + top, top + ".7.7"));
  CHECK_FALSE(in(">" + top, "0.0.0-0"));
  CHECK(in("<=1." + top, "1.9.9"));
  CHECK_FALSE(in("<=1." + top, "2.0.0"));
  CHECK(in(">1." + top, "2.0.0"));
  CHECK_FALSE(in(">1." + top, "1.9.9"));
}

TEST_CASE("range: what is not a range is refused, quoting the comparison") {
  CHECK(range_error(">=1.x").find("`>=1.x`") == 0);
  CHECK(range_error(">=1 ^2").find("`^2` is not a comparison of versions: `^` is not an operator") == 0);
  for (const char* text : {"~1.2", "^1",    "==1", "=>1",     "!=1",    "*",       "1.*",     ">",   ">= ", ">=1,<2", "1 || 2",
                           "1|2",  "1 - 2", "v1",  ">=1.2<2", "latest", "1.2.3.4", ">1.2-rc", "<>1", "\t1", "01",     ">=-1"})
    CHECK_MESSAGE(!VersionRange::parse(text), text);
}

TEST_CASE("range: bounds") {
  std::string sixteen, seventeen;
  for (int i = 0; i < 16; ++i) sixteen += ">=1 ";
  seventeen = sixteen + ">=1";
  CHECK(VersionRange::parse(sixteen));
  CHECK(range_error(seventeen) == "the version range has more than 16 comparisons");
  CHECK(!VersionRange::parse(std::string(1025, ' ')));
  CHECK(!VersionRange::parse(">=" + std::string(1000, '1')));
  CHECK(!VersionRange::parse(std::string(1000, '>')));
}

TEST_CASE("range: equality is by the comparisons made") {
  const auto r = [](std::string_view text) { return *VersionRange::parse(text); };
  CHECK(r(">=1.2 <2") == r("<2.0.0   >= 1.2.0"));
  CHECK(r(">1.2") == r(">=1.3"));
  CHECK(r("1.2.3") == r("=1.2.3+build"));
  CHECK(r("") == r("  "));
  CHECK(r(">=1 >=1") == r(">=1"));
  CHECK_FALSE(r(">=1") == r(">1"));
  CHECK_FALSE(r(">=1") == r(""));
  CHECK_FALSE(r("=1.2") == r("=1.2.0"));
}
