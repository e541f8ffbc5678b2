// tenon.log_sink/1: attaching, what a sink receives, and how it goes.
#include <atomic>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

struct Sink {
  std::vector<std::string> lines;
  Counter released;
  std::function<void()> inside;
};
void record(void* data, const tenon_log_record* r) noexcept {
  auto* sink = static_cast<Sink*>(data);
  std::string line = std::to_string(r->level) + " " + std::string(view(r->module)) + " " + std::string(view(r->phase)) + " " +
                     std::string(view(r->message));
  for (std::size_t i = 0; i < r->kv_count; ++i) line += " " + std::string(view(r->kv[i].key)) + "=" + std::string(view(r->kv[i].value));
  CHECK(r->struct_size == sizeof *r);
  CHECK(r->thread_id != 0);
  sink->lines.push_back(std::move(line));
  if (sink->inside) sink->inside();
}
void dump(void* data, std::size_t count, tenon_log_emit emit, void* emit_data) noexcept {
  auto* sink = static_cast<Sink*>(data);
  for (std::size_t i = 0; i < count && i < sink->lines.size(); ++i) {
    tenon_log_record r{};
    r.struct_size = sizeof r;
    r.message = str(sink->lines[i]);
    emit(emit_data, &r);
  }
}
void release(void* data) noexcept { static_cast<Sink*>(data)->released.add(); }

struct Attached {
  World world;
  Instance instance{world.host, options_of("logger", true)};
  const tenon_log_sink& table = table_of<tenon_log_sink>(instance, TENON_LOG_SINK);
  tenon_log_receiver receiver{sizeof(tenon_log_receiver), 0, &record, &dump};
  Sink sink;
  tenon_id id = 0;
  Attached() {
    world.log.end_early();
    instance.set_phase(Phase::init);
  }
  tenon_status attach(tenon_error* e = nullptr) { return table.attach(instance.ctx(), &receiver, &sink, &release, &id, e); }
};

}  // namespace

TEST_CASE("sink: receives records as they are written, until it is detached") {
  Attached a;
  REQUIRE(a.attach() == TENON_OK);
  a.world.log.log(warn, "first", {{"k", "v"}});
  Instance orders(a.world.host, options_of("orders"));
  run_as(orders, Phase::init, [&](tenon_call*, tenon_error*) {
    table_of<tenon_log>(orders, TENON_LOG).write(orders.ctx(), TENON_LEVEL_ERROR, str("second"), nullptr, 0);
  });
  CHECK(a.sink.lines == std::vector<std::string>{"30 host  first k=v", "40 orders init second"});
  CHECK(a.table.detach(a.instance.ctx(), a.id) == TENON_OK);
  CHECK(a.table.detach(a.instance.ctx(), a.id) == TENON_NOT_FOUND);
  a.world.log.log(warn, "third");
  CHECK(a.sink.lines.size() == 2);
  REQUIRE(a.sink.released.wait_for(1));
  a.instance.revoke_all();
  CHECK(a.sink.released.value() == 1);
}

TEST_CASE("sink: early records first") {
  World world;
  world.log.log(info, "early");
  Instance instance(world.host, options_of("logger", true));
  instance.set_phase(Phase::pre_init);
  Sink sink;
  tenon_id id = 0;
  const tenon_log_receiver receiver{sizeof(tenon_log_receiver), 0, &record, nullptr};
  REQUIRE(table_of<tenon_log_sink>(instance, TENON_LOG_SINK).attach(instance.ctx(), &receiver, &sink, nullptr, &id, nullptr) == TENON_OK);
  CHECK(sink.lines == std::vector<std::string>{"20 host  early"});
  instance.revoke_all();  // no release function is fine
}

TEST_CASE("sink: arguments that cannot be, the wrong phase, and a second one") {
  Attached a;
  tenon_error e = fresh_error();
  CHECK(a.table.attach(nullptr, &a.receiver, &a.sink, &release, &a.id, &e) == TENON_INVALID_ARGUMENT);
  CHECK(a.table.attach(a.instance.ctx(), nullptr, &a.sink, &release, &a.id, &e) == TENON_INVALID_ARGUMENT);
  CHECK(a.table.attach(a.instance.ctx(), &a.receiver, &a.sink, &release, nullptr, &e) == TENON_INVALID_ARGUMENT);
  for (const std::uint32_t size : {0U, 4U, 8U, 15U}) {
    a.receiver.struct_size = size;
    CHECK(a.attach(&e) == TENON_INVALID_ARGUMENT);
  }
  a.receiver = {sizeof(tenon_log_receiver), 0, nullptr, &dump};
  CHECK(a.attach(&e) == TENON_INVALID_ARGUMENT);
  a.receiver.record = &record;
  for (const Phase phase : {Phase::none, Phase::post_init, Phase::start, Phase::run, Phase::stop, Phase::destroy}) {
    a.instance.set_phase(phase);
    CHECK(a.attach(&e) == TENON_FAILED_PRECONDITION);
    CHECK(std::string_view(e.reason) == "WRONG_PHASE");
  }
  a.instance.set_phase(Phase::create);
  CHECK(a.id == 0);
  CHECK(a.attach() == TENON_OK);
  tenon_id second = 0;
  CHECK(a.table.attach(a.instance.ctx(), &a.receiver, &a.sink, &release, &second, &e) == TENON_ALREADY_EXISTS);
  CHECK(second == 0);
  CHECK(a.table.detach(nullptr, a.id) == TENON_INVALID_ARGUMENT);
  Instance thief(a.world.host, options_of("thief", true));
  CHECK(a.table.detach(thief.ctx(), a.id) == TENON_NOT_FOUND);
  CHECK(a.table.detach(a.instance.ctx(), 0) == TENON_NOT_FOUND);
  a.instance.wedge();
  CHECK(a.table.detach(a.instance.ctx(), a.id) == TENON_CANCELLED);
  CHECK(a.table.attach(a.instance.ctx(), &a.receiver, &a.sink, &release, &second, &e) == TENON_CANCELLED);
  CHECK(a.sink.released.value() == 0);
  a.instance.revoke_all();
}

