#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <tenon/tenon.hpp>

using tenon::Status;

namespace {

struct CError : tenon_error {
  CError() : tenon_error{} { struct_size = sizeof(tenon_error); }
};

template <class F>
std::pair<tenon_status, CError> guarded(F f) {
  CError error;
  const tenon_status status = tenon::guard(&error, f);
  return {status, error};
}

}  // namespace

TEST_CASE("a status reports code, reason and message to the C side") {
  const Status s = Status::invalid_argument("`page_size` is 0");
  CHECK_FALSE(s.ok());
  CError e;
  CHECK(s.report(&e) == TENON_INVALID_ARGUMENT);
  CHECK(e.status == TENON_INVALID_ARGUMENT);
  CHECK(std::string(e.reason) == "INVALID_ARGUMENT");
  CHECK(std::string(e.message) == "`page_size` is 0");
  CHECK(e.message_len == 16);
  CHECK(Status().report(&e) == TENON_OK);
  CHECK(e.status == TENON_INVALID_ARGUMENT);  // written only with an error
  CHECK(s.report(nullptr) == TENON_INVALID_ARGUMENT);
}

TEST_CASE("an error of an older header is not written beyond its end") {
  CError e;
  e.struct_size = 16;
  e.status = 99;
  CHECK(Status::internal("x").report(&e) == TENON_INTERNAL);
  CHECK(e.status == 99);
}

TEST_CASE("long messages are cut at a character boundary") {
  const std::string text = std::string(190, 'a') + "\u00e4\u00e4";  // 191 bytes fit; the first ä would be cut in half
  const Status s = Status::internal(text);
  CHECK(s.message() == std::string(190, 'a'));
  CError e;
  (void)s.report(&e);
  CHECK(e.message_len == 190);
  CHECK(e.message[190] == '\0');
  const Status exact = Status::internal(std::string(191, 'b'));
  CHECK(exact.message().size() == 191);
  const Status reason(TENON_INTERNAL, std::string(100, 'R'), "");
  CHECK(reason.reason().size() == 47);
  // Continuation bytes only: nothing to cut at.
  CHECK(Status::internal(std::string(300, '\x80')).message().empty());
}

TEST_CASE("statuses copy, move and have names") {
  const Status a = Status::not_found("gone");
  Status b = a;
  CHECK(b.message() == "gone");
  Status c = std::move(b);
  CHECK(c.reason() == "NOT_FOUND");
  b = c;
  CHECK(b.code() == TENON_NOT_FOUND);
  CHECK(Status::pending().is_pending());
  CHECK(tenon::status_name(0) == "OK");
  CHECK(tenon::status_name(16) == "UNAUTHENTICATED");
  CHECK(tenon::status_name(17) == "UNKNOWN");
  CHECK(tenon::status_name(-1) == "UNKNOWN");
  CHECK(tenon::status_name(TENON_PENDING) == "PENDING");
  const Status system = Status::system(ENOENT, "open /x");
  CHECK(system.sys_errno() == ENOENT);
  CHECK(system.message() == "open /x: No such file or directory");
}

TEST_CASE("what a C function reports becomes a status") {
  const Status s = Status::of([](tenon_error* e) {
    std::snprintf(e->reason, sizeof e->reason, "BAD");
    e->message_len = static_cast<std::uint32_t>(std::snprintf(e->message, sizeof e->message, "no good"));
    e->sys_errno = EIO;
    return TENON_DATA_LOSS;
  });
  CHECK(s.code() == TENON_DATA_LOSS);
  CHECK(s.reason() == "BAD");
  CHECK(s.message() == "no good");
  CHECK(s.sys_errno() == EIO);
  CHECK(Status::of([](tenon_error*) { return TENON_OK; }).ok());
  // A callee that returns an error and writes none.
  const Status silent = Status::of([](tenon_error*) { return TENON_ABORTED; });
  CHECK(silent.code() == TENON_ABORTED);
  CHECK(silent.message().empty());
}

TEST_CASE("guard lets nothing out") {
  auto [code, error] = guarded([]() -> Status { throw std::runtime_error("boom"); });
  CHECK(code == TENON_INTERNAL);
  CHECK(std::string(error.reason) == "CPP_EXCEPTION");
  CHECK(std::string(error.message) == "boom");

  std::tie(code, error) = guarded([]() -> Status { throw 42; });
  CHECK(code == TENON_INTERNAL);
  CHECK(std::string(error.reason) == "CPP_EXCEPTION");

  std::tie(code, error) = guarded([]() -> Status { throw std::system_error(ENOSPC, std::generic_category(), "write"); });
  CHECK(code == TENON_INTERNAL);
  CHECK(error.sys_errno == ENOSPC);

  std::tie(code, error) = guarded([]() -> Status { throw tenon::Failure(Status::unavailable("later")); });
  CHECK(code == TENON_UNAVAILABLE);
  CHECK(std::string(error.message) == "later");

  std::tie(code, error) = guarded([]() -> Status { throw tenon::Failure(Status()); });
  CHECK(code == TENON_INTERNAL);
  std::tie(code, error) = guarded([]() -> Status { throw tenon::Failure(Status::pending()); });
  CHECK(code == TENON_INTERNAL);

  std::tie(code, error) = guarded([]() -> Status { throw std::bad_alloc(); });
  CHECK(code == TENON_INTERNAL);
  CHECK(tenon::guard(nullptr, []() -> Status { throw std::runtime_error("nobody listens"); }) == TENON_INTERNAL);
}

TEST_CASE("guard passes on what was returned") {
  CHECK(guarded([] {}).first == TENON_OK);
  CHECK(guarded([] { return Status::pending(); }).first == TENON_PENDING);
  CHECK(guarded([] { return Status::cancelled("enough"); }).first == TENON_CANCELLED);
}

TEST_CASE("results") {
  tenon::Result<int> good = 5;
  CHECK(good.ok());
  CHECK(good.value() == 5);
  CHECK(*good == 5);
  tenon::Result<int> bad = Status::not_found("no five");
  CHECK_FALSE(bad);
  CHECK(bad.status().code() == TENON_NOT_FOUND);
  CHECK_THROWS_WITH_AS(bad.value(), "no five", tenon::Failure);
  CHECK(guarded([&]() -> Status {
          (void)bad.value();
          return {};
        }).first == TENON_NOT_FOUND);
  CHECK(tenon::Result<std::unique_ptr<int>>(std::make_unique<int>(7)).value() != nullptr);
}
