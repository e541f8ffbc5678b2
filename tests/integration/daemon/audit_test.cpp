// The audit log of a running daemon, and `tenond audit verify`.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string audit_file(const Host& host) { return host.state + "/audit.log"; }

/// `"type":"...","target":"..."` of each record.
std::vector<std::string> told(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of(text)) {
    const auto value = [&line](const std::string& key) {
      const std::size_t at = line.find("\"" + key + "\":\"");
      if (at == std::string::npos) return std::string();
      const std::size_t begin = at + key.size() + 4;
      return line.substr(begin, line.find('"', begin) - begin);
    };
    out.push_back(value("type") + " " + value("target"));
  }
  return out;
}

}  // namespace

TEST_CASE("a life is recorded: start, modules loaded, refused and failed, stop") {
  Host host({"modules/alpha", "modules/epsilon"});
  host.dir.write("plugins/broken.so", "no ELF");
  host.script("epsilon", "fail: {init: error}");
  const Ran ran = boot_and_stop(host);
  REQUIRE(ran.exit == 0);
  const std::string text = read_file(audit_file(host));
  CHECK(told(text) == std::vector<std::string>{"daemon.start tenon", "module.refused broken.so", "module.loaded logger",
                                               "module.loaded alpha", "module.loaded epsilon", "module.failed epsilon",
                                               "daemon.stop tenon"});
  CHECK(contains(text, "\"sha256\":\""));
  struct stat st {};
  REQUIRE(::stat(audit_file(host).c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);

  const Ran good = host.run_command("audit", {"verify"});
  CHECK(good.exit == 0);
  CHECK(contains(good.out, "7 records, 1 to 7; every one is as it was written, in its place"));
  const Ran json = host.run_command("audit", {"verify", "--output", "json"});
  CHECK(contains(json.out, "\"records\":7,\"first_seq\":1,\"last_seq\":7,"));
  CHECK(contains(json.out, "\"intact\":true,\"damage\":[]}"));
}

TEST_CASE("what somebody changed is found by verify, and set aside by the next start") {
  Host host({"modules/alpha"});
  REQUIRE(boot_and_stop(host).exit == 0);
  std::string text = read_file(audit_file(host));
  const std::size_t at = text.rfind("daemon.stop");
  text.replace(at, 11, "daemon.stay");
  host.dir.write("state/audit.log", text);
  REQUIRE(read_file(audit_file(host)) == text);
  const Ran bad = host.run_command("audit", {"verify"});
  CHECK(bad.exit == 65);
  CHECK(contains(bad.err, audit_file(host) + ":4: "));
  CHECK(contains(bad.out, "the file was changed or damaged"));
  const Ran json = host.run_command("audit", {"verify", audit_file(host), "--output", "json"});
  CHECK(json.exit == 65);
  CHECK(contains(json.out, "\"intact\":false,\"damage\":[{\"line\":4,\"what\":\""));

  const Ran next = boot_and_stop(host);
  CHECK(next.exit == 0);
  CHECK(contains(next.err, "the audit log was changed or damaged: it was set aside and a new one begun"));
  CHECK(told(read_file(audit_file(host))).front().starts_with("audit.damaged " + audit_file(host) + ".damaged-"));
  CHECK(host.run_command("audit", {"verify"}).exit == 0);
  std::size_t aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(host.state))
    if (entry.path().filename().string().starts_with("audit.log.damaged-") && entry.path().extension() != ".head") {
      ++aside;
      CHECK(read_file(entry.path()) == text);
    }
  CHECK(aside == 1);
}

TEST_CASE("a chain goes on over starts, and over a rotation") {
  Host host({"modules/alpha"});
  REQUIRE(boot_and_stop(host).exit == 0);
  REQUIRE(boot_and_stop(host).exit == 0);
  CHECK(contains(host.run_command("audit", {"verify"}).out, "8 records, 1 to 8"));
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  std::filesystem::rename(audit_file(host), audit_file(host) + ".1");
  CHECK(eventually([&] { return contains(read_file(audit_file(host)), "audit.continued"); }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK(host.run_command("audit", {"verify"}).exit == 0);
}

TEST_CASE("writers: console is the log, none is nothing, a path that cannot be written ends the start") {
  Host host({"modules/alpha"});
  const Ran console = boot_and_stop(host, {"--set", "audit.writer=console"});
  CHECK(console.exit == 0);
  CHECK(contains(console.err, "audit type=module.loaded actor=host target=alpha outcome=ok"));
  CHECK_FALSE(std::filesystem::exists(audit_file(host)));
  CHECK(boot_and_stop(host, {"--set", "audit.writer=none"}).exit == 0);
  CHECK_FALSE(std::filesystem::exists(audit_file(host)));
  CHECK(host.run_command("audit", {"verify"}).exit == 66);
  CHECK(boot_and_stop(host, {"--set", "audit.path=" + host.dir / "absent/audit.log"}).exit == 73);
  host.dir.write("loose.log", "", 0666);
  CHECK(boot_and_stop(host, {"--set", "audit.path=" + host.dir / "loose.log"}).exit == 77);
  host.dir.write("text.log", std::string(600 * 1024, 'x'), 0600);
  CHECK(boot_and_stop(host, {"--set", "audit.path=" + host.dir / "text.log"}).exit == 65);
}

TEST_CASE("command lines of audit") {
  CHECK(run({tenond(), "audit"}).exit == 64);
  CHECK(run({tenond(), "audit", "verfy"}).exit == 64);
  CHECK(run({tenond(), "audit", "verify", "a", "b"}).exit == 64);
  CHECK(run({tenond(), "audit", "verify", "/nonexistent/audit.log"}).exit == 66);
  CHECK(run({tenond(), "audit", "--help"}).exit == 0);
}
