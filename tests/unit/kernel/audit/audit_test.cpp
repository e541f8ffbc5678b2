// Writing the audit log: chain, starts and rotations, torn ends, full disks, floods.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <vector>

#include "audit_line.hpp"
#include "skip.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;
using tenon::test::read_file;
namespace fs = std::filesystem;

TEST_CASE("audit: a record is one line of JSON, sealed with the one before it") {
  const AuditFile f;
  f.write(2);
  const auto lines = f.lines();
  REQUIRE(lines.size() == 2);
  const std::string expected =
      R"({"seq":1,"time":"2026-09-21T14:13:20.000000Z","type":"module.denied","level":"warn","actor":"host","target":"t0","request_id":"r-1",)"
      R"("outcome":"denied","meta":{"interface":"tenon.log_sink/1"},"prev":")" +
      std::string(64, '0') + R"(","hash":")";
  CHECK(lines[0].substr(0, expected.size()) == expected);
  const auto first = read_audit_line(lines[0]), second = read_audit_line(lines[1]);
  REQUIRE((first && second));
  CHECK((first->intact && second->intact));
  CHECK(second->seal.prev == first->seal.hash);
  CHECK(second->seal.seq == 2);
  struct stat st {};
  REQUIRE(::stat(f.path.c_str(), &st) == 0);
  CHECK((st.st_mode & 0777U) == 0600);
  CHECK(f.verify().ok());
}

TEST_CASE("audit: the next start goes on with the chain") {
  const AuditFile f;
  for (int i = 0; i < 3; ++i) f.write(2);
  const AuditReport report = f.verify();
  CHECK(report.ok());
  CHECK(report.records == 6);
  CHECK(report.last_seq == 6);
  CHECK(read_file(f.path + ".head") == "6 " + report.last_hash + "\n");
}

TEST_CASE("audit: a torn end is told of by the next start and accepted by verify, at any length") {
  const AuditFile whole;
  whole.write(3);
  const std::string text = whole.text();
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  for (std::size_t cut : {last + 1, last + 7, last + 100, text.size() - 2}) {
    const AuditFile f;
    f.dir.write("audit.log", text.substr(0, cut), 0600);
    const AuditReport torn = f.verify();
    REQUIRE(torn.findings.size() == 1);
    CHECK(torn.findings[0].line == 3);
    CHECK(torn.findings[0].what.find("is torn: " + std::to_string(cut - last) + " bytes") == 0);
    f.write(1);
    const AuditReport report = f.verify();
    CHECK(report.ok());
    CHECK(report.records == 4);  // two, the one about the tear, and the new one
    CHECK(f.text().find(R"("type":"audit.torn")") != std::string::npos);
  }
}

TEST_CASE("audit: a file in which no record ever was whole is gone on with") {
  const AuditFile f;
  for (const std::string torn : {"{\"seq\":1,\"ti", "{\"seq\":1,\"ti\n{\"se", "{\"seq\":1\n{\"seq\":1,\n"}) {
    CAPTURE(torn);
    f.dir.write("audit.log", torn, 0600);
    f.write(1);
    CHECK(f.verify().ok());
    CHECK(f.lines().back().find(R"("seq":2)") != std::string::npos);  // behind audit.torn
    std::filesystem::remove(f.path + ".head");
  }
}

TEST_CASE("audit: a last record without its newline is whole") {
  const AuditFile f;
  f.write(3);
  std::string text = f.text();
  text.pop_back();
  f.dir.write("audit.log", text, 0600);
  CHECK(f.verify().ok());
  f.write(1);
  CHECK(f.verify().ok());
  CHECK(f.verify().records == 4);
}

TEST_CASE("audit: nothing is appended to what somebody has changed") {
  const AuditFile f;
  f.write(2);
  auto lines = f.lines();
  lines[1].replace(lines[1].find("denied"), 6, "grante");
  f.put_lines(lines);
  AuditOptions options;
  options.writer = AuditWriter::file;
  options.path = f.path;
  const auto refused = AuditLog::open(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().exit == ExitCode::data_error);
  CHECK(refused.error().message.find("tenond audit verify") != std::string::npos);
  CHECK(f.lines() == lines);

  f.dir.write("audit.log", "something else\n", 0600);
  CHECK_FALSE(AuditLog::open(options));
  CHECK(f.text() == "something else\n");
}

