#include <doctest/doctest.h>

#include <string>
#include <tenon/testing.hpp>

using tenon::Status;
using tenon::testing::Host;

namespace {

std::string order;

struct Everything {
  using needs = tenon::needs<tenon::Log, tenon::if_offered<tenon::Check>>;
  static constexpr std::uint32_t flags = TENON_SERIAL;
  static const void* query(std::string_view id) noexcept {
    static constexpr std::uint32_t table[1] = {sizeof(std::uint32_t)};
    return id == "tenon.health/1" ? table : nullptr;
  }
  explicit Everything(tenon::Ctx) { order += "constructor "; }
  ~Everything() { order += "destructor"; }
  Status create() { return note("create "); }
  Status pre_init() { return note("pre_init "); }
  Status init() { return note("init "); }
  void post_init() { order += "post_init "; }
  Status start() { return note("start "); }
  void stop() { order += "stop "; }
  static Status note(const char* what) {
    order += what;
    return {};
  }
};

struct Nothing {};

constexpr tenon_module everything = tenon::module_of<Everything>("everything", "1.2.3");
constexpr tenon_module nothing = tenon::module_of<Nothing>("nothing", "0.1.0");

// All of it is known to the compiler.
static_assert(everything.struct_size == sizeof(tenon_module) && everything.flags == TENON_SERIAL);
static_assert(everything.need_count == 2 && everything.needs[0]->optional == 0 && everything.needs[1]->optional == 1);
static_assert(everything.needs[0]->min_size == sizeof(tenon_log));
static_assert(nothing.need_count == 0 && nothing.needs == nullptr && nothing.query == nullptr);
static_assert(nothing.lifecycle->init == nullptr && nothing.lifecycle->start == nullptr && nothing.lifecycle->stop == nullptr);
static_assert(nothing.lifecycle->pre_init == nullptr && nothing.lifecycle->post_init == nullptr);

}  // namespace

TEST_CASE("every phase is called, in order, on one object") {
  order.clear();
  Host host(everything);
  CHECK(host.boot().ok());
  CHECK(host.finish().empty());
  CHECK(order == "constructor create pre_init init post_init start stop destructor");
}

TEST_CASE("names, needs and capability tables") {
  CHECK(tenon::view(everything.name) == "everything");
  CHECK(tenon::view(everything.version) == "1.2.3");
  CHECK(tenon::view(everything.needs[0]->id) == "tenon.log/1");
  CHECK(tenon::view(everything.needs[1]->id) == "tenon.check/1");
  CHECK(everything.query(TENON_STR("tenon.health/1")) != nullptr);
  CHECK(everything.query(TENON_STR("tenon.rest/1")) == nullptr);
}

TEST_CASE("a module without anything has only create and destroy") {
  Host host(nothing);
  CHECK(host.boot().ok());
  CHECK(host.finish().empty());
}

namespace {

/// Throws in one phase.
template <int Phase>
struct Throws {
  explicit Throws(tenon::Ctx) { (void)at(0); }
  void create() { (void)at(1); }
  Status pre_init() { return at(2); }
  Status init() { return at(3); }
  Status post_init() { return at(4); }
  Status start() { return at(5); }
  Status stop() { return at(6); }
  static Status at(int phase) {
    if (phase == Phase) throw std::runtime_error("phase " + std::to_string(phase));
    return {};
  }
};

template <int Phase>
Status run_all() {
  Host host = Host::of<Throws<Phase>>();
  Status status = host.boot();
  if (status.ok()) status = host.stop();
  CHECK(host.finish().empty());
  return status;
}

}  // namespace

TEST_CASE("an exception in any phase becomes INTERNAL with its text") {
  const Status all[] = {run_all<0>(), run_all<1>(), run_all<2>(), run_all<3>(), run_all<4>(), run_all<5>(), run_all<6>()};
  for (std::size_t i = 0; i < 7; ++i) {
    CAPTURE(i);
    CHECK(all[i].code() == TENON_INTERNAL);
    CHECK(all[i].reason() == "CPP_EXCEPTION");
    CHECK(all[i].message() == "phase " + std::to_string(i));
  }
  CHECK(run_all<7>().ok());
}

