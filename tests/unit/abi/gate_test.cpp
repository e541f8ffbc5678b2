// Frames and the gate: who is inside, who is let in, and what closing waits for.
#include <atomic>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// A thread that is inside an instance until told to leave.
class Visitor {
 public:
  Visitor(Instance& instance, Phase phase, Gate::State limit = Gate::State::open)
      : thread_([this, &instance, phase, limit] {
          const GateEntry entry(instance, phase, ThreadTag::worker, nullptr, limit);
          entered_.set_value(static_cast<bool>(entry));
          leave_.get_future().wait();
        }) {}
  ~Visitor() { leave(); }
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;
  bool is_inside() { return entered_.get_future().get(); }
  void leave() {
    if (!thread_.joinable()) return;
    leave_.set_value();
    thread_.join();
  }

 private:
  std::promise<bool> entered_;
  std::promise<void> leave_;
  std::thread thread_;
};

std::size_t records() {
  std::size_t n = 0;
  for (const ThreadFrames* f = all_thread_frames(); f != nullptr; f = f->next) ++n;
  return n;
}

bool may_enter(Instance& instance, Gate::State limit) {
  return static_cast<bool>(GateEntry(instance, Phase::run, ThreadTag::other, nullptr, limit));
}

/// Threads enter as fast as they can while the gate closes: whoever was counted out must be out.
void close_under_load() {
  World world;
  constexpr int rounds = 60;
  std::atomic<std::uint64_t> entered{0}, too_late{0};
  for (int round = 0; round < rounds; ++round) {
    Instance instance(world.host, options_of("busy"));
    std::atomic<bool> gone{false};
    std::atomic<int> seen{0};
    const auto visit = [&] {
      bool first = true;
      for (;;) {
        const GateEntry entry(instance, Phase::run, ThreadTag::worker, nullptr, Gate::State::open);
        if (!entry) return;
        if (gone.load()) ++too_late;
        ++entered;
        if (std::exchange(first, false)) ++seen;
        if (gone.load()) ++too_late;
      }
    };
    std::thread a(visit), b(visit);
    while (seen.load() < 2) std::this_thread::yield();
    instance.gate().advance(Gate::State::closed);
    REQUIRE(Gate::wait_until_empty(instance, in_a_minute()));
    gone.store(true);
    a.join();
    b.join();
  }
  CHECK(entered.load() >= 2 * rounds);
  CHECK(too_late.load() == 0);
}

}  // namespace

TEST_CASE("frames: a call enters and leaves") {
  World world;
  Instance instance(world.host, options_of("orders"));
  std::thread([] {
    CHECK(existing_thread_frames() == nullptr);  // a thread that never entered a module has no record
    CHECK(current_frame() == nullptr);
  }).join();
  run_as(instance, Phase::init, [&](tenon_call* call, tenon_error*) {
    const Frame* frame = current_frame();
    REQUIRE(frame != nullptr);
    CHECK(frame->owner.load() == &instance);
    CHECK(frame->phase() == Phase::init);
    CHECK(frame->tag() == ThreadTag::control);
    CHECK(frame->call == call);
    CHECK(existing_thread_frames()->thread_id.load() != 0);
  });
  CHECK(current_frame() == nullptr);
  CHECK(existing_thread_frames()->depth.load() == 0);
}

TEST_CASE("frames: entries nest, and the innermost counts") {
  World world;
  Instance outer(world.host, options_of("outer")), inner(world.host, options_of("inner"));
  const auto& check = table_of<tenon_check>(outer, TENON_CHECK);
  run_as(outer, Phase::init, [&](tenon_call*, tenon_error*) {
    CHECK(check.thread(outer.ctx()) == TENON_THREAD_CONTROL);
    {
      const GateEntry entry(inner, Phase::run, ThreadTag::worker, nullptr, Gate::State::open);
      REQUIRE(entry);
      CHECK(current_frame()->owner.load() == &inner);
      CHECK(check.thread(inner.ctx()) == TENON_THREAD_WORKER);
      CHECK(check.thread(outer.ctx()) == TENON_THREAD_OTHER);
      CHECK(existing_thread_frames()->depth.load() == 2);
    }
    CHECK(current_frame()->owner.load() == &outer);
    CHECK(check.thread(outer.ctx()) == TENON_THREAD_CONTROL);
  });
}