TEST_CASE("sink: nothing can be attached once the instance is leaving") {
  Attached a;
  a.instance.gate().advance(Gate::State::draining);
  tenon_error e = fresh_error();
  CHECK(a.attach(&e) == TENON_UNAVAILABLE);
  CHECK(std::string_view(e.reason) == "CLOSED");
  a.world.log.log(warn, "nobody hears it");
  a.instance.revoke_all();
  CHECK(a.sink.lines.empty());
  CHECK(a.sink.released.value() == 0);
}

TEST_CASE("sink: a receiver smaller than today's has no dump, a larger one is not read beyond") {
  Attached a;
  std::vector<std::string> emitted;
  const auto emit = [&](const tenon_log_record& r) { emitted.emplace_back(view(r.message)); };
  CHECK_FALSE(a.instance.dump_log(10, emit));
  SUBCASE("smaller") {
    a.receiver.struct_size = offsetof(tenon_log_receiver, dump);
    REQUIRE(a.attach() == TENON_OK);
    a.world.log.log(warn, "one");
    CHECK_FALSE(a.instance.dump_log(10, emit));
    CHECK(a.sink.lines.size() == 1);
  }
  SUBCASE("larger") {
    struct {
      tenon_log_receiver known;
      void* more[4];
    } grown{a.receiver, {}};
    grown.known.struct_size = sizeof grown;
    REQUIRE(a.table.attach(a.instance.ctx(), &grown.known, &a.sink, &release, &a.id, nullptr) == TENON_OK);
    a.world.log.log(warn, "one");
    a.world.log.log(warn, "two");
    CHECK(a.instance.dump_log(1, emit));
    CHECK(emitted == std::vector<std::string>{"30 host  one"});
    a.instance.gate().advance(Gate::State::draining);
    CHECK_FALSE(a.instance.dump_log(1, emit));
  }
  a.instance.revoke_all();
}

TEST_CASE("sink: draining still delivers, closed does not, revoking releases on the spot, once") {
  Attached a;
  REQUIRE(a.attach() == TENON_OK);
  a.instance.gate().advance(Gate::State::draining);
  a.world.log.log(warn, "draining");
  a.instance.gate().advance(Gate::State::closed);
  a.world.log.log(warn, "closed");
  CHECK(a.sink.lines == std::vector<std::string>{"30 host  draining"});
  a.instance.revoke_all();
  CHECK(a.sink.released.value() == 1);
  a.instance.revoke_all();
  CHECK(a.sink.released.value() == 1);
}

TEST_CASE("sink: detached from inside its own record, it is released after that") {
  Attached a;
  REQUIRE(a.attach() == TENON_OK);
  a.sink.inside = [&] {
    CHECK(a.table.detach(a.instance.ctx(), a.id) == TENON_OK);
    CHECK(a.sink.released.value() == 0);
  };
  a.world.log.log(warn, "last");
  CHECK(a.sink.released.wait_for(1));
  a.world.log.log(warn, "nobody hears it");
  CHECK(a.sink.lines.size() == 1);
}

