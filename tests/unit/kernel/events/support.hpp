// What the tests of events share: a host with a pool, owners that join it, and a subscriber that writes down what it gets.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../workers_support.hpp"
#include "kernel/events.hpp"
#include "kernel/owner.hpp"
#include "kernel/workers.hpp"

namespace tenon::host::test {

/// Outlived by its subscribers.
struct EventHost {
  explicit EventHost(EventLimits limits = {}, WorkerPool::Options options = {})
      : pool(std::move(options)), events(self, pool, limits, hooks()) {
    self.set_reach(Reach::callable);
  }
  EventHooks hooks() {
    return {[this](const EventDrops& d) { drops.push_back(d); },
            [this](const EventDenial& d) {
              denials.push_back(d.owner.name() + " " + std::string(d.verb) + " " + std::string(d.name) + " " + d.error.reason);
            }};
  }
  std::vector<EventDrops> drops;
  std::vector<std::string> denials;
  Owner self{"host", 1, true};
  WorkerPool pool;
  Events events;
};

/// One module as events see it.
struct Module {
  Module(EventHost& host, const std::string& name, Reach reach = Reach::callable, bool trusted = true, PermissionSet asked = {})
      : owner(name, 1, trusted), host_(host) {
    owner.set_reach(reach);
    client = host.events.join(owner, trusted ? Permissions::all(name) : Permissions::of_plugin(name, std::move(asked), std::nullopt));
  }
  ~Module() {
    owner.gate().advance(Gate::State::closed);
    CHECK(leave().quiet);
    CHECK(host_.pool.leave(owner, soon()).quiet);
  }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  void reach(Reach to) {
    owner.set_reach(to);
    host_.events.owner_reach_changed(owner);
  }
  EventsLeft leave() { return host_.events.leave(owner, soon()); }
  std::uint64_t publish(std::string_view topic, std::string_view payload = {}, bool retain = false) {
    const auto id = client.publish({topic, payload, {}, {}, retain});
    REQUIRE_MESSAGE(id, (id ? std::string() : id.error().message));
    return *id;
  }

  Owner owner;
  EventClient client;

 private:
  EventHost& host_;
};

/// A subscriber. Outlives what it has subscribed.
struct Subscriber {
  std::function<void(const EventView&, Call&)> then;  ///< runs in each delivery, after it was written down, without the lock
  Code answer = Code::ok;
  Counter got, released;

  [[nodiscard]] EventHandler handler() {
    EventHandler out;
    out.deliver = [](void* data, const EventView& event, Call& call) noexcept {
      return static_cast<Subscriber*>(data)->deliver(event, call);
    };
    out.release = [](void* data) noexcept { static_cast<Subscriber*>(data)->released.add(); };
    out.data = this;
    return out;
  }
  std::uint64_t to(Module& module, std::string_view pattern, const EventOptions& options = {}) {
    const auto made = module.client.subscribe(pattern, handler(), options);
    REQUIRE_MESSAGE(made, (made ? std::string() : made.error().message));
    id = made->id;
    return id;
  }
  [[nodiscard]] std::vector<std::string> payloads() {
    const std::lock_guard lock(mutex_);
    return payloads_;
  }
  std::uint64_t id = 0;

 private:
  Code deliver(const EventView& event, Call& call) {
    {
      const std::lock_guard lock(mutex_);
      payloads_.emplace_back(event.payload);
    }
    got.add();
    if (then) then(event, call);
    return answer;
  }
  std::mutex mutex_;
  std::vector<std::string> payloads_;
};

/// "1", "2", ... "n" of the numbers first to last.
inline std::vector<std::string> numbers(int first, int last) {
  std::vector<std::string> out;
  for (int i = first; i <= last; ++i) out.push_back(std::to_string(i));
  return out;
}

template <class T>
Code code_of(const Result<T>& result) {
  return result ? Code::ok : result.error().code;
}

}  // namespace tenon::host::test
