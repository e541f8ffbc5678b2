// What the tests of the container share: modules that provide and acquire, factories made of lambdas, a diary of what was made and ended.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/container.hpp"
#include "kernel/gate.hpp"
#include "kernel/services.hpp"
#include "kernel/strand.hpp"
#include "kernel/workers.hpp"
#include "waiting.hpp"

namespace tenon::host::test {

using tenon::test::becomes;
using tenon::test::in_ms;
using tenon::test::long_enough;
using tenon::test::soon;

/// What happened, in order. Thread-safe.
class Diary {
 public:
  void write(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  [[nodiscard]] std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] std::size_t count(const std::string& line) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count(lines_.begin(), lines_.end(), line));
  }
  [[nodiscard]] bool gets(const std::string& line, std::size_t n = 1) {
    return becomes([&] { return count(line) >= n; });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};
using Lines = std::vector<std::string>;

struct World {
  explicit World(Container::Options options = {}) : container(pool, std::move(options)) {
    static const bool prepared = prepare_gates();
    static_cast<void>(prepared);
  }
  WorkerPool pool;
  Container container;
  Diary diary;
};

/// A table as modules have them.
struct Greeter {
  std::uint32_t struct_size;
  std::uint32_t reserved;
  int (*greet)(void* self);
};
inline const Greeter greeter{sizeof(Greeter), 0, [](void* self) { return *static_cast<int*>(self); }};
inline int call(const Leased& lease) { return static_cast<const Greeter*>(lease.instance.table)->greet(lease.instance.self); }

/// A latch that fails instead of hanging.
class Latch {
 public:
  void open() { open_.store(true); }
  void wait() {
    CHECK(becomes([this] { return open_.load(); }));
  }

 private:
  std::atomic<bool> open_{false};
};

struct ModuleOptions {
  std::vector<std::string> required{};
  bool trusted = true;
  bool serial = false;
  std::uint64_t generation = 1;
};

/// One life of a module. At its end everything it provided must have been released exactly once.
class Module {
 public:
  using Make = std::function<Code(Call&, std::uint64_t scope, TokenInstance&, Error&)>;

  Module(World& w, const std::string& name, ModuleOptions options = {}) : world(w), owner(name, options.generation, options.trusted) {
    owner.set_reach(Reach::callable);
    seat = world.container.join(owner, {std::move(options.required), options.trusted, options.serial ? &strand : nullptr});
  }
  ~Module() {
    if (!gone) CHECK(leave().may_go());
    CHECK(releases.load() == provided);
  }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Draining, leaving, closed, destroyed.
  Container::Finished leave(std::int64_t deadline_ns = soon()) {
    gone = true;
    close(deadline_ns);
    const Container::Finished finished = world.container.finish(*seat, deadline_ns);
    if (finished.may_go()) world.container.depart(*seat);
    return finished;
  }
  /// What happens to it when it stops.
  void close(std::int64_t deadline_ns = soon()) {
    owner.gate().advance(Gate::State::draining);
    world.container.drain(*seat);
    CHECK(world.container.leave(*seat, deadline_ns));
    owner.gate().advance(Gate::State::closed);
    CHECK(world.pool.leave(owner, deadline_ns).quiet);
  }

  Result<std::uint64_t> instance(const char* token, int& given, const char* key = "", bool replace = false) {
    auto id = world.container.provide(*seat, {{token, key}, remember(token), &released, replace}, {&greeter, &given});
    if (id) ++provided;
    return id;
  }
  /// The diary gets "make TOKEN" and "dispose TOKEN".
  Result<std::uint64_t> factory(const char* token, Lifetime lifetime, Make make = {}, const char* key = "", bool replace = false) {
    Kept* kept = remember(token);
    kept->make = std::move(make);
    auto id = world.container.provide_factory(*seat, {{token, key}, kept, &released, replace}, lifetime, &run, &dispose);
    if (id) ++provided;
    return id;
  }
  Code acquire(const char* token, Leased& out, std::uint64_t scope = 0, const char* key = "") {
    error = {};
    return world.container.acquire(*seat, {token, key}, scope, out, error);
  }
  /// Acquires and keeps; the lease.
  Leased get(const char* token, std::uint64_t scope = 0, const char* key = "") {
    Leased out;
    const Code code = acquire(token, out, scope, key);
    INFO(error.message);
    REQUIRE(code == Code::ok);
    return out;
  }
  Code release(const Leased& lease) { return world.container.release(*seat, lease.id); }
  std::uint64_t open(std::uint64_t outer = 0, ScopeKind kind = ScopeKind::request) {
    ScopeContext context;
    context.kind = kind;
    auto id = world.container.open(*seat, outer, context);
    REQUIRE(id);
    return *id;
  }
  Code close_scope(std::uint64_t scope) { return world.container.close(*seat, scope); }

  World& world;
  Owner owner;
  Strand strand;
  std::shared_ptr<ContainerSeat> seat;
  Error error;
  int value = 17;
  std::atomic<int> releases{0};
  int provided = 0;
  bool gone = false;

 private:
  struct Kept {
    std::string token;
    Module* module;
    Make make;
  };
  Kept* remember(const char* token) {
    kept_.push_back({token, this, {}});
    return &kept_.back();
  }
  static Code run(void* data, Call& call, std::uint64_t scope, TokenInstance& out, Error& error) {
    auto& kept = *static_cast<Kept*>(data);
    kept.module->world.diary.write("make " + kept.token);
    out = {&greeter, &kept.module->value};
    return kept.make ? kept.make(call, scope, out, error) : Code::ok;
  }
  static void dispose(void* data, const TokenInstance&) {
    auto& kept = *static_cast<Kept*>(data);
    kept.module->world.diary.write("dispose " + kept.token);
  }
  static void released(void* data) {
    auto& kept = *static_cast<Kept*>(data);
    kept.module->world.diary.write("release " + kept.token);
    ++kept.module->releases;
  }
  std::deque<Kept> kept_;
};

}  // namespace tenon::host::test
