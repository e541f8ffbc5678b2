// Whether memory can be read, for tests of views that become unreadable.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>

namespace tenon::test {

/// The kernel can tell without a crash: a write(2) from unreadable pages is EFAULT.
inline bool is_readable(const void* address) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const bool good = ::write(ends[1], address, 1) == 1;
  CHECK((good || errno == EFAULT));
  ::close(ends[0]);
  ::close(ends[1]);
  return good;
}

}  // namespace tenon::test
