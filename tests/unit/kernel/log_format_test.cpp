// Levels, the two formats, and text that tries to be more than text.
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "log_record.hpp"
#include "log_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;
using namespace std::string_view_literals;

namespace {

constexpr std::int64_t a_time = 1'790'737'445'123'456'789;  // 2026-09-30T03:04:05.123456789Z

LogOptions text_options() { return {}; }
LogOptions json_options() {
  LogOptions options;
  options.format = LogOptions::Format::json;
  return options;
}

struct Sample {
  std::vector<LogField> fields;
  LogRecordView view{info, 7, a_time, 0, 4711, "orders", "", "ready", {}};

  Sample& message(std::string_view text) {
    view.message = text;
    return *this;
  }
  Sample& with(std::string_view key, std::string_view value) {
    fields.push_back({key, value});
    view.fields = fields;
    return *this;
  }
  [[nodiscard]] std::string text() const { return log_line(view, text_options()); }
  [[nodiscard]] std::string json() const { return log_line(view, json_options()); }
};

std::string text_message(std::string_view message) {
  const std::string line = Sample().message(message).text();
  constexpr auto before = "2026-09-30T03:04:05.123Z INFO  orders: "sv;
  REQUIRE(line.substr(0, before.size()) == before);
  REQUIRE(line.back() == '\n');
  return line.substr(before.size(), line.size() - before.size() - 1);
}

std::string json_message(std::string_view message) {
  const std::string line = Sample().message(message).json();
  const std::size_t at = line.find("\"msg\":\"") + 7;
  REQUIRE(line.substr(line.size() - 3) == "\"}\n");
  return line.substr(at, line.size() - at - 3);
}

}  // namespace

TEST_CASE("log format: names and rounding of levels") {
  CHECK(*parse_level("trace") == trace);
  CHECK(*parse_level("warn") == warn);
  CHECK(*parse_level("fatal") == fatal);
  CHECK_FALSE(parse_level("Info"));
  CHECK_FALSE(parse_level(""));
  CHECK_FALSE(parse_level("warning"));
  CHECK(level_name(-2147483647) == "trace");
  CHECK(level_name(9) == "trace");
  CHECK(level_name(10) == "debug");
  CHECK(level_name(39) == "warn");
  CHECK(level_name(50) == "fatal");
  CHECK(level_name(2147483647) == "fatal");
}

TEST_CASE("log format: a text line") {
  Sample sample;
  CHECK(sample.text() == "2026-09-30T03:04:05.123Z INFO  orders: ready\n");
  sample.with("page_size", "50").with("path", "/a b").with("empty", "").with("q", "say \"hi\"").with("eq", "a=b").with("back", "a\\b");
  sample.view.phase = "init";
  sample.view.call_id = 12;
  sample.view.level = 37;
  CHECK(sample.text() ==
        "2026-09-30T03:04:05.123Z WARN  orders/init#12: ready page_size=50 path=\"/a b\" empty=\"\" q=\"say \\\"hi\\\"\" eq=\"a=b\" "
        "back=\"a\\\\b\"\n");
  CHECK(Sample().with("a b", "1").text() == "2026-09-30T03:04:05.123Z INFO  orders: ready \"a b\"=1\n");
  CHECK(Sample().with("straße", "ü").text() == "2026-09-30T03:04:05.123Z INFO  orders: ready \"straße\"=\"ü\"\n");
}

TEST_CASE("log format: a JSON line") {
  Sample sample;
  CHECK(sample.json() == R"({"ts":"2026-09-30T03:04:05.123456Z","level":"info","seq":7,"module":"orders","thread":4711,"msg":"ready"})"
                         "\n");
  sample.view.phase = "run";
  sample.view.call_id = 18446744073709551615U;
  sample.view.seq = 18446744073709551615U;
  sample.view.level = fatal;
  sample.with("a", "1").with("a", "2").with("", "");
  CHECK(sample.json() ==
        R"({"ts":"2026-09-30T03:04:05.123456Z","level":"fatal","seq":18446744073709551615,"module":"orders","phase":"run",)"
        R"("call":18446744073709551615,"thread":4711,"msg":"ready","kv":{"a":"1","a_2":"2","":""}})"
        "\n");
}

