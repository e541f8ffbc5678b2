// The shipped modules in the real daemon: a plugin calls their services, hears their events and reads their states.
#include <doctest/doctest.h>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A host with `caller` and these shipped plugins; caller does `lines`.
struct Shipped {
  Host host{{"modules/caller"}};
  explicit Shipped(const std::vector<std::string>& modules) {
    host.extra_config = "instance: {environment: local}\npaths: {manifests: []}\npermissions: {default: manifest}\n";
    for (const std::string& name : modules)
      host.dir.copy(std::string(TENON_TEST_PLUGINS) + "/lib" + name + ".so", "plugins/lib" + name + ".so");
  }
  static std::string list(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += (out.empty() ? "'" : ", '") + line + "'";
    return "[" + out + "]";
  }
  void does(const std::vector<std::string>& lines, const std::vector<std::string>& listens = {}) {
    host.script("caller", "do: " + list(lines) + ", listen: " + list(listens));
  }
  /// Until the caller has come through its list for the n-th time.
  bool done(int times = 1) const {
    return eventually([&] {
      int n = 0;
      for (const std::string& line : host.trace()) n += line == "done" ? 1 : 0;
      return n >= times;
    });
  }
  /// Boots, waits until the caller is done, and ends.
  Ran life() const {
    std::remove(host.trace_file.c_str());
    Process p(host.arguments(), host.options);
    CHECK(done());
    p.signal(SIGTERM);
    const int exit = p.wait();
    return {exit, p.out(), p.err()};
  }
};

}  // namespace