TEST_CASE("audit: one writer at a time, and only to a file that is ours alone") {
  const AuditFile f;
  AuditOptions options;
  options.writer = AuditWriter::file;
  options.path = f.path;
  {
    const auto log = f.open();
    const auto second = AuditLog::open(options);
    REQUIRE_FALSE(second);
    CHECK(second.error().exit == ExitCode::try_again);
  }
  CHECK(AuditLog::open(options));
  ::chmod(f.path.c_str(), 0666);
  CHECK(AuditLog::open(options).error().exit == ExitCode::no_permission);
  ::unlink(f.path.c_str());
  fs::create_symlink(f.dir / "elsewhere", f.path);
  CHECK_FALSE(AuditLog::open(options));
  CHECK_FALSE(fs::exists(f.dir / "elsewhere"));
  ::unlink(f.path.c_str());
  REQUIRE(::mkfifo(f.path.c_str(), 0600) == 0);
  CHECK_FALSE(AuditLog::open(options));
  options.path = f.dir / "absent/audit.log";
  CHECK(AuditLog::open(options).error().exit == ExitCode::cannot_create);
}

TEST_CASE("audit: a file that is rotated or removed is followed, and the chain goes on in the next one") {
  const AuditFile f;
  const auto log = f.open();
  log->record(event("a"));
  log->tick();
  SUBCASE("renamed") { fs::rename(f.path, f.path + ".1"); }
  SUBCASE("removed") { fs::remove(f.path); }
  log->record(event("b"));  // still into the old one: nobody has looked yet
  log->tick();
  log->record(event("c"));
  log->tick();
  const AuditReport report = f.verify();
  CHECK(report.ok());
  CHECK(report.first_seq == 3);
  CHECK(report.last_seq == 4);
  CHECK(f.text().find(R"("type":"audit.continued")") != std::string::npos);
  if (fs::exists(f.path + ".1")) {
    const auto old = verify_audit(f.path + ".1");
    REQUIRE(old);
    CHECK(old->ok());
    CHECK(old->last_seq == 2);
    CHECK(f.lines()[0].find(old->last_hash) != std::string::npos);
  }
}

TEST_CASE("audit: a flood of one actor is counted, the host and others go on") {
  const AuditFile f;
  const auto log = f.open(10);
  for (int i = 0; i < 1000; ++i) log->record(event("x", "plugin_a"));
  for (int i = 0; i < 20; ++i) log->record(event("y"));
  log->record(event("z", "plugin_b"));
  log->tick();
  const auto lines = f.lines();
  REQUIRE(lines.size() == 10 + 20 + 1 + 1);
  CHECK(lines.back().find(R"("type":"audit.dropped")") != std::string::npos);
  CHECK(lines.back().find(R"("actor":"plugin_a")") != std::string::npos);
  CHECK(lines.back().find(R"("records":"990")") != std::string::npos);
  log->tick();
  CHECK(f.lines().size() == lines.size());
  CHECK(f.verify().ok());
}

TEST_CASE("audit: whatever a module says stays inside its string") {
  const AuditFile f;
  {
    const auto log = f.open();
    const std::string hostile =
        "x\",\"hash\":\"" + std::string(64, '0') + "\"}\n{\"seq\":7,\"type\":\"audit.torn\",\"meta\":{\"bytes\":\"9\xff\x1b";
    log->record({hostile, hostile, hostile, hostile, hostile, hostile, {{hostile, hostile}}});
    log->record({std::string(5000, 'a'), {}, {}, std::string(5000, '\x01'), {}, {}, {100, {"k", std::string_view("v")}}});
    log->record(event("after"));
  }
  CHECK(f.lines().size() == 3);
  CHECK(f.verify().ok());
  CHECK(f.text().size() < 20'000);
}

TEST_CASE("audit: many threads, one chain") {
  const AuditFile f;
  {
    const auto log = f.open();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&log] {
        for (int i = 0; i < 250; ++i) {
          log->record(event("x"));
          if (i % 50 == 0) log->tick();
        }
      });
    for (std::thread& t : threads) t.join();
  }
  const AuditReport report = f.verify();
  CHECK(report.ok());
  CHECK(report.records == 1000);
}