TEST_CASE("log format: a module's key cannot take the place of a field of the host") {
  const std::string line = Sample().with("module", "host").with("ts", "0").with("level", "fatal").json();
  CHECK(line == R"({"ts":"2026-09-30T03:04:05.123456Z","level":"info","seq":7,"module":"orders","thread":4711,"msg":"ready",)"
                R"("kv":{"module":"host","ts":"0","level":"fatal"}})"
                "\n");
}

TEST_CASE("log format: colour and journal priorities") {
  Sample sample;
  LogOptions options;
  options.colour = true;
  CHECK(log_line(sample.view, options) == "2026-09-30T03:04:05.123Z \x1b[32mINFO  \x1b[0morders: ready\n");
  options.colour = false;
  options.journal_prefix = true;
  const std::pair<int, char> priorities[] = {{trace, '7'}, {debug, '7'}, {info, '6'}, {warn, '4'}, {error, '3'}, {fatal, '2'}};
  for (const auto& [level, digit] : priorities) {
    sample.view.level = level;
    CHECK(log_line(sample.view, options).substr(0, 3) == std::string("<") + digit + ">");
  }
  options.format = LogOptions::Format::json;
  options.colour = true;  // says nothing in JSON
  CHECK(log_line(sample.view, options).substr(0, 9) == "<2>{\"ts\":");
  options.target = LogOptions::Target::file;  // nobody reads priorities in a file
  CHECK(log_line(sample.view, options)[0] == '{');
}

TEST_CASE("log format: times at the edges") {
  Sample sample;
  sample.view.time_ns = 0;
  CHECK(sample.text().substr(0, 24) == "1970-01-01T00:00:00.000Z");
  sample.view.time_ns = -1;
  CHECK(sample.json().substr(7, 27) == "1969-12-31T23:59:59.999999Z");
  sample.view.time_ns = INT64_MAX;
  CHECK(sample.json().substr(7, 27) == "2262-04-11T23:47:16.854775Z");
  sample.view.time_ns = INT64_MIN + 999'999'999;
  CHECK(sample.json().substr(7, 4) == "1677");
}

TEST_CASE("log format: no line can be forged") {
  CHECK(text_message("a\nb") == R"(a\nb)");
  CHECK(text_message("a\r\tb") == R"(a\r\tb)");
  CHECK(text_message("\x1b[31mred\x7f\x07") == R"(\x1b[31mred\x7f\x07)");
  CHECK(text_message("nul\0x"sv) == R"(nul\x00x)");
  CHECK(text_message("csi \xc2\x9b next \xc2\x85") == R"(csi \x9b next \x85)");
  CHECK(text_message("sep \u2028\u2029 bidi \u202e\u2066\u200f\u061c bom \ufeff") ==
        R"(sep \u{2028}\u{2029} bidi \u{202e}\u{2066}\u{200f}\u{061c} bom \u{feff})");
  CHECK(text_message("quotes \" and \\ stay, ünïcödé 日本 🎉 too") == "quotes \" and \\ stay, ünïcödé 日本 🎉 too");
  CHECK(Sample().with("k\n", "v\n2026 INFO  host: forged").text() ==
        "2026-09-30T03:04:05.123Z INFO  orders: ready \"k\\n\"=\"v\\n2026 INFO  host: forged\"\n");

  CHECK(json_message("a\nb\"},{\"level\":\"fatal\\") == R"(a\nb\"},{\"level\":\"fatal\\)");
  CHECK(json_message("\0\x01\x1f\x7f"sv) == R"(\u0000\u0001\u001f\u007f)");
  CHECK(json_message("\xc2\x9b\u2028\u202e\ufeff\u061c") == R"(\u009b\u2028\u202e\ufeff\u061c)");
  CHECK(json_message("ünïcödé 日本 🎉") == "ünïcödé 日本 🎉");
  CHECK(Sample().with("k\"\n", "v\"\n").json().find(R"("kv":{"k\"\n":"v\"\n"}})") != std::string::npos);
}