TEST_CASE("services.breaker: opens at the configured count, refuses, and closes again, without the section there is none") {
  const auto host_with = [](Shipped& s, const std::string& breaker, int calls) {
    s.host.add("watch/ailing");
    s.host.extra_config += breaker;
    s.host.script("ailing", "answer: bad");
    s.does(std::vector<std::string>(static_cast<std::size_t>(calls), "call ailing.answer -- hello"));
  };
  const auto count = [](const Shipped& s, const std::string& what) {
    int n = 0;
    for (const std::string& line : s.host.trace()) n += contains(line, what) ? 1 : 0;
    return n;
  };
  for (const int failures : {1, 3}) {
    Shipped s({});
    host_with(s, "services: {breaker: {failures: " + std::to_string(failures) + ", window: 1h, open: 1h}}\n", 6);
    CHECK(s.life().exit == 0);
    INFO(s.host.trace_text());
    CHECK(count(s, "no answer today") == failures);
    CHECK(count(s, "call ailing.answer UNAVAILABLE CIRCUIT_OPEN -- `ailing` failed several times: `ailing.answer` is tried again later") ==
          6 - failures);
  }
  {
    Shipped s({});
    host_with(s, "", 12);
    CHECK(s.life().exit == 0);
    CHECK(count(s, "no answer today") == 12);
  }
  Shipped s({});
  host_with(s, "services: {breaker: {failures: 2, window: 1h, open: 10ms, successes: 1}}\n", 4);
  Process p(s.host.arguments(), s.host.options);
  REQUIRE(s.done());
  CHECK(count(s, "CIRCUIT_OPEN") >= 1);
  std::string text = read_file(s.host.config_file);
  text.replace(text.find("answer: bad"), 11, "answer: ok");
  s.host.dir.write("host.yaml", text);
  p.signal(SIGHUP);
  // Tried again when its time is over: each reload with another list makes the calls once more.
  int round = 0;
  CHECK(eventually([&] {
    if (count(s, "call ailing.answer OK -- well") >= 3) return true;
    const int before = count(s, "done");
    text.replace(text.find("-- hello"), 8, ++round % 2 == 0 ? "-- HELLO" : "-- Hello");
    const std::string upper = round % 2 == 0 ? "-- HELLO" : "-- Hello";
    s.host.dir.write("host.yaml", text);
    text.replace(text.find(upper), 8, "-- hello");
    p.signal(SIGHUP);
    return eventually([&] { return count(s, "done") > before; }) && count(s, "call ailing.answer OK -- well") >= 3;
  }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("kv_c: writes are answered from disk, refusals come with their reason, changes are heard") {
  Shipped s({"kv_c"});
  s.does({"call kv_c.cas key=a expected=0 -- one", "call kv_c.cas key=a expected=0 -- two", "call kv_c.get key=a", "state kv_c a",
          "call kv_c.put key=b ttl_ms=1 -- gone soon", "call kv_c.put key=b.2 -- three", "call kv_c.scan prefix=b.",
          "call kv_c.get key=none", "call kv_c.put -- no key"},
         {"kv_c.changed"});
  Process p(s.host.arguments(), s.host.options);
  REQUIRE(s.done());
  CHECK(eventually([&] { return contains(s.host.trace_text(), R"(event kv_c.changed -- {"kind":"put","key":"a","revision":)"); }));
  CHECK(eventually([&] { return contains(s.host.trace_text(), R"(event kv_c.changed -- {"kind":"expired","key":"b","revision":)"); }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  std::vector<std::string> answers;
  for (const std::string& line : s.host.trace())
    if (!line.starts_with("event ")) answers.push_back(line);
  INFO(s.host.trace_text() << p.err());
  REQUIRE(answers.size() == 10);
  CHECK(answers[0].starts_with("call kv_c.cas OK revision="));
  CHECK(answers[1].starts_with("call kv_c.cas ABORTED STORAGE_CONFLICT -- "));
  const std::string revision = answers[0].substr(17, answers[0].find(" -- ") - 17);
  CHECK(answers[2] == "call kv_c.get OK " + revision + " -- one");
  CHECK(answers[3] == "state kv_c a -- one");
  CHECK(answers[4].starts_with("call kv_c.put OK revision="));
  CHECK(answers[6].starts_with(R"(call kv_c.scan OK -- [{"key":"b.2","revision":)"));
  CHECK(answers[7] == "call kv_c.get NOT_FOUND KEY -- there is nothing under this key");
  CHECK(answers[8].starts_with("call kv_c.put INVALID_ARGUMENT BAD_REQUEST -- metadata `key` has to be there once"));

  s.host.dir.write("host.yaml", read_file(s.host.config_file) + "  kv_c: {config: {max_value: 3B}}\n");
  const Ran again = s.life();
  CHECK(again.exit == 0);
  CHECK(s.host.traced("call kv_c.get OK " + revision + " -- one"));  // of the life before
  CHECK(contains(s.host.trace_text(), "call kv_c.put INVALID_ARGUMENT BAD_REQUEST -- the value is larger than"));
}

TEST_CASE("counter: values are there in the next life, and each change is heard") {
  Shipped s({"counter"});
  s.does({"call counter.add name=visits by=2", "call counter.add name=visits", "call counter.list", "call counter.get name=no"},
         {"counter.changed"});
  CHECK(s.life().exit == 0);
  CHECK(s.host.traced("call counter.add OK -- 2"));
  CHECK(s.host.traced("call counter.add OK -- 3"));
  CHECK(s.host.traced(R"(call counter.list OK -- {"visits":3})"));
  CHECK(s.host.traced("call counter.get NOT_FOUND NOT_FOUND -- there is no counter of this name"));
  const Ran second = s.life();
  CHECK(second.exit == 0);
  CHECK(s.host.traced("call counter.add OK -- 5"));
  CHECK(s.host.traced("call counter.add OK -- 6"));
}

TEST_CASE("counter: events come in the order of the values") {
  Shipped s({"counter"});
  s.does({"call counter.add name=a", "call counter.add name=a by=-3"}, {"counter.changed"});
  Process p(s.host.arguments(), s.host.options);
  CHECK(eventually([&] { return s.host.traced(R"(event counter.changed -- {"name":"a","by":-3,"value":-2})"); }));
  CHECK(s.host.traced(R"(event counter.changed -- {"name":"a","by":1,"value":1})"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("sysmon: a sample is heard as an event, seen in the state, and the history is as long as configured") {
  Shipped s({"sysmon"});
  s.does({"state sysmon last", "keys sysmon history."}, {"sysmon.sample"});
  s.host.script("sysmon", "interval: 10ms, history: 4");
  Process p(s.host.arguments(), s.host.options);
  REQUIRE(s.done());
  CHECK(eventually([&] {
    int events = 0;
    for (const std::string& line : s.host.trace()) events += line.starts_with(R"(event sysmon.sample -- {"time":"20)") ? 1 : 0;
    return events >= 12;
  }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  // A second life goes on where this one ended, with a shorter history.
  s.host.dir.write("host.yaml", [&] {
    std::string text = read_file(s.host.config_file);
    text.replace(text.find("interval: 10ms, history: 4"), 26, "interval: 1h, history: 4  ");
    return text;
  }());
  const Ran second = s.life();
  CHECK(second.exit == 0);
  INFO(s.host.trace_text() << second.err);
  CHECK(contains(s.host.trace_text(), R"(state sysmon last -- {"time":"20)"));
  int kept = 0;
  for (int n = 4; n <= 6; ++n) kept += s.host.traced("keys sysmon history. " + std::to_string(n)) ? 1 : 0;
  CHECK(kept == 1);  // what was erased while the last commit was on its way is erased by the next sample
}

TEST_CASE("logger: the log as JSON, and levels set while it runs") {
  Shipped s({"counter"});
  s.does({"call logger.log count=2", "call logger.log level=fatal", "call logger.level module=counter",
          "call logger.level module=counter level=debug", "call logger.level module=counter",
          "call logger.level module=stranger level=debug", "call logger.level level=loud"});
  const Ran ran = s.life();
  CHECK(ran.exit == 0);
  const std::vector<std::string> trace = s.host.trace();
  INFO(s.host.trace_text() << ran.err);
  REQUIRE(trace.size() == 8);
  CHECK(trace[0].starts_with(R"(call logger.log OK -- [{"ts":"20)"));
  CHECK(contains(trace[0], R"("module":")"));
  CHECK(trace[1] == "call logger.log OK -- []");
  CHECK(trace[2] == "call logger.level OK -- info");
  CHECK(trace[3] == "call logger.level OK -- debug");
  CHECK(trace[4] == "call logger.level OK -- debug");
  CHECK(trace[5] == "call logger.level NOT_FOUND NO_MODULE -- no module `stranger` has been loaded");
  CHECK(trace[6].starts_with("call logger.level INVALID_ARGUMENT INVALID_ARGUMENT -- metadata `level` has to be one of trace, debug,"));
  CHECK(contains(ran.err, "log level set of=counter level=debug by=caller"));
}

TEST_CASE("without a grant nobody calls, and the host says which line would grant it") {
  Shipped s({"counter"});
  s.host.extra_config = "instance: {environment: local}\npaths: {manifests: []}\n";
  s.does({"call counter.add name=a", "call logger.level level=fatal"});
  CHECK(s.life().exit == 0);
  CHECK(contains(s.host.trace_text(), "call counter.add PERMISSION_DENIED NOT_GRANTED -- "));
  CHECK(contains(s.host.trace_text(), "call logger.level PERMISSION_DENIED NOT_GRANTED -- "));
}
