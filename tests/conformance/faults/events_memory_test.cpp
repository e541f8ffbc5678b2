// Events and tasks through the C tables while there is no memory.
#include <thread>

#include "starved.hpp"
#include "tenon/events.h"
#include "tenon/tasks.h"

using namespace tenon;
using namespace tenon::test;

namespace {

tenon_status count_event(void* data, tenon_call*, const tenon_event*, tenon_error*) noexcept {
  ++static_cast<Registered*>(data)->used;
  return TENON_OK;
}
tenon_status count_run(void* data, tenon_call*, tenon_error*) noexcept {
  ++static_cast<Registered*>(data)->used;
  return TENON_OK;
}
constexpr std::string_view topic = "orders.created.somewhere-far-away", pattern = "orders.*.somewhere-far-away";

struct Post {
  SmallHost host;
  SmallModule orders{host, "orders"};
  const tenon_events* const events = orders.table<tenon_events>(TENON_EVENTS);
  tenon_error error{};
  Post() { error.struct_size = sizeof error; }
  tenon_status subscribe(Registered& subscriber, tenon_id& id, std::string_view to = pattern) {
    return events->subscribe(orders.ctx(), str(to), &count_event, &subscriber, &Registered::release, nullptr, &id, &error);
  }
  tenon_status publish(std::uint32_t flags = 0) {
    const tenon_event_draft draft = {sizeof draft,      flags, str(topic), bytes(std::string_view(long_payload, sizeof long_payload)),
                                     str("text/plain"), {}};
    return events->publish(orders.ctx(), &draft, nullptr, &error);
  }
  char long_payload[5000] = {};
};

struct Clockwork {
  SmallHost host;
  SmallModule orders{host, "orders", decided()};
  const tenon_tasks* const tasks = orders.table<tenon_tasks>(TENON_TASKS);
  tenon_error error{};
  Clockwork() { error.struct_size = sizeof error; }
  static tenon_task task(Registered& data) {
    return {sizeof(tenon_task), 0, &count_run, &data, &Registered::release, str("a task with a name beyond small strings"), 0};
  }
  /// The operator's word on loops is copied, too.
  static host::InstanceOptions decided() {
    host::InstanceOptions out;
    out.loops["*"] = {host::LoopPolicy::ignore, "modules.orders.loops.a key beyond small strings"};
    return out;
  }
  std::size_t left() { return host.kernel().tasks().list(nullptr).size(); }
};

/// A task registered in every shortage, by `add(clockwork, task, out)`; it runs at once if `runs`.
template <class Add>
void add_in_every_shortage(bool runs, Add&& add) {
  with_every_shortage([&](Starving& starving) {
    Registered data;
    {
      Clockwork c;
      const tenon_task task = Clockwork::task(data);
      tenon_id id = 0;
      const tenon_status status = starving.during([&] { return add(c, task, id); });
      CHECK(is_clean(status));
      if (status != TENON_OK) {
        CHECK(c.error.reason[0] != '\0');  // NO_MEMORY, or NO_THREAD for want of it
        CHECK(c.left() == 0);
        CHECK(data.released == 0);
        REQUIRE(add(c, task, id) == TENON_OK);
      }
      if (runs) CHECK(settles([&] { return data.used == 1; }));
      tenon_task_status told{};
      told.struct_size = sizeof told;
      if (!runs) CHECK(c.tasks->status(c.orders.ctx(), id, &told) == TENON_OK);
    }
    CHECK(data.released == 1);
    CHECK(data.used == (runs ? 1 : 0));
  });
}

}  // namespace

TEST_CASE("no memory: an owner has joined, or has left nothing behind") {
  with_every_shortage([](Starving& starving) {
    host::Owner owner("an owner with a name beyond small strings", 1, true);
    SmallHost small;
    host::Events& events = small.kernel().events();
    bool joined = false;
    try {
      starving.during([&] { return events.join(owner, host::Permissions::all("*")); });
      joined = true;
    } catch (const std::bad_alloc&) {  // as its caller expects
    }
    // Those go through all who have joined.
    CHECK(events.totals().size() == (joined ? 1 : 0));
    CHECK(events.subscriptions().empty());
    events.tick(host::monotonic_ns());
    CHECK(events.join(owner, host::Permissions::all("*")).publish({topic, {}, {}, {}, false}));
    CHECK(events.leave(owner, soon()).quiet);
  });
}

TEST_CASE("no memory: subscribe leaves nothing, or a subscription that hears") {
  for (const std::string_view to : {topic, pattern, std::string_view("orders.>")})
    with_every_shortage([to](Starving& starving) {
      Registered subscriber;
      {
        Post post;
        tenon_id id = 0;
        const tenon_status status = starving.during([&] { return post.subscribe(subscriber, id, to); });
        CHECK(is_clean(status));
        if (status != TENON_OK) {
          CHECK(std::string(post.error.reason) == "NO_MEMORY");
          CHECK(post.host.kernel().events().subscriptions().empty());
          CHECK(post.publish() == TENON_OK);
          CHECK(subscriber.released == 0);
          REQUIRE(post.subscribe(subscriber, id, to) == TENON_OK);
        }
        CHECK(post.publish() == TENON_OK);
        CHECK(settles([&] { return subscriber.used == 1; }));
      }
      CHECK(subscriber.released == 1);
    });
}