TEST_CASE("log format: bytes that are not UTF-8") {
  CHECK(text_message("a\xff\xfe b") == R"(a\xff\xfe b)");
  CHECK(text_message("cut \xe2\x82") == R"(cut \xe2\x82)");
  CHECK(text_message("overlong \xc0\x8a surrogate \xed\xa0\x80") == R"(overlong \xc0\x8a surrogate \xed\xa0\x80)");
  CHECK(json_message("a\xff") == R"(a\\xff)");
  CHECK(json_message("\xf0\x9f\x8e") == R"(\\xf0\\x9f\\x8e)");
  CHECK(json_message("beyond \xf4\x90\x80\x80") == R"(beyond \\xf4\\x90\\x80\\x80)");
}

TEST_CASE("log format: every byte at every position of every short length survives the fast path") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool plain = byte >= 0x20 && byte < 0x7f;
    for (std::size_t length = 1; length < 20; ++length) {
      for (std::size_t at = 0; at < length; ++at) {
        std::string message(length, 'x');
        for (std::size_t i = 0; i < length; ++i) message[i] = static_cast<char>('a' + i);
        message[at] = static_cast<char>(byte);
        const std::string text = text_message(message), json = json_message(message);
        REQUIRE(invalid_utf8_at(text) == std::string::npos);
        for (char c : text + json) REQUIRE(static_cast<unsigned char>(c) >= 0x20);
        REQUIRE((text == message) == plain);
        REQUIRE((json == message) == (plain && byte != '"' && byte != '\\'));
        REQUIRE(text.substr(0, at) == message.substr(0, at));
        REQUIRE(text.substr(text.size() - (length - at - 1)) == message.substr(at + 1));
        REQUIRE(json.substr(json.size() - (length - at - 1)) == message.substr(at + 1));
      }
    }
  }
}

TEST_CASE("log format: too much is cut between characters, and the line says so") {
  std::string long_text;
  while (long_text.size() < log_max_bytes + 100) long_text += "日本";
  const std::string cut = text_message(long_text);
  CHECK(cut.size() <= log_max_bytes + 3);
  CHECK(cut.size() > log_max_bytes - 3);
  CHECK(invalid_utf8_at(cut) == std::string::npos);
  CHECK(cut.substr(cut.size() - 3) == "…");

  CHECK(text_message(std::string(log_max_bytes, 'x')) == std::string(log_max_bytes, 'x'));
  CHECK(text_message(std::string(log_max_bytes + 1, 'x')) == std::string(log_max_bytes, 'x') + "…");

  SUBCASE("a value") {
    const std::string line = Sample().with("a", "1").with("big", std::string(log_max_bytes, 'x')).with("late", "2").json();
    CHECK(contains(line, R"("kv":{"a":"1","big":"xxx)"));
    CHECK(contains(line, R"(xxx…","tenon.dropped_pairs":"1"}})"));
  }
  SUBCASE("a key that does not fit goes with its value") {
    const std::string line = Sample().with(std::string(log_max_bytes, 'k'), "v").with("a", "1").json();
    CHECK(contains(line, R"("msg":"ready","kv":{"tenon.dropped_pairs":"2"}})"));
  }
  SUBCASE("invalid bytes count as what they become") {
    const std::string line = text_message(std::string(log_max_bytes, '\xff'));
    CHECK(line.size() == log_max_bytes + 3);
    CHECK(line.substr(line.size() - 7) == "\\xff…");
  }
  SUBCASE("the number of pairs") {
    std::vector<std::string> keys;
    for (int i = 0; i < 70; ++i) keys.push_back("k" + std::to_string(i));
    Sample sample;
    for (const std::string& key : keys) sample.with(key, "v");
    const std::string line = sample.json();
    CHECK(contains(line, R"("k63":"v","tenon.dropped_pairs":"6"}})"));
    CHECK_FALSE(contains(line, "k64"));
    sample.view.fields = std::span(sample.fields).first(log_max_pairs);
    CHECK_FALSE(contains(sample.json(), "dropped_pairs"));
  }
  SUBCASE("the largest line there is") {
    const std::string controls(log_max_bytes, '\x01');
    CHECK(json_message(controls).size() == 6 * log_max_bytes);
  }
}

