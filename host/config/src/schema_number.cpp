#include "schema_number.hpp"

#include <bit>
#include <charconv>
#include <cmath>

namespace tenon::host::json_schema {
namespace {

__extension__ using Wide = unsigned __int128;

/// digits * 10^exponent, sign dropped.
struct Decimal {
  std::uint64_t digits = 0;
  int exponent = 0;
};

Decimal to_decimal(const Number& n) {
  if (!n.real) return {n.i < 0 ? 0 - static_cast<std::uint64_t>(n.i) : static_cast<std::uint64_t>(n.i), 0};
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(n.d), std::chars_format::scientific).ptr;
  Decimal out;
  const char* p = buffer;
  for (bool fraction = false; p != end && *p != 'e'; ++p) {
    if (*p == '.') {
      fraction = true;
      continue;
    }
    out.digits = out.digits * 10 + static_cast<std::uint64_t>(*p - '0');
    if (fraction) --out.exponent;
  }
  int exponent = 0;
  if (p != end) {
    ++p;
    if (p != end && *p == '+') ++p;
    std::from_chars(p, end, exponent);
  }
  out.exponent += exponent;
  while (out.digits != 0 && out.digits % 10 == 0) {
    out.digits /= 10;
    ++out.exponent;
  }
  return out;
}

std::uint64_t power_of_ten_modulo(unsigned exponent, std::uint64_t modulus) {
  Wide result = 1 % modulus, base = 10 % modulus;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * base % modulus;
    base = base * base % modulus;
  }
  return static_cast<std::uint64_t>(result);
}

}  // namespace

Number number_of(const Value& value) {
  if (const auto* i = value.as_integer()) return {false, *i, 0};
  return {true, 0, *value.as_real()};
}

Number number_of(const Rule& rule) {
  if (rule.a == 1) return {true, 0, std::bit_cast<double>(rule.b)};
  return {false, std::bit_cast<std::int64_t>(rule.b), 0};
}

void put_number(Rule& rule, const Number& n) {
  rule.a = n.real ? 1 : 0;
  rule.b = n.real ? std::bit_cast<std::uint64_t>(n.d) : std::bit_cast<std::uint64_t>(n.i);
}

Value to_value(const Number& n) { return n.real ? Value(n.d) : Value(n.i); }

std::partial_ordering compare(const Number& a, const Number& b) {
  if (!a.real && !b.real) return a.i <=> b.i;
  if (a.real && b.real) return a.d <=> b.d;
  if (a.real) return 0 <=> compare(b, a);
  if (std::isnan(b.d)) return std::partial_ordering::unordered;
  if (b.d >= 0x1p63) return std::partial_ordering::less;
  if (b.d < -0x1p63) return std::partial_ordering::greater;
  const double whole = std::trunc(b.d);
  const auto truncated = static_cast<std::int64_t>(whole);
  if (a.i != truncated) return a.i <=> truncated;
  return whole <=> b.d;
}

bool is_multiple(const Number& a, const Number& b) {
  if ((a.real && !std::isfinite(a.d)) || (b.real && !std::isfinite(b.d))) return false;
  const Decimal value = to_decimal(a), divisor = to_decimal(b);
  if (value.digits == 0) return true;
  if (divisor.digits == 0) return false;
  const int shift = value.exponent - divisor.exponent;
  if (shift >= 0) {
    const Wide scaled = Wide{value.digits % divisor.digits} * power_of_ten_modulo(static_cast<unsigned>(shift), divisor.digits);
    return scaled % divisor.digits == 0;
  }
  Wide scaled = divisor.digits;
  for (int i = shift; i < 0 && scaled <= value.digits; ++i) scaled *= 10;
  return scaled <= value.digits && value.digits % scaled == 0;
}

bool is_integral(const Number& n) { return !n.real || (std::isfinite(n.d) && std::trunc(n.d) == n.d); }

}  // namespace tenon::host::json_schema
