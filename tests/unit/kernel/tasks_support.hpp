// What the tests of tasks share: a world with a hand-set clock, and a task made of a lambda that counts its runs and releases.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "hand_clock.hpp"
#include "kernel/tasks.hpp"

namespace tenon::host::test {

inline constexpr std::int64_t ms = 1'000'000, s = 1'000 * ms, minute = 60 * s, hour = 60 * minute;

/// What a task does, and how often it did. Outlives the tasks.
struct Probe {
  explicit Probe(std::function<Code(Call&)> f = {}) : body(std::move(f)) {}
  ~Probe() { CHECK(released.value() <= 1); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  TaskHandler handler() {
    TaskHandler out;
    out.run = [](void* data, Call& call) noexcept {
      auto& p = *static_cast<Probe*>(data);
      CHECK(p.released.value() == 0);
      CHECK(++p.inside == 1);
      p.begun.add();
      const Code code = p.body ? p.body(call) : Code::ok;
      --p.inside;
      p.ran.add();
      return code;
    };
    out.release = [](void* data) noexcept {
      auto& p = *static_cast<Probe*>(data);
      CHECK(p.inside == 0);
      if (p.at_release) p.at_release();
      p.released.add();
    };
    out.data = this;
    return out;
  }
  std::function<Code(Call&)> body;
  std::function<void()> at_release;
  std::atomic<int> inside{0};
  Counter begun, ran, released;
};

/// An owner that has started.
struct Module : Owner {
  explicit Module(const std::string& name, bool trusted = false, std::uint64_t generation = 1) : Owner(name, generation, trusted) {
    set_reach(Reach::callable);
  }
};

struct World {
  HandClock clock;
  WorkerPool pool;
  Tasks tasks;
  explicit World(WorkerPool::Options workers = {}, Tasks::Options options = {}) : pool(std::move(workers)), tasks(pool, clock, options) {}

  TaskStatus status(std::uint64_t id) {
    for (TaskStatus& t : tasks.list())
      if (t.id == id) return t;
    TaskStatus none;
    none.state = TaskState::ended;
    return none;
  }
  bool knows(std::uint64_t id) { return status(id).id == id; }
  /// Waits until the worker that ran a task has put it back to waiting.
  TaskStatus waiting(std::uint64_t id) {
    const std::int64_t until = soon();
    for (;;) {
      const TaskStatus t = status(id);
      if (t.state == TaskState::waiting || monotonic_ns() > until) {
        CHECK(t.state == TaskState::waiting);
        return t;
      }
      std::this_thread::yield();
    }
  }
  WorkerPool::Left leave(Owner& owner) {
    owner.gate().advance(Gate::State::closed);
    return tasks.leave(owner, soon());
  }
};

inline Schedule schedule(std::string_view text) {
  auto out = Schedule::parse(text);
  REQUIRE(out);
  return *out;
}

inline std::uint64_t id_of(const Result<std::uint64_t>& r) {
  REQUIRE_MESSAGE(r, (r ? std::string() : r.error().message));
  return r.value();
}

}  // namespace tenon::host::test