TEST_CASE("log format: a key that comes twice is another one in JSON, so that no reader loses a value") {
  CHECK(contains(Sample().with("a", "1").with("b", "2").with("a", "3").json(), R"("kv":{"a":"1","b":"2","a_2":"3"}})"));
  CHECK(
      contains(Sample().with("a", "1").with("a", "2").with("a", "3").with("a", "4").json(), R"({"a":"1","a_2":"2","a_3":"3","a_4":"4"}})"));
  CHECK(contains(Sample().with("a_2", "1").with("a", "2").with("a", "3").with("a", "4").with("a_4", "5").json(),
                 R"({"a_2":"1","a":"2","a_3":"3","a_5":"4","a_4":"5"}})"));
  CHECK(contains(Sample().with("", "1").with("", "2").json(), R"({"":"1","_2":"2"}})"));
  CHECK(contains(Sample().with("a", "1").with("a", "2").text(), "a=1 a=2"));
  // What the host adds at the end keeps its name.
  CHECK(contains(Sample().with("tenon.trace_id", "mine").with("a", "1").with("tenon.trace_id", "the host's").json(),
                 R"({"tenon.trace_id_2":"mine","a":"1","tenon.trace_id":"the host's"}})"));
  // Keys that only look alike to a hasty look.
  Sample many;
  std::vector<std::string> keys;
  for (char first = 'a'; first < 'e'; ++first)
    for (char last = 'a'; last < 'p'; ++last) keys.push_back(std::string{first, 'x', last});
  for (const std::string& key : keys) many.with(key, "v");
  for (const std::string& key : keys) CHECK(contains(many.json(), "\"" + key + "\":\"v\""));
  CHECK_FALSE(contains(many.json(), "_"));
  // As many as a line has.
  Sample same;
  for (std::size_t i = 0; i < log_max_pairs; ++i) same.with("same", "v");
  CHECK(contains(same.json(), R"("same_63":"v","same_64":"v"}})"));
}

TEST_CASE("log format: what is over is not even looked at") {
  constexpr std::size_t readable = 64 * 1024, claimed = std::size_t{1} << 30U;
  void* const mapped = ::mmap(nullptr, claimed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(mapped != MAP_FAILED);
  REQUIRE(::mprotect(mapped, readable, PROT_READ | PROT_WRITE) == 0);
  auto* const text = static_cast<char*>(mapped);
  // The end of what is kept falls on every byte of characters of every length.
  for (const std::string_view character : {"x", "é", "日", "😀"})
    for (std::size_t shift = 0; shift < 4; ++shift) {
      std::fill_n(text, shift, '.');
      for (std::size_t at = shift; at + 4 <= readable; at += character.size()) character.copy(text + at, character.size());
      const LogField huge[] = {{"key", {text, claimed}}};
      const OwnedRecord message({info, 0, 0, 0, 0, "orders", "run", {text, claimed}, huge}, 0),
          value({info, 0, 0, 0, 0, "orders", "run", "", huge}, 0);
      const std::string_view cut = message.view().message;
      CHECK(invalid_utf8_at(cut) == std::string_view::npos);
      CHECK(cut.size() <= log_max_bytes + 3);
      CHECK(cut.size() > log_max_bytes + 3 - character.size());
      CHECK(cut.ends_with("…"));
      CHECK(message.view().fields.size() == 1);
      CHECK(message.view().fields[0].key == "tenon.dropped_pairs");
      REQUIRE(value.view().fields.size() == 1);
      CHECK(value.view().fields[0].value.size() < log_max_bytes + 3);
    }
  ::munmap(mapped, claimed);
}
