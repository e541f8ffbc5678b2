#include <doctest/doctest.h>

#include <string>
#include <tenon/testing.hpp>
#include <thread>
#include <vector>

#include "record_ring.hpp"

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

/// A tenon.log_sink/1 that remembers what was attached.
struct FakeSink {
  static inline const tenon_log_receiver* receiver = nullptr;
  static inline void* data = nullptr;
  static inline tenon_status answer = TENON_OK;
  static tenon_status attach(tenon_ctx*, const tenon_log_receiver* r, void* d, void (*)(void*) noexcept, tenon_id* out,
                             tenon_error* err) noexcept {
    if (answer != TENON_OK) return tenon::detail::fill(err, answer, "REFUSED", "no sink today");
    receiver = r;
    data = d;
    *out = 1;
    return TENON_OK;
  }
  static tenon_status detach(tenon_ctx*, tenon_id) noexcept { return TENON_OK; }
  static constexpr tenon_log_sink table = {sizeof(tenon_log_sink), 0, attach, detach};
};

}  // namespace

TEST_CASE("the module attaches in pre_init and dumps what it received") {
  FakeSink::answer = TENON_OK;
  FakeSink::receiver = nullptr;
  tenon::testing::Host host(tenon_entry_v1);
  host.provide(TENON_LOG_SINK, &FakeSink::table);
  REQUIRE(host.create().ok());
  CHECK(FakeSink::receiver == nullptr);
  REQUIRE(host.pre_init().ok());
  REQUIRE(FakeSink::receiver != nullptr);
  for (std::uint64_t i = 1; i <= 10'050; ++i) {
    const auto r = record(i, "m");
    FakeSink::receiver->record(FakeSink::data, &r);
  }
  std::vector<std::uint64_t> seqs;
  const auto emit = [](void* data, const tenon_log_record* r) noexcept {
    static_cast<std::vector<std::uint64_t>*>(data)->push_back(r->seq);
  };
  FakeSink::receiver->dump(FakeSink::data, 50, emit, &seqs);
  REQUIRE(seqs.size() == 50);
  CHECK(seqs.front() == 10'001);
  CHECK(seqs.back() == 10'050);
  seqs.clear();
  FakeSink::receiver->dump(FakeSink::data, SIZE_MAX, emit, &seqs);
  CHECK(seqs.size() == 10'000);
  CHECK(host.finish().empty());
}

TEST_CASE("a host that refuses the sink fails pre_init with its own words") {
  FakeSink::answer = TENON_PERMISSION_DENIED;
  tenon::testing::Host host(tenon_entry_v1);
  host.provide(TENON_LOG_SINK, &FakeSink::table);
  REQUIRE(host.create().ok());
  const tenon::Status status = host.pre_init();
  CHECK(status.code() == TENON_PERMISSION_DENIED);
  CHECK(status.message() == "no sink today");
}