namespace {

struct FailsToCreate {
  static inline int destroyed = 0;
  ~FailsToCreate() { ++destroyed; }
  Status create() { return Status::unavailable("not today"); }
};

struct Aggregate {
  tenon::Ctx ctx;
  int n = 5;
};

struct WithCall {
  using needs = tenon::needs<tenon::Calls>;
  bool cancelled;
  WithCall(tenon::Ctx, tenon::Call call) : cancelled(call.cancelled()) {}
  Status init(tenon::Call call) { return call.cancelled() ? Status::cancelled("was cancelled") : Status(); }
};

struct Immovable {
  explicit Immovable(tenon::Ctx) {}
  Immovable(const Immovable&) = delete;
  Immovable& operator=(const Immovable&) = delete;
  const Immovable* self = this;
};

struct Final final {
  Status init() { return Status::not_found("seen"); }
};

struct Inherits {
  tenon::Status init() { return {TENON_ABORTED, "BASE", "from the base"}; }
};
struct Derived : Inherits {};

struct Missing {
  using needs = tenon::needs<tenon::Log>;
  tenon::Ctx ctx;
  tenon::Log log{ctx};
};

struct Undeclared {
  tenon::Ctx ctx;
  tenon::Log log{ctx};
};

}  // namespace

TEST_CASE("a create that fails leaves nothing") {
  Host host = Host::of<FailsToCreate>();
  CHECK(host.create().code() == TENON_UNAVAILABLE);
  CHECK(FailsToCreate::destroyed == 1);
  CHECK(host.self() == nullptr);
  CHECK(host.init().code() == TENON_FAILED_PRECONDITION);
  (void)host.finish();
  CHECK(FailsToCreate::destroyed == 1);
}

TEST_CASE("all ways to construct a module") {
  Host aggregate = Host::of<Aggregate>();
  REQUIRE(aggregate.create().ok());
  CHECK(aggregate.object<Aggregate>().n == 5);
  CHECK(aggregate.object<Aggregate>().ctx.host_name() == "fake host");

  Host with_call = Host::of<WithCall>();
  REQUIRE(with_call.create().ok());
  CHECK_FALSE(with_call.object<WithCall>().cancelled);
  with_call.cancel();
  CHECK(with_call.init().code() == TENON_CANCELLED);

  Host immovable = Host::of<Immovable>();
  REQUIRE(immovable.create().ok());
  CHECK(immovable.object<Immovable>().self == &immovable.object<Immovable>());

  Host final_class = Host::of<Final>();
  REQUIRE(final_class.create().ok());
  CHECK(final_class.init().code() == TENON_NOT_FOUND);

  Host derived = Host::of<Derived>();
  REQUIRE(derived.create().ok());
  CHECK(derived.init().reason() == "BASE");
}

TEST_CASE("an interface the host does not give is named") {
  Host host = Host::of<Missing>();
  host.withhold(TENON_LOG);
  const Status status = host.create();
  CHECK(status.code() == TENON_FAILED_PRECONDITION);
  CHECK(status.reason() == "MISSING_INTERFACE");
  CHECK(status.message() == "the host gives no `tenon.log/1`: is it in the module's needs?");
}

TEST_CASE("an interface that is not in needs is not given") {
  Host host = Host::of<Undeclared>();
  CHECK(host.create().reason() == "MISSING_INTERFACE");
  REQUIRE(host.problems().size() == 1);
  CHECK(host.problems()[0] == "the module asked for `tenon.log/1`, which is not in its needs");
}

TEST_CASE("an error struct that is NULL is no problem") {
  const tenon_module m = tenon::module_of<Throws<3>>("m", "1.0.0");
  Host host(m);
  REQUIRE(host.create().ok());
  CHECK(m.lifecycle->init(host.self(), nullptr, nullptr) == TENON_INTERNAL);
}
