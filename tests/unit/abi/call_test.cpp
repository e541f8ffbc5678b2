// A call as the module inside it sees it: deadline, cancellation, memory, and what its return becomes.
#include <set>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("call: deadline and cancellation reach the running callback") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto& calls = table_of<tenon_calls>(instance, TENON_CALLS);
  const std::int64_t deadline = in_a_minute();
  run_as(
      instance, Phase::start,
      [&](tenon_call* call, tenon_error*) {
        CHECK(calls.deadline_ns(call) == deadline);
        CHECK(calls.cancelled(call) == 0);
        std::thread([&] { instance.cancel(deadline + 1); }).join();
        CHECK(calls.cancelled(call) == 1);
        CHECK(calls.deadline_ns(call) == deadline);  // never put off
        instance.cancel(deadline - 1);
        CHECK(calls.deadline_ns(call) == deadline - 1);
      },
      deadline);
  run_as(instance, Phase::stop, [&](tenon_call* call, tenon_error*) {  // a fresh call
    CHECK(calls.cancelled(call) == 0);
    CHECK(calls.deadline_ns(call) == INT64_MAX);
  });
}

TEST_CASE("call: a wait ends at its time, or with the shutdown, whichever comes first") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto& calls = table_of<tenon_calls>(instance, TENON_CALLS);
  run_as(instance, Phase::start, [&](tenon_call* call, tenon_error*) {
    CHECK(calls.wait(call, INT64_MIN) == 0);
    CHECK(calls.wait(call, monotonic_ns() - 1) == 0);
    const std::int64_t until = monotonic_ns() + 3'000'000;
    CHECK(calls.wait(call, until) == 0);
    CHECK(monotonic_ns() >= until);
  });
  for (int round = 0; round < 50; ++round)  // before, while and after the thread falls asleep
    run_as(instance, Phase::start, [&](tenon_call* call, tenon_error*) {
      std::thread shutdown([&] { instance.cancel(monotonic_ns()); });
      CHECK(calls.wait(call, round % 2 == 0 ? INT64_MAX : in_a_minute()) == 1);
      shutdown.join();
      CHECK(calls.wait(call, INT64_MAX) == 1);  // and every further one at once
    });
}

TEST_CASE("call: a null call is nobody's: cancelled, without a deadline, without memory") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto& calls = table_of<tenon_calls>(instance, TENON_CALLS);
  CHECK(calls.deadline_ns(nullptr) == INT64_MAX);
  CHECK(calls.cancelled(nullptr) == 1);
  CHECK(calls.wait(nullptr, INT64_MAX) == 1);
  CHECK(calls.reserve(nullptr, 16) == nullptr);
  tenon_id id = 0;
  CHECK(calls.defer(nullptr, &id) == TENON_INVALID_ARGUMENT);
  CHECK(id == 0);
}

TEST_CASE("call: memory of a call is aligned, disjoint, bounded, and new for each call") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto& calls = table_of<tenon_calls>(instance, TENON_CALLS);
  for (int round = 0; round < 2; ++round)
    run_as(instance, Phase::start, [&](tenon_call* call, tenon_error*) {
      std::vector<std::uint8_t*> parts;
      for (int i = 0; i < 64; ++i) {
        std::uint8_t* p = calls.reserve(call, 1024);
        REQUIRE(p != nullptr);
        CHECK(reinterpret_cast<std::uintptr_t>(p) % 16 == 0);
        std::memset(p, i, 1024);
        parts.push_back(p);
      }
      for (int i = 0; i < 64; ++i) {
        CHECK(parts[static_cast<std::size_t>(i)][0] == i);
        CHECK(parts[static_cast<std::size_t>(i)][1023] == i);
      }
      CHECK(calls.reserve(call, 1) == nullptr);  // 64 KiB are spent
    });
  run_as(instance, Phase::start, [&](tenon_call* call, tenon_error*) {
    CHECK(calls.reserve(call, 65537) == nullptr);
    CHECK(calls.reserve(call, SIZE_MAX) == nullptr);
    CHECK(calls.reserve(call, 65536) != nullptr);  // refusals cost nothing
  });
}