TEST_CASE("frames: deeper re-entry than there are frames is refused, and harms nobody") {
  World world;
  Instance instance(world.host, options_of("orders"));
  std::vector<std::unique_ptr<GateEntry>> entries;
  for (std::uint32_t i = 0; i < ThreadFrames::max_depth; ++i) {
    entries.push_back(std::make_unique<GateEntry>(instance, Phase::run, ThreadTag::worker, nullptr, Gate::State::open));
    REQUIRE(*entries.back());
  }
  bool called = false;
  const Outcome refused = run_as(instance, Phase::init, [&](tenon_call*, tenon_error*) { called = true; });
  CHECK(refused.kind == Outcome::Kind::failed);
  CHECK(refused.error.code == Code::unavailable);
  CHECK_FALSE(called);
  CHECK(existing_thread_frames()->depth.load() == ThreadFrames::max_depth);
  entries.pop_back();
  CHECK(may_enter(instance, Gate::State::open));
  while (!entries.empty()) entries.pop_back();
  CHECK(current_frame() == nullptr);
}

TEST_CASE("frames: the record of a thread that ended serves the next one") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto visit = [&] { std::thread([&] { CHECK(may_enter(instance, Gate::State::open)); }).join(); };
  visit();
  const std::size_t before = records();
  for (int i = 0; i < 50; ++i) visit();
  CHECK(records() == before);
}

TEST_CASE("gate: each state lets in what it says, and there is no way back") {
  World world;
  Instance instance(world.host, options_of("orders"));
  Gate& gate = instance.gate();
  CHECK(gate.state() == Gate::State::open);
  CHECK(may_enter(instance, Gate::State::open));
  gate.advance(Gate::State::draining);
  CHECK_FALSE(may_enter(instance, Gate::State::open));
  CHECK(may_enter(instance, Gate::State::draining));
  gate.advance(Gate::State::closed);
  CHECK_FALSE(may_enter(instance, Gate::State::draining));
  CHECK(may_enter(instance, Gate::State::closed));
  gate.advance(Gate::State::open);
  gate.advance(Gate::State::draining);
  CHECK(gate.state() == Gate::State::closed);
  CHECK(current_frame() == nullptr);  // a refused entry leaves no frame behind
  bool called = false;
  const Outcome outcome = run_as(instance, Phase::start, [&](tenon_call*, tenon_error*) { called = true; });
  CHECK_FALSE(called);
  CHECK(outcome.error.code == Code::unavailable);
  CHECK(outcome.error.reason == "CLOSED");
}

TEST_CASE("gate: closing waits for who is inside, and only for them") {
  World world;
  Instance instance(world.host, options_of("orders")), other(world.host, options_of("other"));
  Visitor visitor(instance, Phase::run), neighbour(other, Phase::run);
  REQUIRE(visitor.is_inside());
  REQUIRE(neighbour.is_inside());
  instance.gate().advance(Gate::State::draining);
  CHECK(Gate::others_inside(instance) == 1);
  CHECK_FALSE(Gate::wait_until_empty(instance, monotonic_ns()));
  CHECK_FALSE(Gate::wait_until_empty(instance, monotonic_ns() + 5'000'000));
  std::thread leaver([&] { visitor.leave(); });
  CHECK(Gate::wait_until_empty(instance, in_a_minute()));
  leaver.join();
  CHECK(Gate::others_inside(instance) == 0);
  CHECK(Gate::others_inside(other) == 1);
}

TEST_CASE("gate: the thread that closes does not wait for itself, a thread that nests counts once") {
  World world;
  Instance instance(world.host, options_of("orders"));
  run_as(instance, Phase::run, [&](tenon_call*, tenon_error*) {
    CHECK(Gate::others_inside(instance) == 0);
    CHECK(Gate::wait_until_empty(instance, monotonic_ns()));
    std::thread([&] { CHECK(Gate::others_inside(instance) == 1); }).join();
    const GateEntry again(instance, Phase::run, ThreadTag::control, nullptr, Gate::State::open);
    std::thread([&] { CHECK(Gate::others_inside(instance) == 1); }).join();
  });
}

TEST_CASE("gate: closing under load, with a fence in every entry") { close_under_load(); }

TEST_CASE("gate: closing under load, ordered by membarrier") {
  if (!prepare_gates()) MESSAGE("this kernel, or this build, has no membarrier: the fence is what is tested");
  close_under_load();
}
