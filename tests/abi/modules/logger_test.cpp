#include <doctest/doctest.h>

#include <string>
#include <tenon/testing.hpp>
#include <thread>
#include <vector>

#include "record_json.hpp"
#include "record_ring.hpp"
#include "service_calls.hpp"

using tenon_logger::RecordRing;
using tenon_logger::RingLimits;

namespace {

struct Seen {
  std::uint64_t seq;
  std::string module, phase, message;
  std::vector<std::pair<std::string, std::string>> fields;
};

std::vector<Seen> last(const RecordRing& ring, std::size_t count) {
  std::vector<Seen> out;
  ring.emit_last(
      count,
      [](void* data, const tenon_log_record* r) noexcept {
        Seen s{r->seq, std::string(tenon::view(r->module)), std::string(tenon::view(r->phase)), std::string(tenon::view(r->message)), {}};
        for (std::size_t i = 0; i < r->kv_count; ++i) s.fields.emplace_back(tenon::view(r->kv[i].key), tenon::view(r->kv[i].value));
        static_cast<std::vector<Seen>*>(data)->push_back(std::move(s));
      },
      &out);
  return out;
}

tenon_log_record record(std::uint64_t seq, std::string_view message, const std::vector<tenon_kv>& kv = {}) {
  tenon_log_record r{};
  r.struct_size = sizeof r;
  r.level = TENON_LEVEL_INFO;
  r.seq = seq;
  r.time_ns = 1'000'000'000 + static_cast<std::int64_t>(seq);
  r.call_id = 7;
  r.thread_id = 8;
  r.module = TENON_STR("orders");
  r.phase = TENON_STR("run");
  r.message = tenon::to_c(message);
  r.kv = kv.empty() ? nullptr : kv.data();
  r.kv_count = kv.size();
  return r;
}

}  // namespace

TEST_CASE("an empty ring emits nothing and holds no memory") {
  const RecordRing ring;
  CHECK(last(ring, 50).empty());
  CHECK(ring.use().bytes == 0);
}

