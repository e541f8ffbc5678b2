// What the tests of services share: modules that offer and call, handlers made of lambdas, latches that fail instead of hanging.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/gate.hpp"
#include "kernel/owner.hpp"
#include "kernel/services.hpp"
#include "kernel/strand.hpp"
#include "kernel/workers.hpp"
#include "ticking.hpp"

namespace tenon::host::test {

using tenon::test::becomes;
using tenon::test::Counter;
using tenon::test::in_ms;
using tenon::test::long_enough;
using tenon::test::soon;

struct World {
  World() : World(Services::Options{}) {}
  explicit World(Services::Options options, WorkerPool::Options workers = {})
      : pool(std::move(workers)), services_made(std::make_unique<Services>(pool, std::move(options))), services(*services_made) {
    static const bool prepared = prepare_gates();
    static_cast<void>(prepared);
  }
  WorkerPool pool;
  std::unique_ptr<Services> services_made;
  Services& services;
};

using Handler = std::function<Code(ServiceCall&, const Request&, Reply&)>;

inline Code run_function(void* data, ServiceCall& call, const Request& request, Reply& reply) {
  return (*static_cast<Handler*>(data))(call, request, reply);
}

/// One life of a module. Its handlers live as long as it does, what it offers was released exactly once at its end.
class Module {
 public:
  explicit Module(World& w, const std::string& name = "orders", std::uint64_t generation = 1, const SeatOptions& options = {})
      : Module(w, name, generation, options, Permissions::all(name)) {}
  Module(World& w, const std::string& name, std::uint64_t generation, const SeatOptions& options, Permissions permissions)
      : world(w), owner(name, generation, true) {
    owner.set_reach(Reach::callable);
    seat = world.services.join(owner, std::move(permissions), options);
  }
  ~Module() {
    if (!gone) CHECK(leave().quiet);
    CHECK(releases.value() == offered);
  }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  Result<std::uint64_t> offer(std::string_view name, Handler handler, ServiceOptions options = {}) {
    const std::lock_guard lock(mutex);
    handlers.push_back({std::move(handler), this});
    auto id = world.services.add(*seat, {name, &run, &handlers.back(), &released, options});
    if (id) ++offered;
    return id;
  }
  std::uint64_t resolve(std::string_view name) {
    auto handle = world.services.resolve(*seat, name);
    REQUIRE(handle);
    return *handle;
  }
  void reach(Reach to) {
    owner.set_reach(to);
    world.services.owner_reach_changed(*seat);
  }
  void drain() {
    owner.gate().advance(Gate::State::draining);
    world.services.drain(*seat);
  }
  Services::Left leave(std::int64_t deadline_ns = soon()) {
    gone = true;
    drain();
    const Services::Left left = world.services.leave(*seat, deadline_ns);
    owner.gate().advance(Gate::State::closed);
    CHECK(world.pool.leave(owner, deadline_ns).quiet);
    return left;
  }

  /// Nobody is woken for a release: the tick sees to it, as the daemon's does.
  [[nodiscard]] bool gets_released(int n) {
    return tenon::test::becomes_ticking(world.pool, [&] { return releases.value() >= n; });
  }

  World& world;
  Owner owner;
  std::shared_ptr<ServiceSeat> seat;
  Counter releases;
  std::atomic<int> offered{0};
  bool gone = false;

 private:
  struct Kept {
    Handler handler;
    Module* module;
  };
  static Code run(void* data, ServiceCall& call, const Request& request, Reply& reply) {
    return static_cast<Kept*>(data)->handler(call, request, reply);
  }
  static void released(void* data) { static_cast<Kept*>(data)->module->releases.add(); }
  std::mutex mutex;
  std::deque<Kept> handlers;
};

/// What a call came to.
struct Outcome {
  Code code = Code::unknown;
  std::string payload, content_type;
  Error error;
};

template <class Target>
Outcome call(Module& from, const Target& target, std::string_view payload = {}, const CallOptions& options = {}) {
  char buffer[64];
  Reply reply{std::span<char>(buffer)};
  Outcome out;
  out.code = from.world.services.call(*from.seat, target, Request{payload, "text/plain", {}}, reply, out.error, options);
  out.payload = reply.payload();
  out.content_type = reply.content_type();
  return out;
}
inline Outcome call(Module& from, const char* name, std::string_view payload = {}, const CallOptions& options = {}) {
  return call(from, std::string_view(name), payload, options);
}

/// An asynchronous call and its completion, which must come exactly once if the call was taken.
class Async {
 public:
  template <class Target>
  Code start(Module& from, const Target& target, std::string_view payload = {}, const CallOptions& options = {}) {
    started = from.world.services.call_async(*from.seat, target, Request{payload, {}, {}}, &done, this, &id, outcome.error, options);
    return started;
  }
  /// Waits for the completion.
  [[nodiscard]] Code code() {
    REQUIRE(dones.reaches(1));
    return outcome.code;
  }
  Code started = Code::unknown;
  std::uint64_t id = 0;
  Outcome outcome;
  Counter dones;

 private:
  static void done(void* data, std::uint64_t id, Code code, Reply& reply, const Error& error) {
    auto& self = *static_cast<Async*>(data);
    self.outcome.code = code;
    self.outcome.payload = reply.payload();
    self.outcome.error = error;
    self.done_id = id;
    self.dones.add();
  }

 public:
  std::uint64_t done_id = 0;
};

/// Ids of deferred calls, from the handler to the test.
class Ids {
 public:
  Code defer(ServiceCall& call) {
    std::uint64_t id = 0;
    if (const Code code = call.defer(id); code != Code::ok) return code;
    const std::lock_guard lock(mutex_);
    ids_.push_back(id);
    came_.notify_all();
    return pending;
  }
  /// 0 if there is none now.
  std::uint64_t next_now() {
    const std::lock_guard lock(mutex_);
    if (ids_.empty()) return 0;
    const std::uint64_t id = ids_.front();
    ids_.pop_front();
    return id;
  }
  std::uint64_t next() {
    std::unique_lock lock(mutex_);
    REQUIRE(came_.wait_for(lock, long_enough, [this] { return !ids_.empty(); }));
    const std::uint64_t id = ids_.front();
    ids_.pop_front();
    return id;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::uint64_t> ids_;
};

inline Code complete(Module& from, std::uint64_t id, Code code = Code::ok, std::string_view payload = {}) {
  Reply reply;
  CHECK(reply.assign(payload));
  return from.world.services.complete(*from.seat, id, code, reply, nullptr);
}

inline ServiceMetrics metrics_of(World& world, std::string_view service) {
  for (const ServiceMetrics& m : world.services.metrics())
    if (m.service == service) return m;
  return {};
}

inline Code echo(ServiceCall&, const Request& request, Reply& reply) {
  CHECK(reply.set_content_type(request.content_type));
  return reply.assign(request.payload) ? Code::ok : Code::resource_exhausted;
}

}  // namespace tenon::host::test
