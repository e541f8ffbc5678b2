// Everything at once, through the C tables of real modules. What must hold is counted: answers, completions and releases exactly once, nothing stuck.
#include <array>
#include <deque>
#include <random>
#include <thread>

#include "base/sanitizer.hpp"
#include "driver.hpp"

namespace tenon::test {
namespace {

constexpr int scale = host::has_thread_sanitizer ? 1 : 3;

struct Threads {
  ~Threads() { join(); }
  template <class F>
  void add(F&& f) {
    list.emplace_back(std::forward<F>(f));
  }
  void join() {
    for (std::thread& t : list)
      if (t.joinable()) t.join();
  }
  std::vector<std::thread> list;
};

template <class Run>
void both_ways(Run&& run, const Setup& setup = {}) {
  SUBCASE("as it is") { run(*loaded_driver(setup, false)); }
  SUBCASE("strict") { run(*loaded_driver(setup, true)); }
}

/// Ids of deferred calls, from handlers to who completes them.
class Ids {
 public:
  void put(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    ids_.push_back(id);
  }
  /// 0 if there is none now.
  std::uint64_t take() {
    const std::lock_guard lock(mutex_);
    if (ids_.empty()) return 0;
    const std::uint64_t id = ids_.front();
    ids_.pop_front();
    return id;
  }