TEST_CASE("no memory: publish reaches all subscribers, or says RESOURCE_EXHAUSTED and reaches none") {
  for (const std::uint32_t flags : {0U, TENON_EVENT_RETAIN})
    with_every_shortage([flags](Starving& starving) {
      Registered one, two, late;
      {
        Post post;
        tenon_id id = 0;
        REQUIRE(post.subscribe(one, id, topic) == TENON_OK);
        REQUIRE(post.subscribe(two, id, pattern) == TENON_OK);
        const tenon_status status = starving.during([&] { return post.publish(flags); });
        CHECK(is_clean(status));
        const int sent = status == TENON_OK ? 1 : 0;
        REQUIRE(post.publish(flags) == TENON_OK);
        const auto lost = [&] {  // a queue that could not grow counts what it could not take
          std::uint64_t n = 0;
          for (const auto& s : post.host.kernel().events().subscriptions()) n += s.stats.dropped;
          return static_cast<int>(n);
        };
        CHECK(settles([&] { return one.used + two.used + lost() == 2 * sent + 2; }));
        REQUIRE(post.subscribe(late, id, "orders.>") == TENON_OK);
        if (flags != 0) CHECK(settles([&] { return late.used == 1; }));
        if (flags != 0) {
          const tenon_status forgotten = starving.during([&] { return post.events->forget(post.orders.ctx(), str(topic), &post.error); });
          CHECK(forgotten == TENON_OK);
        }
      }
      CHECK(one.released == 1);
      CHECK(two.released == 1);
      CHECK(late.released == 1);
    });
}

TEST_CASE("no memory: unsubscribe, waiting and not, releases once and as soon as ever") {
  for (const bool waits : {false, true})
    with_every_shortage([waits](Starving& starving) {
      Registered subscriber;
      Post post;
      tenon_id id = 0;
      REQUIRE(post.subscribe(subscriber, id) == TENON_OK);
      const tenon_status status = starving.during([&] {
        return waits ? post.events->unsubscribe_wait(post.orders.ctx(), id, soon(), &post.error)
                     : post.events->unsubscribe(post.orders.ctx(), id);
      });
      CHECK(is_clean(status));
      if (status != TENON_OK) CHECK(post.events->unsubscribe(post.orders.ctx(), id) == TENON_OK);
      CHECK(settles([&] { return subscriber.released == 1; }));
      CHECK(settles([&] { return post.host.kernel().events().subscriptions().empty(); }));
    });
}

TEST_CASE("no memory: a task leaves nothing, or runs as it should") {
  constexpr std::int64_t hour = 3'600'000'000'000;
  SUBCASE("post") {
    add_in_every_shortage(true,
                          [](Clockwork& c, const tenon_task& t, tenon_id& id) { return c.tasks->post(c.orders.ctx(), &t, &id, &c.error); });
  }
  SUBCASE("after") {
    add_in_every_shortage(
        false, [](Clockwork& c, const tenon_task& t, tenon_id& id) { return c.tasks->after(c.orders.ctx(), hour, &t, &id, &c.error); });
  }
  SUBCASE("every") {
    add_in_every_shortage(
        false, [](Clockwork& c, const tenon_task& t, tenon_id& id) { return c.tasks->every(c.orders.ctx(), hour, &t, &id, &c.error); });
  }
  SUBCASE("cron") {
    add_in_every_shortage(false, [](Clockwork& c, const tenon_task& t, tenon_id& id) {
      return c.tasks->cron(c.orders.ctx(), str("0 0 29 2 *"), TENON_ZONE_UTC, &t, &id, &c.error);
    });
  }
  SUBCASE("loop") {
    add_in_every_shortage(true, [](Clockwork& c, const tenon_task& t, tenon_id& id) {
      const tenon_loop_options options = {sizeof options, TENON_LOOP_FAIL, 0, 0};
      return c.tasks->loop(c.orders.ctx(), &t, &options, &id, &c.error);
    });
  }
}

TEST_CASE("no memory: a cancelled task is released once and as soon as ever") {
  for (const bool waits : {false, true})
    with_every_shortage([waits](Starving& starving) {
      Registered data;
      Clockwork c;
      const tenon_task task = Clockwork::task(data);
      tenon_id id = 0;
      REQUIRE(c.tasks->after(c.orders.ctx(), 3'600'000'000'000, &task, &id, &c.error) == TENON_OK);
      const auto cancel = [&] {
        return waits ? c.tasks->cancel_wait(c.orders.ctx(), id, soon(), &c.error) : c.tasks->cancel(c.orders.ctx(), id);
      };
      const tenon_status status = starving.during(cancel);
      CHECK(is_clean(status));
      if (status != TENON_OK) CHECK(cancel() == TENON_OK);
      CHECK(settles([&] { return data.released == 1; }));
      CHECK(settles([&] { return c.left() == 0; }));
      CHECK(data.used == 0);
    });
}
