// The two renderings: whole, stable, and safe to print whatever a file contains.
#include "elf/elf_render.hpp"

#include "base/text.hpp"
#include "elf_fixture.hpp"

using namespace tenon::host;

namespace {

ElfReport sample() {
  ElfReport report;
  report.machine = "x86-64", report.soname = "libx.so", report.build_id = "00ff";
  report.needed = {"libc.so.6", "libm.so.6"};
  report.versions = {{"libm.so.6", "GLIBC_2.29", true}, {"libc.so.6", "GLIBC_2.34", false}};
  report.exports = {"tenon_entry_v1"}, report.export_count = 1;
  report.text_bytes = 4096, report.data_bytes = 100, report.has_entry = true;
  report.manifests = {{"manifest: 1\nname: x\n\n", false}, {"name: y", true}};
  report.findings = {{Severity::error, "elf.rpath", "it has a path", "link without"}, {Severity::note, "elf.no_relro", "a note", ""}};
  return report;
}

}  // namespace

TEST_CASE("text for people") {
  CHECK(elf_report_text(sample(), "libx.so") ==
        "file        libx.so\n"
        "machine     x86-64\n"
        "soname      libx.so\n"
        "build id    00ff\n"
        "entry       tenon_entry_v1, ABI 1.0\n"
        "code        4KiB\n"
        "data        100B\n"
        "needs       libc.so.6\n"
        "            libm.so.6\n"
        "versions    libc.so.6 GLIBC_2.34\n"
        "            libm.so.6 GLIBC_2.29 (weak)\n"
        "exports     tenon_entry_v1\n"
        "manifest    21 bytes\n"
        "    manifest: 1\n"
        "    name: x\n"
        "manifest    7 bytes, found by section name\n"
        "    name: y\n"
        "\n"
        "error: it has a path [elf.rpath]\n"
        "  = help: link without\n"
        "note: a note [elf.no_relro]\n"
        "verdict: refused\n");
}

TEST_CASE("an empty report") {
  CHECK(elf_report_text({}, "x") ==
        "file        x\nmachine     -\nsoname      -\nbuild id    -\nentry       none\ncode        0B\ndata        0B\nneeds       -\n"
        "versions    -\nexports     -\nmanifest    none\n\nverdict: passes the gate\n");
  CHECK(elf_report_text({}, "x", true).ends_with("verdict: refused for what its manifest says\n"));
  CHECK(elf_report_text(sample(), "x", true).ends_with("verdict: refused\n"));
  CHECK(elf_report_json({}, "x") ==
        R"({"file":"x","refused":false,"machine":"","soname":"","build_id":"","abi":{"entry":false,"major":null,"minor":null},)"
        R"("text_bytes":0,"data_bytes":0,"needed":[],"versions":[],"export_count":0,"exports":[],"manifests":[],"findings":[]})");
}

TEST_CASE("JSON for programs") {
  CHECK(
      elf_report_json(sample(), "libx.so") ==
      R"({"file":"libx.so","refused":true,"machine":"x86-64","soname":"libx.so","build_id":"00ff",)"
      R"("abi":{"entry":true,"major":1,"minor":0},"text_bytes":4096,"data_bytes":100,"needed":["libc.so.6","libm.so.6"],)"
      R"("versions":[{"library":"libm.so.6","version":"GLIBC_2.29","weak":true},{"library":"libc.so.6","version":"GLIBC_2.34","weak":false}],)"
      R"("export_count":1,"exports":["tenon_entry_v1"],)"
      R"("manifests":[{"from":"note","text":"manifest: 1\nname: x\n\n"},{"from":"section","text":"name: y"}],)"
      R"("findings":[{"severity":"error","code":"elf.rpath","message":"it has a path","help":"link without"},)"
      R"({"severity":"note","code":"elf.no_relro","message":"a note","help":""}]})");
}

TEST_CASE("hostile text cannot reach the terminal") {
  const std::string evil = "\x1b[2J\x1b]0;owned\x07\r\n\xff\x80 \xe2\x80\xae";
  ElfReport report = sample();
  report.soname = report.machine = evil;
  report.needed = report.exports = {evil};
  report.versions = {{evil, evil, false}};
  report.manifests = {{evil, false}};
  report.findings = {{Severity::error, "elf.rpath", evil, evil}};
  const std::string text = elf_report_text(report, evil);
  for (const char c : text) CHECK_FALSE((static_cast<unsigned char>(c) < 32 && c != '\n'));
  CHECK(text.find('\x7f') == std::string::npos);
  CHECK(text.find("\xe2\x80\xae") == std::string::npos);
  CHECK(invalid_utf8_at(text) == std::string::npos);
  const std::string json = elf_report_json(report, evil);
  CHECK(invalid_utf8_at(json) == std::string::npos);
  for (const char c : json) CHECK_FALSE(static_cast<unsigned char>(c) < 32);
}

TEST_CASE("long lists are cut in the text") {
  ElfReport report = sample();
  report.exports.assign(1000, "f");
  const std::string text = elf_report_text(report, "x");
  CHECK(text.find("... and 980 more\n") != std::string::npos);
}
