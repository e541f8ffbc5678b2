// Skipping a doctest case where it cannot run: counted and shown as skipped by CTest, not as passed.
#pragma once

#include <string>

namespace tenon::test {

/// Prints "skipped: <reason>". A run in which every case was skipped and nothing failed ends with 77, CTest's SKIP_RETURN_CODE; CTest runs one case
/// at a time. Where subcases are left out, the case must still check something in the others, or skip as a whole.
void skip_case(const std::string& reason);

}  // namespace tenon::test

/// Leaves the test case. Say it first, before anything was checked: what follows is not run, what came before would not be counted.
#define SKIP_CASE(reason)             \
  do {                                \
    ::tenon::test::skip_case(reason); \
    return;                           \
  } while (false)
#define SKIP_UNLESS(condition, reason)   \
  do {                                   \
    if (!(condition)) SKIP_CASE(reason); \
  } while (false)
