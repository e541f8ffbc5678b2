// Verifying an audit file: every single change shows.
#include <algorithm>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

std::string first_finding(const AuditReport& report) { return report.findings.empty() ? "nothing" : report.findings[0].what; }

}  // namespace

TEST_CASE("verify: a byte changed anywhere in the file is found") {
  const AuditFile f;
  f.write(4);
  const std::string text = f.text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    f.dir.write("audit.log", changed, 0600);
    const auto report = verify_audit(f.path);
    REQUIRE(report);
    REQUIRE_MESSAGE(!report->ok(), "byte " << i);
  }
}

TEST_CASE("verify: records removed, moved, doubled or added are found, with the line") {
  const AuditFile f;
  f.write(6);
  auto lines = f.lines();
  SUBCASE("removed in the middle") {
    lines.erase(lines.begin() + 2);
    f.put_lines(lines);
    CHECK(f.verify().findings[0].line == 3);
    CHECK(first_finding(f.verify()) == "has the number 4 behind 2: records were removed, added or moved");
  }
  SUBCASE("moved") {
    std::swap(lines[2], lines[3]);
    f.put_lines(lines);
    CHECK(f.verify().findings[0].line == 3);
  }
  SUBCASE("doubled") {
    lines.insert(lines.begin() + 3, lines[2]);
    f.put_lines(lines);
    CHECK(f.verify().findings[0].line == 4);
  }
  SUBCASE("taken from another file") {
    const AuditFile other;
    {
      const auto log = other.open();
      for (int i = 0; i < 6; ++i) log->record(event("elsewhere"));
    }
    lines[3] = other.lines()[3];
    f.put_lines(lines);
    CHECK(f.verify().findings[0].line == 4);
    CHECK(first_finding(f.verify()) == "does not continue the record before it");
  }
  SUBCASE("an empty line, or one of something else") {
    lines.insert(lines.begin() + 1, "");
    f.put_lines(lines);
    CHECK(f.verify().findings[0].line == 2);
    CHECK(first_finding(f.verify()) == "is no record");
    lines.insert(lines.begin() + 2, "{");
    f.put_lines(lines);
    const auto findings = f.verify().findings;
    REQUIRE(findings.size() == 2);
    CHECK((findings[0].line == 2 && findings[1].line == 3));
    lines.erase(lines.begin() + 2);
    lines[1] = "# a remark";
    f.put_lines(lines);
    CHECK(first_finding(f.verify()) == "is no record");
  }
  SUBCASE("cut off at the end, which only the note shows") {
    lines.pop_back();
    f.put_lines(lines);
    CHECK(first_finding(f.verify()) == "is the last one, but record 6 was noted as written: the file was cut or exchanged");
    ::unlink((f.path + ".head").c_str());
    CHECK(f.verify().ok());
  }
  SUBCASE("cut off at the beginning") {
    lines.erase(lines.begin());
    f.put_lines(lines);
    CHECK(f.verify().ok());  // as a file that continues another one: its first number says so
    CHECK(f.verify().first_seq == 2);
  }
  SUBCASE("emptied") {
    f.put_lines({});
    CHECK_FALSE(f.verify().ok());
  }
  SUBCASE("with a note that is damaged") {
    f.dir.write("audit.log.head", "six", 0600);
    CHECK_FALSE(f.verify().ok());
  }
}

TEST_CASE("verify: a file that cannot be read is an error, not a verdict") {
  const AuditFile f;
  CHECK(verify_audit(f.path).error().exit == ExitCode::no_input);
  CHECK_FALSE(verify_audit("/dev/zero"));
  f.dir.write("audit.log", std::string(1 << 20, 'x'), 0600);
  CHECK(verify_audit(f.path).error().exit == ExitCode::data_error);
  f.dir.write("audit.log", "", 0600);
  CHECK(f.verify().ok());
  CHECK(f.verify().records == 0);
}

TEST_CASE("audit verify: what is no file is no input, as one that is not there") {
  const AuditFile f;
  for (const std::string& path : {f.dir.path(), std::string("/dev/null")}) {
    CAPTURE(path);
    const auto report = verify_audit(path);
    REQUIRE_FALSE(report);
    CHECK(report.error().exit == ExitCode::no_input);
    CHECK(report.error().message == "`" + path + "` is no regular file");
  }
}