TEST_CASE("records come back as they were, oldest first") {
  RecordRing ring;
  const std::vector<tenon_kv> kv = {
      {TENON_STR("key"), TENON_STR("value")}, {TENON_STR(""), TENON_STR("")}, {TENON_STR("k2"), {nullptr, 0}}};
  ring.add(record(1, "one", kv));
  ring.add(record(2, ""));
  ring.add(record(3, "three"));
  const auto all = last(ring, 50);
  REQUIRE(all.size() == 3);
  CHECK(all[0].seq == 1);
  CHECK(all[0].module == "orders");
  CHECK(all[0].phase == "run");
  CHECK(all[0].message == "one");
  CHECK(all[0].fields == std::vector<std::pair<std::string, std::string>>{{"key", "value"}, {"", ""}, {"k2", ""}});
  CHECK(all[1].message.empty());
  CHECK(all[2].seq == 3);
  const auto two = last(ring, 2);
  REQUIRE(two.size() == 2);
  CHECK(two[0].seq == 2);
  CHECK(last(ring, 0).empty());

  ring.emit_last(
      1,
      [](void*, const tenon_log_record* r) noexcept {
        CHECK(r->struct_size == sizeof(tenon_log_record));
        CHECK(r->level == TENON_LEVEL_INFO);
        CHECK(r->time_ns == 1'000'000'003);
        CHECK(r->call_id == 7);
        CHECK(r->thread_id == 8);
      },
      nullptr);
}

TEST_CASE("the number of records is bounded") {
  RecordRing ring({.records = 100, .bytes = 8U << 20U});
  for (std::uint64_t i = 1; i <= 100'000; ++i) ring.add(record(i, "message " + std::to_string(i)));
  const auto all = last(ring, 1000);
  REQUIRE(all.size() == 100);
  CHECK(all.front().seq == 99'901);
  CHECK(all.back().message == "message 100000");
  CHECK(ring.use().bytes <= 2 * RecordRing::page_size);
}

TEST_CASE("memory is bounded, and what is left is the newest without gaps") {
  constexpr std::size_t bytes = 4 * RecordRing::page_size;
  RecordRing ring({.records = 1'000'000, .bytes = bytes});
  for (std::uint64_t i = 1; i <= 5'000; ++i) ring.add(record(i, std::string(i % 3000, 'x')));
  CHECK(ring.use().bytes <= bytes);
  const auto all = last(ring, 1'000'000);
  REQUIRE(all.size() > 50);
  CHECK(all.back().seq == 5'000);
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i].seq == all[i - 1].seq + 1);
  for (const Seen& s : all) CHECK(s.message.size() == s.seq % 3000);
  CHECK(ring.use().lost == 0);
}

TEST_CASE("a record as large as a page fits, a larger one is counted as lost") {
  RecordRing ring({.records = 10, .bytes = RecordRing::page_size});
  ring.add(record(1, "small"));
  ring.add(record(2, std::string(RecordRing::page_size - 80, 'y')));
  CHECK(last(ring, 10).size() == 1);
  CHECK(last(ring, 10)[0].seq == 2);
  ring.add(record(3, std::string(RecordRing::page_size, 'z')));
  CHECK(ring.use().lost == 1);
  CHECK(last(ring, 10)[0].seq == 2);
  // Lengths that would overflow when added up.
  tenon_log_record wild = record(4, "x");
  wild.message.len = SIZE_MAX - 10;
  ring.add(wild);
  wild = record(5, "x");
  wild.kv_count = SIZE_MAX / sizeof(tenon_kv);
  ring.add(wild);
  CHECK(ring.use().lost == 3);
}

TEST_CASE("a ring without room loses everything and survives") {
  RecordRing none({.records = 0, .bytes = 8U << 20U});
  none.add(record(1, "x"));
  RecordRing no_bytes({.records = 10, .bytes = 10});
  no_bytes.add(record(1, "x"));
  CHECK(last(none, 10).empty());
  CHECK(last(no_bytes, 10).empty());
  CHECK(none.use().lost == 1);
}

TEST_CASE("what looks at each record may throw: it finds no memory, say") {
  RecordRing ring;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) ring.add(record(seq, "text"));
  std::size_t seen = 0;
  const auto gives_up = [&seen](const tenon_log_record&) {
    if (++seen == 2) throw std::bad_alloc();
  };
  CHECK_THROWS_AS(RecordRing::each(ring.find({}), gives_up), std::bad_alloc);
  CHECK(seen == 2);
}

TEST_CASE("adding and emitting at the same time") {
  RecordRing ring({.records = 500, .bytes = 4 * RecordRing::page_size});
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= 20'000; ++i) ring.add(record(i, "message"));
  });
  for (int i = 0; i < 50; ++i) {
    const auto all = last(ring, 500);
    for (std::size_t k = 1; k < all.size(); ++k) REQUIRE(all[k].seq == all[k - 1].seq + 1);
  }
  writer.join();
  CHECK(last(ring, 500).back().seq == 20'000);
}

TEST_CASE("emitting may log: no lock is held") {
  RecordRing ring;
  ring.add(record(1, "first"));
  ring.emit_last(
      10, [](void* data, const tenon_log_record* r) noexcept { static_cast<RecordRing*>(data)->add(*r); }, &ring);
  CHECK(last(ring, 10).size() == 2);
}

namespace {

/// The module in a host, attached.
struct Module {
  tenon::testing::Host host{tenon_entry_v1};
  Module() {
    host.log_sink().add_module("host", TENON_LEVEL_WARN);
    host.log_sink().add_module("orders");
    REQUIRE(host.boot().ok());
  }
  void receive(std::string_view module, std::int32_t level, std::string_view message) {
    host.log_sink().write({std::string(module), std::string(message), level});
  }
  tenon_test::Answered call(const std::string& service, const tenon_test::Pairs& metadata) {
    return tenon_test::call(host, service, metadata);
  }
  /// Sequence numbers in the answer of logger.log.
  std::string seqs(const tenon_test::Pairs& metadata) {
    const auto answer = call("logger.log", metadata);
    REQUIRE(answer.status.ok());
    std::string out;
    for (std::size_t at = 0; (at = answer.payload.find("\"seq\":", at)) != std::string::npos; ++at)
      out += (out.empty() ? "" : " ") + answer.payload.substr(at + 6, answer.payload.find(',', at) - at - 6);
    return out;
  }
};

}  // namespace

TEST_CASE("the module attaches in pre_init, gets what came before, and dumps what it received") {
  tenon::testing::Host host(tenon_entry_v1);
  REQUIRE(host.create().ok());
  CHECK_FALSE(host.log_sink().attached());
  CHECK(host.log_sink().write({"host", "early"}) == 1);
  REQUIRE(host.pre_init().ok());
  REQUIRE(host.log_sink().attached());
  REQUIRE(host.log_sink().dump(50).size() == 1);
  CHECK(host.log_sink().dump(50)[0].message == "early");
  for (int i = 2; i <= 10'050; ++i) host.log_sink().write({"orders", "m"});
  const auto some = host.log_sink().dump(50);
  REQUIRE(some.size() == 50);
  CHECK(some.front().seq == 10'001);
  CHECK(some.back().seq == 10'050);
  CHECK(host.log_sink().dump(SIZE_MAX).size() == 10'000);
  CHECK(host.finish().empty());
  CHECK_FALSE(host.log_sink().attached());
}

TEST_CASE("a host that refuses the sink fails pre_init with its own words") {
  tenon::testing::Host host(tenon_entry_v1);
  host.log_sink().refuse({TENON_PERMISSION_DENIED, "REFUSED", "no sink today"});
  REQUIRE(host.create().ok());
  const tenon::Status status = host.pre_init();
  CHECK(status.code() == TENON_PERMISSION_DENIED);
  CHECK(status.message() == "no sink today");
}

TEST_CASE("a record as JSON") {
  const std::vector<tenon_kv> kv = {{TENON_STR("key"), TENON_STR("va\"lue\n")}, {TENON_STR(""), TENON_STR("\xc3\xa4")}};
  tenon_log_record r = record(1, "with \\ and \x7f", kv);
  std::string json;
  tenon_logger::append_json(json, r);
  CHECK(json == R"({"ts":"1970-01-01T00:00:01.000000Z","level":"info","seq":1,"module":"orders","phase":"run","call":7,"thread":8,)"
                R"("msg":"with \\ and \u007f","kv":{"key":"va\"lue\u000a","":")"
                "\xc3\xa4"
                R"("}})");
  r.phase = r.message = {nullptr, 0};
  r.call_id = 0;
  r.kv_count = 0;
  r.level = 49;
  json.clear();
  tenon_logger::append_json(json, r);
  CHECK(json == R"({"ts":"1970-01-01T00:00:01.000000Z","level":"error","seq":1,"module":"orders","thread":8,"msg":""})");
}

TEST_CASE("logger.log: the last records, by module, level and sequence number") {
  Module m;
  CHECK(m.call("logger.log", {}).payload == "[]");
  for (std::uint64_t i = 1; i <= 200; ++i)
    m.receive(i % 2 == 0 ? "orders" : "billing", i % 10 == 0 ? TENON_LEVEL_ERROR : TENON_LEVEL_DEBUG, "m");
  CHECK(m.seqs({{"count", "3"}}) == "198 199 200");
  CHECK(m.seqs({{"count", "3"}, {"module", "billing"}}) == "195 197 199");
  CHECK(m.seqs({{"count", "3"}, {"level", "warn"}}) == "180 190 200");
  CHECK(m.seqs({{"since", "197"}}) == "198 199 200");
  CHECK(m.seqs({{"since", "180"}, {"level", "error"}, {"module", "orders"}, {"count", "10000"}}) == "190 200");
  CHECK(m.seqs({{"since", "200"}}).empty());
  CHECK(m.seqs({{"module", "order"}}).empty());
  CHECK(m.seqs({{"module", "stranger"}}).empty());
  CHECK(m.seqs({{"count", "0"}}).empty());
  CHECK(m.seqs({}).substr(0, 4) == "101 ");
  CHECK(m.call("logger.log", {}).content_type == "application/json");
  CHECK(m.host.finish().empty());
}

TEST_CASE("logger.log: an answer is bounded, and says so") {
  Module m;
  for (std::uint64_t i = 1; i <= 100; ++i) m.receive("orders", TENON_LEVEL_INFO, std::string(16'000, 'x'));
  const auto answer = m.call("logger.log", {{"count", "100"}});
  REQUIRE(answer.status.ok());
  CHECK(answer.metadata.at("truncated") == "true");
  CHECK(answer.payload.size() > 900'000);
  CHECK(answer.payload.size() < 1'200'000);
  CHECK(answer.payload.find("\"seq\":100,") != std::string::npos);
  CHECK(m.call("logger.log", {{"count", "60"}}).metadata.empty());
}

TEST_CASE("logger.level: tells and sets, and logs who did") {
  Module m;
  const auto level = [&](const tenon_test::Pairs& metadata) {
    const auto answer = m.call("logger.level", metadata);
    return answer.status.ok() ? answer.payload : std::string(answer.status.reason());
  };
  CHECK(level({}) == "info");
  CHECK(level({{"module", "host"}}) == "warn");
  CHECK(level({{"module", "orders"}}) == "info");
  CHECK(level({{"module", "stranger"}}) == "NO_MODULE");
  CHECK(m.host.log().empty());
  CHECK(level({{"module", "orders"}, {"level", "trace"}}) == "trace");
  CHECK(m.host.log_sink().level("orders") == TENON_LEVEL_TRACE);
  REQUIRE(m.host.log().size() == 1);
  CHECK(m.host.log()[0].field("of") == "orders");
  CHECK(m.host.log()[0].field("level") == "trace");
  CHECK(m.host.log()[0].field("by") == "tester");
  CHECK(level({{"level", "error"}}) == "error");
  CHECK(m.host.log()[1].field("of") == "all others");
  CHECK(level({{"module", "orders"}, {"level", "default"}}) == "error");
  CHECK(level({{"module", "stranger"}, {"level", "info"}}) == "NO_MODULE");
  CHECK(m.host.log().size() == 3);
}

TEST_CASE("logger.log and logger.level: requests that cannot be are refused with a sentence") {
  Module m;
  const tenon_test::Pairs wrong_logs[] = {
      {{"count", "10001"}}, {{"count", "-1"}},      {{"count", "1e3"}},    {{"count", "99999999999999999999"}},
      {{"since", "x"}},     {{"level", "warning"}}, {{"level", "default"}}};
  for (const auto& metadata : wrong_logs) {
    const auto answer = m.call("logger.log", metadata);
    CHECK(answer.status.code() == TENON_INVALID_ARGUMENT);
    CHECK(answer.status.message().find("`" + metadata[0].first + "`") != std::string_view::npos);
  }
  CHECK(m.call("logger.level", {{"level", "loud"}}).status.code() == TENON_INVALID_ARGUMENT);
  CHECK(m.call("logger.level", {{"module", std::string(256, 'm')}}).status.code() == TENON_INVALID_ARGUMENT);
}
