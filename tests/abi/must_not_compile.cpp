// Mistakes that the compiler finds. must_not_compile.py compiles once per CASE and looks for the text behind `expect:`.
#include <tenon/tenon.hpp>

// Joining lines or moving comments would break what the script looks for.
// clang-format off

struct Good {
  using needs = tenon::needs<tenon::Log, tenon::Calls>;
  tenon::Status start(tenon::Call) { return {}; }
};

#if CASE == 0  // expect-success
TENON_MODULE_AS(Good, "good", "1.0.0");
#elif CASE == 1  // expect: noexcept|conversion
tenon_status may_throw(void*, tenon_call*, tenon_error*) { return TENON_OK; }
const tenon_lifecycle table = {sizeof(tenon_lifecycle), 0, nullptr, nullptr, may_throw, nullptr, nullptr, nullptr, nullptr};
#elif CASE == 2  // expect: nodiscard
tenon::Status f();
void g() { f(); }
#elif CASE == 3  // expect: a phase must be public and callable
class Private {
  tenon::Status init() { return {}; }
};
TENON_MODULE_AS(Private, "x", "1.0.0");
#elif CASE == 4  // expect: a phase must be public and callable
struct WrongArguments {
  tenon::Status start(int) { return {}; }
};
TENON_MODULE_AS(WrongArguments, "x", "1.0.0");
#elif CASE == 5  // expect: a phase returns tenon::Status or void
struct WrongResult {
  int init() { return 0; }
};
TENON_MODULE_AS(WrongResult, "x", "1.0.0");
#elif CASE == 6  // expect: needs tenon::Calls in `needs`
struct CallsMissing {
  tenon::Status start(tenon::Call) { return {}; }
};
TENON_MODULE_AS(CallsMissing, "x", "1.0.0");
#elif CASE == 7  // expect: keys and values alternate
void f(const tenon::Log& log) { log.info("text", "key"); }
#elif CASE == 8  // expect: log values are text
struct Opaque {};
void f(const tenon::Log& log) { log.info("text", "key", Opaque()); }
#elif CASE == 9  // expect: TENON_MODULE_NAME
TENON_MODULE(Good);
#elif CASE == 10  // expect: not a type the configuration has
void f(const tenon::Config& config) { (void)config.require<char*>("x"); }
#elif CASE == 11  // expect: declare it noexcept
void f(tenon::Deferred& d) { (void)d.on_cancel([](tenon_status) {}); }
#elif CASE == 12  // expect: deleted
void f(tenon::Deferred& d) { tenon::Deferred copy(d); }
#elif CASE == 13  // expect: must be noexcept
struct Query {
  static const void* query(std::string_view) { return nullptr; }
};
TENON_MODULE_AS(Query, "x", "1.0.0");
#elif CASE == 14  // expect: a module is constructed from
struct Unmakable {
  explicit Unmakable(int) {}
};
TENON_MODULE_AS(Unmakable, "x", "1.0.0");
#elif CASE == 15  // expect: the class of a check is that of the module, not of a base
struct Database {
  tenon::Status database() { return {}; }
};
struct Inheriting : Database {
  static const void* query(std::string_view id) noexcept {
    static constexpr tenon::HealthChecks checks(tenon::required_check<Database, &Inheriting::database>("database"));
    return id == TENON_HEALTH ? checks.table() : nullptr;
  }
};
TENON_MODULE_AS(Inheriting, "x", "1.0.0");
#elif CASE == 16  // expect: f makes a std::unique_ptr<Object>
struct Table {
  std::uint32_t struct_size, reserved;
};
struct Closes {
  void operator()(int*) const {}
};
void f(const tenon::Container& container, const Table* table) {
  const auto make = [](tenon::Scope) -> tenon::Result<std::unique_ptr<int, Closes>> { return std::unique_ptr<int, Closes>(); };
  (void)container.provide_factory(tenon::Token<Table>{"a.b/1"}, tenon::Lifetime::singleton, table, make);
}
#elif CASE == 17  // expect: no matching function for call to .*required_check
struct Base {
  tenon::Status database() { return {}; }
  static const void* query(std::string_view id) noexcept {
    static constexpr tenon::HealthChecks checks(tenon::required_check<&Base::database>("database"));
    return id == TENON_HEALTH ? checks.table() : nullptr;
  }
};
struct Derived : Good, Base {};
TENON_MODULE_AS(Derived, "x", "1.0.0");
#endif