TEST_CASE("call: what a callback returns becomes its outcome") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto outcome = [&](auto&& callback) { return run_as(instance, Phase::init, callback); };
  CHECK(outcome([](tenon_call*, tenon_error*) -> tenon_status { return TENON_OK; }).kind == Outcome::Kind::done);

  SUBCASE("an error as the module wrote it") {
    const Outcome o = outcome([](tenon_call*, tenon_error* e) -> tenon_status {
      CHECK(e->struct_size == sizeof *e);
      CHECK(e->message[0] == '\0');
      std::strcpy(e->reason, "NO_TABLE");
      std::strcpy(e->message, "the table `rows` is missing");
      e->sys_errno = 2;
      return TENON_NOT_FOUND;
    });
    CHECK(o.kind == Outcome::Kind::failed);
    CHECK(o.error.code == Code::not_found);
    CHECK(o.error.reason == "NO_TABLE");
    CHECK(o.error.message == "the table `rows` is missing");
    CHECK(o.error.sys_errno == 2);
    const Outcome next = outcome([](tenon_call*, tenon_error* e) -> tenon_status {
      CHECK(e->message[0] == '\0');  // nothing is left of the last one
      CHECK(e->sys_errno == 0);
      return TENON_INTERNAL;
    });
    CHECK(next.error.message == "returned INTERNAL without a message");
  }
  SUBCASE("statuses that do not exist read as UNKNOWN") {
    for (const tenon_status status : {17, 77, 999, 1001, -1, INT32_MIN, INT32_MAX}) {
      const Outcome o = outcome([status](tenon_call*, tenon_error*) -> tenon_status { return status; });
      CHECK(o.kind == Outcome::Kind::failed);
      CHECK(o.error.code == Code::unknown);
    }
  }
  SUBCASE("fields without an end, and bytes that are not UTF-8, are safe to print") {
    const Outcome o = outcome([](tenon_call*, tenon_error* e) -> tenon_status {
      std::memset(e->reason, 'R', sizeof e->reason);
      std::memset(e->message, 0xff, sizeof e->message);
      std::memcpy(e->message, "a\n\x1b[31mb", 8);
      return TENON_INTERNAL;
    });
    CHECK(o.error.reason == std::string(48, 'R'));
    CHECK(o.error.message.find_first_of("\n\x1b\xff") == std::string::npos);
    CAPTURE(o.error.message);
    CHECK(o.error.message.starts_with("a\\n\\x1b[31mb\\xff"));
  }
  SUBCASE("a message that is text stays as it is, for whoever prints it") {
    const Outcome o = outcome([](tenon_call*, tenon_error* e) -> tenon_status {
      std::strcpy(e->message, "a\n\x1b[31m b\\c \xc3\xa4");
      return TENON_INTERNAL;
    });
    CHECK(o.error.message == "a\n\x1b[31m b\\c \xc3\xa4");
  }
  SUBCASE("an error that says it is smaller is not read beyond that") {
    const Outcome o = outcome([](tenon_call*, tenon_error* e) -> tenon_status {
      std::strcpy(e->reason, "HIDDEN");
      std::strcpy(e->message, "hidden");
      e->sys_errno = 5;
      e->struct_size = offsetof(tenon_error, reason);
      return TENON_INTERNAL;
    });
    CHECK(o.error.sys_errno == 5);
    CHECK(o.error.reason.empty());
    CHECK(o.error.message == "returned INTERNAL without a message");
  }
}

TEST_CASE("call: an error of any size is written only as far as it reaches") {
  for (std::uint32_t size = 0; size <= sizeof(tenon_error) + 8; size += 4) {
    CAPTURE(size);
    alignas(tenon_error) unsigned char bytes[sizeof(tenon_error) + 8];
    std::memset(bytes, 0xaa, sizeof bytes);
    auto* e = reinterpret_cast<tenon_error*>(bytes);
    e->struct_size = size;
    CHECK(give_error(e, {Code::not_found, std::string(400, 'm'), std::string(100, 'r'), 7, ExitCode::software}) == TENON_NOT_FOUND);
    for (std::size_t i = std::max<std::size_t>(size, sizeof e->struct_size); i < sizeof bytes; ++i) REQUIRE(bytes[i] == 0xaa);
    if (size < sizeof(tenon_error)) continue;
    CHECK(e->status == TENON_NOT_FOUND);
    CHECK(e->sys_errno == 7);
    CHECK(std::string_view(e->reason) == std::string(47, 'r'));
    CHECK(std::string_view(e->message) == std::string(191, 'm'));
    CHECK(e->message_len == 191);
  }
  CHECK(give_error(nullptr, {Code::aborted, "x", {}, 0, ExitCode::software}) == TENON_ABORTED);
  tenon_error e = fresh_error();
  give_error(&e, {Code::aborted, std::string(190, 'm') + "\xc3\xa4", {}, 0, ExitCode::software});
  CHECK(std::string_view(e.message) == std::string(190, 'm'));  // not through the middle of a character
}

TEST_CASE("call: a callback that was given up is not listened to, and not followed by another") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto& calls = table_of<tenon_calls>(instance, TENON_CALLS);
  const auto& config = table_of<tenon_config>(instance, TENON_CONFIG);
  const Outcome late = run_as(instance, Phase::init, [&](tenon_call* call, tenon_error*) {
    instance.wedge();
    CHECK(calls.cancelled(call) == 1);
    CHECK(calls.wait(call, INT64_MAX) == 1);
    tenon_id id = 0;
    CHECK(calls.defer(call, &id) == TENON_CANCELLED);
    CHECK(calls.complete(instance.ctx(), 1, TENON_OK, nullptr, nullptr) == TENON_CANCELLED);
    CHECK(calls.id_cancelled(instance.ctx(), 1) == 1);
    CHECK(calls.on_cancel(
              instance.ctx(), 1, [](void*, tenon_status) noexcept {}, nullptr) == TENON_CANCELLED);
    tenon_error e = fresh_error();
    std::int64_t number = 0;
    CHECK(config.require_i64(instance.ctx(), str("x"), &number, &e) == TENON_CANCELLED);
    CHECK(config.on_change(
              instance.ctx(), str("live"), [](void*, tenon_call*, tenon_str, tenon_error*) noexcept -> tenon_status { return 0; }, nullptr,
              nullptr, &id, &e) == TENON_CANCELLED);
    CHECK(config.unsubscribe(instance.ctx(), 1) == TENON_CANCELLED);
  });
  CHECK(late.kind == Outcome::Kind::failed);
  CHECK(late.error.code == Code::cancelled);
  bool called = false;
  const Outcome next = run_as(instance, Phase::start, [&](tenon_call*, tenon_error*) { called = true; });
  CHECK_FALSE(called);
  CHECK(next.error.reason == "WEDGED");
}
