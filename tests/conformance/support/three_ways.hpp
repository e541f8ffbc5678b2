// A case that runs three ways: on the kernel, through the C tables with a real module, on the fake host; and what a call answered there.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "tenon/core.h"

namespace tenon::test {

struct Answer {
  int status = 0;
  std::string reason;
  std::uint64_t id = 0;
  [[nodiscard]] bool ok() const { return status == 0; }
};

inline Answer answer(const host::Error& e) { return {static_cast<int>(e.code), e.reason, 0}; }
inline Answer answer(const host::Result<void>& r) { return r ? Answer{} : answer(r.error()); }
inline Answer answer(const host::Result<std::uint64_t>& r) { return r ? Answer{0, {}, *r} : answer(r.error()); }
/// f(tenon_id* out, tenon_error* err) -> tenon_status
template <class F>
Answer answer_of_c(F&& f) {
  tenon_error error{};
  error.struct_size = sizeof error;
  Answer out;
  out.status = f(&out.id, &error);
  if (out.status != TENON_OK) out.reason = error.reason;
  return out;
}

/// `strict`: loaded, by a host whose modules get checking proxies of all tables.
enum class Way : std::uint8_t { kernel, loaded, strict, fake };

/// Runs a case three ways.
template <class Case>
void every_way(Case&& run) {
  SUBCASE("on the kernel") { run(Way::kernel); }
  SUBCASE("through the table, in a loaded module") { run(Way::loaded); }
  SUBCASE("through the table, in a strict host") { run(Way::strict); }
  SUBCASE("on the fake host") { run(Way::fake); }
}

}  // namespace tenon::test
