// Exact arithmetic on numbers.
#include "schema_number.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace tenon::host;
using namespace tenon::host::json_schema;

namespace {
Number whole(std::int64_t i) { return {false, i, 0}; }
Number real(double d) { return {true, 0, d}; }
}  // namespace

TEST_CASE("numbers compare without rounding") {
  constexpr std::int64_t two_53 = std::int64_t{1} << 53;
  CHECK(compare(whole(two_53 + 1), real(0x1p53)) == std::partial_ordering::greater);
  CHECK(compare(real(0x1p53), whole(two_53 + 1)) == std::partial_ordering::less);
  CHECK(compare(whole(two_53), real(0x1p53)) == std::partial_ordering::equivalent);
  CHECK(compare(whole(INT64_MAX), real(0x1p63)) == std::partial_ordering::less);
  CHECK(compare(whole(INT64_MIN), real(-0x1p63)) == std::partial_ordering::equivalent);
  CHECK(compare(whole(INT64_MIN), real(-0x1.0000000000001p63)) == std::partial_ordering::greater);
  CHECK(compare(whole(0), real(-0.0)) == std::partial_ordering::equivalent);
  CHECK(compare(whole(3), real(3.5)) == std::partial_ordering::less);
  CHECK(compare(whole(-3), real(-3.5)) == std::partial_ordering::greater);
  CHECK(compare(real(3.5), whole(3)) == std::partial_ordering::greater);
  CHECK(compare(whole(1), real(std::numeric_limits<double>::infinity())) == std::partial_ordering::less);
  CHECK(compare(whole(1), real(std::nan(""))) == std::partial_ordering::unordered);
  CHECK(compare(real(std::nan("")), whole(1)) == std::partial_ordering::unordered);
}

TEST_CASE("multiples are those of the decimal text") {
  CHECK(is_multiple(real(0.0075), real(0.0001)));
  CHECK_FALSE(is_multiple(real(0.00751), real(0.0001)));
  CHECK(is_multiple(real(1e308), real(0.5)));
  CHECK_FALSE(is_multiple(real(1e308), real(0.123456789)));
  CHECK(is_multiple(whole(12391239123), real(1e-8)));
  CHECK(is_multiple(whole(INT64_MIN), whole(2)));
  CHECK_FALSE(is_multiple(whole(INT64_MIN), whole(INT64_MAX)));
  CHECK(is_multiple(whole(0), real(1e-300)));
  CHECK(is_multiple(real(5e-324), real(5e-324)));
  CHECK_FALSE(is_multiple(real(5e-324), real(1e308)));
  CHECK(is_multiple(real(1e308), real(5e-324)));
  CHECK_FALSE(is_multiple(real(std::numeric_limits<double>::infinity()), whole(1)));
  CHECK_FALSE(is_multiple(real(std::nan("")), whole(1)));
  CHECK_FALSE(is_multiple(whole(1), real(std::nan(""))));
}

TEST_CASE("numbers survive in a rule") {
  for (const Number n : {whole(0), whole(INT64_MIN), whole(INT64_MAX), real(-0.0), real(1e308), real(5e-324)}) {
    Rule rule{Op::minimum};
    put_number(rule, n);
    CHECK(number_of(rule).real == n.real);
    CHECK(compare(number_of(rule), n) == std::partial_ordering::equivalent);
  }
}