TEST_CASE("sink: detached while early records are replayed, it hears no more of them and is released behind them") {
  World world;
  world.log.log(info, "one");
  world.log.log(info, "two");
  Instance instance(world.host, options_of("logger", true));
  instance.set_phase(Phase::pre_init);
  const auto& table = table_of<tenon_log_sink>(instance, TENON_LOG_SINK);
  const tenon_log_receiver receiver{sizeof(tenon_log_receiver), 0, &record, nullptr};
  Sink sink;
  tenon_id id = 0;
  sink.inside = [&] {
    const auto detach = [&] { CHECK(table.detach(instance.ctx(), id) == TENON_OK); };
    SUBCASE("by its own record") { detach(); }
    SUBCASE("by another thread") { std::thread(detach).join(); }
    SUBCASE("by the host") { instance.revoke_all(); }
    CHECK(table.detach(instance.ctx(), id) == TENON_NOT_FOUND);
    CHECK(world.host.notifier().flush(&instance, in_a_minute()));
    CHECK(sink.released.value() == 0);
  };
  CHECK(table.attach(instance.ctx(), &receiver, &sink, &release, &id, nullptr) == TENON_OK);
  CHECK(sink.lines.size() == 1);
  CHECK(world.host.notifier().flush(&instance, in_a_minute()));
  CHECK(sink.released.value() == 1);
  world.log.log(warn, "nobody hears it");
  instance.revoke_all();
  CHECK(sink.lines.size() == 1);
  CHECK(sink.released.value() == 1);
}

TEST_CASE("sink: detached while it dumps, it is released when that is done") {
  Attached a;
  REQUIRE(a.attach() == TENON_OK);
  a.world.log.log(warn, "one");
  CHECK(a.instance.dump_log(1, [&](const tenon_log_record&) {
    CHECK(a.table.detach(a.instance.ctx(), a.id) == TENON_OK);
    CHECK_FALSE(a.world.host.notifier().flush(&a.instance, monotonic_ns() + 20'000'000));
    CHECK(a.sink.released.value() == 0);
  }));
  CHECK(a.sink.released.wait_for(1));
  CHECK_FALSE(a.instance.dump_log(1, [](const tenon_log_record&) {}));
}

TEST_CASE("sink: attached and detached while others log") {
  Attached a;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done.load()) a.world.log.log(warn, "line");
  });
  for (int i = 1; i <= 50; ++i) {
    REQUIRE(a.attach() == TENON_OK);
    REQUIRE(a.table.detach(a.instance.ctx(), a.id) == TENON_OK);
    REQUIRE(a.sink.released.wait_for(i));
    const std::size_t heard = a.sink.lines.size();
    a.world.log.log(warn, "mine");
    CHECK(a.sink.lines.size() == heard);  // nothing new after detach
  }
  done.store(true);
  writer.join();
  CHECK(a.sink.released.value() == 50);
}

TEST_CASE("sink: levels are read and set by name, for those who are there") {
  Attached a;
  Instance orders(a.world.host, options_of("orders"));
  const auto level = [&](std::string_view name) {
    std::int32_t out = -2;
    const tenon_status status = a.table.level(a.instance.ctx(), str(name), &out, nullptr);
    return status == TENON_OK ? out : -100 - status;
  };
  const auto set = [&](std::string_view name, std::int32_t to, tenon_error* e = nullptr) {
    return a.table.set_level(a.instance.ctx(), str(name), to, e);
  };
  REQUIRE(set("", TENON_LEVEL_WARN) == TENON_OK);
  CHECK(level("") == TENON_LEVEL_WARN);
  CHECK(level("orders") == TENON_LEVEL_WARN);
  CHECK(level("host") == TENON_LEVEL_WARN);
  CHECK(set("orders", 19) == TENON_OK);
  CHECK(level("orders") == TENON_LEVEL_DEBUG);
  CHECK(level("") == TENON_LEVEL_WARN);
  CHECK(table_of<tenon_log>(orders, TENON_LOG).min_level == TENON_LEVEL_DEBUG);
  CHECK(set("host", TENON_LEVEL_FATAL) == TENON_OK);
  CHECK_FALSE(a.world.log.enabled(TENON_LEVEL_ERROR));
  CHECK(set("orders", TENON_LEVEL_DEFAULT) == TENON_OK);
  CHECK(level("orders") == TENON_LEVEL_WARN);

  tenon_error e = fresh_error();
  CHECK(level("stranger") == -100 - TENON_NOT_FOUND);
  CHECK(set("stranger", TENON_LEVEL_DEBUG, &e) == TENON_NOT_FOUND);
  CHECK(std::string_view(e.reason) == "NO_MODULE");
  CHECK(level("stranger") == -100 - TENON_NOT_FOUND);
  for (const std::int32_t wrong : {-2, 51, INT32_MIN, INT32_MAX}) {
    CHECK(set("orders", wrong, &e) == TENON_INVALID_ARGUMENT);
    CHECK(std::string_view(e.reason) == "LEVEL");
  }
  CHECK(a.table.level(a.instance.ctx(), str("orders"), nullptr, &e) == TENON_INVALID_ARGUMENT);
  CHECK(a.table.level(nullptr, str("orders"), nullptr, &e) == TENON_INVALID_ARGUMENT);
  CHECK(a.table.set_level(a.instance.ctx(), {nullptr, 3}, TENON_LEVEL_INFO, &e) == TENON_INVALID_ARGUMENT);
  a.instance.wedge();
  CHECK(set("orders", TENON_LEVEL_INFO) == TENON_CANCELLED);
  CHECK(level("orders") == -100 - TENON_CANCELLED);
}
