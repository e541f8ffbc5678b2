// Arithmetic on JSON numbers without rounding: a Value holds an int64 or a double, and comparing the two must not convert.
#pragma once

#include <compare>
#include <cstdint>

#include "base/value.hpp"
#include "schema_program.hpp"

namespace tenon::host::json_schema {

struct Number {
  bool real = false;
  std::int64_t i = 0;
  double d = 0;
};

/// `value.is_number()` is required.
Number number_of(const Value& value);
Number number_of(const Rule& rule);
void put_number(Rule& rule, const Number& n);
Value to_value(const Number& n);
/// Exact; unordered with NaN.
std::partial_ordering compare(const Number& a, const Number& b);
/// True if `a` is an integer multiple of `b` (not 0), taking both as the shortest decimal that reads back as the same number: 0.0075 is a
/// multiple of 0.0001, as JSON Schema means it and binary floating point denies it.
bool is_multiple(const Number& a, const Number& b);
/// True if the number has no fraction (1.0, 1e300).
bool is_integral(const Number& n);

}  // namespace tenon::host::json_schema