TEST_CASE("audit: the console gets the events, none gets nothing") {
  std::vector<std::string> events;
  AuditOptions options;
  options.writer = AuditWriter::console;
  options.console = [&events](const AuditEvent& e) { events.push_back(std::string(e.type) + " " + std::string(e.target)); };
  {
    auto log = AuditLog::open(options);
    REQUIRE(log);
    (*log)->record(event("a"));
    (*log)->record(event("b"));
  }
  CHECK(events == std::vector<std::string>{"module.denied a", "module.denied b"});
  options.writer = AuditWriter::none;
  {
    auto log = AuditLog::open(options);
    REQUIRE(log);
    (*log)->record(event("c"));
  }
  CHECK(events.size() == 2);
}

TEST_CASE("audit: what the console is shown to may record something itself, and nobody waits for it") {
  std::unique_ptr<AuditLog> log;
  std::vector<std::string> events;
  AuditOptions options;
  options.writer = AuditWriter::console;
  options.rate = 2;
  options.clock = [] { return std::int64_t{1'790'000'000'000'000'000}; };
  options.console = [&](const AuditEvent& e) {  // a receiver of the log, which is code of a module
    events.push_back(std::string(e.type) + " " + std::string(e.target));
    if (e.target == "a") log->record(event("b", "orders"));
    if (e.target == "a") CHECK(log->lost() == 0);
  };
  auto opened = AuditLog::open(options);
  REQUIRE(opened);
  log = std::move(*opened);
  log->record(event("a", "orders"));
  log->record(event("c", "orders"));  // the third of this actor within a second
  log->tick();
  CHECK(events == std::vector<std::string>{"module.denied a", "module.denied b", "audit.dropped "});
  log = nullptr;
  CHECK(events.size() == 3);
}

TEST_CASE("a damaged file is set aside with its note, and a new one begins") {
  const AuditFile file;
  file.write(3);
  std::vector<std::string> lines = file.lines();
  lines.back()[10] = lines.back()[10] == 'x' ? 'y' : 'x';
  file.put_lines(lines);
  AuditOptions options;
  options.writer = AuditWriter::file;
  options.path = file.path;
  const auto refused = AuditLog::open(std::move(options));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "AUDIT_CHANGED");
  const auto aside = set_aside_audit(file.path);
  REQUIRE(aside);
  CHECK(aside->starts_with(file.path + ".damaged-"));
  CHECK(tenon::test::read_file(*aside).find(lines.back()) != std::string::npos);
  CHECK_FALSE(tenon::test::read_file(*aside + ".head").empty());
  CHECK(tenon::test::read_file(file.path + ".head").empty());
  file.write(2);
  CHECK(file.verify().ok());
  // A second one within the same second has a name of its own.
  const auto again = set_aside_audit(file.path);
  REQUIRE(again);
  CHECK(*again != *aside);
  const auto absent = set_aside_audit(file.path);
  CHECK_FALSE(absent);
}

TEST_CASE("audit: what was cut off while nobody wrote is found at the next start, before its note is gone") {
  const AuditFile file;
  file.write(4);
  const std::vector<std::string> lines = file.lines();
  const auto refusal = [&file] {
    AuditOptions options;
    options.writer = AuditWriter::file;
    options.path = file.path;
    const auto refused = AuditLog::open(std::move(options));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == "AUDIT_CHANGED");
    CHECK(refused.error().exit == ExitCode::data_error);
    return refused.error().message;
  };
  file.put_lines({lines[0], lines[1]});
  CHECK(refusal().find("ends with record 2, but record 4 was noted as written") != std::string::npos);
  file.dir.write("audit.log", lines[0] + "\n" + lines[1].substr(0, 20), 0600);
  CHECK(refusal().find("ends with record 1, but record 4") != std::string::npos);
  const AuditFile other;
  other.write(3);
  {
    const auto log = other.open();
    log->record(event("another"));
  }
  fs::copy_file(other.path, file.path, fs::copy_options::overwrite_existing);
  CHECK(refusal().find("ends with another record 4 than was noted") != std::string::npos);
  CHECK(read_file(file.path + ".head").starts_with("4 "));
  file.put_lines(lines);
  file.write(1);
  CHECK(file.verify().ok());
}