 private:
  std::mutex mutex_;
  std::deque<std::uint64_t> ids_;
};

}  // namespace

TEST_CASE("services table races: names come and go, and their provider too, while they are called in every way") {
  both_ways([](Driver& d) {
    std::array<Service*, 4> services{};
    std::atomic<int> ran{0}, answered{0}, odd{0}, taken{0}, told{0};
    for (Service*& s : services)
      s = &d.service([&](Current&, const Message& asked) {
        ++ran;
        return Said(asked.payload);
      });
    Service& worker = d.service([](Current&, const Message& asked) { return Said(asked.payload); });
    std::deque<Ending*> endings;
    for (int i = 0; i < 1000; ++i) endings.push_back(&d.ending());
    std::atomic<bool> stop{false};
    const auto look = [&](const Said& out, const char* payload) {
      if (out.ok() && out.payload == payload)
        ++answered;
      else if (out.status != TENON_NOT_FOUND && out.status != TENON_UNAVAILABLE)
        ++odd;
    };
    Threads threads;
    for (int t = 0; t < 2; ++t)
      threads.add([&, t] {
        Answer handle;
        for (std::size_t n = 0; !stop; ++n) {
          const std::string name = "web.s" + std::to_string((n + static_cast<std::size_t>(t)) % services.size());
          look(d.call(Who::orders, name, Ask("n", soon())), "n");
          if (handle.id == 0) handle = d.resolve(Who::orders, name);
          if (handle.ok() && handle.id != 0) {
            look(d.call(Who::orders, handle, Ask("h", soon())), "h");
            if (n % 7 == 0) {
              CHECK(d.release_handle(Who::orders, handle.id).ok());
              handle = {};
            }
          } else {
            handle = {};
          }
          if (t == 0 && static_cast<std::size_t>(taken) < endings.size()) {
            const Answer call = d.call_async(Who::orders, "web.worker", Ask("w", in_ms(100)), *endings[static_cast<std::size_t>(taken)]);
            if (call.ok()) {
              ++taken;
              if (n % 3 == 0) static_cast<void>(d.cancel(Who::orders, call.id));
            }
          }
        }
      });
    int offered = 0;
    for (int life = 0; life < 4 * scale; ++life) {
      REQUIRE(d.offer(Who::web, "web.worker", worker, TENON_SERVICE_OFFLOAD).ok());
      std::array<std::uint64_t, 4> ids{};
      for (std::size_t n = 0; n < 60; ++n) {
        const std::size_t i = n % ids.size();
        if (ids[i] != 0) CHECK((n % 5 == 0 ? d.withdraw_wait(Who::web, ids[i], soon()) : d.withdraw(Who::web, ids[i])).ok());
        const Answer made = d.offer(Who::web, "web.s" + std::to_string(i), *services[i], 0);
        REQUIRE(made.ok());
        ids[i] = made.id;
        ++offered;
      }
      d.leave(Who::web);
      CHECK(worker.released == life + 1);
      d.return_web();
    }
    stop = true;
    threads.join();
    d.leave(Who::orders);
    for (int i = 0; i < taken; ++i) told += endings[static_cast<std::size_t>(i)]->times();
    CHECK(told == taken);
    CHECK(odd == 0);
    CHECK(answered == ran);
    int released = 0;
    for (const Service* s : services) released += s->released;
    CHECK(released == offered);
  });
}

TEST_CASE("services table races: cancel against complete against the deadline") {
  both_ways([](Driver& d) {
    Ids ids;
    Service& later = d.service([&](Current& c, const Message&) {
      const Answer a = c.defer();
      if (!a.ok()) return Said::failure(a.status);
      ids.put(a.id);
      return Said::later();
    });
    const Answer service = d.offer("orders.later", later);
    const auto n = static_cast<std::size_t>(100 * scale);
    struct One {
      Ending *done, *ended;
      std::uint64_t id = 0;
    };
    std::vector<One> calls(n);
    for (One& one : calls) one = {&d.ending(), &d.ending()};
    std::atomic<std::size_t> started{0}, cancelled{0}, watched{0};
    std::atomic<bool> all_done{false};
    Threads threads;
    threads.add([&] {
      for (;;) {
        const bool last = all_done;
        const std::uint64_t id = ids.take();
        if (id == 0) {
          if (last) return;
          std::this_thread::yield();
          continue;
        }
        if (d.on_cancel(id, *calls.at(watched).ended).ok()) ++watched;
        CHECK(d.complete(id, "x").ok());  // late or not, it is its first
        d.expect(Who::orders, "COMPLETED_TWICE", "");
        CHECK(d.complete(id, "y").status == TENON_NOT_FOUND);
      }
    });
    threads.add([&] {
      for (std::size_t i = 0; i < n; ++i) {
        while (i >= started) std::this_thread::yield();
        if (i % 2 == 0 && d.cancel(Who::web, calls[i].id).ok()) ++cancelled;
      }
    });
    std::mt19937 random(7);
    for (One& one : calls) {
      const auto patience = static_cast<std::int64_t>(60'000 + random() % 3'000'000);
      const Answer a = d.call_async(Who::web, "orders.later", Ask("", host::monotonic_ns() + patience), *one.done);
      if (!a.ok()) {  // its time was up before it was made
        CHECK(a.status == TENON_DEADLINE_EXCEEDED);
        one.done->tell(Said::failure(a.status));
      }
      one.id = a.id;
      ++started;
      if (random() % 4 == 0) std::this_thread::yield();
    }
    std::size_t given_up = 0;
    for (const One& one : calls) {
      CHECK(d.told(*one.done));
      const Said said = one.done->said();
      CHECK((said.ok() || said.status == TENON_CANCELLED || said.status == TENON_DEADLINE_EXCEEDED));
      CHECK(said.payload == (said.ok() ? "x" : ""));
      given_up += said.status == TENON_CANCELLED ? 1 : 0;
    }
    CHECK(d.until([&] { return given_up == cancelled.load(); }));
    // Handlers that had begun when their call was given up may still defer.
    CHECK(d.withdraw_wait(Who::orders, service.id, soon()).ok());
    all_done = true;
    threads.join();
    d.leave(Who::orders);
    std::size_t ended = 0;
    for (const One& one : calls) {
      CHECK(one.done->times() == 1);
      CHECK(one.ended->times() <= 1);
      ended += static_cast<std::size_t>(one.ended->times());
    }
    CHECK(ended == watched);
    CHECK(later.released == 1);
  });
}

TEST_CASE("services table races: serial: A to B to A on several threads at once is refused each time, and nobody hangs") {
  Setup serial;
  serial.serial = true;
  both_ways(
      [](Driver& d) {
        std::atomic<int> refused{0}, went_on{0};
        REQUIRE(d.offer("orders.leaf", d.service([](Current&, const Message&) { return "leaf"; })).ok());
        REQUIRE(d.offer_web("web.back", d.service([&](Current&, const Message&) {
                   const Said back = d.call(Who::web, "orders.leaf", {});
                   refused += back.status == TENON_FAILED_PRECONDITION && back.reason == "REENTRANT" ? 1 : 0;
                   return "went on";
                 })).ok());
        REQUIRE(d.offer("orders.one", d.service([&](Current&, const Message&) {
                   return Said(d.call(Who::orders, "web.back", {}).payload);
                 })).ok());
        const int each = 10 * scale;
        Threads threads;
        for (int t = 0; t < 3; ++t)
          threads.add([&] {
            for (int i = 0; i < each; ++i) went_on += d.call("orders.one", Ask("", soon())).payload == "went on" ? 1 : 0;
          });
        threads.join();
        CHECK(went_on == 3 * each);
        CHECK(refused == 3 * each);
        d.expect(Who::web, "REENTRANT", "");  // one path, reported once
        CHECK(d.call("orders.leaf", Ask("", soon())).payload == "leaf");
      },
      serial);
}

TEST_CASE("services table races: serial: A to B against B to A ends by the deadline, and both work on") {
  Setup serial;
  serial.serial = true;
  both_ways(
      [](Driver& d) {
        std::atomic<int> inside{0};
        const auto into = [&](Who who, const char* leaf) {
          return [&d, &inside, who, leaf](Current& c, const Message&) {
            ++inside;
            while (inside < 2 && !c.cancelled()) std::this_thread::yield();  // until the other one is in its module, too
            const Said out = d.call(who, leaf, {});
            return out.ok() ? Said() : Said::failure(out.status, out.reason, out.message);
          };
        };
        REQUIRE(d.offer("orders.leaf", d.service([](Current&, const Message&) { return "leaf"; })).ok());
        REQUIRE(d.offer_web("web.leaf", d.service([](Current&, const Message&) { return "leaf"; })).ok());
        REQUIRE(d.offer("orders.to_web", d.service(into(Who::orders, "web.leaf"))).ok());
        REQUIRE(d.offer_web("web.to_orders", d.service(into(Who::web, "orders.leaf"))).ok());
        for (int i = 0; i < 3; ++i) {
          inside = 0;
          const std::int64_t deadline = in_ms(100);
          Said one, two;
          Threads threads;
          threads.add([&] { one = d.call(Who::web, "orders.to_web", Ask("", deadline)); });
          threads.add([&] { two = d.call(Who::orders, "web.to_orders", Ask("", deadline)); });
          threads.join();
          CHECK(host::monotonic_ns() >= deadline);
          CHECK(one.status == TENON_DEADLINE_EXCEEDED);
          CHECK(two.status == TENON_DEADLINE_EXCEEDED);
          CHECK(d.call("orders.leaf", Ask("", soon())).ok());
          CHECK(d.call(Who::orders, "web.leaf", Ask("", soon())).ok());
        }
      },
      serial);
}

TEST_CASE("services table races: workers that wait for calls of others are replaced, as many as there may be") {
  Setup setup;
  setup.workers = 2;
  setup.max_workers = 16;
  both_ways(
      [](Driver& d) {
        Service& leaf = d.service([](Current&, const Message& asked) { return Said(asked.payload); });
        REQUIRE(d.offer(Who::web, "web.worker", leaf, TENON_SERVICE_OFFLOAD).ok());
        REQUIRE(d.offer("orders.worker", d.service([&](Current&, const Message& asked) {
                   const Said out = d.call(Who::orders, "web.worker", Ask(asked.payload, soon()));
                   return out.ok() ? Said(out.payload) : Said::failure(out.status, out.reason, out.message);
                 }),
                        TENON_SERVICE_OFFLOAD)
                    .ok());
        std::vector<Ending*> endings;
        for (int i = 0; i < 40; ++i) {
          endings.push_back(&d.ending());
          Answer began;  // refused while all workers `orders` may have wait: whoever calls tries again
          REQUIRE(d.until([&] {
            began = d.call_async(Who::web, "orders.worker", Ask(std::to_string(i), soon()), *endings.back());
            return began.reason != "WORKERS_HELD";
          }));
          REQUIRE(began.ok());
        }
        for (std::size_t i = 0; i < endings.size(); ++i) {
          CHECK(d.told(*endings[i]));
          CHECK(endings[i]->said().payload == std::to_string(i));
        }
        CHECK(leaf.calls == 40);
      },
      setup);
}

TEST_CASE("services table races: when no worker is left for what all of them wait for, the deadline ends it, and then all is well") {
  Setup setup;
  setup.workers = setup.max_workers = 2;
  both_ways(
      [](Driver& d) {
        Service& leaf = d.service([](Current&, const Message& asked) { return Said(asked.payload); });
        REQUIRE(d.offer("orders.leaf", leaf, TENON_SERVICE_OFFLOAD).ok());
        REQUIRE(d.offer("orders.worker", d.service([&](Current&, const Message&) {
                   const Said out = d.call(Who::orders, "orders.leaf", {});
                   return out.ok() ? Said(out.payload) : Said::failure(out.status, out.reason, out.message);
                 }),
                        TENON_SERVICE_OFFLOAD)
                    .ok());
        std::vector<Ending*> endings;
        for (int i = 0; i < 8; ++i) {
          endings.push_back(&d.ending());
          const Answer a = d.call_async(Who::web, "orders.worker", Ask("", in_ms(150)), *endings.back());
          if (!a.ok()) endings.back()->tell(Said::failure(a.status));
        }
        for (const Ending* e : endings) {
          CHECK(d.told(*e));
          const int status = e->said().status;
          CAPTURE(status);
          CHECK((status == TENON_OK || status == TENON_DEADLINE_EXCEEDED || status == TENON_RESOURCE_EXHAUSTED));
          CHECK(e->times() == 1);
        }
        CHECK(d.until([&] { return d.call("orders.leaf", Ask("again", soon())).payload == "again"; }));
      },
      setup);
}

}  // namespace tenon::test
