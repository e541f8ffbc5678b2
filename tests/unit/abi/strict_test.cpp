// The strict host: every rule broken once, named with the module and the function.
#include "abi/strict.hpp"

#include <unistd.h>

#include <cerrno>
#include <thread>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

struct Checked {
  World world;
  Instance instance;
  const tenon_calls& calls;
  const tenon_config& config;

  Checked()
      : instance((world.host.check_strictly(), world.host), options_of("careless")),
        calls(table_of<tenon_calls>(instance, TENON_CALLS)),
        config(table_of<tenon_config>(instance, TENON_CONFIG)) {}
  tenon_ctx* ctx() { return instance.ctx(); }
  [[nodiscard]] std::vector<std::string> rules() const {
    std::vector<std::string> out;
    for (const Violation& v : world.host.strict()->violations()) out.push_back(v.module + " " + v.rule);
    return out;
  }
  [[nodiscard]] std::string message() const { return world.host.strict()->violations().back().message; }
};

tenon_status changed(void*, tenon_call*, tenon_str, tenon_error*) noexcept { return TENON_OK; }

tenon_status subscribe(Checked& c, tenon_id& id) {
  return c.config.on_change(c.ctx(), str("live"), &changed, nullptr, nullptr, &id, nullptr);
}

}  // namespace

TEST_CASE("strict: who keeps the rules hears nothing") {
  Checked c;
  CHECK(run_as(c.instance, Phase::init, [&](tenon_call* call, tenon_error*) {
          tenon_id id = 0;
          CHECK(subscribe(c, id) == TENON_OK);
          CHECK(c.calls.cancelled(call) == 0);
          CHECK(c.calls.wait(call, 0) == 0);
          CHECK(c.config.unsubscribe(c.ctx(), id) == TENON_OK);
        }).kind == Outcome::Kind::done);
  CHECK(c.rules().empty());
}

TEST_CASE("strict: a [control] function from a thread of the module's own") {
  Checked c;
  run_as(c.instance, Phase::init, [&](tenon_call*, tenon_error*) {
    std::thread([&] {
      tenon_id id = 0;
      static_cast<void>(subscribe(c, id));
    }).join();
  });
  CHECK(c.rules() == std::vector<std::string>{"careless WRONG_THREAD"});
  CHECK(c.message() == "`tenon_config.on_change` is for [control] callbacks of the module, and was called from a thread that is in none");
}

TEST_CASE("strict: what is not for this phase") {
  Checked c;
  run_as(c.instance, Phase::start, [&](tenon_call* call, tenon_error*) {
    tenon_id id = 0;
    CHECK(subscribe(c, id) == TENON_FAILED_PRECONDITION);
    CHECK(c.calls.defer(call, &id) == TENON_FAILED_PRECONDITION);  // run_as waits for the end
  });
  CHECK(c.rules() == std::vector<std::string>(2, "careless WRONG_PHASE"));
  CHECK(c.world.host.strict()->violations().front().message == "`tenon_config.on_change`: on_change is for create and init, this is start");
  CHECK(c.message() == "`tenon_calls.defer`: this call cannot be answered later, only those of start, stop and services can");
}

TEST_CASE("strict: a path of service calls that leads back into a serial module is reported once, however often it is gone") {
  Checked c;
  Strict& strict = *c.world.host.strict();
  strict.violation_once("web", "REENTRANT", "`tenon_services.call`: back into `orders`", "back into `orders`");
  strict.violation_once("orders", "REENTRANT", "`tenon_services.call_by_name`: back into `orders`", "back into `orders`");
  strict.violation_once("web", "REENTRANT", "`tenon_services.call`: back into `catalog`", "back into `catalog`");
  CHECK(c.rules() == std::vector<std::string>(2, "web REENTRANT"));
}

TEST_CASE("strict: an id that is over") {
  Checked c;
  CHECK(c.config.unsubscribe(c.ctx(), 4711) == TENON_NOT_FOUND);
  CHECK(c.rules() == std::vector<std::string>{"careless STALE_ID"});
  CHECK(c.message() == "`tenon_config.unsubscribe` got the id 4711, which is over or was never given to this instance");
}