TEST_CASE("audit: a file that was rotated or emptied while nobody wrote goes on with the numbers") {
  for (const bool gone : {true, false}) {
    const AuditFile file;
    file.write(3);
    const auto last = read_audit_line(file.lines().back());
    if (gone)
      fs::remove(file.path);
    else
      file.put_lines({});
    file.write(1);
    const auto lines = file.lines();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("\"audit.continued\"") != std::string::npos);
    CHECK(lines[0].find(R"({"after":"3"})") != std::string::npos);
    REQUIRE((last && read_audit_line(lines[0])));
    CHECK(read_audit_line(lines[0])->seal.prev == last->seal.hash);
    const AuditReport report = file.verify();
    CHECK(report.ok());
    CHECK((report.first_seq == 4 && report.last_seq == 5));
  }
}

TEST_CASE("audit: a file that never was an audit file is left alone") {
  for (const std::string text : {"root:x:0:0:root:/root:/bin/bash\nnobody:x:1:1\n", "a line without an end", "{\"name\": 1}\n"}) {
    CAPTURE(text);
    const AuditFile file;
    file.dir.write("audit.log", text, 0600);
    AuditOptions options;
    options.writer = AuditWriter::file;
    options.path = file.path;
    const auto refused = AuditLog::open(std::move(options));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == "NO_AUDIT_FILE");
    CHECK(refused.error().message.find("give another one as `audit.path`") != std::string::npos);
    CHECK(file.text() == text);
  }
}

TEST_CASE("audit: a symbolic link is told to be one") {
  const AuditFile file;
  file.write(1);
  AuditOptions options;
  options.writer = AuditWriter::file;
  options.path = file.dir / "link.log";
  fs::create_symlink(file.path, options.path);
  const auto refused = AuditLog::open(std::move(options));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().exit == ExitCode::no_permission);
  CHECK(refused.error().message.find("is a symbolic link") != std::string::npos);
}

TEST_CASE("flush makes durable what was recorded, and notes the end") {
  const AuditFile file;
  const auto log = file.open();
  // Often: the thread that makes durable what a tick asked for may be at it already.
  for (int i = 1; i <= 300; ++i) {
    log->record(event("a"));
    if (i % 3 == 0) log->tick();
    log->flush();
    const std::string head = tenon::test::read_file(file.path + ".head");
    REQUIRE_MESSAGE(head.starts_with(std::to_string(i) + " "), head);
  }
}

TEST_CASE("what a killed process has left of its notes is gone after the next start, and nothing else") {
  const AuditFile file;
  file.write(1);
  for (const char* name : {"audit.log.head.Ab12Zz", "audit.log.head.000000"}) file.dir.write(name, "1 half", 0600);
  const std::vector<std::string> others = {"audit.log.head.Ab12Z", "audit.log.head.Ab12Zzz", "audit.log.head.Ab.2Zz",
                                           "xaudit.log.head.Ab12Zz"};
  for (const std::string& name : others) file.dir.write(name, "x", 0600);
  {
    const auto log = file.open();
    CHECK(::access((file.dir / "audit.log.head.Ab12Zz").c_str(), F_OK) != 0);
    CHECK(::access((file.dir / "audit.log.head.000000").c_str(), F_OK) != 0);
  }
  for (const std::string& name : others) CHECK_MESSAGE(::access((file.dir / name).c_str(), F_OK) == 0, name);
  CHECK(::access((file.path + ".head").c_str(), F_OK) == 0);
  CHECK(file.verify().ok());
}

TEST_CASE("a long file is continued") {
  const AuditFile file;
  constexpr int records = 2600;  // more than what is read of the end
  file.write(records);
  REQUIRE(file.text().size() > 700 * 1024);
  file.write(1);
  const AuditReport report = file.verify();
  CHECK(report.ok());
  CHECK(report.records == records + 1);
}