TEST_CASE("strict: a call completed twice") {
  Checked c;
  tenon_id id = 0;
  const Outcome o = c.instance.enter(
      Phase::start, no_deadline, Gate::State::open, [](const Outcome&) {},
      [&](tenon_call* call, tenon_error*) -> tenon_status {
        REQUIRE(c.calls.defer(call, &id) == TENON_OK);
        return TENON_PENDING;
      });
  REQUIRE(o.kind == Outcome::Kind::deferred);
  CHECK(c.calls.complete(c.ctx(), id, TENON_OK, nullptr, nullptr) == TENON_OK);
  CHECK(c.rules().empty());
  CHECK(c.calls.complete(c.ctx(), id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
  CHECK(c.rules() == std::vector<std::string>{"careless COMPLETED_TWICE"});
}

TEST_CASE("strict: a call used after its function has returned") {
  Checked c;
  tenon_call* kept = nullptr;
  run_as(c.instance, Phase::init, [&](tenon_call* call, tenon_error*) { kept = call; });
  CHECK(c.calls.cancelled(kept) == 1);
  CHECK(c.calls.reserve(kept, 8) == nullptr);
  tenon_id id = 0;
  CHECK(c.calls.defer(kept, &id) == TENON_FAILED_PRECONDITION);
  CHECK(c.rules() == std::vector<std::string>(3, "careless STALE_CALL"));
}

TEST_CASE("strict: waiting inside a callback that must not block") {
  Checked c;
  run_as(c.instance, Phase::init, [&](tenon_call* call, tenon_error*) {
    const GateEntry entry(c.instance, Phase::run, ThreadTag::other, nullptr, Gate::State::open);  // as a release or a log receiver
    REQUIRE(entry);
    CHECK(c.calls.wait(call, 0) == 0);
  });
  CHECK(c.rules() == std::vector<std::string>{"careless BLOCKING_IN_ANY"});
}

TEST_CASE("strict: a thread that is left behind when the instance has gone") {
  Checked c;
  c.instance.gate().advance(Gate::State::closed);
  static_cast<void>(c.config.unsubscribe(c.ctx(), 1));
  REQUIRE_FALSE(c.rules().empty());
  CHECK(c.rules().front() == "careless AFTER_DESTROY");
}

TEST_CASE("strict: what is called for another module, inside of it, is nobody left behind") {
  Checked c;
  Instance holder(c.world.host, options_of("holder"));
  c.instance.gate().advance(Gate::State::closed);
  run_as(holder, Phase::destroy, [&](tenon_call*, tenon_error*) { CHECK(c.config.has(c.ctx(), str("live")) == 0); });
  CHECK(c.rules().empty());
}

TEST_CASE("strict: every function asks whether the module is still there") {
  Checked c;
  const auto& check = table_of<tenon_check>(c.instance, TENON_CHECK);
  const auto& log = table_of<tenon_log>(c.instance, TENON_LOG);
  tenon_str text{};
  const auto use = [&] {
    static_cast<void>(c.config.optional_str(c.ctx(), str("live"), {}, &text, nullptr));
    static_cast<void>(c.config.has(c.ctx(), str("live")));
    static_cast<void>(check.thread(c.ctx()));
    log.write(c.ctx(), TENON_LEVEL_ERROR, str("a line"), nullptr, 0);
    static_cast<void>(c.calls.complete(c.ctx(), 0, TENON_OK, nullptr, nullptr));
  };
  run_as(c.instance, Phase::init, [&](tenon_call*, tenon_error*) { use(); });
  CHECK(c.rules() == std::vector<std::string>{"careless STALE_ID"});  // of complete
  c.instance.gate().advance(Gate::State::closed);
  use();
  CHECK(c.rules().size() == 6);
  CHECK(c.rules().back() == "careless AFTER_DESTROY");
}

TEST_CASE("strict: what was lent is unreadable afterwards, and is known by its address") {
  Checked c;
  Strict& strict = *c.world.host.strict();
  const char* kept = nullptr;
  {
    Borrowed borrowed(strict, c.instance);
    const tenon_str lent = borrowed.text("the topic of an event", str("orders.created"));
    CHECK(view(lent) == "orders.created");
    CHECK(borrowed.text("nothing", {}).len == 0);
    kept = lent.ptr;
    Strict::Lent unknown;
    CHECK_FALSE(strict.find_lent(kept, unknown));
  }
  Strict::Lent lent;
  REQUIRE(strict.find_lent(kept, lent));
  CHECK(std::string(lent.module) == "careless");
  CHECK(std::string(lent.what) == "the topic of an event");
  CHECK_FALSE(strict.find_lent(&lent, lent));
  // The kernel can tell without a crash: a write(2) from unreadable pages is EFAULT.
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  CHECK(::write(pipe_ends[1], kept, 1) == -1);
  CHECK(errno == EFAULT);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}
